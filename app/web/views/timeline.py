"""The dock: a window of the log around the step on view, the way to other steps, and to other branches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.gic.commands import COMMANDS
from app.scenario import MachineSpec, Operation, Verdict, format_operation
from app.scenario.format import plain
from app.scenario.operations import Expect, Its, Note, Poke, Write
from app.scenario.verbs import VERBS
from app.web.views.look import Look
from app.web.views.stage import Place
from app.web.views.words import brief, plural

WINDOW = 12
# Whole lines for a browser that completes without a script: each verb, and each ITS command with its operands.
EXAMPLES = (
    *(verb.usage.partition(",")[0] for name, verb in VERBS.items() if name != "its"),
    *(f"its {spec.name} {' '.join(f'{each.name}=' for each in spec.operands)}" for spec in COMMANDS.values()),
)
LONG = 16


@dataclass(frozen=True, slots=True)
class StepCell:
    """One step of the log; `mark` is "ok" or "no" where something was expected or refused.

    `told` says the same in words, as the end of a sentence; `fork` that other branches leave after it, "" if none does.
    """

    number: int
    kind: str
    icon: str
    first: str
    second: str
    state: str
    mark: str
    told: str
    fork: str
    href: str
    label: str


@dataclass(frozen=True, slots=True)
class Dock:
    """`now` is the step on view, `total` the length of the log; links are "" where there is nowhere to go.

    `held` and `failed` count expectations up to the end of the log, `failure` leads to the first that fails.
    """

    now: int
    total: int
    live: bool
    headline: str
    cells: tuple[StepCell, ...]
    first: str
    back: str
    forward: str
    last: str
    next_step: int
    held: int
    failed: int
    failure: str
    failure_step: int
    place: Place
    examples: tuple[str, ...] = EXAMPLES


def dock(
    ops: Sequence[Operation],
    verdicts: Mapping[int, Verdict],
    now: int,
    spec: MachineSpec,
    look: Look,
    place: Place,
    old: Dock | None = None,
) -> Dock:
    """`verdicts` tells what came of expectations, and of what was refused, by step.

    `old`: the same look at the step before; of its cells those are kept that look the same now.
    """
    total = len(ops)
    leaving = Counter(branch.shared for branch in place.branches if not branch.ahead)
    kept = _done(old) if old is not None and old.place == place else {}
    cells = tuple(
        kept.get(number) or _cell(number, ops[number - 1], verdicts.get(number), leaving[number], now, spec, look)
        for number in window(now, total)
    )
    failures = [number for number, verdict in verdicts.items() if verdict is Verdict.FAILS and number <= total]
    return Dock(
        now=now,
        total=total,
        live=(look.step is None or now == total) and not look.on,
        headline=brief(format_operation(ops[now - 1], spec, compact=True)) if now else "the machine at reset",
        cells=cells,
        first=_to(0, look, total) if now else "",
        back=_to(now - 1, look, total) if now else "",
        forward=_to(now + 1, look, total) if now < total else "",
        last=_to(total, look, total) if now < total else "",
        next_step=now + 1,
        held=sum(verdict is Verdict.HOLDS for number, verdict in verdicts.items() if number <= total),
        failed=len(failures),
        failure=look.link(step=failures[0], register="") if failures else "",
        failure_step=failures[0] if failures else 0,
        place=place,
    )


def _done(old: Dock) -> dict[int, StepCell]:
    return {cell.number: cell for cell in old.cells if cell.state == "done"}


def window(now: int, total: int) -> range:
    """The steps shown around the one on view."""
    start = max(0, min(now - WINDOW // 2, total - WINDOW))
    return range(start + 1, min(start + WINDOW, total) + 1)


def _to(step: int, look: Look, total: int) -> str:
    return step_link(step, look, total, register="")


def step_link(step: int, look: Look, total: int, **changes: object) -> str:
    """A link to a step; the newest one has no number, so that it stays the newest."""
    return look.link(step=None if step == total and not look.on and not look.pinned else step, **changes)


def _cell(
    number: int, op: Operation, verdict: Verdict | None, leaving: int, now: int, spec: MachineSpec, look: Look
) -> StepCell:
    text = format_operation(op, spec, compact=True)
    first, second = _two_lines(op, text)
    state = "now" if number == now else "done" if number < now else "todo"
    told = TOLD[verdict] if verdict is not None and number <= now else ""
    fork = f"{plural(leaving, 'other branch', 'other branches')} after this step" if leaving else ""
    return StepCell(
        number=number,
        kind=op.verb,
        icon=icon_of(op),
        first=first,
        second=second,
        state=state,
        mark=told and ("ok" if verdict is Verdict.HOLDS else "no"),
        told=told,
        fork=fork,
        href=look.link(step=number, register=""),
        label=f"Step {number}: {brief(text)}{told}{f', {fork}' if fork else ''}",
    )


def icon_of(op: Operation) -> str:
    """The picture that stands for an operation."""
    return op.verb if op.verb in ICONS else ICONS_OF.get(op.verb, "note")


TOLD = {Verdict.HOLDS: ", holds", Verdict.FAILS: ", does not hold", Verdict.REFUSED: ", refused"}
ICONS = frozenset({"write", "read", "its", "poke", "note", "expect", "ack", "eoi"})
ICONS_OF = {
    "uread": "read",
    "uwrite": "write",
    "msi": "pend",
    "irq": "toggle",
    "save": "poke",
    "migrate": "fork",
    "load": "restore",
}


def _two_lines(op: Operation, text: str) -> tuple[str, str]:
    """What fits into a cell: what is acted on, and what is done to it."""
    words = text.split(None, 1)[1] if " " in text else ""
    match op:
        case Note():
            return words[:LONG], words[LONG : 3 * LONG]
        case Write() if op.value is not None:
            return _short_register(str(op.target)), f"← {_short_value(op.value)}"
        case Poke():
            return f"[{op.address:x}]", f"← {op.data[:8].hex()}"
        case Its():
            return op.command, _short_command(dict(op.operands))
        case Expect():
            left, relation, right = words.partition(f" {op.relation} ")
            return _short_register(left), f"{relation.strip()} {right}"
        case _:
            first, _, second = words.partition(" ")
            return _short_register(first), second


def _short_command(operands: dict[str, int]) -> str:
    """An ITS command's operands as they are spoken of: device/event, what it maps to."""
    told = "/".join(plain(operands[name]) for name in ("device", "event") if name in operands)
    if "source" in operands:
        told = f"CPU{operands['source']}"
    if operands.get("valid") == 0:
        return f"{told or operands.get('collection', '')} unmapped"
    goal = ""
    if "intid" in operands:
        goal = str(operands["intid"])
    elif "itt" in operands:
        goal = f"{operands['itt']:x}"
    elif "target" in operands:
        goal = f"CPU{operands['target']}"
        told = told or (str(operands["collection"]) if "collection" in operands else "")
    elif "collection" in operands:
        goal = f"coll. {operands['collection']}"
    return f"{told} → {goal}" if told and goal else told or goal


def _short_register(name: str) -> str:
    """Without the frame: the cell is narrow and the title says the rest."""
    for prefix in ("GICD_", "GICR_", "ICC_"):
        if name.startswith(prefix):
            return name.removeprefix(prefix).replace("_EL1", "")
    return name


def _short_value(value: int) -> str:
    digits = f"{value:x}"
    return digits if len(digits) <= 10 else f"{digits[:4]}…{digits[-6:]}"
