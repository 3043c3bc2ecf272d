"""Memory-mapped accesses in full: checked, by whichever Security state, refused or kept, and told of.

The plain way of the same accesses, where nobody listens and nothing is special, is `Machine.read` and `write`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.gic import effects
from app.gic.effects import Effect
from app.gic.register_file import Place, Write, WritePort, port_key
from app.gic.signal_behaviours import MisalignedAccess
from app.registers import Access, Field, Register

if TYPE_CHECKING:
    from app.gic.machine import Machine

LIMITS = {1: 1 << 8, 2: 1 << 16, 4: 1 << 32, 8: 1 << 64}
"""Bytes of an access to one more than what it can carry."""


class Bus:
    def __init__(self, machine: Machine) -> None:
        self._m = machine
        self._reads = machine.layout.reads
        self._writes = machine.layout.writes

    def _go_on(self) -> None:
        """Time passes between two accesses: an ITS that had more to do than one may cost goes on with it."""
        if self._m.its_unfinished:
            self._m.its.process()

    def read(self, address: int, size: int, cpu: int) -> int:
        self.check_access(address, size, cpu)
        self._go_on()
        self._m.signals.run(cpu)
        port = self._reads.get(port_key(address, size))
        if port is None:
            return self._read_elsewhere(address, size)
        value = self._m.values[port.slot]
        if port.reader is not None:
            value = port.reader(self._m.owners[port.place.owner], port.place)
        if self._m.two_states and not self._m.secure:
            value = self._m.nonsecure.seen(port.place, value)
        value = value >> port.shift & port.mask
        place = port.place
        self._m.tell(effects.RegisterRead(place.register.name, place.shown_cpu, address, size * 8, value))
        return value

    def _read_elsewhere(self, address: int, size: int) -> int:
        try:
            return int.from_bytes(self._m.memory.read(address, size), "little")
        except IndexError:
            if self._splits(address, size):
                parts = [(at, self.read(at, part, 0)) for at, part in _aligned_parts(address, size)]
                return sum(value << 8 * (at - address) for at, value in parts)
            self._ignored(address, size, write=False)
            return 0

    def _splits(self, address: int, size: int) -> bool:
        return bool(address % size) and self._m.impl.misaligned_access is MisalignedAccess.SPLIT

    def write(self, address: int, value: int, size: int, cpu: int, secure: bool) -> None:
        self._m.secure = secure
        self.check_access(address, size, cpu)
        if not 0 <= value < LIMITS[size]:
            raise ValueError(f"value {value:#x} does not fit {size * 8} bits")
        port = self._writes.get(port_key(address, size))
        self._go_on()
        self._m.signals.run(cpu)
        if port is None:
            self._write_elsewhere(address, value, size)
        else:
            self._store(port, value, size)
        self._m.signals.run(cpu)
        self._m.settle()

    def _store(self, port: WritePort, value: int, size: int) -> None:
        """As the fast way of `write`, by whoever may make the access, with somebody listening or not."""
        place = port.place
        register = place.register
        owner = self._m.owners[place.owner]
        view = register.user if self._m.by_userspace and register.user is not None else register
        old = self._m.values[place.slot]
        data = value << port.shift
        lanes = port.lanes
        if self._m.two_states and not self._m.secure:
            lanes &= self._m.nonsecure.lanes(place)
            data = self._m.nonsecure.meant(place, data)
        refused = port.guard(owner, data) if port.guard is not None else ""
        if refused:
            self._m.tell(effects.AccessIgnored(f"{register.name}{_at(place)}", True, refused))
            return
        writable = view.writable & lanes
        new = (old & ~writable | data & writable | data & view.sets & lanes) & ~(data & view.clears & lanes)
        new = register.kept_value(new)
        self._m.values[place.slot] = new
        position = len(self._m.sink) if self._m.sink is not None else 0
        write = Write(place, old, new, lanes, data)
        if port.writer is not None:
            port.writer(owner, write)
        if self._m.sink is not None:
            asked = value << port.shift | old & ~port.lanes
            self._m.sink.insert(position, self._written(port, write, size, asked))

    def _written(self, port: WritePort, write: Write, size: int, asked: int) -> Effect:
        place = port.place
        reads = self.value(place)
        return effects.RegisterWritten(
            place.register.name,
            place.shown_cpu,
            place.address + port.shift // 8,
            size * 8,
            write.old,
            asked,
            self._m.values[place.slot],
            reads,
            self._why_differs(port, write, asked, reads),
            place.register.cite,
        )

    def _why_differs(self, port: WritePort, write: Write, asked: int, reads: int) -> str:
        withheld = port.lanes & ~write.lanes
        if withheld & (asked ^ reads):
            return self._m.nonsecure.refusal(port.place)
        return why_not_kept(port.place.register, asked, reads, port.lanes)

    def value(self, place: Place) -> int:
        port = self._reads.get(port_key(place.address, place.register.width // 8))
        readable = place.register.readable
        value = self._m.values[place.slot]
        if port is not None and port.reader is not None:
            value = port.reader(self._m.owners[place.owner], place)
        if self._m.two_states and not self._m.secure:
            value = self._m.nonsecure.seen(place, value)
        return value & readable

    def _write_elsewhere(self, address: int, value: int, size: int) -> None:
        data = value.to_bytes(size, "little")
        try:
            self._m.memory.write(address, data)
        except IndexError:
            half = self._writes.get(port_key(address, 4))
            if size == 8 and half is not None and half.place.register.name == "GITS_TRANSLATER":
                # A bus of 32 bits splits the store: the register takes its half, the other goes nowhere.
                self._store(half, value & 0xFFFF_FFFF, 4)
                return
            if self._splits(address, size):
                for at, part in _aligned_parts(address, size):
                    self._m.write(at, value >> 8 * (at - address) & LIMITS[part] - 1, part)
                return
            self._ignored(address, size, write=True)
            return
        self._m.tell(effects.MemoryWritten(address, data))

    def _ignored(self, address: int, size: int, *, write: bool) -> None:
        if self._m.sink is None:
            return
        found = self._m.map.at(address)
        if found is None:
            self._m.sink.append(effects.AccessIgnored(hex(address), write, self._nobody(address)))
            return
        register, cpu = found
        if not register.present:
            why = register.why_absent or "not implemented here"
        else:
            takes = ", ".join(str(each * 8) for each in sorted(register.sizes))
            bits = size * 8
            but = f"and {address:#x} is not aligned to {bits}" if address % size else f"not {bits} at {address:#x}"
            why = f"it takes aligned accesses of {takes} bits, {but}"
        name = f"{register.name}@{cpu}" if register.per_cpu else register.name
        self._m.sink.append(effects.AccessIgnored(name, write, why, cite=register.cite))

    def _nobody(self, address: int) -> str:
        """Why no register is at an address."""
        for frame in self._m.map.frames.values():
            offset = address - frame.base
            cpu = offset // frame.stride if frame.stride else 0
            if 0 <= cpu < self._m.cpus and 0 <= offset - cpu * frame.stride < frame.size:
                at = f" of CPU {cpu}" if frame.stride else ""
                return f"reserved in the {frame.title.removesuffix(' frame')} frame{at}"
        return "no device and no RAM answers there"

    def check_access(self, address: int, size: int, cpu: int) -> None:
        if size not in LIMITS:
            raise ValueError(f"size {size}: 1, 2, 4 or 8 bytes")
        if not 0 <= address < 1 << 64:
            raise ValueError(f"address {address:#x}: 0 to 2^64 - 1")
        self._m.check_cpu(cpu)

    def as_userspace(self, address: int, size: int, value: int | None) -> int | None:
        """A device attribute's way to a register: read it (`value` None) or write it; None where there is none."""
        self._m.by_userspace = True
        try:
            if value is None:
                return self._read_as_userspace(address, size)
            port = self._writes.get(port_key(address, size))
            if port is not None:
                self._store(port, value, size)
            return value
        finally:
            self._m.by_userspace = False

    def _read_as_userspace(self, address: int, size: int) -> int | None:
        port = self._reads.get(port_key(address, size))
        if port is None:
            return None
        register = port.place.register
        value = self._m.values[port.slot]
        if port.reader is not None:
            value = port.reader(self._m.owners[port.place.owner], port.place)
        readable = register.user.readable if register.user is not None else register.readable
        return (value & readable) >> port.shift & (1 << size * 8) - 1


