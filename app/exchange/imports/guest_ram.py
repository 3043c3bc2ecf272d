"""What a QEMU trace does not show: the guest's writes to RAM and the resets of its CPUs, inferred from what it shows.

Of any guest: an LPI that QEMU calls the best one was enabled, with that priority, in its configuration table; a level 2
page of a device or collection table was there before QEMU wrote an entry in it (where, the trace does not tell: here it
is put at the end of RAM). Of Linux, more is known (drivers/irqchip/irq-gic-v3-its.c; app.exchange.qemu_replay): an INV
follows each change of a configuration byte, and a byte changes only to mask or unmask.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from app.exchange.imports.pieces import MIB, Steps, reach
from app.exchange.imports.places import Places
from app.exchange.qemu_events import BusAccess, CollectionEntry, CommandOperands, DeviceEntry, Event, InterruptEntry
from app.exchange.qemu_replay import FIRST_LPI, GICR_WAKER, PROCESSOR_SLEEP, LinuxGuest
from app.exchange.qemu_tables import ADDRESS_51_12, ENTRY_BYTES, INDIRECT, LEVEL1_VALID, PAGE_BYTES
from app.gic.commands import COMMAND_BYTES
from app.gic.memory import RAM_BASE
from app.scenario.operations import Operation, Poke, RegisterRef, Write
from app.scenario.scenario import MachineSpec

GICD_PIDR2 = 0xFFE8
PROPBASER, PENDBASER = 0x70, 0x78
CBASER, BASER0, BASER1 = 0x80, 0x100, 0x108
TABLES = {("GICR", PROPBASER), ("GICR", PENDBASER), ("GITS", CBASER), ("GITS", BASER0), ("GITS", BASER1)}
ENABLED, PRIORITY = 1, 0xFC


class GuestRam:
    """Follows where the tables are and what was put into them; every answer is a poke that must come before a step."""

    def __init__(self, spec: MachineSpec, places: Places, guest: str) -> None:
        self.spec = spec
        self.places = places
        self.linux: bool | None = {"linux": True, "other": False}.get(guest)
        self.touched: set[int] = set()  # CPUs whose CPU interface was written
        self._tables: dict[tuple[str, int], int] = {}
        self._config: dict[int, int] = {}
        self._wanted: dict[int, int] = {}
        self._level1: set[tuple[int, int]] = set()
        self._spare = RAM_BASE + spec.ram_mib * MIB

    def note(self, access: BusAccess) -> None:
        """Follow an access that was made."""
        if self.linux is None and access.frame == "GICD":
            # irq-gic-v3.c reads GICD_PIDR2 before anything else (gic_validate_dist_version).
            self.linux = not access.write and access.offset == GICD_PIDR2
        if access.write and access.frame != "GICD" and not access.error:
            self._note_table(access)

    def queue(self) -> tuple[int, int]:
        """Slots and address of the command queue; no slots where the trace has not set it up."""
        value = self._tables.get(("GITS", CBASER), 0)
        return ((value & 0xFF) + 1) * 4096 // COMMAND_BYTES if value else 0, value & ADDRESS_51_12

    def signalled(self, intid: int, _group: int, priority: int) -> None:
        """QEMU says that this LPI is a CPU's best interrupt."""
        self._wanted[intid] = priority & PRIORITY | ENABLED

    def resets(self, line: int, access: BusAccess) -> Iterator[Steps]:
        """A CPU that wakes up its Redistributor has been reset, and with it its CPU interface (PSCI CPU_ON)."""
        wakes = access.frame == "GICR" and access.offset == GICR_WAKER and not access.value & PROCESSOR_SLEEP
        if not wakes or not self.linux or access.cpu not in self.touched:
            return
        self.touched.discard(access.cpu)
        names = (f"ICC_{name}_EL1" for name in LinuxGuest.CPU_INTERFACE_RESET)
        writes: tuple[Operation, ...] = tuple(Write(RegisterRef(name, access.cpu), 0) for name in names)
        yield Steps(line, writes, f"CPU {access.cpu} was reset before it woke up")

    def before(
        self, line: int, event: Event, entries: Sequence[DeviceEntry | CollectionEntry | InterruptEntry]
    ) -> Iterator[Steps]:
        """What RAM must have held for what QEMU told of an operation; `entries` are what it read and wrote for it."""
        if isinstance(event, CommandOperands):
            yield from self._before_command(line, event, entries)
        for intid, byte in self._wanted.items():
            if self.linux:
                byte |= LinuxGuest.DISABLED & ~PRIORITY
            if self._config.get(intid) != byte:
                yield from self._poke_config(line, intid, byte, f"INTID {intid} was signalled, so it was enabled")
        self._wanted.clear()

    def _before_command(
        self,
        line: int,
        command: CommandOperands,
        entries: Sequence[DeviceEntry | CollectionEntry | InterruptEntry],
    ) -> Iterator[Steps]:
        for entry in entries:
            if isinstance(entry, DeviceEntry) and entry.write:
                yield from self._level2(line, BASER0, entry.device, "device")
                reach(self.spec, entry.itt)
            elif isinstance(entry, CollectionEntry) and entry.write:
                yield from self._level2(line, BASER1, entry.icid, "collection")
            elif isinstance(entry, InterruptEntry) and entry.valid and command.name == "INV" and self.linux:
                byte = self._config.get(entry.intid, LinuxGuest.DISABLED) ^ ENABLED
                why = "Linux changes this byte before each INV"
                yield from self._poke_config(line, entry.intid, byte, why)

    def _poke_config(self, line: int, intid: int, byte: int, why: str) -> Iterator[Steps]:
        propbaser = self._tables.get(("GICR", PROPBASER), 0)
        address = (propbaser & ADDRESS_51_12) + intid - FIRST_LPI
        if propbaser and self.is_ram(address):
            self._config[intid] = byte
            yield Steps(line, (Poke(address, bytes([byte])),), why)

    def _level2(self, line: int, register: int, number: int, what: str) -> Iterator[Steps]:
        baser = self._tables.get(("GITS", register), 0)
        page = PAGE_BYTES[baser >> 8 & 3]
        index = number // (page // ENTRY_BYTES)
        address = (baser & 0x0000_FFFF_FFFF_F000) + index * ENTRY_BYTES
        if not baser & INDIRECT or (register, index) in self._level1 or not self.is_ram(address):
            return
        self._level1.add((register, index))
        self._spare = (self._spare - page) & ~(page - 1)
        entry = LEVEL1_VALID | self._spare
        poke = Poke(address, entry.to_bytes(ENTRY_BYTES, "little"))
        yield Steps(line, (poke,), f"the {what} table has a level 2 page here; the trace does not tell its address")

    def _note_table(self, access: BusAccess) -> None:
        start = access.offset & ~7
        if (access.frame, start) not in TABLES:
            return
        old = self._tables.get((access.frame, start), 0)
        value = access.value
        if access.size == 4:
            high = access.offset & 4
            value = old & 0xFFFF_FFFF | value << 32 if high else old & ~0xFFFF_FFFF | value
        self._tables[access.frame, start] = value
        reach(self.spec, value & ADDRESS_51_12 if access.frame == "GICR" else value & 0x0000_FFFF_FFFF_F000)
        if (access.frame, start) == ("GITS", BASER0) or (access.frame, start) == ("GITS", BASER1):
            self._level1 = {(register, index) for register, index in self._level1 if register != start}

    def is_ram(self, address: int) -> bool:
        """Whether the machine has RAM there."""
        return RAM_BASE <= address < RAM_BASE + self.spec.ram_mib * MIB
