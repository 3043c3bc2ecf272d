"""How Linux KVM brings interrupts to a vCPU: a list per vCPU, the first entries of which fill its list registers.

An interrupt joins a list when an event finds it deliverable (vgic.c: vgic_queue_irq_unlock) and leaves it when the
vCPU runs and it no longer is (vgic_prune_ap_list); nothing in between looks again. The guest sees at most
`LIST_REGISTERS` of them, through the virtual CPU interface.
"""

from __future__ import annotations

from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

from app.gic import effects
from app.gic.effects import InterruptsActive
from app.gic.lpi import FIRST_LPI, Candidate
from app.gic.lpi_behaviours import DisabledPending
from app.gic.lpi_kernel import KernelLpis
from app.gic.lpi_struct import Lpi
from app.gic.routing import spi_target
from app.gic.signal_behaviours import GroupZero, LevelLatch, TieBreak, WrongEnd
from app.gic.signals import ENABLE_GRP0, ENABLE_GRP1, IDLE
from app.gic.wired import PRIVATE

if TYPE_CHECKING:
    from app.gic.cpu_interface import CpuInterface
    from app.gic.machine import Machine

# ICH_VTR_EL2.ListRegs + 1 of the machine that was observed.
LIST_REGISTERS = 4
_LPI_ACTIVE = "KVM keeps an active state for LPIs too"
_MANY = 64
"""From so many on a list is not looked through while nothing changed: to see that is to compare all registers."""
_SHARED = -1  # owner of SPIs and LPIs, of which there is one each


