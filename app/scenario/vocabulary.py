"""The names that a scenario may use on its machine: registers, fields and their values, CPUs."""

from __future__ import annotations

import re
from functools import lru_cache

from app.registers import Field, Register, RegisterMap, UnknownName, register_map
from app.scenario.operations import FieldValue, Half, Operation, RawAddress, RegisterRef
from app.scenario.scenario import MachineSpec
from app.scenario.words import SourceLine, Word, short

REFERENCE = re.compile(r"([A-Za-z0-9_]+)(?:@([^.@]*))?(?:\.(.*))?\Z")
# Fields that hold the upper bits of an address or a byte offset: people write and read the address itself.
ADDRESS_FIELDS = frozenset({"Physical_Address", "Offset"})
RAM_BASE = 0x4000_0000
WIDTHS = ("8", "16", "32", "64")


def spoken_value(field: Field, value: int) -> int:
    """A field's value as the language says it: an address field in place, any other as its own number."""
    return value << field.lsb if field.name in ADDRESS_FIELDS else value


class Vocabulary:
    """Resolves the words of a scenario against one machine's register map."""

    def __init__(self, spec: MachineSpec) -> None:
        self.spec = spec
        self.map: RegisterMap = register_map(spec.implementation, spec.cpus, spec.spis, spec.its, spec.security)
        self.ram = range(RAM_BASE, RAM_BASE + (spec.ram_mib << 20))
        self.lines: dict[str, Operation] = {}
        """Lines that were read before: those who follow a lesson write the same."""

    def reference(self, line: SourceLine, word: Word, *, field: bool = True) -> RegisterRef:
        """`GICR_PENDBASER@0.PTZ` as a reference; `field=False` where a whole register is meant."""
        match = REFERENCE.match(word.text)
        if match is None:
            raise line.error(
                word, f"{short(word.text) or 'register'} is not a register", "a register, as GICR_PENDBASER@0"
            )
        name, cpu_text, field_name = match.groups()
        register = self._register(line, word, name)
        cpu = self._register_cpu(line, word, register, cpu_text, match)
        if field_name is None:
            return RegisterRef(register.name, cpu)
        at = word.part(match.start(3))
        if not field:
            raise line.error(at, f"a field, {short(field_name)}, where a whole register is meant", register.name)
        return RegisterRef(register.name, cpu, self.field(line, at, register).name)

    def target(self, line: SourceLine, word: Word, *, field: bool = False) -> RegisterRef | RawAddress:
        """What a read or write goes to: a register's name, or an address as a number."""
        if word.text[:1].isdigit():
            return RawAddress(line.bits_at(word, "the address", 52))
        return self.reference(line, word, field=field)

    def register(self, reference: RegisterRef) -> Register:
        return self.map.registers[reference.name]

    def field(self, line: SourceLine, word: Word, register: Register, also: tuple[str, ...] = ()) -> Field:
        """The field of that name; `also` are other words that could have been meant there."""
        for field in register.fields:
            if field.name == word.text:
                return field
        known = tuple(field.name for field in register.fields)
        if not known:
            raise line.error(word, f"{register.name} has no fields", f"{register.name} as a whole")
        raise line.unknown(word, f"field of {register.name}", (*known, *also))

    def field_value(self, line: SourceLine, word: Word, register: Register, field: Field) -> FieldValue:
        """What a field is set to: a number that fits, an address, or the name of one of its values."""
        for entry in field.values:
            if entry.name == word.text:
                return FieldValue(field.name, entry.value, entry.name)
        what = f"{register.name}.{field.name}"
        if word.text and not word.text[0].isdigit() and field.values:
            raise line.unknown(word, f"value of {what}", tuple(entry.name for entry in field.values))
        if field.name not in ADDRESS_FIELDS:
            return FieldValue(field.name, line.bits_at(word, what, field.width))
        address = line.bits_at(word, what, field.msb + 1)
        if address & ((1 << field.lsb) - 1):
            aligned = address >> field.lsb << field.lsb
            raise line.error(
                word,
                f"{what} holds bits {field.msb}:{field.lsb} only",
                f"a multiple of {1 << field.lsb:#x}, as {aligned:#x}",
            )
        return FieldValue(field.name, address >> field.lsb)

    def cpu(self, line: SourceLine, word: Word) -> int:
        """The CPU that `@n` names, given the characters after the @."""
        cpus = self.spec.cpus
        expected = "@0" if cpus == 1 else f"@0 to @{cpus - 1}"
        if not word.text:
            raise line.error(word, "the CPU number is missing", expected)
        number = line.number_at(word, "the CPU")
        if number >= cpus:
            raise line.error(word, f"there is no CPU {number}, the machine has cpus={cpus}", expected)
        return number

    def ram_address(self, line: SourceLine, word: Word, length: int) -> int:
        """A guest RAM address with `length` bytes of RAM behind it."""
        address = line.number_at(word, "the address")
        if address not in self.ram or address + length > self.ram.stop:
            problem = f"{address:#x} is not RAM" if address not in self.ram else f"{length} bytes reach beyond the RAM"
            raise line.error(word, problem, f"an address in {self.ram.start:#x} to {self.ram.stop - 1:#x}")
        return address

    def access_width(self, target: RegisterRef | RawAddress, width: int | None, half: Half | None) -> int:
        """The bits that an access moves: as asked for, else 32 for a half, else the register's own width."""
        return access_width(self.map, target, width, half)

    def _register(self, line: SourceLine, word: Word, name: str) -> Register:
        register = self.map.registers.get(name)
        if register is None:
            try:
                register = self.map.find(name).register
            except UnknownName as unknown:
                problem = short(unknown.reason, 200)
                if unknown.nearest and not unknown.elsewhere:
                    problem = f"unknown register {short(name)}"
                raise line.error(word, problem, "a register's full name", unknown.nearest) from None
        if register.reference:
            raise line.error(word, f"{name} is not in this machine: {register.why_absent}", "a register of this GICv3")
        return register

    def _register_cpu(
        self, line: SourceLine, word: Word, register: Register, text: str | None, match: re.Match[str]
    ) -> int | None:
        if not register.per_cpu:
            if text is None:
                return None
            raise line.error(
                word.part(match.start(2) - 1), f"{register.name} exists once, not per CPU", f"{register.name} without @"
            )
        if text is None:
            at = word.part(match.end(1))
            raise line.error(at, f"{register.name} exists once per CPU: @cpu is missing", f"{register.name}@0")
        return self.cpu(line, word.part(match.start(2), match.end(2)))


def access_width(registers: RegisterMap, target: RegisterRef | RawAddress, width: int | None, half: Half | None) -> int:
    """The bits that an access moves: as asked for, else 32 for a half, else the width of the register it starts."""
    if width is not None:
        return width
    if half is not None:
        return 32
    if isinstance(target, RegisterRef):
        return registers.registers[target.name].width
    found = registers.at(target.address)
    if found is None or registers.address(*found) != target.address:
        return 32
    return found[0].width


@lru_cache(maxsize=64)
def vocabulary(spec: MachineSpec) -> Vocabulary:
    """The vocabulary of a machine, kept: a session resolves one line at a time."""
    return Vocabulary(spec)
