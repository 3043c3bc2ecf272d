"""Every behaviour on which real GICs differ, by name, with one value per implementation and its source.

The code asks a behaviour (`impl.pending_home is PendingHome.LATCH`), never the name of an implementation.
Differences that are plain access data (PTZ reading as zero, sanitised cacheability) are not here: they are lines in
the overlays of the register map.

Sources: "observed" means recorded on a real Linux KVM 6.1.192 or QEMU 7.2.22; `file:function` names kernel
(arch/arm64/kvm/vgic) or QEMU (hw/intc) code; "IHI 0069" is Arm's GIC architecture specification.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import Enum
from types import MappingProxyType


class Behaviour(Enum):
    """One way to behave. The value is (what it does, where that is known from)."""

    def __init__(self, meaning: str, cite: str) -> None:
        self.meaning = meaning
        self.cite = cite


class PendingHome(Behaviour):
    """Where the pending state of an LPI lives while LPIs are enabled."""

    REDISTRIBUTOR = ("in the Redistributor; the table in RAM may be stale", "IHI 0069, LPI Pending tables")
    LATCH = ("in a latch of the mapped LPI; the table in RAM is only an image", "vgic.h: struct vgic_irq.pending_latch")
    GUEST_RAM = ("in the pending table in guest RAM, always", "arm_gicv3_redist.c: set_pending_table_bit")


class TablesHome(Behaviour):
    """Where the ITS keeps its device, collection and interrupt translation entries."""

    GUEST_RAM = ("in guest RAM, written by each command and read at each use", "IHI 0069, GITS_BASER<n>")
    KERNEL = ("in lists of its own; RAM is written by SAVE_TABLES only", "vgic-its.c: struct its_device")


class EnableScan(Behaviour):
    """What GICR_CTLR.EnableLPIs 0→1 reads."""

    ALL_UNLESS_PTZ = ("the whole pending table, unless PTZ was written as one", "IHI 0069, GICR_PENDBASER.PTZ")
    MAPPED_UNLESS_PTZ = (
        "the bits of mapped LPIs that target this CPU, unless PTZ was written as one",
        "vgic-its.c: vgic_enable_lpis, its_sync_lpi_pending_table",
    )
    ALL = ("the whole pending table; PTZ is never consulted", "arm_gicv3_redist.c: gicv3_redist_update_lpi")


class EnableAgain(Behaviour):
    """What writing EnableLPIs=1 does when it is 1 already."""

    NOTHING = ("nothing", "IHI 0069, GICR_CTLR.EnableLPIs; vgic-mmio-v3.c: vgic_mmio_write_v3r_ctlr")
    RESCANS = ("reads the pending table again", "arm_gicv3_redist.c: gicr_writel, observed")


class DisableLpis(Behaviour):
    """What EnableLPIs 1→0 does with pending LPIs."""

    WRITES_BACK = ("writes them to the pending table", "IHI 0069, GICR_CTLR.EnableLPIs")
    FLUSHES = ("drops those that were queued; RAM is not written", "vgic.c: vgic_flush_pending_lpis, observed")
    KEEPS = ("nothing: they are in RAM", "arm_gicv3_redist.c: gicr_writel, observed")


class ConfigCache(Behaviour):
    """When the configuration byte of an LPI is read, and what keeps it."""

    FROM_FIRST_USE = ("read at first use and cached until INV or INVALL", "IHI 0069, LPI Configuration tables")
    FROM_MAPPING = ("read when the LPI is mapped, cached until INV or INVALL", "vgic-its.c: update_lpi_config")
    WINNER_ONLY = (
        "read at each evaluation; only the highest priority pending LPI is remembered",
        "arm_gicv3_redist.c: update_for_one_lpi",
    )


class MappingPending(Behaviour):
    """What MAPTI does with a pending bit that is already set in RAM."""

    LEAVES = ("leaves it alone", "IHI 0069, MAPTI")
    CONSUMES = ("moves it into the latch and clears it in RAM", "vgic-v3.c: vgic_v3_lpi_sync_pending_status")


class LpiBasesWhileEnabled(Behaviour):
    """A write to GICR_PROPBASER or GICR_PENDBASER while EnableLPIs=1 (UNPREDICTABLE)."""

    IGNORED = ("ignored", "vgic-mmio-v3.c: vgic_mmio_write_pendbase")
    TAKEN = ("taken, effective at once", "arm_gicv3_redist.c: gicr_writell, observed")


class PropbaserScope(Behaviour):
    """How many GICR_PROPBASER registers there are."""

    PER_REDISTRIBUTOR = ("one per Redistributor", "IHI 0069, GICR_PROPBASER")
    SHARED = ("one for all Redistributors", "vgic-mmio-v3.c: vgic_mmio_write_propbase, observed")


class CommandErrors(Behaviour):
    """What a command with a bad operand does (CONSTRAINED UNPREDICTABLE)."""

    IGNORED = ("ignored, the queue goes on", "IHI 0069, Command errors; observed on KVM and QEMU")


class TableFaults(Behaviour):
    """What an access to an ITS table with no RAM behind it does."""

    STALLS = ("the queue stalls (GITS_CREADR.Stalled=1)", "arm_gicv3_its.c: CMD_STALL, observed")
    IGNORED = ("the command is ignored, the queue goes on", "vgic-its.c: vgic_its_process_commands, observed")


class StalledBit(Behaviour):
    """When GITS_CREADR.Stalled is cleared."""

    ON_RETRY = ("when the queue is restarted", "IHI 0069, GITS_CREADR.Stalled")
    STICKY = ("only by a write to GITS_CBASER or GITS_CREADR", "arm_gicv3_its.c: process_cmdq, observed")


class StallRestart(Behaviour):
    """What restarts a stalled command queue."""

    RETRY_BIT = ("a write to GITS_CWRITER with Retry=1", "IHI 0069, GITS_CWRITER.Retry")
    ANY_CWRITER_WRITE = ("any write to GITS_CWRITER", "arm_gicv3_its.c: its_writell, observed")


class CreadrWrite(Behaviour):
    """A guest write to GITS_CREADR."""

    IGNORED = ("ignored: read-only", "IHI 0069, GITS_CREADR")
    TAKEN = ("taken, with GICD_CTLR.DS=1", "arm_gicv3_its.c: its_writell, observed")


class CwriterOutOfRange(Behaviour):
    """A write to GITS_CWRITER beyond the queue (CONSTRAINED UNPREDICTABLE)."""

    NOT_RUN = ("stored, and no command is processed", "arm_gicv3_its.c: process_cmdq, observed")
    IGNORED = ("ignored, the register keeps its value", "vgic-its.c: vgic_mmio_write_its_cwriter, observed")


class CbaserWrite(Behaviour):
    """What a write to GITS_CBASER resets."""

    CREADR = ("GITS_CREADR becomes 0", "IHI 0069, GITS_CBASER")
    CREADR_AND_CWRITER = ("GITS_CREADR and GITS_CWRITER become 0", "vgic-its.c: vgic_mmio_write_its_cbaser, observed")


class EnableWithoutTables(Behaviour):
    """GITS_CTLR.Enabled 0→1 while GITS_CBASER or a GITS_BASER<n> is not Valid."""

    ACCEPTED = ("accepted: a table that is not Valid has no entries", "arm_gicv3_its.c: extract_table_params")
    REFUSED = ("the write is ignored", "vgic-its.c: vgic_mmio_write_its_ctlr, observed")


class Quiescent(Behaviour):
    """When GITS_CTLR.Quiescent reads as one."""

    DISABLED_AND_IDLE = ("the ITS is disabled and idle", "IHI 0069, GITS_CTLR.Quiescent")
    QUEUE_EMPTY = ("GITS_CREADR equals GITS_CWRITER", "vgic-its.c: vgic_mmio_read_its_ctlr, observed")
    ALWAYS = ("always", "arm_gicv3_its.c: gicv3_its_reset, observed")


class Remap(Behaviour):
    """MAPTI of an event that is mapped already (UNPREDICTABLE)."""

    REPLACES = ("the new mapping replaces the old", "arm_gicv3_its.c: process_mapti, observed")
    KEEPS_OLD = ("the old mapping stays, the command has no effect", "vgic-its.c: vgic_its_cmd_handle_mapi, observed")


class CollectionMove(Behaviour):
    """What MAPC of a mapped collection to another Redistributor does with its pending LPIs."""

    PENDING_STAYS = ("they stay where they are (MOVALL moves them)", "IHI 0069, MAPC; arm_gicv3_its.c: process_mapc")
    PENDING_FOLLOWS = ("they follow the collection", "vgic-its.c: update_affinity_collection, observed")


class MoveToDisabled(Behaviour):
    """MOVI of a pending LPI to a Redistributor with EnableLPIs=0 (CONSTRAINED UNPREDICTABLE)."""

    STAYS_BEHIND = ("the mapping moves, the pending state does not", "arm_gicv3_redist.c: gicv3_redist_mov_lpi")
    DELIVERED = ("the pending state moves and is delivered", "vgic.c: vgic_target_oracle, observed")


class InvallScope(Behaviour):
    """Whose configuration INVALL reads again."""

    COLLECTION_TARGET = ("the LPIs of the Redistributor that the collection targets", "IHI 0069, INVALL")
    TARGETING_CPU = (
        "every mapped LPI that targets the collection's CPU",
        "vgic-its.c: vgic_its_invall, observed",
    )
    EVERY_REDISTRIBUTOR = ("every Redistributor; the ICID is ignored", "arm_gicv3_its.c: process_cmdq, observed")


class SgiGroups(Behaviour):
    """Which SGIs ICC_SGI1R_EL1 can raise with one security state."""

    GROUP1_ONLY = ("those configured as Group 1", "IHI 0069, ICC_SGI1R_EL1")
    EITHER_GROUP = ("those of either group", "vgic-mmio-v3.c: vgic_v3_dispatch_sgi")


class Signalling(Behaviour):
    """How a pending interrupt reaches the CPU interface."""

    DIRECT = (
        "the highest priority pending interrupt is worked out from the state",
        "IHI 0069, Interrupt prioritization",
    )
    LIST_REGISTERS = (
        "interrupts are queued per CPU when an event makes them deliverable, and leave the queue when the CPU runs",
        "vgic.c: vgic_queue_irq_unlock, vgic_prune_ap_list, observed",
    )


class TranslaterFromCpu(Behaviour):
    """A CPU's own store to GITS_TRANSLATER."""

    DEVICE_ZERO = ("an MSI with DeviceID 0", "arm_gicv3_its.c: gicv3_its_translation_write, observed")
    IGNORED = ("ignored: MSIs enter by KVM_SIGNAL_MSI", "vgic-its.c: its_registers, observed")


