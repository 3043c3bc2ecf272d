"""Behaviours that follow from where the pending state of LPIs lives (see `app.gic.behaviours.Consequence`)."""

from __future__ import annotations

from app.gic.behaviours import Area, Consequence, PendingHome, Status


class EnableScan(
    Consequence,
    area=Area.PENDING,
    status=Status.UNPREDICTABLE,
    allowed=("with PTZ=1 and a table that is not zero, anything: software has broken its promise",),
    signs=("pending-table-scanned", "pending-table-skipped"),
):
    """What GICR_CTLR.EnableLPIs 0→1 reads."""

    ALL_UNLESS_PTZ = (
        "the whole pending table, unless PTZ was written as one",
        "IHI 0069, GICR_PENDBASER.PTZ",
        PendingHome.REDISTRIBUTOR,
    )
    MAPPED_UNLESS_PTZ = (
        "the bits of mapped LPIs that target this CPU, unless PTZ was written as one",
        "vgic-its.c: vgic_enable_lpis, its_sync_lpi_pending_table, observed",
        PendingHome.LATCH,
    )
    ALL = (
        "the whole pending table; PTZ is never consulted",
        "arm_gicv3_redist.c: gicv3_redist_update_lpi, observed",
        PendingHome.GUEST_RAM,
    )


class DisableLpis(
    Consequence,
    area=Area.PENDING,
    status=Status.DEFINED,
    allowed=("GICR_CTLR.CES=0: once set, EnableLPIs stays one until reset",),
    signs=("lpis-enabled:off",),
):
    """What EnableLPIs 1→0 does with pending LPIs."""

    WRITES_BACK = ("writes them to the pending table", "IHI 0069, GICR_CTLR.EnableLPIs", PendingHome.REDISTRIBUTOR)
    FLUSHES = (
        "drops those that were queued; RAM is not written",
        "vgic.c: vgic_flush_pending_lpis, observed",
        PendingHome.LATCH,
    )
    KEEPS = ("nothing: they are in RAM", "arm_gicv3_redist.c: gicr_writel, observed", PendingHome.GUEST_RAM)


class MappingPending(Consequence, area=Area.PENDING, signs=("pending-bit-consumed",)):
    """What MAPTI does with a pending bit that is already set in RAM."""

    LEAVES = ("leaves it alone", "IHI 0069, MAPTI; observed on QEMU", PendingHome.REDISTRIBUTOR, PendingHome.GUEST_RAM)
    CONSUMES = (
        "moves it into the latch and clears it in RAM, whatever PTZ and EnableLPIs are",
        "vgic-v3.c: vgic_v3_lpi_sync_pending_status, observed",
        PendingHome.LATCH,
    )


class TableEdits(
    Consequence,
    area=Area.PENDING,
    status=Status.UNPREDICTABLE,
    allowed=("seen at once", "seen later, or never"),
    signs=("poke:pending-table",),
):
    """A bit that software sets in the pending table while EnableLPIs=1."""

    IGNORED = (
        "not seen until EnableLPIs goes 0→1",
        "IHI 0069, LPI Pending tables; observed on KVM",
        PendingHome.REDISTRIBUTOR,
        PendingHome.LATCH,
    )
    NEXT_SCAN = (
        "seen at the next scan: INV, INVALL, or EnableLPIs written as one",
        "arm_gicv3_redist.c: gicv3_redist_update_lpi, observed",
        PendingHome.GUEST_RAM,
    )


class DiscardPending(Consequence, area=Area.PENDING, signs=("its:DISCARD",)):
    """DISCARD of an LPI that is pending and enabled."""

    CLEARS = (
        "its pending state is cleared",
        "IHI 0069, DISCARD; observed on QEMU",
        PendingHome.REDISTRIBUTOR,
        PendingHome.GUEST_RAM,
    )
    STILL_DELIVERED = (
        "it is delivered all the same, and then forgotten",
        "vgic-its.c: vgic_its_cmd_handle_discard, observed",
        PendingHome.LATCH,
    )


class UnmapPending(Consequence, area=Area.PENDING, signs=("its:MAPD", "its:DISCARD+only:lpi-lost")):
    """MAPD with V=0 over an LPI that is pending but disabled."""

    STAYS = (
        "it stays pending, and is signalled once it is enabled",
        "IHI 0069, MAPD; observed on QEMU",
        PendingHome.REDISTRIBUTOR,
        PendingHome.GUEST_RAM,
    )
    LOST = ("its pending state goes with the LPI's structure", "vgic.c: vgic_put_irq, observed", PendingHome.LATCH)


class CollectionMove(Consequence, area=Area.PENDING, signs=("its:MAPC+only:lpi-moved",)):
    """What MAPC of a mapped collection to another Redistributor does with its pending LPIs."""

    STAYS = (
        "they stay where they are (MOVALL moves them)",
        "IHI 0069, MAPC; arm_gicv3_its.c: process_mapc, observed",
        PendingHome.REDISTRIBUTOR,
        PendingHome.GUEST_RAM,
    )
    FOLLOWS = (
        "they follow the collection",
        "vgic-its.c: update_affinity_collection, observed",
        PendingHome.LATCH,
    )


