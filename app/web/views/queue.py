"""The command queue as a ring, and its commands."""

from __future__ import annotations

from dataclasses import dataclass

from app.gic import Implementation
from app.gic.views import CommandView, QueueView
from app.scenario.format import format_operands
from app.web.views.words import plural

SLOT_BYTES = 32
RECENT = 3
# Of the round: some 5 pixels of the figure.
SHORTEST_ARC = 0.02


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
class Arc:
    """A stretch of the ring in slots, as a dash: its length, the rest of the round, and where it begins."""

    css: str
    length: str
    rest: str
    offset: str


@dataclass(frozen=True, slots=True)
class Ring:
    """The queue as a circle of `slots`, slot 0 at the top; angles in degrees, clockwise. `label` says it in words."""

    slots: int
    arcs: tuple[Arc, ...]
    ticks: tuple[str, ...]
    creadr: str
    cwriter: str
    middle: str
    wraps: bool
    label: str


@dataclass(frozen=True, slots=True)
class QueuePanel:
    ready: bool
    base: str
    size: str
    state: str
    stalled: bool
    why_stalled: str
    go_on: str
    creadr: str
    cwriter: str
    ring: Ring | None
    recent: tuple[CommandRow, ...]
    commands: tuple[CommandRow, ...]
    total: int
    changed: bool


def queue_panel(queue: QueueView, impl: Implementation, before: QueueView | None = None) -> QueuePanel:
    """The queue of an implementation, and what of it is not as it was `before` the step."""
    why = next((each.error for each in queue.commands if each.status == "stalled"), "")
    known = None if before is None else {command.slot: command for command in before.commands}
    rows = tuple(_row(each, now=known is not None and known.get(each.slot) != each) for each in queue.commands)
    waiting = (queue.cwriter - queue.creadr) // SLOT_BYTES % queue.slots if queue.slots else 0
    return QueuePanel(
        ready=bool(queue.slots and queue.base),
        base=f"{queue.base:#x}",
        size=f"{queue.slots * SLOT_BYTES // 1024} KB · {queue.slots} slots",
        state=_state(queue, waiting),
        stalled=queue.stalled and waiting > 0,
        why_stalled=why or "an error that is not known any more",
        go_on=f"Mend the cause, or put another command there; {impl.stall_restart.meaning} restarts the queue.",
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
        return "stalled" if waiting else "empty, GITS_CREADR.Stalled stays 1"
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
    """Slots to scale, but no stretch so short that it cannot be seen."""
    creadr, cwriter = queue.creadr // SLOT_BYTES, queue.cwriter // SLOT_BYTES
    waiting = (cwriter - creadr) % queue.slots
    done = min(sum(each.status in ("done", "ignored") for each in queue.commands), queue.slots - waiting)
    arcs = [_arc(queue.slots, "done", creadr, done, back=True), _arc(queue.slots, "wait", creadr, waiting)]
    if queue.stalled and waiting:
        arcs.append(_arc(queue.slots, "bad", creadr, 1))
    wraps = waiting > 0 and cwriter < creadr
    state = f"{plural(waiting, 'command')} between them" if waiting else "nothing between them"
    return Ring(
        slots=queue.slots,
        arcs=tuple(arc for arc in arcs if arc is not None),
        ticks=tuple(f"{360 * eighth / 8:g}" for eighth in range(8)),
        creadr=f"{360 * creadr / queue.slots:.5g}",
        cwriter=f"{360 * cwriter / queue.slots:.5g}",
        middle="empty" if not waiting else "stalled" if queue.stalled else f"{waiting} waiting",
        wraps=wraps,
        label=(
            f"Ring of {queue.slots} slots. CREADR at slot {creadr}, offset {queue.creadr:#x}; "
            f"CWRITER at slot {cwriter}, offset {queue.cwriter:#x}; {state}"
            f"{', across the end of the queue' if wraps else ''}."
        ),
    )


def _arc(slots: int, css: str, at: int, count: int, *, back: bool = False) -> Arc | None:
    """`count` slots from slot `at` on, or up to it."""
    if not count:
        return None
    length = max(count, slots * SHORTEST_ARC)
    first = (at - length if back else at) % slots
    return Arc(css, f"{length:.5g}", f"{slots - length:.5g}", f"{-first:.5g}")
