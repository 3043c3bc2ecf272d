"""The LPIs: how many, their map, and in a window of a table configuration and pending state in RAM and in caches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.gic import Implementation
from app.gic.behaviours import PendingHome
from app.gic.lpi_behaviours import ConfigCache
from app.gic.lpi_counts import LpiCounts
from app.gic.lpi_map import ENABLED, MAPPED, PENDING, STALE, Row
from app.gic.views import LpiView, Window
from app.web.views import lpi_map
from app.web.views.look import FIRST_LPI, LAST_LPI, Look
from app.web.views.way import way_of
from app.web.views.words import NONE, number

WINDOW = 32
STATES = {"": (0, 0), "pending": (PENDING, 0), "enabled": (MAPPED | ENABLED, 0), "disabled": (MAPPED, ENABLED)}
STATES["stale"] = (STALE, 0)
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
    pending_differs: bool
    state: str
    state_class: str
    now: bool
    invalidate: str
    why: str
    way: str


@dataclass(frozen=True, slots=True)
class Sum:
    """A count of LPIs, and a link that shows only those."""

    text: str
    name: str
    href: str
    current: bool
    stale: bool


@dataclass(frozen=True, slots=True)
class Option:
    value: str
    text: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class LpiPanel:
    """`many`: not all LPIs are in the window; `told` says what is cached and what is not."""

    mapped: int
    any: bool
    sums: tuple[Sum, ...]
    map: lpi_map.MapPanel
    states: tuple[Option, ...]
    cpus: tuple[Option, ...]
    many: bool
    goto: str
    start: int
    rows: tuple[LpiRow, ...]
    caches_config: bool
    latches: bool
    told: tuple[str, ...]
    earlier: str
    later: str
    range: str
    none: str


@dataclass(frozen=True, slots=True)
class LpiState:
    """What the panel is made of."""

    lpis: Window[LpiView]
    rows: Sequence[Row]
    before: Callable[[int], LpiView | None] | None
    counts: LpiCounts
    config_base: int
    implementation: Implementation
    cpus: int


def caches_config(implementation: Implementation) -> bool:
    return implementation.config_cache is not ConfigCache.WINNER_ONLY


def latches(implementation: Implementation) -> bool:
    return implementation.pending_home is not PendingHome.GUEST_RAM


def wanted(look: Look, cpus: int) -> tuple[int, int, int | None]:
    """The flags that a look picks LPIs by: those they have, those they have not, and the CPU."""
    flags, without = STATES[look.show]
    return flags, without, cpu_of(look, cpus)


def cpu_of(look: Look, cpus: int) -> int | None:
    """The CPU that a look picks, if there is such a CPU."""
    return look.cpu if look.cpu is not None and look.cpu < cpus else None


def lpi_panel(state: LpiState, look: Look) -> LpiPanel:
    shown, implementation = state.lpis.rows, state.implementation
    cpu = cpu_of(look, state.cpus)
    return LpiPanel(
        mapped=state.counts.mapped,
        any=bool(state.rows or shown),
        sums=_sums(state.counts, look, caches=caches_config(implementation)),
        map=lpi_map.map_panel(state.rows, look, cpu),
        states=tuple(Option(each, each or "all states", each == look.show) for each in STATES),
        cpus=(
            Option("", "all CPUs", cpu is None),
            *(Option(str(each), f"CPU{each}", each == cpu) for each in range(state.cpus)),
        ),
        many=bool(look.show or cpu is not None or state.lpis.later is not None or state.lpis.earlier is not None),
        goto=look.link(tab="lpis", start=FIRST_LPI, show="", cpu=None, zoom=None),
        start=look.start,
        rows=tuple(_row(lpi, state, look) for lpi in shown),
        caches_config=caches_config(implementation),
        latches=latches(implementation),
        told=_told(implementation),
        earlier=_window(look, state.lpis.earlier),
        later=_window(look, state.lpis.later),
        range=f"{shown[0].intid} {NONE} {shown[-1].intid}" if shown else "",
        none=_none(look, cpu),
    )


def _window(look: Look, start: int | None) -> str:
    return "" if start is None or start > LAST_LPI else look.link(tab="lpis", start=max(start, FIRST_LPI))


def _sums(counts: LpiCounts, look: Look, *, caches: bool) -> tuple[Sum, ...]:
    told = [
        ("mapped", counts.mapped, ""),
        ("pending", counts.pending, "pending"),
        ("enabled", counts.enabled, "enabled"),
    ]
    told += [("stale", counts.stale, "stale")] if caches else []
    return tuple(
        Sum(
            number(count),
            name,
            look.link(tab="lpis", show=show, start=FIRST_LPI, zoom=None),
            look.show == show,
            name == "stale" and count > 0,
        )
        for name, count, show in told
    )


def _told(implementation: Implementation) -> tuple[str, ...]:
    """Where there is a cache and where there is none, and what keeps the two sides apart."""
    config = f"{implementation.config_cache.meaning}."
    pending = f"{implementation.pending_home.meaning}."
    return (
        f"Configuration: {config}" if caches_config(implementation) else f"No cache of configuration: {config}",
        f"Pending state: {pending}" if latches(implementation) else f"No latch of pending state: it is {pending}",
    )


def _none(look: Look, cpu: int | None) -> str:
    """What there is none of, where nothing is found."""
    what = look.show or "mapped"
    where = "" if cpu is None else f" on CPU{cpu}"
    return f"No LPI is {what}{where} from INTID {look.start} on."


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
        pending_differs=None not in (lpi.pending_ram, lpi.pending_latched) and lpi.pending_ram != lpi.pending_latched,
        state=lpi.state,
        state_class=STATE_CLASSES.get(lpi.state, "idle"),
        now=before is None or before != lpi,
        invalidate=f"its INV {event}" if event else "",
        why=f"{look.link(why=str(lpi.intid))}#why",
        way=way_of(look, lpi.intid),
    )


def _config(byte: int | None, intid: int, base: int, look: Look) -> ConfigCell | None:
    if byte is None:
        return None
    href = look.link(tab="memory", address=base + intid - FIRST_LPI) if base else ""
    return ConfigCell(f"{byte:02x}", bool(byte & 1), href)


def _digit(value: bool | None) -> str:
    return NONE if value is None else "1" if value else "0"
