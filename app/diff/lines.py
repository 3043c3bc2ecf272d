"""A comparison as text: one change a line, in columns, so that it can be searched and compared itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from app.diff.side import Compared
from app.diff.told import Change, Diff, EntryRow, LpiRow, Only, RamRow, RegisterRow, Section, Side

WIDEST = 40
"""Characters of a column that others are aligned to; what is longer stands out."""
HIDDEN = "nothing that is shown differs, but the machines may go on differently: caches inside do"
SAME = "no difference"


def lines(told: Compared) -> Iterator[str]:
    """All of it, the two that are compared first, how many differences last."""
    yield f"--- {told.a.text}"
    yield f"+++ {told.b.text}"
    found = told.diff
    yield from _block("machine", (("", each) for each in found.machine), 0)
    yield from _only(found.only)
    for title, section in (("registers", found.registers), ("LPIs", found.lpis), ("table entries", found.entries)):
        yield from _section(title, section)
    yield from _ram(found.memory)
    yield from _block("inside", (("", each) for each in found.inside.rows), found.inside.left_out)
    yield from unseen(found)
    yield summary(found)


def summary(found: Diff) -> str:
    """How many differences there are."""
    if found.hidden:
        return HIDDEN
    return f"{found.count:,} difference{'' if found.count == 1 else 's'}" if found.count else SAME


def unseen(found: Diff) -> Iterator[str]:
    """What was not looked at."""
    if found.unseen:
        yield f"the events of {found.unseen:,} devices were not looked at: there are too many"


def noted(change: Change, also: Iterable[str] = ()) -> str:
    """What is said beside a change: of which INTID it is, and which registers show it too."""
    others = ", ".join(also)
    return "; ".join(filter(None, (change.note, f"also {others}" if others else "")))


def _section(title: str, section: Section[RegisterRow] | Section[LpiRow] | Section[EntryRow]) -> Iterator[str]:
    changes = ((row, change) for row in section.rows for change in row.changes)
    yield from _block(title, ((row.name, _with_others(row, change)) for row, change in changes), section.left_out)


def _with_others(row: RegisterRow | LpiRow | EntryRow, change: Change) -> Change:
    also = row.also if isinstance(row, RegisterRow) else ()
    return Change(change.name, change.a, change.b, change.form, change.names, noted(change, also))


def _block(title: str, changes: Iterable[tuple[str, Change]], left_out: int) -> Iterator[str]:
    told = list(changes)
    if not told:
        return
    yield title
    widths = [_width(name for name, _ in told), _width(change.name for _, change in told)]
    for name, change in told:
        one, other = change.texts
        row = f"{name:<{widths[0]}}  {change.name:<{widths[1]}}  {one} -> {other}" + (
            f"  ({change.note})" if change.note else ""
        )
        yield f"  {row.strip()}"
    if left_out:
        yield f"  and {left_out:,} more"


def _width(names: Iterable[str]) -> int:
    return max((len(name) for name in names if len(name) <= WIDEST), default=0)


def _only(only: tuple[Only, ...]) -> Iterator[str]:
    for side, sign in ((Side.A, "-"), (Side.B, "+")):
        mine = [each for each in only if each.side is side]
        if mine:
            yield f"registers of {'the first' if side is Side.A else 'the second'} only"
            yield from (f"  {sign} {each.what}" + (f", {each.count}" if each.count > 1 else "") for each in mine)


def _ram(section: Section[RamRow]) -> Iterator[str]:
    if section.rows:
        yield "RAM"
    for row in section.rows:
        yield f"  {row.address:#x}  {row.length:,} byte{'' if row.length == 1 else 's'}" + (
            f" in {row.where}" if row.where else ""
        )
        more = " …" if row.length > len(row.a) else ""
        yield f"    - {row.a.hex(' ')}{more}"
        yield f"    + {row.b.hex(' ')}{more}"
    if section.left_out:
        yield f"  and {section.left_out:,} more ranges"
