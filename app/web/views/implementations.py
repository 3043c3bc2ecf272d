"""The matrix of behaviours as a page shows it: one row for each difference, one column for each implementation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlencode

from app.engines.matrix import Row, rows
from app.gic import IMPLEMENTATIONS
from app.scenario import links
from app.web.views.words import Run, plural, runs

PATH = "/implementations"
LONGEST_QUERY = 64
OPEN = "open"
SHOWS = ("", OPEN)


@dataclass(frozen=True, slots=True)
class Cell:
    """What one implementation does. `same` names the column to the left that does the same, "" for none.

    Then `cite` is left out where it is the same too.
    """

    title: str
    meaning: tuple[Run, ...]
    cite: str
    same: str


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the matrix. `see` plays its scenario in the explorer, `compare` on all side by side."""

    key: str
    title: tuple[Run, ...]
    status: str
    allowed: str
    cells: tuple[Cell, ...]
    alike: bool
    see: str
    compare: str
    words: str


@dataclass(frozen=True, slots=True)
class Section:
    """The rows of one area; `anchor` is its place on the page."""

    title: str
    anchor: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    title: str
    summary: str


@dataclass(frozen=True, slots=True)
class Choice:
    value: str
    label: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class MatrixPage:
    """The page. `count` says how many rows are shown; `one` and `other` are the pair to compare, if any."""

    columns: tuple[Column, ...]
    sections: tuple[Section, ...]
    count: str
    query: str
    show: str
    one: tuple[Choice, ...]
    other: tuple[Choice, ...]
    shows: tuple[Choice, ...]
    filtered: bool


@dataclass(frozen=True, slots=True)
class Filter:
    """What of the matrix is wanted: words that occur in it, rows left open by the manual, rows that part two."""

    query: str = ""
    show: str = ""
    one: str = ""
    other: str = ""

    def takes(self, row: Row, words: str) -> bool:
        parted = not (self.one and self.other) or row.parts(self.one, self.other)
        left_open = self.show != OPEN or bool(row.status)
        return parted and left_open and all(word in words for word in self.query.lower().split())


def matrix_page(wanted: Filter) -> MatrixPage:
    """The matrix, or what the filter leaves of it."""
    sections: dict[str, list[Line]] = {}
    total = 0
    for row, line in _lines():
        if wanted.takes(row, line.words):
            sections.setdefault(row.area, []).append(line)
            total += 1
    everything = len(_lines())
    filtered = total != everything
    return MatrixPage(
        columns=tuple(Column(item.name, item.title, item.summary) for item in IMPLEMENTATIONS.values()),
        sections=tuple(Section(area, _anchor(area), tuple(lines)) for area, lines in sections.items()),
        count=f"{total} of {plural(everything, 'row')}" if filtered else plural(total, "row"),
        query=wanted.query,
        show=wanted.show,
        one=_choices(wanted.one),
        other=_choices(wanted.other),
        shows=(
            Choice("", "All rows", wanted.show == ""),
            Choice(OPEN, "Left open by the manual", wanted.show == OPEN),
        ),
        filtered=filtered,
    )


def address(**query: str) -> str:
    """The matrix with a filter."""
    given = {name: value for name, value in query.items() if value}
    return PATH + (f"?{urlencode(given)}" if given else "")


def _choices(chosen: str) -> tuple[Choice, ...]:
    named = (Choice(item.name, item.title, item.name == chosen) for item in IMPLEMENTATIONS.values())
    return (Choice("", "any", not chosen), *named)


def _anchor(area: str) -> str:
    return "".join(char if char.isalnum() else "-" for char in area.lower())


@lru_cache(maxsize=1)
def _lines() -> tuple[tuple[Row, Line], ...]:
    return tuple((row, _line(row)) for row in rows())


def _line(row: Row) -> Line:
    payload = links.pack(row.scenario, step=1)
    cells = _cells(row)
    told = [row.title, row.key, row.status, row.area, *row.registers, *row.allowed]
    told += [text for value in row.values.values() for text in (value.meaning, value.cite)]
    return Line(
        key=row.key,
        title=runs(row.title),
        status=row.status,
        allowed="; ".join(row.allowed),
        cells=cells,
        alike=not row.differs,
        see=f"/x/{payload}",
        compare=f"/x/{payload}/compare",
        words=" ".join(told).lower(),
    )


def _cells(row: Row) -> tuple[Cell, ...]:
    seen: dict[str, Cell] = {}
    cells: list[Cell] = []
    titles: Mapping[str, str] = {name: item.title for name, item in IMPLEMENTATIONS.items()}
    for name, value in row.values.items():
        twin = seen.get(value.label)
        cite = "" if twin is not None and twin.cite == value.cite else value.cite
        cells.append(Cell(titles[name], runs(value.meaning), cite, "" if twin is None else twin.title))
        seen.setdefault(value.label, cells[-1])
    return tuple(cells)
