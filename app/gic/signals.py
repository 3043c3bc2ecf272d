"""Which interrupt a CPU interface sees: worked out directly from the state of the GIC.

IHI 0069, "Interrupt prioritization"; arm_gicv3.c: gicv3_update_noirqset, gicv3_redist_update_noirqset. Equal
priorities: the lowest INTID wins (IMPLEMENTATION DEFINED).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from app.gic.lpi import FIRST_LPI, Candidate
from app.gic.routing import one_of_n, spi_target
from app.gic.wired import PRIVATE

if TYPE_CHECKING:
    from app.gic.cpu_interface import CpuInterface
    from app.gic.machine import Machine

ENABLE_GRP0 = 1
ENABLE_GRP1 = 2
ENABLE_GRP1_S = 4
IDLE = 0xFF


class Signals(Protocol):
    """How interrupts reach a CPU interface and leave it."""

    def mark(self, cpu: int | None = None) -> None:
        """State changed that may change what this CPU (None: any) sees."""

    def best(self, cpu: int) -> Candidate | None:
        """Highest priority pending interrupt that is forwarded to this CPU, before PMR and running priority."""

    def activate(self, cpu: int, candidate: Candidate) -> None:
        """It was acknowledged."""

    def end(self, interface: CpuInterface, intid: int, group: int) -> str:
        """A write to ICC_EOIR<group>: drop the priority and, with EOImode=0, deactivate; says what it did."""

    def deactivate(self, interface: CpuInterface, intid: int) -> str:
        """A write to ICC_DIR; says what it did."""

    def run(self, cpu: int) -> None:
        """This CPU executed an instruction."""

    def snapshot(self) -> object: ...

    def restore(self, state: object) -> None: ...


class DirectSignals:
    def __init__(self, machine: Machine) -> None:
        self._m = machine
        self._stale = [True] * machine.cpus
        self._best: list[Candidate | None] = [None] * machine.cpus

    def mark(self, cpu: int | None = None) -> None:
        if cpu is None:
            self._stale = [True] * len(self._stale)
        else:
            self._stale[cpu] = True

    def best(self, cpu: int) -> Candidate | None:
        if self._stale[cpu]:
            self._stale[cpu] = False
            self._best[cpu] = self._work_out(cpu)
        return self._best[cpu]

    def _work_out(self, cpu: int) -> Candidate | None:
        enables = self._m.gicd_ctlr()
        if not enables & (ENABLE_GRP0 | ENABLE_GRP1 | ENABLE_GRP1_S):
            return None
        found = self._private(cpu, enables)
        found += self._spis(cpu, enables)
        if enables & ENABLE_GRP1:
            lpi = self._m.lpi_home.best(cpu)
            if lpi is not None:
                found.append(lpi)
        return min(found, default=None)

    def _deliverable(self, word: int, cpu: int, enables: int) -> int:
        wired = self._m.wired
        pending = wired.pending_word(word, cpu) & wired.word("enable", word, cpu)
        if not pending:
            return 0
        pending &= ~wired.word("active", word, cpu)
        forwarded = 0
        for group, mask in enumerate(wired.group_words(word, cpu)):
            if enables >> group & 1:
                forwarded |= mask
        return pending & forwarded & 0xFFFF_FFFF

    def _private(self, cpu: int, enables: int) -> list[Candidate]:
        return self._candidates(0, self._deliverable(0, cpu, enables), cpu)

    def _spis(self, cpu: int, enables: int) -> list[Candidate]:
        found: list[Candidate] = []
        for word in range(1, self._m.wired.words):
            bits = self._deliverable(word, cpu, enables)
            if bits:
                found += [each for each in self._candidates(word, bits, cpu) if spi_target(self._m, each.intid) == cpu]
        return found

    def _candidates(self, word: int, bits: int, cpu: int) -> list[Candidate]:
        found: list[Candidate] = []
        wired = self._m.wired
        while bits:
            bit = (bits & -bits).bit_length() - 1
            bits &= bits - 1
            priority = wired.priority(word * 32 + bit, cpu)
            if priority != IDLE:
                found.append(Candidate(priority, word * 32 + bit, wired.group(word * 32 + bit, cpu)))
        return found

    def activate(self, cpu: int, candidate: Candidate) -> None:
        intid = candidate.intid
        if self._m.watched:
            if self._ties(cpu, candidate):
                self._m.chose(self._m.impl.tie_break)
            if PRIVATE <= intid < FIRST_LPI and one_of_n(self._m, intid):
                self._m.chose(self._m.impl.one_of_n)
        if intid >= FIRST_LPI:
            self._m.lpi_home.acknowledge(cpu, intid)
        else:
            before = self._m.story.look(intid, cpu)
            self._m.wired.put("active", intid, cpu, True)
            self._m.wired.put("pending", intid, cpu, False)
            self._m.story.since(intid, cpu, before, f"acknowledged by CPU {cpu}")
        self.mark(cpu if intid < PRIVATE or intid >= FIRST_LPI else None)

    def _ties(self, cpu: int, winner: Candidate) -> bool:
        """Whether another SGI, PPI or SPI was pending at the same priority."""
        enables = self._m.gicd_ctlr()
        found = self._private(cpu, enables) + self._spis(cpu, enables)
        return any(each.priority == winner.priority and each.intid != winner.intid for each in found)

    def end(self, interface: CpuInterface, intid: int, group: int) -> str:
        if intid >= self._m.wired.limit and intid < FIRST_LPI:
            return "ignored: no such interrupt"
        if intid < FIRST_LPI and not self._m.wired.bit("active", intid, interface.cpu):
            self._m.chose(self._m.impl.wrong_end)
        if interface.highest_active_group() != group:
            return "ignored: it is not the group of the highest active priority"
        interface.drop_priority(group)
        if interface.eoi_split:
            return "priority drop (ICC_CTLR_EL1.EOImode=1: ICC_DIR_EL1 deactivates)"
        self._deactivate(interface.cpu, intid)
        return "priority drop and deactivation" if intid < FIRST_LPI else "priority drop (an LPI has no active state)"

    def deactivate(self, interface: CpuInterface, intid: int) -> str:
        if intid >= self._m.wired.limit:
            return "ignored: no such interrupt with an active state"
        if not interface.eoi_split:
            return "ignored: ICC_CTLR_EL1.EOImode is 0"
        self._deactivate(interface.cpu, intid)
        return "deactivated"

    def _deactivate(self, cpu: int, intid: int) -> None:
        if intid < self._m.wired.limit:
            before = self._m.story.look(intid, cpu)
            self._m.wired.put("active", intid, cpu, False)
            self._m.story.since(intid, cpu, before, "deactivated")
            self.mark(cpu if intid < PRIVATE else None)

    def run(self, cpu: int) -> None:
        return None

    def snapshot(self) -> object:
        return None

    def restore(self, state: object) -> None:
        self.mark()
