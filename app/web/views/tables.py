"""Devices with their interrupt translation tables, and collections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from app.gic import Machine
from app.gic.behaviours import TablesHome
from app.gic.copies import CopyState, EntryCopy
from app.gic.views import CollectionView, DeviceView, EventView, Window
from app.web.views.look import Look
from app.web.views.way import way_of
from app.web.views.words import NONE, plural

T = TypeVar("T")

WINDOW = 32
ITTS = 6


@dataclass(frozen=True, slots=True)
class Tables:
    """Windows of the ITS tables as a look has them; `device` is whose events those are. `version` is another number
    after any change of a mapping; `itts`: DeviceID and ITT address of the first devices.
    """

    devices: Window[DeviceView]
    device: DeviceView | None
    events: Window[EventView]
    collections: Window[CollectionView]
    device_count: int
    collection_count: int
    version: int
    unseen: int
    copies: tuple[EntryCopy | None, ...]
    event_copies: tuple[EntryCopy | None, ...]
    collection_copies: tuple[EntryCopy | None, ...]
    home: TablesHome
    itts: tuple[tuple[int, int], ...]


def tables_of(machine: Machine, look: Look) -> Tables:
    devices = machine.device_window(look.devices, WINDOW)
    wanted = look.device if look.device is not None else look.devices
    chosen = next(iter(machine.devices(wanted, 1)), None)
    if look.device is not None and chosen is not None and chosen.device_id not in {d.device_id for d in devices.rows}:
        devices = machine.device_window(chosen.device_id, WINDOW)
    device_count, collection_count, version = machine.mapping_counts()
    events = Window((), None, None) if chosen is None else machine.event_window(chosen.device_id, look.event, WINDOW)
    collections = machine.collection_window(look.icid, WINDOW)
    copies = machine.copies()
    return Tables(
        devices,
        chosen,
        events,
        collections,
        device_count,
        collection_count,
        version,
        machine.unseen_devices(),
        tuple(copies.device(each) for each in devices.rows),
        tuple(copies.event(each) for each in events.rows),
        tuple(copies.collection(each) for each in collections.rows),
        machine.impl.tables_home,
        tuple((each.device_id, each.itt_address) for each in machine.devices(0, ITTS)),
    )


@dataclass(frozen=True, slots=True)
class Address:
    """A place in RAM as a link to the memory panel; "" where there is none."""

    text: str
    href: str


@dataclass(frozen=True, slots=True)
class Entry:
    """Where the entry lies in RAM, and what of it is there if the ITS keeps it inside; `raw` is "" if it does not."""

    place: Address
    raw: str
    words: str
    state: str
    stale: bool


@dataclass(frozen=True, slots=True)
class DeviceRow:
    device: str
    size: str
    itt: Address
    entry: Entry
    events: int
    href: str
    open: bool
    way: str
    now: bool


@dataclass(frozen=True, slots=True)
class EventRow:
    event: str
    intid: int
    collection: str
    entry: Entry
    lpi_href: str
    way: str
    msi: str
    discard: str
    now: bool


@dataclass(frozen=True, slots=True)
class Pager:
    """Links to the windows before and after; `shown` says what is in this one of how many."""

    earlier: str
    later: str
    shown: str

    @property
    def many(self) -> bool:
        """Not all rows are in the window."""
        return bool(self.earlier or self.later)


@dataclass(frozen=True, slots=True)
class DevicePanel:
    """`device` is whose events are shown; `missing` says that the one asked for is not mapped, `unseen` that there are
    devices whose events are not looked at."""

    devices: tuple[DeviceRow, ...]
    pager: Pager
    device: str
    events: tuple[EventRow, ...]
    event_pager: Pager
    missing: str
    unseen: str
    total: int
    changed: bool
    goto_device: str
    goto_event: str
    home: str

    @property
    def many(self) -> bool:
        """Not all devices are in the window, or one was asked for that is not there."""
        return bool(self.pager.earlier or self.pager.later or self.missing)


@dataclass(frozen=True, slots=True)
class CollectionRow:
    icid: int
    cpu: str
    entry: Entry
    now: bool


@dataclass(frozen=True, slots=True)
class CollectionPanel:
    rows: tuple[CollectionRow, ...]
    pager: Pager
    total: int
    changed: bool
    goto: str
    home: str


def device_panel(tables: Tables, written: frozenset[int], look: Look, before: Tables | None) -> DevicePanel:
    """`written`: the RAM addresses that the step wrote; `before`: as it was before the step, None if not known."""
    devices, events, device = tables.devices.rows, tables.events.rows, tables.device
    new_devices = _new(devices, None if before is None else before.devices.rows)
    chosen = None if device is None else device.device_id
    before_events = None
    if before is not None:
        was = None if before.device is None else before.device.device_id
        before_events = before.events.rows if was == chosen else ()
    new_events = _new(events, before_events)
    return DevicePanel(
        devices=tuple(
            _device(each, copy, chosen, look, now=each in new_devices or _place(each, copy) in written)
            for each, copy in zip(devices, tables.copies, strict=True)
        ),
        pager=_pager(
            tables.devices, look, "devices", f"{len(devices)} of {plural(tables.device_count, 'device')}", event=0
        ),
        device="" if chosen is None else f"{chosen:#x}",
        events=tuple(
            _event(each, copy, look, now=each in new_events or _place(each, copy) in written)
            for each, copy in zip(events, tables.event_copies, strict=True)
        ),
        event_pager=_pager(
            tables.events, look, "event", f"{len(events)} of {plural(device.events if device else 0, 'event')}"
        ),
        missing=_missing(look, chosen),
        unseen=_unseen(tables.unseen),
        total=tables.device_count,
        changed=before is not None and before.version != tables.version and bool(new_devices or new_events),
        goto_device=look.link(tab="lpis", device=None, devices=0, event=0),
        goto_event=look.link(tab="lpis", device=chosen, event=0),
        home=home_words(tables.home),
    )


def _pager(window: Window[Any], look: Look, name: str, shown: str, **others: int | None) -> Pager:
    tab = {"icid": "collections"}.get(name, "devices")
    if name == "devices":
        others["device"] = None
    earlier, later = (
        "" if start is None else look.link(tab=tab, **{name: start}, **others)
        for start in (window.earlier, window.later)
    )
    return Pager(earlier, later, shown)


def _missing(look: Look, chosen: int | None) -> str:
    if look.device is None or look.device == chosen:
        return ""
    following = "There is none above it." if chosen is None else f"The next one is {chosen:#x}."
    return f"Device {look.device:#x} is not mapped. {following}"


def _unseen(count: int) -> str:
    """How many devices are left out, where software wrote more into the tables than is looked at."""
    return (
        f"There are too many entries to look through: the events of {plural(count, 'device')} are left out."
        if count
        else ""
    )


def _new(views: Sequence[T], before: Sequence[T] | None) -> Sequence[T]:
    """What was not there, or otherwise, before the step."""
    if before is None or before == views:
        return ()
    known = set(before)
    return [view for view in views if view not in known]


def collection_panel(tables: Tables, written: frozenset[int], look: Look, before: Tables | None) -> CollectionPanel:
    """The collections; `before` as they were before the step, None if that is not known."""
    collections = tables.collections.rows
    new = _new(collections, None if before is None else before.collections.rows)
    rows = tuple(
        CollectionRow(
            icid=item.icid,
            cpu=NONE if item.cpu is None else f"CPU{item.cpu}",
            entry=_entry(item.entry_address, copy, look),
            now=item in new or _place(item, copy) in written,
        )
        for item, copy in zip(collections, tables.collection_copies, strict=True)
    )
    counted = None if before is None else (before.collections.rows, before.collection_count)
    return CollectionPanel(
        rows,
        _pager(tables.collections, look, "icid", f"{len(rows)} of {plural(tables.collection_count, 'collection')}"),
        tables.collection_count,
        counted is not None and counted != (collections, tables.collection_count),
        look.link(tab="lpis", icid=0),
        home_words(tables.home),
    )


def _place(view: DeviceView | EventView | CollectionView, copy: EntryCopy | None) -> int | None:
    return view.entry_address if copy is None else copy.address


def _device(device: DeviceView, copy: EntryCopy | None, chosen: int | None, look: Look, *, now: bool) -> DeviceRow:
    return DeviceRow(
        device=f"{device.device_id:#x}",
        size=f"{device.size} bits, {1 << device.size} events",
        itt=_address(device.itt_address, look),
        entry=_entry(device.entry_address, copy, look),
        events=device.events,
        href=look.link(tab="devices", device=device.device_id, event=0),
        open=device.device_id == chosen,
        way=way_of(look, device=device.device_id),
        now=now,
    )


def _event(event: EventView, copy: EntryCopy | None, look: Look, *, now: bool) -> EventRow:
    operands = f"device={event.device_id:#x} event={event.event_id:#x}"
    return EventRow(
        event=f"{event.event_id:#x}",
        intid=event.intid,
        collection=NONE if event.icid is None else str(event.icid),
        entry=_entry(event.entry_address, copy, look),
        lpi_href=look.link(tab="lpis", start=event.intid, zoom=event.intid, show="", cpu=None),
        way=way_of(look, device=event.device_id, event=event.event_id),
        msi=f"msi {operands}",
        discard=f"its DISCARD {operands}",
        now=now,
    )


def _entry(address: int | None, copy: EntryCopy | None, look: Look) -> Entry:
    if copy is None:
        return Entry(_address(address, look), "", "", "", stale=False)
    place = _address(copy.address, look)
    raw = f"{copy.raw:#018x} in RAM: {copy.words}"
    return Entry(place, raw, copy.words, copy.state.value, stale=copy.state is CopyState.STALE)


def home_words(home: TablesHome) -> str:
    """Whether there is a cache of entries beside RAM, and which of the two is in force."""
    if home is TablesHome.GUEST_RAM:
        return f"No cache of entries: they are {home.meaning}."
    return f"What is in force is inside the ITS, {home.meaning}."


def _address(address: int | None, look: Look) -> Address:
    if address is None:
        return Address("", "")
    return Address(f"{address:#x}", look.link(tab="memory", address=address))
