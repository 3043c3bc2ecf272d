"""Values that stand at addresses: registers of a frame become what makes them so, RAM becomes pokes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from app.exchange.imports.pieces import MIB, Fact, Options, Piece, Steps, reach
from app.exchange.imports.places import Places
from app.gic.memory import RAM_BASE
from app.registers import Register
from app.scenario.operations import Expect, Operation, Poke, RegisterRef, Relation, Write
from app.scenario.parse import MOST_RAM_MIB
from app.scenario.scenario import MachineSpec

FRAME_BYTES = 0x1_0000
LONGEST_POKE = 4096
RAM_MARGIN = 64 * MIB  # what `reach` leaves beside a table
# Written when everything else is: what they enable, the tables are locked and the queue runs.
LAST = ("GICR_CTLR", "GITS_CTLR", "GICD_CTLR")
# Writing the value that was read would undo it (IC…), move the queue, or do something once.
NOT_WRITTEN = (
    "_ICENABLER", "_ICPENDR", "_ICACTIVER", "_CWRITER", "_SGIR", "_SETSPI_NSR", "_CLRSPI_NSR", "_SETSPI_SR",
    "_CLRSPI_SR", "_SETLPIR", "_CLRLPIR", "_INVLPIR", "_INVALLR", "_SYNCR",
)  # fmt: skip
KNOWN = (("GICD", "GICD"), ("GITS", "GITS"), ("GICR", "RD"))


@dataclass(frozen=True, slots=True)
class _Half:
    line: int
    register: Register
    cpu: int
    low: int


class Dumped:
    """Takes values in the order of the dump and tells what they make of a machine that is fresh from reset.

    Where the first address is none of this machine's, `options.base` says where it is here.
    """

    def __init__(self, spec: MachineSpec, options: Options) -> None:
        self.spec = spec
        self.base = options.base
        self.places = Places(spec)
        self.first: int | None = None
        self.half: _Half | None = None
        self.late: list[tuple[int, tuple[Operation, ...]]] = []
        self.run: tuple[int, int, bytearray] | None = None
        self.last = 1
        self.told = False

    def word(self, line: int, address: int, size: int, value: int) -> Iterator[Piece]:
        """A value of `size` bytes. ValueError: nothing of this machine is there."""
        here = self._here(address)
        if self._is_ram(here):
            yield from self.bytes(line, address, value.to_bytes(size, "little"))
            return
        yield from self._end_run()
        found = self.places.map.at(here)
        if found is None:
            if not self._is_frame(here):
                raise ValueError(self._nowhere(address))
            yield Fact(line, f"{here:#x} = {value:#x}: no register is there" if value else "")
            return
        register, cpu = found
        start = self.places.map.address(register, cpu)
        yield from self._register(line, register, cpu, here - start, size, value)

    def bytes(self, line: int, address: int, data: bytes) -> Iterator[Piece]:
        """Bytes in memory order: of RAM as they are, of a frame as 32-bit words."""
        here = self._here(address)
        if not self._is_ram(here):
            if here % 4 or len(data) % 4:
                raise ValueError(f"{len(data)} bytes at {here:#x}: registers are read as words of 4 bytes")
            for at in range(0, len(data), 4):
                yield from self.word(line, address + at, 4, int.from_bytes(data[at : at + 4], "little"))
            return
        if here + len(data) > RAM_BASE + MOST_RAM_MIB * MIB - RAM_MARGIN:
            raise ValueError(f"{here:#x} is beyond the RAM that a machine can have, {MOST_RAM_MIB} MiB")
        reach(self.spec, here + len(data))
        if self.run is not None and self.run[1] + len(self.run[2]) == here and len(self.run[2]) < LONGEST_POKE:
            self.run[2].extend(data)
            yield Fact(line)
            return
        yield from self._end_run()
        self.run = (line, here, bytearray(data))
        if not self.told and self.base is None:
            self.told = True
            yield Fact(line, f"{here:#x} is RAM here; if it is a frame there, its base says where it is here")

    def end(self) -> Iterator[Piece]:
        """What was put off."""
        yield from self._end_run()
        yield from self._end_half()
        for line, operations in self.late:
            name = getattr(operations[0], "target", "")
            yield Steps(self.last, operations, f"{name} of line {line}, written last: what it enables locks others")
        self.late.clear()

    def _here(self, address: int) -> int:
        if self.first is None:
            self.first = address
        if self.base is None:
            return address
        return self.base + address - self.first // FRAME_BYTES * FRAME_BYTES

    def _is_ram(self, address: int) -> bool:
        return address >= RAM_BASE

    def _is_frame(self, address: int) -> bool:
        """Whether a frame of this machine is there."""
        frames = self.places.map.frames.values()
        return any(each.base <= address < each.base + each.size for each in frames if not each.stride) or any(
            each.base <= address < each.base + each.stride * self.spec.cpus for each in frames if each.stride
        )

    def _nowhere(self, address: int) -> str:
        frames = self.places.map.frames
        known = ", ".join(f"{name} {frames[key].base:#x}" for name, key in KNOWN if key in frames)
        return f"nothing of this machine is at {address:#x} ({known}, RAM {RAM_BASE:#x}); its base says where it begins"

    def _register(self, line: int, register: Register, cpu: int, offset: int, size: int, value: int) -> Iterator[Piece]:
        if register.width == 64 and size == 4:
            half, self.half = self.half, None
            if offset == 0:
                if half is not None:
                    yield from self._tell(half.line, half.register, half.cpu, half.low)
                self.half = _Half(line, register, cpu, value)
                yield Fact(line)
                return
            if half is not None and (half.register, half.cpu) == (register, cpu):
                yield from self._tell(line, register, cpu, value << 32 | half.low)
                return
            yield Fact(line, f"{register.name}: its upper half alone says nothing")
            return
        yield from self._end_half()
        if offset or size * 8 != register.width:
            yield Fact(line, f"{register.name}: {size} bytes at offset {offset} of it")
            return
        yield from self._tell(line, register, cpu, value)

    def _end_half(self) -> Iterator[Piece]:
        half, self.half = self.half, None
        if half is not None:
            yield Fact(half.line, f"{half.register.name}: its lower half alone says nothing")

    def _end_run(self) -> Iterator[Piece]:
        run, self.run = self.run, None
        if run is None:
            return
        line, address, data = run
        operations = tuple(_pokes(address, bytes(data)))
        yield Steps(line, operations) if operations else Fact(line)

    def _tell(self, line: int, register: Register, cpu: int, value: int) -> Iterator[Piece]:
        self.last = line
        reference = RegisterRef(register.name, cpu if register.per_cpu else None)
        expect = Expect(reference, Relation.EQUAL, value)
        if not _is_written(register) or value == register.reset:
            yield Steps(line, (expect,))
        elif register.name in LAST:
            self.late.append((line, (Write(reference, value), expect)))
            yield Fact(line)
        else:
            yield Steps(line, (Write(reference, value), expect))


def _is_written(register: Register) -> bool:
    return bool(register.writable or register.sets) and not register.stem.endswith(NOT_WRITTEN)


def _pokes(address: int, data: bytes) -> Iterator[Poke]:
    """Pokes of what is not zero, in runs."""
    at = 0
    while at < len(data):
        if not data[at]:
            at += 1
            continue
        end = at
        while end < len(data) and end - at < LONGEST_POKE and data[end : end + 8].strip(b"\0"):
            end += 1
        yield Poke(address + at, data[at:end])
        at = end
