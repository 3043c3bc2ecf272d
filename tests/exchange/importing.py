"""Texts imported in tests: what came of them, and the scenario that they become."""

from app.exchange.imports.pieces import Options
from app.exchange.imports.run import run
from app.exchange.imports.source import Source
from app.exchange.imports.window import Room, window
from app.scenario import Player, Verdict, parse


def imported(directory, text, form="", **options):
    """The import of a text or of bytes."""
    source = directory / "input"
    source.write_bytes(text if isinstance(text, bytes) else text.encode())
    return run(Source(source), directory / "steps", Options(**options), form=form)


def scenario(found, first=1, **room):
    """The scenario that begins at a step of it."""
    return parse(window(found, first, Room(**room)).text)


def played(scenario):
    """The player after all of it, and the operations that failed or were refused."""
    player = Player(scenario.machine)
    bad = [each for each in scenario.operations if player.judge(each) in (Verdict.FAILS, Verdict.REFUSED)]
    return player, bad


def spoken(found):
    """The steps as text, without the columns and comments."""
    rows = found.path.read_text().splitlines()
    return [" ".join(row.partition("#")[0].split()) for row in rows if not row.startswith("#")]
