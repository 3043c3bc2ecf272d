"""Behaviours of the ITS: its registers and queue, its tables, and its commands."""

from __future__ import annotations

from app.gic.behaviours import Area, Behaviour, Status


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


class ItsBasesWhileEnabled(
    Behaviour,
    area=Area.ITS,
    status=Status.UNPREDICTABLE,
    allowed=("taken at once", "taken when the ITS is enabled next"),
):
    """A write to GITS_CBASER or a GITS_BASER<n> while GITS_CTLR.Enabled=1."""

    IGNORED = ("ignored", "IHI 0069, GITS_CBASER; observed on KVM and QEMU")


class Quiescent(Behaviour, area=Area.ITS, signs=("read:GITS_CTLR", "expect:GITS_CTLR")):
    """When GITS_CTLR.Quiescent reads as one."""

    DISABLED_AND_IDLE = ("the ITS is disabled and idle", "IHI 0069, GITS_CTLR.Quiescent")
    QUEUE_EMPTY = ("GITS_CREADR equals GITS_CWRITER", "vgic-its.c: vgic_mmio_read_its_ctlr, observed")
    ALWAYS = ("always", "arm_gicv3_its.c: gicv3_its_reset, observed")


class CbaserWrite(Behaviour, area=Area.ITS, signs=("write:GITS_CBASER",)):
    """What a write to GITS_CBASER resets."""

    CREADR = ("GITS_CREADR becomes 0", "IHI 0069, GITS_CBASER; arm_gicv3_its.c: its_writell, observed")
    CREADR_AND_CWRITER = ("GITS_CREADR and GITS_CWRITER become 0", "vgic-its.c: vgic_mmio_write_its_cbaser, observed")


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


class CreadrWrite(Behaviour, area=Area.ITS, signs=("write:GITS_CREADR",)):
    """A guest's write to GITS_CREADR."""

    IGNORED = ("ignored: read-only", "IHI 0069, GITS_CREADR; vgic-its.c: its_registers, observed")
    TAKEN = ("taken, with GICD_CTLR.DS=1", "arm_gicv3_its.c: its_writell, observed")


class StallRestart(Behaviour, area=Area.ITS, signs=("write:GITS_CWRITER",)):
    """What restarts a stalled command queue."""

    RETRY_BIT = ("a write to GITS_CWRITER with Retry=1", "IHI 0069, GITS_CWRITER.Retry")
    ANY_CWRITER_WRITE = ("any write to GITS_CWRITER", "arm_gicv3_its.c: its_writell, observed")


class StalledBit(Behaviour, area=Area.ITS, signs=("read:GITS_CREADR", "expect:GITS_CREADR", "expect:stalled")):
    """When GITS_CREADR.Stalled is cleared."""

    ON_RETRY = ("when the queue is restarted", "IHI 0069, GITS_CREADR.Stalled")
    STICKY = ("only by a write to GITS_CBASER or GITS_CREADR", "arm_gicv3_its.c: process_cmdq, observed")


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


class TableInFlash(Behaviour, area=Area.TABLES, signs=("stalled", "ignored:EFAULT")):
    """An ITS table at an address below all registers, as address 0."""

    NO_RAM = ("there is no RAM: as anywhere else without it", "observed on KVM; IHI 0069 knows no memory there")
    FLASH = (
        "the board has flash memory there: it reads as zero, loses what is written, and stalls at no aligned entry",
        "hw/arm/virt.c: VIRT_FLASH, observed",
    )


class TableRoom(Behaviour, area=Area.TABLES, signs=("error:DEVICE_OOR", "error:COLLECTION_OOR")):
    """An Indirect ITS table whose pages have room for 2^32 entries or more."""

    EVERY_ID = ("has an entry for every ID", "IHI 0069, GITS_BASER<n>.Indirect; vgic-its.c: vgic_its_check_id")
    MODULO = (
        "has that many modulo 2^32: none at all, of a power of two",
        "arm_gicv3_its.c: extract_table_params, a product of 32 bits; observed",
    )


class BaserInvalid(Behaviour, area=Area.TABLES, signs=("write:GITS_BASER",)):
    """GITS_BASER<n>.Valid 1→0→1 with the ITS disabled."""

    ENTRIES_BACK = (
        "the entries are in RAM and valid again",
        "arm_gicv3_its.c: extract_table_params, observed",
    )
    ENTRIES_FREED = (
        "Valid=0 frees all devices or collections",
        "vgic-its.c: vgic_mmio_write_its_baser, observed",
    )


