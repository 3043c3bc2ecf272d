"""What became of every LPI in a migration: the verdict, the step responsible, and the reason with the code it runs in.

Which LPI came back is measured. The reasons say which measured fact decided; function names are Linux 6.1's
(arch/arm64/kvm/vgic) and QEMU 7.2's (hw/intc).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from app.gic.effects import PendingTableSkipped
from app.scenario.laboratory import CardRun, Experiment, drained
from app.scenario.operations import SavedTables
from app.scenario.restore_steps import RAM, TABLES, VMSTATE_GIC, WRITE_BACK, Way

SAVE = "save"


class Verdict(Enum):
    """What became of an LPI. The value is (words, whether that is a loss)."""

    LOST = ("lost", True)
    NEVER_SAVED = ("never saved", True)
    UNSEEN = ("came back, nobody looks", True)
    MOVED = ("came back on another CPU", False)
    UNMAPPED = ("mapping lost", True)
    FIRED_AGAIN = ("pending, was not", False)
    CAME_BACK = ("came back", False)
    IDLE = ("was not pending", False)

    def __init__(self, words: str, loss: bool) -> None:
        self.words = words
        self.loss = loss


class Reason(NamedTuple):
    """Why: the step that decided, plain words, and the chain of functions behind them, outermost first."""

    step: str
    words: str
    chain: tuple[str, ...] = ()
    cite: str = ""


NOTHING = Reason("", "")


@dataclass(frozen=True, slots=True)
class Fate:
    """One LPI before and after. CPUs are None where it is not pending, or not mapped."""

    intid: int
    device: int | None
    event: int | None
    target: int | None
    was: int | None
    now_mapped: bool
    now_target: int | None
    now: int | None
    verdict: Verdict
    reason: Reason


@dataclass(frozen=True, slots=True)
class Outcome:
    """All LPIs by INTID, how many have each verdict, and whether nothing is worse than before."""

    fates: tuple[Fate, ...]
    counts: tuple[tuple[Verdict, int], ...]

    @property
    def fine(self) -> bool:
        return not any(
            verdict.loss or verdict is Verdict.FIRED_AGAIN or verdict is Verdict.MOVED for verdict, _ in self.counts
        )


def outcome(done: Experiment) -> Outcome:
    """What became of the LPIs in as much of the experiment as was run."""
    now = done.machine.pending_lpis()
    after = {intid: (each.device_id, each.event_id, cpu) for intid, (each, cpu) in done.machine.mapped_lpis().items()}
    taken = None if done.taken is None else drained(done.machine)
    asleep: frozenset[int] = frozenset()
    if done.whole and done.taken is not None and taken is not None:
        asleep = done.taken - taken
    judge = _Judge(done)
    fates = []
    for intid in sorted(done.pending.keys() | now.keys() | done.source.mapped.keys() | after.keys()):
        mapping = done.source.mapped.get(intid)
        there = after.get(intid)
        verdict = _verdict(done, intid, now, there is not None, intid in asleep)
        event = mapping or there
        fates.append(
            Fate(
                intid,
                event[0] if event else None,
                event[1] if event else None,
                mapping[2] if mapping else None,
                done.pending.get(intid, None),
                there is not None,
                there[2] if there else None,
                now.get(intid),
                verdict,
                judge.reason(intid, verdict),
            )
        )
    found = Counter(fate.verdict for fate in fates)
    return Outcome(tuple(fates), tuple((verdict, found[verdict]) for verdict in Verdict if found[verdict]))


def _verdict(done: Experiment, intid: int, now: dict[int, int | None], mapped: bool, asleep: bool) -> Verdict:
    if intid in done.pending:
        if intid in now:
            if asleep:
                return Verdict.UNSEEN
            return Verdict.CAME_BACK if done.pending[intid] == now[intid] else Verdict.MOVED
        saved = done.saved.in_ram(intid)
        return Verdict.LOST if saved else Verdict.NEVER_SAVED
    if intid in now:
        return Verdict.FIRED_AGAIN
    return Verdict.UNMAPPED if intid in done.source.mapped and not mapped else Verdict.IDLE


class _Judge:
    """Finds the reason of a verdict. Most LPIs of one experiment share theirs."""

    def __init__(self, done: Experiment) -> None:
        self.done = done
        self.names = [run.ref.name for run in done.runs]
        self.left_out = {ref.partition("@")[0] for ref in done.plan.op.without}

    def reason(self, intid: int, verdict: Verdict) -> Reason:
        if verdict in (Verdict.CAME_BACK, Verdict.IDLE, Verdict.MOVED, Verdict.FIRED_AGAIN):
            return self._appeared(intid) if verdict is not Verdict.IDLE else NOTHING
        if verdict is Verdict.UNSEEN:
            return self._unseen()
        if verdict is Verdict.NEVER_SAVED:
            return self._never_saved()
        dropped = self._last(lambda run: intid in run.before.held and intid not in run.after.held)
        if dropped is not None:
            return self._dropped(dropped)
        return {
            Way.ATTRIBUTES: self._kernel_never_held,
            Way.REGISTERS: self._registers_never_held,
            Way.VMSTATE: self._vmstate_never_there,
        }[self.done.way](intid)

    def _last(self, holds: Callable[[CardRun], bool]) -> CardRun | None:
        return next((run for run in reversed(self.done.runs) if holds(run)), None)

    def _run(self, name: str) -> CardRun | None:
        return self._last(lambda run: run.ref.name == name)

    # -- it is there

    def _appeared(self, intid: int) -> Reason:
        run = self._last(lambda run: intid in run.after.held and intid not in run.before.held)
        if run is None:
            return Reason(RAM, "its pending bit is in guest RAM, which is where this GIC keeps it")
        step = str(run.ref)
        if run.ref.name == TABLES:
            words = "its ITE was read, and mapping it took the pending bit out of RAM into the latch, whatever PTZ is"
            chain = ("vgic_its_restore_ite", "vgic_add_lpi", "vgic_v3_lpi_sync_pending_status")
            return Reason(step, words, chain, "vgic-its.c, vgic-v3.c")
        if run.ref.name in ("gits-ctlr", "cwriter"):
            words = "the ITS executed commands of the queue again, from GITS_CREADR to GITS_CWRITER"
            return Reason(step, words, ("vgic_its_process_commands", "vgic_its_cmd_handle_int"), "vgic-its.c")
        if self.done.way is Way.REGISTERS:
            return Reason(step, "EnableLPIs 0→1 loaded the pending table", (), "IHI 0069, GICR_CTLR.EnableLPIs")
        words = "EnableLPIs 0→1 copied the bits in RAM into the latches of the mapped LPIs"
        return Reason(step, words, ("vgic_enable_lpis", "its_sync_lpi_pending_table"), "vgic-its.c")

    def _unseen(self) -> Reason:
        if self.done.way is Way.VMSTATE:
            words = "its bit came into RAM after the scan: no write, INV or MSI has made the Redistributor look again"
            return Reason(RAM, words, ("arm_gicv3_post_load", "gicv3_redist_update_lpi_only"), "arm_gicv3.c")
        if "icc" not in self.names:
            return Reason("icc", "its CPU interface was not restored: it masks everything, as after reset")
        words = "its latch is set, but when that happened it could not be delivered, and nothing queues it again"
        return Reason("gicd-ctlr", words, ("vgic_queue_irq_unlock",), "vgic.c")

    # -- it never got out of the source

    def _never_saved(self) -> Reason:
        done = self.done
        if done.way is Way.REGISTERS:
            words = "EnableLPIs was still 1 when the source was read: its pending state had not been written to RAM"
            return Reason(WRITE_BACK, words, (), "IHI 0069, GICR_CTLR.EnableLPIs")
        if SavedTables.PENDING not in done.plan.saves:
            words = "SAVE_PENDING_TABLES was left out: the latch stayed in the source's kernel, and nobody complains"
            return Reason(SAVE, words, ("vgic_v3_save_pending_tables",), "vgic-v3.c")
        if any(error.startswith(SavedTables.PENDING.value) for error in done.save_errors):
            return Reason(SAVE, f"saving failed: {', '.join(done.save_errors)}", ("vgic_v3_save_pending_tables",))
        words = "no Redistributor has it: SAVE_PENDING_TABLES writes only LPIs that target a CPU"
        return Reason(SAVE, words, ("vgic_v3_save_pending_tables",), "vgic-v3.c")

    # -- the destination had it and let it go

    def _dropped(self, run: CardRun) -> Reason:
        step = str(run.ref)
        if run.ref.name == "gicr-ctlr" and self.done.way is Way.ATTRIBUTES:
            words = (
                "EnableLPIs 0→1 with PTZ=0 copied the pending table over the latches, and RESTORE_TABLES had already"
                " taken the bits out of it: the latch was overwritten with 0, and RAM has 0 too"
            )
            chain = (
                "vgic_its_restore_ite", "vgic_add_lpi", "vgic_v3_lpi_sync_pending_status",
                "vgic_enable_lpis", "its_sync_lpi_pending_table",
            )  # fmt: skip
            return Reason(step, words, chain, "vgic-its.c, vgic-v3.c")
        if run.ref.name in ("gits-ctlr", "cwriter"):
            words = "the ITS executed commands of the queue again, and one of them took its pending state away"
            return Reason(step, words, ("vgic_its_process_commands",), "vgic-its.c")
        return Reason(step, "this step took its pending state away")

    # -- the destination never had it

    def _kernel_never_held(self, intid: int) -> Reason:
        tables = self._run(TABLES)
        if tables is None:
            words = "RESTORE_TABLES was not done: no LPI is mapped, and only mapping one reads its pending bit"
            return Reason(TABLES, words, ("vgic_its_restore_tables_v0",), "vgic-its.c")
        if tables.errors:
            return self._tables_failed(tables)
        mapping = tables.after.mapped.get(intid)
        if mapping is None:
            return self._not_mapped(tables)
        table = self.done.saved.in_ram(intid)
        if mapping[2] is not None and mapping[2] not in table:
            words = (
                f"its bit is in the pending table of CPU {table[0]}, which was its target when it was saved; the"
                f" collection that was restored names CPU {mapping[2]} (MOVALL retargets LPIs, not collections), so the"
                " bit was looked for there and the set one stays behind"
            )
            chain = ("vgic_its_cmd_handle_movall", "vgic_v3_save_pending_tables", "vgic_its_restore_cte")
            return Reason(SAVE, words, (*chain, "vgic_v3_lpi_sync_pending_status"), "vgic-its.c, vgic-v3.c")
        if intid not in frozenset().union(*tables.before.tables):
            return Reason(RAM, "guest memory came after RESTORE_TABLES had read it")
        words = "RESTORE_TABLES looked for its bit where GICR_PENDBASER did not point to the saved table"
        return Reason("pendbaser", words, ("vgic_v3_lpi_sync_pending_status",), "vgic-v3.c")

    def _tables_failed(self, tables: CardRun) -> Reason:
        step = str(tables.ref)
        errno = tables.errors[0].rpartition("-")[2]
        place = self.done.runs.index(tables)
        earlier = {run.ref.name for run in self.done.runs[:place]}
        missing = [name for name in ("propbaser", "pendbaser") if name not in earlier]
        if errno == "EFAULT" and missing:
            names = " and ".join(f"GICR_{name.upper()}" for name in missing)
            words = (
                f"RESTORE_TABLES ended with EFAULT: {names} still had the reset value, whose address 0 is not RAM, so"
                " the first LPI could not be mapped, and everything restored so far was freed"
            )
            sync = ("update_lpi_config",) if "propbaser" in missing else ("vgic_v3_lpi_sync_pending_status",)
            chain = ("vgic_its_restore_ite", "vgic_add_lpi", *sync, "kvm_read_guest_lock", "vgic_its_free_device_list")
            return Reason(step, words, chain, "vgic-its.c")
        words = f"RESTORE_TABLES ended with {errno}, and everything restored so far was freed"
        return Reason(step, words, ("vgic_its_restore_tables_v0", "vgic_its_free_device_list"), "vgic-its.c")

    def _not_mapped(self, tables: CardRun) -> Reason:
        step = str(tables.ref)
        earlier = self.names[: self.done.runs.index(tables)]
        if SavedTables.ITS not in self.done.plan.saves:
            words = "SAVE_TABLES was left out: RAM has no ITS tables, RESTORE_TABLES found none and returned 0"
            return Reason(SAVE, words, ("vgic_its_save_tables_v0",), "vgic-its.c")
        if RAM in self.left_out:
            return Reason(RAM, "guest memory was left out: RESTORE_TABLES found no tables in it and returned 0")
        if RAM in self.names and RAM not in earlier:
            return Reason(RAM, "guest memory came after RESTORE_TABLES had read it, and found no tables")
        if "basers" not in earlier:
            words = "GITS_BASER<n> were not valid when RESTORE_TABLES ran: it does nothing then, and returns 0"
            return Reason(step, words, ("vgic_its_restore_collection_table", "vgic_its_restore_device_tables"))
        return Reason(step, "RESTORE_TABLES did not find its entry in the tables in RAM", (), "vgic-its.c")

    def _registers_never_held(self, intid: int) -> Reason:
        cite = "IHI 0069, GICR_PENDBASER.PTZ"
        enable = self._run("gicr-ctlr")
        if enable is None:
            return Reason("gicr-ctlr", "EnableLPIs was not restored: no pending table is read", (), cite)
        if any(isinstance(effect, PendingTableSkipped) for effect in enable.effects):
            words = "PTZ was written as one, which says that the table is zero: EnableLPIs 0→1 did not read it"
            return Reason("pendbaser", words, (), cite)
        if RAM in self.left_out:
            return Reason(RAM, "guest memory was left out, and the pending table with it", (), cite)
        if intid not in frozenset().union(*enable.before.tables):
            return Reason(RAM, "guest memory came after EnableLPIs 0→1 had read the pending table", (), cite)
        words = "EnableLPIs 0→1 read a pending table elsewhere: GICR_PENDBASER came later, and is then ignored"
        return Reason("pendbaser", words, (), cite)

    def _vmstate_never_there(self, intid: int) -> Reason:
        cite = "arm_gicv3_redist.c"
        if intid not in frozenset().union(*self.done.runs[-1].after.tables if self.done.runs else ()):
            return Reason(RAM, "guest memory was not moved, and the bit is there and nowhere else", (), cite)
        return Reason(VMSTATE_GIC, "GICR_PENDBASER was not moved, so nobody knows where its bit is", (), cite)


def losses(found: Outcome) -> Iterator[Fate]:
    """The fates that are worse than before."""
    return (fate for fate in found.fates if fate.verdict.loss)