class DisabledPending(Behaviour):
    """A pending LPI on a CPU whose EnableLPIs is 0."""

    NOT_SIGNALLED = ("is not signalled", "IHI 0069, GICR_CTLR.EnableLPIs")
    SIGNALLED = ("is signalled all the same", "vgic.c: vgic_target_oracle, observed")


class MisalignedAccess(Behaviour):
    """A load or store to a register at an address that is no multiple of its size."""

    NO_REGISTER = ("no register takes it: reads as zero, writes are ignored", "vgic-mmio.c: check_region")
    SPLIT = ("the bus splits it into aligned ones", "softmmu/physmem.c: memory_access_size, observed")


class Doors(Behaviour):
    """Whether the machine has a userspace door (KVM device attributes)."""

    KVM_DEVICE = ("KVM device attributes", "Documentation/virt/kvm/devices/arm-vgic-v3.rst")
    NONE = ("none: registers, tables and pending bits are saved as they stand", "arm_gicv3_common.c: vmstate_gicv3")


@dataclass(frozen=True, slots=True)
class Implementation:
    """One GIC: a name, and one value for each behaviour."""

    name: str
    title: str
    summary: str
    pending_home: PendingHome
    tables_home: TablesHome
    enable_scan: EnableScan
    enable_again: EnableAgain
    disable_lpis: DisableLpis
    config_cache: ConfigCache
    mapping_pending: MappingPending
    lpi_bases_while_enabled: LpiBasesWhileEnabled
    propbaser_scope: PropbaserScope
    command_errors: CommandErrors
    table_faults: TableFaults
    stalled_bit: StalledBit
    stall_restart: StallRestart
    creadr_write: CreadrWrite
    cwriter_out_of_range: CwriterOutOfRange
    cbaser_write: CbaserWrite
    enable_without_tables: EnableWithoutTables
    quiescent: Quiescent
    remap: Remap
    collection_move: CollectionMove
    move_to_disabled: MoveToDisabled
    invall_scope: InvallScope
    sgi_groups: SgiGroups
    signalling: Signalling
    translater_from_cpu: TranslaterFromCpu
    disabled_pending: DisabledPending
    misaligned_access: MisalignedAccess
    doors: Doors

    def behaviours(self) -> dict[str, Behaviour]:
        """Every behaviour by its field's name, in the order of this table."""
        return {item.name: value for item in fields(self) if isinstance(value := getattr(self, item.name), Behaviour)}


