"""Which PE an SPI goes to (IHI 0069, GICD_IROUTER<n>, and GICR_CTLR.DPG0, DPG1NS and DPG1S)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.gic.signal_behaviours import OneOfN

if TYPE_CHECKING:
    from app.gic.machine import Machine

_ANY_PE = 1 << 31  # GICD_IROUTER<n>.Interrupt_Routing_Mode
_DPG = 24  # GICR_CTLR.DPG0; DPG1NS and DPG1S come after it, as the groups do


def one_of_n(machine: Machine, intid: int) -> bool:
    """Whether any PE that takes part may get this SPI."""
    router = machine.values[machine.layout.places[f"GICD_IROUTER{intid}", 0].slot]
    return machine.impl.one_of_n is OneOfN.LOWEST_CPU and bool(router & _ANY_PE)


def takes_part(machine: Machine, cpu: int, group: int) -> bool:
    """Whether 1-of-N interrupts of a group may be given to this CPU (IHI 0069, GICR_CTLR.DPG0, DPG1NS, DPG1S)."""
    withheld = machine.peek_slot("GICR_CTLR", cpu) >> _DPG + group & 1
    return not (machine.redistributors[cpu].asleep or withheld) and machine.cpu_interfaces[cpu].group_enabled(group)


def spi_target(machine: Machine, intid: int) -> int | None:
    """The CPU that GICD_IROUTER<intid> names, or that was chosen for a 1-of-N SPI; None when there is none such."""
    router = machine.values[machine.layout.places[f"GICD_IROUTER{intid}", 0].slot]
    if router & _ANY_PE and machine.impl.one_of_n is OneOfN.LOWEST_CPU:
        group = machine.wired.group(intid, 0)
        return next((cpu for cpu in range(machine.cpus) if takes_part(machine, cpu, group)), None)
    aff0, rest = router & 0xFF, router >> 8 & 0xFFFF | (router >> 32 & 0xFF) << 16
    cpu = rest * 16 + aff0
    return cpu if aff0 < 16 and cpu < machine.cpus else None
