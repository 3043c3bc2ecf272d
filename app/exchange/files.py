"""What a file is that somebody names at the command line: a scenario, or a log, dump or image that can be imported."""

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
from app.exchange.imports.source import Source
from app.scenario import Operation, Scenario, ScenarioError, parse
from app.scenario.lessons import read_lesson
from app.scenario.parse import parse_line, problems
from app.scenario.verbs import VERBS

HEAD_BYTES = 4096
HEADERS = frozenset({"title", "machine"})
LESSON = ".md"
STDIN = "-"


class Unreadable(Exception):
    """Neither a scenario nor a log; `rows` say why, one a line."""

    def __init__(self, *rows: str) -> None:
        super().__init__("\n".join(rows))
        self.rows = rows


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
    rows = (row.split() for row in head_of(path).split("\n"))
    first = next((row[0] for row in rows if row and not row[0].startswith("#")), "")
    return first in VERBS or first in HEADERS


def scenario_in(path: Path, source: str) -> Scenario:
    """The scenario in a file that is told of as `source`. Raises Unreadable with every line that cannot be read."""
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise Unreadable(f"giclab: {source}: byte {error.start} is not UTF-8, a scenario is text") from error
    try:
        return read_lesson(path.stem, text, source).scenario if source.endswith(LESSON) else parse(text, source)
    except ScenarioError as error:
        raise Unreadable(*(str(each) for each in problems(text, source) or (error,))) from error


@contextmanager
def imported(path: Path, source: str, on: str) -> Iterator[Import]:
    """The file imported, on an implementation if one is given; its steps last as long as the block. Unreadable."""
    with tempfile.TemporaryDirectory(prefix="giclab-import-") as directory:
        try:
            found = run(Source(path), Path(directory, "steps"), Options(implementation=on), title=source)
        except CannotImport as error:
            advice = f" {error.advice}" if error.advice else ""
            raise Unreadable(
                f"giclab: {source}: neither a scenario nor something to import: {error}.{advice}"
            ) from error
        yield found


def operations_of(found: Import) -> Iterator[Operation]:
    """The steps of an import."""
    with found.path.open(encoding="utf-8") as rows:
        for row in rows:
            if not row.startswith("#"):
                yield parse_line(row.rstrip("\n"), found.spec)
