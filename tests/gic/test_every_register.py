"""Every register of every implementation on a machine, against what the map says of its fields.

The map is compared with recordings of real ones in tests/registers; here the machine is held to the map. An array is
tested at its ends, and at one element that this machine does not have.
"""

from __future__ import annotations

from functools import cache

import pytest

from app.gic import Machine
from app.gic.machine_state import MachineState
from app.registers import IMPLEMENTATION_NAMES, Access, Register, register_map
from app.registers.families import families
from tests.registers.storage import Storage

CPUS, SPIS = 2, 64
# Whether these take a write, and what then reads back, follows from other registers as well: tables, the queue, LPIs.
DECIDED_ELSEWHERE = {"GITS_CTLR", "GITS_CWRITER", "GITS_CREADR"}
# Read-only fields that follow another: ChildrenAsleep after ProcessorSleep, Quiescent after Enabled.
FOLLOWS = {"GICR_WAKER": 1 << 2, "GITS_CTLR": 1 << 31}
ACKNOWLEDGES = {"ICC_IAR0_EL1", "ICC_IAR1_EL1", "ICC_NMIAR1_EL1"}
PAIRS = [("ISENABLER", "ICENABLER"), ("ISPENDR", "ICPENDR"), ("ISACTIVER", "ICACTIVER")]


def chosen(implementation: str, stem: str) -> list[Register]:
    """The ends of each run of elements that are alike."""
    spans = families(register_map(implementation, CPUS, SPIS))[stem].spans
    return list(dict.fromkeys(each for span in spans for each in (span.first, span.last)))


@cache
def cases() -> list[object]:
    return [
        pytest.param(implementation, stem, id=f"{implementation}-{stem}")
        for implementation in IMPLEMENTATION_NAMES
        for stem, family in families(register_map(implementation, CPUS, SPIS)).items()
        if not family.typical.reference
    ]


@cache
def made(implementation: str) -> tuple[Machine, MachineState]:
    machine = Machine(implementation, cpus=CPUS, spis=SPIS, ram_mib=1)
    return machine, machine.snapshot()


def fresh(implementation: str) -> Machine:
    """A machine as it is at reset; the one before is not used any more."""
    machine, state = made(implementation)
    machine.restore(state)
    return machine


@cache
def frames() -> list[object]:
    return [
        pytest.param(implementation, key, id=f"{implementation}-{key}")
        for implementation in IMPLEMENTATION_NAMES
        for key, frame in register_map(implementation, CPUS, SPIS).frames.items()
        if not frame.reference
    ]


def stems(implementation: str, frame: str) -> list[str]:
    return list(dict.fromkeys(each.stem for each in register_map(implementation, CPUS, SPIS).frames[frame].registers))


