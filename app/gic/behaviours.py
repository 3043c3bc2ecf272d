"""What a behaviour is, and the strategies: the behaviours that decide which class does the work.

Each is an enum with one member for each way to behave. One that the manual leaves open has a `status`, and `allowed`
says what else would be right. The code asks them one by one, so that any of them can be changed alone; how two
implementations differ is found that way (`app.engines.explain`).

Sources: "observed" means recorded on a real Linux KVM 6.1.192 or QEMU 7.2.22; `file:function` names kernel
(arch/arm64/kvm/vgic) or QEMU (hw/intc) code; "IHI 0069" is Arm's GIC architecture specification.
"""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import Self


class Area(StrEnum):
    """What a behaviour is about; the matrix lists them in this order."""

    PENDING = "LPI pending state"
    CONFIG = "LPI configuration"
    BASES = "LPI table base registers"
    ITS = "ITS registers and command queue"
    TABLES = "ITS tables and mappings"
    COMMANDS = "ITS commands"
    ACCESSES = "Register accesses"
    SIGNALS = "Distributor and CPU interface"
    HOST = "Userspace and migration"


class Status(StrEnum):
    """How the manual leaves something open."""

    DECIDED = ""
    DEFINED = "IMPLEMENTATION DEFINED"
    CONSTRAINED = "CONSTRAINED UNPREDICTABLE"
    UNPREDICTABLE = "UNPREDICTABLE"


class Behaviour(Enum):
    """One way to behave. The value is (what it does, where that is known from).

    `signs` are what shows in a step when this behaviour was at work there, see `app.engines.evidence`.
    """

    area: Area
    status: Status
    allowed: tuple[str, ...]
    signs: tuple[str, ...]

    def __init__(self, meaning: str, cite: str) -> None:
        self.meaning = meaning
        self.cite = cite

    def __init_subclass__(
        cls,
        *,
        area: Area = Area.PENDING,
        status: Status = Status.DECIDED,
        allowed: tuple[str, ...] = (),
        signs: tuple[str, ...] = (),
    ) -> None:
        super().__init_subclass__()
        cls.area, cls.status, cls.allowed, cls.signs = area, status, allowed, signs

    @classmethod
    def title(cls) -> str:
        """What the behaviour is about, in a few words."""
        return (cls.__doc__ or "").partition("\n")[0].removesuffix(".")


class Consequence(Behaviour):
    """The value is (what it does, where that is known from, the strategy or strategies that it comes with)."""

    def __init__(self, meaning: str, cite: str, *follows: Behaviour) -> None:
        self.meaning = meaning
        self.cite = cite
        self.follows = follows

    @classmethod
    def of(cls, strategies: frozenset[Behaviour]) -> Self:
        """The member that comes with one of these."""
        return next(member for member in cls if not strategies.isdisjoint(member.follows))


class PendingHome(
    Behaviour,
    area=Area.PENDING,
    status=Status.DEFINED,
    allowed=("in the pending table in RAM, at any time or always",),
    signs=("only:lpi-pending:table", "only:lpi-not-pending:table", "expect:pending-table"),
):
    """Where the pending state of an LPI lives while LPIs are enabled."""

    REDISTRIBUTOR = ("in the Redistributor; the table in RAM may be stale", "IHI 0069, LPI Pending tables")
    LATCH = (
        "in a latch of the mapped LPI; the table in RAM is only an image",
        "vgic.h: struct vgic_irq.pending_latch, observed",
    )
    GUEST_RAM = (
        "in the pending table in guest RAM, always",
        "arm_gicv3_redist.c: set_pending_table_bit, observed",
    )


class TablesHome(
    Behaviour,
    area=Area.TABLES,
    status=Status.DEFINED,
    allowed=("cached by the ITS until it is disabled",),
    signs=("expect:memory", "write:GITS_BASER"),
):
    """Where the ITS keeps its device, collection and interrupt translation entries."""

    GUEST_RAM = ("in guest RAM, written by each command and read at each use", "IHI 0069, GITS_BASER<n>")
    KERNEL = (
        "in lists of its own; RAM is written by SAVE_TABLES, and zeros by DISCARD and by MAPD with V=0",
        "vgic-its.c: struct its_device, observed",
    )


class TableEntries(
    Behaviour,
    area=Area.TABLES,
    status=Status.DEFINED,
    allowed=("any format: only level 1 entries are architected",),
    signs=("expect:memory", "write:GITS_BASER"),
):
    """How device, collection and interrupt translation entries look in RAM."""

    PLAIN = (
        "8 bytes each, Valid in bit 63, fields where the commands have them",
        "giclab's own; IHI 0069, GITS_BASER<n>",
    )
    QEMU = ("device and collection entries of 8 bytes, ITEs of 12, Valid in bit 0", "gicv3_internal.h, observed")
    KVM_ABI_0 = (
        "8 bytes each; devices and events are linked by a `next` field, collections are a packed list",
        "Documentation/virt/kvm/devices/arm-vgic-its.rst, ITS Table ABI REV0, observed",
    )


class Signalling(
    Behaviour,
    area=Area.SIGNALS,
    signs=("write:GICD_CTLR", "write:GICD_IROUTER", "write:GICD_IGROUPR", "write:GICR_IGROUPR"),
):
    """How a pending interrupt reaches the CPU interface."""

    DIRECT = (
        "the highest priority pending interrupt is worked out from the state at any time",
        "IHI 0069, Interrupt prioritization",
    )
    LIST_REGISTERS = (
        "an event that makes an interrupt deliverable queues it; what left the queue, no other write brings back",
        "vgic.c: vgic_queue_irq_unlock, vgic_prune_ap_list, observed",
    )


