"""LPIs whose pending bits live in guest RAM; only the best pending LPI of each CPU is remembered (QEMU).

arm_gicv3_redist.c: gicv3_redist_update_lpi, gicv3_redist_lpi_pending, gicv3_redist_mov_lpi,
gicv3_redist_movall_lpis.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.gic import effects
from app.gic.lpi import (
    CONFIG_ENABLE,
    CONFIG_PRIORITY,
    FIRST_LPI,
    PENDBASER_ADDRESS,
    PROPBASER_ADDRESS,
    Candidate,
    LpiState,
    config_address,
    lpi_limit,
    pending_address,
    pending_in_ram,
    ram_byte,
    set_pending_bit,
)
from app.gic.lpi_behaviours import DisabledPending

if TYPE_CHECKING:
    from app.gic.machine import Machine

_NONE = 0xFF
_SOURCE = "arm_gicv3_redist.c: gicv3_redist_update_lpi"


class RamLpis:
    """`_priority` and `_intid` are the remembered best per CPU; priority 0xff means none, the INTID is then stale."""

    def __init__(self, machine: Machine) -> None:
        self._m = machine
        self._when_disabled = machine.impl.disabled_pending is DisabledPending.SIGNALLED
        self._priority = [_NONE] * machine.cpus
        self._intid = [0] * machine.cpus
        # A scan of tables that nobody wrote since gives what it gave: (writes, bases) of the last one, and its result.
        self._seen: list[tuple[int, int, int]] = [(-1, 0, 0)] * machine.cpus
        self._scanned: list[tuple[int, int]] = [(_NONE, 0)] * machine.cpus

    def enable(self, cpu: int, again: bool) -> None:
        self.rescan(cpu, "EnableLPIs was written as one again" if again else "EnableLPIs went 0→1")

    def disable(self, cpu: int) -> None:
        self._m.signals.mark(cpu)

    def best(self, cpu: int) -> Candidate | None:
        if self._priority[cpu] == _NONE or not (self._m.lpis_enabled(cpu) or self._when_disabled):
            return None
        return Candidate(self._priority[cpu], self._intid[cpu], 1)

    def rescan(self, cpu: int, why: str) -> None:
        """Work the best pending LPI out anew from both tables; nothing while EnableLPIs=0."""
        machine = self._m
        if machine.lpis_enabled(cpu):
            propbaser = machine.propbaser(cpu)
            base = machine.pendbaser(cpu) & PENDBASER_ADDRESS
            seen = (machine.ram.writes, propbaser, base)
            if seen == self._seen[cpu] and machine.sink is None:
                self._priority[cpu], self._intid[cpu] = self._scanned[cpu]
                machine.signals.mark(cpu)
                return
            self._priority[cpu] = _NONE
            found = pending_in_ram(machine, base, lpi_limit(propbaser))
            for intid in found:
                self._consider(cpu, intid, propbaser)
            self._seen[cpu] = seen
            self._scanned[cpu] = (self._priority[cpu], self._intid[cpu])
            if machine.sink is not None:
                machine.sink.append(
                    effects.PendingTableScanned(cpu, base, tuple(found[:16]), len(found), why, cite=_SOURCE)
                )
        machine.signals.mark(cpu)

    def _consider(self, cpu: int, intid: int, propbaser: int) -> None:
        address = (propbaser & PROPBASER_ADDRESS) + intid - FIRST_LPI
        byte = ram_byte(self._m, address)
        if self._m.sink is not None:
            self._m.sink.append(effects.ConfigRead(intid, address, byte, None))
        if byte & CONFIG_ENABLE:
            priority = byte & CONFIG_PRIORITY
            if (priority, intid) <= (self._priority[cpu], self._intid[cpu]):
                self._priority[cpu] = priority
                self._intid[cpu] = intid

    def in_range(self, cpu: int, intid: int) -> bool:
        """Whether this Redistributor takes the LPI: EnableLPIs=1 and within GICR_PROPBASER.IDbits."""
        propbaser = self._m.propbaser(cpu)
        bits = min(propbaser & 0x1F, 15) + 1
        return self._m.lpis_enabled(cpu) and FIRST_LPI <= intid < 1 << bits

    def set_pending(self, cpu: int, intid: int) -> None:
        if not self.in_range(cpu, intid):
            self._lost(cpu, intid)
            return
        self._raise(cpu, intid)

    def _raise(self, cpu: int, intid: int) -> None:
        machine = self._m
        if not set_pending_bit(machine, cpu, intid, True):
            if machine.sink is not None:
                machine.sink.append(
                    effects.LpiPending(intid, cpu, "it was already", pending_address(machine, intid, cpu))
                )
            return
        if machine.sink is not None:
            machine.sink.append(
                effects.LpiPending(intid, cpu, "set in the pending table", pending_address(machine, intid, cpu))
            )
        self._consider(cpu, intid, machine.propbaser(cpu))
        machine.signals.mark(cpu)

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
        if not set_pending_bit(machine, cpu, intid, False):
            return False
        if machine.sink is not None:
            machine.sink.append(effects.LpiNotPending(intid, cpu, why, pending_address(machine, intid, cpu)))
        if intid == self._intid[cpu]:
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
            self._raise(target, intid)

    def move_all(self, source: int, target: int) -> None:
        """MOVALL: the pending bits of `source` are OR-ed into the table of `target`."""
        machine = self._m
        if not (machine.lpis_enabled(source) and machine.lpis_enabled(target)):
            machine.chose(machine.impl.move_to_disabled)
            return
        limit = min(lpi_limit(machine.propbaser(source)), lpi_limit(machine.propbaser(target)))
        for intid in pending_in_ram(machine, machine.pendbaser(source) & PENDBASER_ADDRESS, limit):
            set_pending_bit(machine, source, intid, False)
            set_pending_bit(machine, target, intid, True)
            if machine.sink is not None:
                machine.sink.append(effects.LpiMoved(intid, source, target, True))
        self.rescan(source, "MOVALL took pending bits away")
        self.rescan(target, "MOVALL brought pending bits")

    def state(self, intid: int, cpu: int | None) -> LpiState:
        if cpu is None:
            return LpiState(None, None, False, None, False)
        bit = ram_byte(self._m, pending_address(self._m, intid, cpu)) >> intid % 8 & 1
        return LpiState(cpu, None, bool(bit), None, False)

    def known(self) -> set[int]:
        return set()

    def config(self, intid: int, cpu: int) -> int:
        return ram_byte(self._m, config_address(self._m, intid, cpu))

    def snapshot(self) -> object:
        return tuple(self._priority), tuple(self._intid)

    def restore(self, state: object) -> None:
        assert isinstance(state, tuple)
        self._priority, self._intid = list(state[0]), list(state[1])
