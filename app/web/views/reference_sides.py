"""A register on all implementations, side by side: what it reads back, its fields where they differ, its behaviours."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.gic import IMPLEMENTATIONS
from app.registers import Access, Field, Register
from app.registers.families import FieldRun, field_runs
from app.web.views.reference_answers import Replies, Reply, Way, guest_ways, replies
from app.web.views.reference_index import REFERENCE, chart
from app.web.views.words import Hex, Run, bit_range, hex_groups, runs

NOT_THERE = "not there"


@dataclass(frozen=True, slots=True)
class Cell:
    """One implementation's answer. `same`: as the first one has it; `label` names the implementation."""

    label: str
    current: bool
    same: bool
    hex: Hex | None
    access: Access | None
    text: tuple[Run, ...]
    cite: str


@dataclass(frozen=True, slots=True)
class SideRow:
    title: tuple[Run, ...]
    note: str
    cells: tuple[Cell, ...]

    @property
    def differs(self) -> bool:
        return not all(cell.same for cell in self.cells[1:])


@dataclass(frozen=True, slots=True)
class Group:
    title: str
    rows: tuple[SideRow, ...]


@dataclass(frozen=True, slots=True)
class Head:
    title: str
    summary: str
    current: bool


@dataclass(frozen=True, slots=True)
class Sides:
    """`remarks` say what the rows leave out because it is the same."""

    heads: tuple[Head, ...]
    groups: tuple[Group, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Answer:
    """A cell before it is compared; two are the same if these are equal."""

    text: str = ""
    value: int | None = None
    access: Access | None = None
    cite: str = ""


class Comparison:
    """The register `name` as every implementation has it, on a machine with `spis` SPIs; `on` is on view."""

    def __init__(self, name: str, spis: int, on: str) -> None:
        self.name = name
        self.spis = spis
        self.on = on or REFERENCE
        self.registers = {each: chart(each, spis).registers[name] for each in IMPLEMENTATIONS}
        self.width = self.registers[REFERENCE].width

    def sides(self) -> Sides:
        remarks: list[str] = []
        groups = [
            Group("What it reads back", tuple(self._answers(remarks))),
            Group("Fields that differ", tuple(self._fields())),
            Group("Behaviour", tuple(self._behaviours())),
        ]
        if not groups[1].rows:
            remarks.append("No field differs between the implementations.")
        return Sides(
            heads=tuple(Head(item.title, item.summary, name == self.on) for name, item in IMPLEMENTATIONS.items()),
            groups=tuple(group for group in groups if group.rows),
            remarks=tuple(remarks),
        )

    # -- rows

    def _row(self, title: str, answers: Sequence[_Answer], note: str = "") -> SideRow:
        first = answers[0]
        cells = tuple(self._cell(name, answer, first) for name, answer in zip(IMPLEMENTATIONS, answers, strict=True))
        return SideRow(runs(title), note, cells)

    def _cell(self, name: str, answer: _Answer, first: _Answer) -> Cell:
        marks = 0
        if answer.value is not None and first.value is not None:
            marks = answer.value ^ first.value
        value = None if answer.value is None else hex_groups(answer.value, self.width, differs=marks)
        return Cell(
            label=IMPLEMENTATIONS[name].title,
            current=name == self.on,
            same=(answer.text, answer.value, answer.access) == (first.text, first.value, first.access),
            hex=value,
            access=answer.access,
            text=runs(answer.text),
            cite=answer.cite,
        )

    def _answers(self, remarks: list[str]) -> Iterator[SideRow]:
        """By doing it: after reset, after all ones, after the zero that follows."""
        yield self._row("Implemented", [_presence(register) for register in self.registers.values()])
        ways = guest_ways(self.registers[REFERENCE])
        if not ways:
            remarks.append("No implementation here has this frame: there is nothing to write to.")
            return
        told: list[dict[str, Replies]] = []
        for way in ways:
            got = {name: replies(name, self.name, self.spis, way) for name in IMPLEMENTATIONS}
            if got in told:
                remarks.append(f"Accesses as {way.label} give the same as {ways[told.index(got)].label}.")
                continue
            told.append(got)
            yield from self._sequence(way, got, first=len(told) == 1)

    def _sequence(self, way: Way, got: dict[str, Replies], *, first: bool) -> Iterator[SideRow]:
        if first:
            yield self._row("After reset", [self._read(name, item.reset) for name, item in got.items()])
        note = way.label
        yield self._row("All ones", [self._read(name, item.ones) for name, item in got.items()], note)
        yield self._row("Then zero", [self._read(name, item.zero) for name, item in got.items()], note)

    def _read(self, name: str, reply: Reply) -> _Answer:
        """Why a write was refused is said once, by the row that says that the register is not there."""
        refused = reply.refused if self.registers[name].present else ""
        return _Answer(f"Refused: {refused}." if refused else "", reply.value)

    def _fields(self) -> Iterator[SideRow]:
        """Each field that is not alike on all, neighbours with the same answers as one."""
        pending: list[tuple[Field, list[_Answer]]] = []
        for field in self.registers[REFERENCE].declared:
            answers = [_field_answer(register, field.name) for register in self.registers.values()]
            differs = self._differ(answers)
            if pending and not (differs and _continues(pending[-1], field, answers)):
                yield self._field_row(pending)
                pending = []
            if differs:
                pending.append((field, answers))
        if pending:
            yield self._field_row(pending)
        loose = [_loose_answer(register) for register in self.registers.values()]
        if self._differ(loose):
            yield self._row("Reserved bits", loose)

    def _differ(self, answers: list[_Answer]) -> bool:
        """Whether those that have the register have it differently."""
        present = [register.present for register in self.registers.values()]
        return len({answer for answer, there in zip(answers, present, strict=True) if there}) > 1

    def _field_row(self, alike: list[tuple[Field, list[_Answer]]]) -> SideRow:
        run = FieldRun(tuple(field for field, _ in alike))
        return self._row(f"{run.name}", alike[0][1], f"[{bit_range(run.msb, run.lsb)}]")

    def _behaviours(self) -> Iterator[SideRow]:
        """Every behaviour whose description names the register."""
        named = re.compile(rf"\b{re.escape(self.registers[REFERENCE].stem)}(?![A-Z0-9])")
        tables = [item.behaviours() for item in IMPLEMENTATIONS.values()]
        for key, behaviour in tables[0].items():
            kind = type(behaviour)
            told = [kind.__doc__ or "", *(f"{each.meaning} {each.cite}" for each in kind)]
            if any(named.search(text) for text in told):
                answers = [_Answer(table[key].meaning, cite=table[key].cite) for table in tables]
                yield self._row(kind.title(), answers, str(kind.status))


def _presence(register: Register) -> _Answer:
    return _Answer("yes" if register.present else f"no: {register.why_absent}")


def _continues(above: tuple[Field, list[_Answer]], field: Field, answers: list[_Answer]) -> bool:
    return answers == above[1] and len(field_runs((above[0], field))) == 1


def _field_answer(register: Register, name: str) -> _Answer:
    if not register.present:
        return _Answer(NOT_THERE)
    field = register.field(name)
    return _Answer("; ".join(_field_words(register, field)), access=field.access)


def _field_words(register: Register, field: Field) -> Iterator[str]:
    reached = register.readable | register.writable | register.sets | register.clears
    exists = reached & field.mask
    if field.access is not Access.RES0 and exists != field.mask:
        yield f"its bits {bit_ranges(exists >> field.lsb)} only"
    written = register.writable | register.sets | register.clears
    if field.access in (Access.W1S, Access.W1C) and written & exists != exists:
        lost = exists & ~written
        yield "a write changes nothing" if lost == field.mask else f"a write does not reach {bit_ranges(lost)}"
    if field.reset and field.access is not Access.RES1:
        yield f"reset {field.reset:#x}"
    yield from kept_words(field)


def kept_words(field: Field) -> Iterator[str]:
    """The values that are not kept as written: "2, 3 kept as 0 (SameAsInner)"."""
    by_kept: dict[int, list[int]] = {}
    for written, kept in field.kept:
        by_kept.setdefault(kept, []).append(written)
    for kept, values in by_kept.items():
        named = field.enumeration(kept)
        yield f"{_numbers(values)} kept as {kept}" + (f" ({named.name})" if named else "")


def _numbers(values: list[int]) -> str:
    if len(values) > 2 and values == list(range(values[0], values[-1] + 1)):
        return f"{values[0]}-{values[-1]}"
    return ", ".join(map(str, values))


def _loose_answer(register: Register) -> _Answer:
    """The bits outside all fields: reserved, but an implementation may store them."""
    if not register.present:
        return _Answer(NOT_THERE)
    loose = register.mask & ~sum(field.mask for field in register.fields)
    stored, ones = register.writable & loose, register.readable & ~register.writable & loose
    told = [f"{bit_ranges(stored)} keep what is written"] if stored else []
    told += [f"{bit_ranges(ones)} read as one"] if ones else []
    return _Answer("; ".join(told), access=None if told else Access.RES0)


def bit_ranges(mask: int) -> str:
    """The bits of a mask as the manual writes them: "63, 61:59"."""
    told: list[str] = []
    for match in re.finditer("1+", f"{mask:b}"):
        high = mask.bit_length() - 1 - match.start()
        told.append(bit_range(high, high - len(match[0]) + 1))
    return ", ".join(told)
