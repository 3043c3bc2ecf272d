"""What a file is that somebody names or sends: a scenario, or a log, dump or image that can be imported."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.exchange.imports.pieces import CannotImport, Options
from app.exchange.imports.result import Import
from app.exchange.imports.run import run
from app.exchange.imports.source import LINES_PER_REPORT, Source
from app.scenario import Operation, Scenario, ScenarioError, parse
from app.scenario.errors import nearest_names
from app.scenario.lessons import read_lesson
from app.scenario.parse import parse_line, problems
from app.scenario.verbs import VERBS
from app.scenario.work import spend

HEAD_BYTES = 4096
HEADERS = frozenset({"title", "machine"})
LESSON = ".md"
STDIN = "-"
SHORTEST_GUESSED = 3
LINE_WORK = 10
"""A line of an import read, in the units of `Machine.work`: 15,000 take 0.15 s."""


class Unreadable(Exception):
    """Neither a scenario nor a log: `why` says what is wrong with `source`, or `errors` which of its lines are."""

    def __init__(self, source: str, why: str, advice: str = "", errors: tuple[ScenarioError, ...] = ()) -> None:
        self.source = source
        self.why = why
        self.advice = advice
        self.errors = errors
        super().__init__("\n".join(self.rows))

    @property
    def rows(self) -> tuple[str, ...]:
        """The same as the command line tells it, one a line."""
        if self.errors:
            return tuple(map(str, self.errors))
        return (f"giclab: {self.source}: {self.why}{f'. {self.advice}' if self.advice else ''}",)


@contextmanager
def on_disk(file: Path) -> Iterator[Path]:
    """The file; what comes in on standard input (`-`) as one."""
    if str(file) != STDIN:
        yield file
        return
    with tempfile.TemporaryDirectory(prefix="giclab-input-") as directory:
        path = Path(directory, "input")
        with path.open("wb") as copy:
            shutil.copyfileobj(sys.stdin.buffer, copy)
        yield path


def head_of(path: Path) -> str:
    """The beginning of a file as text, what is none replaced."""
    with path.open("rb") as opened:
        return opened.read(HEAD_BYTES).decode("utf-8", "replace")


def is_scenario(path: Path, source: str) -> bool:
    """Whether a file is one by its name, or by the first word in it."""
    if source.endswith((".gic", LESSON)):
        return True
    first = _first_word(path)
    return first in VERBS or first in HEADERS


def _first_word(path: Path) -> str:
    rows = (row.split() for row in head_of(path).split("\n"))
    return next((row[0] for row in rows if row and not row[0].startswith("#")), "")


def scenario_in(path: Path, source: str) -> Scenario:
    """The scenario in a file that is told of as `source`. Raises Unreadable with every line that cannot be read."""
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise Unreadable(source, f"byte {error.start} is not UTF-8, a scenario is text") from error
    try:
        return read_lesson(path.stem, text, source).scenario if source.endswith(LESSON) else parse(text, source)
    except ScenarioError as error:
        raise Unreadable(source, str(error), errors=problems(text, source) or (error,)) from error


@contextmanager
def imported(path: Path, source: str, on: str, most_bytes: int | None = None) -> Iterator[Import]:
    """The file imported, on an implementation if one is given; its steps last as long as the block.

    `most_bytes` bounds what it unpacks to. Raises Unreadable, or TooMuch where a request may not do so much.
    """
    with tempfile.TemporaryDirectory(prefix="giclab-import-") as directory:
        try:
            found = run(
                Source(path, most_bytes), Path(directory, "steps"), Options(implementation=on),
                title=source, report=_counted,
            )  # fmt: skip
        except CannotImport as error:
            why = f"neither a scenario nor something to import: {error}"
            raise Unreadable(source, why, error.advice, _misspelt(path, source)) from error
        yield found


def _misspelt(path: Path, source: str) -> tuple[ScenarioError, ...]:
    """What is wrong in it as a scenario, where its first word looks like one of the language."""
    first = _first_word(path)
    if len(first) < SHORTEST_GUESSED or not nearest_names(first, (*VERBS, *HEADERS)):
        return ()
    return problems(path.read_text("utf-8", "replace"), source)


def _counted(_read: int) -> bool:
    """Lines that become no step are work as well; there is nobody to ask whether to go on."""
    spend(LINES_PER_REPORT * LINE_WORK)
    return True


def operations_of(found: Import) -> Iterator[Operation]:
    """The steps of an import."""
    with found.path.open(encoding="utf-8") as rows:
        for row in rows:
            if not row.startswith("#"):
                yield parse_line(row.rstrip("\n"), found.spec)
