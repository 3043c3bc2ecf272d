"""A comparison of two machines as its page shows it, every row leading to where it is in the explorer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlencode

from app.diff.lines import noted, summary, unseen
from app.diff.side import Compared
from app.diff.told import Change, Diff, EntryRow, LpiRow, RamRow, RegisterRow, Section, Side, Table
from app.web.views.look import Look

if TYPE_CHECKING:
    from app.web.addresses import Found
    from app.web.problems import Problem

RowT = TypeVar("RowT")
PAGE = "/diff"
NAMES = {Side.A: "A", Side.B: "B"}


@dataclass(frozen=True, slots=True)
class Asked:
    """The two addresses as they were typed."""

    a: str = ""
    b: str = ""


@dataclass(frozen=True, slots=True)
class Entered:
    """A field of the form; `trouble` is what is wrong with what was typed, `remedy` what would be right."""

    name: str
    label: str
    value: str
    trouble: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class FormPage:
    fields: tuple[Entered, ...]
    failed: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """One of the two: its letter, its scenario's title, where it opens; `apart` is what tells it from the other."""

    letter: str
    title: str
    href: str
    text: str
    apart: str


@dataclass(frozen=True, slots=True)
class Line:
    """One change."""

    name: str
    a: str
    b: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """What the changes are of, and where it is shown; `whole`: a register's value in both."""

    name: str
    href: str
    lines: tuple[Line, ...]
    whole: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """A table of changes; `of` heads its first column, "" where each line speaks for itself. `left_out` in words."""

    key: str
    title: str
    of: str
    groups: tuple[Group, ...]
    count: int
    left_out: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes in a row that are all the same in both, or all not."""

    text: str
    differs: bool


@dataclass(frozen=True, slots=True)
class Range:
    """A range of RAM."""

    address: str
    href: str
    length: str
    where: str
    a: tuple[Piece, ...]
    b: tuple[Piece, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class Ranges:
    lines: tuple[Range, ...]
    count: int
    left_out: str = ""


@dataclass(frozen=True, slots=True)
class Lacks:
    """Registers that only the machine with this letter has."""

    letter: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DiffPage:
    sides: tuple[Shown, Shown]
    same: bool
    summary: str
    blocks: tuple[Block, ...]
    memory: Ranges
    only: tuple[Lacks, ...]
    unseen: str
    swap: str
    form: FormPage
    title: str


def form_page(asked: Asked, a: Problem | None = None, b: Problem | None = None) -> FormPage:
    """The form with what was typed; `a` and `b` are what is wrong with each."""
    fields = (_entered("a", "First", asked.a, a), _entered("b", "Second", asked.b, b))
    return FormPage(fields, failed=bool(a or b))


def _entered(name: str, label: str, value: str, problem: Problem | None) -> Entered:
    if problem is None:
        return Entered(name, label, value)
    return Entered(name, label, value, f"{problem.title}. {problem.detail}", problem.advice)


def link(a: str, b: str) -> str:
    """The page that compares two addresses."""
    return f"{PAGE}?{urlencode({'a': a, 'b': b}, safe='/')}"


def diff_page(told: Compared, a: Found, b: Found) -> DiffPage:
    """The comparison as a page; rows lead to the second machine, which has what came of it."""
    look = _look(b)
    found = told.diff
    here = Asked(a.address.text, b.address.text)
    return DiffPage(
        sides=(_shown("A", a, b), _shown("B", b, a)),
        same=found.same,
        summary=summary(found),
        blocks=tuple(block for block in _blocks(found, look) if block.groups),
        memory=_ranges(found.memory, look),
        only=tuple(_only(found)),
        unseen=" ".join(unseen(found)),
        swap=link(here.b, here.a),
        form=form_page(here),
        title=a.title if a.title == b.title else f"{a.title} and {b.title}",
    )


def _look(found: Found) -> Look:
    return Look(found.address.base, step=found.side.origin.step, on=found.address.on)


def _shown(letter: str, found: Found, other: Found) -> Shown:
    origin, against = found.side.origin, other.side.origin
    on = f"on {origin.implementation}"
    apart = (
        origin.when if origin.step != against.step else "",
        on if origin.implementation != against.implementation else "",
    )
    text = ", ".join(filter(None, (origin.when, on)))
    return Shown(letter, found.title, _look(found).link(), text, ", ".join(filter(None, apart)))


def _blocks(found: Diff, look: Look) -> Iterator[Block]:
    yield Block("machine", "Machine", "", _alone(found.machine), len(found.machine))
    yield _block("registers", "Registers", "Register", found.registers, lambda row: _register(row, look))
    yield _block("lpis", "LPIs", "LPI", found.lpis, lambda row: _lpi(row, look))
    yield _block("entries", "Table entries", "Entry", found.entries, lambda row: _entry(row, look))
    inside = found.inside
    yield Block("inside", "Wires, lists and caches", "", _alone(inside.rows), inside.count, _more(inside.left_out))


def _block(key: str, title: str, of: str, section: Section[RowT], group: Callable[[RowT], Group]) -> Block:
    return Block(key, title, of, tuple(map(group, section.rows)), section.count, _more(section.left_out))


def _more(left_out: int) -> str:
    return f"and {left_out:,} more, which are not listed" if left_out else ""


def _alone(changes: Iterable[Change]) -> tuple[Group, ...]:
    lines = tuple(_line(each) for each in changes)
    return (Group("", "", lines),) if lines else ()


def _line(change: Change, also: Iterable[str] = ()) -> Line:
    return Line(change.name, *change.texts, noted(change, also))


def _register(row: RegisterRow, look: Look) -> Group:
    name = row.name.partition(" ")[0]
    lines = tuple(_line(each, row.also) for each in row.changes)
    return Group(row.name, look.link(register=name), lines, (f"{row.a:#x}", f"{row.b:#x}"))


def _lpi(row: LpiRow, look: Look) -> Group:
    return Group(row.name, look.link(start=row.intid), tuple(map(_line, row.changes)))


def _entry(row: EntryRow, look: Look) -> Group:
    if row.table is Table.COLLECTION:
        href = look.link(tab="collections", icid=row.icid or 0)
    else:
        href = look.link(tab="devices", device=row.device, devices=row.device or 0, event=row.event or 0)
    return Group(row.name, href, tuple(map(_line, row.changes)))


def _ranges(section: Section[RamRow], look: Look) -> Ranges:
    return Ranges(tuple(_range(each, look) for each in section.rows), section.count, _more(section.left_out))


def _range(row: RamRow, look: Look) -> Range:
    differs = [one != other for one, other in zip(row.a, row.b, strict=True)]
    return Range(
        address=f"{row.address:#x}",
        href=look.link(tab="memory", address=row.address),
        length=f"{row.length:,} byte{'' if row.length == 1 else 's'}",
        where=row.where,
        a=tuple(_pieces(row.a, differs)),
        b=tuple(_pieces(row.b, differs)),
        more=row.length > len(row.a),
    )


def _pieces(data: bytes, differs: list[bool]) -> Iterator[Piece]:
    for marked, pairs in groupby(zip(data, differs, strict=True), key=lambda pair: pair[1]):
        yield Piece(bytes(byte for byte, _ in pairs).hex(" "), marked)


def _only(found: Diff) -> Iterator[Lacks]:
    for side, letter in NAMES.items():
        names = tuple(
            f"{each.what} ({each.count})" if each.count > 1 else each.what for each in found.only if each.side is side
        )
        if names:
            yield Lacks(letter, names)
