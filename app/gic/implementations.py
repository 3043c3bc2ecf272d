"""Every behaviour on which real GICs differ, by name, with one value per implementation and its source.

The code asks a behaviour (`impl.pending_home is PendingHome.LATCH`), never the name of an implementation. What each
value means and where that is known from stands with the enums in `behaviours`, `lpi_behaviours`, `its_behaviours` and
`signal_behaviours`. Differences that are plain access data (PTZ reading as zero, sanitised cacheability) are lines in
the overlays of the register map; `register_differences` reads them from there.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType

from app.gic.behaviours import (
    Behaviour,
    Consequence,
    Doors,
    EnableWithoutIts,
    MigrationAfterMove,
    MigrationOrder,
    MigrationUnsaved,
    PendingHome,
    SaveOverOldBits,
    Signalling,
    TableEntries,
    TablesHome,
    UserCreadr,
    UserIidr,
    UserPending,
)
from app.gic.its_behaviours import (
    BaserInvalid,
    CbaserWrite,
    CommandErrors,
    CreadrWrite,
    CwriterOutOfRange,
    EnableWithoutTables,
    ItsBasesWhileEnabled,
    MovallScope,
    Quiescent,
    Remap,
    SharedLpi,
    StalledBit,
    StallRestart,
    TableFaults,
    TableInFlash,
    TableRoom,
    TranslaterFromCpu,
    TranslationCache,
    UnmapCollection,
    UnmapDevice,
    UnmapToNowhere,
    UnmapTooLarge,
    WithoutCollection,
)
from app.gic.lpi_behaviours import (
    CollectionMove,
    ConfigAtEnable,
    ConfigCache,
    DisabledPending,
    DisableLpis,
    DiscardPending,
    EnableAgain,
    EnableScan,
    IdBits,
    InvallScope,
    InvlpirScope,
    InvScope,
    LpiBasesWhileEnabled,
    LpiTableFaults,
    MappingPending,
    MoveToDisabled,
    PropbaserScope,
    TableEdits,
    UnmapPending,
)
from app.gic.signal_behaviours import (
    EdgeLines,
    GroupZero,
    LevelLatch,
    MisalignedAccess,
    OneOfN,
    SgiGroups,
    TieBreak,
    WrongEnd,
)


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
    enable_scan: EnableScan
    enable_again: EnableAgain
    disable_lpis: DisableLpis
    disabled_pending: DisabledPending
    mapping_pending: MappingPending
    table_edits: TableEdits
    discard_pending: DiscardPending
    unmap_pending: UnmapPending
    collection_move: CollectionMove
    move_to_disabled: MoveToDisabled
    # configuration
    config_cache: ConfigCache
    config_at_enable: ConfigAtEnable
    inv_scope: InvScope
    invall_scope: InvallScope
    invlpir_scope: InvlpirScope
    # base registers of the LPI tables
    lpi_bases_while_enabled: LpiBasesWhileEnabled
    propbaser_scope: PropbaserScope
    lpi_table_faults: LpiTableFaults
    id_bits: IdBits
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
    table_in_flash: TableInFlash
    table_room: TableRoom
    baser_invalid: BaserInvalid
    unmap_device: UnmapDevice
    unmap_collection: UnmapCollection
    translation_cache: TranslationCache
    # ITS commands
    command_errors: CommandErrors
    remap: Remap
    movall_scope: MovallScope
    shared_lpi: SharedLpi
    without_collection: WithoutCollection
    unmap_to_nowhere: UnmapToNowhere
    unmap_too_large: UnmapTooLarge
    translater_from_cpu: TranslaterFromCpu
    # register accesses
    misaligned_access: MisalignedAccess
    # Distributor and CPU interface
    sgi_groups: SgiGroups
    group_zero: GroupZero
    tie_break: TieBreak
    level_latch: LevelLatch
    edge_lines: EdgeLines
    one_of_n: OneOfN
    wrong_end: WrongEnd
    # what follows from the strategies
    enable_without_its: EnableWithoutIts = field(init=False, metadata={"kind": EnableWithoutIts})
    migration_order: MigrationOrder = field(init=False, metadata={"kind": MigrationOrder})
    migration_unsaved: MigrationUnsaved = field(init=False, metadata={"kind": MigrationUnsaved})
    migration_after_move: MigrationAfterMove = field(init=False, metadata={"kind": MigrationAfterMove})
    save_over_old_bits: SaveOverOldBits = field(init=False, metadata={"kind": SaveOverOldBits})
    user_iidr: UserIidr = field(init=False, metadata={"kind": UserIidr})
    user_pending: UserPending = field(init=False, metadata={"kind": UserPending})
    user_creadr: UserCreadr = field(init=False, metadata={"kind": UserCreadr})

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
    enable_scan=EnableScan.ALL_UNLESS_PTZ,
    enable_again=EnableAgain.NOTHING,
    disable_lpis=DisableLpis.IN_RAM,
    disabled_pending=DisabledPending.NOT_SIGNALLED,
    mapping_pending=MappingPending.LEAVES,
    table_edits=TableEdits.IGNORED,
    discard_pending=DiscardPending.CLEARS,
    unmap_pending=UnmapPending.STAYS,
    collection_move=CollectionMove.STAYS,
    move_to_disabled=MoveToDisabled.STAYS_BEHIND,
    config_cache=ConfigCache.FROM_FIRST_USE,
    config_at_enable=ConfigAtEnable.READ_AGAIN,
    inv_scope=InvScope.ONE_LPI,
    invall_scope=InvallScope.COLLECTION_TARGET,
    invlpir_scope=InvlpirScope.OWN_LPI,
    lpi_bases_while_enabled=LpiBasesWhileEnabled.IGNORED,
    propbaser_scope=PropbaserScope.PER_REDISTRIBUTOR,
    lpi_table_faults=LpiTableFaults.MAPPED,
    id_bits=IdBits.NOT_TAKEN,
    enable_without_tables=EnableWithoutTables.ACCEPTED,
    its_bases_while_enabled=ItsBasesWhileEnabled.IGNORED,
    quiescent=Quiescent.DISABLED_AND_IDLE,
    cbaser_write=CbaserWrite.CREADR,
    cwriter_out_of_range=CwriterOutOfRange.NOT_RUN,
    creadr_write=CreadrWrite.IGNORED,
    stall_restart=StallRestart.RETRY_BIT,
    stalled_bit=StalledBit.ON_RETRY,
    table_faults=TableFaults.STALLS,
    table_in_flash=TableInFlash.NO_RAM,
    table_room=TableRoom.EVERY_ID,
    baser_invalid=BaserInvalid.ENTRIES_BACK,
    unmap_device=UnmapDevice.EVENTS_BACK,
    unmap_collection=UnmapCollection.EVENTS_BACK,
    translation_cache=TranslationCache.WALKS,
    command_errors=CommandErrors.IGNORED,
    remap=Remap.REPLACES,
    movall_scope=MovallScope.PENDING_STATE,
    shared_lpi=SharedLpi.ITS_COLLECTION,
    without_collection=WithoutCollection.IGNORED,
    unmap_to_nowhere=UnmapToNowhere.DONE,
    unmap_too_large=UnmapTooLarge.IGNORED,
    translater_from_cpu=TranslaterFromCpu.DEVICE_ZERO,
    misaligned_access=MisalignedAccess.NO_REGISTER,
    sgi_groups=SgiGroups.GROUP1_ONLY,
    group_zero=GroupZero.NOT_FORWARDED,
    tie_break=TieBreak.LOWEST_INTID,
    level_latch=LevelLatch.CLEARED_AT_ACKNOWLEDGE,
    one_of_n=OneOfN.LOWEST_CPU,
    edge_lines=EdgeLines.RISING_EDGE,
    wrong_end=WrongEnd.DEACTIVATES_IT,
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
        enable_scan=EnableScan.MAPPED_UNLESS_PTZ,
        enable_again=EnableAgain.NOTHING,
        disable_lpis=DisableLpis.FLUSHED,
        disabled_pending=DisabledPending.SIGNALLED,
        mapping_pending=MappingPending.CONSUMES,
        table_edits=TableEdits.IGNORED,
        discard_pending=DiscardPending.STILL_DELIVERED,
        unmap_pending=UnmapPending.LOST,
        collection_move=CollectionMove.FOLLOWS,
        move_to_disabled=MoveToDisabled.DELIVERED,
        config_cache=ConfigCache.FROM_MAPPING,
        config_at_enable=ConfigAtEnable.KEPT,
        inv_scope=InvScope.ONE_LPI,
        invall_scope=InvallScope.COLLECTION_TARGET,
        invlpir_scope=InvlpirScope.ANY_LPI,
        lpi_bases_while_enabled=LpiBasesWhileEnabled.IGNORED,
        propbaser_scope=PropbaserScope.SHARED,
        lpi_table_faults=LpiTableFaults.NOT_MAPPED,
        id_bits=IdBits.NOT_MAPPED,
        enable_without_tables=EnableWithoutTables.REFUSED,
        its_bases_while_enabled=ItsBasesWhileEnabled.IGNORED,
        quiescent=Quiescent.QUEUE_EMPTY,
        cbaser_write=CbaserWrite.CREADR_AND_CWRITER,
        cwriter_out_of_range=CwriterOutOfRange.IGNORED,
        creadr_write=CreadrWrite.IGNORED,
        stall_restart=StallRestart.ANY_CWRITER_WRITE,
        stalled_bit=StalledBit.ON_RETRY,
        table_faults=TableFaults.IGNORED,
        table_in_flash=TableInFlash.NO_RAM,
        table_room=TableRoom.EVERY_ID,
        baser_invalid=BaserInvalid.ENTRIES_FREED,
        unmap_device=UnmapDevice.EVENTS_GONE,
        unmap_collection=UnmapCollection.EVENTS_DETACHED,
        translation_cache=TranslationCache.CACHED,
        command_errors=CommandErrors.IGNORED,
        remap=Remap.KEEPS_OLD,
        movall_scope=MovallScope.THE_LPIS,
        shared_lpi=SharedLpi.FIRST_TARGET,
        without_collection=WithoutCollection.DONE,
        unmap_to_nowhere=UnmapToNowhere.IGNORED,
        unmap_too_large=UnmapTooLarge.DONE,
        translater_from_cpu=TranslaterFromCpu.IGNORED,
        misaligned_access=MisalignedAccess.NO_REGISTER,
        sgi_groups=SgiGroups.EITHER_GROUP,
        group_zero=GroupZero.FORWARDED,
        tie_break=TieBreak.FIRST_QUEUED,
        level_latch=LevelLatch.CLEARED_AT_DEACTIVATION,
        one_of_n=OneOfN.NOT_THERE,
        edge_lines=EdgeLines.EVERY_INJECTION,
        wrong_end=WrongEnd.DROPS_ONLY,
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
    enable_scan=EnableScan.ALL,
    enable_again=EnableAgain.RESCANS,
    disable_lpis=DisableLpis.IN_RAM,
    disabled_pending=DisabledPending.NOT_SIGNALLED,
    mapping_pending=MappingPending.LEAVES,
    table_edits=TableEdits.NEXT_SCAN,
    discard_pending=DiscardPending.CLEARS,
    unmap_pending=UnmapPending.STAYS,
    collection_move=CollectionMove.STAYS,
    move_to_disabled=MoveToDisabled.STAYS_BEHIND,
    config_cache=ConfigCache.WINNER_ONLY,
    config_at_enable=ConfigAtEnable.READ_AGAIN,
    inv_scope=InvScope.WHOLE_REDISTRIBUTOR,
    invall_scope=InvallScope.EVERY_REDISTRIBUTOR,
    invlpir_scope=InvlpirScope.NOBODY,
    lpi_bases_while_enabled=LpiBasesWhileEnabled.TAKEN,
    propbaser_scope=PropbaserScope.PER_REDISTRIBUTOR,
    lpi_table_faults=LpiTableFaults.MAPPED,
    id_bits=IdBits.NOT_TAKEN,
    enable_without_tables=EnableWithoutTables.ACCEPTED,
    its_bases_while_enabled=ItsBasesWhileEnabled.IGNORED,
    quiescent=Quiescent.ALWAYS,
    cbaser_write=CbaserWrite.CREADR,
    cwriter_out_of_range=CwriterOutOfRange.NOT_RUN,
    creadr_write=CreadrWrite.TAKEN,
    stall_restart=StallRestart.ANY_CWRITER_WRITE,
    stalled_bit=StalledBit.STICKY,
    table_faults=TableFaults.STALLS,
    table_in_flash=TableInFlash.FLASH,
    table_room=TableRoom.MODULO,
    baser_invalid=BaserInvalid.ENTRIES_BACK,
    unmap_device=UnmapDevice.EVENTS_BACK,
    unmap_collection=UnmapCollection.EVENTS_BACK,
    translation_cache=TranslationCache.WALKS,
    command_errors=CommandErrors.IGNORED,
    remap=Remap.REPLACES,
    movall_scope=MovallScope.PENDING_STATE,
    shared_lpi=SharedLpi.ITS_COLLECTION,
    without_collection=WithoutCollection.IGNORED,
    unmap_to_nowhere=UnmapToNowhere.DONE,
    unmap_too_large=UnmapTooLarge.IGNORED,
    translater_from_cpu=TranslaterFromCpu.DEVICE_ZERO,
    misaligned_access=MisalignedAccess.SPLIT,
    sgi_groups=SgiGroups.GROUP1_ONLY,
    group_zero=GroupZero.NOT_FORWARDED,
    tie_break=TieBreak.LOWEST_INTID,
    level_latch=LevelLatch.CLEARED_AT_ACKNOWLEDGE,
    one_of_n=OneOfN.IGNORED,
    edge_lines=EdgeLines.RISING_EDGE,
    wrong_end=WrongEnd.DEACTIVATES_IT,
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
