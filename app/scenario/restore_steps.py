"""The steps of a restore, and the orders of them that have a name.

Order is knowledge here, so it is a list. Sources: Linux Documentation/virt/kvm/devices/arm-vgic-its.rst, "ITS Restore
Sequence"; QEMU hw/intc/arm_gicv3_kvm.c (kvm_arm_gicv3_put), arm_gicv3_its_kvm.c (kvm_arm_its_post_load) and
arm_gicv3_common.c (vmstate_gicv3); Linux drivers/irqchip/irq-gic-v3-its.c (its_save_disable, its_restore_enable).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import NamedTuple

from app.gic import Implementation
from app.gic.behaviours import Doors, PendingHome

RAM, ITS_BASE, TABLES = "ram", "its-base", "its-tables"
VMSTATE_GIC, VMSTATE_ITS = "vmstate-gic", "vmstate-its"
WRITE_BACK = "write-back"


class Way(Enum):
    """How an implementation's state comes out of it and into another. The value is (what it is, its source)."""

    ATTRIBUTES = (
        (
            "A VMM moves it with KVM device attributes, one register at a time. Mappings and pending bits are in the"
            " kernel: SAVE_TABLES and SAVE_PENDING_TABLES write them to guest RAM, RESTORE_TABLES reads them back."
        ),
        "Documentation/virt/kvm/devices/arm-vgic-its.rst, ITS Restore Sequence",
    )
    REGISTERS = (
        (
            "The manual knows no migration, only what software can do: clear EnableLPIs and wait for RWP, so that the"
            " pending tables in RAM are complete, read the registers, and write them to the other GIC. GITS_CREADR is"
            " read-only there, so GITS_CWRITER is written as zero, as Linux does after a suspend."
        ),
        "IHI 0069, GICR_CTLR.EnableLPIs; irq-gic-v3-its.c: its_save_disable, its_restore_enable",
    )
    VMSTATE = (
        (
            "Its registers move as they stand, in two sections; tables and pending bits are in guest RAM at all times."
            " After each section the best pending LPI and the table bounds are worked out again from registers and RAM."
        ),
        "arm_gicv3_common.c: vmstate_gicv3; arm_gicv3.c: arm_gicv3_post_load; arm_gicv3_its.c: gicv3_its_post_load",
    )

    def __init__(self, meaning: str, cite: str) -> None:
        self.meaning = meaning
        self.cite = cite


def way_of(implementation: Implementation) -> Way:
    """How this implementation is migrated."""
    if implementation.doors is Doors.KVM_DEVICE:
        return Way.ATTRIBUTES
    return Way.REGISTERS if implementation.pending_home is PendingHome.REDISTRIBUTOR else Way.VMSTATE


@dataclass(frozen=True, slots=True)
class RestoreStep:
    """One named step: the registers it restores (stems; arrays whole, once per CPU where they are), and why it is here.

    `clear_first` pairs a write-one-to-set register with the one that clears it: a fresh GIC may have bits set at reset.
    `two_states` are the stems that matter with two Security states only.
    """

    name: str
    title: str
    stems: tuple[str, ...]
    why: str
    clear_first: Mapping[str, str] = field(default_factory=dict)
    ways: frozenset[Way] = frozenset({Way.ATTRIBUTES, Way.REGISTERS})
    per_cpu: bool = False
    two_states: tuple[str, ...] = ()


