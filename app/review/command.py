"""`giclab review`: a file in, a scenario or something that can be imported, and what is wrong in it out."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.exchange.imports.pieces import CannotImport, Options
from app.exchange.imports.result import Import
from app.exchange.imports.run import run
from app.exchange.imports.source import Source
from app.review.finding import Finding, Review
from app.review.review import review, review_of
from app.scenario import Operation, Scenario, ScenarioError, parse
from app.scenario.lessons import read_lesson
from app.scenario.parse import parse_line, problems
from app.scenario.scenario import line_operation
from app.scenario.verbs import VERBS

HEAD_BYTES = 4096
HEADERS = frozenset({"title", "machine"})
LESSON = ".md"


class Unreadable(Exception):
    """Neither a scenario nor a log; `rows` say why, one a line."""

    def __init__(self, *rows: str) -> None:
        super().__init__("\n".join(rows))
        self.rows = rows


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A review, and the line of the file that each step comes from."""

    source: str
    review: Review
    lines: tuple[int, ...]


def reviewed(file: Path, on: str | None) -> Reviewed:
    """Read a file (`-`: standard input) and review it, on another implementation than it names where `on` is given.

    Raises Unreadable, or OSError.
    """
    with _on_disk(file) as path:
        source = "stdin" if str(file) == "-" else str(file)
        if file.suffix in (".gic", LESSON) or _begins_as_scenario(path):
            scenario = _scenario(path, source)
            numbers = tuple(line.number for line in scenario.lines if line_operation(line) is not None)
            return Reviewed(source, review(scenario, on), numbers)
        return _log(path, source, on)


def _log(path: Path, source: str, on: str | None) -> Reviewed:
    with tempfile.TemporaryDirectory(prefix="giclab-review-") as directory:
        try:
            found = run(Source(path), Path(directory, "steps"), Options(implementation=on or ""), title=source)
        except CannotImport as error:
            advice = f" {error.advice}" if error.advice else ""
            raise Unreadable(
                f"giclab: {source}: neither a scenario nor something to import: {error}.{advice}"
            ) from error
        return Reviewed(source, review_of(found.spec, _operations(found)), tuple(found.line_of))


def _operations(found: Import) -> Iterator[Operation]:
    with found.path.open(encoding="utf-8") as rows:
        for row in rows:
            if not row.startswith("#"):
                yield parse_line(row.rstrip("\n"), found.spec)


def _begins_as_scenario(path: Path) -> bool:
    with path.open("rb") as opened:
        head = opened.read(HEAD_BYTES).decode("utf-8", "replace")
    rows = (row.split() for row in head.split("\n"))
    first = next((row[0] for row in rows if row and not row[0].startswith("#")), "")
    return first in VERBS or first in HEADERS


def _scenario(path: Path, source: str) -> Scenario:
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise Unreadable(f"giclab: {source}: byte {error.start} is not UTF-8, a scenario is text") from error
    try:
        return read_lesson(path.stem, text, source).scenario if source.endswith(LESSON) else parse(text, source)
    except ScenarioError as error:
        raise Unreadable(*(str(each) for each in problems(text, source) or (error,))) from error


@contextmanager
def _on_disk(file: Path) -> Iterator[Path]:
    """The file, or what comes in as one."""
    if str(file) != "-":
        yield file
        return
    with tempfile.TemporaryDirectory(prefix="giclab-review-") as directory:
        path = Path(directory, "input")
        with path.open("wb") as copy:
            shutil.copyfileobj(sys.stdin.buffer, copy)
        yield path


def lines(found: Reviewed) -> Iterator[str]:
    """The findings as people read them."""
    told = found.review
    for each in told.findings:
        yield f"{found.source}:{found.lines[each.step - 1]}: {each.rule.name} ({each.rule.slug})"
        yield f"  step {each.step}: {each.text}"
        yield f"  {each.says}" + (f"; {each.again}" if each.again else "")
        yield f"  {each.rule.mend} [{each.rule.cite}]"
    if told.left_out:
        yield f"and {told.left_out:,} more findings"
    yield _summary(told.findings, told)


def _summary(findings: tuple[Finding, ...], told: Review) -> str:
    where = f"in {told.steps:,} steps on {told.implementation}"
    count = len(findings) + told.left_out
    return f"{count:,} finding{'' if count == 1 else 's'} {where}" if count else f"nothing found {where}"


def as_json_text(found: Reviewed) -> str:
    """The same as one JSON document; each finding has its line of the file too."""
    document = found.review.as_dict()
    document["findings"] = [{"line": found.lines[each.step - 1], **each.as_dict()} for each in found.review.findings]
    return json.dumps({"file": found.source, **document}, indent=2)
