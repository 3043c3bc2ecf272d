"""The LPI table: mapped LPIs in a window, configuration and pending state in RAM against what is cached, a heat map."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.gic.lpi_counts import LpiCounts
from app.gic.views import LpiView
from app.web.views.look import FIRST_LPI, LAST_LPI, Look
from app.web.views.words import NONE

WINDOW = 32
HEAT_COLUMNS = 64
MOST_HEAT_ROWS = 6
CELL = 8
STATE_CLASSES = {
    "pending": "pending",
    "signalled": "pending",
    "active": "active",
    "masked": "masked",
    "CPU LPIs off": "off",
    "not mapped": "off",
}


@dataclass(frozen=True, slots=True)
class ConfigCell:
    """A configuration byte; `href` opens the byte in memory."""

    byte: str
    enabled: bool
    href: str


@dataclass(frozen=True, slots=True)
class LpiRow:
    intid: int
    device: str
    event: str
    collection: str
    cpu: str
    ram: ConfigCell | None
    cached: ConfigCell | None
    stale: bool
    pending_ram: str
    pending_latched: str
    pending_changed: bool
    latch_changed: bool
    state: str
    state_class: str
    now: bool
    invalidate: str
    why: str


@dataclass(frozen=True, slots=True)
class HeatCell:
    css: str
    x: str
    y: str
    size: str


@dataclass(frozen=True, slots=True)
class HeatRow:
    base: int
    cells: tuple[HeatCell, ...]


@dataclass(frozen=True, slots=True)
class LpiPanel:
    mapped: int
    pending: int
    enabled: int
    stale: int
    step: int
    heat: tuple[HeatRow, ...]
    heat_label: str
    rows: tuple[LpiRow, ...]
    caches_config: bool
    latches: bool
    earlier: str
    later: str
    range: str
    start: int


@dataclass(frozen=True, slots=True)
class LpiState:
    """What the panel is made of: a window of LPIs, one more than shown if there are more, and the counts."""

    lpis: Sequence[LpiView]
    before: Callable[[int], LpiView | None] | None
    counts: LpiCounts
    config_base: int
    caches_config: bool
    latches: bool


def lpi_panel(state: LpiState, look: Look, step: int) -> LpiPanel:
    shown = state.lpis[:WINDOW]
    last = shown[-1].intid if shown else look.start
    more = len(state.lpis) > WINDOW
    rows = tuple(_row(lpi, state, look) for lpi in shown)
    return LpiPanel(
        mapped=state.counts.mapped,
        pending=state.counts.pending,
        enabled=state.counts.enabled,
        stale=state.counts.stale,
        step=step,
        heat=_heat(shown),
        heat_label=_heat_label(shown),
        rows=rows,
        caches_config=state.caches_config,
        latches=state.latches,
        earlier=look.link(tab="lpis", start=_earlier(look.start)) if look.start > FIRST_LPI else "",
        later=look.link(tab="lpis", start=last + 1) if more and last < LAST_LPI else "",
        range=f"{shown[0].intid} {NONE} {last}" if shown else "",
        start=look.start,
    )


def _earlier(start: int) -> int:
    """LPIs are mostly numbered without gaps: one window back."""
    return max(FIRST_LPI, start - WINDOW)


def _row(lpi: LpiView, state: LpiState, look: Look) -> LpiRow:
    before = state.before(lpi.intid) if state.before else lpi
    event = "" if lpi.device is None or lpi.event is None else f"device={lpi.device:#x} event={lpi.event:#x}"
    stale = lpi.config_cached is not None and lpi.config_ram is not None and lpi.config_cached != lpi.config_ram
    pending_changed = before is not None and before.pending_ram != lpi.pending_ram
    latch_changed = before is not None and before.pending_latched != lpi.pending_latched
    return LpiRow(
        intid=lpi.intid,
        device=NONE if lpi.device is None else f"{lpi.device:#x}",
        event=NONE if lpi.event is None else f"{lpi.event:#x}",
        collection=NONE if lpi.icid is None else str(lpi.icid),
        cpu=NONE if lpi.cpu is None else f"CPU{lpi.cpu}",
        ram=_config(lpi.config_ram, lpi.intid, state.config_base, look),
        cached=_config(lpi.config_cached, lpi.intid, 0, look),
        stale=stale or lpi.stale,
        pending_ram=_digit(lpi.pending_ram),
        pending_latched=_digit(lpi.pending_latched),
        pending_changed=pending_changed,
        latch_changed=latch_changed,
        state=lpi.state,
        state_class=STATE_CLASSES.get(lpi.state, "idle"),
        now=before is None or before != lpi,
        invalidate=f"its INV {event}" if event else "",
        why=f"{look.link(why=str(lpi.intid))}#why",
    )


def _config(byte: int | None, intid: int, base: int, look: Look) -> ConfigCell | None:
    if byte is None:
        return None
    href = look.link(tab="memory", address=base + intid - FIRST_LPI) if base else ""
    return ConfigCell(f"{byte:02x}", bool(byte & 1), href)


def _digit(value: bool | None) -> str:
    return NONE if value is None else "1" if value else "0"


def _heat(lpis: Sequence[LpiView]) -> tuple[HeatRow, ...]:
    """Rows of 64 INTIDs, only those with an LPI of the window in them."""
    by_row: dict[int, dict[int, LpiView]] = {}
    for lpi in lpis:
        by_row.setdefault(lpi.intid // HEAT_COLUMNS, {})[lpi.intid % HEAT_COLUMNS] = lpi
    return tuple(_heat_row(row * HEAT_COLUMNS, by_row[row]) for row in sorted(by_row)[:MOST_HEAT_ROWS])


def _heat_row(base: int, lpis: dict[int, LpiView]) -> HeatRow:
    cells: list[HeatCell] = []
    for column in range(HEAT_COLUMNS):
        lpi = lpis.get(column)
        x = column * CELL
        if lpi is None:
            cells.append(HeatCell("u", f"{x + 2.75:g}", "3.75", "2.5"))
            continue
        cells.append(HeatCell(_heat_class(lpi), f"{x + 0.75:g}", "1.75", "6.5"))
        if lpi.stale:
            cells.append(HeatCell("s", f"{x:g}", "1", "8"))
    return HeatRow(base, tuple(cells))


def _heat_class(lpi: LpiView) -> str:
    if lpi.state == "CPU LPIs off":
        return "o"
    if lpi.state == "not mapped":
        return "p" if lpi.pending else "u"
    if lpi.pending and lpi.enabled:
        return "p"
    return "e" if lpi.enabled else "m"


def _heat_label(lpis: Sequence[LpiView]) -> str:
    pending = [str(lpi.intid) for lpi in lpis if lpi.pending][:8]
    stale = [str(lpi.intid) for lpi in lpis if lpi.stale][:8]
    told = [f"{len(lpis)} LPIs, one cell each"]
    if pending:
        told.append(f"pending: {', '.join(pending)}")
    if stale:
        told.append(f"stale: {', '.join(stale)}")
    return "; ".join(told) + "."