_ARCHITECTURE = Implementation(
    name="architecture",
    title="Architecture",
    summary="IHI 0069 as written",
    pending_home=PendingHome.REDISTRIBUTOR,
    tables_home=TablesHome.GUEST_RAM,
    enable_scan=EnableScan.ALL_UNLESS_PTZ,
    enable_again=EnableAgain.NOTHING,
    disable_lpis=DisableLpis.WRITES_BACK,
    config_cache=ConfigCache.FROM_FIRST_USE,
    mapping_pending=MappingPending.LEAVES,
    lpi_bases_while_enabled=LpiBasesWhileEnabled.IGNORED,
    propbaser_scope=PropbaserScope.PER_REDISTRIBUTOR,
    command_errors=CommandErrors.IGNORED,
    table_faults=TableFaults.STALLS,
    stalled_bit=StalledBit.ON_RETRY,
    stall_restart=StallRestart.RETRY_BIT,
    creadr_write=CreadrWrite.IGNORED,
    cwriter_out_of_range=CwriterOutOfRange.NOT_RUN,
    cbaser_write=CbaserWrite.CREADR,
    enable_without_tables=EnableWithoutTables.ACCEPTED,
    quiescent=Quiescent.DISABLED_AND_IDLE,
    remap=Remap.REPLACES,
    collection_move=CollectionMove.PENDING_STAYS,
    move_to_disabled=MoveToDisabled.STAYS_BEHIND,
    invall_scope=InvallScope.COLLECTION_TARGET,
    sgi_groups=SgiGroups.GROUP1_ONLY,
    signalling=Signalling.DIRECT,
    translater_from_cpu=TranslaterFromCpu.DEVICE_ZERO,
    disabled_pending=DisabledPending.NOT_SIGNALLED,
    misaligned_access=MisalignedAccess.NO_REGISTER,
    doors=Doors.NONE,
)


