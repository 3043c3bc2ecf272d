"""Every behaviour on which real GICs differ, by name, with one value per implementation and its source.

The code asks a behaviour (`impl.pending_home is PendingHome.LATCH`), never the name of an implementation. What each
value means and where that is known from stands with the enums: `behaviours` for what the code asks, `consequences` and
`lpi_consequences` for what follows from that. Differences that are plain access data (PTZ reading as zero, sanitised
cacheability) are lines in the overlays of the register map; `register_differences` reads them from there.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType

from app.gic.behaviours import (
    Behaviour,
    CbaserWrite,
    CommandErrors,
    Consequence,
    CreadrWrite,
    CwriterOutOfRange,
    DisabledPending,
    Doors,
    EnableAgain,
    EnableWithoutTables,
    InvallScope,
    ItsBasesWhileEnabled,
    LpiBasesWhileEnabled,
    MisalignedAccess,
    PendingHome,
    PropbaserScope,
    Quiescent,
    Remap,
    SgiGroups,
    Signalling,
    StalledBit,
    StallRestart,
    TableEntries,
    TableFaults,
    TablesHome,
    TranslaterFromCpu,
)
from app.gic.consequences import (
    BaserInvalid,
    EdgeLines,
    GroupZero,
    LevelLatch,
    MigrationOrder,
    MigrationUnsaved,
    TieBreak,
    TranslationCache,
    UnmapCollection,
    UnmapDevice,
    UnmapToNowhere,
    UnmapTooLarge,
    WithoutCollection,
    WrongEnd,
)
from app.gic.lpi_consequences import (
    CollectionMove,
    ConfigAtEnable,
    ConfigCache,
    DisableLpis,
    DiscardPending,
    EnableScan,
    IdBits,
    InvlpirScope,
    InvScope,
    LpiTableFaults,
    MappingPending,
    MovallScope,
    MoveToDisabled,
    TableEdits,
    UnmapPending,
)

__all__ = [
    "IMPLEMENTATIONS",
    "STRATEGIES",
    "BaserInvalid",
    "Behaviour",
    "CbaserWrite",
    "CollectionMove",
    "CommandErrors",
    "ConfigAtEnable",
    "ConfigCache",
    "Consequence",
    "CreadrWrite",
    "CwriterOutOfRange",
    "DisableLpis",
    "DisabledPending",
    "DiscardPending",
    "Doors",
    "EdgeLines",
    "EnableAgain",
    "EnableScan",
    "EnableWithoutTables",
    "GroupZero",
    "IdBits",
    "Implementation",
    "InvScope",
    "InvallScope",
    "InvlpirScope",
    "ItsBasesWhileEnabled",
    "LevelLatch",
    "LpiBasesWhileEnabled",
    "LpiTableFaults",
    "MappingPending",
    "MigrationOrder",
    "MigrationUnsaved",
    "MisalignedAccess",
    "MovallScope",
    "MoveToDisabled",
    "PendingHome",
    "PropbaserScope",
    "Quiescent",
    "Remap",
    "SgiGroups",
    "Signalling",
    "StallRestart",
    "StalledBit",
    "TableEdits",
    "TableEntries",
    "TableFaults",
    "TablesHome",
    "TieBreak",
    "TranslaterFromCpu",
    "TranslationCache",
    "UnmapCollection",
    "UnmapDevice",
    "UnmapPending",
    "UnmapToNowhere",
    "UnmapTooLarge",
    "WithoutCollection",
    "WrongEnd",
    "implementation",
]


@dataclass(frozen=True, slots=True)
class Implementation:
    """One GIC: a name, the name of its register map, and one value for each behaviour.

    Fields that cannot be given are consequences of those that can.
    """

    name: str
    title: str
    summary: str
    registers: str
    # the strategies: each decides which class does the work
    pending_home: PendingHome
    tables_home: TablesHome
    table_entries: TableEntries
    signalling: Signalling
    doors: Doors
    # pending state
    enable_scan: EnableScan = field(init=False, metadata={"kind": EnableScan})
    enable_again: EnableAgain
    disable_lpis: DisableLpis = field(init=False, metadata={"kind": DisableLpis})
    disabled_pending: DisabledPending
    mapping_pending: MappingPending = field(init=False, metadata={"kind": MappingPending})
    table_edits: TableEdits = field(init=False, metadata={"kind": TableEdits})
    discard_pending: DiscardPending = field(init=False, metadata={"kind": DiscardPending})
    unmap_pending: UnmapPending = field(init=False, metadata={"kind": UnmapPending})
    collection_move: CollectionMove = field(init=False, metadata={"kind": CollectionMove})
    move_to_disabled: MoveToDisabled = field(init=False, metadata={"kind": MoveToDisabled})
    # configuration
    config_cache: ConfigCache = field(init=False, metadata={"kind": ConfigCache})
    config_at_enable: ConfigAtEnable = field(init=False, metadata={"kind": ConfigAtEnable})
    inv_scope: InvScope = field(init=False, metadata={"kind": InvScope})
    invall_scope: InvallScope
    invlpir_scope: InvlpirScope = field(init=False, metadata={"kind": InvlpirScope})
    # base registers of the LPI tables
    lpi_bases_while_enabled: LpiBasesWhileEnabled
    propbaser_scope: PropbaserScope
    lpi_table_faults: LpiTableFaults = field(init=False, metadata={"kind": LpiTableFaults})
    id_bits: IdBits = field(init=False, metadata={"kind": IdBits})
    # ITS registers and command queue
    enable_without_tables: EnableWithoutTables
    its_bases_while_enabled: ItsBasesWhileEnabled
    quiescent: Quiescent
    cbaser_write: CbaserWrite
    cwriter_out_of_range: CwriterOutOfRange
    creadr_write: CreadrWrite
    stall_restart: StallRestart
    stalled_bit: StalledBit
    # ITS tables and mappings
    table_faults: TableFaults
    baser_invalid: BaserInvalid = field(init=False, metadata={"kind": BaserInvalid})
    unmap_device: UnmapDevice = field(init=False, metadata={"kind": UnmapDevice})
    unmap_collection: UnmapCollection = field(init=False, metadata={"kind": UnmapCollection})
    translation_cache: TranslationCache = field(init=False, metadata={"kind": TranslationCache})
    # ITS commands
    command_errors: CommandErrors
    remap: Remap
    movall_scope: MovallScope = field(init=False, metadata={"kind": MovallScope})
    without_collection: WithoutCollection = field(init=False, metadata={"kind": WithoutCollection})
    unmap_to_nowhere: UnmapToNowhere = field(init=False, metadata={"kind": UnmapToNowhere})
    unmap_too_large: UnmapTooLarge = field(init=False, metadata={"kind": UnmapTooLarge})
    translater_from_cpu: TranslaterFromCpu
    # register accesses
    misaligned_access: MisalignedAccess
    # Distributor and CPU interface
    sgi_groups: SgiGroups
    group_zero: GroupZero = field(init=False, metadata={"kind": GroupZero})
    tie_break: TieBreak = field(init=False, metadata={"kind": TieBreak})
    level_latch: LevelLatch = field(init=False, metadata={"kind": LevelLatch})
    edge_lines: EdgeLines = field(init=False, metadata={"kind": EdgeLines})
    wrong_end: WrongEnd = field(init=False, metadata={"kind": WrongEnd})
    # userspace and migration
    migration_order: MigrationOrder = field(init=False, metadata={"kind": MigrationOrder})
    migration_unsaved: MigrationUnsaved = field(init=False, metadata={"kind": MigrationUnsaved})

    def __post_init__(self) -> None:
        strategies: frozenset[Behaviour] = frozenset(getattr(self, name) for name in STRATEGIES)
        for item in fields(self):
            kind: type[Consequence] | None = item.metadata.get("kind")
            if kind is not None:
                object.__setattr__(self, item.name, kind.of(strategies))

    def behaviours(self) -> dict[str, Behaviour]:
        """Every behaviour by its field's name, in the order of this table."""
        return {item.name: value for item in fields(self) if isinstance(value := getattr(self, item.name), Behaviour)}

    def with_behaviours(self, other: Implementation, *names: str) -> Implementation:
        """This implementation with the named fields of another, for asking which of them makes a difference."""
        return replace(self, **{name: getattr(other, name) for name in names})

    @property
    def fits_together(self) -> bool:
        """Whether there is a machine like this: KVM's strategies know each other's structures."""
        kernel = (
            self.pending_home is PendingHome.LATCH,
            self.tables_home is TablesHome.KERNEL,
            self.table_entries is TableEntries.KVM_ABI_0,
            self.signalling is Signalling.LIST_REGISTERS,
        )
        return all(kernel) or (not any(kernel) and self.doors is Doors.NONE)