class MoveToDisabled(
    Consequence,
    area=Area.PENDING,
    status=Status.CONSTRAINED,
    allowed=("the pending state moves", "the pending state is lost"),
    signs=("choice:move_to_disabled",),
):
    """MOVI or MOVALL of a pending LPI to a Redistributor with EnableLPIs=0."""

    STAYS_BEHIND = (
        "the mapping moves (MOVI), the pending state does not",
        "arm_gicv3_redist.c: gicv3_redist_mov_lpi, observed",
        PendingHome.REDISTRIBUTOR,
        PendingHome.GUEST_RAM,
    )
    DELIVERED = (
        "the pending state moves and is delivered",
        "vgic.c: vgic_target_oracle, observed",
        PendingHome.LATCH,
    )


class MovallScope(Consequence, area=Area.COMMANDS, signs=("its:MOVALL",)):
    """What MOVALL moves."""

    PENDING_STATE = (
        "the pending state; the next MSI goes where its collection says",
        "IHI 0069, MOVALL; arm_gicv3_redist.c: gicv3_redist_movall_lpis, observed",
        PendingHome.REDISTRIBUTOR,
        PendingHome.GUEST_RAM,
    )
    THE_LPIS = (
        "the LPIs themselves: the next MSI goes to the new CPU too, whatever the collection says",
        "vgic-its.c: vgic_its_cmd_handle_movall, observed",
        PendingHome.LATCH,
    )


class ConfigCache(
    Consequence,
    area=Area.CONFIG,
    status=Status.DEFINED,
    allowed=("not cached", "cached, or dropped from a cache, at any time"),
    signs=("only:config-read", "poke:config-table"),
):
    """When the configuration byte of an LPI is read, and what keeps it."""

    FROM_FIRST_USE = (
        "read at first use and cached until INV, INVALL or EnableLPIs 1→0",
        "IHI 0069, LPI Configuration tables",
        PendingHome.REDISTRIBUTOR,
    )
    FROM_MAPPING = (
        "read when the LPI is mapped, cached until INV or INVALL",
        "vgic-its.c: update_lpi_config, observed",
        PendingHome.LATCH,
    )
    WINNER_ONLY = (
        "read at each evaluation; only the highest priority pending LPI is remembered",
        "arm_gicv3_redist.c: update_for_one_lpi, observed",
        PendingHome.GUEST_RAM,
    )


class ConfigAtEnable(Consequence, area=Area.CONFIG, signs=("lpis-enabled:on", "lpis-enabled:off")):
    """Configuration bytes that were cached before EnableLPIs went 1→0→1."""

    READ_AGAIN = (
        "are read again",
        "IHI 0069, GICR_CTLR.EnableLPIs; arm_gicv3_redist.c: gicv3_redist_update_lpi, observed",
        PendingHome.REDISTRIBUTOR,
        PendingHome.GUEST_RAM,
    )
    KEPT = ("stay in force", "vgic-its.c: vgic_enable_lpis, observed", PendingHome.LATCH)


class InvScope(Consequence, area=Area.CONFIG, signs=("its:INV",)):
    """What INV looks at again."""

    ONE_LPI = (
        "the configuration byte of that LPI",
        "IHI 0069, INV; vgic-its.c: vgic_its_cmd_handle_inv, observed",
        PendingHome.REDISTRIBUTOR,
        PendingHome.LATCH,
    )
    WHOLE_REDISTRIBUTOR = (
        "both LPI tables of the Redistributor that the LPI targets",
        "arm_gicv3_redist.c: gicv3_redist_inv_lpi, observed",
        PendingHome.GUEST_RAM,
    )


class InvlpirScope(Consequence, area=Area.CONFIG, signs=("write:GICR_INVLPIR",)):
    """Whose configuration GICR_INVLPIR reads again."""

    OWN_LPI = ("the LPI's, in the Redistributor that is written", "IHI 0069, GICR_INVLPIR", PendingHome.REDISTRIBUTOR)
    ANY_LPI = (
        "the LPI's, whichever Redistributor is written",
        "vgic-mmio-v3.c: vgic_mmio_write_invlpi, observed",
        PendingHome.LATCH,
    )
    NOBODY = ("nobody's: not implemented (GICR_CTLR.IR=0)", "arm_gicv3_redist.c, observed", PendingHome.GUEST_RAM)


class LpiTableFaults(Consequence, area=Area.BASES, signs=("ignored:EFAULT",)):
    """MAPTI when GICR_PROPBASER points where there is no RAM, as at reset."""

    MAPPED = (
        "the event is mapped; its configuration reads as zero, so the LPI is disabled",
        "arm_gicv3_redist.c: update_for_one_lpi, observed",
        PendingHome.REDISTRIBUTOR,
        PendingHome.GUEST_RAM,
    )
    NOT_MAPPED = (
        "the command is ignored: the LPI's configuration cannot be read",
        "vgic-its.c: vgic_add_lpi, observed",
        PendingHome.LATCH,
    )


class IdBits(Consequence, area=Area.BASES, signs=("error:PHYSICALID_OOR", "only:lpi-lost")):
    """An INTID that GICR_PROPBASER.IDbits leaves no room for."""

    NOT_TAKEN = (
        "MAPTI maps it; the Redistributor does not take it",
        "IHI 0069, GICR_PROPBASER.IDbits; arm_gicv3_redist.c: gicv3_redist_process_lpi, observed",
        PendingHome.REDISTRIBUTOR,
        PendingHome.GUEST_RAM,
    )
    NOT_MAPPED = (
        "MAPTI refuses it; an LPI that was mapped before is delivered",
        "vgic-its.c: vgic_its_cmd_handle_mapi, observed",
        PendingHome.LATCH,
    )
