"""An ITS whose tables live in guest RAM at all times: every command walks them (IHI 0069, "The ITS tables").

Written to serve `architecture` and QEMU alike (arm_gicv3_its.c: process_cmdq and below). The order of the checks is
QEMU's; the architecture leaves it open.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING

from app.gic import effects
from app.gic.its_behaviours import Remap, TableFaults, TableInFlash, TableRoom
from app.gic.lpi import FIRST_LPI, LPI_LIMIT
from app.gic.lpi_behaviours import InvallScope
from app.gic.lpi_cached import CachedLpis
from app.gic.lpi_ram import RamLpis
from app.gic.memory import PAGE
from app.gic.outcome import DONE, Outcome, ignored, stalled
from app.gic.tables import (
    ADDRESS_51_8,
    L1_ENTRY_BYTES,
    L1_VALID,
    CollectionEntry,
    DeviceEntry,
    InterruptEntry,
    TableFormat,
    TableLayouts,
    TableRoot,
)

if TYPE_CHECKING:
    from app.gic.its import Words
    from app.gic.machine import Machine

_ID_BITS = 16
_REMEMBERED = 8192
_LOW = 0xFFFF_FFFF
_V = 1 << 63
FLASH_END = 0x0800_0000  # of QEMU's virt board: from address 0 to the Distributor
_L1_ADDRESS = (1 << 51) - 1
_NEVER_STALL = frozenset({"INT", "CLEAR", "DISCARD"})  # on a fault of the collection's entry (observed on QEMU)
_NO_DEVICE = DeviceEntry(False, 1, 0)
_NO_COLLECTION = CollectionEntry(False, 0)
_NO_INTERRUPT = InterruptEntry(False, 0, 0)


Entry = DeviceEntry | CollectionEntry | InterruptEntry


class TableFault(Exception):
    """A table access met an address with no RAM behind it."""


def _no_ram(address: int, what: str) -> TableFault:
    return TableFault(f"no RAM at {address:#x} for the {what}")


class Refused(Exception):
    """A look-up found the command to be wrong."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.error)
        self.outcome = outcome


