"""`giclab import`: a file in, scenarios out, and in words what was understood."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.exchange.imports.pieces import CannotImport, Options
from app.exchange.imports.result import Import, Remark, Remarks
from app.exchange.imports.run import run
from app.exchange.imports.source import Source
from app.exchange.imports.window import Room, Window, window

SHOWN = 8

__all__ = ["CannotImport", "Told", "convert"]


@dataclass(frozen=True, slots=True)
class Told:
    """The scenario where it was written to no file, and the lines of the report."""

    text: str | None
    lines: tuple[str, ...]


def convert(log: Path, output: Path | None, options: Options, *, form: str = "", line: int = 1) -> Told:
    """Import a file and write what comes of it. Raises CannotImport, or OSError; then nothing is written."""
    with tempfile.TemporaryDirectory(prefix="giclab-import-") as directory:
        source = log
        if str(log) == "-":
            source = Path(directory, "input")
            with source.open("wb") as copy:
                shutil.copyfileobj(sys.stdin.buffer, copy)
        name = "standard input" if str(log) == "-" else log.name
        imported = run(Source(source), Path(directory, "steps"), options, form=form, title=f"Import of {name}")
        found = window(imported, _first(imported, line), Room())
        if output is None:
            return Told(found.text, (*report(imported), *_rest(imported, found)))
        return Told(None, (*report(imported), *_written(imported, found, output)))


def report(imported: Import) -> Iterator[str]:
    """What was understood, what was not, and where the machine does otherwise."""
    spec = imported.spec
    yield (
        f"{imported.format.title}: {_count(imported.lines, 'line')}, {imported.understood:,} understood; "
        f"{_count(imported.steps, 'step')} on {spec.implementation}, {_count(spec.cpus, 'CPU')}"
    )
    yield from _list("line cannot be read", "lines cannot be read", imported.bad)
    yield from _list("line of something else", "lines of something else", imported.others)
    yield from _list("thing said that is no step", "things said that are no steps", imported.facts)
    yield from _list("step inferred", "steps inferred", imported.inferred)
    if imported.checked:
        kept = imported.differences
        yield f"{imported.checked:,} answers compared, {_count(kept.count, 'difference')}"
        yield from _rows(kept)


def _first(imported: Import, line: int) -> int:
    first = imported.step_of(line)
    if not first and imported.steps:
        raise CannotImport(f"no step comes from line {line} or after it", f"It has {imported.lines:,} lines.")
    return first


def _rest(imported: Import, found: Window) -> Iterator[str]:
    if found.last < imported.steps:
        after = imported.line_of[found.last]
        yield f"the scenario ends with line {found.last_line}, one has no room for more; the rest is --from {after}"


def _written(imported: Import, found: Window, output: Path) -> Iterator[str]:
    number = 1
    while True:
        path = output if number == 1 else output.with_name(f"{output.stem}-{number}{output.suffix}")
        path.write_text(found.text, encoding="utf-8")
        yield f"{path}: {_count(found.last - found.first + 1, 'step')}, lines {found.first_line} to {found.last_line}"
        if found.last >= imported.steps:
            return
        found = window(imported, found.last + 1, Room())
        number += 1


def _list(one: str, several: str, remarks: Remarks) -> Iterator[str]:
    if remarks.count:
        yield f"{remarks.count:,} {one if remarks.count == 1 else several}"
        yield from _rows(remarks)


def _rows(remarks: Remarks) -> Iterator[str]:
    for remark in remarks.kept[:SHOWN]:
        yield f"  {_row(remark)}"
    if remarks.count > SHOWN:
        yield f"  and {remarks.count - SHOWN:,} more"


def _row(remark: Remark) -> str:
    return f"line {remark.line}: {remark.text}" + (f" ({remark.reason})" if remark.reason else "")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
