"""Entries of the ITS's tables: devices, the events in their ITTs, collections, wherever the ITS keeps them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

from app.diff.told import Change, Collected, EntryRow, Form, Section, Table, differing, rows
from app.gic import Machine
from app.gic.shown import CollectionView, DeviceView, EventView

V = TypeVar("V")
Parts = tuple[tuple[str, str, Form], ...]
DEVICE: Parts = (
    ("valid", "mapped", Form.FLAG),
    ("size", "EventID bits", Form.DECIMAL),
    ("itt_address", "ITT", Form.HEX),
)
EVENT: Parts = (("intid", "INTID", Form.DECIMAL), ("icid", "ICID", Form.HEX))
COLLECTION: Parts = (("valid", "mapped", Form.FLAG), ("cpu", "CPU", Form.DECIMAL))


def entries(a: Machine, b: Machine, most: int | None) -> Section[EntryRow]:
    """Collections, then devices, each with its events."""
    found = rows(most, EntryRow)
    both = [{each.icid: each for each in machine.collections()} for machine in (a, b)]
    _add(found, both[0], both[1], _collection)
    devices = [{each.device_id: each for each in machine.devices()} for machine in (a, b)]
    for device_id in sorted(devices[0].keys() | devices[1].keys()):
        one, other = ({device_id: each[device_id]} if device_id in each else {} for each in devices)
        _add(found, one, other, _device)
        _add(found, _events(a, device_id), _events(b, device_id), partial(_event, device_id))
    return found.section()


def _events(machine: Machine, device_id: int) -> dict[int, EventView]:
    return {each.event_id: each for each in machine.events(device_id)} if machine.sees_events(device_id) else {}


def _add(
    found: Collected[EntryRow],
    one: Mapping[int, V],
    other: Mapping[int, V],
    make: Callable[[int, V | None, V | None], EntryRow],
) -> None:
    """Those that are not alike; the address of an entry and the number of a device's events are told by others."""
    for key in sorted(one.keys() | other.keys()):
        mine, theirs = one.get(key), other.get(key)
        if mine != theirs and make(key, mine, theirs).changes:
            found.add(partial(make, key, mine, theirs))


def _changes(parts: Parts, one: object, other: object) -> tuple[Change, ...]:
    return differing(
        Change(name, getattr(one, part, None), getattr(other, part, None), form) for part, name, form in parts
    )


def _collection(icid: int, one: CollectionView | None, other: CollectionView | None) -> EntryRow:
    return EntryRow(Table.COLLECTION, _changes(COLLECTION, one, other), icid=icid)


def _device(device_id: int, one: DeviceView | None, other: DeviceView | None) -> EntryRow:
    return EntryRow(Table.DEVICE, _changes(DEVICE, one, other), device=device_id)


def _event(device_id: int, event_id: int, one: EventView | None, other: EventView | None) -> EntryRow:
    return EntryRow(Table.ITT, _changes(EVENT, one, other), device=device_id, event=event_id)
