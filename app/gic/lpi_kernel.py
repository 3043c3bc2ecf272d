"""LPIs as Linux KVM keeps them: one structure per mapped LPI, alive while somebody refers to it.

vgic-its.c: vgic_add_lpi, update_lpi_config, its_sync_lpi_pending_table; vgic-v3.c:
vgic_v3_lpi_sync_pending_status, vgic_v3_save_pending_tables; vgic.c: vgic_put_irq, vgic_flush_pending_lpis.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from app.gic import effects
from app.gic.bounds import SCAN_WORK
from app.gic.lpi import (
    CONFIG_ENABLE,
    CONFIG_PRIORITY,
    FIRST_LPI,
    LPI_LIMIT,
    PENDBASER_ADDRESS,
    PROPBASER_ADDRESS,
    PTZ,
    Candidate,
    LpiState,
    config_address,
    lpi_limit,
    pending_address,
    pending_in_ram,
    set_pending_bit,
)
from app.gic.lpi_behaviours import (
    ConfigAtEnable,
    ConfigCache,
    DisableLpis,
    EnableScan,
    IdBits,
    InvScope,
    LpiTableFaults,
    MappingPending,
    TableEdits,
    UnmapPending,
)
from app.gic.lpi_map import Planes
from app.gic.lpi_struct import Lpi, state_of

if TYPE_CHECKING:
    from app.gic.list_registers import ListRegisters
    from app.gic.machine import Machine

_SYNC = "vgic-v3.c: vgic_v3_lpi_sync_pending_status"
_SCAN = "vgic-its.c: its_sync_lpi_pending_table"


class KernelLpis:
    """`structs` by INTID, in the order they were made (the kernel's lpi_list).

    `touched`: whose pending state, target or configuration may be others than `_planes` has; None: anybody's.
    """

    def __init__(self, machine: Machine) -> None:
        self._m = machine
        self.structs: dict[int, Lpi] = {}
        impl = machine.impl
        self._reads_when_mapped = impl.config_cache is ConfigCache.FROM_MAPPING
        self._caches = impl.config_cache is not ConfigCache.WINNER_ONLY
        self._consumes = impl.mapping_pending is MappingPending.CONSUMES
        self._bounded = impl.id_bits is IdBits.NOT_TAKEN
        self._sees_edits = impl.table_edits is TableEdits.NEXT_SCAN
        self.touched: set[int] | None = None
        self._planes: list[bytearray] = []
        self._odd: frozenset[int] = frozenset()

    @property
    def _queues(self) -> ListRegisters:
        queues = self._m.list_registers
        assert queues is not None
        return queues

    def changed(self) -> None:
        """Something that a command did may have changed any LPI."""
        self._queues.changed()

    # -- life of a structure

    def add(self, intid: int, target: int | None) -> Lpi:
        """One more reference to the LPI; a new one reads its configuration and pending bit (IndexError: no RAM)."""
        lpi = self.structs.get(intid)
        if lpi is not None:
            lpi.refs += 1
            return lpi
        lpi = self.structs[intid] = Lpi(intid, target)
        self.touch(intid)
        try:
            if self._reads_when_mapped:
                self.read_config(lpi)
            if self._consumes:
                self._sync_pending(lpi)
        except IndexError:
            if self._m.impl.lpi_table_faults is LpiTableFaults.NOT_MAPPED:
                self.put(lpi)
                raise
        return lpi

    def touch(self, intid: int) -> None:
        """The LPI may be pending, go to a CPU or be configured otherwise than before, or be there no more."""
        if self.touched is not None:
            self.touched.add(intid)

    def put(self, lpi: Lpi) -> None:
        self._queues.changed()
        self.touch(lpi.intid)
        lpi.refs -= 1
        if lpi.refs == 0 and not (lpi.latch and self._m.impl.unmap_pending is UnmapPending.STAYS):
            del self.structs[lpi.intid]
            if lpi.latch:
                why = "its last mapping went and it was on no CPU's list"
                self._m.tell(effects.LpiLost(lpi.intid, lpi.target, why, cite="vgic.c: vgic_put_irq"))

    # -- configuration and pending state

    def read_config(self, lpi: Lpi, only_for: int | None = None) -> None:
        """Read the configuration byte; with `only_for`, apply it only if the LPI targets that CPU."""
        address = config_address(self._m, lpi.intid, 0)
        byte = self._m.memory.read(address, 1)[0]
        if only_for is not None and lpi.target != only_for:
            return
        was = lpi.config
        self._queues.changed()
        self.touch(lpi.intid)
        lpi.config = byte
        lpi.read = True
        lpi.priority = byte & CONFIG_PRIORITY
        lpi.enabled = bool(byte & CONFIG_ENABLE)
        if self._m.sink is not None:
            cite = "vgic-its.c: update_lpi_config"
            self._m.sink.append(effects.ConfigRead(lpi.intid, address, byte, was or None, cite=cite))
        self._queues.queue(lpi.intid, 0)

    def _use(self, lpi: Lpi) -> None:
        """Read the configuration byte if it is not cached."""
        if not (lpi.read and self._caches):
            with suppress(IndexError):
                self.read_config(lpi)

    def _sync_pending(self, lpi: Lpi) -> None:
        """Mapping takes the pending bit out of RAM; neither PTZ nor EnableLPIs is asked."""
        if lpi.target is None:
            return
        address = pending_address(self._m, lpi.intid, lpi.target)
        byte = self._m.memory.read(address, 1)[0]
        lpi.latch = bool(byte >> lpi.intid % 8 & 1)
        self._queues.changed()
        self.touch(lpi.intid)
        self._queues.queue(lpi.intid, 0)
        if lpi.latch:
            self._m.memory.write(address, bytes([byte & ~(1 << lpi.intid % 8)]))
            self._m.tell(effects.PendingBitConsumed(lpi.intid, lpi.target, address, cite=_SYNC))

    def enable(self, cpu: int, again: bool) -> None:
        machine = self._m
        base = machine.pendbaser(cpu) & PENDBASER_ADDRESS
        if machine.impl.config_at_enable is ConfigAtEnable.READ_AGAIN:
            self._read_again(cpu)
        if machine.pendbaser(cpu) & PTZ and machine.impl.enable_scan is not EnableScan.ALL:
            why = "PTZ was written as one (stored, though it reads as zero)"
            machine.tell(effects.PendingTableSkipped(cpu, base, why, cite="vgic-its.c: vgic_enable_lpis"))
            return
        self._scan(cpu, base)

    def _scan(self, cpu: int, base: int) -> None:
        """Latches of the mapped LPIs that target `cpu` := their bits in RAM; a byte with no RAM ends the scan."""
        self._queues.changed()
        mapped = [lpi for lpi in self.structs.values() if lpi.target == cpu]
        found: list[int] = []
        last = -1
        byte = 0
        for lpi in mapped:
            if lpi.intid // 8 != last:
                try:
                    byte = self._m.memory.read(base + lpi.intid // 8, 1)[0]
                except IndexError:
                    break
                last = lpi.intid // 8
            was = lpi.latch
            lpi.latch = bool(byte >> lpi.intid % 8 & 1)
            self.touch(lpi.intid)
            if lpi.latch:
                found.append(lpi.intid)
            elif was:
                why = "the scan at EnableLPIs 0→1 overwrote its latch with the bit in RAM, which is 0"
                self._m.tell(effects.LpiLost(lpi.intid, cpu, why, cite=_SCAN))
            if lpi.latch:
                self._use(lpi)
            self._queues.queue(lpi.intid, 0)
        if self._m.impl.enable_scan is not EnableScan.MAPPED_UNLESS_PTZ:
            found += self._add_unmapped(cpu, base)
        self._tell_scan(cpu, base, found, looked=bool(mapped or found))

    def _tell_scan(self, cpu: int, base: int, found: list[int], *, looked: bool) -> None:
        if self._m.sink is None:
            return
        if not looked:
            why = "PTZ is 0, but no mapped LPI targets this CPU and bits of others are not looked at"
            self._m.sink.append(effects.PendingTableSkipped(cpu, base, why, cite=_SCAN))
            return
        told = tuple(found[:16])
        self._m.sink.append(effects.PendingTableScanned(cpu, base, told, len(found), "PTZ is 0", cite=_SCAN))
        for intid in told:
            self._m.sink.append(effects.LpiPending(intid, cpu, "latched", base + intid // 8, cite=_SCAN))

    def _add_unmapped(self, cpu: int, base: int) -> list[int]:
        """LPIs whose bits are set and that nobody mapped, where the scan is not only for mapped ones."""
        limit = lpi_limit(self._m.propbaser(cpu))
        added = [intid for intid in pending_in_ram(self._m, base, limit) if intid not in self.structs]
        for intid in added:
            lpi = self.structs[intid] = Lpi(intid, cpu)
            lpi.latch = True
            self.touch(intid)
            self._use(lpi)
        return added

    def see_edits(self, cpu: int) -> None:
        """Bits that software set in the pending table, where a scan looks for them."""
        if self._sees_edits:
            self._queues.changed()
            found = pending_in_ram(self._m, self._m.pendbaser(cpu) & PENDBASER_ADDRESS, LPI_LIMIT)
            self._m.work += SCAN_WORK + len(found)
            for intid in found:
                lpi = self.structs.get(intid)
                if lpi is not None and lpi.target == cpu:
                    lpi.latch = True
                    self.touch(intid)
                    self._queues.queue(intid, 0)

    def disable(self, cpu: int) -> None:
        """vgic_flush_pending_lpis: LPIs on this CPU's list lose their pending state."""
        if self._m.impl.disable_lpis is not DisableLpis.FLUSHED:
            for lpi in self.targeting(cpu):
                set_pending_bit(self._m, cpu, lpi.intid, lpi.latch)
        for intid in self._queues.flush_lpis(cpu):
            why = "EnableLPIs 1→0 flushed it; RAM is not written"
            self._m.tell(effects.LpiLost(intid, cpu, why, cite="vgic.c: vgic_flush_pending_lpis"))

    def set_pending(self, lpi: Lpi) -> None:
        cpu = lpi.target
        if self._bounded and cpu is not None and lpi.intid >= lpi_limit(self._m.propbaser(cpu)):
            why = f"INTID is outside GICR_PROPBASER.IDbits of CPU {cpu}"
            self._m.tell(effects.LpiLost(lpi.intid, cpu, why))
            return
        self._use(lpi)
        was = lpi.latch
        self._queues.changed()
        self.touch(lpi.intid)
        lpi.latch = True
        if self._m.sink is not None:
            where = "it was already" if was else "latched"
            self._m.sink.append(
                effects.LpiPending(lpi.intid, lpi.target, where, cite="vgic-its.c: vgic_its_trigger_msi")
            )
        self._queues.queue(lpi.intid, 0)

    def targeting(self, cpu: int) -> list[Lpi]:
        """vgic_copy_lpi_list: the LPIs that target this CPU, in list order."""
        self._m.work += len(self.structs)
        return [lpi for lpi in self.structs.values() if lpi.target == cpu]

    def invalidate(self, lpi: Lpi) -> None:
        """INV. IndexError: no RAM there."""
        if self._m.impl.inv_scope is InvScope.WHOLE_REDISTRIBUTOR and lpi.target is not None:
            self._read_again(lpi.target)
        else:
            self.read_config(lpi)
        if lpi.target is not None:
            self.see_edits(lpi.target)

    def invalidate_all(self, cpu: int) -> None:
        self._read_again(cpu)
        self.see_edits(cpu)

    def _read_again(self, cpu: int) -> None:
        machine = self._m
        byte_at, table = machine.ram.u8, (machine.propbaser(0) & PROPBASER_ADDRESS) - FIRST_LPI
        told = machine.sink is not None
        for lpi in self.targeting(cpu):
            with suppress(IndexError):
                # Most bytes are what they were, and most LPIs need no list: nothing comes of reading those.
                waits = lpi.queued is None and (lpi.active or (lpi.latch and lpi.enabled))
                if told or waits or not lpi.read or byte_at(table + lpi.intid) != lpi.config:
                    self.read_config(lpi, only_for=cpu)

    def save_pending(self) -> None:
        """SAVE_PENDING_TABLES: the bit of every LPI with a target := its latch. IndexError: no RAM there."""
        for lpi in self.structs.values():
            if lpi.target is None:
                continue
            address = pending_address(self._m, lpi.intid, lpi.target)
            byte = self._m.memory.read(address, 1)[0]
            if bool(byte >> lpi.intid % 8 & 1) is not lpi.latch:
                data = bytes([byte ^ 1 << lpi.intid % 8])
                self._m.memory.write(address, data)
                meaning = f"INTID {lpi.intid} {'pending' if lpi.latch else 'not pending'}"
                self._m.tell(effects.TableWritten("LPI pending table", lpi.intid, address, data, meaning))

    # -- as the other LPIs are asked

    def best(self, cpu: int) -> Candidate | None:
        return None

    def acknowledge(self, cpu: int, intid: int) -> None:
        return None

    def state(self, intid: int, cpu: int | None) -> LpiState:
        lpi = self.structs.get(intid)
        if lpi is None:
            return LpiState(cpu, None, False, False, False)
        return LpiState(lpi.target, lpi.config, lpi.latch, lpi.latch, lpi.active)

    def knows(self, intid: int) -> bool:
        return intid in self.structs

    def planes(self) -> Planes:
        if self.touched is None:
            self._planes = [bytearray(LPI_LIMIT - FIRST_LPI) for _ in range(4)]
            self._odd = frozenset()
            self.touched = set(self.structs)
        latches, configs, cpus, exists = self._planes
        beyond = set()
        for intid in self.touched:
            place, lpi = intid - FIRST_LPI, self.structs.get(intid)
            if not FIRST_LPI <= intid < LPI_LIMIT:
                beyond.add(intid)
            elif lpi is None:
                latches[place] = configs[place] = cpus[place] = exists[place] = 0
            else:
                latches[place], configs[place], exists[place] = lpi.latch, lpi.config, 1
                cpus[place] = 0 if lpi.target is None else lpi.target + 1
        if beyond:
            self._odd = frozenset(each for each in self._odd | beyond if each in self.structs)
        self.touched = set()
        return Planes([latches], [configs], [exists], cpus, exists, self._odd)

    def held(self) -> dict[int, int | None]:
        return {intid: lpi.target for intid, lpi in self.structs.items() if lpi.latch}

    def snapshot(self) -> object:
        return tuple(state_of(lpi) for lpi in self.structs.values())

    def restore(self, state: object) -> None:
        assert isinstance(state, tuple)
        self._queues.changed()
        self.touched = None
        self.structs = {lpi.intid: lpi for lpi in map(Lpi.of, state)}
