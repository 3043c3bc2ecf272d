"""Behaviours of the Distributor, of the CPU interface, and of the bus that leads to registers."""

from __future__ import annotations

from app.gic.behaviours import Area, Behaviour, Status


class SgiGroups(Behaviour, area=Area.SIGNALS, signs=("write:ICC_SGI1R_EL1",)):
    """Which SGIs ICC_SGI1R_EL1 can raise with one Security state."""

    GROUP1_ONLY = ("those configured as Group 1", "IHI 0069, ICC_SGI1R_EL1")
    EITHER_GROUP = ("those of either group", "vgic-mmio-v3.c: vgic_v3_dispatch_sgi, observed")


class GroupZero(Behaviour, area=Area.SIGNALS, signs=("write:GICD_IGROUPR", "write:GICR_IGROUPR")):
    """A pending Group 0 interrupt with GICD_CTLR.EnableGrp0=0 and EnableGrp1=1."""

    NOT_FORWARDED = (
        "is not forwarded",
        "IHI 0069, GICD_CTLR.EnableGrp0; arm_gicv3.c: gicd_int_pending, observed",
    )
    FORWARDED = (
        "is forwarded: there is one enable for both groups",
        "vgic.c: vgic_target_oracle, observed",
    )


class OneOfN(
    Behaviour,
    area=Area.SIGNALS,
    status=Status.DEFINED,
    allowed=("any of the PEs that take part", "no 1-of-N interrupts (GICD_TYPER.No1N=1)"),
    signs=("write:GICD_IROUTER", "expect:GICD_IROUTER", "expect:irq"),
):
    """An SPI with GICD_IROUTER<n>.Interrupt_Routing_Mode written as 1."""

    LOWEST_CPU = (
        "it goes to the lowest numbered PE that takes part: awake, its group enabled there, and its DPG bit 0",
        "IHI 0069, GICD_IROUTER<n>, GICR_CTLR.DPG0",
    )
    NOT_THERE = (
        "the bit is RAZ/WI, though GICD_TYPER.No1N is 0: it goes to the PE that the affinity names",
        "vgic-mmio-v3.c: vgic_mmio_write_irouter, observed",
    )
    IGNORED = (
        "the bit is kept and does nothing (GICD_TYPER.No1N is 1): it goes to the PE that the affinity names",
        "arm_gicv3_internal.h: gicv3_cache_target_cpustate; registers observed",
    )


class TieBreak(
    Behaviour,
    area=Area.SIGNALS,
    status=Status.DEFINED,
    allowed=("any of them first",),
    signs=("ack:other",),
):
    """Pending interrupts of equal priority."""

    LOWEST_INTID = (
        "the lowest INTID first",
        "arm_gicv3.c: gicv3_update_noirqset, observed",
    )
    FIRST_QUEUED = (
        "the one that became pending first",
        "vgic.c: vgic_irq_cmp, observed",
    )


class LevelLatch(Behaviour, area=Area.SIGNALS, signs=("read:GICD_ISPENDR", "expect:GICD_ISPENDR", "eoi")):
    """A level-sensitive interrupt that software made pending, when it is acknowledged."""

    CLEARED_AT_ACKNOWLEDGE = (
        "is pending no more",
        "IHI 0069, ICC_IAR1_EL1; arm_gicv3_cpuif.c: icc_activate_irq, observed",
    )
    CLEARED_AT_DEACTIVATION = (
        "stays pending until it is deactivated",
        "vgic-v3.c: vgic_v3_fold_lr_state, observed",
    )


class EdgeLines(Behaviour, area=Area.SIGNALS, signs=("irq",)):
    """The wire of an edge-triggered interrupt set high when it is high already."""

    RISING_EDGE = ("nothing: only a rising edge counts", "IHI 0069, GICD_ICFGR<n>; observed on QEMU")
    EVERY_INJECTION = (
        "pending again: every injection of level 1 counts",
        "vgic.c: vgic_validate_injection, observed",
    )


class WrongEnd(
    Behaviour,
    area=Area.SIGNALS,
    status=Status.UNPREDICTABLE,
    allowed=("ignored", "only the priority drops", "only that INTID is deactivated"),
    signs=("choice:wrong_end", "eoi", "write:ICC_EOIR1_EL1", "write:ICC_EOIR0_EL1"),
):
    """ICC_EOIR1_EL1 written with another INTID than the one acknowledged last."""

    DEACTIVATES_IT = (
        "the priority drops, and the INTID that was written is deactivated",
        "arm_gicv3_cpuif.c: icc_eoir_write, observed",
    )
    DROPS_ONLY = (
        "the priority drops; nothing is deactivated unless its priority is the one that dropped",
        "arm_gicv3_cpuif.c: icv_eoir_write; observed on KVM",
    )


class MisalignedAccess(
    Behaviour,
    area=Area.ACCESSES,
    status=Status.UNPREDICTABLE,
    allowed=("a fault", "the access is split into aligned ones"),
    signs=("misaligned",),
):
    """A load or store to a register at an address that is no multiple of its size."""

    NO_REGISTER = ("no register takes it: reads as zero, writes are ignored", "vgic-mmio.c: check_region, observed")
    SPLIT = ("the bus splits it into aligned ones", "softmmu/physmem.c: memory_access_size, observed")
