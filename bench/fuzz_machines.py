"""What a guest can do to the machine: any bytes in the ITS command queue, any access to any register."""

from __future__ import annotations

from random import Random

from app.gic import Machine, UserspaceError
from app.gic.bounds import WORK_PER_ACCESS
from app.gic.commands import COMMANDS, WORDS
from app.registers import IMPLEMENTATION_NAMES
from bench.fuzzing import Target, number

GITS, GICR, GICD, RAM = 0x0808_0000, 0x080A_0000, 0x0800_0000, 0x4000_0000
TABLES, ITT, PROPBASE, PENDBASE, QUEUE = 0x4100_0000, 0x4140_0000, 0x4160_0000, 0x4170_0000, 0x4120_0000
MOST_LPIS = 57_344
# One access stops at WORK_PER_ACCESS; the command that it is in then may still go through every LPI, and an EnableLPIs
# or a save besides through the tables of a CPU.
MOST_WORK = WORK_PER_ACCESS + 20 * MOST_LPIS
GROUPS = ("dist", "redist", "its", "sysregs", "level")
ICC = (
    "ICC_IAR1_EL1", "ICC_EOIR1_EL1", "ICC_PMR_EL1", "ICC_BPR1_EL1", "ICC_IGRPEN1_EL1", "ICC_CTLR_EL1", "ICC_SGI1R_EL1",
    "ICC_HPPIR1_EL1", "ICC_DIR_EL1", "ICC_RPR_EL1", "ICC_IAR0_EL1", "ICC_EOIR0_EL1", "ICC_AP1R0_EL1", "ICC_SRE_EL1",
)  # fmt: skip


def prepared(chance: Random) -> Machine:
    """A machine with its ITS, its LPIs and some events on."""
    name = chance.choice(IMPLEMENTATION_NAMES)
    security = chance.choice((1, 2)) if name == "architecture" else 1
    machine = Machine(name, cpus=chance.choice((1, 2, 4)), security=security, ram_mib=chance.choice((64, 512)))
    for offset, value in ((0x100, 1 << 63 | 2 << 8 | TABLES), (0x108, 1 << 63 | 2 << 8 | TABLES + 0x1_0000)):
        machine.write(GITS + offset, value, 8)
    machine.write(GITS + 0x80, 1 << 63 | QUEUE | chance.choice((0, 3, 255)), 8)
    machine.write(GITS, 1, 4)
    machine.memory.write(PROPBASE, b"\xa3" * 4096)
    for cpu in range(machine.cpus):
        frame = GICR + cpu * 0x2_0000
        machine.write(frame + 0x70, PROPBASE | 15, 8)
        machine.write(frame + 0x78, PENDBASE + cpu * 0x1_0000 | chance.getrandbits(1) << 62, 8)
        machine.write(frame, 1, 4)
    machine.write(GICD, 0x13, 4)
    return machine


