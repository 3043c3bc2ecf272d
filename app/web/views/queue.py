"""The command queue as a ring, its commands, and the form that builds one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.gic.commands import COMMANDS, CommandSpec, Operand
from app.gic.views import CommandView, QueueView
from app.scenario.format import format_operands
from app.web.views.words import plural

RING_WIDTH = 520
SLOT_BYTES = 32
DRAWN_SLOTS = 128
RECENT = 3
# One value each so that a machine built by the form line by line is a working one.
SUGGESTED = {
    "device": "0x2",
    "event": "0x14",
    "intid": "8195",
    "collection": "1",
    "target": "0",
    "source": "0",
    "itt": "0x40300000",
    "size": "5",
    "valid": "1",
    "vpe": "0x1",
    "vintid": "8195",
    "doorbell": "1023",
    "doorbell_valid": "0",
    "vpt": "0x40340000",
    "vpt_size": "14",
    "sequence": "0",
    "its_list": "0x1",
}
# Which underline tells an operand's bits apart in the encoding.
MARKS = {"device": "f-dev", "event": "f-ev", "intid": "f-int", "collection": "f-col", "size": "f-ev", "itt": "f-int"}


@dataclass(frozen=True, slots=True)
class CommandRow:
    slot: str
    name: str
    operands: str
    status: str
    css: str
    words: tuple[str, ...]
    now: bool


@dataclass(frozen=True, slots=True)
class Ring:
    """Geometry in the figure's own units, RING_WIDTH wide."""

    width: str
    done: tuple[str, ...]
    waiting: tuple[str, ...]
    ticks: tuple[str, ...]
    creadr_x: str
    cwriter_x: str
    creadr_anchor: str
    cwriter_anchor: str
    first: int
    last: int
    label: str


@dataclass(frozen=True, slots=True)
class QueuePanel:
    ready: bool
    base: str
    size: str
    state: str
    stalled: bool
    creadr: str
    cwriter: str
    ring: Ring | None
    recent: tuple[CommandRow, ...]
    commands: tuple[CommandRow, ...]
    total: int
    changed: bool


@dataclass(frozen=True, slots=True)
class OperandInput:
    """An operand as a control. `layout` is where it goes: word, msb, lsb, shift, bias."""

    name: str
    field_name: str
    label_id: str
    meaning: str
    value: str
    mark: str
    shown: bool


@dataclass(frozen=True, slots=True)
class CommandChoice:
    """One command of the select; `layout` says name:word:msb:lsb:shift:bias for each operand, in order."""

    name: str
    opcode: int
    meaning: str
    layout: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Builder:
    commands: tuple[CommandChoice, ...]
    operands: tuple[OperandInput, ...]
    chosen: str
    meaning: str
    may_write: bool


def queue_panel(queue: QueueView, before: QueueView | None = None) -> QueuePanel:
    """The queue, and what of it is not as it was `before` the step."""
    known = None if before is None else {command.slot: command for command in before.commands}
    rows = tuple(_row(each, now=known is not None and known.get(each.slot) != each) for each in queue.commands)
    waiting = (queue.cwriter - queue.creadr) // SLOT_BYTES % queue.slots if queue.slots else 0
    return QueuePanel(
        ready=bool(queue.slots and queue.base),
        base=f"{queue.base:#x}",
        size=f"{queue.slots * SLOT_BYTES // 1024} KB · {queue.slots} slots",
        state=_state(queue, waiting),
        stalled=queue.stalled,
        creadr=f"{queue.creadr:#x}",
        cwriter=f"{queue.cwriter:#x}",
        ring=_ring(queue) if queue.slots else None,
        recent=rows[-RECENT:],
        commands=rows,
        total=len(rows),
        changed=before is not None and before != queue,
    )


def _state(queue: QueueView, waiting: int) -> str:
    if queue.stalled:
        return "stalled"
    if waiting:
        return f"{plural(waiting, 'command')} waiting" + ("" if queue.enabled else ", the ITS is disabled")
    return "empty: CREADR = CWRITER" + ("" if queue.enabled else ", the ITS is disabled")


