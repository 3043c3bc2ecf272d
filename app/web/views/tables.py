"""Devices with their interrupt translation tables, and collections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from app.gic.views import CollectionView, DeviceView, EventView
from app.web.views.look import Look
from app.web.views.words import NONE

T = TypeVar("T")
MOST_DEVICES = 64
MOST_EVENTS = 64
MOST_COLLECTIONS = 64


@dataclass(frozen=True, slots=True)
class Address:
    """A place in RAM as a link to the memory panel; "" where there is none."""

    text: str
    href: str


@dataclass(frozen=True, slots=True)
class DeviceRow:
    device: str
    size: str
    itt: Address
    entry: Address
    events: int
    href: str
    open: bool
    now: bool


@dataclass(frozen=True, slots=True)
class EventRow:
    event: str
    intid: int
    collection: str
    entry: Address
    lpi_href: str
    msi: str
    discard: str
    now: bool


@dataclass(frozen=True, slots=True)
class DevicePanel:
    devices: tuple[DeviceRow, ...]
    device: str
    events: tuple[EventRow, ...]
    more_devices: int
    more_events: int
    total: int
    changed: bool


@dataclass(frozen=True, slots=True)
class CollectionRow:
    icid: int
    cpu: str
    entry: Address
    now: bool


@dataclass(frozen=True, slots=True)
class CollectionPanel:
    rows: tuple[CollectionRow, ...]
    more: int
    total: int
    changed: bool


def chosen_device(devices: Sequence[DeviceView], look: Look) -> int | None:
    """The device whose events are shown: the one asked for, else the first."""
    if look.device is not None and any(device.device_id == look.device for device in devices):
        return look.device
    return devices[0].device_id if devices else None


def device_panel(
    devices: Sequence[DeviceView],
    events: Sequence[EventView],
    chosen: int | None,
    written: frozenset[int],
    look: Look,
    before: tuple[Sequence[DeviceView], Sequence[EventView]] | None = None,
) -> DevicePanel:
    """`events` are those of `chosen`; `written` the RAM addresses that the step wrote, `before` what there was then."""
    new_devices = _new(devices, None if before is None else before[0])
    new_events = _new(events, None if before is None else before[1])
    return DevicePanel(
        devices=tuple(
            _device(device, chosen, look, now=device in new_devices or device.entry_address in written)
            for device in devices[:MOST_DEVICES]
        ),
        device="" if chosen is None else f"{chosen:#x}",
        events=tuple(
            _event(event, look, now=event in new_events or event.entry_address in written)
            for event in events[:MOST_EVENTS]
        ),
        more_devices=max(0, len(devices) - MOST_DEVICES),
        more_events=max(0, len(events) - MOST_EVENTS),
        total=len(devices),
        changed=before is not None and (tuple(before[0]) != tuple(devices) or bool(new_events)),
    )


def _new(views: Sequence[T], before: Sequence[T] | None) -> Sequence[T]:
    """What was not there, or otherwise, before the step."""
    if before is None or tuple(before) == tuple(views):
        return ()
    known = set(before)
    return [view for view in views if view not in known]


def collection_panel(
    collections: Sequence[CollectionView],
    written: frozenset[int],
    look: Look,
    before: Sequence[CollectionView] | None = None,
) -> CollectionPanel:
    """The collections; `before` as they were before the step, None if that is not known."""
    new = _new(collections, before)
    rows = tuple(
        CollectionRow(
            icid=item.icid,
            cpu=NONE if item.cpu is None else f"CPU{item.cpu}",
            entry=_address(item.entry_address, look),
            now=item in new or item.entry_address in written,
        )
        for item in collections[:MOST_COLLECTIONS]
    )
    changed = before is not None and tuple(before) != tuple(collections)
    return CollectionPanel(rows, max(0, len(collections) - MOST_COLLECTIONS), len(collections), changed)


def _device(device: DeviceView, chosen: int | None, look: Look, *, now: bool) -> DeviceRow:
    return DeviceRow(
        device=f"{device.device_id:#x}",
        size=f"{device.size} bits, {1 << device.size} events",
        itt=_address(device.itt_address, look),
        entry=_address(device.entry_address, look),
        events=device.events,
        href=look.link(tab="devices", device=device.device_id),
        open=device.device_id == chosen,
        now=now,
    )


def _event(event: EventView, look: Look, *, now: bool) -> EventRow:
    operands = f"device={event.device_id:#x} event={event.event_id:#x}"
    return EventRow(
        event=f"{event.event_id:#x}",
        intid=event.intid,
        collection=NONE if event.icid is None else str(event.icid),
        entry=_address(event.entry_address, look),
        lpi_href=look.link(tab="lpis", start=event.intid),
        msi=f"msi {operands}",
        discard=f"its DISCARD {operands}",
        now=now,
    )


def _address(address: int | None, look: Look) -> Address:
    if address is None:
        return Address("", "")
    return Address(f"{address:#x}", look.link(tab="memory", address=address))