_KVM = frozenset({Way.ATTRIBUTES})
_QEMU = frozenset({Way.VMSTATE})
STEPS: tuple[RestoreStep, ...] = (
    RestoreStep(RAM, "Guest memory", (), "tables, pending bits and the command queue are in it", ways=frozenset(Way)),
    RestoreStep(
        "gicd-ctlr",
        "GICD_IIDR, GICD_CTLR",
        ("GICD_IIDR", "GICD_CTLR"),
        "GICD_IIDR chooses the behaviour revision, so it comes before anything that depends on it",
    ),
    RestoreStep(
        "gicd",
        "Distributor",
        (
            "GICD_IGROUPR",
            "GICD_ISENABLER",
            "GICD_ICFGR",
            "GICD_IPRIORITYR",
            "GICD_IROUTER",
            "GICD_ISPENDR",
            "GICD_ISACTIVER",
        ),
        "SPIs: groups, enables, priorities, routes",
        MappingProxyType({"GICD_ISENABLER": "GICD_ICENABLER"}),
        two_states=("GICD_IGRPMODR", "GICD_NSACR"),
    ),
    RestoreStep(
        "propbaser",
        "GICR_PROPBASER",
        ("GICR_PROPBASER",),
        "where configuration bytes are read from, before anything reads one",
        per_cpu=True,
    ),
    RestoreStep(
        "pendbaser",
        "GICR_PENDBASER",
        ("GICR_PENDBASER",),
        "where pending bits are read from; ignored once EnableLPIs is 1",
        per_cpu=True,
    ),
    RestoreStep(
        "gicr-ctlr",
        "GICR_CTLR",
        ("GICR_CTLR",),
        "EnableLPIs; documented before any LPI is mapped, so that there is nothing to scan for",
        per_cpu=True,
    ),
    RestoreStep(
        "gicr",
        "SGIs and PPIs",
        ("GICR_IGROUPR", "GICR_ISENABLER", "GICR_ICFGR", "GICR_IPRIORITYR", "GICR_ISPENDR", "GICR_ISACTIVER"),
        "the Redistributors' own interrupts",
        MappingProxyType({"GICR_ISENABLER": "GICR_ICENABLER"}),
        per_cpu=True,
        two_states=("GICR_IGRPMODR", "GICR_NSACR"),
    ),
    RestoreStep(
        "icc",
        "CPU interfaces",
        (
            "ICC_SRE_EL1",
            "ICC_CTLR_EL1",
            "ICC_PMR_EL1",
            "ICC_BPR0_EL1",
            "ICC_BPR1_EL1",
            "ICC_AP0R",
            "ICC_AP1R",
            "ICC_IGRPEN0_EL1",
            "ICC_IGRPEN1_EL1",
        ),
        "priority mask, binary points, active priorities, group enables",
        per_cpu=True,
    ),
    RestoreStep(
        ITS_BASE, "ITS base address", (), "an ITS without one answers ENXIO to every register attribute", ways=_KVM
    ),
    RestoreStep("gits-iidr", "GITS_IIDR", ("GITS_IIDR",), "the table format's revision, before the tables", ways=_KVM),
    RestoreStep(
        "cbaser",
        "GITS_CBASER",
        ("GITS_CBASER",),
        "documented before GITS_CREADR: writing it zeroes GITS_CREADR, and in KVM GITS_CWRITER too",
    ),
    RestoreStep("creadr", "GITS_CREADR", ("GITS_CREADR",), "left at 0, the whole queue would be executed again"),
    RestoreStep("cwriter", "GITS_CWRITER", ("GITS_CWRITER",), "while the ITS is disabled, so that nothing runs yet"),
    RestoreStep("basers", "GITS_BASER", ("GITS_BASER",), "where the tables are, before they are read"),
    RestoreStep(
        TABLES,
        "RESTORE_TABLES",
        (),
        "reads devices, collections and ITEs out of RAM, and each LPI's configuration byte and pending bit",
        ways=_KVM,
    ),
    RestoreStep("gits-ctlr", "GITS_CTLR", ("GITS_CTLR",), "from here on commands and MSIs run, so it comes last"),
    RestoreStep(
        VMSTATE_GIC,
        "Section arm_gicv3",
        (),
        "Distributor, Redistributors, CPU interfaces; then EnableLPIs=1 scans the pending tables in RAM",
        ways=_QEMU,
    ),
    RestoreStep(
        VMSTATE_ITS,
        "Section arm_gicv3_its",
        (),
        "the ITS registers; then the bounds of the tables in RAM",
        ways=_QEMU,
    ),
)
STEP_NAMES: tuple[str, ...] = tuple(step.name for step in STEPS)
BY_NAME: Mapping[str, RestoreStep] = MappingProxyType({step.name: step for step in STEPS})
# In place from the start unless an order names them or they are left out.
IN_PLACE = frozenset({RAM, ITS_BASE})
_STARTS = (RAM, "gicd-ctlr", "gicd")
_REDISTRIBUTORS = ("propbaser", "pendbaser", "gicr-ctlr", "gicr", "icc")
_ITS = (ITS_BASE, "gits-iidr", "cbaser", "creadr", "cwriter", "basers", TABLES, "gits-ctlr")
ORDERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "documented": (*_STARTS, *_REDISTRIBUTORS, *_ITS),
        "its-first": (*_STARTS, *_ITS, *_REDISTRIBUTORS),
        "bases-its-ctlr": (*_STARTS, "propbaser", "pendbaser", *_ITS, "gicr-ctlr", "gicr", "icc"),
        "qemu-kvm": (
            ITS_BASE, RAM, "gicd-ctlr", "propbaser", "pendbaser", "gicr-ctlr", "gicr", "gicd", "icc", *_ITS[1:],
        ),
        "vmstate": (RAM, VMSTATE_GIC, VMSTATE_ITS),
    }
)  # fmt: skip
USUAL: Mapping[Way, str] = MappingProxyType(
    {Way.ATTRIBUTES: "documented", Way.REGISTERS: "documented", Way.VMSTATE: "vmstate"}
)


class StepRef(NamedTuple):
    """A step, for all CPUs or for one."""

    name: str
    cpu: int | None = None

    def __str__(self) -> str:
        return self.name if self.cpu is None else f"{self.name}@{self.cpu}"

    @property
    def step(self) -> RestoreStep:
        return BY_NAME[self.name]


def step_ref(text: str) -> StepRef:
    """`pendbaser@1` taken apart; the name was checked before."""
    name, _, cpu = text.partition("@")
    return StepRef(name, int(cpu) if cpu else None)


def steps_of(order: tuple[str, ...]) -> tuple[str, ...]:
    """The steps that an `order=` spells."""
    return ORDERS.get(order[0], order)


def cards_of(way: Way, order: tuple[str, ...], without: tuple[str, ...] = ()) -> tuple[StepRef, ...]:
    """The steps of an order that this way of migrating has; its usual order where it has none of them but the RAM."""
    refs = tuple(step_ref(text) for text in steps_of(order))
    mine = [ref for ref in refs if way in ref.step.ways]
    if all(ref.name == RAM for ref in mine):
        mine = [StepRef(name) for name in ORDERS[USUAL[way]]]
        mine = [ref for ref in mine if way in ref.step.ways]
    return tuple(ref for ref in mine if str(ref) not in without and ref.name not in without)
