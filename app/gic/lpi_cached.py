"""LPIs as IHI 0069 describes them: a Redistributor that keeps pending state and caches configuration bytes.

EnableLPIs 0→1 loads the pending table (unless PTZ), 1→0 writes it back; a configuration byte is read when the LPI is
first pending there and kept until INV, INVALL or EnableLPIs 1→0 drops it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from app.gic import effects
from app.gic.bounds import SCAN_WORK, TOLD_LPIS
from app.gic.lpi import (
    CONFIG_ENABLE,
    CONFIG_PRIORITY,
    FIRST_LPI,
    LPI_LIMIT,
    PENDBASER_ADDRESS,
    PTZ,
    Candidate,
    LpiState,
    config_address,
    lpi_limit,
    pending_address,
    pending_in_ram,
    ram_byte,
    set_pending_bit,
)
from app.gic.lpi_behaviours import ConfigCache, EnableScan, InvallScope, InvScope, TableEdits
from app.gic.lpi_map import Planes

if TYPE_CHECKING:
    from app.gic.machine import Machine

_CITE = "IHI 0069, GICR_PENDBASER.PTZ"


class CachedLpis:
    """Per CPU: the set of pending INTIDs and the cached configuration bytes."""

    def __init__(self, machine: Machine) -> None:
        self._m = machine
        impl = machine.impl
        self._caches = impl.config_cache is not ConfigCache.WINNER_ONLY
        self._sees_edits = impl.table_edits is TableEdits.NEXT_SCAN
        self._pending: list[set[int]] = [set() for _ in range(machine.cpus)]
        self._config: list[dict[int, int]] = [{} for _ in range(machine.cpus)]
        self._loaded: list[set[int]] = [set() for _ in range(machine.cpus)]
        self._best: list[Candidate | None] = [None] * machine.cpus
        self._stale: list[bool] = [False] * machine.cpus

    def enable(self, cpu: int, again: bool) -> None:
        machine = self._m
        base = machine.pendbaser(cpu) & PENDBASER_ADDRESS
        if machine.pendbaser(cpu) & PTZ and machine.impl.enable_scan is not EnableScan.ALL:
            self._pending[cpu] = set()
            self._loaded[cpu] = set()
            machine.tell(effects.PendingTableSkipped(cpu, base, "PTZ was written as one", cite=_CITE))
            if machine.watched and pending_in_ram(machine, base, lpi_limit(machine.propbaser(cpu))):
                machine.chose(machine.impl.enable_scan)
        else:
            found = pending_in_ram(machine, base, lpi_limit(machine.propbaser(cpu)))
            self._pending[cpu] = set(found) | (self._pending[cpu] if again else set())
            self._loaded[cpu] = set(found)
            machine.tell(effects.PendingTableScanned(cpu, base, tuple(found[:16]), len(found), "PTZ is 0", cite=_CITE))
            for intid in found[:16]:
                machine.tell(
                    effects.LpiPending(intid, cpu, "loaded from the table", pending_address(machine, intid, cpu))
                )
            self._read_config(cpu, found)
        self._changed(cpu)

    def disable(self, cpu: int) -> None:
        """Pending state goes back to RAM: bits that were loaded and served are cleared, the others set."""
        for intid in self._loaded[cpu] - self._pending[cpu]:
            set_pending_bit(self._m, cpu, intid, False)
        for intid in sorted(self._pending[cpu]):
            set_pending_bit(self._m, cpu, intid, True)
            if self._m.sink is not None:
                address = pending_address(self._m, intid, cpu)
                self._m.sink.append(effects.LpiNotPending(intid, cpu, "written back to the pending table", address))
        self._pending[cpu] = set()
        self._config[cpu] = {}
        self._changed(cpu)

    def _changed(self, cpu: int) -> None:
        self._stale[cpu] = True
        self._m.signals.mark(cpu)

    def best(self, cpu: int) -> Candidate | None:
        if not self._m.lpis_enabled(cpu):
            return None
        if self._stale[cpu]:
            self._stale[cpu] = False
            self._best[cpu] = min(
                (
                    Candidate(self._m.lpi_priority(byte), intid, 1)
                    for intid in self._pending[cpu]
                    if (byte := self.config(intid, cpu)) & CONFIG_ENABLE
                ),
                default=None,
            )
        return self._best[cpu]

    def config(self, intid: int, cpu: int) -> int:
        """The byte that this Redistributor goes by, read from RAM at first use."""
        byte = self._config[cpu].get(intid) if self._caches else None
        if byte is None:
            address = config_address(self._m, intid, cpu)
            byte = self._config[cpu][intid] = ram_byte(self._m, address)
            if self._m.sink is not None:
                self._m.sink.append(
                    effects.ConfigRead(intid, address, byte, None, cite="IHI 0069, LPI Configuration tables")
                )
        return byte

    def _read_config(self, cpu: int, intids: Iterable[int]) -> None:
        """An LPI becoming pending is its first use: a look at it later must not be (looking changes nothing)."""
        for intid in intids:
            self.config(intid, cpu)

    def _takes(self, cpu: int, intid: int) -> str:
        """Why this Redistributor does not take the LPI, or ""."""
        if not self._m.lpis_enabled(cpu):
            return f"EnableLPIs is 0 on CPU {cpu}"
        if not FIRST_LPI <= intid < lpi_limit(self._m.propbaser(cpu)):
            return f"INTID is outside GICR_PROPBASER.IDbits of CPU {cpu}"
        return ""

    def set_pending(self, cpu: int, intid: int) -> None:
        refused = self._takes(cpu, intid)
        if refused:
            self._m.tell(effects.LpiLost(intid, cpu, refused, cite="IHI 0069, GICR_CTLR.EnableLPIs"))
            return
        self._pending[cpu].add(intid)
        if self._m.sink is not None:
            self._m.sink.append(effects.LpiPending(intid, cpu, "held by the Redistributor"))
        self._consider(cpu, intid)

    def _consider(self, cpu: int, intid: int) -> None:
        byte = self.config(intid, cpu)
        if byte & CONFIG_ENABLE and not self._stale[cpu]:
            new = Candidate(self._m.lpi_priority(byte), intid, 1)
            best = self._best[cpu]
            self._best[cpu] = new if best is None else min(best, new)
        self._m.signals.mark(cpu)

    def clear_pending(self, cpu: int, intid: int, why: str) -> None:
        if not self._takes(cpu, intid):
            self._drop(cpu, intid, why)

    def _drop(self, cpu: int, intid: int, why: str) -> bool:
        if intid not in self._pending[cpu]:
            return False
        self._pending[cpu].discard(intid)
        if self._m.sink is not None:
            self._m.sink.append(effects.LpiNotPending(intid, cpu, why))
        best = self._best[cpu]
        if self._stale[cpu] or (best is not None and best.intid == intid):
            self._changed(cpu)
        return True

    def acknowledge(self, cpu: int, intid: int) -> None:
        if self._m.watched:
            mine = self.config(intid, cpu)
            rivals = (self.config(each, cpu) for each in self._pending[cpu] if each != intid)
            if any(byte & CONFIG_ENABLE and byte & CONFIG_PRIORITY == mine & CONFIG_PRIORITY for byte in rivals):
                self._m.chose(self._m.impl.tie_break)
        self._drop(cpu, intid, "acknowledged")

    def invalidate(self, cpu: int, intid: int) -> None:
        """The next use reads the byte again; a pending LPI is used at once."""
        whole = self._m.impl.inv_scope is InvScope.WHOLE_REDISTRIBUTOR
        self._m.work += len(self._config[cpu]) if whole else 1
        for each in {intid, *self._config[cpu]} if whole else (intid,):
            self._drop_config(cpu, each)
        self._see_edits(cpu)
        self._changed(cpu)

    def _see_edits(self, cpu: int) -> None:
        """Bits that software set in the pending table, where a scan looks for them."""
        if self._sees_edits:
            base = self._m.pendbaser(cpu) & PENDBASER_ADDRESS
            found = pending_in_ram(self._m, base, lpi_limit(self._m.propbaser(cpu)))
            self._m.work += SCAN_WORK + len(found)
            self._pending[cpu].update(found)

    def _drop_config(self, cpu: int, intid: int) -> None:
        was = self._config[cpu].pop(intid, None)
        if intid in self._pending[cpu] or was is not None:
            address = config_address(self._m, intid, cpu)
            byte = self._config[cpu][intid] = ram_byte(self._m, address)
            self._m.tell(effects.ConfigRead(intid, address, byte, was, cite="IHI 0069, INV"))

    def _read_again(self, cpu: int) -> None:
        config = self._config[cpu]
        if self._m.sink is not None:
            for intid in list(config):
                self._drop_config(cpu, intid)
            return
        table = config_address(self._m, 0, cpu)
        for intid in config:
            config[intid] = ram_byte(self._m, table + intid)

    def invalidate_all(self, cpu: int) -> None:
        every = self._m.impl.invall_scope is InvallScope.EVERY_REDISTRIBUTOR
        for each in range(self._m.cpus) if every else (cpu,):
            self._m.work += len(self._config[each])
            self._read_again(each)
            self._see_edits(each)
            self._changed(each)

    def move(self, source: int, target: int, intid: int) -> None:
        refused = self._takes(target, intid)
        if refused and intid in self._pending[source]:
            self._m.chose(self._m.impl.move_to_disabled)
        if not refused and self._drop(source, intid, f"moved to CPU {target}"):
            self.set_pending(target, intid)

    def move_all(self, source: int, target: int) -> None:
        if not (self._m.lpis_enabled(source) and self._m.lpis_enabled(target)):
            self._m.chose(self._m.impl.move_to_disabled)
            return
        limit = lpi_limit(self._m.propbaser(target))
        self._m.work += len(self._pending[source])
        moving = {intid for intid in self._pending[source] if intid < limit}
        self._pending[source] -= moving
        self._pending[target] |= moving
        if self._m.sink is not None:
            self._m.sink.extend(effects.LpiMoved(intid, source, target, True) for intid in sorted(moving)[:TOLD_LPIS])
        self._read_config(target, sorted(moving))
        self._changed(source)
        self._changed(target)

    def state(self, intid: int, cpu: int | None) -> LpiState:
        if cpu is None:
            return LpiState(None, None, False, False, False)
        pending = intid in self._pending[cpu]
        return LpiState(cpu, self._config[cpu].get(intid), pending, pending, False)

    def knows(self, intid: int) -> bool:
        return any(intid in each for each in self._pending)

    def planes(self) -> Planes:
        places = LPI_LIMIT - FIRST_LPI
        pending, config, cached = [], [], []
        for intids, known in zip(self._pending, self._config, strict=True):
            pending.append(held := bytearray(places if intids else 0))
            config.append(read := bytearray(places if known else 0))
            cached.append(there := bytearray(places if known else 0))
            for intid in intids:
                held[intid - FIRST_LPI] = 1
            for intid, byte in known.items():
                read[intid - FIRST_LPI], there[intid - FIRST_LPI] = byte, 1
        return Planes(pending, config, cached)

    def held(self) -> dict[int, int | None]:
        return {intid: cpu for cpu in reversed(range(len(self._pending))) for intid in self._pending[cpu]}

    def snapshot(self) -> object:
        return (
            tuple(frozenset(each) for each in self._pending),
            tuple(dict(each) for each in self._config),
            tuple(frozenset(each) for each in self._loaded),
        )

    def restore(self, state: object) -> None:
        assert isinstance(state, tuple)
        self._pending = [set(each) for each in state[0]]
        self._config = [dict(each) for each in state[1]]
        self._loaded = [set(each) for each in state[2]]
        self._stale = [True] * len(self._pending)
