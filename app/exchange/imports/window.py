"""A part of an import as a scenario of its own: the machine as it was before it, as a saved state, and its steps."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from app.exchange.imports.pieces import CannotImport, cleaned
from app.exchange.imports.result import Import
from app.scenario.format import format_content
from app.scenario.operations import LoadState
from app.scenario.parse import LONGEST_LINE, LONGEST_TEXT, LONGEST_TITLE, MOST_LINES, parse_line
from app.scenario.player import Player
from app.scenario.scenario import Title
from app.scenario.state import state_text
from app.scenario.state_read import packed_state

HEAD_LINES = 4


@dataclass(frozen=True, slots=True)
class Room:
    """What one scenario may have: steps (the one that loads the state included), lines, and characters."""

    steps: int = MOST_LINES
    lines: int = MOST_LINES
    characters: int = LONGEST_TEXT


@dataclass(frozen=True, slots=True)
class Window:
    """A scenario text; steps `first` to `last` (from 1) of the import, from its lines `first_line` to `last_line`.

    `loads`: the text begins with a saved state, as a step of its own.
    """

    text: str
    first: int
    last: int
    first_line: int
    last_line: int
    loads: bool

    def step(self, step: int) -> int:
        """The step of the text (from 1) that a step of the import is."""
        return step - self.first + 1 + self.loads


def window(imported: Import, first: int, room: Room) -> Window:
    """The steps from `first`'s line on, as many whole lines' as there is room for.

    CannotImport where the state before them has no room.
    """
    steps = imported.steps
    first = min(max(first, 1), max(steps, 1))
    if steps:
        first = imported.step_of(imported.line_of[first - 1])
    with imported.path.open("rb") as text:
        loaded = _before(imported, text, first)
        head = f"{format_content(imported.spec)}\n{loaded}"
        left = room.characters - len(head) - 2 * LONGEST_TITLE
        rows: list[str] = []
        last = first - 1
        for row in _rows(text):
            step = not row.startswith("#")
            left -= len(row)
            if left < 0 or len(rows) >= room.lines - HEAD_LINES or last - first + 2 + bool(loaded) > room.steps:
                break
            last += step
            rows.append(row)
    while first < last < steps and imported.line_of[last] == imported.line_of[last - 1]:
        last -= not rows.pop().startswith("#")
    lines = imported.line_of[first - 1] if steps else 0, imported.line_of[last - 1] if steps else 0
    name = cleaned(imported.title, LONGEST_TITLE - 60)
    title = name if last - first + 1 == steps else f"{name}, lines {lines[0]} to {lines[1]}"
    return Window(f"{format_content(Title(title))}\n{head}{''.join(rows)}", first, last, *lines, bool(loaded))


def windows(imported: Import, room: Room) -> Iterator[Window]:
    """All of them, one after the other, each as full as may be."""
    first = 1
    while True:
        found = window(imported, first, room)
        yield found
        first = found.last + 1
        if first > imported.steps or not found.text:
            return


def player_before(imported: Import, text: BinaryIO, first: int) -> Player:
    """Moves `text` to step `first` (from 1); the machine as it was before it."""
    marks = imported.marks
    mark = marks[bisect_right(marks, first - 1, key=lambda each: each.step) - 1]
    player = Player(imported.spec)
    if mark.position is not None:
        player.restore(mark.position)
    text.seek(mark.offset)
    step = mark.step
    while step < first - 1:
        row = text.readline().decode()
        if not row.startswith("#"):
            player.advance(parse_line(row.rstrip("\n"), imported.spec))
            step += 1
    return player


def _before(imported: Import, text: BinaryIO, first: int) -> str:
    """Moves `text` to step `first`; the line that makes a fresh machine what it was before it, "" before the first."""
    if first == 1:
        return ""
    machine = player_before(imported, text, first).machine
    line = format_content(LoadState(packed_state(state_text(machine, imported.spec))), imported.spec)
    if len(line) > LONGEST_LINE:
        raise CannotImport(
            f"the state before step {first} has {len(line):,} characters, a line at most {LONGEST_LINE:,}",
            "Begin at the first line.",
        )
    return f"{line}\n"


def _rows(text: BinaryIO) -> Iterator[str]:
    while row := text.readline():
        yield row.decode()
