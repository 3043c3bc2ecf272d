"""What is compared, as a machine: a file that `giclab diff A B` names or that was sent, or a link."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qsl

from app.diff.side import Origin, Sided, step_meant
from app.exchange.files import STDIN, Unreadable, head_of, imported, is_scenario, on_disk, scenario_in
from app.exchange.imports.window import player_before
from app.gic import IMPLEMENTATIONS
from app.scenario import LinkError, Player, Scenario, ScenarioError, links
from app.scenario.state_read import LONGEST_JSON, StateError, read_state

AT = re.compile(r"(.+)@(\d{1,9})\Z", re.DOTALL)
LINK = re.compile(r"(?:.*/)?x/([A-Za-z0-9_-]+)(?:\?(.*))?\Z")
SESSION = re.compile(r"(?:https?://[^/]+)?/(?:s|l)/")


class NoStep(Unreadable):
    """It can be read, but there is no such step of it."""


class NotPlayed(Unreadable):
    """It can be read, but not be played on that implementation."""


def sided(named: str, on: str = "") -> Sided:
    """The machine of a file (`-`: standard input) or of a link `/x/…`, after all its steps or, as NAME@STEP, that many.

    A file is a scenario, a saved state, or what can be imported. `on` plays it on another implementation than its own.
    Raises Unreadable, or OSError.
    """
    name, step = _parted(named)
    if not Path(name).exists() and name != STDIN:
        link = LINK.match(name)
        if link is not None:
            return _link(named, link, step, on)
        if SESSION.match(name):
            raise Unreadable(
                name,
                "a session and a short link are on their server; its page /diff compares them, and "
                "the links that Share gives, /x/…, can be read here",
            )
    with on_disk(Path(name)) as path:
        return machine_in(path, "stdin" if name == STDIN else name, step, on)


def machine_in(path: Path, source: str, step: int | None, on: str, most_bytes: int | None = None) -> Sided:
    """The machine that a file, told of as `source`, holds or leads to after that step (see `step_meant`).

    `most_bytes` bounds what a log unpacks to. Raises Unreadable, or TooMuch where a request may not do so much.
    """
    if head_of(path).lstrip().startswith("{"):
        return _state(path, source, step, on)
    if is_scenario(path, source):
        return _played(source, scenario_in(path, source), step, on)
    return _import(path, source, step, on, most_bytes)


def _parted(named: str) -> tuple[str, int | None]:
    """NAME@STEP; a file may have such a name itself."""
    found = None if Path(named).exists() else AT.match(named)
    return (named, None) if found is None else (found[1], int(found[2]))


def _played(source: str, scenario: Scenario, step: int | None, on: str) -> Sided:
    spec = scenario.machine.on(on) if on else scenario.machine
    operations = scenario.operations
    now = _within(source, step, len(operations))
    player = Player(spec)
    for operation in operations[:now]:
        player.advance(operation)
    return Sided(Origin(source, spec.implementation, spec.cpus, now, len(operations)), player.machine, scenario)


def _within(source: str, step: int | None, steps: int) -> int:
    now = step_meant(step, steps)
    if now is None:
        raise NoStep(source, f"there is no step {step:,}, it has {steps:,}")
    return now


def _state(path: Path, source: str, step: int | None, on: str) -> Sided:
    if step is not None:
        raise NoStep(source, f"a saved state has no steps: there is no {step} to stop at")
    with path.open("rb") as opened:
        data = opened.read(LONGEST_JSON + 1)
    try:
        spec, machine = read_state(data)
    except StateError as error:
        raise Unreadable(source, str(error), "Expected is what `giclab export --to state` writes.") from error
    if on and on != spec.implementation:
        raise NotPlayed(source, f"a saved state is one of {spec.implementation}, it cannot be played on {on}")
    return Sided(Origin(source, spec.implementation, spec.cpus), machine)


def _import(path: Path, source: str, step: int | None, on: str, most_bytes: int | None) -> Sided:
    with imported(path, source, on, most_bytes) as found, found.path.open("rb") as text:
        now = _within(source, step, found.steps)
        player = player_before(found, text, now + 1)
        return Sided(Origin(source, found.spec.implementation, found.spec.cpus, now, found.steps), player.machine)


def _link(named: str, found: re.Match[str], step: int | None, on: str) -> Sided:
    try:
        link = links.unpack(found[1])
        scenario = link.scenario()
    except LinkError as error:
        raise Unreadable(_short(named), str(error), error.advice) from error
    except ScenarioError as error:
        raise Unreadable(_short(named), str(error)) from error
    asked = dict(parse_qsl(found[2] or "", max_num_fields=32))
    if step is None:
        step = int(asked["step"]) if asked.get("step", "").isdecimal() else link.step
    on = on or asked.get("on", "") or link.view.get("on", "")
    if on and on not in IMPLEMENTATIONS:
        raise Unreadable(_short(named), f"no implementation {on[:40]!r}; there are {', '.join(IMPLEMENTATIONS)}")
    return _played(_short(named), scenario, step, on)


def _short(named: str, most: int = 60) -> str:
    return named if len(named) <= most else f"{named[:most]}…"