STRATEGIES = ("pending_home", "tables_home", "table_entries", "signalling", "doors")

_ARCHITECTURE = Implementation(
    name="architecture",
    title="Architecture",
    summary="IHI 0069 as written",
    registers="architecture",
    pending_home=PendingHome.REDISTRIBUTOR,
    tables_home=TablesHome.GUEST_RAM,
    table_entries=TableEntries.PLAIN,
    signalling=Signalling.DIRECT,
    doors=Doors.NONE,
    enable_again=EnableAgain.NOTHING,
    disabled_pending=DisabledPending.NOT_SIGNALLED,
    invall_scope=InvallScope.COLLECTION_TARGET,
    lpi_bases_while_enabled=LpiBasesWhileEnabled.IGNORED,
    propbaser_scope=PropbaserScope.PER_REDISTRIBUTOR,
    enable_without_tables=EnableWithoutTables.ACCEPTED,
    its_bases_while_enabled=ItsBasesWhileEnabled.IGNORED,
    quiescent=Quiescent.DISABLED_AND_IDLE,
    cbaser_write=CbaserWrite.CREADR,
    cwriter_out_of_range=CwriterOutOfRange.NOT_RUN,
    creadr_write=CreadrWrite.IGNORED,
    stall_restart=StallRestart.RETRY_BIT,
    stalled_bit=StalledBit.ON_RETRY,
    table_faults=TableFaults.STALLS,
    command_errors=CommandErrors.IGNORED,
    remap=Remap.REPLACES,
    translater_from_cpu=TranslaterFromCpu.DEVICE_ZERO,
    misaligned_access=MisalignedAccess.NO_REGISTER,
    sgi_groups=SgiGroups.GROUP1_ONLY,
)


