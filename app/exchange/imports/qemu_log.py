"""QEMU's trace of its GICv3 as steps: every access, command, MSI and wire in order, and what QEMU answered.

What QEMU prints before an operation's effects and what after them is told in app.exchange.qemu_replay. The trace shows
no writes to guest RAM; they are inferred where it shows that they must have been there (see `GuestRam`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from app.exchange.imports.guest_ram import GuestRam
from app.exchange.imports.pieces import Bad, Fact, Format, Options, Other, Piece, Row, Seen, Steps, need_cpu
from app.exchange.imports.places import NotHere, Places
from app.exchange.qemu_events import (
    BusAccess,
    CollectionEntry,
    CommandOperands,
    CommandStarted,
    DeviceEntry,
    Event,
    Hppi,
    InterruptEntry,
    MsiWritten,
    SgiGenerated,
    SgiPending,
    Signalled,
    SystemAccess,
    WireChanged,
)
from app.exchange.qemu_replay import packet, sgi1r
from app.exchange.qemu_trace import event_name, parse_event
from app.gic.commands import COMMAND_BYTES, COMMANDS
from app.gic.machine import MAX_CPUS
from app.scenario.operations import (
    Ack,
    Eoi,
    Expect,
    Irq,
    Its,
    LastValue,
    Msi,
    Operation,
    Poke,
    Read,
    RegisterRef,
    Relation,
    Write,
)
from app.scenario.scenario import MachineSpec

SPIS = 256
CPUS = re.compile(r"(?:redistributor |i/f |\bcpu(?:id)?(?: = | |=))(0x[0-9a-f]+|[0-9]{1,9})\b")
GITS_CBASER, GITS_CWRITER = 0x80, 0x88
ACKNOWLEDGE, END = "ICC_IAR1_EL1", "ICC_EOIR1_EL1"
# The two lines that QEMU prints most, four in five of a log: read without an Event for each.
BEST = re.compile(
    r"(?:.*?[\s:])??gicv3_cpuif_(?:update GICv3 CPU i/f 0x([0-9a-f]+) HPPI update: irq (\d+) group (\d) prio (\d+)"
    r"|set_irqs GICv3 CPU i/f 0x([0-9a-f]+) HPPI update: setting FIQ ([01]) IRQ ([01]))$"
)
# Traced, but of what this machine has not: the virtual CPU interface, and the vPE table.
ELSEWHERE = re.compile(r"gicv3_(?:ic[hv]_|cpuif_virt_|its_vte_)|gicv3_\w+_fault$")


def detect(text: str) -> bool:
    """Whether a line is of a GICv3 trace event."""
    return "gicv3_" in text and event_name(text) != ""


def survey(lines: list[str]) -> MachineSpec:
    """QEMU's virt board with as many CPUs as the first lines name."""
    cpus = 1
    for text in lines:
        if found := CPUS.search(text):
            cpus = max(cpus, min(_cpu(int(found.group(1), 0)) + 1, MAX_CPUS))
    return MachineSpec("qemu", cpus, SPIS)


def read(rows: Iterable[Row], spec: MachineSpec, options: Options) -> Iterator[Piece]:
    """The pieces of a log."""
    reader = _Reader(spec, options)
    for number, text in rows:
        yield from reader.feed(number, text)
    yield from reader.settle()


def _cpu(affinity: int) -> int:
    return (affinity >> 8 & 0xFF) * 16 + (affinity & 0xFF)


