"""A Redistributor: LPI enable and table bases, WAKER, and its CPU's SGIs and PPIs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.gic import effects
from app.gic.distributor import GROUP_NAMES, InterruptWords
from app.gic.effects import ControlChanged
from app.gic.lpi import ENABLE_LPIS
from app.gic.lpi_behaviours import EnableAgain, InvlpirScope, LpiBasesWhileEnabled
from app.gic.lpi_kernel import KernelLpis
from app.gic.register_file import Place, Write, on_read, on_write, refuses_write

if TYPE_CHECKING:
    from app.gic.machine import Machine

_PROCESSOR_SLEEP = 2
_CHILDREN_ASLEEP = 4
_IIDR_REVISION = 0xF << 12
_CES_IR = 6
_DPG = 24
_LOW_HALF = 0xFFFF_FFFF


class Redistributor(InterruptWords):
    def __init__(self, machine: Machine, cpu: int) -> None:
        super().__init__(machine)
        self.cpu = cpu

    @on_write("GICR_CTLR")
    def lpis_enabled(self, write: Write) -> None:
        """EnableLPIs: load, or let go of, this CPU's LPIs (IHI 0069, GICR_CTLR)."""
        machine = self.m
        was, now = write.old & ENABLE_LPIS, write.new & ENABLE_LPIS
        if was != now:
            machine.tell(effects.LpisEnabled(self.cpu, bool(now)))
        if now and (not was or machine.impl.enable_again is EnableAgain.RESCANS):
            machine.lpi_home.enable(self.cpu, again=bool(was))
        elif was and not now:
            machine.chose(machine.impl.disable_lpis)
            # The LPIs still belong to an enabled Redistributor while their state is put away.
            machine.values[write.place.slot] = write.old
            machine.lpi_home.disable(self.cpu)
            machine.values[write.place.slot] = write.new
            if machine.has_its:
                machine.its.forget_translations()
        withheld = write.old ^ write.new
        for group, name in enumerate(GROUP_NAMES):
            if withheld >> _DPG + group & 1:
                takes = "does not take" if write.new >> _DPG + group & 1 else "may take"
                told = f"the PE {takes} 1-of-N {name} interrupts"
                machine.tell(ControlChanged(self.cpu, told, "IHI 0069, GICR_CTLR"))
        machine.signals.mark()

    @on_read("GICR_CTLR")
    def control(self, place: Place) -> int:
        """At GICD_IIDR revision 2 KVM does not show IR and CES (vgic_mmio_read_v3r_ctlr)."""
        value = self.m.values[place.slot]
        return value & ~_CES_IR if self.m.kvm_revision == 2 else value

    @refuses_write("GICR_PROPBASER", "GICR_PENDBASER")
    def bases_in_use(self, data: int) -> str:
        if not self.m.lpis_enabled(self.cpu):
            return ""
        self.m.chose(self.m.impl.lpi_bases_while_enabled)
        if self.m.impl.lpi_bases_while_enabled is LpiBasesWhileEnabled.TAKEN:
            return ""
        return "EnableLPIs is 1: writing now is UNPREDICTABLE, and here it is ignored"

    @property
    def asleep(self) -> bool:
        """GICR_WAKER.ProcessorSleep, where there is such a register."""
        place = self.m.layout.places.get(("GICR_WAKER", self.cpu))
        return place is not None and bool(self.m.values[place.slot] & _PROCESSOR_SLEEP)

    @on_write("GICR_WAKER")
    def woken(self, write: Write) -> None:
        """ChildrenAsleep follows ProcessorSleep at once."""
        asleep = bool(write.new & _PROCESSOR_SLEEP)
        self.m.values[write.place.slot] = write.new & ~_CHILDREN_ASLEEP | (_CHILDREN_ASLEEP if asleep else 0)
        if (write.old ^ write.new) & _PROCESSOR_SLEEP:
            now = "goes to sleep, and ChildrenAsleep with it" if asleep else "is awake, and ChildrenAsleep is 0"
            self.m.tell(ControlChanged(self.cpu, f"the PE {now}", "IHI 0069, GICR_WAKER"))
        self.m.signals.mark()

    @on_write("GICR_INVLPIR")
    def invalidate_lpi(self, write: Write) -> None:
        """Read one LPI's configuration again (vgic_mmio_write_invlpi: of any CPU's LPI)."""
        intid = write.new & write.lanes & _LOW_HALF
        self.m.values[write.place.slot] = 0
        if not write.lanes & _LOW_HALF or not self.m.lpis_enabled(self.cpu):
            return
        lpis = self.m.lpi_home
        scope = self.m.impl.invlpir_scope
        if scope is InvlpirScope.NOBODY:
            return
        if isinstance(lpis, KernelLpis):
            lpi = lpis.structs.get(intid)
            if lpi is not None and (scope is InvlpirScope.ANY_LPI or lpi.target == self.cpu):
                self.m.its.guarded(lambda: lpis.read_config(lpi))
        else:
            self.m.its.invalidate(self.cpu, intid)

    @on_write("GICR_INVALLR")
    def invalidate_all(self, write: Write) -> None:
        """Read the configuration of every LPI of this CPU again."""
        self.m.values[write.place.slot] = 0
        if write.lanes & _LOW_HALF and self.m.lpis_enabled(self.cpu):
            self.m.its.invalidate_all(self.cpu)
