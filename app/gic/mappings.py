"""All devices, events and collections of an ITS, and which event maps each LPI: kept up, not worked out each time."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Protocol

from app.gic.lpi import FIRST_LPI, LPI_LIMIT
from app.gic.shown import CollectionView, DeviceView, EventView

LPIS = LPI_LIMIT - FIRST_LPI
PART = 512
"""Events of a device that are looked at together, and entries of a table: one is written at a time, 512 of 8 bytes are
a page, and to look at so many again takes about 0.2 ms."""

MOST_ENTRIES = 1 << 22
"""ITT entries looked through, mapped or not: 64 devices of 16 EventID bits, 32 to 48 MiB that are compared in 20 ms."""

MOST_EVENTS = 1 << 17
"""Mapped events looked at: twice as many as there are LPIs, each about 0.3 kB: 40 MB."""


def entries_of(device: DeviceView) -> int:
    """How many entries its ITT has; EventIDs have 16 bits here, whatever a table entry in RAM says."""
    return 1 << min(device.size, 16)


class Source(Protocol):
    """Where an implementation keeps its mappings."""

    def refresh(self, mappings: Mappings) -> None:
        """Put what changed since the last time into `mappings`."""

    def events(self, device_id: int) -> list[EventView]:
        """Of a device that `mappings` does not go into."""


class Mappings:
    """`first`: INTID to the event that maps it, the first by DeviceID and EventID; `targets`: ICID to CPU.

    `mapped` and `cpus` have a byte for each INTID from 8192 on: 1 if it is mapped, and 1 + the CPU that its collection
    targets, 0 if none. `odd`: mapped INTIDs beyond those, which software may write into a table. `unseen`: devices
    whose events are not looked at, there are too many; `has_room`: one that was looked at went away, so that there may
    be room for those. `version` changes when anything does.
    """

    def __init__(self) -> None:
        self.version = 0
        self.clear()

    def clear(self) -> None:
        self.version += 1
        self.collections: tuple[CollectionView, ...] = ()
        self.targets: dict[int, int] = {}
        self.first: dict[int, EventView] = {}
        self.mapped = bytearray(LPIS)
        self.cpus = bytearray(LPIS)
        self.odd: set[int] = set()
        self.unseen: set[int] = set()
        self._devices: dict[int, DeviceView] = {}
        self._order: list[int] | None = None
        self._parts: dict[int, dict[int, tuple[EventView, ...]]] = {}
        self._counts: dict[int, int] = {}
        self._others: dict[int, dict[tuple[int, int], EventView]] = {}
        self._entries = self._total = 0
        self.has_room = False

    # -- what a source puts in

    def put_device(self, device: DeviceView) -> bool:
        """A device without its events; says whether those are to be looked at."""
        self.version += 1
        self._order = None
        self._devices[device.device_id] = device
        self._counts[device.device_id] = 0
        self._parts[device.device_id] = {}
        entries = entries_of(device)
        if self._entries + entries > MOST_ENTRIES or self._total > MOST_EVENTS:
            self.unseen.add(device.device_id)
            return False
        self._entries += entries
        return True

    def drop_device(self, device_id: int) -> None:
        for number in list(self._parts[device_id]):
            self.put_part(device_id, number, ())
        self.version += 1
        self._order = None
        device = self._devices.pop(device_id)
        del self._parts[device_id], self._counts[device_id]
        if device_id in self.unseen:
            self.unseen.discard(device_id)
        else:
            self._entries -= entries_of(device)
            self.has_room = bool(self.unseen)

    def put_part(self, device_id: int, number: int, events: tuple[EventView, ...]) -> None:
        """The mapped events of a device from EventID `number` * PART on, ascending, fewer than PART further."""
        parts = self._parts[device_id]
        old = {event.event_id: event for event in parts.get(number, ())}
        new = [event for event in events if old.pop(event.event_id, None) != event]
        kept = {event.event_id: event for event in parts.get(number, ())} if new else {}
        gone = [*old.values(), *(kept[event.event_id] for event in new if event.event_id in kept)]
        if not new and not gone:
            return
        self.version += 1
        more = len(events) - len(parts.get(number, ()))
        self._counts[device_id] += more
        self._total += more
        parts[number] = events
        if not events:
            del parts[number]
        unsettled = self._without(gone)
        self._with(new, unsettled)
        self._settle(unsettled)

    def _without(self, events: Iterable[EventView]) -> set[int]:
        """Take events out; the INTIDs whose first event may be another one."""
        unsettled = set()
        for event in events:
            unsettled.add(event.intid)
            if self.first.get(event.intid) == event:
                del self.first[event.intid]
            else:
                del self._others[event.intid][event.device_id, event.event_id]
        return unsettled

    def _with(self, events: Iterable[EventView], unsettled: set[int]) -> None:
        for event in events:
            first = self.first.pop(event.intid, None)
            others = self._others.get(event.intid)
            if first is None and not others:
                self.first[event.intid] = event
            else:
                others = self._others.setdefault(event.intid, {})
                others |= {(each.device_id, each.event_id): each for each in (first, event) if each is not None}
            unsettled.add(event.intid)

    def _settle(self, intids: Iterable[int]) -> None:
        """Work out again which event is the first of these, and where they go."""
        for intid in intids:
            others = self._others.get(intid)
            if others and intid not in self.first:
                self.first[intid] = others.pop(min(others))
            if not others:
                self._others.pop(intid, None)
            self._place(intid)

    def _place(self, intid: int) -> None:
        event = self.first.get(intid)
        if FIRST_LPI <= intid < LPI_LIMIT:
            cpu = None if event is None else self.cpu_of(event)
            self.mapped[intid - FIRST_LPI] = event is not None
            self.cpus[intid - FIRST_LPI] = 0 if cpu is None else cpu + 1
        elif event is None:
            self.odd.discard(intid)
        else:
            self.odd.add(intid)

    def put_collections(self, collections: Sequence[CollectionView]) -> None:
        """All of them, in the order of the table."""
        if tuple(collections) == self.collections:
            return
        self.version += 1
        self.collections = tuple(collections)
        before = self.targets
        self.targets = {each.icid: each.cpu for each in collections if each.valid and each.cpu is not None}
        moved = {icid for icid, _ in before.items() ^ self.targets.items()}
        for intid in [intid for intid, event in self.first.items() if event.icid in moved]:
            self._place(intid)

    # -- what is asked of it

    def device_ids(self) -> list[int]:
        """Ascending; not to be changed."""
        if self._order is None:
            self._order = sorted(self._devices)
        return self._order

    def has_device(self, device_id: int) -> bool:
        return device_id in self._devices

    def cpu_of(self, event: EventView) -> int | None:
        """The CPU that the event's collection targets."""
        return None if event.icid is None else self.targets.get(event.icid)

    def sees(self, device_id: int) -> bool:
        """Whether it looks at the events of this device."""
        return device_id in self._devices and device_id not in self.unseen

    def is_same(self, device_id: int, device: DeviceView | None) -> bool:
        """Whether a device is this one, its events aside."""
        return self._devices.get(device_id) == device

    def itt_address(self, device_id: int) -> int:
        return self._devices[device_id].itt_address

    def device(self, device_id: int) -> DeviceView:
        return replace(self._devices[device_id], events=self._counts[device_id])

    @property
    def device_count(self) -> int:
        return len(self._devices)

    def devices(self, start: int, count: int | None) -> list[DeviceView]:
        """Those from DeviceID `start` on, at most `count`."""
        order = self.device_ids()
        first = bisect_left(order, start)
        return [self.device(number) for number in order[first : None if count is None else first + count]]

    def events(self, device_id: int, start: int, count: int | None) -> list[EventView]:
        """Those of a device from EventID `start` on, at most `count`."""
        return list(islice(self._events_from(device_id, start), count))

    def _events_from(self, device_id: int, start: int) -> Iterator[EventView]:
        parts = self._parts.get(device_id, {})
        for number in sorted(parts):
            if (number + 1) * PART > start:
                yield from (event for event in parts[number] if event.event_id >= start)

    def events_before(self, device_id: int, end: int) -> Iterator[EventView]:
        """Those with an EventID below `end`, descending."""
        parts = self._parts.get(device_id, {})
        for number in sorted(parts, reverse=True):
            if number * PART < end:
                yield from (event for event in reversed(parts[number]) if event.event_id < end)

    def parts(self, device_id: int) -> list[int]:
        """The numbers of the parts of a device that have events."""
        return list(self._parts[device_id])
