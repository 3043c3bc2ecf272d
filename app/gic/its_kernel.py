"""The commands of an ITS that keeps its mappings in lists of its own: Linux KVM's (vgic-its.c).

Of them only DISCARD (the ITE) and MAPD with V=0 (the DTE) write to guest RAM. A command's error is dropped: the queue
goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from app.gic import effects
from app.gic.its_behaviours import (
    MovallScope,
    Remap,
    SharedLpi,
    TableFaults,
    UnmapCollection,
    UnmapDevice,
    UnmapToNowhere,
    UnmapTooLarge,
    WithoutCollection,
)
from app.gic.its_lists import UNMAPPED_TARGET, Collection, Device, Event
from app.gic.its_mappings import ENTRY_BYTES, KernelMappings
from app.gic.lpi import FIRST_LPI, LPI_ID_BITS
from app.gic.lpi_behaviours import CollectionMove, DiscardPending, IdBits, InvallScope, MoveToDisabled, UnmapPending
from app.gic.lpi_struct import Lpi
from app.gic.outcome import DONE, Outcome, ignored, stalled
from app.gic.tables import ADDRESS_51_8, KVM_LAYOUTS

if TYPE_CHECKING:
    from app.gic.its import Words
    from app.gic.machine import Machine

_LOW = 0xFFFF_FFFF
_V = 1 << 63
_MAP_EVENTS = frozenset({0x01, 0x0A, 0x0B, 0x0F})  # MOVI, MAPTI, MAPI, DISCARD
_MAPD, _MAPC = 0x08, 0x09
_COLLECTIONS = (-1, None)


class KernelTranslation(KernelMappings):
    """What commands and MSIs make of the mappings."""

    layouts = KVM_LAYOUTS

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
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

    def invalidate(self, cpu: int, intid: int) -> None:
        return None

    def invalidate_all(self, cpu: int) -> None:
        self.lpis.invalidate_all(cpu)

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

    # -- what is told of them

    def _zero(self, table: str, index: int, address: int) -> None:
        self._m.memory.write(address, bytes(ENTRY_BYTES))
        self._m.tell(effects.TableWritten(table, index, address, bytes(ENTRY_BYTES), "not valid"))

    def _changed(self, what: str) -> None:
        self._m.tell(effects.MappingChanged(what, cite="vgic-its.c: the ITS's own lists; guest RAM is not written"))
