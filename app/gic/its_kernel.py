"""An ITS that keeps its mappings in lists of its own: Linux KVM's (vgic-its.c).

Guest RAM is asked whether a table slot exists, and is written by SAVE_TABLES, by DISCARD (the ITE) and by MAPD with
V=0 (the DTE). A command's error is dropped: the queue goes on.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from app.gic import effects
from app.gic.its_behaviours import (
    BaserInvalid,
    MovallScope,
    Remap,
    SharedLpi,
    TableFaults,
    TranslationCache,
    UnmapCollection,
    UnmapDevice,
    UnmapToNowhere,
    UnmapTooLarge,
    WithoutCollection,
)
from app.gic.its_lists import UNMAPPED_TARGET, Collection, Device, DeviceList, Event
from app.gic.lpi import FIRST_LPI, LPI_ID_BITS
from app.gic.lpi_behaviours import CollectionMove, DiscardPending, IdBits, InvallScope, MoveToDisabled, UnmapPending
from app.gic.lpi_kernel import KernelLpis, Lpi
from app.gic.outcome import DONE, Outcome, ignored, stalled
from app.gic.tables import ADDRESS_51_8, DWORD, KVM_LAYOUTS, L1_ENTRY_BYTES, L1_VALID

if TYPE_CHECKING:
    from app.gic.its import Words
    from app.gic.machine import Machine

ENTRY_BYTES = 8
PAGE_BYTES = 65536
_LOW = 0xFFFF_FFFF
_V = 1 << 63
_CACHED_PER_CPU = 16
_MAP_EVENTS = frozenset({0x01, 0x0A, 0x0B, 0x0F})  # MOVI, MAPTI, MAPI, DISCARD
_MAPD, _MAPC = 0x08, 0x09
_REMAPS_KEPT = 1024
_COLLECTIONS = (-1, None)
_L1_ADDRESS = 0x000F_FFFF_FFFF_0000


class KernelTranslation:
    """`collections` by ICID, in the order they were mapped."""

    layouts = KVM_LAYOUTS

    def __init__(self, machine: Machine) -> None:
        self._m = machine
        self.devices = DeviceList()
        self.collections: dict[int, Collection] = {}
        self._cache: OrderedDict[tuple[int, int], Lpi] = OrderedDict()
        self._mappings = 0  # counts what may have changed devices, events or collections
        self._remaps: deque[tuple[int | None, int | None]] = deque(maxlen=_REMAPS_KEPT)  # the last of them
        self._put_away: dict[tuple[int, int], Device] = {}
        impl = machine.impl
        self._pending_follows = impl.collection_move is CollectionMove.FOLLOWS
        self._follows_event = impl.shared_lpi is SharedLpi.ITS_COLLECTION
        self._movall_moves_lpis = impl.movall_scope is MovallScope.THE_LPIS
        self._commands: dict[int, Callable[[Words], Outcome]] = {
            0x01: self._movi,
            0x03: self._int,
            0x04: self._clear,
            0x05: lambda words: DONE,
            0x08: self._mapd,
            0x09: self._mapc,
            0x0A: self._mapti,
            0x0B: self._mapi,
            0x0C: self._inv,
            0x0D: self._invall,
            0x0E: self._movall,
            0x0F: self._discard,
        }

    @property
    def lpis(self) -> KernelLpis:
        lpis = self._m.lpi_home
        assert isinstance(lpis, KernelLpis)
        return lpis

    def configure(self) -> None:
        return None

    def run(self, words: Words) -> Outcome:
        self.lpis.changed()
        opcode = words[0] & 0xFF
        if opcode in _MAP_EVENTS:
            self.remapped(words[0] >> 32, words[1] & _LOW)
        elif opcode == _MAPD:
            self.remapped(words[0] >> 32)
        elif opcode == _MAPC:
            self.remapped(*_COLLECTIONS)
        command = self._commands.get(opcode)
        if command is None:
            return Outcome("ignored", "-ENODEV: no such command", True)
        try:
            return command(words)
        except IndexError as fault:
            self._m.chose(self._m.impl.table_faults)
            stalls = self._m.impl.table_faults is TableFaults.STALLS
            return stalled(str(fault)) if stalls else Outcome("ignored", f"-EFAULT: {fault}")

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
        address = (entry & _L1_ADDRESS) + index % (PAGE_BYTES // ENTRY_BYTES) * ENTRY_BYTES
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

    # -- commands

    def _find(self, words: Words) -> Event | None:
        device = self.devices.get(words[0] >> 32)
        return device.events.get(words[1] & _LOW) if device else None

    def _mapd(self, words: Words) -> Outcome:
        number = words[0] >> 32
        valid = bool(words[2] & _V)
        size = (words[1] & 0x1F) + 1
        address = self.slot(self._m.its.baser(0), number)
        if address is None:
            return ignored("MAPD", "DEVICE_OOR")
        impl = self._m.impl
        if (valid or impl.unmap_too_large is UnmapTooLarge.IGNORED) and size > LPI_ID_BITS:
            return ignored("MAPD", "ITTSIZE_OOR")
        itt = words[2] & ADDRESS_51_8
        old = self.devices.get(number)
        if old is not None and impl.unmap_device is UnmapDevice.EVENTS_BACK:
            self._put_away[number, old.itt] = old
            self.devices.remove(old)
            self._m.work += len(old.events)
            for event in old.events.values():
                lost = event.lpi.queued is None and impl.unmap_pending is UnmapPending.LOST
                event.lpi.latch = event.lpi.latch and not lost
                self.lpis.touch(event.lpi.intid)
            self.forget_translations()
        elif old is not None:
            self.free_device(old)
        if valid:
            device = self._put_away.pop((number, itt), Device(number, itt, size))
            device.size = size
            self.devices.add(device)
            self._changed(f"DeviceID {number:#x} mapped: {size} EventID bits, ITT at {words[2] & ADDRESS_51_8:#x}")
        else:
            self._zero("Device table", number, address)
            self._changed(f"DeviceID {number:#x} unmapped")
        return DONE

    def _mapc(self, words: Words) -> Outcome:
        icid, target = words[2] & 0xFFFF, words[2] >> 16 & _LOW
        impl = self._m.impl
        valid = bool(words[2] & _V)
        if target >= self._m.cpus and (valid or impl.unmap_to_nowhere is UnmapToNowhere.IGNORED):
            return ignored("MAPC", "PROCNUM_OOR")
        if not valid:
            kept = self.collections.get(icid) if impl.unmap_collection is UnmapCollection.EVENTS_BACK else None
            if kept is None:
                self.free_collection(icid)
            else:
                kept.target = UNMAPPED_TARGET
            self.forget_translations()
            self._changed(f"collection {icid} unmapped; its events stay, without a collection")
            return DONE
        collection = self.collections.get(icid)
        if collection is None:
            if self.slot(self._m.its.baser(1), icid) is None:
                return ignored("MAPC", "COLLECTION_OOR")
            self.collections[icid] = Collection(icid, target)
        else:
            collection.target = target
            for device in self.devices:
                self._m.work += 1 + len(device.events)
                for event in device.events.values():
                    if event.collection is not collection:
                        continue
                    if self._pending_follows or not event.lpi.latch:
                        self._retarget(event.lpi, target)
                    else:
                        event.lpi.strayed = True
        self._changed(f"collection {icid} mapped to CPU {target}")
        return DONE

    def _retarget(self, lpi: Lpi, target: int) -> None:
        if lpi.latch and not self._m.lpis_enabled(target):
            self._m.chose(self._m.impl.move_to_disabled)
            if self._m.impl.move_to_disabled is MoveToDisabled.STAYS_BEHIND:
                return
        if lpi.target != target and self._m.sink is not None:
            self._m.sink.append(effects.LpiMoved(lpi.intid, lpi.target, target, lpi.latch))
        lpi.target = target
        self.lpis.touch(lpi.intid)

    def _mapti(self, words: Words) -> Outcome:
        return self._map("MAPTI", words, words[1] >> 32)

    def _mapi(self, words: Words) -> Outcome:
        return self._map("MAPI", words, words[1] & _LOW)

    def _map(self, name: str, words: Words, intid: int) -> Outcome:
        number, icid = words[1] & _LOW, words[2] & 0xFFFF
        device = self.devices.get(words[0] >> 32)
        if device is None:
            return ignored(name, "UNMAPPED_DEVICE")
        if not self.event_fits(device, number):
            return ignored(name, "ID_OOR")
        if not FIRST_LPI <= intid < 1 << self._intid_bits():
            return ignored(name, "PHYSICALID_OOR")
        if number in device.events:
            self._m.chose(self._m.impl.remap)
            if self._m.impl.remap is Remap.KEEPS_OLD:
                return Outcome("ignored", "the event is mapped already: the old mapping stays")
            self._free_event(device, device.events[number])
        collection = self.collections.get(icid)
        made = collection is None
        if collection is None:
            if self.slot(self._m.its.baser(1), icid) is None:
                return ignored("MAPC", "COLLECTION_OOR")
            collection = self.collections[icid] = Collection(icid)
        try:
            lpi = self.lpis.add(intid, collection.target if collection.mapped else None)
        except IndexError:
            if made:
                self.free_collection(icid)
            raise
        device.events[number] = Event(number, collection, lpi)
        self._changed(
            f"DeviceID {device.device:#x} EventID {number:#x} mapped to INTID {intid}, collection {icid}"
            + ("" if collection.mapped else " (not mapped yet)")
        )
        return DONE

    def _intid_bits(self) -> int:
        bounded = self._m.impl.id_bits is IdBits.NOT_MAPPED
        return min((self._m.propbaser(0) & 0x1F) + 1, LPI_ID_BITS) if bounded else LPI_ID_BITS

    def event_fits(self, device: Device, event: int) -> bool:
        """vgic_its_check_event_id: within the ITT, and the ITT within RAM."""
        return event < 1 << device.size and self.visible(device.itt + event * ENTRY_BYTES)

    def _int(self, words: Words) -> Outcome:
        return self.msi(words[0] >> 32, words[1] & _LOW)

    def resolve(self, device: int, event: int) -> Lpi | Outcome:
        """vgic_its_resolve_lpi, the enabled ITS aside."""
        found = self.devices.get(device)
        mapping = found.events.get(event) if found else None
        if mapping is None or mapping.target is None:
            return ignored("INT", "UNMAPPED_INTERRUPT")
        if not self._m.lpis_enabled(mapping.target):
            return Outcome("ignored", f"-EBUSY: EnableLPIs is 0 on CPU {mapping.target}")
        self._remember(device, event, mapping.lpi)
        if not mapping.lpi.latch and (mapping.lpi.strayed or self._follows_event):
            mapping.lpi.target, mapping.lpi.strayed = mapping.target, False
            self.lpis.touch(mapping.lpi.intid)
            self.lpis.changed()
        return mapping.lpi

    def msi(self, device: int, event: int) -> Outcome:
        found = self.resolve(device, event)
        if isinstance(found, Outcome):
            return found
        if self._m.sink is not None:
            self._m.sink.append(effects.MsiTranslated(device, event, found.intid, None, found.target or 0))
        self.lpis.set_pending(found)
        return DONE

    def _clear(self, words: Words) -> Outcome:
        event = self._find(words)
        if event is None:
            return ignored("CLEAR", "UNMAPPED_INTERRUPT")
        if self._lacks_collection(event):
            return ignored("CLEAR", "UNMAPPED_COLLECTION")
        if event.lpi.latch:
            self._m.tell(effects.LpiNotPending(event.lpi.intid, event.lpi.target, "CLEAR"))
        event.lpi.latch = False
        self.lpis.touch(event.lpi.intid)
        return DONE

    def _lacks_collection(self, event: Event) -> bool:
        return event.target is None and self._m.impl.without_collection is WithoutCollection.IGNORED

    def _discard(self, words: Words) -> Outcome:
        device = self.devices.get(words[0] >> 32)
        event = self._find(words)
        if device is None or event is None or event.target is None:
            return ignored("DISCARD", "UNMAPPED_INTERRUPT")
        self.forget_translations()
        if self._m.impl.discard_pending is DiscardPending.CLEARS:
            event.lpi.latch = False
            self.lpis.touch(event.lpi.intid)
        self._free_event(device, event)
        self._changed(f"DeviceID {device.device:#x} EventID {event.event:#x} unmapped; pending state is not cleared")
        self._zero("ITT", event.event, device.itt + event.event * ENTRY_BYTES)
        return DONE

    def _inv(self, words: Words) -> Outcome:
        event = self._find(words)
        if event is None:
            return ignored("INV", "UNMAPPED_INTERRUPT")
        if self._lacks_collection(event):
            return ignored("INV", "UNMAPPED_COLLECTION")
        self.lpis.invalidate(event.lpi)
        return DONE

    def _invall(self, words: Words) -> Outcome:
        collection = self.collections.get(words[2] & 0xFFFF)
        if collection is None or not collection.mapped:
            return ignored("INVALL", "UNMAPPED_COLLECTION")
        every = self._m.impl.invall_scope is InvallScope.EVERY_REDISTRIBUTOR
        for cpu in range(self._m.cpus) if every else (collection.target,):
            self.lpis.invalidate_all(cpu)
        return DONE

    def _movi(self, words: Words) -> Outcome:
        event = self._find(words)
        if event is None:
            return ignored("MOVI", "UNMAPPED_INTERRUPT")
        collection = self.collections.get(words[2] & 0xFFFF)
        if event.target is None or collection is None or not collection.mapped:
            return ignored("MOVI", "UNMAPPED_COLLECTION")
        event.collection = collection
        self.forget_translations()
        self._retarget(event.lpi, collection.target)
        return DONE

    def _movall(self, words: Words) -> Outcome:
        source, target = words[2] >> 16 & _LOW, words[3] >> 16 & _LOW
        if source >= self._m.cpus or target >= self._m.cpus:
            return ignored("MOVALL", "PROCNUM_OOR")
        if source != target:
            for lpi in self.lpis.targeting(source):
                if lpi.latch or self._movall_moves_lpis:
                    self._retarget(lpi, target)
                    lpi.strayed = not self._movall_moves_lpis
            self.forget_translations()
        return DONE

    # -- freeing

    def _zero(self, table: str, index: int, address: int) -> None:
        self._m.memory.write(address, bytes(ENTRY_BYTES))
        self._m.tell(effects.TableWritten(table, index, address, bytes(ENTRY_BYTES), "not valid"))

    def _changed(self, what: str) -> None:
        self._m.tell(effects.MappingChanged(what, cite="vgic-its.c: the ITS's own lists; guest RAM is not written"))

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

    def invalidate(self, cpu: int, intid: int) -> None:
        return None

    def invalidate_all(self, cpu: int) -> None:
        self.lpis.invalidate_all(cpu)

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
