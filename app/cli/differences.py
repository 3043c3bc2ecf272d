"""What `giclab diff` tells: in which steps implementations differ, or the machines of two files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from app.cli.endings import DIFFERS, HOLDS, UNREADABLE, fail
from app.cli.inputs import engine_names, implementation_names, scenario_in

if TYPE_CHECKING:
    from app.engines.compare import Compared


def diff_of_two(file: str, other: str, on: list[str] | None, *, as_json: bool, every: bool) -> NoReturn:
    """What differs between the machines of two files."""
    import json

    from app import limits
    from app.diff.files import sided
    from app.diff.json_ import as_dict
    from app.diff.lines import lines
    from app.diff.side import compared
    from app.exchange.files import Unreadable

    names = implementation_names(on) or [""]
    if len(names) > 2:
        fail("of two files each is played on one implementation: --on at most twice")
    if file.partition("@")[0] == other.partition("@")[0] == "-":
        fail("standard input can be one of the two only")
    try:
        told = compared(sided(file, names[0]), sided(other, names[-1]), None if every else limits.DIFFERENCES_TOLD)
    except Unreadable as error:
        for row in error.rows:
            typer.echo(row, err=True)
        raise typer.Exit(UNREADABLE) from None
    except OSError as error:
        fail(f"{error.filename}: {error.strerror or error}")
    typer.echo(json.dumps(as_dict(told), indent=2) if as_json else "\n".join(lines(told)))
    raise typer.Exit(HOLDS if told.diff.same else DIFFERS)


def diff_of_implementations(file: Path, on: list[str] | None, *, explain: bool) -> NoReturn:
    """In which steps of a scenario implementations differ."""
    from app.engines.compare import compare
    from app.engines.qtest import QemuError
    from app.registers import IMPLEMENTATION_NAMES

    names = engine_names(on) or list(IMPLEMENTATION_NAMES)
    if len(names) < 2:
        fail("diff needs at least two implementations: --on A --on B")
    scenario = scenario_in(file)
    try:
        told = compare(scenario, names, explain=explain)
    except QemuError as error:
        fail(str(error))
    said: dict[str, int] = {}
    for step in told.divergences:
        typer.echo(f"{step.line:4}  {step.text}")
        _print_answers(step, said)
    total, different = len(told.steps), len(told.divergences)
    typer.echo(f"{different} of {total} steps differ" if different else f"no difference in {total} steps")
    raise typer.Exit(DIFFERS if different else HOLDS)


def _print_answers(step: Compared, said: dict[str, int]) -> None:
    """What each answered, and for those that differ from the first one, why; `said`: reasons told, by their line."""
    width = max(len(name) for name in step.answers)
    for name, answer in step.answers.items():
        typer.echo(f"      {name:<{width}}  {answer.shown or 'nothing'}")
    why: dict[str, list[str]] = {}
    for name, reason in step.reasons.items():
        values = [(row.title, row.values[name.partition(":")[0]]) for row in reason.rows]
        told = "".join(f"\n        {title}: {value.meaning} [{value.cite}]" for title, value in values)
        why.setdefault(f"{reason.words}{told}", []).append(name)
    for text, names in why.items():
        again = f"as in line {said[text]}" if text in said else text
        typer.echo(f"      ≠ {', '.join(names)}: {again}")
        said.setdefault(text, step.line)
