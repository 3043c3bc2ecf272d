"""Behaviours of LPIs: their pending state, their configuration, and the registers that say where both are in RAM."""

from __future__ import annotations

from app.gic.behaviours import Area, Behaviour, Status


class EnableScan(
    Behaviour,
    area=Area.PENDING,
    status=Status.UNPREDICTABLE,
    allowed=("with PTZ=1 and a table that is not zero, anything: software has broken its promise",),
    signs=("pending-table-scanned", "pending-table-skipped"),
):
    """What GICR_CTLR.EnableLPIs 0→1 reads."""

    ALL_UNLESS_PTZ = (
        "the whole pending table, unless PTZ was written as one",
        "IHI 0069, GICR_PENDBASER.PTZ",
    )
    MAPPED_UNLESS_PTZ = (
        "the bits of mapped LPIs that target this CPU, zeros too, unless PTZ was written as one",
        "vgic-its.c: vgic_enable_lpis, its_sync_lpi_pending_table, observed",
    )
    ALL = (
        "the whole pending table; PTZ is never consulted",
        "arm_gicv3_redist.c: gicv3_redist_update_lpi, observed",
    )


class EnableAgain(Behaviour, area=Area.PENDING, signs=("write:GICR_CTLR",)):
    """Writing GICR_CTLR.EnableLPIs=1 when it is 1 already."""

    NOTHING = ("nothing", "IHI 0069, GICR_CTLR.EnableLPIs; vgic-mmio-v3.c: vgic_mmio_write_v3r_ctlr")
    RESCANS = ("reads the pending table again", "arm_gicv3_redist.c: gicr_writel, observed")


class DisableLpis(
    Behaviour,
    area=Area.PENDING,
    status=Status.DEFINED,
    allowed=("GICR_CTLR.CES=0: once set, EnableLPIs stays one until reset",),
    signs=("lpis-enabled:off",),
):
    """What EnableLPIs 1→0 does with pending LPIs."""

    IN_RAM = (
        "they are in the pending table then: written back, or there already",
        "IHI 0069, GICR_CTLR.EnableLPIs; observed on QEMU",
    )
    FLUSHED = (
        "those that were queued are dropped; RAM is not written",
        "vgic.c: vgic_flush_pending_lpis, observed",
    )


class DisabledPending(Behaviour, area=Area.PENDING, signs=("only:signalled", "expect:irq")):
    """A pending LPI on a CPU whose EnableLPIs is 0."""

    NOT_SIGNALLED = ("is not signalled", "IHI 0069, GICR_CTLR.EnableLPIs")
    SIGNALLED = ("is signalled all the same", "vgic.c: vgic_target_oracle, observed")


class MappingPending(Behaviour, area=Area.PENDING, signs=("pending-bit-consumed",)):
    """What MAPTI does with a pending bit that is already set in RAM."""

    LEAVES = ("leaves it alone", "IHI 0069, MAPTI; observed on QEMU")
    CONSUMES = (
        "moves it into the latch and clears it in RAM, whatever PTZ and EnableLPIs are",
        "vgic-v3.c: vgic_v3_lpi_sync_pending_status, observed",
    )


class TableEdits(
    Behaviour,
    area=Area.PENDING,
    status=Status.UNPREDICTABLE,
    allowed=("seen at once", "seen later, or never"),
    signs=("poke:pending-table",),
):
    """A bit that software sets in the pending table while EnableLPIs=1."""

    IGNORED = (
        "not seen until EnableLPIs goes 0→1",
        "IHI 0069, LPI Pending tables; observed on KVM",
    )
    NEXT_SCAN = (
        "seen at the next scan: INV, INVALL, or EnableLPIs written as one",
        "arm_gicv3_redist.c: gicv3_redist_update_lpi, observed",
    )


class DiscardPending(Behaviour, area=Area.PENDING, signs=("its:DISCARD",)):
    """DISCARD of an LPI that is pending and enabled."""

    CLEARS = (
        "its pending state is cleared",
        "IHI 0069, DISCARD; observed on QEMU",
    )
    STILL_DELIVERED = (
        "it is delivered all the same, and then forgotten",
        "vgic-its.c: vgic_its_cmd_handle_discard, observed",
    )


class UnmapPending(Behaviour, area=Area.PENDING, signs=("its:MAPD", "its:DISCARD+only:lpi-lost")):
    """MAPD with V=0 over an LPI that is pending but disabled."""

    STAYS = (
        "it stays pending, and is signalled once it is enabled",
        "IHI 0069, MAPD; observed on QEMU",
    )
    LOST = ("its pending state goes with the LPI's structure", "vgic.c: vgic_put_irq, observed")


class CollectionMove(Behaviour, area=Area.PENDING, signs=("its:MAPC+only:lpi-moved",)):
    """What MAPC of a mapped collection to another Redistributor does with its pending LPIs."""

    STAYS = (
        "they stay where they are (MOVALL moves them)",
        "IHI 0069, MAPC; arm_gicv3_its.c: process_mapc, observed",
    )
    FOLLOWS = (
        "they follow the collection",
        "vgic-its.c: update_affinity_collection, observed",
    )


