"""LPIs whose pending bits live in guest RAM; only the best pending LPI of each CPU is remembered (QEMU).

arm_gicv3_redist.c: gicv3_redist_update_lpi, gicv3_redist_lpi_pending, gicv3_redist_mov_lpi,
gicv3_redist_movall_lpis.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.gic import effects
from app.gic.bounds import MOVE_WORK, SCAN_WORK, TOLD_LPIS
from app.gic.lpi import (
    ENABLE_LPIS,
    FIRST_LPI,
    PENDBASER_ADDRESS,
    PROPBASER_ADDRESS,
    Candidate,
    LpiState,
    config_address,
    lpi_limit,
    move_pending_bits,
    pending_address,
    pending_in_ram,
    ram_byte,
)
from app.gic.lpi_behaviours import DisabledPending
from app.gic.lpi_index import RANK_BITS, PendingIndex, rank
from app.gic.lpi_map import Planes
from app.gic.memory import PAGE

if TYPE_CHECKING:
    from app.gic.machine import Machine

_NONE = 0xFF << RANK_BITS
_INTID = (1 << RANK_BITS) - 1
_SOURCE = "arm_gicv3_redist.c: gicv3_redist_update_lpi"


class RamLpis:
    """`_best`: the rank of the remembered best per CPU; priority 0xff means none, the INTID is then stale.

    `_index`: what the last scan of each CPU's tables found.
    """

    def __init__(self, machine: Machine) -> None:
        self._m = machine
        self._when_disabled = machine.impl.disabled_pending is DisabledPending.SIGNALLED
        self._best = [_NONE] * machine.cpus
        self._ram, self._values, slot = machine.ram, machine.values, machine.layout.slot
        self._ctlr = [slot("GICR_CTLR", cpu) for cpu in range(machine.cpus)]
        self._propbaser = [slot("GICR_PROPBASER", cpu) for cpu in range(machine.cpus)]
        self._pendbaser = [slot("GICR_PENDBASER", cpu) for cpu in range(machine.cpus)]
        self._index: list[PendingIndex | None] = [None] * machine.cpus

    def enable(self, cpu: int, again: bool) -> None:
        self.rescan(cpu, "EnableLPIs was written as one again" if again else "EnableLPIs went 0→1")

    def disable(self, cpu: int) -> None:
        self._m.signals.mark(cpu)

    def best(self, cpu: int) -> Candidate | None:
        if self._best[cpu] >= _NONE or not (self._m.lpis_enabled(cpu) or self._when_disabled):
            return None
        priority, intid = divmod(self._best[cpu], 1 << RANK_BITS)
        return Candidate(priority, intid, 1)

    def rescan(self, cpu: int, why: str) -> None:
        """Work the best pending LPI out anew from both tables; nothing while EnableLPIs=0."""
        machine = self._m
        if machine.lpis_enabled(cpu):
            index = self._scan(cpu)
            self._best[cpu] = index.ranked[0] if index.ranked else self._best[cpu] | _NONE
            if machine.sink is not None:
                self._tell_scan(cpu, index, why)
        machine.signals.mark(cpu)

    def _scan(self, cpu: int) -> PendingIndex:
        """The tables as they are in RAM now."""
        machine, index = self._m, self._index[cpu]
        machine.work += 1
        if index is None or not index.stands(machine, cpu):
            index = self._index[cpu] = PendingIndex(machine, cpu)
        if index.batch != machine.batch:  # what is remembered from before the batch costs as much as what is not
            index.batch = machine.batch
            machine.work += SCAN_WORK + index.count
        return index

    def _tell_scan(self, cpu: int, index: PendingIndex, why: str) -> None:
        machine = self._m
        found = index.first(machine, TOLD_LPIS)
        for intid in found:
            address = config_address(machine, intid, cpu)
            machine.tell(effects.ConfigRead(intid, address, ram_byte(machine, address), None))
        base = machine.pendbaser(cpu) & PENDBASER_ADDRESS
        machine.tell(effects.PendingTableScanned(cpu, base, tuple(found), index.count, why, cite=_SOURCE))

    def in_range(self, cpu: int, intid: int) -> bool:
        """Whether this Redistributor takes the LPI: EnableLPIs=1 and within GICR_PROPBASER.IDbits."""
        values = self._values
        enabled = values[self._ctlr[cpu]] & ENABLE_LPIS
        return bool(enabled) and FIRST_LPI <= intid < 2 << min(values[self._propbaser[cpu]] & 0x1F, 15)

    def set_pending(self, cpu: int, intid: int) -> None:
        if self.in_range(cpu, intid):
            self._raise(cpu, intid)
        else:
            self._lost(cpu, intid)

    def _write_pending(self, cpu: int, intid: int, level: bool) -> int | None:
        """Write the bit in the pending table in RAM; the rank of the LPI, None if the bit was so before."""
        ram, values = self._ram, self._values
        address = (values[self._pendbaser[cpu]] & PENDBASER_ADDRESS) + (intid >> 3)
        try:
            before = ram.put_bit(address, intid & 7, level)
        except IndexError:  # a bus with nobody on it: reads as zero, and the store goes nowhere
            return rank(intid, self.config(intid, cpu)) if level else None
        if before is None:
            return None
        propbaser = values[self._propbaser[cpu]]
        try:
            config = ram.u8((propbaser & PROPBASER_ADDRESS) + intid - FIRST_LPI)
        except IndexError:
            config = 0
        place = rank(intid, config)
        index = self._index[cpu]
        if index is not None:
            index.changed(intid, level, place, propbaser, address // PAGE, before, ram.writes)
        return place

    def _raise(self, cpu: int, intid: int) -> None:
        machine = self._m
        place = self._write_pending(cpu, intid, True)
        if machine.sink is not None:
            self._tell_raised(machine.sink, cpu, intid, place is None)
        if place is not None and place < self._best[cpu]:
            self._best[cpu] = place
            machine.signals.mark(cpu)

    def _tell_raised(self, sink: list[effects.Effect], cpu: int, intid: int, already: bool) -> None:
        where = "it was already" if already else "set in the pending table"
        sink.append(effects.LpiPending(intid, cpu, where, pending_address(self._m, intid, cpu)))
        if not already:
            address = config_address(self._m, intid, cpu)
            sink.append(effects.ConfigRead(intid, address, self.config(intid, cpu), None))

    def _lost(self, cpu: int, intid: int) -> None:
        if self._m.sink is not None:
            why = (
                f"INTID is outside GICR_PROPBASER.IDbits of CPU {cpu}"
                if self._m.lpis_enabled(cpu)
                else f"EnableLPIs is 0 on CPU {cpu}"
            )
            source = "arm_gicv3_redist.c: gicv3_redist_process_lpi"
            self._m.sink.append(effects.LpiLost(intid, cpu, why, cite=source))

    def clear_pending(self, cpu: int, intid: int, why: str) -> None:
        if self.in_range(cpu, intid):
            self._lower(cpu, intid, why)

    def _lower(self, cpu: int, intid: int, why: str) -> bool:
        machine = self._m
        if self._write_pending(cpu, intid, False) is None:
            return False
        if machine.sink is not None:
            machine.sink.append(effects.LpiNotPending(intid, cpu, why, pending_address(machine, intid, cpu)))
        if intid == self._best[cpu] & _INTID:
            self.rescan(cpu, f"INTID {intid} was the best pending LPI")
        return True

    def acknowledge(self, cpu: int, intid: int) -> None:
        self._lower(cpu, intid, "acknowledged")

    def invalidate(self, cpu: int, intid: int) -> None:
        self.rescan(cpu, "INV rescans everything")

    def invalidate_all(self, cpu: int) -> None:
        for each in range(self._m.cpus):
            self.rescan(each, "INVALL rescans every Redistributor")

    def move(self, source: int, target: int, intid: int) -> None:
        """MOVI: the pending bit moves if LPIs are enabled on both CPUs."""
        machine = self._m
        if not (machine.lpis_enabled(source) and machine.lpis_enabled(target)):
            machine.chose(machine.impl.move_to_disabled)
            return
        # The bound is on bytes where bits were meant; kept, since it decides what moves (gicv3_redist_mov_lpi).
        bits = min(machine.propbaser(source) & 0x1F, machine.propbaser(target) & 0x1F, 15) + 1
        if intid // 8 < 1 << bits and self._lower(source, intid, f"moved to CPU {target}"):
            machine.work += MOVE_WORK
            self._raise(target, intid)

    def move_all(self, source: int, target: int) -> None:
        """MOVALL: the pending bits of `source` are OR-ed into the table of `target`."""
        machine = self._m
        if not (machine.lpis_enabled(source) and machine.lpis_enabled(target)):
            machine.chose(machine.impl.move_to_disabled)
            return
        limit = min(lpi_limit(machine.propbaser(source)), lpi_limit(machine.propbaser(target)))
        base = machine.pendbaser(source) & PENDBASER_ADDRESS
        if machine.sink is not None:
            moving = pending_in_ram(machine, base, limit, TOLD_LPIS)
            machine.sink += [effects.LpiMoved(intid, source, target, True) for intid in moving]
        move_pending_bits(machine, base, machine.pendbaser(target) & PENDBASER_ADDRESS, limit)
        self.rescan(source, "MOVALL took pending bits away")
        self.rescan(target, "MOVALL brought pending bits")

    def state(self, intid: int, cpu: int | None) -> LpiState:
        if cpu is None:
            return LpiState(None, None, False, None, False)
        bit = ram_byte(self._m, pending_address(self._m, intid, cpu)) >> intid % 8 & 1
        return LpiState(cpu, None, bool(bit), None, False)

    def knows(self, intid: int) -> bool:
        return False

    def planes(self) -> Planes:
        return Planes()

    def config(self, intid: int, cpu: int) -> int:
        return ram_byte(self._m, config_address(self._m, intid, cpu))

    def held(self) -> dict[int, int | None]:
        return {}

    def snapshot(self) -> object:
        return tuple(self._best)

    def restore(self, state: object) -> None:
        assert isinstance(state, tuple)
        self._best = list(state)
        self._index = [None] * self._m.cpus
