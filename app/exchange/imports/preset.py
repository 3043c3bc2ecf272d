"""What a driver has done that a log takes for granted: LPIs on, with tables somewhere in RAM."""

from __future__ import annotations

from app.gic.memory import RAM_BASE
from app.scenario.operations import Operation, RegisterRef, Write
from app.scenario.scenario import MachineSpec

CACHED = 0x780  # InnerCache RaWaWb, Inner Shareable
ID_BITS = 15
PROPERTY_TABLE = RAM_BASE + 0x0200_0000
PENDING_TABLES = RAM_BASE + 0x0210_0000
TRANSLATION_TABLES = RAM_BASE + 0x0300_0000
PENDING_BYTES = 0x1_0000
FIRST_LPI = 8192
GROUP_1_AND_ARE = 0x12


def distributor_on() -> tuple[Operation, ...]:
    """GICD_CTLR as a driver writes it where there is one Security state."""
    return (Write(RegisterRef("GICD_CTLR"), GROUP_1_AND_ARE),)


def cpu_interface_on(cpu: int) -> tuple[Operation, ...]:
    """A CPU that is awake and takes Group 1 interrupts of every priority that a driver uses."""
    return (
        Write(RegisterRef("ICC_PMR_EL1", cpu), 0xF0),
        Write(RegisterRef("ICC_IGRPEN1_EL1", cpu), 1),
    )


def lpis_on(cpu: int, properties: int, pending: int) -> tuple[Operation, ...]:
    """A Redistributor with its tables set and EnableLPIs."""
    return (
        Write(RegisterRef("GICR_PROPBASER", cpu), properties | CACHED | ID_BITS),
        Write(RegisterRef("GICR_PENDBASER", cpu), pending | CACHED),
        Write(RegisterRef("GICR_CTLR", cpu), 1),
    )


def everything_on(spec: MachineSpec) -> tuple[Operation, ...]:
    """A whole machine ready for LPIs, its tables where giclab puts them."""
    found = [*distributor_on()]
    for cpu in range(spec.cpus):
        found += cpu_interface_on(cpu)
        found += lpis_on(cpu, PROPERTY_TABLE, PENDING_TABLES + cpu * PENDING_BYTES)
    return tuple(found)
