"""An MSI's way as a section of the page: a list of stops, drawn as a line by the style sheet."""

from __future__ import annotations

import re
from dataclasses import dataclass

from app.gic import Machine
from app.gic.way import Stop, StopState, Way
from app.gic.way_stops import RegisterCell
from app.gic.way_tables import Cell
from app.gic.why_links import Link, StopName
from app.web.views.look import Look
from app.web.views.way_edits import Edit, edits_of
from app.web.views.words import Run, runs

_NUMBER = r"0[xX][0-9a-fA-F]+|[0-9]+"
_ASKED = re.compile(rf"(?P<first>{_NUMBER})(?P<colon>:(?P<event>{_NUMBER})?)?\Z")
_TITLES = {
    StopName.DEVICE: "DeviceID",
    StopName.DEVICE_ENTRY: "Device table entry",
    StopName.EVENT: "EventID",
    StopName.EVENT_ENTRY: "ITT entry",
    StopName.LPI: "INTID and ICID",
    StopName.COLLECTION: "Collection",
    StopName.REDISTRIBUTOR: "Redistributor",
    StopName.CONFIG: "Configuration byte",
    StopName.PENDING: "Pending bit",
    StopName.CPU: "CPU interface",
}
_STATES = {
    StopState.HOLDS: "passed",
    StopState.BROKEN: "the way breaks here",
    StopState.AFTER: "not reached",
    StopState.ABSENT: "not there",
}
# Where no number stands for the stop, and the conditions say more than any sentence.
_ALL_LINKS = frozenset({StopName.REDISTRIBUTOR, StopName.CPU})


@dataclass(frozen=True, slots=True)
class CellView:
    """Bytes in RAM, two digits each; `bit` as eight digits of which one counts, () for whole bytes."""

    address: str
    href: str
    bytes: tuple[str, ...]
    bits: tuple[tuple[str, bool], ...]
    words: str


@dataclass(frozen=True, slots=True)
class RegisterView:
    name: str
    value: str
    address: str
    href: str


@dataclass(frozen=True, slots=True)
class Check:
    """A condition that is told in full."""

    name: str
    holds: bool
    says: tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class StopView:
    """One stop. `keeps` is what the GIC has inside, `kept` False where it keeps nothing of it beside RAM.

    `stale`: it goes by something else than RAM says, where RAM is what software writes.
    """

    name: str
    title: str
    value: str
    state: str
    state_words: str
    words: tuple[Run, ...]
    cells: tuple[CellView, ...]
    keeps: str
    keeps_words: str
    kept: bool
    differs: str
    stale: bool
    home: str
    cite: str
    registers: tuple[RegisterView, ...]
    checks: tuple[Check, ...]
    broken: tuple[Run, ...]
    mend: tuple[Run, ...]
    broken_cite: str
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class WayPanel:
    """`asked` is "" where nothing was; `problem` is what is wrong with the question.

    `stays`: what else the address says, for a form that asks about another.
    """

    asked: str
    headline: str
    step: int
    event: str
    signalled: bool
    stops: tuple[StopView, ...]
    problem: str
    why: str
    close: str
    again: str
    base: str
    stays: tuple[tuple[str, str], ...] = ()


def way_panel(machine: Machine, look: Look, step: int) -> WayPanel:
    """The way that `look.way` asks for: an INTID as 8195, or a DeviceID and EventID as 0x2:0x14."""
    asked, close, again = look.way, look.link(way=""), look.link()
    stays = tuple(
        (name, str(value)) for name, value in (("step", look.step), ("on", look.on)) if value not in (None, "")
    )
    if not asked:
        return WayPanel("", "", step, "", False, (), "", "", close, again, look.base)
    try:
        found = _way(machine, asked)
    except ValueError as error:
        return WayPanel(asked, "", step, "", False, (), f"{error}.", "", close, again, look.base, stays)
    facts = found.facts
    homes: set[str] = set()
    stops = tuple(_stop(machine, found, stop, look, homes) for stop in found.stops)
    event = "" if facts.device is None else f"{facts.device:#x}:{facts.event:#x}"
    why = "" if facts.intid is None else f"{look.link(why=str(facts.intid))}#why"
    return WayPanel(
        asked, _headline(found), step, event, found.signalled, stops, "", why, close, again, look.base, stays
    )


