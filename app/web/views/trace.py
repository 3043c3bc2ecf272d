"""What just happened: the effects of one step as a list of sentences in causal order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.gic.effects import Effect, LpiNotPending, LpiPending, PendingBitConsumed, Role
from app.web.views.words import Run, runs

MOST_LINES = 7
MOST_FOLDED = 60
ICONS = {
    "register-written": "write",
    "register-read": "read",
    "access-ignored": "skip",
    "memory-written": "poke",
    "queue-set-up": "its",
    "command-run": "its",
    "commands-run": "its",
    "queue-unfinished": "branch",
    "effects-left-out": "skip",
    "queue-held": "branch",
    "table-read": "read",
    "table-written": "write",
    "lpis-enabled": "toggle",
    "pending-table-scanned": "branch",
    "pending-table-skipped": "branch",
    "lpi-pending": "pend",
    "lpi-not-pending": "idle",
    "pending-bit-consumed": "pend",
    "lpi-lost": "cross",
    "lpi-moved": "fork",
    "config-read": "read",
    "line-changed": "toggle",
    "interrupts-changed": "toggle",
    "interrupts-pending": "pend",
    "interrupts-active": "ack",
    "control-changed": "toggle",
    "pre-empted": "branch",
    "running-priority": "eoi",
    "sgi-sent": "pend",
    "signalled": "pend",
    "acknowledged": "ack",
    "ended": "eoi",
    "choice": "branch",
    "msi-refused": "cross",
}


@dataclass(frozen=True, slots=True)
class Line:
    """`role` is "" for what was simply done, else why, hit or quiet."""

    role: str
    icon: str
    words: tuple[Run, ...]
    cite: str


@dataclass(frozen=True, slots=True)
class ByteBit:
    """One bit of the byte figure; `intid` is set for the bits worth naming."""

    number: int
    value: int
    on: bool
    intid: str


@dataclass(frozen=True, slots=True)
class ByteFigure:
    """The byte of the pending table that the step was about."""

    address: str
    value: str
    bits: tuple[ByteBit, ...]


@dataclass(frozen=True, slots=True)
class Trace:
    step: int
    text: str
    verdict: str
    passed: bool | None
    refused: str
    lines: tuple[Line, ...]
    folded: tuple[Line, ...]
    more: int
    figure: ByteFigure | None


NOTHING = Trace(0, "", "", None, "", (), (), 0, None)


def lines_of(effects: Sequence[Effect]) -> tuple[tuple[Line, ...], tuple[Line, ...], int]:
    """At most MOST_LINES lines, what is folded away behind them, and how many effects are not shown at all.

    When there are too many, the quiet ones are folded first: the decisions and results stay.
    """
    left = len(effects)
    folded: set[int] = set()
    for role in (Role.QUIET, Role.STEP):
        for place in reversed(range(1, len(effects))):
            if left <= MOST_LINES:
                break
            if effects[place].role is role:
                folded.add(place)
                left -= 1
    shown = [place for place in range(len(effects)) if place not in folded][:MOST_LINES]
    chosen = set(shown)
    rest = [effect for place, effect in enumerate(effects[: MOST_FOLDED * 4]) if place not in chosen][:MOST_FOLDED]
    more = len(effects) - len(shown) - len(rest)
    return tuple(_line(effects[place]) for place in shown), tuple(_line(effect) for effect in rest), more


def figure_of(effects: Sequence[Effect], byte_at: Sequence[tuple[int, int]]) -> ByteFigure | None:
    """The byte that holds the pending bit of the step's first LPI; `byte_at` is (address, value) of known bytes."""
    for effect in effects:
        if isinstance(effect, LpiPending | LpiNotPending | PendingBitConsumed) and effect.address is not None:
            value = dict(byte_at).get(effect.address, 0)
            return _figure(effect.address, value, effect.intid)
    return None


def figure_addresses(effects: Sequence[Effect]) -> tuple[int, ...]:
    """The bytes that `figure_of` may want to show."""
    for effect in effects:
        if isinstance(effect, LpiPending | LpiNotPending | PendingBitConsumed) and effect.address is not None:
            return (effect.address,)
    return ()


def written_bytes(effects: Sequence[Effect]) -> frozenset[int]:
    """The RAM addresses that the step wrote, a bounded number of them."""
    written: set[int] = set()
    for effect in effects:
        data = getattr(effect, "data", b"")
        if effect.kind in ("memory-written", "table-written") and isinstance(data, bytes):
            address = getattr(effect, "address", 0)
            written.update(range(address, address + min(len(data), 4096)))
        elif isinstance(effect, LpiPending | LpiNotPending | PendingBitConsumed) and effect.address is not None:
            written.add(effect.address)
        if len(written) > 1 << 14:
            break
    return frozenset(written)


def _figure(address: int, value: int, intid: int) -> ByteFigure:
    first = intid - intid % 8
    bits = tuple(
        ByteBit(
            bit,
            value >> bit & 1,
            bit == intid % 8,
            str(first + bit) if bit in (0, 7, intid % 8) and abs(bit - intid % 8) != 1 else "",
        )
        for bit in range(7, -1, -1)
    )
    return ByteFigure(f"{address:#x}", f"{value:#04x}", bits)


def _line(effect: Effect) -> Line:
    role = "" if effect.role is Role.STEP else effect.role.value
    return Line(role, icon_of_kind(effect.kind), runs(effect.words), effect.cite)


def icon_of_kind(kind: str) -> str:
    """The picture that stands for an effect's kind."""
    return ICONS.get(kind, "toggle")
