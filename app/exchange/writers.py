"""A scenario to another tool's format. What a format cannot say is left out and said in a remark."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from app.scenario.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Written:
    """The text, and one remark for each line of the scenario that it could not say."""

    text: str
    remarks: tuple[str, ...] = ()


def write(scenario: Scenario, form: str) -> Written:
    """Write as json, python, qtest, c, link (the path `/x/…`) or state (its last). ValueError: no such."""
    writer = _writers().get(form)
    if writer is None:
        raise ValueError(f"no format {form!r}: {', '.join(_writers())}")
    return writer(scenario)


def _link(scenario: Scenario) -> Written:
    from app import __version__
    from app.scenario.links import pack
    from app.scenario.record import record

    return Written(f"/x/{pack(scenario, record=record(scenario, __version__))}\n")


def _state(scenario: Scenario) -> Written:
    from app.scenario.player import Player
    from app.scenario.state import state_text

    player = Player(scenario.machine)
    for operation in scenario.operations:
        player.advance(operation)
    return Written(state_text(player.machine, player.spec))


def _writers() -> dict[str, Callable[[Scenario], Written]]:
    from app.exchange import bare_c, json_, python_, qtest

    return {
        "json": json_.write,
        "python": python_.write,
        "qtest": qtest.write,
        "c": bare_c.write,
        "link": _link,
        "state": _state,
    }