class _Reader:
    """Holds an operation that QEMU prints before its effects until the next one, as TraceReplay does."""

    def __init__(self, spec: MachineSpec, options: Options) -> None:
        self.spec = spec
        self.places = Places(spec)
        self.ram = GuestRam(spec, self.places, options.guest)
        self.held: tuple[int, Event] | None = None
        self.started = CommandStarted(0, 0)
        self.slot: int | None = None  # where this scenario's next command goes
        self.best: dict[int, tuple[int, tuple[int, int, int] | None]] = {}
        self.seen: dict[int, Seen] = {}
        self.entries: list[DeviceEntry | CollectionEntry | InterruptEntry] = []

    def feed(self, number: int, text: str) -> Iterable[Piece]:
        try:
            if match := BEST.match(text):
                self._told(number, match)
                return ()
            event = parse_event(text)
            if event is None:
                return (self._unread(number, text),)
            return self._event(number, event)
        except NotHere as error:
            return (Fact(number, str(error)),)
        except ValueError as error:
            return (Bad(number, text, str(error)),)

    def _unread(self, number: int, text: str) -> Piece:
        name = event_name(text)
        if not name:
            return Other(number, text)
        if ELSEWHERE.match(name):
            return Fact(number, f"{name}: not in this machine")
        return Bad(number, text, f"{name} with arguments that cannot be read: cut off, or of another QEMU")

    def _told(self, number: int, match: re.Match[str]) -> None:
        update, intid, group, priority, cpuif, fiq, irq = match.groups()
        if update:
            wanted = None if priority == "255" else (int(intid), int(group), int(priority))
            self._best(number, _cpu(int(update, 16)), wanted)
        else:
            self._signalled(number, _cpu(int(cpuif, 16)), fiq == "1" or irq == "1")

    # QEMU tells a state in two lines: the best interrupt, and then whether it is signalled.

    def _best(self, number: int, cpu: int, wanted: tuple[int, int, int] | None) -> None:
        self.best[self._checked(cpu)] = (number, wanted)
        if wanted is not None and wanted[0] >= 8192:
            self.ram.signalled(*wanted)

    def _signalled(self, number: int, cpu: int, signalled: bool) -> None:
        if self._checked(cpu) in self.best:
            self.seen[cpu] = Seen(number, cpu, self.best[cpu][1], signalled)

    def _event(self, number: int, event: Event) -> Iterable[Piece]:
        match event:
            case DeviceEntry() | CollectionEntry() | InterruptEntry():
                if len(self.entries) < 64:
                    self.entries.append(event)
                return ()
            case Hppi():
                self._best(number, event.cpu, event.interrupt)
                return ()
            case Signalled():
                self._signalled(number, event.cpu, event.fiq or event.irq)
                return ()
            case SgiPending():
                return ()
            case CommandStarted():
                pieces = self.settle()
                self.started = event
                return pieces
            case BusAccess() | SystemAccess(write=False):
                self._check(event)
                return self.settle(number, event)
            case _:
                self._check(event)
                pieces = self.settle()
                self.held = (number, event)
                return pieces

    def settle(self, number: int = 0, over: BusAccess | SystemAccess | None = None) -> tuple[Piece, ...]:
        """What is held, then what is `over`, what guest RAM must have held before, and what QEMU says came of it."""
        pieces: list[Piece] = []
        held, self.held = self.held, None
        if held is not None:
            pieces += self.ram.before(held[0], held[1], self.entries)
            pieces.append(Steps(held[0], self._held(held[1])))
        elif over is not None:
            pieces += self.ram.before(number, over, self.entries)
        if isinstance(over, BusAccess):
            pieces += self._bus(number, over)
        elif over is not None:
            pieces.append(Steps(number, self._system_read(over)))
        pieces += self.seen.values()
        self.best.clear()
        self.seen.clear()
        self.entries.clear()
        return tuple(pieces)

    # -- one operation each

    def _bus(self, number: int, access: BusAccess) -> tuple[Piece, ...]:
        self.ram.note(access)
        if not access.write:
            read = self.places.read(access.frame, access.cpu, access.offset, access.size)
            return (Steps(number, (read, Expect(LastValue(), Relation.EQUAL, access.value))),)
        if access.frame == "GITS" and access.offset == GITS_CBASER:
            self.slot = 0
        elif access.frame == "GITS" and access.offset == GITS_CWRITER:
            if not self.ram.queue()[0]:
                return (Fact(number, "GITS_CWRITER of a queue that was set up before the log begins"),)
            self.slot = access.value // COMMAND_BYTES
        write = self.places.write(access.frame, access.cpu, access.offset, access.size, access.value)
        return (*self.ram.resets(number, access), Steps(number, (write,)))

    def _system_read(self, access: SystemAccess) -> tuple[Operation, ...]:
        cpu, answered = access.cpu, Expect(LastValue(), Relation.EQUAL, access.value)
        if access.register == ACKNOWLEDGE:
            return (Ack(cpu), answered)
        return (Read(RegisterRef(self.places.system(access.register), cpu)), answered)

    def _check(self, event: Event) -> None:
        """ValueError where a line that was read is of nothing that this machine has."""
        match event:
            case BusAccess() | SystemAccess():
                self._check_access(event)
            case SgiGenerated() if event.intid > 15 or event.targets >> 16 or event.affinity >> 24:
                raise ValueError(f"no SGI: INTID {event.intid}, targets {event.targets:#x}")
            case SgiGenerated():
                self._checked(event.cpu)
            case WireChanged():
                self._checked(event.cpu or 0)
                first, end = (16, 32) if event.cpu is not None else (32, 32 + self.spec.spis)
                if not first <= event.intid < end:
                    raise ValueError(f"INTID {event.intid} has no wire here: {first} to {end - 1}")
            case MsiWritten() if event.event >> 32 or event.device >> 32:
                raise ValueError(f"EventID {event.event:#x} of DeviceID {event.device:#x}: both have 32 bits")
            case CommandOperands():
                packet(event, self.started.opcode)
                if not self.ram.queue()[0] and not _spoken(event):
                    raise ValueError("an ITS command, and where its queue is cannot be told: no write of GITS_CBASER")

    def _check_access(self, access: BusAccess | SystemAccess) -> None:
        self._checked(access.cpu)
        if isinstance(access, SystemAccess):
            self.places.system(access.register)
            if access.value >> 64:
                raise ValueError(f"{access.register} has 64 bits, not {access.value.bit_length()}")
            if access.write:
                self.ram.touched.add(access.cpu)
            return
        if access.size not in (1, 2, 4, 8) or access.value >> access.size * 8:
            raise ValueError(f"an access of {access.size} bytes with {access.value:#x}")
        self.places.read(access.frame, access.cpu, access.offset, access.size)

    def _held(self, event: Event) -> tuple[Operation, ...]:
        match event:
            case SystemAccess(register=register, cpu=cpu, value=value):
                if register == END and value < 1 << 24:
                    return (Eoi(cpu, value),)
                return (Write(RegisterRef(register, cpu), value),)
            case SgiGenerated():
                return (Write(RegisterRef("ICC_SGI1R_EL1", event.cpu), sgi1r(event)),)
            case WireChanged():
                return (Irq(event.intid, int(event.level), event.cpu),)
            case MsiWritten():
                return (Msi(event.device, event.event),)
        assert isinstance(event, CommandOperands)
        return self._command(event)

    def _command(self, command: CommandOperands) -> tuple[Operation, ...]:
        """As `its` where that puts it into the slot that QEMU read it from, else into that slot by hand."""
        slots, base = self.ram.queue()
        slot, self.slot = self.slot, (self.started.slot + 1) % slots if slots else None
        if _spoken(command) and (not slots or slot == self.started.slot):
            return (Its(command.name, _operands(command)),)
        address = base + self.started.slot % slots * COMMAND_BYTES
        after = (self.started.slot + 1) % slots * COMMAND_BYTES
        if not self.ram.is_ram(address):
            return (Its(command.name, _operands(command)),) if _spoken(command) else ()
        put = Poke(address, packet(command, self.started.opcode))
        return (put, self.places.write("GITS", 0, GITS_CWRITER, 8, after))

    def _checked(self, cpu: int) -> int:
        return need_cpu(self.spec, cpu)


def _spoken(command: CommandOperands) -> bool:
    """Whether the language has this command."""
    return command.name in COMMANDS


def _operands(command: CommandOperands) -> tuple[tuple[str, int], ...]:
    """As the language writes them; what QEMU does not print is 0, it does not look at it either."""
    told = dict(command.operands)
    if told.get("valid") == 1:
        del told["valid"]
    elif told.get("valid") == 0:
        told = {name: value for name, value in told.items() if name in ("device", "collection", "valid")}
    for operand in COMMANDS[command.name].operands:
        if operand.name not in told and operand.default is None:
            told[operand.name] = 0
    return tuple(told.items())


FORMAT = Format(
    "qemu-trace",
    "QEMU trace log",
    "gicv3_redist_write GICv3 redistributor 0x0 write: offset 0x70 data 0x421a078f size 8 secure 0",
    detect,
    read,
    survey,
)