class Doors(Behaviour, area=Area.HOST, signs=("uread", "uwrite", "save")):
    """The door for a virtual machine monitor."""

    KVM_DEVICE = ("KVM device attributes", "Documentation/virt/kvm/devices/arm-vgic-v3.rst, observed")
    NONE = ("none: registers, tables and pending bits are saved as they stand", "arm_gicv3_common.c: vmstate_gicv3")


class EnableWithoutIts(Consequence, area=Area.PENDING, signs=("no-its+write:GICR_CTLR", "no-its+only:signalled")):
    """GICR_CTLR.EnableLPIs in a machine without an ITS."""

    STAYS_ZERO = (
        "stays zero: GICR_TYPER.PLPIS is 0",
        "IHI 0069, GICR_TYPER.PLPIS; vgic-mmio-v3.c: vgic_mmio_write_v3r_ctlr, observed",
        PendingHome.REDISTRIBUTOR,
        PendingHome.LATCH,
    )
    TAKEN = (
        "is stored, and the pending table is read: GICR_TYPER.PLPIS is 1 all the same",
        "arm_gicv3_redist.c: gicr_writel, observed",
        PendingHome.GUEST_RAM,
    )


class MigrationOrder(Consequence, area=Area.HOST, signs=("migrate:reordered",)):
    """Migration with GICR_CTLR restored after the ITS."""

    NO_MATTER = ("no matter: the state moves as it stands", "arm_gicv3_common.c: vmstate_gicv3", Doors.NONE)
    PENDING_LOST = (
        "pending LPIs are lost: RESTORE_TABLES took their bits out of RAM, and EnableLPIs then reads zeros",
        "vgic-its.c: vgic_its_restore_ite, vgic_enable_lpis, observed",
        Doors.KVM_DEVICE,
    )


class MigrationUnsaved(Consequence, area=Area.HOST, signs=("migrate:unsaved",)):
    """Migration without SAVE_PENDING_TABLES and SAVE_TABLES."""

    NO_MATTER = ("no matter: there is nothing to save first", "arm_gicv3_common.c: vmstate_gicv3", Doors.NONE)
    LOST = (
        "mappings and pending LPIs are lost, without an error",
        "Documentation/virt/kvm/devices/arm-vgic-its.rst, observed",
        Doors.KVM_DEVICE,
    )


class MigrationAfterMove(Consequence, area=Area.HOST, signs=("migrate:moved",)):
    """Migration after MOVALL, with an LPI that it moved pending."""

    NO_MATTER = ("no matter: the state moves as it stands", "arm_gicv3_common.c: vmstate_gicv3", Doors.NONE)
    PENDING_LOST = (
        "the LPI is back at its collection's CPU, and no longer pending: its bit was saved in the other CPU's table",
        "vgic-its.c: vgic_its_save_cte; vgic-v3.c: vgic_v3_save_pending_tables, observed",
        Doors.KVM_DEVICE,
    )


class SaveOverOldBits(Consequence, area=Area.HOST, signs=("expect:pending-table+saved-pending",)):
    """SAVE_PENDING_TABLES over a bit of an LPI that has moved, or is no longer mapped."""

    NOTHING_SAVED = (
        "nothing to save: where it was, it is pending no more",
        "arm_gicv3_common.c: vmstate_gicv3",
        Doors.NONE,
    )
    BIT_STAYS = (
        "the bit stays: of each mapped LPI, only the bit in its own CPU's table is written",
        "vgic-v3.c: vgic_v3_save_pending_tables, observed",
        Doors.KVM_DEVICE,
    )


class UserIidr(Consequence, area=Area.HOST, signs=("uwrite:GICD_IIDR",)):
    """GICD_IIDR written by a virtual machine monitor."""

    NOT_WRITTEN = ("not written", "IHI 0069, GICD_IIDR", Doors.NONE)
    CHOOSES_REVISION = (
        "revision 2 or 3 is taken, and with 2 GICR_CTLR.IR and CES read 0; any other value is EINVAL",
        "vgic-mmio-v3.c: vgic_mmio_uaccess_write_v3_misc, observed",
        Doors.KVM_DEVICE,
    )


class UserPending(Consequence, area=Area.HOST, signs=("uwrite:GICR_ISPENDR", "uwrite:GICD_ISPENDR")):
    """GICD_ISPENDR<n> and GICR_ISPENDR0 written by a virtual machine monitor."""

    NOT_WRITTEN = ("not written: only the guest's writes are there, which set", "IHI 0069, GICR_ISPENDR0", Doors.NONE)
    ASSIGNED = (
        "each bit is assigned, a zero clears; ICPENDR is read as zero and writes to it are ignored",
        "vgic-mmio-v3.c: vgic_v3_uaccess_write_pending, observed",
        Doors.KVM_DEVICE,
    )


class UserCreadr(Consequence, area=Area.HOST, signs=("uwrite:GITS_CREADR",)):
    """GITS_CREADR written by a virtual machine monitor."""

    NOT_WRITTEN = ("not written", "IHI 0069, GITS_CREADR", Doors.NONE)
    ASSIGNED = (
        "taken while the ITS is disabled; EBUSY while it is enabled, EINVAL outside the queue",
        "vgic-its.c: vgic_mmio_uaccess_write_its_creadr, observed",
        Doors.KVM_DEVICE,
    )
