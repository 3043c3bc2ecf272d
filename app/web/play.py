"""A scenario on several engines side by side, as JSON, nothing stored."""

from collections.abc import Mapping

from app import limits
from app.engines.compare import Compared, compare
from app.engines.model import LIVE_QEMU
from app.registers import IMPLEMENTATION_NAMES
from app.scenario import Scenario, Step, parse
from app.scenario.errors import nearest_names
from app.sessions import LimitReached
from app.web import answers
from app.web.problems import Problem
from app.web.shapes import Json


def play(text: str, on: tuple[str, ...], *, live: bool = False, explain: bool = True) -> bytes:
    """PlayAnswer, encoded; `live`: a QEMU that runs now may be among the names.

    Raises ScenarioError, LimitReached, QemuError, or Problem for a name that is no engine.
    """
    scenario = parse(text)
    names = tuple(dict.fromkeys(on)) or (scenario.machine.implementation,)
    for index, name in enumerate(names):
        if name == LIVE_QEMU and not live:
            raise _no_live_qemu(f"#/on/{index}")
        if name not in IMPLEMENTATION_NAMES and name != LIVE_QEMU:
            raise unknown_implementation(f"#/on/{index}", name)
    check_length(scenario, live=LIVE_QEMU in names)
    results = _Results()
    told = compare(scenario, names, explain=explain, told=results.add)
    first = told.first()
    answer = {
        "title": scenario.title,
        "implementations": names,
        "passed": all(answer.passed is not False for step in told.steps for answer in step.answers.values()),
        "first_difference": None if first is None else first.seq,
        "steps": [_step(step, results.rows[step.seq - 1]) for step in told.steps],
        "choices": {name: answers.choices_json(told.choices[name]) for name in names},
    }
    return answers.encode(answer).encode()


class _Results:
    """Each step as it is done: its effects can be many, so they are cut before the next one runs."""

    def __init__(self) -> None:
        self.rows: list[Json] = []
        self._left = limits.EFFECTS_PER_PLAY

    def add(self, _seq: int, steps: Mapping[str, Step]) -> None:
        row: Json = {}
        for name, step in steps.items():
            row[name] = answers.step_json(step, min(self._left, limits.EFFECTS_SHOWN))
            self._left -= len(row[name]["effects"])
        self.rows.append(row)


def _step(step: Compared, results: Json) -> Json:
    told = {"seq": step.seq, "op": step.text, "differs": bool(step.differs), "on": results}
    if not step.differs:
        return told
    reasons = {
        name: {
            "words": reason.words,
            "shown": reason.shown,
            "behaviours": [
                {"key": row.key, "title": row.title, **answers.value_json(row.values[name.partition(":")[0]])}
                for row in reason.rows
            ],
        }
        for name, reason in step.reasons.items()
    }
    return told | {"reasons": reasons}


def check_length(scenario: Scenario, *, live: bool) -> None:
    """Raise LimitReached where there is more to play at once than a request may ask for."""
    name = "LIVE_OPERATIONS" if live else "OPERATIONS_PER_PLAY"
    most = limits.LIVE_OPERATIONS if live else limits.OPERATIONS_PER_PLAY
    count = len(scenario.operations)
    if count > most:
        raise LimitReached(name, most, f"{count} operations are too many to play at once")


def _no_live_qemu(pointer: str) -> Problem:
    detail = "This server starts no real QEMU."
    remedy = "Play it with giclab diff --on qemu --on qemu:live, or set GICLAB_LIVE_QEMU where QEMU is installed."
    errors = {"errors": [{"pointer": pointer, "detail": detail}]}
    return Problem(422, "invalid-request", "No real QEMU here", detail, remedy, errors)


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
