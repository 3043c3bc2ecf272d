"""A scenario played on several machines in step: what each answers, and whether two answers are the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from app.engines.evidence import NOTHING, Evidence, evidence_of
from app.engines.model import LIVE_QEMU, open_machine
from app.exchange.qtest import SPIS
from app.gic import Machine
from app.gic.effects import AccessIgnored, Choice, CommandRun, Effect, QueueSetUp, RegisterWritten, Signalled
from app.gic.implementations import Implementation
from app.scenario.operations import Operation
from app.scenario.player import Player, Step
from app.scenario.runner import shown_value
from app.scenario.scenario import MachineSpec

NOT_AVAILABLE = "not available on a live QEMU"
_ERRNO = re.compile(r"E[A-Z]+\b")
Best = tuple[int, tuple[int, int, int] | None]
# What tells most of a step, first things first.
_TELLING = (
    "lpi-lost", "msi-refused", "pending-bit-consumed", "lpi-moved", "lpi-pending", "lpi-not-pending", "sgi-sent",
    "ended", "queue-unfinished", "queue-held", "access-ignored", "pending-table-skipped", "pending-table-scanned",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """What one machine answered to one step, as far as it shows outside.

    `signals`: per CPU whose signalled interrupt changed, the INTID or None; None as a whole where nobody can tell.
    `best`: per CPU whose highest priority pending interrupt changed, (CPU, (INTID, group, priority) or None); None as a
    whole unless a live QEMU is played beside our model of it, which forward interrupts by the same rules.
    `story`: the most telling effect in words; `passed`: whether an expectation held, None where none was asked.
    """

    value: int | None
    width: int | None
    text: str
    expected: str
    refused: str
    passed: bool | None
    signals: tuple[tuple[int, int | None], ...] | None
    story: str
    available: bool
    choices: tuple[Choice, ...]
    evidence: Evidence
    best: tuple[Best, ...] | None = None

    def same_as(self, other: Answer) -> bool:
        """Whether the two agree in everything that both can tell."""
        if not (self.available and other.available):
            return True
        if self.signals is not None and other.signals is not None and self.signals != other.signals:
            return False
        if self.best is not None and other.best is not None and self.best != other.best:
            return False
        mine = (self.value, self.expected, errno_of(self.refused))
        return mine == (other.value, other.expected, errno_of(other.refused))

    @property
    def shown(self) -> str:
        """The answer in words, "" where a step gave none."""
        parts = [self.text, self.expected, f"refused: {self.refused}" if self.refused else "", *self._signalled()]
        return ", ".join(part for part in parts if part)

    def _signalled(self) -> Iterator[str]:
        for cpu, intid in self.signals or ():
            yield f"CPU {cpu}: {'nothing' if intid is None else f'INTID {intid}'} signalled"
        for cpu, best in self.best or ():
            told = "none" if best is None else f"INTID {best[0]}, priority {best[2]:#04x}"
            yield f"CPU {cpu}: highest priority pending interrupt {told}"


def errno_of(refused: str) -> str:
    """A refusal without the words that name who refuses."""
    found = _ERRNO.match(refused)
    return found[0] if found else refused


def played_spec(spec: MachineSpec, names: Sequence[str]) -> MachineSpec:
    """The machine to play on. A live QEMU has 256 SPIs, so all get as many: like is compared with like."""
    return replace(spec, spis=SPIS) if LIVE_QEMU in names else spec


def answered(
    operations: Sequence[Operation], names: Sequence[str], spec: MachineSpec
) -> Iterator[dict[str, tuple[Step, Answer]]]:
    """The same with what each answered."""
    watched = {LIVE_QEMU: _Bests(spec.cpus), "qemu": _Bests(spec.cpus)} if LIVE_QEMU in names else {}
    for steps in _in_step(operations, names, spec):
        answers = {name: (step, answer_of(step, machine)) for name, (step, machine) in steps.items()}
        for name, bests in watched.items():
            if name in steps:
                step, answer = answers[name]
                answers[name] = step, replace(answer, best=bests.changed(steps[name][1]))
        yield answers


class _Bests:
    """The highest priority pending interrupt of each CPU, as it was after the last step."""

    def __init__(self, cpus: int) -> None:
        self._last: list[tuple[int, int, int] | None] = [None] * cpus

    def changed(self, machine: Machine) -> tuple[Best, ...]:
        now = [machine.hppi(cpu) for cpu in range(len(self._last))]
        changed = tuple((cpu, now[cpu]) for cpu, last in enumerate(self._last) if now[cpu] != last)
        self._last = now
        return changed


def answers_of(operations: Sequence[Operation], implementation: Implementation, spec: MachineSpec) -> list[Answer]:
    """What a machine of any make answers, one that exists nowhere included."""
    made = Machine(
        implementation=implementation,
        cpus=spec.cpus,
        spis=spec.spis,
        its=spec.its,
        ram_mib=spec.ram_mib,
        lpi_id_bits=spec.lpi_id_bits,
        security=spec.security,
    )
    player = Player(spec, made)
    return [_answer(player.apply(operation), NOTHING) for operation in operations]


def _in_step(
    operations: Sequence[Operation], names: Sequence[str], spec: MachineSpec
) -> Iterator[dict[str, tuple[Step, Machine]]]:
    with ExitStack() as stack:
        players: dict[str, Player] = {}
        for name in names:
            wanted = spec.on("qemu" if name == LIVE_QEMU else name)
            players[name] = Player(wanted, stack.enter_context(open_machine(name, wanted)))
        for operation in operations:
            yield {name: (player.apply(operation), player.machine) for name, player in players.items()}


def answer_of(step: Step, machine: Machine) -> Answer:
    """The answer in a step that this machine just made."""
    live = type(machine) is not Machine
    answer = _answer(step, NOTHING if live else evidence_of(step, machine))
    return replace(answer, signals=None) if live else answer


def _answer(step: Step, evidence: Evidence) -> Answer:
    outcome = step.expectation
    signals = {effect.cpu: effect.intid for effect in step.effects if isinstance(effect, Signalled)}
    return Answer(
        value=step.value,
        width=step.width,
        text="" if step.value is None else shown_value(step),
        expected="" if outcome is None else outcome.got_text,
        refused=step.refused,
        passed=outcome.passed if outcome is not None and outcome.asked else None,
        signals=tuple(sorted(signals.items())),
        story=_story(step.effects),
        available=not step.refused.startswith(NOT_AVAILABLE),
        choices=tuple(effect for effect in step.effects if isinstance(effect, Choice)),
        evidence=evidence,
    )


def _story(effects: Sequence[Effect]) -> str:
    """The most telling effect of a step in words."""
    for kind in _TELLING:
        for effect in effects:
            if effect.kind == kind and not (isinstance(effect, AccessIgnored) and not effect.why):
                return effect.words
    set_up = any(isinstance(effect, QueueSetUp) for effect in effects)
    for effect in effects:
        if isinstance(effect, CommandRun) and effect.outcome != "done":
            return effect.words
        if isinstance(effect, RegisterWritten) and effect.why and not set_up:
            return effect.words
    return ""
