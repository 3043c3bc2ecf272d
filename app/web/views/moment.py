"""A step of a log with its machine, and what is kept of it to tell at the next one what changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.gic import Machine
from app.gic.views import LpiView
from app.registers import RegisterMap, register_map
from app.scenario import MachineSpec, Operation, Step
from app.scenario.choices import Taken
from app.scenario.operations import Expect
from app.web.views import lpis, navigator, timeline
from app.web.views.look import Look
from app.web.views.stage import Stage


@dataclass(frozen=True, slots=True)
class Reading:
    """What is kept of a step, to tell at the next one what changed."""

    step: int
    values: navigator.Values
    lpis: tuple[LpiView, ...]


@dataclass(frozen=True, slots=True)
class Moment:
    """A machine at a step, its map, and what the step did. The machine is good until the next await."""

    machine: Machine
    map: RegisterMap
    spec: MachineSpec
    ops: Sequence[Operation]
    now: int
    step: Step | None
    before: Reading | None
    marks: Mapping[int, str]
    choices: tuple[Taken, ...] = ()


def read(machine: Machine, step: int, start: int, cpu: int = 0) -> Reading:
    """The values of all listed registers, those of `cpu` included, and the window of LPIs from INTID `start`."""
    values = {
        (register.name, each): machine.peek(register, each)
        for register, each in navigator.listed(machine.map, machine.cpus, cpu)
    }
    return Reading(step, values, tuple(machine.lpis(start, lpis.WINDOW + 1)))


async def moment_of(stage: Stage, look: Look, cpu: int) -> Moment:
    """The step that a look asks for, and a reading of the one before it."""
    ops = stage.ops
    now = len(ops) if look.step is None else min(look.step, len(ops))
    marks = await marks_of(stage, now)
    step = await stage.step(now) if now else None
    before = read(await stage.machine(now - 1), now - 1, look.start, cpu) if now else None
    machine = await stage.machine(now)
    return Moment(machine, machine.map, stage.spec, ops, now, step, before, marks, stage.choices(now))


def machine_map(spec: MachineSpec) -> RegisterMap:
    return register_map(spec.implementation, spec.cpus, spec.spis, spec.its, spec.security)


def mark_of(step: Step) -> str:
    """ "ok" or "no" where a step expected something or was refused, else ""."""
    if step.expectation is not None:
        return ("ok" if step.expectation.passed else "no") if step.expectation.asked else ""
    return "no" if step.refused else ""


async def marks_of(stage: Stage, now: int) -> dict[int, str]:
    """What the expectations around step `now` gave."""
    ops = stage.ops
    window = range(max(1, now - timeline.WINDOW), now + 1)
    asked = [number for number in window if isinstance(ops[number - 1], Expect) or number == now]
    return {number: mark_of(await stage.step(number)) for number in asked}
