"""Devices with their interrupt translation tables, and collections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.gic.views import CollectionView, DeviceView, EventView
from app.web.views.look import Look
from app.web.views.words import NONE

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
) -> DevicePanel:
    """`events` are those of `chosen`; `written` the RAM addresses that the step wrote."""
    return DevicePanel(
        devices=tuple(_device(device, chosen, written, look) for device in devices[:MOST_DEVICES]),
        device="" if chosen is None else f"{chosen:#x}",
        events=tuple(_event(event, written, look) for event in events[:MOST_EVENTS]),
        more_devices=max(0, len(devices) - MOST_DEVICES),
        more_events=max(0, len(events) - MOST_EVENTS),
        total=len(devices),
    )


def collection_panel(collections: Sequence[CollectionView], written: frozenset[int], look: Look) -> CollectionPanel:
    rows = tuple(
        CollectionRow(
            icid=item.icid,
            cpu=NONE if item.cpu is None else f"CPU{item.cpu}",
            entry=_address(item.entry_address, look),
            now=item.entry_address in written,
        )
        for item in collections[:MOST_COLLECTIONS]
    )
    return CollectionPanel(rows, max(0, len(collections) - MOST_COLLECTIONS), len(collections))


def _device(device: DeviceView, chosen: int | None, written: frozenset[int], look: Look) -> DeviceRow:
    return DeviceRow(
        device=f"{device.device_id:#x}",
        size=f"{device.size} bits, {1 << device.size} events",
        itt=_address(device.itt_address, look),
        entry=_address(device.entry_address, look),
        events=device.events,
        href=look.link(tab="devices", device=device.device_id),
        open=device.device_id == chosen,
        now=device.entry_address in written,
    )


def _event(event: EventView, written: frozenset[int], look: Look) -> EventRow:
    operands = f"device={event.device_id:#x} event={event.event_id:#x}"
    return EventRow(
        event=f"{event.event_id:#x}",
        intid=event.intid,
        collection=NONE if event.icid is None else str(event.icid),
        entry=_address(event.entry_address, look),
        lpi_href=look.link(tab="lpis", start=event.intid),
        msi=f"msi {operands}",
        discard=f"its DISCARD {operands}",
        now=event.entry_address in written,
    )


def _address(address: int | None, look: Look) -> Address:
    if address is None:
        return Address("", "")
    return Address(f"{address:#x}", look.link(tab="memory", address=address))