class MoveToDisabled(
    Behaviour,
    area=Area.PENDING,
    status=Status.CONSTRAINED,
    allowed=("the pending state moves", "the pending state is lost"),
    signs=("choice:move_to_disabled",),
):
    """MOVI or MOVALL of a pending LPI to a Redistributor with EnableLPIs=0."""

    STAYS_BEHIND = (
        "the mapping moves (MOVI), the pending state does not",
        "arm_gicv3_redist.c: gicv3_redist_mov_lpi, observed",
    )
    DELIVERED = (
        "the pending state moves and is delivered",
        "vgic.c: vgic_target_oracle, observed",
    )


class ConfigCache(
    Behaviour,
    area=Area.CONFIG,
    status=Status.DEFINED,
    allowed=("not cached", "cached, or dropped from a cache, at any time"),
    signs=("only:config-read", "poke:config-table"),
):
    """When the configuration byte of an LPI is read, and what keeps it."""

    FROM_FIRST_USE = (
        "read at first use and cached until INV, INVALL or EnableLPIs 1→0",
        "IHI 0069, LPI Configuration tables",
    )
    FROM_MAPPING = (
        "read when the LPI is mapped, cached until INV or INVALL",
        "vgic-its.c: update_lpi_config, observed",
    )
    WINNER_ONLY = (
        "read at each evaluation; only the highest priority pending LPI is remembered",
        "arm_gicv3_redist.c: update_for_one_lpi, observed",
    )


class ConfigAtEnable(Behaviour, area=Area.CONFIG, signs=("lpis-enabled:on", "lpis-enabled:off")):
    """Configuration bytes that were cached before EnableLPIs went 1→0→1."""

    READ_AGAIN = (
        "are read again",
        "IHI 0069, GICR_CTLR.EnableLPIs; arm_gicv3_redist.c: gicv3_redist_update_lpi, observed",
    )
    KEPT = ("stay in force", "vgic-its.c: vgic_enable_lpis, observed")


class InvScope(Behaviour, area=Area.CONFIG, signs=("its:INV",)):
    """What INV looks at again."""

    ONE_LPI = (
        "the configuration byte of that LPI",
        "IHI 0069, INV; vgic-its.c: vgic_its_cmd_handle_inv, observed",
    )
    WHOLE_REDISTRIBUTOR = (
        "both LPI tables of the Redistributor that the LPI targets",
        "arm_gicv3_redist.c: gicv3_redist_inv_lpi, observed",
    )


class InvallScope(Behaviour, area=Area.CONFIG, signs=("its:INVALL",)):
    """Whose configuration INVALL reads again."""

    COLLECTION_TARGET = (
        "of the LPIs that target the collection's CPU",
        "IHI 0069, INVALL; vgic-its.c: vgic_its_invall, observed",
    )
    EVERY_REDISTRIBUTOR = ("of every Redistributor; the ICID is ignored", "arm_gicv3_its.c: process_cmdq, observed")


class InvlpirScope(Behaviour, area=Area.CONFIG, signs=("write:GICR_INVLPIR",)):
    """Whose configuration GICR_INVLPIR reads again."""

    OWN_LPI = ("the LPI's, in the Redistributor that is written", "IHI 0069, GICR_INVLPIR")
    ANY_LPI = (
        "the LPI's, whichever Redistributor is written",
        "vgic-mmio-v3.c: vgic_mmio_write_invlpi, observed",
    )
    NOBODY = ("nobody's: not implemented (GICR_CTLR.IR=0)", "arm_gicv3_redist.c, observed")


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


class LpiTableFaults(Behaviour, area=Area.BASES, signs=("ignored:EFAULT",)):
    """MAPTI when the LPI tables would lie where there is no RAM, as at reset."""

    MAPPED = (
        "the event is mapped; its configuration reads as zero, so the LPI is disabled",
        "arm_gicv3_redist.c: update_for_one_lpi, observed",
    )
    NOT_MAPPED = (
        "the command is ignored: the LPI's bytes in them cannot be read",
        "vgic-its.c: vgic_add_lpi, observed",
    )


class IdBits(Behaviour, area=Area.BASES, signs=("error:PHYSICALID_OOR", "only:lpi-lost")):
    """An INTID that GICR_PROPBASER.IDbits leaves no room for."""

    NOT_TAKEN = (
        "MAPTI maps it; the Redistributor does not take it",
        "IHI 0069, GICR_PROPBASER.IDbits; arm_gicv3_redist.c: gicv3_redist_process_lpi, observed",
    )
    NOT_MAPPED = (
        "MAPTI refuses it; an LPI that was mapped before is delivered",
        "vgic-its.c: vgic_its_cmd_handle_mapi, observed",
    )