def _row(command: CommandView, *, now: bool) -> CommandRow:
    status = command.status if not command.error else f"{command.status}: {command.error}"
    return CommandRow(
        slot=f"{command.slot} · {command.slot * SLOT_BYTES:#05x}",
        name=command.name or "unknown",
        operands=format_operands(tuple(command.operands.items())) or "no operands",
        status=status,
        css={"done": "done", "waiting": "wait", "stalled": "bad", "ignored": "bad"}.get(command.status, "done"),
        words=tuple(f"{word:016x}" for word in command.words),
        now=now,
    )


def _ring(queue: QueueView) -> Ring:
    """Slots to scale; of a long queue only the stretch of DRAWN_SLOTS in which CREADR points."""
    drawn = min(queue.slots, DRAWN_SLOTS)
    step = RING_WIDTH / drawn
    creadr, cwriter = queue.creadr // SLOT_BYTES, queue.cwriter // SLOT_BYTES
    first = creadr // drawn * drawn
    here = range(first, first + drawn)
    done = sorted({c.slot for c in queue.commands if c.status in ("done", "ignored") and c.slot in here})
    waiting = sorted({c.slot for c in queue.commands if c.status in ("waiting", "stalled") and c.slot in here})
    label = (
        f"Ring of {queue.slots} slots. CREADR at slot {creadr}, offset {queue.creadr:#x}; "
        f"CWRITER at slot {cwriter}, offset {queue.cwriter:#x}."
    )
    return Ring(
        width=f"{step:.5g}",
        done=_places(done, first, step),
        waiting=_places(waiting, first, step),
        ticks=_places(range(first + 8, first + drawn, 8), first, step),
        creadr_x=_x(creadr, first, drawn),
        cwriter_x=_x(cwriter, first, drawn),
        creadr_anchor=_anchor((creadr - first) * step),
        cwriter_anchor=_anchor((cwriter - first) * step),
        first=first,
        last=min(first + drawn, queue.slots) - 1,
        label=label,
    )


def _places(slots: Sequence[int] | range, first: int, step: float) -> tuple[str, ...]:
    return tuple(f"{(slot - first) * step:.5g}" for slot in slots)


def _x(slot: int, first: int, drawn: int) -> str:
    """The middle of a slot; one that is not drawn is at the end it lies beyond."""
    place = min(max(slot - first, -0.5), drawn - 0.5)
    return f"{(place + 0.5) * RING_WIDTH / drawn:.5g}"


def _anchor(x: float) -> str:
    """Labels near the right end stand to the left of their pointer."""
    return "end" if x > RING_WIDTH * 0.75 else "start"


def builder(chosen: str, typed: Mapping[str, str], *, may_write: bool) -> Builder:
    """The form for command `chosen`; `typed` is what was entered before, kept."""
    name = chosen if chosen in COMMANDS else "MAPD"
    spec = COMMANDS[name]
    own = {operand.name for operand in spec.operands}
    return Builder(
        commands=tuple(_choice(item, name) for item in COMMANDS.values()),
        operands=tuple(_input(operand, own, typed) for operand in _all_operands(spec)),
        chosen=name,
        meaning=spec.meaning,
        may_write=may_write,
    )


def _all_operands(chosen: CommandSpec) -> tuple[Operand, ...]:
    """Every operand name once, those of the chosen command first and as it describes them."""
    found: dict[str, Operand] = {operand.name: operand for operand in chosen.operands}
    for spec in COMMANDS.values():
        for operand in spec.operands:
            found.setdefault(operand.name, operand)
    return tuple(found.values())


def _input(operand: Operand, own: set[str], typed: Mapping[str, str]) -> OperandInput:
    return OperandInput(
        name=operand.name,
        field_name=operand.field_name,
        label_id=f"its-{operand.name}",
        meaning=operand.meaning,
        value=typed.get(operand.name, SUGGESTED[operand.name]),
        mark=MARKS.get(operand.name, "f-cmd2"),
        shown=operand.name in own,
    )


def _choice(spec: CommandSpec, chosen: str) -> CommandChoice:
    layout = " ".join(
        f"{op.name}:{op.word}:{op.msb}:{op.lsb}:{op.shift}:{op.bias}:{op.field_name}" for op in spec.operands
    )
    return CommandChoice(spec.name, spec.opcode, spec.meaning, layout, spec.name == chosen)