def _kvm(name: str, title: str, summary: str) -> Implementation:
    return Implementation(
        name=name,
        title=title,
        summary=summary,
        registers=name,
        pending_home=PendingHome.LATCH,
        tables_home=TablesHome.KERNEL,
        table_entries=TableEntries.KVM_ABI_0,
        signalling=Signalling.LIST_REGISTERS,
        doors=Doors.KVM_DEVICE,
        enable_again=EnableAgain.NOTHING,
        disabled_pending=DisabledPending.SIGNALLED,
        invall_scope=InvallScope.COLLECTION_TARGET,
        lpi_bases_while_enabled=LpiBasesWhileEnabled.IGNORED,
        propbaser_scope=PropbaserScope.SHARED,
        enable_without_tables=EnableWithoutTables.REFUSED,
        its_bases_while_enabled=ItsBasesWhileEnabled.IGNORED,
        quiescent=Quiescent.QUEUE_EMPTY,
        cbaser_write=CbaserWrite.CREADR_AND_CWRITER,
        cwriter_out_of_range=CwriterOutOfRange.IGNORED,
        creadr_write=CreadrWrite.IGNORED,
        stall_restart=StallRestart.ANY_CWRITER_WRITE,
        stalled_bit=StalledBit.ON_RETRY,
        table_faults=TableFaults.IGNORED,
        command_errors=CommandErrors.IGNORED,
        remap=Remap.KEEPS_OLD,
        translater_from_cpu=TranslaterFromCpu.IGNORED,
        misaligned_access=MisalignedAccess.NO_REGISTER,
        sgi_groups=SgiGroups.EITHER_GROUP,
    )


_QEMU = Implementation(
    name="qemu",
    title="QEMU",
    summary="QEMU's TCG model, as of 7.2",
    registers="qemu",
    pending_home=PendingHome.GUEST_RAM,
    tables_home=TablesHome.GUEST_RAM,
    table_entries=TableEntries.QEMU,
    signalling=Signalling.DIRECT,
    doors=Doors.NONE,
    enable_again=EnableAgain.RESCANS,
    disabled_pending=DisabledPending.NOT_SIGNALLED,
    invall_scope=InvallScope.EVERY_REDISTRIBUTOR,
    lpi_bases_while_enabled=LpiBasesWhileEnabled.TAKEN,
    propbaser_scope=PropbaserScope.PER_REDISTRIBUTOR,
    enable_without_tables=EnableWithoutTables.ACCEPTED,
    its_bases_while_enabled=ItsBasesWhileEnabled.IGNORED,
    quiescent=Quiescent.ALWAYS,
    cbaser_write=CbaserWrite.CREADR,
    cwriter_out_of_range=CwriterOutOfRange.NOT_RUN,
    creadr_write=CreadrWrite.TAKEN,
    stall_restart=StallRestart.ANY_CWRITER_WRITE,
    stalled_bit=StalledBit.STICKY,
    table_faults=TableFaults.STALLS,
    command_errors=CommandErrors.IGNORED,
    remap=Remap.REPLACES,
    translater_from_cpu=TranslaterFromCpu.DEVICE_ZERO,
    misaligned_access=MisalignedAccess.SPLIT,
    sgi_groups=SgiGroups.GROUP1_ONLY,
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
