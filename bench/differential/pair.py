"""One scenario on our model of QEMU and on a real one, and the first thing that they do not agree on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from app.engines.qemu import QemuMachine
from app.exchange.qtest import SPIS
from app.gic import Machine
from app.gic.memory import PAGE, RAM_BASE, GuestMemory
from app.scenario.operations import Expect, Memory, Operation, Relation
from app.scenario.player import Player, Step
from app.scenario.runner import answer
from app.scenario.scenario import MachineSpec

OUR_LISTENING, OUR_QUIET = "our model, told of effects", "our model"
ZEROS = bytes(PAGE)
ROW = 16  # bytes of RAM that a difference shows

Build = Callable[[MachineSpec], Machine]


@dataclass(frozen=True, slots=True)
class Difference:
    """At operation `at` (from 0; the number of operations: RAM at the end) one of ours did not answer as the real one.

    `shows` is an operation that reads what differs, where the one at `at` does not show it itself; `kind` is "answer",
    "hppi" or "ram".
    """

    at: int
    what: str
    side: str
    ours: str
    real: str
    shows: Operation | None = None
    kind: str = "answer"

    def __str__(self) -> str:
        return f"{self.what}\n  {self.side}: {self.ours}\n  real QEMU: {self.real}"


def build_ours(spec: MachineSpec) -> Machine:
    """Our model of the board that a live QEMU is."""
    return Machine("qemu", cpus=spec.cpus, spis=SPIS, its=spec.its, ram_mib=spec.ram_mib)


class Pair:
    """Plays scenarios on both. A QEMU is started for each shape of machine, and reset between scenarios."""

    def __init__(self, build: Build = build_ours) -> None:
        self._build = build
        self._running: dict[tuple[int, int, bool], QemuMachine] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for machine in self._running.values():
            machine.close()

    def real(self, spec: MachineSpec) -> QemuMachine:
        """A real one as from reset, RAM all zero."""
        key = spec.cpus, spec.ram_mib, spec.its
        found = self._running.get(key)
        if found is None:
            found = self._running[key] = QemuMachine(spec.cpus, spec.ram_mib, its=spec.its, trace=True)
        else:
            found.reset()
        return found

    def difference(self, spec: MachineSpec, operations: Sequence[Operation], *, ram: bool = True) -> Difference | None:
        """The first one: in answers, in highest priority pending interrupts, or (with `ram`) in RAM at the end."""
        spec = replace(spec, implementation="qemu", spis=SPIS)
        real = Player(spec, self.real(spec))
        told, quiet = Player(spec, self._build(spec)), Player(spec, self._build(spec))
        for at, operation in enumerate(operations):
            step = real.apply(operation)
            found = _first(at, step, ((OUR_LISTENING, told.apply(operation), told), (OUR_QUIET, None, quiet)), real)
            if found is not None:
                return found
        if not ram:
            return None
        assert isinstance(real.machine, QemuMachine)
        image = real.machine.ram_image()
        for side, player in ((OUR_LISTENING, told), (OUR_QUIET, quiet)):
            found = _ram(len(operations), side, player.machine, image)
            if found is not None:
                return found
        return None


def _first(at: int, step: Step, ours: Sequence[tuple[str, Step | None, Player]], real: Player) -> Difference | None:
    for side, our_step, player in ours:
        if our_step is not None:
            mine, theirs = answer(our_step), answer(step)
        else:
            mine = _value(_advanced(player, step.op))
            theirs = _value(step.value)
        if mine != theirs:
            return Difference(at, step.text, side, mine or "nothing", theirs or "nothing")
        for cpu in range(player.machine.cpus):
            best, wanted = player.machine.hppi(cpu), real.machine.hppi(cpu)
            if best != wanted:
                what = f"{step.text}: highest priority pending interrupt of CPU {cpu} (INTID, group, priority)"
                return Difference(at, what, side, str(best), str(wanted), kind="hppi")
    return None


def _advanced(player: Player, operation: Operation) -> int | None:
    """What was read, by a player that nobody listens to: programs use a machine so, it takes other ways through it."""
    player.last = None
    player.advance(operation)
    return player.last


def _value(value: int | None) -> str:
    return "" if value is None else f"{value:#x}"


def _ram(at: int, side: str, machine: Machine, image: bytes) -> Difference | None:
    memory = machine.memory
    assert isinstance(memory, GuestMemory)
    written = set(memory.written_pages())
    for page in range(RAM_BASE, RAM_BASE + len(image), PAGE):
        real = image[page - RAM_BASE : page - RAM_BASE + PAGE]
        ours = memory.read(page, PAGE) if page in written else ZEROS
        if ours != real:
            return _ram_row(at, side, page, ours, real)
    return None


def _ram_row(at: int, side: str, page: int, ours: bytes, real: bytes) -> Difference:
    """The first row of this page that differs."""
    start = next(row for row in range(0, PAGE, ROW) if ours[row : row + ROW] != real[row : row + ROW])
    mine, theirs = ours[start : start + ROW], real[start : start + ROW]
    shows = Expect(Memory(page + start, ROW), Relation.EQUAL, theirs)
    return Difference(at, f"RAM at {page + start:#x} at the end", side, mine.hex(" "), theirs.hex(" "), shows, "ram")
