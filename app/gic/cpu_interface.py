"""The CPU interface: ICC_* system registers, priorities, acknowledge and end of interrupt.

IHI 0069, "Interrupt handling and prioritization"; 5 priority bits (arm_gicv3_cpuif.c; observed on both KVM and QEMU).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from app.gic import effects
from app.gic.effects import ControlChanged, Preempted, RunningPriority
from app.gic.lpi import Candidate
from app.gic.security import SECURE_PRIORITIES, from_nonsecure_priority, nonsecure_priority
from app.gic.signals import IDLE

if TYPE_CHECKING:
    from app.gic.machine import Machine

PRIORITY_BITS = 5
SPURIOUS = 1023
_MIN_BPR = (7 - PRIORITY_BITS, 8 - PRIORITY_BITS, 7 - PRIORITY_BITS)
_APR_MASK = 0xFFFF_FFFF
_CBPR = 1
_EOIMODE = 2
_CTLR_FIXED = 1 << 15 | 1 << 11 | (PRIORITY_BITS - 1) << 8  # A3V, 24 ID bits, PRIbits
_IRM = 1 << 40
_SRE = 7
_GROUP0 = frozenset(
    {"ICC_IAR0_EL1", "ICC_EOIR0_EL1", "ICC_HPPIR0_EL1", "ICC_BPR0_EL1", "ICC_AP0R0_EL1", "ICC_IGRPEN0_EL1"}
)
BANKED = frozenset({"ICC_AP1R0_EL1", "ICC_BPR1_EL1", "ICC_CTLR_EL1", "ICC_IGRPEN1_EL1"})
"""State that each of two Security states has its own of (IHI 0069, "Banked system registers")."""


class CpuInterface:
    """`bpr`, `enabled` and `active` (the active-priority bitmaps) are by group: 0, 1, and Secure 1 as 2.

    With two Security states the Group 1 registers and ICC_CTLR_EL1 are banked: Secure software sees its own. An
    access is Secure when the machine's is (`machine.secure`); Group 0 and the Secure half of the priorities are out
    of Non-secure software's reach (IHI 0069, "Software accesses to the CPU interface", SCR_EL3.FIQ=1).
    """

    def __init__(self, machine: Machine, cpu: int) -> None:
        self._m = machine
        self.cpu = cpu
        self.pmr = 0
        self.bpr = list(_MIN_BPR)
        self.enabled = [0, 0, 0]
        self.active = [0, 0, 0]
        self.controls = [0, 0]  # ICC_CTLR_EL1, by `_bank`
        self._reads: dict[str, Callable[[], int]] = {
            "ICC_PMR_EL1": self._mask,
            "ICC_IAR0_EL1": lambda: self.acknowledge(0),
            "ICC_IAR1_EL1": lambda: self.acknowledge(self._group1),
            "ICC_HPPIR0_EL1": lambda: self.highest_pending(0),
            "ICC_HPPIR1_EL1": lambda: self.highest_pending(self._group1),
            "ICC_BPR0_EL1": lambda: self.bpr[0],
            "ICC_BPR1_EL1": self._bpr1,
            "ICC_AP0R0_EL1": lambda: self.active[0],
            "ICC_AP1R0_EL1": lambda: self.active[self._group1],
            "ICC_RPR_EL1": lambda: self._nonsecure_view(self.running_priority()),
            "ICC_CTLR_EL1": lambda: _CTLR_FIXED | self.control,
            "ICC_SRE_EL1": lambda: _SRE,
            "ICC_IGRPEN0_EL1": lambda: self.enabled[0],
            "ICC_IGRPEN1_EL1": lambda: self.enabled[self._group1],
        }
        self._writes: dict[str, Callable[[int], None]] = {
            "ICC_PMR_EL1": self._write_pmr,
            "ICC_EOIR0_EL1": lambda value: self._end(value, 0),
            "ICC_EOIR1_EL1": lambda value: self._end(value, self._group1),
            "ICC_DIR_EL1": self._write_dir,
            "ICC_BPR0_EL1": lambda value: self._write_bpr(value, 0),
            "ICC_BPR1_EL1": lambda value: self._write_bpr(value, self._group1),
            "ICC_AP0R0_EL1": lambda value: self._write_ap(value, 0),
            "ICC_AP1R0_EL1": lambda value: self._write_ap(value, self._group1),
            "ICC_CTLR_EL1": self._write_ctlr,
            "ICC_IGRPEN0_EL1": lambda value: self._write_igrpen(value, 0),
            "ICC_IGRPEN1_EL1": lambda value: self._write_igrpen(value, self._group1),
            "ICC_SGI1R_EL1": lambda value: self._sgi(value, self._group1),
            "ICC_SGI0R_EL1": lambda value: self._sgi(value, 0),
            "ICC_ASGI1R_EL1": lambda value: self._sgi(value, self._other_group1),
        }

    # -- registers

    @property
    def _secure(self) -> bool:
        return self._m.two_states and self._m.secure

    @property
    def _withheld(self) -> bool:
        """Non-secure software with two Security states: no Group 0, and only its half of the priorities."""
        return self._m.two_states and not self._m.secure

    @property
    def _group1(self) -> int:
        """The Group 1 of the Security state that makes the access."""
        return 2 if self._secure else 1

    @property
    def _other_group1(self) -> int:
        """The Group 1 of the other Security state; with one state there is none, and Group 0 takes its place."""
        if not self._m.two_states:
            return 0
        return 1 if self._m.secure else 2

    @property
    def control(self) -> int:
        """ICC_CTLR_EL1.{EOImode, CBPR} of the Security state that makes the access."""
        return self.controls[int(self._secure)]

    def read(self, name: str) -> int:
        """An MRS of the register; one that cannot be read gives 0."""
        reader = self._reads.get(name)
        return reader() if reader and not self._trapped(name) else 0

    def write(self, name: str, value: int) -> None:
        """An MSR to the register; one that cannot be written ignores it."""
        writer = self._writes.get(name)
        if writer and not self._trapped(name):
            writer(value)

    def _trapped(self, name: str) -> bool:
        """Group 0 registers are Secure: a Non-secure access goes to EL3, which ignores it here."""
        if not self._withheld or name not in _GROUP0:
            return False
        self._m.tell(effects.AccessIgnored(name, False, "it is Secure", cite="IHI 0069, SCR_EL3.FIQ"))
        return True

    def peek(self, name: str) -> int:
        """What a read would give, without acknowledging anything."""
        if name in ("ICC_IAR0_EL1", "ICC_IAR1_EL1"):
            found = self.signalled()
            group = self._group1 if name == "ICC_IAR1_EL1" else 0
            return found.intid if found and found.group == group else SPURIOUS
        reader = self._reads.get(name)
        return reader() if reader and not (self._withheld and name in _GROUP0) else 0

    def _nonsecure_view(self, priority: int) -> int:
        """A priority as Non-secure software sees it: 0 when it lies in the Secure half, 0xff stays idle."""
        if not self._withheld or priority == IDLE:
            return priority
        return nonsecure_priority(priority) if priority & SECURE_PRIORITIES else 0

    def _mask(self) -> int:
        if self._withheld and self.pmr & SECURE_PRIORITIES:
            return nonsecure_priority(self.pmr)
        return 0 if self._withheld else self.pmr

    def _bpr1(self) -> int:
        if not self.control & _CBPR:
            return self.bpr[self._group1]
        return self.bpr[0] if self._secure else min(self.bpr[0] + 1, 7)

    def _write_pmr(self, value: int) -> None:
        if self._withheld:
            if not self.pmr & SECURE_PRIORITIES:
                return
            value = from_nonsecure_priority(value & 0xFF)
        was, self.pmr = self.pmr, value & 0xFF & ~((1 << 8 - PRIORITY_BITS) - 1)
        if self.pmr != was:
            below = f"only priority values below {self.pmr:#04x} are signalled" if self.pmr else "nothing is signalled"
            self._tell(f"the priority mask went from {was:#04x} to {self.pmr:#04x}, {below}", "ICC_PMR_EL1")

    def _write_bpr(self, value: int, group: int) -> None:
        if group and self.control & _CBPR:
            return
        was, self.bpr[group] = self.bpr[group], max(value & 7, _MIN_BPR[group])
        if self.bpr[group] != was:
            lowest = (~self.group_priority_mask(group) & 0xFF).bit_length()
            bits = f"bits 7:{lowest} of the priorities" if lowest < 8 else "nothing"
            self._tell(
                f"{bits} decide whether a {self._name(group)} interrupt pre-empts", f"ICC_BPR{min(group, 1)}_EL1"
            )

    def _write_ap(self, value: int, group: int) -> None:
        running = self.running_priority()
        self.active[group] = value & _APR_MASK
        self._ran(running)

    def _write_ctlr(self, value: int) -> None:
        was = self.control
        self.controls[int(self._secure)] = value & (_CBPR | _EOIMODE)
        changed = was ^ self.control
        if changed & _EOIMODE:
            does = "drops the priority only, and ICC_DIR_EL1 deactivates" if self.eoi_split else "deactivates too"
            self._tell(f"a write of ICC_EOIR {does}", "ICC_CTLR_EL1.EOImode")
        if changed & _CBPR:
            whose = "ICC_BPR0_EL1 counts for both groups" if self.control & _CBPR else "each group has its binary point"
            self._tell(whose, "ICC_CTLR_EL1.CBPR")

    def _write_igrpen(self, value: int, group: int) -> None:
        was, self.enabled[group] = self.enabled[group], value & 1
        if self.enabled[group] != was:
            self._m.signals.mark()  # 1-of-N interrupts may go elsewhere now
            takes = "takes" if value & 1 else "no longer takes"
            self._tell(f"the CPU interface {takes} {self._name(group)} interrupts", f"ICC_IGRPEN{min(group, 1)}_EL1")

    def _name(self, group: int) -> str:
        return ("Group 0", "Non-secure Group 1" if self._m.two_states else "Group 1", "Secure Group 1")[group]

    def _tell(self, what: str, register: str) -> None:
        self._m.tell(ControlChanged(self.cpu, what, f"IHI 0069, {register}"))

    def _ran(self, before: int) -> None:
        now = self.running_priority()
        if now != before:
            self._m.tell(RunningPriority(self.cpu, before, now))

    # -- priorities

    @property
    def eoi_split(self) -> bool:
        return bool(self.control & _EOIMODE)

    def group_enabled(self, group: int) -> bool:
        return bool(self.enabled[group])

    def group_priority_mask(self, group: int) -> int:
        """The bits of a priority that decide pre-emption (IHI 0069, ICC_BPR<n>_EL1)."""
        bpr = self.bpr[0]
        if group and not self.controls[int(group == 2)] & _CBPR:
            bpr = self.bpr[group] - (group == 1)
        return ~0 << bpr + 1 & 0xFF

    def running_priority(self) -> int:
        """ICC_RPR_EL1: the highest active priority, 0xff when idle."""
        active = self.active[0] | self.active[1] | self.active[2]
        if not active:
            return IDLE
        return ((active & -active).bit_length() - 1) << 8 - PRIORITY_BITS

    def highest_active_group(self) -> int | None:
        """The group whose active priority is highest; None when idle."""
        lowest = [(bits & -bits, group) for group, bits in enumerate(self.active) if bits]
        return min(lowest)[1] if lowest else None

    def drop_priority(self, group: int) -> None:
        self.active[group] &= self.active[group] - 1

    def drop_highest(self) -> int:
        """Drop the highest active priority of either group; returns it, 0xff when there was none."""
        priority = self.running_priority()
        group = self.highest_active_group()
        if group is not None:
            self.drop_priority(group)
        return priority

    # -- interrupts

    def can_preempt(self, candidate: Candidate) -> bool:
        """Priority above the mask, and group priority above the running one."""
        if candidate.priority >= self.pmr:
            return False
        running = self.running_priority()
        mask = self.group_priority_mask(candidate.group)
        return running == IDLE or candidate.priority & mask < running & mask

    def signalled(self) -> Candidate | None:
        """The interrupt that is signalled to the PE now."""
        found = self._m.signals.best(self.cpu)
        if found is None or not self.enabled[found.group] or not self.can_preempt(found):
            return None
        return found

    def highest_pending(self, group: int) -> int:
        """ICC_HPPIR<group>: not masked by PMR or the running priority."""
        found = self._m.signals.best(self.cpu)
        if found is None or found.group != group or not self.enabled[group]:
            return SPURIOUS
        return found.intid

    def acknowledge(self, group: int) -> int:
        """ICC_IAR<group>: the INTID, now active (an LPI: no longer pending), or 1023."""
        found = self.signalled()
        if found is None or found.group != group:
            self._m.tell(effects.Acknowledged(self.cpu, SPURIOUS, self.running_priority()))
            return SPURIOUS
        group_priority = found.priority & self.group_priority_mask(group)
        running = self.running_priority()
        if running != IDLE:
            self._m.tell(Preempted(self.cpu, found.intid, group_priority, running))
        level = group_priority >> 8 - PRIORITY_BITS
        self.active[group] |= 1 << level
        self._m.signals.activate(self.cpu, found)
        self._m.tell(effects.Acknowledged(self.cpu, found.intid, self.running_priority()))
        return found.intid

    def _end(self, value: int, group: int) -> None:
        intid = value & 0xFF_FFFF
        running = self.running_priority()
        told = self._m.signals.end(self, intid, group)
        self._ran(running)
        self._m.tell(effects.Ended(self.cpu, intid, told))

    def _write_dir(self, value: int) -> None:
        intid = value & 0xFF_FFFF
        told = self._m.signals.deactivate(self, intid)
        self._m.tell(effects.Ended(self.cpu, intid, told, cite="IHI 0069, ICC_DIR_EL1"))

    def _sgi(self, value: int, group: int) -> None:
        """IHI 0069, ICC_SGI1R_EL1: TargetList and affinities, or (IRM) all CPUs but this one."""
        intid = value >> 24 & 0xF
        affinity = value >> 16 & 0xFF | (value >> 32 & 0xFF) << 8 | (value >> 48 & 0xFF) << 16
        for cpu in range(self._m.cpus):
            listed = cpu // 16 == affinity and bool(value >> cpu % 16 & 1)
            if cpu != self.cpu if value & _IRM else listed:
                self._m.distributor.raise_sgi(intid, self.cpu, cpu, group)

    def snapshot(self) -> object:
        return self.pmr, tuple(self.bpr), tuple(self.enabled), tuple(self.active), tuple(self.controls)

    def restore(self, state: object) -> None:
        assert isinstance(state, tuple)
        self.pmr = state[0]
        self.bpr, self.enabled, self.active, self.controls = (list(each) for each in state[1:])