class UnmapDevice(
    Behaviour,
    area=Area.TABLES,
    status=Status.UNPREDICTABLE,
    allowed=("an ITT that is not zero when it is mapped: anything",),
    signs=("its:MAPD",),
):
    """MAPD of a device that was mapped before, with the same ITT."""

    EVENTS_BACK = (
        "the ITT in RAM was not touched: its events are mapped again",
        "arm_gicv3_its.c: process_mapd, observed",
    )
    EVENTS_GONE = (
        "the events went with the device; the ITT in RAM is not read",
        "vgic-its.c: vgic_its_free_device, observed",
    )


class UnmapCollection(Behaviour, area=Area.TABLES, signs=("its:MAPC-V0",)):
    """MAPC with V=0 and then V=1 again, with events mapped to the collection."""

    EVENTS_BACK = ("the events work again", "IHI 0069, MAPC; observed on QEMU")
    EVENTS_DETACHED = (
        "the events stay without a collection until their device is mapped again",
        "vgic-its.c: vgic_its_free_collection, observed",
    )


class TranslationCache(Behaviour, area=Area.TABLES, signs=("msi+only:lpi-pending", "msi+only:lpi-lost")):
    """An MSI that was translated before, after MAPC moved its collection to a CPU with EnableLPIs=0."""

    WALKS = ("is translated anew, and lost", "IHI 0069, GICR_CTLR.EnableLPIs; observed on QEMU")
    CACHED = (
        "is found in the translation cache, which asks neither Enabled nor EnableLPIs, and becomes pending",
        "vgic-its.c: vgic_its_inject_cached_translation",
    )


class CommandErrors(
    Behaviour,
    area=Area.COMMANDS,
    status=Status.CONSTRAINED,
    allowed=("the queue stalls at the command", "the operand is taken as another, valid value"),
):
    """A command with a bad operand, or an unknown command."""

    IGNORED = ("ignored, the queue goes on", "IHI 0069, Command errors; observed on KVM and QEMU")


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


class MovallScope(Behaviour, area=Area.COMMANDS, signs=("its:MOVALL",)):
    """What MOVALL moves."""

    PENDING_STATE = (
        "the pending state; the next MSI goes where its collection says",
        "IHI 0069, MOVALL; arm_gicv3_redist.c: gicv3_redist_movall_lpis, observed",
    )
    THE_LPIS = (
        "the LPIs themselves: the next MSI goes to the new CPU too, whatever the collection says",
        "vgic-its.c: vgic_its_cmd_handle_movall, observed",
    )


class SharedLpi(Behaviour, area=Area.COMMANDS, signs=("its:INT", "msi")):
    """An MSI of an event whose LPI an event of another collection has too."""

    ITS_COLLECTION = ("goes where the collection of that event says", "IHI 0069, MAPTI; observed on QEMU")
    FIRST_TARGET = (
        "goes where the LPI's first event did, or where any of its events was moved since: an LPI has one target",
        "vgic-its.c: vgic_add_lpi, observed",
    )


class WithoutCollection(Behaviour, area=Area.COMMANDS, signs=("error:UNMAPPED_COLLECTION",)):
    """CLEAR and INV of an event whose collection is not mapped."""

    IGNORED = (
        "a command error: ignored",
        "IHI 0069, CLEAR, INV; arm_gicv3_its.c: do_process_its_cmd, observed",
    )
    DONE = ("done: only the event is looked up", "vgic-its.c: vgic_its_cmd_handle_clear, observed")


class UnmapToNowhere(Behaviour, area=Area.COMMANDS, signs=("error:PROCNUM_OOR",)):
    """MAPC with V=0 and an RDbase that names no Redistributor."""

    DONE = (
        "the collection is unmapped: RDbase is not looked at",
        "arm_gicv3_its.c: process_mapc, observed",
    )
    IGNORED = (
        "a command error: ignored",
        "vgic-its.c: vgic_its_cmd_handle_mapc, observed",
    )


class UnmapTooLarge(Behaviour, area=Area.COMMANDS, signs=("error:ITTSIZE_OOR",)):
    """MAPD with V=0 and a Size beyond GITS_TYPER.ID_bits."""

    IGNORED = ("a command error: ignored", "arm_gicv3_its.c: process_mapd, observed")
    DONE = (
        "the device is unmapped: Size is not looked at",
        "vgic-its.c: vgic_its_cmd_handle_mapd, observed",
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