class TableTranslation:
    def __init__(self, machine: Machine, form: TableFormat) -> None:
        self._m = machine
        self._u64 = machine.ram.u64
        lpis = machine.lpi_home
        assert isinstance(lpis, (RamLpis, CachedLpis))
        self._lpis = lpis
        self.format = form
        # The same few entries are read over and over: a decoded one is remembered by its doubleword.
        self._dte = lru_cache(_REMEMBERED)(form.unpack_dte)
        self._cte = lru_cache(_REMEMBERED)(form.unpack_cte)
        self._ite = lru_cache(_REMEMBERED)(form.unpack_ite)
        self._ite_bytes = form.ite_bytes
        # Where in a page an entry begins at the latest that does not go on in the next page, which may not be RAM.
        self._last_ite = PAGE - form.ite_bytes
        self._keeps_old = machine.impl.remap is Remap.KEEPS_OLD
        self.devices = TableRoot()
        self.collections = TableRoot()
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
    def layouts(self) -> TableLayouts:
        return self.format.layouts

    def configure(self) -> None:
        its = self._m.its
        modulo = 1 << 32 if self._m.impl.table_room is TableRoom.MODULO else 0
        self.devices = TableRoot.of(its.baser(0), _ID_BITS, modulo=modulo)
        self.collections = TableRoot.of(its.baser(1), _ID_BITS, modulo=modulo)

    def base_written(self, index: int) -> None:
        return None

    def run(self, words: Words) -> Outcome:
        command = self._commands.get(words[0] & 0xFF)
        if command is None:
            return Outcome("ignored", "GICv3 has no such command", True)
        try:
            return command(words)
        except Refused as refused:
            return refused.outcome
        except TableFault as fault:
            self._m.chose(self._m.impl.table_faults)
            stalls = self._m.impl.table_faults is TableFaults.STALLS
            return stalled(str(fault)) if stalls else Outcome("ignored", str(fault))

    # -- entries in RAM

    def entry_address(self, root: TableRoot, index: int) -> int | None:
        """Where entry `index` lies; None when its level 1 entry is not Valid. TableFault: no RAM."""
        if not root.indirect:
            return root.base + index * root.entry_bytes
        slot = root.level1_address(index)
        try:
            level1 = self._u64(slot)
        except IndexError as fault:
            level1 = self._beyond_ram(slot, "level 1 entry", fault)
        if not level1 & L1_VALID:
            return None
        return (level1 & _L1_ADDRESS) + index % (root.page_bytes // root.entry_bytes) * root.entry_bytes

    def _beyond_ram(self, address: int, what: str, fault: IndexError) -> int:
        """What a load reads where there is no RAM; TableFault where nothing answers."""
        if self._in_flash(address):
            return 0
        raise _no_ram(address, what) from fault

    def _in_flash(self, address: int) -> bool:
        return address < FLASH_END and self._m.impl.table_in_flash is TableInFlash.FLASH

    def _store(self, table: str, index: int, address: int | None, data: bytes, entry: Entry) -> None:
        if address is None:
            self._m.tell(effects.AccessIgnored(f"{table} entry {index:#x}", True, "its level 1 entry is not Valid"))
            return
        try:
            self._m.memory.write(address, data)
        except IndexError as fault:
            if self._in_flash(address) and address % L1_ENTRY_BYTES == 0:
                return
            with suppress(IndexError):  # a longer entry is two stores: the first stands where the second has no RAM
                self._m.memory.write(address, data[:L1_ENTRY_BYTES])
            raise _no_ram(address, f"{table} entry") from fault
        if self._m.sink is not None:
            self._m.sink.append(effects.TableWritten(table, index, address, data, entry.words))

    def _saw(self, table: str, index: int, address: int, length: int, meaning: str) -> None:
        data = bytes(length) if self._in_flash(address) else self._m.memory.read(address, length)
        self._m.tell(effects.TableRead(table, index, address, data, meaning))

    def device(self, device: int) -> DeviceEntry:
        root = self.devices
        address = self.entry_address(root, device) if root.indirect else root.base + device * root.entry_bytes
        if address is None:
            return _NO_DEVICE
        try:
            entry = self._dte(self._u64(address))
        except IndexError as fault:
            entry = self._dte(self._beyond_ram(address, "Device table entry", fault))
        if self._m.sink is not None:
            self._saw("Device table", device, address, 8, entry.words)
        return entry

    def collection(self, icid: int) -> CollectionEntry:
        root = self.collections
        address = self.entry_address(root, icid) if root.indirect else root.base + icid * root.entry_bytes
        if address is None:
            return _NO_COLLECTION
        try:
            entry = self._cte(self._u64(address))
        except IndexError as fault:
            entry = self._cte(self._beyond_ram(address, "Collection table entry", fault))
        if self._m.sink is not None:
            self._saw("Collection table", icid, address, 8, entry.words)
        return entry

    def interrupt(self, device: DeviceEntry, event: int) -> InterruptEntry:
        address = device.itt + event * self._ite_bytes
        try:
            entry = self._ite(self._u64(address))
            if address % PAGE > self._last_ite:
                self._u64(address + self._ite_bytes - 8)
        except IndexError as fault:
            entry = self._ite(self._beyond_ram(address, "ITT entry", fault))
        if self._m.sink is not None:
            self._saw("ITT", event, address, self._ite_bytes, entry.words)
        return entry

    def _write_interrupt(self, device: DeviceEntry, event: int, entry: InterruptEntry) -> None:
        address = device.itt + event * self._ite_bytes
        self._store("ITT", event, address, self.format.pack_ite(entry), entry)

    def _update_interrupt(self, device: DeviceEntry, event: int, entry: InterruptEntry) -> None:
        """Store an entry that was read: the fields that have no part in it stay as they were."""
        address = device.itt + event * self._ite_bytes
        data = self.format.pack_ite(entry)
        if self._ite_bytes > L1_ENTRY_BYTES and not self._in_flash(address):
            tail = self._m.memory.read(address + L1_ENTRY_BYTES, self._ite_bytes - L1_ENTRY_BYTES)
            data = data[:L1_ENTRY_BYTES] + self.format.kept_tail(tail)
        self._store("ITT", event, address, data, entry)

    # -- look-ups: they own every error case

    def _mapping(self, name: str, device: int, event: int) -> tuple[DeviceEntry, InterruptEntry]:
        if device >= self.devices.entries:
            raise Refused(ignored(name, "DEVICE_OOR"))
        dte = self.device(device)
        if not dte.valid:
            raise Refused(ignored(name, "UNMAPPED_DEVICE"))
        if event >= 1 << dte.size:
            raise Refused(ignored(name, "ID_OOR"))
        ite = self.interrupt(dte, event)
        if not ite.valid or not ite.physical:
            raise Refused(ignored(name, "UNMAPPED_INTERRUPT"))
        return dte, ite

    def _target(self, name: str, icid: int) -> int:
        """The CPU that the collection targets."""
        if icid >= self.collections.entries:
            raise Refused(ignored(name, "COLLECTION_OOR"))
        try:
            cte = self.collection(icid)
        except TableFault as fault:
            if name in _NEVER_STALL:
                raise Refused(Outcome("ignored", str(fault))) from fault
            raise
        if not cte.valid or cte.rdbase >= self._m.cpus:
            raise Refused(ignored(name, "UNMAPPED_COLLECTION"))
        return cte.rdbase

    # -- commands

    def _mapd(self, words: Words) -> Outcome:
        device = words[0] >> 32
        size = (words[1] & 0x1F) + 1
        valid = bool(words[2] & _V)
        if device >= self.devices.entries:
            return ignored("MAPD", "DEVICE_OOR")
        if size > _ID_BITS:
            return ignored("MAPD", "ITTSIZE_OOR")
        entry = DeviceEntry(True, size, words[2] & ADDRESS_51_8) if valid else _NO_DEVICE
        address = self.entry_address(self.devices, device)
        self._store("Device table", device, address, self.format.pack_dte(entry), entry)
        return DONE

    def _mapc(self, words: Words) -> Outcome:
        icid = words[2] & 0xFFFF
        valid = bool(words[2] & _V)
        rdbase = words[2] >> 16 & 0xFFFF
        if icid >= self.collections.entries:
            return ignored("MAPC", "COLLECTION_OOR")
        if valid and rdbase >= self._m.cpus:
            return ignored("MAPC", "PROCNUM_OOR")
        entry = CollectionEntry(True, rdbase) if valid else _NO_COLLECTION
        address = self.entry_address(self.collections, icid)
        self._store("Collection table", icid, address, self.format.pack_cte(entry), entry)
        return DONE

    def _mapti(self, words: Words) -> Outcome:
        return self._map("MAPTI", words, words[1] >> 32)

    def _mapi(self, words: Words) -> Outcome:
        return self._map("MAPI", words, words[1] & _LOW)

    def _map(self, name: str, words: Words, intid: int) -> Outcome:
        device, event, icid = words[0] >> 32, words[1] & _LOW, words[2] & 0xFFFF
        if device >= self.devices.entries:
            return ignored(name, "DEVICE_OOR")
        dte = self.device(device)
        if icid >= self.collections.entries:
            return ignored(name, "COLLECTION_OOR")
        if not dte.valid:
            return ignored(name, "UNMAPPED_DEVICE")
        if event >= 1 << dte.size:
            return ignored(name, "ID_OOR")
        if not FIRST_LPI <= intid < LPI_LIMIT:
            return ignored(name, "PHYSICALID_OOR")
        if (self._keeps_old or self._m.watched) and self._is_mapped(dte, event):
            self._m.chose(self._m.impl.remap)
            if self._keeps_old:
                return Outcome("ignored", "the event is mapped already: the old mapping stays")
        self._write_interrupt(dte, event, InterruptEntry(True, intid, icid))
        return DONE

    def _is_mapped(self, dte: DeviceEntry, event: int) -> bool:
        try:
            return self.interrupt(dte, event).valid
        except TableFault:
            if self._keeps_old:
                raise
            return False  # looked at for who listens only: the store will meet the fault itself

    def msi(self, device: int, event: int) -> Outcome:
        try:
            return self._int((device << 32, event, 0, 0))
        except Refused as refused:
            return refused.outcome
        except TableFault as fault:
            return Outcome("ignored", str(fault))

    def _int(self, words: Words) -> Outcome:
        """Translate the event and make its LPI pending."""
        device, event = words[0] >> 32, words[1] & _LOW
        _, ite = self._mapping("INT", device, event)
        target = self._target("INT", ite.icid)
        if self._m.sink is not None:
            self._m.sink.append(effects.MsiTranslated(device, event, ite.intid, ite.icid, target))
        self._lpis.set_pending(target, ite.intid)
        return DONE

    def _clear(self, words: Words) -> Outcome:
        _, ite = self._mapping("CLEAR", words[0] >> 32, words[1] & _LOW)
        self._lpis.clear_pending(self._target("CLEAR", ite.icid), ite.intid, "CLEAR")
        return DONE

    def _discard(self, words: Words) -> Outcome:
        event = words[1] & _LOW
        dte, ite = self._mapping("DISCARD", words[0] >> 32, event)
        self._lpis.clear_pending(self._target("DISCARD", ite.icid), ite.intid, "DISCARD")
        self._write_interrupt(dte, event, _NO_INTERRUPT)
        return DONE

    def _inv(self, words: Words) -> Outcome:
        _, ite = self._mapping("INV", words[0] >> 32, words[1] & _LOW)
        self._lpis.invalidate(self._target("INV", ite.icid), ite.intid)
        return DONE

    def _invall(self, words: Words) -> Outcome:
        every = self._m.impl.invall_scope is InvallScope.EVERY_REDISTRIBUTOR
        self._lpis.invalidate_all(0 if every else self._target("INVALL", words[2] & 0xFFFF))
        return DONE

    def _movi(self, words: Words) -> Outcome:
        event, icid = words[1] & _LOW, words[2] & 0xFFFF
        dte, ite = self._mapping("MOVI", words[0] >> 32, event)
        source = self._target("MOVI", ite.icid)
        target = self._target("MOVI", icid)
        if source != target:
            self._lpis.move(source, target, ite.intid)
        self._update_interrupt(dte, event, ite._replace(icid=icid))
        return DONE

    def _movall(self, words: Words) -> Outcome:
        source, target = words[2] >> 16 & 0xF_FFFF_FFFF, words[3] >> 16 & 0xF_FFFF_FFFF
        if source >= self._m.cpus or target >= self._m.cpus:
            return ignored("MOVALL", "PROCNUM_OOR")
        if source != target:
            self._lpis.move_all(source, target)
        return DONE

    # -- for the Redistributors' own invalidate registers

    def invalidate(self, cpu: int, intid: int) -> None:
        self._lpis.invalidate(cpu, intid)

    def invalidate_all(self, cpu: int) -> None:
        self._lpis.invalidate_all(cpu)

    def forget_translations(self) -> None:
        return None

    def mapped_by(self) -> object:
        return self.devices, self.collections

    def snapshot(self) -> object:
        return self.devices, self.collections

    def restore(self, state: object) -> None:
        assert isinstance(state, tuple)
        self.devices, self.collections = state