class Door:
    """One register of one CPU of a machine, in accesses of `size` bytes, or by MRS and MSR."""

    def __init__(self, machine: Machine, register: Register, cpu: int, size: int = 0) -> None:
        self.machine = machine
        self.register = register
        self.cpu = cpu
        self.size = size or register.width // 8
        self.address = machine.map.address(register, cpu) if register.addressed else None

    def parts(self) -> list[int]:
        return list(range(0, self.register.width // 8, self.size))

    def read(self) -> int:
        if self.address is None:
            return self.machine.icc_read(self.register.name, self.cpu)
        parts = ((at, self.machine.read(self.address + at, self.size, self.cpu)) for at in self.parts())
        return sum(value << 8 * at for at, value in parts)

    def write(self, value: int) -> int:
        if self.address is None:
            self.machine.icc_write(self.register.name, value, self.cpu)
        else:
            for at in self.parts():
                part = value >> 8 * at & (1 << 8 * self.size) - 1
                self.machine.write(self.address + at, part, self.size, self.cpu)
        return self.read()


def doors(implementation: str, stem: str):
    """A fresh machine for each register, CPU and size of access that it takes."""
    for register in chosen(implementation, stem):
        for cpu in range(CPUS if register.per_cpu else 1):
            for size in sorted(register.sizes) if register.addressed else [8]:
                if size <= register.width // 8:
                    yield Door(fresh(implementation), register, cpu, size)


def check_by_fields(register: Register, asked: int, before: int, after: int) -> None:
    """What each field's access says of a write of `asked`."""
    for field in register.fields:
        was, wanted, now = field.extract(before), field.extract(asked), field.extract(after)
        where = (register.name, field.name, hex(asked))
        match field.access:
            case Access.RES0 | Access.WO:
                assert now == 0, where
            case Access.RES1:
                assert now == field.extract(register.mask), where
            case Access.RO:
                assert now == was or FOLLOWS.get(register.name, 0) & field.mask, where
            case Access.W1S:
                assert now & was == was, where
            case Access.W1C:
                assert now & ~was == 0, where
            case Access.RW if register.name not in DECIDED_ELSEWHERE:
                assert now == dict(field.kept).get(wanted, wanted & field.extract(register.writable)), where
    assert after & ~register.readable == 0, (register.name, "a reserved bit reads back")


@pytest.mark.parametrize(("implementation", "stem"), cases())
def test_does_as_its_fields_say(implementation: str, stem: str) -> None:
    for door in doors(implementation, stem):
        register = door.register
        storage = Storage(register, door.cpu)
        before = door.read()
        assert before == storage.read(), (register.name, "reset")
        for asked in (register.mask, 0, 0x5A5A_A5A5_5A5A_A5A5 & register.mask, register.mask):
            after = door.write(asked)
            whole = door.size * 8 == register.width or not any(field.kept for field in register.fields)
            if whole:
                check_by_fields(register, asked, before, after)
            if register.name not in {*DECIDED_ELSEWHERE, *FOLLOWS}:
                predicted = storage.write(asked) if whole else storage.write_halves(asked)
                assert after == predicted, (register.name, hex(asked), door.size)
            before = after


@pytest.mark.parametrize(("implementation", "frame"), frames())
def test_a_read_changes_nothing_and_a_part_is_a_part_of_the_whole(implementation: str, frame: str) -> None:
    for door in (door for stem in stems(implementation, frame) for door in doors(implementation, stem)):
        register, machine = door.register, door.machine
        door.write(0x5A5A_A5A5_5A5A_A5A5 & register.mask)
        state = machine.snapshot()
        whole = machine.peek(register, door.cpu)
        assert machine.snapshot() == state
        if register.name not in ACKNOWLEDGES:
            assert door.read() == whole == door.read(), (register.name, door.size)
            assert machine.snapshot() == state, register.name


@pytest.mark.parametrize(("implementation", "frame"), frames())
def test_each_cpu_has_its_own(implementation: str, frame: str) -> None:
    for register in (each for stem in stems(implementation, frame) for each in chosen(implementation, stem)):
        machine = fresh(implementation)
        if not register.per_cpu:
            continue
        mine, other = Door(machine, register, 0), Door(machine, register, 1)
        before = other.read()
        # A Group 1 SGI goes to the CPU that it names.
        mine.write(register.mask & ~0xFFFF if "SGI" in register.name and not register.addressed else register.mask)
        shared = register.name == "GICR_PROPBASER" and implementation.startswith("kvm")
        assert (other.read() == before) is not shared or mine.read() == before, register.name


def pairs():
    return [
        pytest.param(implementation, f"{frame}_{sets}", f"{frame}_{clears}", id=f"{implementation}-{frame}-{sets}")
        for implementation in IMPLEMENTATION_NAMES
        for frame in ("GICD", "GICR")
        for sets, clears in PAIRS
    ]


@pytest.mark.parametrize(("implementation", "sets", "clears"), pairs())
def test_a_set_register_and_its_clear_register_are_two_views_of_one_state(implementation, sets, clears):
    chart = register_map(implementation, CPUS, SPIS)
    for setting in families(chart)[sets].registers:
        clearing = chart.registers[f"{clears}{setting.index}"]
        assert setting.present == clearing.present
        if not setting.present:
            continue
        for cpu in range(CPUS if setting.per_cpu else 1):
            machine = fresh(implementation)
            one, other = Door(machine, setting, cpu), Door(machine, clearing, cpu)
            for bit in range(32):
                held = other.write(0xFFFF_FFFF)
                assert held == one.read() == 0
                assert one.write(1 << bit) == other.read() == 1 << bit & setting.sets
                assert one.write(0) == other.write(0) == 1 << bit & setting.sets


@pytest.mark.parametrize("implementation", IMPLEMENTATION_NAMES)
def test_each_byte_of_a_register_that_takes_bytes_is_one_interrupt_s(implementation):
    chart = register_map(implementation, CPUS, SPIS)
    taking = [each for each in chart.registers.values() if 1 in each.sizes and each.present]
    assert {each.stem for each in taking} == {"GICD_IPRIORITYR", "GICR_IPRIORITYR"}
    for register in taking:
        machine = fresh(implementation)
        address = chart.address(register)
        for byte in range(4):
            machine.write(address + byte, 0x11 * (byte + 1), 1)
        kept = [0x11 * (byte + 1) & register.fields[0].extract(register.writable) for byte in range(4)]
        assert machine.read(address, 4) == int.from_bytes(bytes(kept), "little"), register.name
        assert [machine.read(address + byte, 1) for byte in range(4)] == kept


@pytest.mark.parametrize("implementation", IMPLEMENTATION_NAMES)
def test_lpis_are_enabled_without_an_its_where_gicr_typer_says_that_there_are_lpis(implementation):
    machine = Machine(implementation, cpus=CPUS, its=False, ram_mib=1)
    register = machine.map.registers["GICR_CTLR"]
    door = Door(machine, register, 1)
    before, enabled = door.read(), register.field("EnableLPIs").mask
    has_lpis = machine.map.registers["GICR_TYPER"].field("PLPIS")
    advertised = has_lpis.extract(machine.peek("GICR_TYPER", 1)) == 1
    assert door.write(enabled) == (before | enabled if advertised else before)
    assert machine.lpis_enabled(1) == advertised
