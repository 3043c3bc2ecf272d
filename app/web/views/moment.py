"""A step of a log with its machine, and what is kept of it to tell at the next one what changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.gic import Machine
from app.gic.lpi_counts import LpiCounts
from app.gic.lpi_map import Row
from app.gic.views import LpiView, QueueView, Window
from app.registers import RegisterMap, register_map
from app.scenario import MachineSpec, Operation, Step, Verdict
from app.scenario.choices import Taken
from app.web.views import lpis, navigator
from app.web.views.look import Look
from app.web.views.stage import Place, Stage
from app.web.views.tables import Tables, tables_of


@dataclass(frozen=True, slots=True)
class Reading:
    """What is kept of a step, to tell at the next one what changed."""

    step: int
    values: navigator.Values
    lpis: Window[LpiView]
    lpi_rows: tuple[Row, ...]
    counts: LpiCounts
    tables: Tables
    queue: QueueView
    signalled: tuple[int, ...]


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
    verdicts: Mapping[int, Verdict]
    place: Place
    choices: tuple[Taken, ...] = ()


def read(machine: Machine, step: int, look: Look, cpu: int = 0) -> Reading:
    """The values of all listed registers, those of `cpu` included, and what the tables show to a look."""
    values = {
        (register.name, each): machine.peek(register, each)
        for register, each in navigator.listed(machine.map, machine.cpus, cpu)
    }
    flags, without, on_cpu = lpis.wanted(look, machine.cpus)
    window, rows, counts = machine.lpi_look(look.start, lpis.WINDOW, flags=flags, without=without, cpu=on_cpu)
    return Reading(
        step,
        values,
        window,
        tuple(rows),
        counts,
        tables_of(machine, look),
        machine.queue(),
        tuple(cpu for cpu in range(machine.cpus) if machine.irq(cpu)),
    )


async def moment_of(stage: Stage, look: Look, cpu: int) -> Moment:
    """The step that a look asks for, and a reading of the one before it."""
    ops = stage.ops
    now = len(ops) if look.step is None else min(look.step, len(ops))
    # In the order of time, so that the machine that shows the past goes only forward.
    before = read(await stage.machine(now - 1), now - 1, look, cpu) if now else None
    step = await stage.step(now) if now else None
    machine = await stage.machine(now)
    verdicts, place, taken = stage.verdicts, stage.place, stage.choices(now)
    return Moment(machine, machine.map, stage.spec, ops, now, step, before, verdicts, place, taken)


def machine_map(spec: MachineSpec) -> RegisterMap:
    return register_map(spec.implementation, spec.cpus, spec.spis, spec.its, spec.security)
