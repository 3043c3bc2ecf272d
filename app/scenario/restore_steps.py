"""The steps of a restore, in the documented order, and the other orders that have a name.

Order is knowledge here, so it is a list. Sources: Linux Documentation/virt/kvm/devices/arm-vgic-its.rst, "ITS Restore
Sequence"; QEMU hw/intc/arm_gicv3_kvm.c (kvm_arm_gicv3_put) and arm_gicv3_its_kvm.c (kvm_arm_its_post_load).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

CITE = "Documentation/virt/kvm/devices/arm-vgic-its.rst, ITS Restore Sequence"


@dataclass(frozen=True, slots=True)
class RestoreStep:
    """One named step: the registers it restores (stems; arrays whole, once per CPU where they are), and why it is here.

    `clear_first` pairs a write-one-to-set register with the one that clears it: a fresh GIC may have bits set at reset.
    """

    name: str
    stems: tuple[str, ...]
    why: str
    clear_first: Mapping[str, str] = field(default_factory=dict)


STEPS: tuple[RestoreStep, ...] = (
    RestoreStep(
        "gicd",
        (
            "GICD_IIDR",
            "GICD_CTLR",
            "GICD_IGROUPR",
            "GICD_ISENABLER",
            "GICD_ICFGR",
            "GICD_IPRIORITYR",
            "GICD_IROUTER",
            "GICD_ISPENDR",
            "GICD_ISACTIVER",
        ),
        "GICD_IIDR chooses the behaviour revision, so it comes before anything that depends on it",
        MappingProxyType({"GICD_ISENABLER": "GICD_ICENABLER"}),
    ),
    RestoreStep("propbaser", ("GICR_PROPBASER",), "where configuration bytes are read from, before anything reads one"),
    RestoreStep("pendbaser", ("GICR_PENDBASER",), "where pending bits are read from; ignored once EnableLPIs is 1"),
    RestoreStep("gicr-ctlr", ("GICR_CTLR",), "EnableLPIs while no LPI is mapped: there is nothing to scan for yet"),
    RestoreStep(
        "gicr",
        ("GICR_IGROUPR", "GICR_ISENABLER", "GICR_ICFGR", "GICR_IPRIORITYR", "GICR_ISPENDR", "GICR_ISACTIVER"),
        "SGIs and PPIs",
        MappingProxyType({"GICR_ISENABLER": "GICR_ICENABLER"}),
    ),
    RestoreStep(
        "icc",
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
        "the CPU interfaces",
    ),
    RestoreStep("gits-iidr", ("GITS_IIDR",), "the table format's revision, before the tables"),
    RestoreStep("cbaser", ("GITS_CBASER",), "before GITS_CREADR: writing it zeroes GITS_CREADR and GITS_CWRITER"),
    RestoreStep("creadr", ("GITS_CREADR",), "left at 0, the whole queue would be executed again"),
    RestoreStep("cwriter", ("GITS_CWRITER",), "while the ITS is disabled, so that nothing runs yet"),
    RestoreStep("basers", ("GITS_BASER",), "where the tables are, before they are read"),
    RestoreStep("its-tables", (), "RESTORE_TABLES reads devices, collections and ITEs, and each LPI's pending bit"),
    RestoreStep("gits-ctlr", ("GITS_CTLR",), "last: from here on commands and MSIs run"),
)
STEP_NAMES: tuple[str, ...] = tuple(step.name for step in STEPS)
BY_NAME: Mapping[str, RestoreStep] = MappingProxyType({step.name: step for step in STEPS})
_REDISTRIBUTORS = ("propbaser", "pendbaser", "gicr-ctlr", "gicr", "icc")
_ITS = STEP_NAMES[STEP_NAMES.index("gits-iidr") :]
ORDERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "documented": STEP_NAMES,
        "its-first": ("gicd", *_ITS, *_REDISTRIBUTORS),
        "bases-its-ctlr": ("gicd", "propbaser", "pendbaser", *_ITS, "gicr-ctlr", "gicr", "icc"),
    }
)


def steps_of(order: tuple[str, ...]) -> tuple[str, ...]:
    """The step names that an `order=` spells."""
    return ORDERS.get(order[0], order)
