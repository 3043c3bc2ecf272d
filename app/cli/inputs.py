"""What commands are given: scenarios in files, and names of implementations and engines."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from app.cli.endings import UNREADABLE, fail

if TYPE_CHECKING:
    from app.exchange.reports import Tried
    from app.scenario.scenario import Scenario


def scenario_in(file: Path) -> Scenario:
    """The scenario in a file; every line that cannot be read is said, then the program ends."""
    tried = tried_file(file, [], play=False)
    for complaint in tried.complaints:
        typer.echo(complaint, err=True)
    if tried.scenario is None:
        raise typer.Exit(UNREADABLE)
    return tried.scenario


def tried_file(file: Path, names: list[str], *, play: bool = True) -> Tried:
    """A file read and played, on each of the engines named, or on the implementation that it names itself."""
    from app.engines.model import run as play_on
    from app.engines.qtest import QemuError
    from app.exchange.reports import Tried
    from app.scenario.errors import ScenarioError
    from app.scenario.lessons import read_lesson
    from app.scenario.parse import parse, problems

    source = "stdin" if str(file) == "-" else str(file)
    try:
        text = _text(file, source)
    except OSError as error:
        return Tried(source, None, trouble=f"giclab: {source}: {error.strerror or error}")
    except ValueError as error:
        return Tried(source, None, trouble=f"giclab: {source}{error}")
    try:
        scenario = read_lesson(file.stem, text, source).scenario if file.suffix == ".md" else parse(text, source)
    except ScenarioError as error:
        return Tried(source, None, errors=(error,) if file.suffix == ".md" else problems(text, source))
    engines = (names or [scenario.machine.implementation]) if play else []
    try:
        return Tried(source, scenario, tuple(play_on(scenario, name) for name in engines))
    except QemuError as error:
        fail(str(error))


def _text(file: Path, source: str) -> str:
    """What a file says. ValueError, to stand after its name, where it is no text; reads no more than one can have."""
    from app.scenario.parse import LONGEST_TEXT

    most = 4 * LONGEST_TEXT  # a character of UTF-8 has at most 4 bytes
    if source == "stdin":
        data = sys.stdin.buffer.read(most + 1)
    else:
        with file.open("rb") as opened:
            data = opened.read(most + 1)
    if len(data) > most:
        raise ValueError(f": more than {most} bytes, a scenario has at most {LONGEST_TEXT} characters")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(10, 0, error.start) + 1
        raise ValueError(f":{line}: byte {error.start} is not UTF-8, a scenario is text") from None


def engine_names(names: list[str] | None) -> list[str]:
    """The names given with --on, each an implementation or a live QEMU."""
    from app.engines.model import ENGINE_NAMES

    return _known(names, ENGINE_NAMES)


def implementation_names(names: list[str] | None) -> list[str]:
    """The names given with --on, each an implementation."""
    from app.registers import IMPLEMENTATION_NAMES

    return _known(names, IMPLEMENTATION_NAMES)


def _known(names: list[str] | None, known: tuple[str, ...]) -> list[str]:
    from app.scenario.errors import nearest_names

    for name in names or ():
        if name not in known:
            near = nearest_names(name, known)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            fail(f"unknown implementation {name!r}; there are {', '.join(known)}{hint}")
    return list(dict.fromkeys(names or ()))