def _aligned_parts(address: int, size: int) -> list[tuple[int, int]]:
    """A misaligned access as aligned ones: (address, bytes), each as wide as its address and what is left allow."""
    parts: list[tuple[int, int]] = []
    while size:
        part = min(address & -address, 1 << size.bit_length() - 1)
        parts.append((address, part))
        address += part
        size -= part
        if address >> 64:  # nothing answers beyond the last byte
            break
    return parts


def _at(place: Place) -> str:
    return f"@{place.cpu}" if place.register.per_cpu else ""


def why_not_kept(register: Register, asked: int, reads: int, lanes: int) -> str:
    """Why the register reads differently from what was written, field by field, from the map."""
    if not register.readable:
        return ""
    told = [
        _difference(field, field.extract(asked), field.extract(reads))
        for field in register.fields
        if (asked ^ reads) & lanes & field.mask
    ]
    reserved = lanes & ~sum(field.mask for field in register.fields) & ((1 << register.width) - 1)
    if asked & reserved != reads & reserved:
        told.append("reserved bits are RES0")
    return "; ".join(list(dict.fromkeys(told))[:4])


def _difference(field: Field, asked: int, reads: int) -> str:
    """Why one field does not read as it was written."""
    match field.access:
        case Access.WO:
            return f"{field.name} is write-only and reads as zero"
        case Access.RO:
            return f"{field.name} is read-only"
        case Access.RES0 | Access.RES1:
            return f"{field.name} is {field.access.value}"
        case Access.W1S:
            return "writing 1 sets a bit, writing 0 changes nothing"
        case Access.W1C:
            return "writing 1 clears a bit, writing 0 changes nothing"
    named = next((f" ({each.name})" for each in field.values if each.value == reads), "")
    return f"{field.name} {asked:#x} was kept as {reads:#x}{named}"
