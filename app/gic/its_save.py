"""SAVE_TABLES and RESTORE_TABLES of KVM's ITS: its lists to guest RAM and back, ABI revision 0.

vgic-its.c: vgic_its_save_tables_v0, vgic_its_restore_tables_v0, scan_its_table. Both return an errno name or "".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import TYPE_CHECKING

from app.gic import effects
from app.gic.its_kernel import KernelTranslation
from app.gic.its_lists import UNMAPPED_TARGET, Collection, Device, Event
from app.gic.its_mappings import ENTRY_BYTES, L1_ADDRESS, PAGE_BYTES
from app.gic.lpi import FIRST_LPI, LPI_ID_BITS
from app.gic.tables import DWORD, L1_VALID, KvmCte, KvmDte, KvmIte

if TYPE_CHECKING:
    from app.gic.machine import Machine

_V = 1 << 63
_MAX_DEVICE_OFFSET = (1 << 14) - 1
_MAX_EVENT_OFFSET = (1 << 16) - 1
_BLOCK = 65536

# A scan's callback: (id, entry) to the offset of the next entry, 0 to stop; Refused ends it with an errno.
Visit = Callable[[int, bytes], int]


class Refused(Exception):
    def __init__(self, errno_name: str) -> None:
        super().__init__(errno_name)
        self.errno_name = errno_name


def _base(baser: int) -> int:
    return baser & 0x0000_FFFF_FFFF_0000 | (baser >> 12 & 0xF) << 48


def _bytes(baser: int) -> int:
    return ((baser & 0xFF) + 1) * PAGE_BYTES


def _links(ids: Iterable[int], largest: int) -> list[int]:
    """The offset from each of these sorted IDs to the next one, 0 for the last, capped."""
    order = list(ids)
    return [min(other - one, largest) for one, other in pairwise(order)] + [0] * bool(order)


def save_tables(machine: Machine, translation: KernelTranslation) -> str:
    try:
        _save_devices(machine, translation)
        _save_collections(machine, translation)
    except IndexError:
        return "EFAULT"
    except Refused as refused:
        return refused.errno_name
    return ""


def _write(machine: Machine, table: str, index: int, address: int, data: bytes, meaning: str) -> None:
    machine.memory.write(address, data)
    if machine.sink is not None:
        machine.sink.append(effects.TableWritten(table, index, address, data, meaning))


def _save_devices(machine: Machine, translation: KernelTranslation) -> None:
    baser = machine.its.baser(0)
    if not baser & _V:
        return
    translation.devices.sort()
    links = _links((device.device for device in translation.devices), _MAX_DEVICE_OFFSET)
    for device, offset in zip(translation.devices, links, strict=True):
        address = translation.slot(baser, device.device)
        if address is None:
            raise Refused("EINVAL")
        _save_itt(machine, device)
        entry = KvmDte(True, offset, device.itt, device.size)
        meaning = f"ITT at {device.itt:#x}, {device.size} EventID bits, next +{entry.next}"
        _write(machine, "Device table", device.device, address, entry.pack(), meaning)


def _save_itt(machine: Machine, device: Device) -> None:
    # list_sort leaves the kernel's list in this order.
    device.events = dict(sorted(device.events.items()))
    links = _links(device.events, _MAX_EVENT_OFFSET)
    for (number, event), offset in zip(device.events.items(), links, strict=True):
        address = device.itt + number * ENTRY_BYTES
        if event.collection is None:
            _write(machine, "ITT", number, address, bytes(ENTRY_BYTES), "its collection was unmapped")
        else:
            entry = KvmIte(offset, event.lpi.intid, event.collection.icid)
            meaning = f"INTID {entry.intid}, ICID {entry.icid}, next +{entry.next}"
            _write(machine, "ITT", number, address, entry.pack(), meaning)


def _save_collections(machine: Machine, translation: KernelTranslation) -> None:
    baser = machine.its.baser(1)
    if not baser & _V:
        return
    address = _base(baser)
    for index, collection in enumerate(translation.collections.values()):
        entry = KvmCte(True, collection.target, collection.icid)
        target = f"CPU {entry.target}" if collection.mapped else "not mapped"
        _write(machine, "Collection table", index, address, entry.pack(), f"ICID {entry.icid}, {target}")
        address += ENTRY_BYTES
    if len(translation.collections) * ENTRY_BYTES < _bytes(baser):
        _write(
            machine, "Collection table", len(translation.collections), address, bytes(ENTRY_BYTES), "end of the list"
        )


def restore_tables(machine: Machine, translation: KernelTranslation) -> str:
    restoring = _Restore(machine, translation)
    error = _attempt(restoring.collections)
    if error:
        translation.free_collections()
        return error
    error = _attempt(restoring.devices)
    if error:
        translation.free_devices()
        translation.free_collections()
    return error


def _attempt(action: Callable[[], None]) -> str:
    try:
        action()
    except IndexError:
        return "EFAULT"
    except Refused as refused:
        return refused.errno_name
    return ""


class _Restore:
    def __init__(self, machine: Machine, translation: KernelTranslation) -> None:
        self._m = machine
        self._t = translation

    def collections(self) -> None:
        baser = self._m.its.baser(1)
        if not baser & _V:
            return
        for address in range(_base(baser), _base(baser) + _bytes(baser), ENTRY_BYTES):
            entry = KvmCte.unpack(self._m.memory.read(address, ENTRY_BYTES))
            if not entry.valid:
                return
            if entry.target != UNMAPPED_TARGET and entry.target >= self._m.cpus:
                raise Refused("EINVAL")
            if entry.icid in self._t.collections:
                raise Refused("EEXIST")
            if self._t.slot(baser, entry.icid) is None:
                raise Refused("EINVAL")
            self._t.remapped()
            self._t.collections[entry.icid] = Collection(entry.icid, entry.target)

    def devices(self) -> None:
        baser = self._m.its.baser(0)
        if not baser & _V:
            return
        visit = self._level1 if baser >> 62 & 1 else self._device
        self._scan(_base(baser), _bytes(baser), 0, visit)

    def _scan(self, base: int, length: int, first: int, visit: Visit) -> bool:
        """scan_its_table: follow the entries' own links; says whether the end of the table was reached."""
        address, left, number = base, length, first
        while True:
            entry = self._m.memory.read(address, ENTRY_BYTES)
            step = visit(number, entry) if any(entry) else self._zero_entries(address, left)
            if step == 0:
                return False
            if step * ENTRY_BYTES >= left:
                return True
            number += step
            address += step * ENTRY_BYTES
            left -= step * ENTRY_BYTES

    def _zero_entries(self, address: int, left: int) -> int:
        """How many entries from here on are all zero: each is not valid and leads to the next one."""
        length = min(left, _BLOCK - address % _BLOCK)
        try:
            block = self._m.memory.read(address, length)
        except IndexError:
            return 1
        return max(1, (length - len(block.lstrip(b"\0"))) // ENTRY_BYTES)

    def _level1(self, number: int, data: bytes) -> int:
        entry: int = DWORD.unpack(data)[0]
        if not entry & L1_VALID:
            return 1
        per_page = PAGE_BYTES // ENTRY_BYTES
        return int(self._scan(entry & L1_ADDRESS, PAGE_BYTES, number * per_page, self._device))

    def _device(self, number: int, data: bytes) -> int:
        entry = KvmDte.unpack(data)
        if not entry.valid:
            return 1
        if entry.size > LPI_ID_BITS or self._t.slot(self._m.its.baser(0), number) is None:
            raise Refused("EINVAL")
        device = Device(number, entry.itt, entry.size)
        self._t.remapped()
        self._t.devices.add(device)
        self._scan(entry.itt, ENTRY_BYTES << entry.size, 0, lambda event, ite: self._event(device, event, ite))
        return entry.next

    def _event(self, device: Device, number: int, data: bytes) -> int:
        entry = KvmIte.unpack(data)
        if not entry.intid:
            return 1
        if entry.intid < FIRST_LPI or number + entry.next >= 1 << device.size:
            raise Refused("EINVAL")
        collection = self._t.collections.get(entry.icid)
        if collection is None or not self._t.event_fits(device, number):
            raise Refused("EINVAL")
        lpi = self._t.lpis.add(entry.intid, collection.target if collection.mapped else None)
        self._t.remapped()
        device.events[number] = Event(number, collection, lpi)
        return entry.next
