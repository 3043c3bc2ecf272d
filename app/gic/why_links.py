"""The links of the chains of `why`: what one is, and those that every interrupt meets."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from app.gic.list_registers import LIST_REGISTERS
from app.gic.security import GROUP1_S
from app.gic.signal_behaviours import GroupZero
from app.gic.signals import IDLE

if TYPE_CHECKING:
    from app.gic.machine import Machine

_PROCESSOR_SLEEP = 2


class StopName(StrEnum):
    """The stops on an LPI's way from a device to a CPU, in the order in which it comes to them."""

    DEVICE = "device"
    DEVICE_ENTRY = "device-entry"
    EVENT = "event"
    EVENT_ENTRY = "itt-entry"
    LPI = "lpi"
    COLLECTION = "collection"
    REDISTRIBUTOR = "redistributor"
    CONFIG = "configuration"
    PENDING = "pending"
    CPU = "cpu"


@dataclass(frozen=True, slots=True)
class Link:
    """One condition. `mend` says what would make it hold, "" when it does."""

    name: str
    holds: bool
    says: str
    mend: str = ""
    cite: str = ""


def link(name: str, holds: bool, yes: str, no: str, mend: str, cite: str) -> Link:
    return Link(name, holds, yes if holds else no, "" if holds else mend, cite)


def group_link(machine: Machine, group: int) -> Link:
    bit = 1 if group == 0 and machine.impl.group_zero is GroupZero.FORWARDED else group
    name = ("EnableGrp0", "EnableGrp1NS" if machine.two_states else "EnableGrp1", "EnableGrp1S")[bit]
    says = _group_name(machine, group)
    return link(
        f"GICD_CTLR.{name}",
        bool(machine.gicd_ctlr() >> bit & 1),
        f"the Distributor forwards {says}",
        f"the Distributor does not forward {says}",
        f"Write GICD_CTLR {name}=1",
        "IHI 0069, GICD_CTLR",
    )


def waker(machine: Machine, cpu: int) -> list[Link]:
    """GICR_WAKER holds nothing back on any of these implementations; it is said because people look for it."""
    if not machine.map.registers["GICR_WAKER"].present:
        return []
    asleep = machine.peek_slot("GICR_WAKER", cpu) & _PROCESSOR_SLEEP
    says = "ProcessorSleep is 1, and interrupts are forwarded all the same" if asleep else "ProcessorSleep is 0"
    return [Link(f"GICR_WAKER@{cpu}", True, says, cite="IHI 0069, GICR_WAKER.ProcessorSleep")]


def listed(machine: Machine, intid: int, cpu: int, before: list[Link]) -> list[Link]:
    """KVM: deliverable is not enough, it must have been queued when it became so, and be in a list register."""
    lists = machine.list_registers
    if lists is None or not all(each.holds for each in before):
        return []
    other = lists.queued_on(intid, cpu)
    elsewhere = other is not None and other != cpu
    found = [
        link(
            f"list of vCPU {cpu}",
            other == cpu,
            f"it is on the list of vCPU {cpu}",
            f"it is still on the list of vCPU {other}, which has not run since it moved"
            if elsewhere
            else f"it left the list of vCPU {cpu} and nothing queued it again",
            f"Let vCPU {other} run: any access by it"
            if elsewhere
            else "INV, another MSI, or another write of its ISPENDR bit queues it",
            "vgic.c: vgic_prune_ap_list",
        ),
    ]
    if other == cpu:
        found.append(
            link(
                f"list registers of vCPU {cpu}",
                intid in lists.loaded(cpu),
                "it is in a list register",
                f"{LIST_REGISTERS} others are in the list registers, active or of a higher priority",
                "End or take one of those",
                "vgic.c: vgic_flush_lr_state",
            )
        )
    return found


def interface_links(machine: Machine, intid: int, cpu: int, group: int, priority: int) -> list[Link]:
    interface = machine.cpu_interfaces[cpu]
    running = interface.running_priority()
    mask = interface.group_priority_mask(group)
    best = machine.signals.best(cpu)
    enable = f"ICC_IGRPEN{min(group, 1)}_EL1"
    by = " as Secure software" if group == GROUP1_S or (group == 0 and machine.two_states) else ""
    return [
        link(
            f"{enable}@{cpu}",
            interface.group_enabled(group),
            f"the CPU interface takes {_group_name(machine, group)}",
            f"the CPU interface does not take {_group_name(machine, group)}",
            f"Write {enable}@{cpu} 1{by}",
            f"IHI 0069, {enable}",
        ),
        link(
            f"ICC_PMR_EL1@{cpu}",
            priority < interface.pmr,
            f"its priority {priority:#04x} is higher than the mask {interface.pmr:#04x}",
            f"its priority {priority:#04x} is not higher than the mask {interface.pmr:#04x}",
            f"Write a larger value to ICC_PMR_EL1@{cpu}"
            if priority < IDLE
            else "Give it a priority: 0xff is never signalled",
            "IHI 0069, ICC_PMR_EL1",
        ),
        link(
            f"ICC_RPR_EL1@{cpu}",
            running == IDLE or priority & mask < running & mask,
            "no active interrupt is in its way" if running == IDLE else f"it pre-empts running priority {running:#04x}",
            f"the running priority {running:#04x} is as high or higher",
            "End the active interrupt: write its INTID to ICC_EOIR",
            "IHI 0069, ICC_RPR_EL1",
        ),
        link(
            "highest priority pending",
            best is not None and best.intid == intid,
            "no other pending interrupt comes before it",
            f"INTID {best.intid} (priority {best.priority:#04x}) comes before it" if best else "it is not forwarded",
            f"Acknowledge INTID {best.intid} first" if best else "Mend the links before",
            "IHI 0069, ICC_HPPIR1_EL1",
        ),
    ]


def _group_name(machine: Machine, group: int) -> str:
    return ("Group 0", "Non-secure Group 1" if machine.two_states else "Group 1", "Secure Group 1")[group]
