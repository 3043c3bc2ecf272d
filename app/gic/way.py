"""An MSI's way, stop by stop: from its DeviceID through the ITS tables and the LPI tables to a CPU.

What breaks it is never decided here: the links are those of `why`, each at the stop that it belongs to. An event
that maps to no LPI gets links of its own, which end before there is an interrupt to ask about.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from app.gic.lpi import FIRST_LPI, LPI_LIMIT
from app.gic.tables import CollectionEntry, DeviceEntry, InterruptEntry
from app.gic.views import EventView
from app.gic.way_stops import Facts, Sight, sights
from app.gic.way_tables import Entry, collection_entry, device_entry, event_entry
from app.gic.why_links import Link, StopName, link
from app.gic.why_lpi import Placed, its_enabled, lpi_links

if TYPE_CHECKING:
    from app.gic.machine import Machine


class StopState(StrEnum):
    """How far an MSI gets: `broken` is the first stop with a link that does not hold, `after` what it does not reach.

    `absent`: no event maps to the LPI, so that it has no such stop.
    """

    HOLDS = "holds"
    BROKEN = "broken"
    AFTER = "after"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Stop:
    """One stop: what can be seen there, the conditions that belong to it, and whether an MSI gets past it."""

    name: StopName
    sight: Sight
    links: tuple[Link, ...]
    state: StopState


@dataclass(frozen=True, slots=True)
class Way:
    """All stops in order. `facts` has the numbers that they stand for, None where the way ends before there is one."""

    facts: Facts
    stops: tuple[Stop, ...]

    @property
    def links(self) -> tuple[Link, ...]:
        return tuple(each for stop in self.stops for each in stop.links)

    @property
    def broken(self) -> Link | None:
        """The first link that does not hold."""
        return next((each for each in self.links if not each.holds), None)

    @property
    def signalled(self) -> bool:
        return self.broken is None

    @property
    def words(self) -> str:
        facts, broken = self.facts, self.broken
        what = f"INTID {facts.intid}" if facts.intid is not None else f"Event {facts.device:#x}:{facts.event:#x}"
        if broken is None:
            return f"{what} is signalled to CPU {facts.cpu}"
        told = "maps to no LPI" if facts.intid is None else "is not signalled"
        return f"{what} {told}: {broken.says}. {broken.mend}"


def lpi_way(machine: Machine, intid: int) -> Way:
    """The way of an LPI, by the first event that maps to it. ValueError: it is no LPI."""
    if not FIRST_LPI <= intid < LPI_LIMIT:
        raise ValueError(f"INTID {intid} is no LPI: {FIRST_LPI} to {LPI_LIMIT - 1}")
    cpu, links = lpi_links(machine, intid, None)
    event, _ = machine.mapped_lpis().get(intid, (None, None))
    if event is None:
        return _way(machine, Facts(intid=intid, cpu=cpu), links)
    return _way(machine, _facts(machine, event.device_id, event.event_id, intid, cpu), links)


def event_way(machine: Machine, device: int, event: int | None = None) -> Way:
    """The way of a device's event, of its first mapped one if `event` is None. ValueError: wider than 32 bits."""
    if not 0 <= device < 1 << 32 or not 0 <= (event or 0) < 1 << 32:
        raise ValueError(f"DeviceID {device:#x} and EventID {event or 0:#x} are 32 bits wide")
    if event is None:
        event = next((each.event_id for each in machine.events(device, 0, 1)), 0)
    if not machine.has_its:
        none = Link("ITS", False, "this machine has no ITS, so it has no events", "Make a machine with one (its=1)")
        return _way(machine, Facts(device=device, event=event), [(StopName.DEVICE, none)])
    facts = _facts(machine, device, event)
    translated = _translation(facts)
    if facts.intid is None:
        return _way(machine, facts, [(StopName.DEVICE, its_enabled(machine)), *translated])
    by = (
        EventView(device, event, facts.intid, facts.icid, None),
        _target(machine, facts.entries.get(StopName.COLLECTION)),
    )
    cpu, links = lpi_links(machine, facts.intid, None, by)
    first = [each for each in links if each[0] is StopName.DEVICE]
    rest = [each for each in links if each[0] not in (StopName.DEVICE, StopName.EVENT_ENTRY)]
    return _way(machine, _facts(machine, device, event, facts.intid, cpu), [*first, *translated, *rest])


