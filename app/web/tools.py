"""What an assistant may ask, as data: the functions of the HTTP API under names of their own, nothing stored."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import anyio.to_thread
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request

from app import limits
from app.diff.json_ import as_dict
from app.diff.side import Origin, Sided
from app.engines.matrix import Row, rows
from app.gic import IMPLEMENTATIONS, Machine
from app.registers import IMPLEMENTATION_NAMES
from app.scenario import Scenario, Step, parse
from app.scenario.player import Player
from app.web import answers, shapes
from app.web.addresses import LONGEST_ADDRESS
from app.web.diffs import differences, found
from app.web.play import check_length, unknown_implementation
from app.web.problems import Problem
from app.web.scenarios_api import play_for
from app.web.shapes import Json

LONGEST_WORDS = 80
ON = Field(default="", max_length=32, description="The implementation; without it the one that the scenario names.")
AFTER = Field(default=None, ge=0, description="Look after this step of the scenario; without it after the last.")
SCENARIO = Field(
    default="",
    description="Lines of the scenario language; without any, the machine as it is at reset.",
    examples=["machine implementation=kvm cpus=2\nwrite GICR_CTLR@0 EnableLPIs=1\n"],
)


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Explain(_Asked):
    scenario: str = SCENARIO
    on: str = ON
    step: int | None = AFTER
    intid: int | None = Field(default=None, ge=0, description="The interrupt to explain.", examples=[8195])
    cpu: int | None = Field(default=None, ge=0, description="Whose SGI or PPI it is; for an LPI, another CPU.")


class LookUp(_Asked):
    name: str = Field(max_length=100, examples=["GICR_PENDBASER@0", "GICR_PENDBASER@0.PTZ"])
    scenario: str = SCENARIO
    on: str = ON
    step: int | None = AFTER


class Named(_Asked):
    address: str = Field(
        default="",
        max_length=LONGEST_ADDRESS,
        description="A session or link of this server, as /s/ID?step=3; instead of a scenario.",
    )
    scenario: str = SCENARIO
    on: str = ON
    step: int | None = AFTER


class TwoMachines(_Asked):
    a: Named
    b: Named


class Which(_Asked):
    words: str = Field(default="", max_length=LONGEST_WORDS, description="Only behaviours that have this in them.")
    between: tuple[str, str] | None = Field(default=None, description="Only those in which these two differ.")


@dataclass(frozen=True, slots=True)
class Tool:
    """`work` answers with JSON as text. It raises what the HTTP API answers with problem details."""

    name: str
    title: str
    about: str
    takes: type[BaseModel]
    work: Callable[[Request, Any], Awaitable[str]]

    async def answer(self, request: Request, arguments: Json) -> str:
        """The answer to these arguments; Problem where they do not fit."""
        try:
            wanted = self.takes.model_validate(arguments)
        except ValidationError as error:
            raise _misfit(error) from error
        return await self.work(request, wanted)


def _misfit(error: ValidationError) -> Problem:
    listed = [{"pointer": "#/" + "/".join(map(str, one["loc"])), "detail": one["msg"]} for one in error.errors()]
    detail = "; ".join(f"{one['pointer']}: {one['detail']}" for one in listed)
    return Problem(422, "invalid-request", "The arguments do not fit", detail, members={"errors": listed})


async def _play(request: Request, wanted: shapes.PlayRequest) -> str:
    return (await play_for(request, wanted)).decode()


async def _compare(request: Request, wanted: shapes.PlayRequest) -> str:
    """A play, of which only the steps are told in which the implementations differ."""
    on = wanted.on or list(IMPLEMENTATION_NAMES)
    told = json.loads(await play_for(request, wanted.model_copy(update={"on": on})))
    differing = [step for step in told["steps"] if step["differs"]]
    return answers.encode({**told, "steps_played": len(told["steps"]), "steps": differing})


async def _explain(request: Request, wanted: Explain) -> str:
    return await _in_thread(request, partial(explain, wanted))


async def _diff(request: Request, wanted: TwoMachines) -> str:
    one, other = await _sided(request, "a", wanted.a), await _sided(request, "b", wanted.b)
    return answers.encode(as_dict(await differences(request, one, other)))


async def _sided(request: Request, pointer: str, named: Named) -> Sided:
    if named.address:
        return (await found(request, f"#/{pointer}/address", named.address)).side
    return await anyio.to_thread.run_sync(partial(_side, pointer, named), limiter=request.app.state.players)


def _side(pointer: str, named: Named) -> Sided:
    scenario, player = _at_reset(named.scenario, named.on, named.step, f"#/{pointer}")
    steps = len(scenario.operations)
    for operation in scenario.operations[: named.step]:
        player.advance(operation)
    return Sided(Origin(pointer, player.spec.implementation, player.spec.cpus, player.seq, steps), player.machine)


async def _register(request: Request, wanted: LookUp) -> str:
    return await _in_thread(request, partial(look_up, wanted))


async def _implementations(request: Request, wanted: Which) -> str:
    return await _in_thread(request, partial(implementations, wanted))


async def _in_thread(request: Request, work: Callable[[], Json]) -> str:
    return answers.encode(await anyio.to_thread.run_sync(work, limiter=request.app.state.players))


def explain(wanted: Explain) -> Json:
    """What the step did, and of an interrupt every condition on its way. ScenarioError, LimitReached or Problem."""
    machine, steps = _played(wanted.scenario, wanted.on, wanted.step)
    answer: Json = {"implementation": machine.implementation, "step": len(steps)}
    if steps:
        answer["did"] = answers.step_json(steps[-1])
    if wanted.intid is not None:
        try:
            answer["why"] = answers.chain_json(machine.why(wanted.intid, wanted.cpu))
        except ValueError as error:
            detail = f"{error}."
            raise Problem(
                422, "invalid-request", "No such interrupt", detail, "As intid 8195, or 3 with cpu 0."
            ) from error
    return answer


def look_up(wanted: LookUp) -> Json:
    """RegisterAnswer. ScenarioError, LimitReached, UnknownName or Problem."""
    machine, _ = _played(wanted.scenario, wanted.on, wanted.step)
    return answers.register_json(machine, machine.map.place(wanted.name))


def implementations(wanted: Which) -> Json:
    """What there is to play on, and in which behaviours they differ. Problem for a name that there is not."""
    for at, name in enumerate(wanted.between or ()):
        _check_name(name, f"#/between/{at}")
    found = [row for row in rows() if _asked_for(row, wanted)]
    return {
        "implementations": {each.name: each.title for each in IMPLEMENTATIONS.values()},
        "behaviours": [_row_json(row) for row in found],
    }


def _asked_for(row: Row, wanted: Which) -> bool:
    if wanted.between is not None and not row.parts(*wanted.between):
        return False
    told = " ".join((row.key, row.area, row.title, *(value.meaning for value in row.values.values())))
    return wanted.words.strip().lower() in told.lower()


def _row_json(row: Row) -> Json:
    return {
        "key": row.key,
        "area": row.area,
        "title": row.title,
        "left_open": row.status,
        "on": {name: answers.value_json(value) for name, value in row.values.items()},
    }


def _played(text: str, on: str, step: int | None) -> tuple[Machine, list[Step]]:
    """The machine after a step, and what was done so far; only the last step keeps what it did."""
    scenario, player = _at_reset(text, on, step, "#")
    steps = [player.apply(operation) for operation in scenario.operations[:step]]
    return player.machine, steps


def _at_reset(text: str, on: str, step: int | None, pointer: str) -> tuple[Scenario, Player]:
    """The scenario, of which `step` is one, and what plays it; `pointer` is where in the arguments they stand."""
    scenario = parse(text)
    name = on or scenario.machine.implementation
    _check_name(name, f"{pointer}/on")
    check_length(scenario, live=False)
    total = len(scenario.operations)
    if step is not None and step > total:
        raise Problem(404, "unknown-step", "No such step", f"There is no step {step}: the scenario has {total}.")
    return scenario, Player(scenario.machine.on(name))


def _check_name(name: str, pointer: str) -> None:
    if name not in IMPLEMENTATION_NAMES:
        raise unknown_implementation(pointer, name)


TOOLS = {
    tool.name: tool
    for tool in (
        Tool(
            "play",
            "Play a scenario",
            "Play a scenario of the emulated Arm GICv3 and its ITS on one implementation or several. Answers with the "
            "value, the effects and the expectation of each step, and with the first step in which they differ. The "
            f"language is described at /guide/language; at most {limits.OPERATIONS_PER_PLAY:,} operations.",
            shapes.PlayRequest,
            _play,
        ),
        Tool(
            "compare",
            "Compare implementations",
            "Play a scenario on all implementations, or on those named, and tell the steps in which they differ, each "
            "with the behaviours that are the reason and their sources.",
            shapes.PlayRequest,
            _compare,
        ),
        Tool(
            "explain",
            "Explain an interrupt or a step",
            "What a step of a scenario changed and why, and for an INTID every condition on its way to the CPU after "
            "that step: which holds, which is the first that does not, and what would mend it.",
            Explain,
            _explain,
        ),
        Tool(
            "register",
            "Look up a register",
            "A register by its architectural name, with @cpu where it exists once per CPU: its address, its fields "
            "with access, meaning and source, and its value at reset or after a scenario.",
            LookUp,
            _register,
        ),
        Tool(
            "diff",
            "Compare two machines",
            "What differs between two machines: registers by field, LPIs in RAM and cached, entries of the ITS's "
            "tables, and ranges of RAM with their bytes. Each is a scenario after a step, on an implementation, or a "
            "session or link of this server by its address.",
            TwoMachines,
            _diff,
        ),
        Tool(
            "implementations",
            "List implementations and behaviours",
            "The implementations that there are, and the behaviours in which they differ, each with what every one of "
            "them does and the source. Narrow it by words, or to those in which two implementations differ.",
            Which,
            _implementations,
        ),
    )
}
