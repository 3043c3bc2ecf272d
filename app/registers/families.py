"""Arrays of registers as one: the manual describes GICD_IPRIORITYR<n>, a guest reads GICD_IPRIORITYR8."""

from __future__ import annotations

import re
from dataclasses import dataclass

from app.registers.map import RegisterMap
from app.registers.view import Access, Field, Frame, Register


@dataclass(frozen=True, slots=True)
class Span:
    """Neighbouring elements of a family that are alike in all but number and place."""

    registers: tuple[Register, ...]

    @property
    def first(self) -> Register:
        return self.registers[0]

    @property
    def last(self) -> Register:
        return self.registers[-1]


@dataclass(frozen=True, slots=True)
class Family:
    """Registers that share a name but for their number, in the order of their offsets; often there is only one."""

    name: str
    """GICD_IPRIORITYR<n>, GICD_IROUTER<n>E, ICC_AP0R<n>_EL1; of a single register its own name."""
    frame: Frame
    registers: tuple[Register, ...]
    spans: tuple[Span, ...]

    @property
    def first(self) -> Register:
        return self.registers[0]

    @property
    def last(self) -> Register:
        return self.registers[-1]

    @property
    def stem(self) -> str:
        return self.first.stem

    @property
    def stride(self) -> int:
        """Bytes from one element to the next; 0 if there is only one."""
        return self.registers[1].offset - self.first.offset if len(self.registers) > 1 else 0

    @property
    def present(self) -> tuple[Register, ...]:
        """The elements that this implementation has."""
        return tuple(register for register in self.registers if register.present)

    @property
    def typical(self) -> Register:
        """The first element that is implemented, else the first."""
        return next((register for register in self.registers if register.present), self.first)


@dataclass(frozen=True, slots=True)
class FieldRun:
    """Neighbouring fields that are alike in all but number, most significant first; often there is only one."""

    fields: tuple[Field, ...]

    @property
    def first(self) -> Field:
        return self.fields[0]

    @property
    def last(self) -> Field:
        return self.fields[-1]

    @property
    def msb(self) -> int:
        return self.first.msb

    @property
    def lsb(self) -> int:
        return self.last.lsb

    @property
    def name(self) -> str:
        """Set_enable_bit<x>; of a single field its own name."""
        return self.first.name if len(self.fields) == 1 else _NUMBER.sub("<x>", self.first.name)

    @property
    def numbers(self) -> tuple[int, int]:
        """The numbers of the least and of the most significant field."""
        return _number(self.last), _number(self.first)


_NUMBER = re.compile(r"\d+")


def field_runs(fields: tuple[Field, ...]) -> tuple[FieldRun, ...]:
    """Fields that repeat, one for each interrupt, as one each."""
    runs: list[list[Field]] = []
    for field in fields:
        if runs and _repeats(runs[-1][-1], field):
            runs[-1].append(field)
        else:
            runs.append([field])
    return tuple(FieldRun(tuple(run)) for run in runs)


def families(map_: RegisterMap) -> dict[str, Family]:
    """Every family of a map by its stem, frame by frame, in the order of offsets."""
    return map_.derived("families", lambda: _families(map_))


def _families(map_: RegisterMap) -> dict[str, Family]:
    found: dict[str, Family] = {}
    for frame in map_.frames.values():
        members: dict[str, list[Register]] = {}
        for register in frame.registers:
            members.setdefault(register.stem, []).append(register)
        found.update((stem, _family(frame, tuple(registers))) for stem, registers in members.items())
    return found


def span_contents(family: Family) -> tuple[tuple[object, ...], ...]:
    """What a family is but for its meaning: equal in two implementations that have it alike."""
    return tuple((len(span.registers), *_contents(span.first)) for span in family.spans)


def family_name(register: Register) -> str:
    """The register's name with <n> in the place of its number."""
    if register.index is None:
        return register.name
    number = str(register.index)
    for place in range(len(register.stem) + 1):
        start, end = register.stem[:place], register.stem[place:]
        if f"{start}{number}{end}" == register.name:
            return f"{start}<n>{end}"
    return register.name


def accesses(register: Register) -> tuple[Access, ...]:
    """The kinds of access among its fields, most significant first; reserved bits only if there is nothing else.

    Of a register that this implementation does not have, the kinds where there is one.
    """
    kinds = dict.fromkeys(field.access for field in register.declared)
    useful = tuple(kind for kind in kinds if kind is not Access.RES0)
    return useful or (Access.RES0,)


def _family(frame: Frame, registers: tuple[Register, ...]) -> Family:
    spans: list[list[Register]] = []
    for register in registers:
        if spans and _alike(spans[-1][-1], register):
            spans[-1].append(register)
        else:
            spans.append([register])
    name = family_name(registers[0]) if len(registers) > 1 else registers[0].name
    return Family(name, frame, registers, tuple(Span(tuple(span)) for span in spans))


def _number(field: Field) -> int:
    found = _NUMBER.search(field.name)
    return int(found[0]) if found else 0


def _repeats(above: Field, field: Field) -> bool:
    """Whether a field is the next one of the same kind: one number less, just below."""
    if above.lsb != field.msb + 1 or _number(above) != _number(field) + 1:
        return False
    return _NUMBER.sub("", above.name) == _NUMBER.sub("", field.name) and _kind(above) == _kind(field)


def _kind(field: Field) -> tuple[object, ...]:
    return (field.width, field.access, field.reset, field.meaning, field.cite, field.values, field.kept)


def _alike(one: Register, other: Register) -> bool:
    return _contents(one) == _contents(other)


def _contents(register: Register) -> tuple[object, ...]:
    return (
        register.width,
        register.sizes,
        register.present,
        register.why_absent,
        register.fields,
        register.declared,
        register.reset,
        register.resets,
        register.readable,
        register.writable,
        register.sets,
        register.clears,
        register.user,
        register.nonsecure,
    )
