"""A scenario on several implementations side by side, as JSON, nothing stored."""

from collections.abc import Iterator

from app import limits
from app.registers import IMPLEMENTATION_NAMES
from app.scenario import Player, Scenario, parse
from app.scenario.errors import nearest_names
from app.sessions import LimitReached
from app.web import shapes
from app.web.problems import Problem


def play(text: str, on: tuple[str, ...]) -> bytes:
    """PlayAnswer, encoded. Raises ScenarioError, LimitReached, or Problem for a name that is no implementation."""
    scenario = parse(text)
    count = len(scenario.operations)
    if count > limits.OPERATIONS_PER_PLAY:
        raise LimitReached(
            "OPERATIONS_PER_PLAY", limits.OPERATIONS_PER_PLAY, f"{count} operations are too many to play"
        )
    names = tuple(dict.fromkeys(on)) or (scenario.machine.implementation,)
    for index, name in enumerate(names):
        if name not in IMPLEMENTATION_NAMES:
            raise unknown_implementation(f"#/on/{index}", name)
    rows = list(_side_by_side(scenario, names))
    results = [result for row in rows for result in row["on"].values()]
    passed = all(result["expectation"]["passed"] for result in results if "expectation" in result)
    answer = {"title": scenario.title, "implementations": names, "passed": passed, "steps": rows}
    return shapes.encode(answer).encode()


def _side_by_side(scenario: Scenario, names: tuple[str, ...]) -> Iterator[shapes.Json]:
    """Each step as it is done: its effects can be many, so they are cut before the next one runs."""
    players = {name: Player(scenario.machine.on(name)) for name in names}
    left = limits.EFFECTS_PER_PLAY
    for seq, operation in enumerate(scenario.operations, 1):
        results = {}
        for name, player in players.items():
            step = player.apply(operation)
            results[name] = shapes.step_json(step, min(left, limits.EFFECTS_SHOWN))
            left -= len(results[name]["effects"])
        yield {"seq": seq, "op": step.text, "differs": _differs(results), "on": results}


def _differs(results: dict[str, shapes.Json]) -> bool:
    compared = {
        (result.get("value"), result.get("refused"), result.get("expectation", {}).get("got"))
        for result in results.values()
    }
    return len(compared) > 1


def unknown_implementation(pointer: str, name: str) -> Problem:
    """The answer to a name, at that place of the request, that is no implementation."""
    nearest = nearest_names(name, IMPLEMENTATION_NAMES)
    detail = f"There is no implementation '{name[:80]}'."
    return Problem(
        422,
        "invalid-request",
        "Unknown implementation",
        detail,
        f"Did you mean {' or '.join(nearest)}?" if nearest else f"Known are {', '.join(IMPLEMENTATION_NAMES)}.",
        {"errors": [{"pointer": pointer, "detail": detail}], "nearest": nearest},
    )
