"""The behaviours that the code asks of an implementation, each an enum with one member for each way to behave.

A behaviour that the manual leaves open has a `status`, and `allowed` says what else would be right. What follows from
another behaviour, because one class of `app.gic` does both, is in `lpi_consequences` and `consequences`.

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
    signs=("only:lpi-pending:table", "only:lpi-not-pending:table"),
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
    signs=("only:table-written",),
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
    signs=("table-written",),
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


class EnableAgain(Behaviour, area=Area.PENDING, signs=("write:GICR_CTLR",)):
    """Writing GICR_CTLR.EnableLPIs=1 when it is 1 already."""

    NOTHING = ("nothing", "IHI 0069, GICR_CTLR.EnableLPIs; vgic-mmio-v3.c: vgic_mmio_write_v3r_ctlr")
    RESCANS = ("reads the pending table again", "arm_gicv3_redist.c: gicr_writel, observed")


class DisabledPending(Behaviour, area=Area.PENDING, signs=("only:signalled", "expect:irq")):
    """A pending LPI on a CPU whose EnableLPIs is 0."""

    NOT_SIGNALLED = ("is not signalled", "IHI 0069, GICR_CTLR.EnableLPIs")
    SIGNALLED = ("is signalled all the same", "vgic.c: vgic_target_oracle, observed")


class LpiBasesWhileEnabled(
    Behaviour,
    area=Area.BASES,
    status=Status.UNPREDICTABLE,
    allowed=("taken at once", "taken when the tables are read next"),
    signs=("write:GICR_PROPBASER", "write:GICR_PENDBASER"),
):
    """A write to GICR_PROPBASER or GICR_PENDBASER while EnableLPIs=1."""

    IGNORED = ("ignored", "vgic-mmio-v3.c: vgic_mmio_write_pendbase, observed")
    TAKEN = ("taken, effective at once", "arm_gicv3_redist.c: gicr_writell, observed")


class PropbaserScope(
    Behaviour,
    area=Area.BASES,
    status=Status.DEFINED,
    allowed=("one for all Redistributors that GICR_TYPER.CommonLPIAff joins",),
    signs=("write:GICR_PROPBASER",),
):
    """How many GICR_PROPBASER registers there are."""

    PER_REDISTRIBUTOR = ("one per Redistributor", "IHI 0069, GICR_PROPBASER; arm_gicv3_redist.c, observed")
    SHARED = ("one for all Redistributors", "vgic-mmio-v3.c: vgic_mmio_write_propbase, observed")


class CommandErrors(
    Behaviour,
    area=Area.COMMANDS,
    status=Status.CONSTRAINED,
    allowed=("the queue stalls at the command", "the operand is taken as another, valid value"),
):
    """A command with a bad operand, or an unknown command."""

    IGNORED = ("ignored, the queue goes on", "IHI 0069, Command errors; observed on KVM and QEMU")


class TableFaults(
    Behaviour,
    area=Area.TABLES,
    status=Status.DEFINED,
    allowed=("the command is ignored",),
    signs=("stalled", "ignored:EFAULT"),
):
    """A command whose table entry lies where there is no RAM."""

    STALLS = ("the queue stalls (GITS_CREADR.Stalled=1)", "arm_gicv3_its.c: CMD_STALL, observed")
    IGNORED = ("the command is ignored, the queue goes on", "vgic-its.c: vgic_its_process_commands, observed")


class StalledBit(Behaviour, area=Area.ITS, signs=("read:GITS_CREADR", "expect:GITS_CREADR", "expect:stalled")):
    """When GITS_CREADR.Stalled is cleared."""

    ON_RETRY = ("when the queue is restarted", "IHI 0069, GITS_CREADR.Stalled")
    STICKY = ("only by a write to GITS_CBASER or GITS_CREADR", "arm_gicv3_its.c: process_cmdq, observed")


class StallRestart(Behaviour, area=Area.ITS, signs=("write:GITS_CWRITER",)):
    """What restarts a stalled command queue."""

    RETRY_BIT = ("a write to GITS_CWRITER with Retry=1", "IHI 0069, GITS_CWRITER.Retry")
    ANY_CWRITER_WRITE = ("any write to GITS_CWRITER", "arm_gicv3_its.c: its_writell, observed")


class CreadrWrite(Behaviour, area=Area.ITS, signs=("write:GITS_CREADR",)):
    """A guest's write to GITS_CREADR."""

    IGNORED = ("ignored: read-only", "IHI 0069, GITS_CREADR; vgic-its.c: its_registers, observed")
    TAKEN = ("taken, with GICD_CTLR.DS=1", "arm_gicv3_its.c: its_writell, observed")


class CwriterOutOfRange(
    Behaviour,
    area=Area.ITS,
    status=Status.CONSTRAINED,
    allowed=("the register keeps its value", "the offset is taken modulo the size of the queue"),
    signs=("write:GITS_CWRITER",),
):
    """A write to GITS_CWRITER beyond the queue."""

    NOT_RUN = ("stored, and no command is processed", "arm_gicv3_its.c: process_cmdq, observed")
    IGNORED = ("ignored, the register keeps its value", "vgic-its.c: vgic_mmio_write_its_cwriter, observed")