def _kvm(name: str, title: str, summary: str) -> Implementation:
    return Implementation(
        name=name,
        title=title,
        summary=summary,
        pending_home=PendingHome.LATCH,
        tables_home=TablesHome.KERNEL,
        enable_scan=EnableScan.MAPPED_UNLESS_PTZ,
        enable_again=EnableAgain.NOTHING,
        disable_lpis=DisableLpis.FLUSHES,
        config_cache=ConfigCache.FROM_MAPPING,
        mapping_pending=MappingPending.CONSUMES,
        lpi_bases_while_enabled=LpiBasesWhileEnabled.IGNORED,
        propbaser_scope=PropbaserScope.SHARED,
        command_errors=CommandErrors.IGNORED,
        table_faults=TableFaults.IGNORED,
        stalled_bit=StalledBit.ON_RETRY,
        stall_restart=StallRestart.ANY_CWRITER_WRITE,
        creadr_write=CreadrWrite.IGNORED,
        cwriter_out_of_range=CwriterOutOfRange.IGNORED,
        cbaser_write=CbaserWrite.CREADR_AND_CWRITER,
        enable_without_tables=EnableWithoutTables.REFUSED,
        quiescent=Quiescent.QUEUE_EMPTY,
        remap=Remap.KEEPS_OLD,
        collection_move=CollectionMove.PENDING_FOLLOWS,
        move_to_disabled=MoveToDisabled.DELIVERED,
        invall_scope=InvallScope.TARGETING_CPU,
        sgi_groups=SgiGroups.EITHER_GROUP,
        signalling=Signalling.LIST_REGISTERS,
        translater_from_cpu=TranslaterFromCpu.IGNORED,
        disabled_pending=DisabledPending.SIGNALLED,
        misaligned_access=MisalignedAccess.NO_REGISTER,
        doors=Doors.KVM_DEVICE,
    )


