"""Behaviours that follow from where the ITS keeps its tables, how interrupts are signalled, and from the VMM's door.

See `app.gic.behaviours.Consequence`.
"""

from __future__ import annotations

from app.gic.behaviours import Area, Consequence, Doors, Signalling, Status, TablesHome


class UnmapDevice(
    Consequence,
    area=Area.TABLES,
    status=Status.UNPREDICTABLE,
    allowed=("an ITT that is not zero when it is mapped: anything",),
    signs=("its:MAPD",),
):
    """MAPD with V=0 and then V=1 again, with the same ITT."""

    EVENTS_BACK = (
        "the ITT in RAM was not touched: its events are mapped again",
        "arm_gicv3_its.c: process_mapd, observed",
        TablesHome.GUEST_RAM,
    )
    EVENTS_GONE = (
        "the events went with the device; the ITT in RAM is not read",
        "vgic-its.c: vgic_its_free_device, observed",
        TablesHome.KERNEL,
    )


class UnmapCollection(Consequence, area=Area.TABLES, signs=("its:MAPC-V0",)):
    """MAPC with V=0 and then V=1 again, with events mapped to the collection."""

    EVENTS_BACK = ("the events work again", "IHI 0069, MAPC; observed on QEMU", TablesHome.GUEST_RAM)
    EVENTS_DETACHED = (
        "the events stay without a collection until their device is mapped again",
        "vgic-its.c: vgic_its_free_collection, observed",
        TablesHome.KERNEL,
    )


class BaserInvalid(Consequence, area=Area.TABLES, signs=("write:GITS_BASER",)):
    """GITS_BASER<n>.Valid 1→0→1 with the ITS disabled."""

    ENTRIES_BACK = (
        "the entries are in RAM and valid again",
        "arm_gicv3_its.c: extract_table_params, observed",
        TablesHome.GUEST_RAM,
    )
    ENTRIES_FREED = (
        "Valid=0 frees all devices or collections",
        "vgic-its.c: vgic_mmio_write_its_baser, observed",
        TablesHome.KERNEL,
    )


class WithoutCollection(Consequence, area=Area.COMMANDS, signs=("error:UNMAPPED_COLLECTION",)):
    """CLEAR and INV of an event whose collection is not mapped."""

    IGNORED = (
        "a command error: ignored",
        "IHI 0069, CLEAR, INV; arm_gicv3_its.c: do_process_its_cmd, observed",
        TablesHome.GUEST_RAM,
    )
    DONE = ("done: only the event is looked up", "vgic-its.c: vgic_its_cmd_handle_clear, observed", TablesHome.KERNEL)


class UnmapToNowhere(Consequence, area=Area.COMMANDS, signs=("error:PROCNUM_OOR",)):
    """MAPC with V=0 and an RDbase that names no Redistributor."""

    DONE = (
        "the collection is unmapped: RDbase is not looked at",
        "arm_gicv3_its.c: process_mapc, observed",
        TablesHome.GUEST_RAM,
    )
    IGNORED = (
        "a command error: ignored",
        "vgic-its.c: vgic_its_cmd_handle_mapc, observed",
        TablesHome.KERNEL,
    )


class UnmapTooLarge(Consequence, area=Area.COMMANDS, signs=("error:ITTSIZE_OOR",)):
    """MAPD with V=0 and a Size beyond GITS_TYPER.ID_bits."""

    IGNORED = ("a command error: ignored", "arm_gicv3_its.c: process_mapd, observed", TablesHome.GUEST_RAM)
    DONE = (
        "the device is unmapped: Size is not looked at",
        "vgic-its.c: vgic_its_cmd_handle_mapd, observed",
        TablesHome.KERNEL,
    )


class TranslationCache(Consequence, area=Area.TABLES, signs=("msi+only:lpi-pending", "msi+only:lpi-lost")):
    """An MSI that was translated before, after MAPC moved its collection to a CPU with EnableLPIs=0."""

    WALKS = ("is translated anew, and lost", "IHI 0069, GICR_CTLR.EnableLPIs; observed on QEMU", TablesHome.GUEST_RAM)
    CACHED = (
        "is found in the translation cache, which asks neither Enabled nor EnableLPIs, and becomes pending",
        "vgic-its.c: vgic_its_inject_cached_translation",
        TablesHome.KERNEL,
    )