class CbaserWrite(Behaviour, area=Area.ITS, signs=("write:GITS_CBASER",)):
    """What a write to GITS_CBASER resets."""

    CREADR = ("GITS_CREADR becomes 0", "IHI 0069, GITS_CBASER; arm_gicv3_its.c: its_writell, observed")
    CREADR_AND_CWRITER = ("GITS_CREADR and GITS_CWRITER become 0", "vgic-its.c: vgic_mmio_write_its_cbaser, observed")


class ItsBasesWhileEnabled(
    Behaviour,
    area=Area.ITS,
    status=Status.UNPREDICTABLE,
    allowed=("taken at once", "taken when the ITS is enabled next"),
):
    """A write to GITS_CBASER or a GITS_BASER<n> while GITS_CTLR.Enabled=1."""

    IGNORED = ("ignored", "IHI 0069, GITS_CBASER; observed on KVM and QEMU")


class EnableWithoutTables(
    Behaviour,
    area=Area.ITS,
    status=Status.UNPREDICTABLE,
    allowed=("the write is ignored", "accesses go to whatever address the registers hold"),
    signs=("write:GITS_CTLR",),
):
    """GITS_CTLR.Enabled 0→1 while GITS_CBASER or a GITS_BASER<n> is not Valid."""

    ACCEPTED = ("accepted: a table that is not Valid has no entries", "arm_gicv3_its.c: extract_table_params, observed")
    REFUSED = ("the write is ignored", "vgic-its.c: vgic_mmio_write_its_ctlr, observed")


class Quiescent(Behaviour, area=Area.ITS, signs=("read:GITS_CTLR", "expect:GITS_CTLR")):
    """When GITS_CTLR.Quiescent reads as one."""

    DISABLED_AND_IDLE = ("the ITS is disabled and idle", "IHI 0069, GITS_CTLR.Quiescent")
    QUEUE_EMPTY = ("GITS_CREADR equals GITS_CWRITER", "vgic-its.c: vgic_mmio_read_its_ctlr, observed")
    ALWAYS = ("always", "arm_gicv3_its.c: gicv3_its_reset, observed")


class Remap(
    Behaviour,
    area=Area.COMMANDS,
    status=Status.UNPREDICTABLE,
    allowed=("the old mapping stays", "neither mapping works"),
    signs=("its:MAPTI", "its:MAPI"),
):
    """MAPTI of an event that is mapped already."""

    REPLACES = ("the new mapping replaces the old", "arm_gicv3_its.c: process_mapti, observed")
    KEEPS_OLD = ("the old mapping stays, the command has no effect", "vgic-its.c: vgic_its_cmd_handle_mapi, observed")


class InvallScope(Behaviour, area=Area.CONFIG, signs=("its:INVALL",)):
    """Whose configuration INVALL reads again."""

    COLLECTION_TARGET = (
        "of the LPIs that target the collection's CPU",
        "IHI 0069, INVALL; vgic-its.c: vgic_its_invall, observed",
    )
    EVERY_REDISTRIBUTOR = ("of every Redistributor; the ICID is ignored", "arm_gicv3_its.c: process_cmdq, observed")


class SgiGroups(Behaviour, area=Area.SIGNALS, signs=("write:ICC_SGI1R_EL1",)):
    """Which SGIs ICC_SGI1R_EL1 can raise with one Security state."""

    GROUP1_ONLY = ("those configured as Group 1", "IHI 0069, ICC_SGI1R_EL1")
    EITHER_GROUP = ("those of either group", "vgic-mmio-v3.c: vgic_v3_dispatch_sgi, observed")


class Signalling(Behaviour, area=Area.SIGNALS, signs=("write:GICD_CTLR",)):
    """How a pending interrupt reaches the CPU interface."""

    DIRECT = (
        "the highest priority pending interrupt is worked out from the state at any time",
        "IHI 0069, Interrupt prioritization",
    )
    LIST_REGISTERS = (
        "an event that makes an interrupt deliverable queues it; what left the queue, no other write brings back",
        "vgic.c: vgic_queue_irq_unlock, vgic_prune_ap_list, observed",
    )


class TranslaterFromCpu(
    Behaviour,
    area=Area.COMMANDS,
    status=Status.DEFINED,
    allowed=("any DeviceID that the system gives its CPUs",),
    signs=("write:GITS_TRANSLATER",),
):
    """A CPU's own store to GITS_TRANSLATER."""

    DEVICE_ZERO = ("an MSI with DeviceID 0", "arm_gicv3_its.c: gicv3_its_translation_write, observed")
    IGNORED = ("ignored: MSIs enter by KVM_SIGNAL_MSI or an irqfd", "vgic-its.c: its_registers, observed")


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


class Doors(Behaviour, area=Area.HOST, signs=("uread", "uwrite", "save")):
    """The door for a virtual machine monitor."""

    KVM_DEVICE = ("KVM device attributes", "Documentation/virt/kvm/devices/arm-vgic-v3.rst, observed")
    NONE = ("none: registers, tables and pending bits are saved as they stand", "arm_gicv3_common.c: vmstate_gicv3")
