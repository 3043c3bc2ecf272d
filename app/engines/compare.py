"""One scenario on several machines: what each answers, where they first part, and the behaviour that parts them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from app.engines.explain import Budget, Pair, Reason, implementation_of
from app.engines.model import LIVE_QEMU
from app.engines.sides import Answer, answered, played_spec
from app.registers import IMPLEMENTATION_NAMES
from app.scenario.choices import Choices, Taken
from app.scenario.operations import Ack, Eoi, Irq, Migrate, Msi, Operation, RegisterRef, Save, Write
from app.scenario.player import Step
from app.scenario.scenario import MachineSpec, Scenario, line_operation

# Told of every step as it is done, before the next one: effects can be many, and are not kept.
Told = Callable[[int, Mapping[str, Step]], None]


@dataclass(frozen=True, slots=True)
class Compared:
    """One step. `differs` are the names that did not answer as the reference did; `reasons` say why, by name."""

    seq: int
    line: int
    op: Operation
    text: str
    answers: Mapping[str, Answer]
    differs: frozenset[str]
    reasons: Mapping[str, Reason]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The whole scenario. `missed`: the first step that a live QEMU could not do, which may explain what follows it."""

    title: str
    names: tuple[str, ...]
    reference: str
    steps: tuple[Compared, ...]
    choices: Mapping[str, tuple[Taken, ...]]
    missed: int | None = None

    @property
    def divergences(self) -> tuple[Compared, ...]:
        """The steps in which somebody did not answer as the reference did."""
        return tuple(step for step in self.steps if step.differs)

    def first(self, name: str = "") -> Compared | None:
        """Where one of them, or this one, first parts from the reference."""
        return next((step for step in self.steps if (name in step.differs if name else step.differs)), None)

    def count(self, name: str) -> int:
        """The steps in which this one answers differently."""
        return sum(name in step.differs for step in self.steps)


def compare(
    scenario: Scenario,
    names: Sequence[str] = IMPLEMENTATION_NAMES,
    *,
    reference: str = "",
    explain: bool = True,
    told: Told | None = None,
) -> Comparison:
    """Play the scenario on all of them; the answers of `reference` (the first one if "") are what others differ from.

    Raises QemuMissing where a live QEMU is asked for and none is installed.
    """
    names = tuple(dict.fromkeys(names))
    reference = reference or names[0]
    lines = [(line.number, op) for line in scenario.lines if (op := line_operation(line)) is not None]
    operations = [op for _, op in lines]
    texts: list[str] = []
    columns: dict[str, list[Answer]] = {name: [] for name in names}
    spec = played_spec(scenario.machine, names)
    for steps in answered(operations, names, spec):
        texts.append(steps[reference][0].text)
        for name, (_, answer) in steps.items():
            columns[name].append(answer)
        if told is not None:
            told(len(texts), {name: step for name, (step, _) in steps.items()})
    differing = {name: _differing(columns[reference], columns[name]) for name in names if name != reference}
    reasons = _reasons(spec, operations, columns, reference, differing) if explain else {}
    compared = tuple(
        Compared(
            at + 1,
            line,
            op,
            texts[at],
            {name: column[at] for name, column in columns.items()},
            frozenset(name for name, found in differing.items() if at in found),
            {name: found[at] for name, found in reasons.items() if at in found},
        )
        for at, (line, op) in enumerate(lines)
    )
    choices = {name: _choices(column) for name, column in columns.items()}
    return Comparison(scenario.title, names, reference, compared, choices, _missed(columns, operations))


def _differing(reference: Sequence[Answer], other: Sequence[Answer]) -> frozenset[int]:
    return frozenset(at for at, (one, two) in enumerate(zip(reference, other, strict=True)) if not two.same_as(one))


def _reasons(
    spec: MachineSpec,
    operations: Sequence[Operation],
    columns: Mapping[str, Sequence[Answer]],
    reference: str,
    differing: Mapping[str, frozenset[int]],
) -> dict[str, Mapping[int, Reason]]:
    """For each that differs; what answered alike is explained once, a live QEMU as `qemu` where the two agree."""
    budget = Budget()
    base = implementation_of(reference).name
    found: dict[str, Mapping[int, Reason]] = {}
    if LIVE_QEMU in (reference, base):
        return found
    for name, steps in differing.items():
        if not steps:
            continue
        model = implementation_of(name).name
        if name == LIVE_QEMU:
            column = columns.get(model)
            agreed = () if column is None else [at for at in steps if columns[name][at].same_as(column[at])]
            found[name] = {at: found[model][at] for at in agreed if at in found.get(model, {})}
            continue
        twin = next((each for each in found if _alike(columns[each], columns[name])), "")
        if twin and len({reference, twin, name}) == 3:
            found[name] = found[twin]
            continue
        pair = Pair(operations, spec, (base, columns[reference]), (model, columns[name]), budget)
        found[name] = pair.reasons(sorted(steps))
    return found


def _alike(one: Sequence[Answer], other: Sequence[Answer]) -> bool:
    return all(a.same_as(b) for a, b in zip(one, other, strict=True))


def _choices(column: Sequence[Answer]) -> tuple[Taken, ...]:
    choices = Choices()
    for seq, answer in enumerate(column, 1):
        choices.add(seq, answer.choices)
    return choices.taken()


def _missed(columns: Mapping[str, Sequence[Answer]], operations: Sequence[Operation]) -> int | None:
    """The first step that would have changed the machine, and that a live QEMU could not do."""
    for seq, answer in enumerate(columns.get(LIVE_QEMU, ()), 1):
        if not answer.available and _changes(operations[seq - 1]):
            return seq
    return None


def _changes(op: Operation) -> bool:
    if isinstance(op, Write):
        return isinstance(op.target, RegisterRef)
    return isinstance(op, Ack | Eoi | Msi | Irq | Save | Migrate)
