"""The ITS: its registers and its command queue. What a command does is up to its translation.

IHI 0069, "The ITS"; the choices that implementations take differently are asked of `machine.impl`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from app.gic import effects
from app.gic.bounds import COMMAND_WORK, WORK_PER_ACCESS
from app.gic.commands import COMMAND_BYTES, WORDS, decode
from app.gic.heard import Heard
from app.gic.its_behaviours import (
    CbaserWrite,
    CreadrWrite,
    CwriterOutOfRange,
    EnableWithoutTables,
    Quiescent,
    StalledBit,
    StallRestart,
    TranslaterFromCpu,
)
from app.gic.outcome import DONE, Outcome
from app.gic.register_file import Place, Write, on_read, on_write, refuses_write
from app.gic.tables import TableLayouts

if TYPE_CHECKING:
    from app.gic.machine import Machine

ENABLED = 1
QUIESCENT = 1 << 31
VALID = 1 << 63
OFFSET = 0xF_FFE0
STALLED = 1
RETRY = 1
_QUEUE_ADDRESS = 0x000F_FFFF_FFFF_F000
RECENT = 64

Words = tuple[int, int, int, int]
_NO_RAM: Words = (0, 0, 0, 0)


class Translation(Protocol):
    """The ITS's memory of devices, events and collections, and what commands do to it."""

    @property
    def layouts(self) -> TableLayouts:
        """How its entries look in guest RAM, where and when they are there."""
        ...

    def run(self, words: Words) -> Outcome: ...

    def configure(self) -> None:
        """GITS_CTLR.Enabled became one, or state was restored: look at GITS_BASER<n> again."""

    def msi(self, device: int, event: int) -> Outcome: ...

    def base_written(self, index: int) -> None:
        """GITS_BASER<index> was written."""

    def invalidate_all(self, cpu: int) -> None: ...

    def invalidate(self, cpu: int, intid: int) -> None: ...

    def forget_translations(self) -> None: ...

    def mapped_by(self) -> object:
        """Something that is equal as long as nothing was mapped or unmapped, the tables in RAM aside."""

    def snapshot(self) -> object: ...

    def restore(self, state: object) -> None: ...