class Bounded:
    """A machine whose every access is checked for what it cost."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.machine = prepared(chance)

    def check(self, before: int) -> None:
        """AssertionError if more was done since `before` than one access may do."""
        work = self.machine.work - before
        if work > MOST_WORK:
            raise AssertionError(f"{work} units of work in one access, at most {MOST_WORK}")


class Queues(Bounded):
    """Commands of any bytes, many of which look like commands."""

    def draw(self) -> bytes:
        chance = self.chance
        return b"".join(self._command() for _ in range(chance.choice((1, 1, 2, 4, 16, 100))))

    def _command(self) -> bytes:
        chance = self.chance
        if chance.random() < 0.1:
            return chance.randbytes(32)
        spec = chance.choice(tuple(COMMANDS.values()))
        words = [spec.opcode, 0, 0, 0]
        for operand in spec.operands:
            width = operand.msb - operand.lsb + 1
            words[operand.word] |= (self._operand(operand.name) >> operand.shift & (1 << width) - 1) << operand.lsb
        if chance.random() < 0.1:
            words[chance.randrange(4)] ^= 1 << chance.randrange(64)
        return WORDS.pack(*words)

    def _operand(self, name: str) -> int:
        chance = self.chance
        if chance.random() < 0.15:
            return number(chance)
        return {
            "device": chance.randrange(4),
            "event": chance.randrange(64),
            "intid": 8192 + chance.randrange(80),
            "collection": chance.randrange(4),
            "target": chance.randrange(4),
            "source": chance.randrange(4),
            "valid": int(chance.random() < 0.8),
            "itt": ITT + chance.randrange(8) * 0x1000,
            "size": chance.choice((1, 5, 16)),
        }.get(name, chance.getrandbits(16))

    def run(self, given: bytes) -> bool:
        machine, chance = self.machine, self.chance
        before = machine.work
        at = machine.its.cwriter & 0xF_FFE0
        machine.memory.write(QUEUE, given if at == 0 else given * 2)
        machine.write(GITS + 0x88, number(chance) if chance.random() < 0.2 else at + len(given), 8)
        self.check(before)
        for cpu in range(machine.cpus):
            machine.irq(cpu)
        if chance.random() < 0.02:
            machine.restore(machine.snapshot())
            machine.lpi_counts()
            machine.queue()
        return machine.its.creadr == machine.its.cwriter


class Registers(Bounded):
    """Accesses of any width to any place, most of them to registers; and the VMM's door."""

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        layout = self.machine.layout
        self._places = [
            self.machine.map.address(place.register, place.cpu)
            for place in layout.places.values()
            if not place.register.encoding
        ]

    def draw(self) -> tuple[str, int, int, int, int]:
        chance = self.chance
        what = chance.choices(("write", "read", "icc", "userspace", "device", "level"), (50, 15, 15, 10, 8, 2))[0]
        place = chance.choice(self._places) + chance.choice((0, 0, 0, 0, 4, 1, 2, 8))
        if chance.random() < 0.1:
            place = chance.choice((GICD, GICR, GITS, RAM, 0)) + chance.randrange(0x4_0000)
        value = number(chance)
        if chance.random() < 0.3:
            value = chance.choice(
                (TABLES, ITT, PROPBASE | 15, PENDBASE, 1 << 63 | QUEUE | 255, 1 << 63 | TABLES | 0x2FF)
            )
        return what, place, chance.choice((1, 2, 4, 4, 4, 8, 8)), value, chance.randrange(self.machine.cpus)

    def run(self, given: tuple[str, int, int, int, int]) -> bool:
        what, place, size, value, cpu = given
        machine, chance = self.machine, self.chance
        before = machine.work
        secure = machine.security == 2 and bool(value & 1)
        match what:
            case "write":
                machine.write(place, value & (1 << 8 * size) - 1, size, cpu=cpu, secure=secure)
            case "read":
                machine.read(place, size, cpu=cpu, secure=secure)
            case "icc":
                machine.icc_read(chance.choice(ICC), cpu=cpu, secure=secure)
                machine.icc_write(chance.choice(ICC), value, cpu=cpu, secure=secure)
            case "device":
                machine.msi(device_id=value & 3, event_id=place & 63)
            case "level":
                machine.spi(32 + value % 64, bool(place & 1))
            case _:
                return self._userspace(place, value, cpu)
        self.check(before)
        machine.irq(cpu)
        return True

    def _userspace(self, place: int, value: int, cpu: int) -> bool:
        door, chance = self.machine.userspace, self.chance
        group, offset = chance.choice(GROUPS), place & 0xFFFF
        try:
            match chance.randrange(12):
                case 0:
                    door.save_pending_tables()
                case 1:
                    door.save_its_tables()
                case 2:
                    door.restore_its_tables()
                case 3 | 4 | 5 | 6:
                    door.get(group, offset, cpu)
                case _:
                    door.set(group, offset, value & (0xFFFF_FFFF if group != "its" else (1 << 64) - 1), cpu)
        except UserspaceError:
            return False
        return True


QUEUES = Target("queues", 20, Queues)
REGISTERS = Target("registers", 320, Registers)
