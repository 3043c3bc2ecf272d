"""A QEMU trace played on a Machine: every recorded answer, table entry and pending interrupt is compared.

QEMU prints some lines after their effects and some before (see `TraceReplay`), and no writes to guest RAM at all: the
commands in the ITS's queue are rebuilt from what QEMU says that it ran, the rest is up to a `Guest`.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from app.exchange.qemu_events import (
    BusAccess,
    CollectionEntry,
    CommandOperands,
    CommandStarted,
    DeviceEntry,
    Hppi,
    InterruptEntry,
    MsiWritten,
    SgiGenerated,
    SgiPending,
    Signalled,
    SystemAccess,
    WireChanged,
)
from app.exchange.qemu_tables import ADDRESS_51_12, ENTRY_BYTES, QemuTables
from app.exchange.qemu_trace import TraceLine
from app.gic import Machine
from app.gic.commands import COMMAND_BYTES, COMMANDS, encode

GITS_CWRITER = 0x88
GICR_WAKER = 0x14
PROCESSOR_SLEEP = 1 << 1
GICR_PROPBASER = 0x70
FIRST_LPI = 8192


@dataclass(frozen=True, slots=True)
class Difference:
    """A line of the trace that the machine does not agree with."""

    line: TraceLine
    got: str

    def __str__(self) -> str:
        return f"line {self.line.number}: {self.line.text}: got {self.got}"


@dataclass(slots=True)
class TraceReport:
    """How many lines of each kind were played and compared, and the differences."""

    played: Counter[str] = field(default_factory=Counter)
    compared: Counter[str] = field(default_factory=Counter)
    unknown: int = 0
    differences: list[Difference] = field(default_factory=list)

    def __str__(self) -> str:
        compared = ", ".join(f"{count} {what}" for what, count in sorted(self.compared.items()))
        return f"{self.played.total()} operations played; compared {compared}: {len(self.differences)} differences"


class Guest(Protocol):
    """What the guest did that a trace does not show: its writes to RAM, and resets of its CPUs."""

    def before_access(self, machine: Machine, access: BusAccess) -> None:
        """Called before a write to GICD, GICR or GITS is played."""

    def before_command(self, machine: Machine, command: CommandOperands) -> None:
        """Called before the ITS runs a command."""


class LinuxGuest:
    """What Linux's drivers/irqchip/irq-gic-v3-its.c does around what a trace shows.

    Configuration table: its_setup_lpi_prop_table fills it with 0xA2 (priority 0xA0, not enabled), one byte for each of
    2^(IDbits+1) INTIDs, before it writes GICR_PROPBASER. A byte changes only in lpi_update_config, on unmask (to 0xA3)
    and on mask (back to 0xA2), and each change is followed by an INV: so every INV toggles the Enable bit of its LPI.

    Level 1 entries of a two-level device table: its_alloc_table_entry writes one before the first MAPD that needs it.
    Where the level 2 page is cannot be told from a trace; `level1` says it (index in the table: entry).

    CPU reset: gic_enable_redist clears GICR_WAKER.ProcessorSleep only while a CPU comes up (gic_cpu_init); PSCI CPU_ON
    has reset the CPU before that, and with it its CPU interface.
    """

    DISABLED = 0xA2
    CPU_INTERFACE_RESET = ("IGRPEN0", "IGRPEN1", "AP0R0", "AP1R0", "CTLR", "BPR0", "BPR1", "PMR")

    def __init__(self, level1: Mapping[int, int]) -> None:
        self.level1 = level1
        self.filled: set[int] = set()

    def before_access(self, machine: Machine, access: BusAccess) -> None:
        if access.frame == "GICR" and access.offset == GICR_PROPBASER:
            self._fill_configuration(machine, access.value)
        elif access.frame == "GICR" and access.offset == GICR_WAKER and not access.value & PROCESSOR_SLEEP:
            for register in self.CPU_INTERFACE_RESET:
                machine.icc_write(f"ICC_{register}_EL1", 0, cpu=access.cpu)

    def before_command(self, machine: Machine, command: CommandOperands) -> None:
        operands = dict(command.operands)
        if command.name == "MAPD":
            self._allocate_level2(machine, operands["device"])
        elif command.name == "INV":
            self._toggle(machine, operands["device"], operands["event"])

    def _fill_configuration(self, machine: Machine, propbaser: int) -> None:
        table = propbaser & ADDRESS_51_12
        if table not in self.filled:
            self.filled.add(table)
            machine.memory.write(table, bytes([self.DISABLED]) * (1 << (propbaser & 0x1F) + 1))

    def _allocate_level2(self, machine: Machine, device: int) -> None:
        place = QemuTables(machine).level1(machine.peek("GITS_BASER0"), device)
        if place is not None and place[0] in self.level1:
            machine.memory.write(place[1], self.level1[place[0]].to_bytes(ENTRY_BYTES, "little"))

    def _toggle(self, machine: Machine, device: int, event: int) -> None:
        tables = QemuTables(machine)
        entry = tables.ite(tables.dte(device).itt, event)
        table = machine.peek("GICR_PROPBASER", cpu=tables.cte(entry.icid).rdbase) & ADDRESS_51_12
        address = table + entry.intid - FIRST_LPI
        machine.memory.write(address, bytes([machine.memory.read(address, 1)[0] ^ 1]))


def replay(trace: Iterable[TraceLine], machine: Machine, guest: Guest) -> TraceReport:
    """Plays a whole trace on a machine fresh from reset."""
    player = TraceReplay(machine, guest)
    for line in trace:
        player.feed(line)
    return player.finish()


_CpuState = tuple[tuple[int, int, int] | None, bool]  # highest priority pending interrupt; is one signalled


class TraceReplay:
    """Plays a trace line by line.

    A bus access, and a read of a system register, is printed when it is over: the lines that say what it did come
    before it. A write of a system register, a wire, an MSI and an ITS command are printed first: what they did comes
    after. Such an operation is held until the next one is seen. What was told between the two may belong to either:
    each CPU must pass through the machine's states in order (before, between, after) and end in the last one.
    """

    def __init__(self, machine: Machine, guest: Guest) -> None:
        self.machine = machine
        self.guest = guest
        self.report = TraceReport()
        self._held: TraceLine | None = None
        self._started = CommandStarted(0, 0)
        self._told: list[TraceLine] = []
        self._entries: list[TraceLine] = []
        self._sgis: list[TraceLine] = []

    def feed(self, line: TraceLine) -> None:
        event = line.event
        match event:
            case None:
                self.report.unknown += 1
            case Hppi() | Signalled():
                self._told.append(line)
            case DeviceEntry() | CollectionEntry() | InterruptEntry():
                self._entries.append(line)
            case SgiPending():
                self._sgis.append(line)
            case CommandStarted():
                self._settle()
                self._started = event
            case BusAccess():
                self._settle(line)
            case SystemAccess() if not event.write:
                self._settle(line)
            case _:
                self._settle()
                self._held = line

    def finish(self) -> TraceReport:
        """Plays what is still held, and returns the report."""
        self._settle()
        return self.report

    def _settle(self, over: TraceLine | None = None) -> None:
        """Plays the held operation, then the one that is `over`, and compares all that was told of them."""
        path = [self._state()]
        self._compare_entries(write=False)
        if self._held is not None:
            self._play(self._held)
            path.append(self._state())
        for line in self._sgis:
            self._compare_sgi(line)
        if over is not None:
            self._play(over)
            path.append(self._state())
        self._compare_entries(write=True)
        self._compare_path(path)
        self._held = None
        self._entries.clear()
        self._sgis.clear()
        self._told.clear()

    def _play(self, line: TraceLine) -> None:
        event = line.event
        match event:
            case BusAccess():
                self._bus(line, event)
            case CommandOperands():
                self._count("ITS commands")
                self._command(event)
            case SystemAccess() if not event.write:
                self._count("system register reads")
                self._compare("reads", line, self.machine.icc_read(event.register, cpu=event.cpu), event.value)
            case SystemAccess() | SgiGenerated() | WireChanged() | MsiWritten():
                self._count(_KINDS[type(event)])
                self._stimulus(event)

    def _count(self, what: str) -> None:
        self.report.played[what] += 1

    def _stimulus(self, event: SystemAccess | SgiGenerated | WireChanged | MsiWritten) -> None:
        machine = self.machine
        match event:
            case SystemAccess():
                machine.icc_write(event.register, event.value, cpu=event.cpu)
            case SgiGenerated():
                machine.icc_write("ICC_SGI1R_EL1", sgi1r(event), cpu=event.cpu)
            case WireChanged() if event.cpu is None:
                machine.spi(intid=event.intid, level=event.level)
            case WireChanged():
                machine.ppi(intid=event.intid, level=event.level, cpu=event.cpu or 0)
            case MsiWritten():
                machine.msi(device_id=event.device, event_id=event.event)

    def _bus(self, line: TraceLine, access: BusAccess) -> None:
        frame = self.machine.map.frames["RD" if access.frame == "GICR" else access.frame]
        address = frame.base + access.cpu * frame.stride + access.offset
        self._count(f"{access.frame} {'writes' if access.write else 'reads'}")
        if access.write:
            self.guest.before_access(self.machine, access)
            self.machine.write(address, access.value, access.size)
        else:
            self._compare("reads", line, self.machine.read(address, access.size), access.value)

    def _command(self, command: CommandOperands) -> None:
        """Puts the command where QEMU read it, and moves GITS_CWRITER past it alone, so that it runs by itself.

        The guest's one write of GITS_CWRITER for a batch is printed when the batch is over, and then finds it done.
        """
        self.guest.before_command(self.machine, command)
        cbaser = self.machine.peek("GITS_CBASER")
        slots = ((cbaser & 0xFF) + 1) * 4096 // COMMAND_BYTES
        address = (cbaser & ADDRESS_51_12) + self._started.slot * COMMAND_BYTES
        self.machine.memory.write(address, packet(command, self._started.opcode))
        after = (self._started.slot + 1) % slots * COMMAND_BYTES
        self.machine.write(self.machine.map.frames["GITS"].base + GITS_CWRITER, after, 4)

    def _state(self) -> list[_CpuState]:
        machine = self.machine
        return [(machine.hppi(cpu), machine.irq(cpu)) for cpu in range(machine.cpus)]

    def _compare_path(self, path: list[list[_CpuState]]) -> None:
        for cpu in range(self.machine.cpus) if self._told else ():
            told = [(line, line.event) for line in self._told if isinstance(line.event, Hppi | Signalled)]
            mine = [(line, event) for line, event in told if event.cpu == cpu]
            self._compare_cpu(mine, [states[cpu] for states in path])

    def _compare_cpu(self, told: list[tuple[TraceLine, Hppi | Signalled]], states: list[_CpuState]) -> None:
        """QEMU tells a state in two lines: the interrupt, and then whether it is signalled."""
        step = 0
        interrupt: tuple[int, int, int] | None = None
        for at, (line, event) in enumerate(told, start=1):
            if isinstance(event, Hppi):
                self.report.compared["HPPI"] += 1
                interrupt = event.interrupt
                agreeing = [state[0] == interrupt for state in states]
            else:
                self.report.compared["interrupt lines"] += 1
                agreeing = [state == (interrupt, event.fiq or event.irq) for state in states]
            if True not in agreeing[step:]:
                self._differ(line, " then ".join(map(str, states[step:])))
            elif at == len(told) and not agreeing[-1]:
                self._differ(line, f"{states[-1]} in the end")
            else:
                step = agreeing.index(True, step)

    def _compare_sgi(self, line: TraceLine) -> None:
        event = line.event
        assert isinstance(event, SgiPending)
        pending = self.machine.peek("GICR_ISPENDR0", cpu=event.cpu) >> event.intid & 1
        self._compare("pending SGIs", line, pending, 1)

    def _compare_entries(self, *, write: bool) -> None:
        """A command reads its entries before it writes any: reads are compared before it runs, writes after."""
        for line in self._entries:
            event = line.event
            assert isinstance(event, DeviceEntry | CollectionEntry | InterruptEntry)
            if event.write is write:
                self._compare_entry(line, event)

    def _compare_entry(self, line: TraceLine, event: DeviceEntry | CollectionEntry | InterruptEntry) -> None:
        tables = QemuTables(self.machine)
        found: DeviceEntry | CollectionEntry | InterruptEntry
        match event:
            case DeviceEntry():
                kind, found = "DTEs", tables.dte(event.device)
            case CollectionEntry():
                kind, found = "CTEs", tables.cte(event.icid)
            case InterruptEntry():
                kind, found = "ITEs", tables.ite(event.itt, event.event)
        same = dataclasses.replace(found, write=event.write) == event if event.valid else not found.valid
        self._compare_found(kind, line, found, same)

    def _compare(self, what: str, line: TraceLine, got: int, wanted: int) -> None:
        self._compare_found(what, line, f"{got:#x}", got == wanted)

    def _compare_found(self, what: str, line: TraceLine, found: object, same: bool) -> None:
        self.report.compared[what] += 1
        if not same:
            self._differ(line, str(found))

    def _differ(self, line: TraceLine, got: str) -> None:
        self.report.differences.append(Difference(line, got))


_KINDS: dict[type, str] = {
    SystemAccess: "system register writes",
    SgiGenerated: "SGIs generated",
    WireChanged: "wire changes",
    MsiWritten: "MSIs",
}


def sgi1r(event: SgiGenerated) -> int:
    """The ICC_SGI1R_EL1 value that generates an SGI as told."""
    affinity = (event.affinity & 0xFF) << 16 | (event.affinity >> 8 & 0xFF) << 32 | (event.affinity >> 16 & 0xFF) << 48
    return affinity | int(event.all_but_self) << 40 | event.intid << 24 | event.targets


def packet(command: CommandOperands, opcode: int) -> bytes:
    """A command's 32 bytes. Operands that QEMU does not print are 0: it does not look at them either."""
    if command.name not in COMMANDS:
        return bytes([opcode]) + bytes(COMMAND_BYTES - 1)
    unprinted = {operand.name: 0 for operand in COMMANDS[command.name].operands}
    return encode(command.name, **{**unprinted, **dict(command.operands)})