_QEMU = Implementation(
    name="qemu",
    title="QEMU",
    summary="QEMU's TCG model, as of 7.2",
    pending_home=PendingHome.GUEST_RAM,
    tables_home=TablesHome.GUEST_RAM,
    enable_scan=EnableScan.ALL,
    enable_again=EnableAgain.RESCANS,
    disable_lpis=DisableLpis.KEEPS,
    config_cache=ConfigCache.WINNER_ONLY,
    mapping_pending=MappingPending.LEAVES,
    lpi_bases_while_enabled=LpiBasesWhileEnabled.TAKEN,
    propbaser_scope=PropbaserScope.PER_REDISTRIBUTOR,
    command_errors=CommandErrors.IGNORED,
    table_faults=TableFaults.STALLS,
    stalled_bit=StalledBit.STICKY,
    stall_restart=StallRestart.ANY_CWRITER_WRITE,
    creadr_write=CreadrWrite.TAKEN,
    cwriter_out_of_range=CwriterOutOfRange.NOT_RUN,
    cbaser_write=CbaserWrite.CREADR,
    enable_without_tables=EnableWithoutTables.ACCEPTED,
    quiescent=Quiescent.ALWAYS,
    remap=Remap.REPLACES,
    collection_move=CollectionMove.PENDING_STAYS,
    move_to_disabled=MoveToDisabled.STAYS_BEHIND,
    invall_scope=InvallScope.EVERY_REDISTRIBUTOR,
    sgi_groups=SgiGroups.GROUP1_ONLY,
    signalling=Signalling.DIRECT,
    translater_from_cpu=TranslaterFromCpu.DEVICE_ZERO,
    disabled_pending=DisabledPending.NOT_SIGNALLED,
    misaligned_access=MisalignedAccess.SPLIT,
    doors=Doors.NONE,
)

IMPLEMENTATIONS: Mapping[str, Implementation] = MappingProxyType(
    {
        item.name: item
        for item in (
            _ARCHITECTURE,
            _kvm("kvm", "KVM", "Linux vgic-v3 and vgic-its, as of 6.1"),
            _kvm(
                "kvm-before-5.6",
                "KVM before 5.6",
                'the same before "Handle GICR_PENDBASER.PTZ filed as RAZ": a guest reads PTZ back',
            ),
            _QEMU,
        )
    }
)


def implementation(name: str) -> Implementation:
    """The implementation called `name`; ValueError naming the nearest when there is none."""
    found = IMPLEMENTATIONS.get(name)
    if found is None:
        near = difflib.get_close_matches(name, IMPLEMENTATIONS, 1, 0.3)
        hint = f"; did you mean {near[0]}" if near else ""
        raise ValueError(f"no implementation is called {name!r}: {', '.join(IMPLEMENTATIONS)}{hint}")
    return found