class Its:
    def __init__(self, machine: Machine, translation: Translation) -> None:
        self._m = machine
        self.translation = translation
        slot = machine.layout.slot
        self._ctlr = slot("GITS_CTLR")
        self._cbaser = slot("GITS_CBASER")
        self._cwriter = slot("GITS_CWRITER")
        self._creadr = slot("GITS_CREADR")
        self._basers = [slot(f"GITS_BASER{n}") for n in range(2)]
        # (slot, command, outcome) of the last commands, for people to look at; not part of the machine's state.
        self.recent: deque[tuple[int, Words, Outcome]] = deque(maxlen=RECENT)

    # -- what the registers say

    @property
    def enabled(self) -> bool:
        return bool(self._m.values[self._ctlr] & ENABLED)

    def baser(self, index: int) -> int:
        return self._m.values[self._basers[index]]

    @property
    def queue_base(self) -> int:
        return self._m.values[self._cbaser] & _QUEUE_ADDRESS

    @property
    def queue_bytes(self) -> int:
        """0 when GITS_CBASER is not Valid."""
        cbaser = self._m.values[self._cbaser]
        return ((cbaser & 0xFF) + 1) * 4096 if cbaser & VALID else 0

    @property
    def creadr(self) -> int:
        return self._m.values[self._creadr]

    @property
    def cwriter(self) -> int:
        return self._m.values[self._cwriter]

    # -- GITS_CTLR

    @on_read("GITS_CTLR")
    def control(self, place: Place) -> int:
        enabled = self._m.values[self._ctlr] & ~QUIESCENT
        rule = self._m.impl.quiescent
        if rule is Quiescent.ALWAYS:
            return enabled | QUIESCENT
        if rule is Quiescent.QUEUE_EMPTY:
            return enabled | (QUIESCENT if self.creadr & OFFSET == self.cwriter & OFFSET else 0)
        return enabled | (0 if enabled & ENABLED else QUIESCENT)

    @refuses_write("GITS_CTLR")
    def cannot_enable(self, data: int) -> str:
        if self.enabled or not data & ENABLED:
            return ""
        missing = [
            name
            for name, slot in (
                ("GITS_CBASER", self._cbaser),
                ("GITS_BASER0", self._basers[0]),
                ("GITS_BASER1", self._basers[1]),
            )
            if not self._m.values[slot] & VALID
        ]
        if missing:
            self._m.chose(self._m.impl.enable_without_tables)
        if not missing or self._m.impl.enable_without_tables is EnableWithoutTables.ACCEPTED:
            return ""
        return f"{' and '.join(missing)} not Valid"

    @on_write("GITS_CTLR")
    def enable(self, write: Write) -> None:
        if write.new & ENABLED:
            self.translation.configure()
        else:
            self.translation.forget_translations()
        self.process()

    # -- the queue's registers

    @refuses_write("GITS_CBASER", "GITS_BASER")
    def table_in_use(self, data: int) -> str:
        if not self.enabled:
            return ""
        self._m.chose(self._m.impl.its_bases_while_enabled)
        return "GITS_CTLR.Enabled is 1: writing now is UNPREDICTABLE, and here it is ignored"

    @on_write("GITS_CBASER")
    def queue_moved(self, write: Write) -> None:
        self._m.values[self._creadr] = 0
        if self._m.impl.cbaser_write is CbaserWrite.CREADR_AND_CWRITER:
            self._m.values[self._cwriter] = 0

    @on_write("GITS_BASER")
    def table_moved(self, write: Write) -> None:
        self.translation.base_written(write.place.index)

    @on_write("GITS_CWRITER")
    def commands_written(self, write: Write) -> None:
        impl = self._m.impl
        values = self._m.values
        if impl.cwriter_out_of_range is CwriterOutOfRange.IGNORED:
            cbaser = values[self._cbaser]
            if write.new & OFFSET >= ((cbaser & 0xFF) + 1) * 4096:
                values[self._cwriter] = write.old
                self._m.chose(impl.cwriter_out_of_range)
                self._m.tell(effects.AccessIgnored("GITS_CWRITER", True, "the offset is beyond the command queue"))
                return
            values[self._cwriter] = write.new & OFFSET
        retry = bool(write.data & RETRY)
        values[self._cwriter] &= ~RETRY
        if not write.lanes & OFFSET:
            if impl.cwriter_out_of_range is CwriterOutOfRange.IGNORED:
                self.process()
            return
        if values[self._creadr] & STALLED and impl.stall_restart is StallRestart.RETRY_BIT:
            if not retry:
                self._m.tell(
                    effects.QueueHeld("it is stalled; write GITS_CWRITER with Retry=1", "IHI 0069, GITS_CWRITER")
                )
                return
            if impl.stalled_bit is StalledBit.ON_RETRY:
                values[self._creadr] &= ~STALLED
        self.process()

    @refuses_write("GITS_CREADR")
    def read_only(self, data: int) -> str:
        if self._m.impl.creadr_write is CreadrWrite.TAKEN or self._m.by_userspace:
            return ""
        return "GITS_CREADR is read-only"

    @on_write("GITS_CREADR")
    def read_pointer_written(self, write: Write) -> None:
        self._m.values[self._creadr] = write.new & ~STALLED

    # -- processing

    def process(self) -> None:
        """Run the commands from CREADR up to CWRITER, while nothing stalls."""
        machine = self._m
        values = machine.values
        machine.its_unfinished = False
        size = (
            self.queue_bytes
            if machine.impl.cwriter_out_of_range is CwriterOutOfRange.NOT_RUN
            else ((values[self._cbaser] & 0xFF) + 1) * 4096
        )
        read = values[self._creadr] & OFFSET
        write = values[self._cwriter] & OFFSET
        if read == write:
            return
        held = self._held(read, write, size)
        if held:
            machine.tell(effects.QueueHeld(held))
            return
        listener = machine.sink
        try:
            stalled = self._run(self.queue_base, read, write, size)
        finally:
            machine.sink = listener
        left = (write - values[self._creadr] & OFFSET) % size // COMMAND_BYTES
        if left and not stalled:
            machine.its_unfinished = True
            if listener is not None:
                listener.result(effects.QueueUnfinished(left))
        if not stalled and machine.impl.stalled_bit is StalledBit.ON_RETRY:
            values[self._creadr] &= ~STALLED

    def _run(self, base: int, read: int, write: int, size: int) -> bool:
        """Run the commands between two offsets into the queue; says whether it stalled. GITS_CREADR follows.

        Not more than WORK_PER_ACCESS; and once the listener has heard EFFECTS_PER_STEP, nothing is told of the others.
        """
        machine = self._m
        fetch, run, recent = machine.ram.four_u64, self.translation.run, self.recent
        stalled = False
        listener, untold, ignored = machine.sink, 0, 0
        machine.batch += 1
        enough = machine.work + WORK_PER_ACCESS
        while read != write and not stalled and machine.work < enough:
            machine.work += COMMAND_WORK
            try:
                words = fetch(base + read)
            except IndexError:
                words = _NO_RAM
            outcome = run(words)
            recent.append((read // COMMAND_BYTES, words, outcome))
            if machine.sink is not None:
                self._tell(machine.sink, read // COMMAND_BYTES, words, outcome)
                if machine.sink.full:
                    machine.sink = None
            elif listener is not None:
                untold += 1
                ignored += outcome.state == "ignored"
            if outcome is not DONE:
                if outcome.bad_command:
                    machine.chose(machine.impl.command_errors)
                stalled = outcome.state == "stalled"
            if not stalled:
                read = (read + COMMAND_BYTES) % size
        creadr = machine.values[self._creadr]
        machine.values[self._creadr] = creadr & ~OFFSET | read | (STALLED if stalled else 0)
        if listener is not None and untold:
            listener.result(effects.CommandsRun(untold, ignored))
        return stalled

    def _held(self, read: int, write: int, size: int) -> str:
        if not self.enabled:
            return "GITS_CTLR.Enabled is 0"
        if not size:
            return "GITS_CBASER is not Valid"
        if write >= size:
            self._m.chose(self._m.impl.cwriter_out_of_range)
            return f"GITS_CWRITER {write:#x} is beyond the queue of {size:#x} bytes"
        return f"GITS_CREADR {read:#x} is beyond the queue of {size:#x} bytes" if read >= size else ""

    def _tell(self, sink: Heard, slot: int, words: Words, outcome: Outcome) -> None:
        command = decode(WORDS.pack(*words))
        cite = "IHI 0069, ITS commands"
        sink.result(effects.CommandRun(slot, command.name, command.text, outcome.state, outcome.error, cite))

    # -- MSIs

    @on_write("GITS_TRANSLATER")
    def store_to_translater(self, write: Write) -> None:
        """A CPU's own store (no DeviceID beside it)."""
        self._m.values[write.place.slot] = 0
        if not write.lanes & 1:  # a halfword beside the EventID's is no write to GITS_TRANSLATER
            return
        self._m.chose(self._m.impl.translater_from_cpu)
        if self._m.impl.translater_from_cpu is TranslaterFromCpu.DEVICE_ZERO:
            self.msi(0, write.new & write.lanes)

    def msi(self, device: int, event: int) -> Outcome:
        """A device's write to GITS_TRANSLATER."""
        if not self.enabled:
            self._m.tell(effects.MsiRefused(device, event, "GITS_CTLR.Enabled is 0", cite="IHI 0069, GITS_CTLR"))
            return Outcome("ignored", "GITS_CTLR.Enabled is 0")
        outcome = self.translation.msi(device, event)
        if outcome.state != "done":
            self._m.tell(effects.MsiRefused(device, event, outcome.error))
        return outcome

    # -- configuration caches, for the Redistributors' own registers

    def invalidate(self, cpu: int, intid: int) -> None:
        self.translation.invalidate(cpu, intid)

    def invalidate_all(self, cpu: int) -> None:
        self.translation.invalidate_all(cpu)

    def forget_translations(self) -> None:
        self.translation.forget_translations()

    @staticmethod
    def guarded(action: Callable[[], None]) -> None:
        """Do it; an address with no RAM behind it makes it a no-op."""
        try:
            action()
        except IndexError:
            return