class ListRegisters:
    """`lists[cpu]`: INTIDs in list order; `_queued`: (INTID, owner) to the CPU whose list holds it.

    `_changes`: counts what happened to lists and LPIs; `_looked[cpu]`: all that the order of this CPU's list follows
    from, as it was when the list was last sorted and pruned.
    """

    def __init__(self, machine: Machine) -> None:
        self._m = machine
        self.lists: list[list[int]] = [[] for _ in range(machine.cpus)]
        self._queued: dict[tuple[int, int], int] = {}
        self._changes = 0
        self._looked: list[tuple[object, ...] | None] = [None] * machine.cpus
        impl = machine.impl
        self._lowest_first = impl.tie_break is TieBreak.LOWEST_INTID
        self._one_enable = impl.group_zero is GroupZero.FORWARDED
        self._when_disabled = machine.impl.disabled_pending is DisabledPending.SIGNALLED

    @cached_property
    def _lpis(self) -> KernelLpis:
        lpis = self._m.lpi_home
        assert isinstance(lpis, KernelLpis)
        return lpis

    # -- the state of an interrupt, wherever it is kept

    def _lpi(self, intid: int) -> Lpi:
        return self._lpis.structs[intid]

    def _active(self, intid: int, cpu: int) -> bool:
        return self._lpi(intid).active if intid >= FIRST_LPI else self._m.wired.bit("active", intid, cpu)

    def _wanted(self, intid: int, cpu: int) -> bool:
        """Enabled and pending."""
        if intid >= FIRST_LPI:
            lpi = self._lpi(intid)
            return lpi.enabled and lpi.latch and (self._when_disabled or self._takes_lpis(lpi.target))
        wired = self._m.wired
        return wired.bit("enable", intid, cpu) and wired.pending(intid, cpu)

    def _takes_lpis(self, cpu: int | None) -> bool:
        return cpu is not None and self._m.lpis_enabled(cpu)

    def _pending(self, intid: int, cpu: int) -> bool:
        return self._lpi(intid).latch if intid >= FIRST_LPI else self._m.wired.pending(intid, cpu)

    def _priority(self, intid: int, cpu: int) -> int:
        return self._lpi(intid).priority if intid >= FIRST_LPI else self._m.wired.priority(intid, cpu)

    def _group(self, intid: int, cpu: int) -> int:
        return 1 if intid >= FIRST_LPI else int(self._m.wired.bit("group", intid, cpu))

    def _edge(self, intid: int, cpu: int) -> bool:
        return intid >= FIRST_LPI or self._m.wired.edge(intid, cpu)

    def _target(self, intid: int, cpu: int) -> int | None:
        if intid < PRIVATE:
            return cpu
        return self._lpi(intid).target if intid >= FIRST_LPI else spi_target(self._m, intid)

    @staticmethod
    def _owner(intid: int, cpu: int) -> int:
        return cpu if intid < PRIVATE else _SHARED

    def _oracle(self, intid: int, cpu: int) -> int | None:
        """vgic_target_oracle: the CPU that this interrupt should be given to now."""
        if self._active(intid, cpu):
            queued = self._queued.get((intid, self._owner(intid, cpu)))
            return self._target(intid, cpu) if queued is None else queued
        if self._wanted(intid, cpu) and self._m.gicd_ctlr() & self._enable_of(intid, cpu):
            return self._target(intid, cpu)
        return None

    def _enable_of(self, intid: int, cpu: int) -> int:
        return ENABLE_GRP1 if self._one_enable or self._group(intid, cpu) else ENABLE_GRP0

    # -- the lists

    def queue(self, intid: int, cpu: int) -> None:
        """Put it on its target's list if it is deliverable and on none; `cpu` says whose SGI or PPI it is."""
        key = (intid, self._owner(intid, cpu))
        if key in self._queued:
            return
        target = self._oracle(intid, cpu)
        if target is not None:
            self._changes += 1
            self._queued[key] = target
            self.lists[target].append(intid)
            if intid >= FIRST_LPI:
                self._lpi(intid).queued = target
                self._lpi(intid).refs += 1

    def changed(self) -> None:
        """An LPI may be something else than it was: its pending, active or enabled state, its priority or target."""
        self._changes += 1

    def _leave(self, intid: int, cpu: int) -> None:
        """It is off this CPU's list."""
        del self._queued[intid, self._owner(intid, cpu)]
        if intid >= FIRST_LPI:
            lpi = self._lpi(intid)
            lpi.queued = None
            self._lpis.put(lpi)

    def flush_lpis(self, cpu: int) -> list[int]:
        """vgic_flush_pending_lpis: the LPIs that were on the list, now off it and not pending."""
        self._changes += 1
        lpis = [intid for intid in self.lists[cpu] if intid >= FIRST_LPI]
        self.lists[cpu] = [intid for intid in self.lists[cpu] if intid < FIRST_LPI]
        for intid in lpis:
            self._lpi(intid).latch = False
            self._lpis.touch(intid)
            self._leave(intid, cpu)
        return lpis

    def run(self, cpu: int) -> None:
        """Enter and leave the guest once: sort when the list registers are too few, then prune."""
        if self.lists[cpu] and not self._stands(cpu):
            self.lists[cpu] = self._sorted(cpu)
            self._prune(cpu)
            self._looked[cpu] = self._state() if len(self.lists[cpu]) >= _MANY else None

    def _state(self) -> tuple[object, ...]:
        wired = self._m.wired
        return self._changes, wired.snapshot(), tuple(self._m.values)

    def _stands(self, cpu: int) -> bool:
        """Whether the list is what sorting and pruning it would leave, known without doing so."""
        looked = self._looked[cpu]
        return looked is not None and looked[0] == self._changes and looked == self._state()

    def _sorted(self, cpu: int) -> list[int]:
        """The list as it is when the guest is entered; a look at it leaves it in the order it is in."""
        queue = self.lists[cpu]
        if len(queue) <= LIST_REGISTERS or self._stands(cpu):
            return queue
        return sorted(queue, key=lambda intid: self._rank(intid, cpu))

    def _rank(self, intid: int, cpu: int) -> int:
        """vgic_irq_cmp: active first, then deliverable ones by priority."""
        if self._active(intid, cpu):
            return -1
        return self._priority(intid, cpu) if self._wanted(intid, cpu) else IDLE + 1

    def _prune(self, cpu: int) -> None:
        queue, self.lists[cpu] = self.lists[cpu], []
        for intid in queue:
            target = self._oracle(intid, cpu)
            if target == cpu:
                self.lists[cpu].append(intid)
                continue
            self._changes += 1
            if target is None:
                self._leave(intid, cpu)
            else:
                self.lists[target].append(intid)
                self._queued[intid, self._owner(intid, cpu)] = target
                if intid >= FIRST_LPI:
                    self._lpi(intid).queued = target

    def queued_on(self, intid: int, cpu: int) -> int | None:
        """The vCPU on whose list the interrupt is, None if on none; `cpu` says whose SGI or PPI it is."""
        return self._queued.get((intid, self._owner(intid, cpu)))

    def loaded(self, cpu: int) -> list[int]:
        """What the list registers hold when the guest runs."""
        if not self.lists[cpu]:
            return []
        listed = (intid for intid in self._sorted(cpu) if self._oracle(intid, cpu) == cpu)
        return list(islice(listed, LIST_REGISTERS))

    # -- as the CPU interface sees it

    def mark(self, cpu: int | None = None) -> None:
        return None

    def best(self, cpu: int) -> Candidate | None:
        interface = self._m.cpu_interfaces[cpu]
        found: Candidate | None = None
        for intid in self.loaded(cpu):
            if self._active(intid, cpu) or not self._pending(intid, cpu):
                continue
            group = self._group(intid, cpu)
            priority = self._priority(intid, cpu)
            if interface.group_enabled(group) and (found is None or self._before(priority, intid, found)):
                found = Candidate(priority, intid, group)
        return found

    def _before(self, priority: int, intid: int, other: Candidate) -> bool:
        return priority < other.priority or (self._lowest_first and (priority, intid) < other[:2])

    def activate(self, cpu: int, candidate: Candidate) -> None:
        intid = candidate.intid
        if intid >= FIRST_LPI:
            lpi = self._lpi(intid)
            lpi.active, lpi.latch = True, False
            self._lpis.touch(intid)
            self._changes += 1
            if self._m.sink is not None:
                self._m.tell(effects.LpiNotPending(intid, cpu, "acknowledged"))
                self._m.tell(InterruptsActive((intid,), cpu, "active", _LPI_ACTIVE, "vgic-v3.c: vgic_v3_fold_lr_state"))
            return
        before = self._m.story.look(intid, cpu)
        self._m.wired.put("active", intid, cpu, True)
        if self._edge(intid, cpu) or self._m.impl.level_latch is LevelLatch.CLEARED_AT_ACKNOWLEDGE:
            self._m.wired.put("pending", intid, cpu, False)
        self._m.story.since(intid, cpu, before, f"acknowledged by CPU {cpu}")

    def end(self, interface: CpuInterface, intid: int, group: int) -> str:
        if 1020 <= intid < 1024:
            return "ignored: a special INTID"
        dropped = interface.drop_highest()
        if dropped == IDLE:
            return "ignored: no active priority"
        cpu = interface.cpu
        if intid not in self.loaded(cpu) or not self._active(intid, cpu):
            return "priority drop; it is in no list register"
        if self._m.impl.wrong_end is WrongEnd.DEACTIVATES_IT:
            self._deactivate(cpu, intid)
            return "priority drop and deactivation"
        gprio = self._priority(intid, cpu) & interface.group_priority_mask(group)
        if self._group(intid, cpu) != group or gprio != dropped:
            return "priority drop; not deactivated, the priority dropped was another one's"
        if interface.eoi_split and intid < FIRST_LPI:
            return "priority drop (ICC_CTLR_EL1.EOImode=1: ICC_DIR_EL1 deactivates)"
        self._deactivate(cpu, intid)
        return "priority drop and deactivation"

    def deactivate(self, interface: CpuInterface, intid: int) -> str:
        cpu = interface.cpu
        if 1020 <= intid < 1024 or not interface.eoi_split or intid >= FIRST_LPI:
            return "ignored"
        if intid not in self.loaded(cpu) or not self._active(intid, cpu):
            return "it is in no list register"
        self._deactivate(cpu, intid)
        return "deactivated"

    def _deactivate(self, cpu: int, intid: int) -> None:
        if intid >= FIRST_LPI:
            self._lpi(intid).active = False
            self._changes += 1
            self._m.tell(InterruptsActive((intid,), cpu, "no longer active", "deactivated"))
            return
        before = self._m.story.look(intid, cpu)
        self._m.wired.put("active", intid, cpu, False)
        if not self._edge(intid, cpu):
            # vgic_v3_fold_lr_state: a level interrupt whose list register is empty loses its soft pending latch.
            self._m.wired.put("pending", intid, cpu, False)
        self._m.story.since(intid, cpu, before, "deactivated")

    def snapshot(self) -> object:
        return tuple(tuple(each) for each in self.lists), dict(self._queued)

    def restore(self, state: object) -> None:
        assert isinstance(state, tuple)
        self.lists = [list(each) for each in state[0]]
        self._queued = dict(state[1])
        self._changes += 1
