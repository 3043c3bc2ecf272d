"""What KVM's ITS has mapped (vgic-its.c): its lists, its translation cache, and the slots of the guest's tables.

Guest RAM is only asked whether a slot exists.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TYPE_CHECKING

from app.gic.its_behaviours import BaserInvalid, TableFaults, TranslationCache
from app.gic.its_lists import Collection, Device, DeviceList, Event
from app.gic.lpi_kernel import KernelLpis
from app.gic.lpi_struct import Lpi
from app.gic.tables import DWORD, L1_ENTRY_BYTES, L1_VALID

if TYPE_CHECKING:
    from app.gic.machine import Machine

ENTRY_BYTES = 8
PAGE_BYTES = 65536
L1_ADDRESS = 0x000F_FFFF_FFFF_0000
_V = 1 << 63
_CACHED_PER_CPU = 16
_REMAPS_KEPT = 1024


class KernelMappings:
    """`collections` by ICID, in the order they were mapped."""

    def __init__(self, machine: Machine) -> None:
        self._m = machine
        self.devices = DeviceList()
        self.collections: dict[int, Collection] = {}
        self._cache: OrderedDict[tuple[int, int], Lpi] = OrderedDict()
        self._mappings = 0  # counts what may have changed devices, events or collections
        self._remaps: deque[tuple[int | None, int | None]] = deque(maxlen=_REMAPS_KEPT)  # the last of them

    @property
    def lpis(self) -> KernelLpis:
        lpis = self._m.lpi_home
        assert isinstance(lpis, KernelLpis)
        return lpis

    def remapped(self, device: int | None = None, event: int | None = None) -> None:
        """An event of a device, a device with all its events, or anything may be another one now."""
        self._mappings += 1
        self._remaps.append((device, event))

    def mapped_by(self) -> int:
        return self._mappings

    def changes_since(self, number: int) -> set[tuple[int, int | None]] | None:
        """(DeviceID, EventID or None for all) of what may be others than when `mapped_by` was `number`; None: all."""
        count = self._mappings - number
        last = [*self._remaps][-count:] if count else []
        if count > len(last) or any(device is None for device, _ in last):
            return None
        return {(device, event) for device, event in last if device is not None}

    # -- slots of the guest's tables

    def slot(self, baser: int, index: int, id_bits: int = 16) -> int | None:
        """vgic_its_check_id: where the entry would lie, None if the table has no such slot or RAM does not reach."""
        size = ((baser & 0xFF) + 1) * PAGE_BYTES
        base = baser & 0x0000_FFFF_FFFF_0000 | (baser >> 12 & 0xF) << 48
        if index >= 1 << id_bits:
            return None
        if not baser >> 62 & 1:
            address = base + index * ENTRY_BYTES
            return self._placed(address) if index < size // ENTRY_BYTES else None
        level1 = index // (PAGE_BYTES // ENTRY_BYTES)
        if level1 >= size // L1_ENTRY_BYTES:
            return None
        try:
            entry: int = DWORD.unpack(self._m.memory.read(base + level1 * L1_ENTRY_BYTES, L1_ENTRY_BYTES))[0]
        except IndexError:
            return None
        if not entry & L1_VALID:
            return None
        address = (entry & L1_ADDRESS) + index % (PAGE_BYTES // ENTRY_BYTES) * ENTRY_BYTES
        return self._placed(address)

    def _placed(self, address: int) -> int | None:
        """An address with RAM behind it; without, there is no such slot, or the command stalls (IndexError)."""
        if self.visible(address):
            return address
        if self._m.impl.table_faults is TableFaults.STALLS:
            raise IndexError(f"no RAM at {address:#x}")
        return None

    def visible(self, address: int) -> bool:
        """Whether the 4 KiB page of this address is RAM (kvm_is_visible_gfn)."""
        try:
            self._m.memory.read(address & ~0xFFF, 1)
        except IndexError:
            return False
        return True

    def event_fits(self, device: Device, event: int) -> bool:
        """vgic_its_check_event_id: within the ITT, and the ITT within RAM."""
        return event < 1 << device.size and self.visible(device.itt + event * ENTRY_BYTES)

    # -- freeing

    def _free_event(self, device: Device, event: Event) -> None:
        del device.events[event.event]
        self.lpis.put(event.lpi)

    def free_device(self, device: Device) -> None:
        self.remapped(device.device)
        self._m.work += len(device.events)
        for event in list(device.events.values()):
            self._free_event(device, event)
        self.forget_translations()
        self.devices.remove(device)

    def free_collection(self, icid: int) -> None:
        self.remapped()
        collection = self.collections.pop(icid, None)
        if collection is not None:
            for device in self.devices:
                self._m.work += 1 + len(device.events)
                for event in device.events.values():
                    if event.collection is collection:
                        event.collection = None

    def free_devices(self) -> None:
        for device in list(self.devices):
            self.free_device(device)

    def free_collections(self) -> None:
        for icid in list(self.collections):
            self.free_collection(icid)

    def base_written(self, index: int) -> None:
        """GITS_BASER0 or 1 written with Valid=0 frees what it held (vgic_mmio_write_its_baser)."""
        freed = self._m.impl.baser_invalid is BaserInvalid.ENTRIES_FREED
        if index < 2 and freed and not self._m.its.baser(index) & _V:
            (self.free_devices, self.free_collections)[index]()

    # -- the translation cache

    def _remember(self, device: int, event: int, lpi: Lpi) -> None:
        if (device, event) in self._cache:
            self._cache.move_to_end((device, event))
            return
        if len(self._cache) >= _CACHED_PER_CPU * self._m.cpus:
            self.lpis.put(self._cache.popitem(last=False)[1])
        lpi.refs += 1
        self._cache[device, event] = lpi

    def cached(self, device: int, event: int) -> Lpi | None:
        """vgic_its_check_cache: a hit asks neither GITS_CTLR.Enabled nor EnableLPIs."""
        if self._m.impl.translation_cache is TranslationCache.WALKS:
            return None
        lpi = self._cache.get((device, event))
        if lpi is not None:
            self._cache.move_to_end((device, event))
        return lpi

    def remembers(self, device: int, event: int) -> bool:
        """Whether the event is in the translation cache; looking changes nothing."""
        return (device, event) in self._cache

    def forget_translations(self) -> None:
        for lpi in self._cache.values():
            self.lpis.put(lpi)
        self._cache.clear()

    # -- snapshots: by value, LPIs by INTID

    def snapshot(self) -> object:
        return (
            tuple((each.icid, each.target) for each in self.collections.values()),
            tuple(
                (
                    each.device,
                    each.itt,
                    each.size,
                    tuple(
                        (event.event, None if event.collection is None else event.collection.icid, event.lpi.intid)
                        for event in each.events.values()
                    ),
                )
                for each in self.devices
            ),
            tuple((key, lpi.intid) for key, lpi in self._cache.items()),
        )

    def restore(self, state: object) -> None:
        """The LPIs must have been restored before."""
        assert isinstance(state, tuple)
        self.remapped()
        structs = self.lpis.structs
        self.collections = {icid: Collection(icid, target) for icid, target in state[0]}
        self.devices = DeviceList()
        for number, itt, size, events in state[1]:
            device = Device(number, itt, size)
            self.devices.add(device)
            for event, icid, intid in events:
                collection = None if icid is None else self.collections[icid]
                device.events[event] = Event(event, collection, structs[intid])
        self._cache = OrderedDict((key, structs[intid]) for key, intid in state[2])
