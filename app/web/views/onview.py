"""The register on view: which one it is, its history, and its inspector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.gic import IMPLEMENTATIONS, Machine
from app.gic.security import as_nonsecure
from app.registers import Register, RegisterMap, UnknownName
from app.scenario import Operation
from app.web.views import history, inspector
from app.web.views.bitgrid import Shown
from app.web.views.doors import doors_of
from app.web.views.look import Look
from app.web.views.moment import machine_map
from app.web.views.navigator import Values
from app.web.views.stage import Stage

DEFAULT_REGISTER = ("GICR_PENDBASER", 0)
CPUS_BESIDE = 8
LPI_BASES = frozenset({"GICR_PROPBASER", "GICR_PENDBASER"})


@dataclass(frozen=True, slots=True)
class Unknown:
    """A register was asked for that there is not; `nearest` are (name, address of its page)."""

    reason: str
    nearest: tuple[tuple[str, str], ...]


async def inspector_of(
    stage: Stage, look: Look, *, may_write: bool, before: Values | None = None
) -> inspector.Inspector:
    """Only the inspector. UnknownName if the look asks for a register that there is not.

    `before`: values of registers one step before, where they are at hand; others are asked of the machine of then."""
    map_ = machine_map(stage.spec)
    now = len(stage.ops) if look.step is None else min(look.step, len(stage.ops))
    register, cpu, unknown = register_on_view(look, stage.ops, now, map_)
    if unknown:
        map_.find(look.register)
    touches = await touches_of(stage, now, register, cpu, map_)
    was: Mapping[int, int] = {}
    at = cpu if register.per_cpu else 0
    if before is not None and (register.name, at) in before:
        was = {at: before[register.name, at]}
    elif now:
        was = inspected(await stage.machine(now - 1), register, cpu)
    machine = await stage.machine(now)
    shown = shown_of(machine, register, cpu, now, was)
    return inspector.inspector(shown, map_, touches, look, may_write=may_write)


def register_on_view(
    look: Look, ops: Sequence[Operation], now: int, map_: RegisterMap
) -> tuple[Register, int, Unknown | None]:
    """The register asked for, else the one the step on view is about; and what is wrong with the name asked for."""
    unknown: Unknown | None = None
    if look.register:
        try:
            place = map_.find(look.register)
        except UnknownName as error:
            reason = error.reason[:1].upper() + error.reason[1:]
            unknown = Unknown(reason, tuple((name, look.link(register=name)) for name in error.nearest))
        else:
            return place.register, place.cpu or 0, None
    for number in range(now, max(0, now - 32), -1):
        found = history.accessed(ops[number - 1], map_)
        if found is not None and found[0] != "GITS_CWRITER":
            return map_.registers[found[0]], found[1], unknown
    name, cpu = DEFAULT_REGISTER
    return map_.registers[name], cpu, unknown


async def touches_of(
    stage: Stage, now: int, register: Register, cpu: int, map_: RegisterMap
) -> tuple[history.Touch, ...]:
    numbers = history.steps_touching(stage.ops, now, register, cpu, map_)
    found = [history.touch_of(await stage.step(number), register, cpu, map_) for number in numbers]
    return tuple(touch for touch in found if touch is not None)


def inspected(machine: Machine, register: Register, cpu: int) -> dict[int, int]:
    """The register's value on the CPU on view and on those beside it, CPUS_BESIDE of them in all."""
    if not register.per_cpu:
        return {0: machine.peek(register, 0)}
    first = cpu - cpu % CPUS_BESIDE
    return {each: machine.peek(register, each) for each in range(first, min(first + CPUS_BESIDE, machine.cpus))}


def shown_of(machine: Machine, register: Register, cpu: int, step: int, was: Mapping[int, int]) -> Shown:
    """The register now; `was` holds its values one step before, as far as they are known."""
    values = inspected(machine, register, cpu)
    value = values[cpu]
    return Shown(
        as_nonsecure(register) if machine.two_states else register,
        cpu,
        step,
        value,
        was.get(cpu, value),
        tuple(values.items()),
        caution_of(machine, register, cpu),
        doors_of(machine, register, cpu, value),
        machine.cpus,
        machine.peek(register, cpu, secure=True) if machine.two_states else None,
    )


def caution_of(machine: Machine, register: Register, cpu: int) -> str:
    """What to know before a write to the register now; "" if nothing."""
    if register.name not in LPI_BASES or not machine.peek("GICR_CTLR", cpu) & 1:
        return ""
    ways: dict[str, list[str]] = {}
    for item in IMPLEMENTATIONS.values():
        ways.setdefault(item.lpi_bases_while_enabled.meaning, []).append(item.title)
    here = machine.impl.lpi_bases_while_enabled.meaning
    others = "; ".join(f"{meaning} on {', '.join(names)}" for meaning, names in ways.items() if meaning != here)
    return f"EnableLPIs is 1: writing now is UNPREDICTABLE. Here it is {here}; {others}."