def way_of(look: Look, intid: int | None = None, device: int | None = None, event: int | None = None) -> str:
    """The address of the way of an LPI, of a device's event, or of a device's first one."""
    if device is None:
        asked = "" if intid is None else str(intid)
    else:
        asked = f"{device:#x}:" + ("" if event is None else f"{event:#x}")
    return f"{look.link(way=asked)}#way"


def _way(machine: Machine, asked: str) -> Way:
    match = _ASKED.match(asked)
    if match is None:
        raise ValueError(f"{asked} is neither an INTID, as 8195, nor a DeviceID and EventID, as 0x2:0x14")
    first = _number(match["first"])
    if match["colon"] is None:
        return machine.lpi_way(first)
    return machine.event_way(first, None if match["event"] is None else _number(match["event"]))


def _number(text: str) -> int:
    return int(text, 16) if text[:2] in ("0x", "0X") else int(text)


def _headline(way: Way) -> str:
    facts = way.facts
    if facts.intid is None:
        return f"Event {facts.device:#x}:{facts.event:#x} maps to no LPI"
    return f"The way of INTID {facts.intid}: {'signalled' if way.signalled else 'not signalled'}"


def _stop(machine: Machine, way: Way, stop: Stop, look: Look, homes: set[str]) -> StopView:
    sight, broken = stop.sight, _broken(stop)
    home = "" if sight.home in homes else sight.home
    homes.add(sight.home)
    reached = stop.state is not StopState.AFTER or bool(sight.cells or sight.registers)
    return StopView(
        name=stop.name.value,
        title=_TITLES[stop.name],
        value=sight.value,
        state=stop.state.value,
        state_words=_STATES[stop.state],
        words=runs(sight.words),
        cells=tuple(_cell(cell, sight.bit if cell is sight.cells[-1] else None, look) for cell in sight.cells),
        keeps="" if sight.inside is None else sight.inside.value,
        keeps_words="" if sight.inside is None else sight.inside.words,
        kept=sight.inside is not None,
        differs=sight.differs,
        stale=sight.stale,
        home=home[:1].upper() + home[1:],
        cite=sight.cite if home else "",
        registers=tuple(_register(each, look) for each in sight.registers),
        checks=tuple(_check(each) for each in stop.links) if stop.name in _ALL_LINKS else (),
        broken=() if broken is None else runs(broken.says),
        mend=() if broken is None else runs(f"{broken.mend}."),
        broken_cite="" if broken is None else broken.cite,
        edits=edits_of(machine, way, stop) if reached else (),
    )


def _broken(stop: Stop) -> Link | None:
    """The link that breaks the way, at the stop where it breaks."""
    return next((each for each in stop.links if not each.holds), None) if stop.state is StopState.BROKEN else None


def _check(link: Link) -> Check:
    return Check(link.name, link.holds, runs(link.says))


def _cell(cell: Cell, bit: int | None, look: Look) -> CellView:
    data = cell.data or b""
    bits = tuple((str(data[0] >> n & 1), n == bit) for n in range(7, -1, -1)) if bit is not None and data else ()
    href = look.link(tab="memory", address=cell.address)
    return CellView(f"{cell.address:#x}", href, tuple(f"{byte:02x}" for byte in data), bits, cell.words)


def _register(cell: RegisterCell, look: Look) -> RegisterView:
    value = f"{cell.value:#010x}"
    address = "" if cell.address is None else f"{cell.address:#010x}"
    return RegisterView(cell.name, value, address, look.link(register=cell.name))