class TieBreak(
    Consequence,
    area=Area.SIGNALS,
    status=Status.DEFINED,
    allowed=("any of them first",),
    signs=("ack:other",),
):
    """Pending interrupts of equal priority."""

    LOWEST_INTID = (
        "the lowest INTID first",
        "arm_gicv3.c: gicv3_update_noirqset, observed",
        Signalling.DIRECT,
    )
    FIRST_QUEUED = (
        "the one that became pending first",
        "vgic.c: vgic_irq_cmp, observed",
        Signalling.LIST_REGISTERS,
    )


class WrongEnd(
    Consequence,
    area=Area.SIGNALS,
    status=Status.UNPREDICTABLE,
    allowed=("ignored", "only the priority drops", "only that INTID is deactivated"),
    signs=("choice:wrong_end", "eoi", "write:ICC_EOIR1_EL1", "write:ICC_EOIR0_EL1"),
):
    """ICC_EOIR1_EL1 written with another INTID than the one acknowledged last."""

    DEACTIVATES_IT = (
        "the priority drops, and the INTID that was written is deactivated",
        "arm_gicv3_cpuif.c: icc_eoir_write, observed",
        Signalling.DIRECT,
    )
    DROPS_ONLY = (
        "the priority drops; nothing is deactivated unless its priority is the one that dropped",
        "arm_gicv3_cpuif.c: icv_eoir_write; observed on KVM",
        Signalling.LIST_REGISTERS,
    )


class GroupZero(Consequence, area=Area.SIGNALS, signs=("write:GICD_IGROUPR", "write:GICR_IGROUPR")):
    """A pending Group 0 interrupt with GICD_CTLR.EnableGrp0=0 and EnableGrp1=1."""

    NOT_FORWARDED = (
        "is not forwarded",
        "IHI 0069, GICD_CTLR.EnableGrp0; arm_gicv3.c: gicd_int_pending, observed",
        Signalling.DIRECT,
    )
    FORWARDED = (
        "is forwarded: there is one enable for both groups",
        "vgic.c: vgic_target_oracle, observed",
        Signalling.LIST_REGISTERS,
    )


class LevelLatch(Consequence, area=Area.SIGNALS, signs=("read:GICD_ISPENDR", "expect:GICD_ISPENDR")):
    """A level-sensitive interrupt that software made pending, when it is acknowledged."""

    CLEARED_AT_ACKNOWLEDGE = (
        "is pending no more",
        "IHI 0069, ICC_IAR1_EL1; arm_gicv3_cpuif.c: icc_activate_irq, observed",
        Signalling.DIRECT,
    )
    CLEARED_AT_DEACTIVATION = (
        "stays pending until it is deactivated",
        "vgic-v3.c: vgic_v3_fold_lr_state, observed",
        Signalling.LIST_REGISTERS,
    )


class EdgeLines(Consequence, area=Area.SIGNALS, signs=("irq",)):
    """The wire of an edge-triggered interrupt set high when it is high already."""

    RISING_EDGE = ("nothing: only a rising edge counts", "IHI 0069, GICD_ICFGR<n>; observed on QEMU", Signalling.DIRECT)
    EVERY_INJECTION = (
        "pending again: every injection of level 1 counts",
        "vgic.c: vgic_validate_injection, observed",
        Signalling.LIST_REGISTERS,
    )


class MigrationOrder(Consequence, area=Area.HOST, signs=("migrate",)):
    """Migration with GICR_CTLR restored after the ITS."""

    NO_MATTER = ("no matter: the state moves as it stands", "arm_gicv3_common.c: vmstate_gicv3", Doors.NONE)
    PENDING_LOST = (
        "pending LPIs are lost: RESTORE_TABLES took their bits out of RAM, and EnableLPIs then reads zeros",
        "vgic-its.c: vgic_its_restore_ite, vgic_enable_lpis, observed",
        Doors.KVM_DEVICE,
    )


class MigrationUnsaved(Consequence, area=Area.HOST, signs=("migrate",)):
    """Migration without SAVE_PENDING_TABLES and SAVE_TABLES."""

    NO_MATTER = ("no matter: there is nothing to save first", "arm_gicv3_common.c: vmstate_gicv3", Doors.NONE)
    LOST = (
        "mappings and pending LPIs are lost, without an error",
        "Documentation/virt/kvm/devices/arm-vgic-its.rst, observed",
        Doors.KVM_DEVICE,
    )