def _facts(machine: Machine, device: int, event: int, intid: int | None = None, cpu: int | None = None) -> Facts:
    """The entries that a translation of the event meets."""
    entries = {StopName.DEVICE_ENTRY: device_entry(machine, device)}
    itt = entries[StopName.DEVICE_ENTRY].goes_by
    icid = None
    if isinstance(itt, DeviceEntry) and event < 1 << itt.size:
        found = entries[StopName.EVENT_ENTRY] = event_entry(machine, device, itt, event)
        if isinstance(found.goes_by, InterruptEntry) and found.goes_by.physical:
            intid = found.goes_by.intid if FIRST_LPI <= found.goes_by.intid < LPI_LIMIT else None
            icid = found.icid
    if icid is not None:
        entries[StopName.COLLECTION] = collection_entry(machine, icid)
    return Facts(intid, device, event, icid, cpu, entries)


def _target(machine: Machine, entry: Entry | None) -> int | None:
    """The CPU that a collection targets."""
    found = None if entry is None else entry.goes_by
    return found.rdbase if isinstance(found, CollectionEntry) and found.rdbase < machine.cpus else None


def _translation(facts: Facts) -> Placed:
    """The links from the DeviceID to an LPI, up to the first that does not hold."""
    device, event = facts.device or 0, facts.event or 0
    entry = facts.entries[StopName.DEVICE_ENTRY]
    itt = entry.goes_by
    told = link(
        "device table entry",
        isinstance(itt, DeviceEntry),
        f"DeviceID {device:#x} has an ITT",
        entry.problem or f"DeviceID {device:#x} is not mapped",
        entry.mend or f"Map it with MAPD device={device:#x}",
        "IHI 0069, MAPD",
    )
    links: Placed = [(StopName.DEVICE_ENTRY, told)]
    if not isinstance(itt, DeviceEntry):
        return links
    fits = link(
        "EventID",
        event < 1 << itt.size,
        f"its ITT has room for EventID {event:#x}",
        f"its ITT has {itt.size} EventID bits: {1 << itt.size} events, 0x0 to {(1 << itt.size) - 1:#x}",
        f"Map the device again with a larger ITT: MAPD size={event.bit_length()}"
        if event.bit_length() <= LPI_LIMIT.bit_length() - 1
        else "Send a smaller EventID: an ITT has at most 16 EventID bits",
        "IHI 0069, MAPD",
    )
    links.append((StopName.EVENT, fits))
    if fits.holds:
        links.append((StopName.EVENT_ENTRY, _event_link(facts, facts.entries[StopName.EVENT_ENTRY])))
    return links


def _event_link(facts: Facts, entry: Entry) -> Link:
    found = entry.goes_by
    problem = entry.problem or f"EventID {facts.event:#x} is not mapped"
    if isinstance(found, InterruptEntry):
        problem = (
            f"INTID {found.intid} in its entry is no LPI" if found.physical else "its entry is that of a virtual LPI"
        )
    return link(
        "ITT entry",
        facts.intid is not None,
        f"it maps to INTID {facts.intid}",
        problem,
        entry.mend or f"Map it with MAPTI device={facts.device:#x} event={facts.event:#x}, to an LPI of 8192 or more",
        "IHI 0069, MAPTI",
    )


def _way(machine: Machine, facts: Facts, links: Placed) -> Way:
    by_stop: dict[StopName, list[Link]] = {name: [] for name in StopName}
    for name, each in links:
        by_stop[name].append(each)
    seen = sights(machine, facts, by_stop)
    stops: list[Stop] = []
    state = StopState.HOLDS
    for name in StopName:
        broken = any(not each.holds for each in by_stop[name])
        if state is StopState.HOLDS and broken:
            state = StopState.BROKEN
        elif state is StopState.BROKEN:
            state = StopState.AFTER
        absent = state is StopState.HOLDS and facts.device is None and name in _OF_AN_EVENT
        stops.append(Stop(name, seen[name], tuple(by_stop[name]), StopState.ABSENT if absent else state))
    return Way(facts, tuple(stops))


_OF_AN_EVENT = frozenset({StopName.DEVICE, StopName.DEVICE_ENTRY, StopName.EVENT, StopName.EVENT_ENTRY})
