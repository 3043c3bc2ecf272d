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
from app.web.views.look import DIFF, Look

if TYPE_CHECKING:
    from app.web.addresses import Found
    from app.web.views.diff_form import FormPage

RowT = TypeVar("RowT")
NAMES = {Side.A: "A", Side.B: "B"}


@dataclass(frozen=True, slots=True)
class Shown:
    """One of the two: its letter, its scenario's title, where it opens or ""; `apart` tells it from the other."""

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
    """`swap` is the address of the same the other way round, `permalink` of the same: "" where a side has none."""

    sides: tuple[Shown, Shown]
    same: bool
    summary: str
    blocks: tuple[Block, ...]
    memory: Ranges
    only: tuple[Lacks, ...]
    unseen: str
    swap: str
    permalink: str
    form: FormPage
    title: str


def link(a: str, b: str) -> str:
    """The page that compares two addresses."""
    return f"{DIFF}?{urlencode({'a': a, 'b': b}, safe='/')}"


def diff_page(told: Compared, a: Found, b: Found, form: FormPage) -> DiffPage:
    """The comparison as a page; rows lead to the second machine, which has what came of it."""
    look = _look(b)
    found = told.diff
    here = (a.address.text, b.address.text) if a.address and b.address else ()
    return DiffPage(
        sides=(_shown("A", a, b), _shown("B", b, a)),
        same=found.same,
        summary=summary(found),
        blocks=tuple(block for block in _blocks(found, look) if block.groups),
        memory=_ranges(found.memory, look),
        only=tuple(_only(found)),
        unseen=" ".join(unseen(found)),
        swap=link(*reversed(here)) if here else "",
        permalink=link(*here) if here else "",
        form=form,
        title=a.title if a.title == b.title else f"{a.title} and {b.title}",
    )


def _look(found: Found) -> Look | None:
    address = found.address
    return None if address is None else Look(address.base, step=found.side.origin.step, on=address.on)


def _href(look: Look | None, **changes: object) -> str:
    return "" if look is None else look.link(**changes)


def _shown(letter: str, found: Found, other: Found) -> Shown:
    origin, against = found.side.origin, other.side.origin
    on = f"on {origin.implementation}"
    apart = (
        origin.when if origin.step != against.step else "",
        on if origin.implementation != against.implementation else "",
    )
    text = ", ".join((origin.when or "a saved state", on))
    return Shown(letter, found.title, _href(_look(found)), text, ", ".join(filter(None, apart)))


def _blocks(found: Diff, look: Look | None) -> Iterator[Block]:
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


def _register(row: RegisterRow, look: Look | None) -> Group:
    name = row.name.partition(" ")[0]
    lines = tuple(_line(each, row.also) for each in row.changes)
    return Group(row.name, _href(look, register=name), lines, (f"{row.a:#x}", f"{row.b:#x}"))


def _lpi(row: LpiRow, look: Look | None) -> Group:
    return Group(row.name, _href(look, start=row.intid), tuple(map(_line, row.changes)))


def _entry(row: EntryRow, look: Look | None) -> Group:
    if row.table is Table.COLLECTION:
        href = _href(look, tab="collections", icid=row.icid or 0)
    else:
        href = _href(look, tab="devices", device=row.device, devices=row.device or 0, event=row.event or 0)
    return Group(row.name, href, tuple(map(_line, row.changes)))


def _ranges(section: Section[RamRow], look: Look | None) -> Ranges:
    return Ranges(tuple(_range(each, look) for each in section.rows), section.count, _more(section.left_out))


def _range(row: RamRow, look: Look | None) -> Range:
    differs = [one != other for one, other in zip(row.a, row.b, strict=True)]
    return Range(
        address=f"{row.address:#x}",
        href=_href(look, tab="memory", address=row.address),
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
