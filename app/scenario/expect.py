"""What the left side of an expectation is right now, and whether the expectation holds."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass

from app.gic import Machine
from app.scenario.format import format_wanted
from app.scenario.operations import (
    Config,
    Creadr,
    Expect,
    IrqLine,
    LastValue,
    Mapped,
    Memory,
    Pending,
    RegisterRef,
    Relation,
    Stalled,
    Term,
)

FIRST_SPI, FIRST_LPI = 32, 8192
COMPARE: dict[Relation, Callable[[int, int], bool]] = {
    Relation.EQUAL: operator.eq,
    Relation.NOT_EQUAL: operator.ne,
    Relation.LESS: operator.lt,
    Relation.AT_MOST: operator.le,
    Relation.GREATER: operator.gt,
    Relation.AT_LEAST: operator.ge,
}


@dataclass(frozen=True, slots=True)
class Expectation:
    """The outcome of an `expect`. `asked` is False where `on=` leaves this implementation out; `passed` is then True.

    `got` is None where there is nothing to compare (an LPI without configuration, no read before `value`, a field that
    the machine does not have).
    """

    passed: bool
    got: int | bytes | None
    wanted: int | bytes
    relation: Relation
    asked: bool = True
    got_text: str = ""
    wanted_text: str = ""


def check(expect: Expect, machine: Machine, last: int | None) -> Expectation:
    """Evaluate an expectation; it changes nothing in the machine."""
    got = evaluate(expect.term, machine, last, secure=expect.secure)
    asked = not expect.on or machine.implementation in expect.on
    holds = got is not None and _compare(expect.relation, got, expect.wanted)
    return Expectation(
        passed=holds or not asked,
        got=got,
        wanted=expect.wanted,
        relation=expect.relation,
        asked=asked,
        got_text="nothing" if got is None else format_wanted(expect.term, got, machine.map),
        wanted_text=expect.word or format_wanted(expect.term, expect.wanted, machine.map),
    )


def _compare(relation: Relation, got: int | bytes, wanted: int | bytes) -> bool:
    if isinstance(got, bytes) or isinstance(wanted, bytes):
        return (got == wanted) is (relation is Relation.EQUAL)
    return COMPARE[relation](got, wanted)


def evaluate(term: Term, machine: Machine, last: int | None = None, *, secure: bool = False) -> int | bytes | None:
    """The value of a term; `last` is what the last read returned, `secure` whose view of a register is asked for."""
    match term:
        case RegisterRef():
            return _register(term, machine, secure)
        case Pending(intid, cpu):
            return int(_pending(machine, intid, cpu))
        case Config(intid):
            view = machine.lpi(intid)
            return view.config_ram if view.config_cached is None else view.config_cached
        case Mapped(device, event):
            return int(any(view.event_id == event for view in machine.events(device)))
        case Memory(address, length, bit):
            data = machine.memory.read(address, length)
            return data if bit is None else data[0] >> bit & 1
        case IrqLine(cpu):
            return int(machine.irq(cpu=cpu))
        case Creadr():
            return machine.queue().creadr
        case Stalled():
            return int(machine.queue().stalled)
        case LastValue():
            return last


def _register(reference: RegisterRef, machine: Machine, secure: bool) -> int | None:
    value = machine.peek(reference.name, cpu=reference.cpu or 0, secure=secure)
    if reference.field is None:
        return value
    field = machine.map.registers[reference.name].by_name.get(reference.field)
    return None if field is None else field.extract(value)


def _pending(machine: Machine, intid: int, cpu: int | None) -> bool:
    if intid >= FIRST_LPI:
        state = machine.lpi_home.state(intid, cpu)
        return state.pending and state.cpu == cpu
    word, bit = divmod(intid, 32)
    register = "GICR_ISPENDR0" if intid < FIRST_SPI else f"GICD_ISPENDR{word}"
    # With two Security states the Secure view is all of it: the term asks what is, not who may see it.
    return bool(machine.peek(register, cpu=cpu or 0, secure=True) >> bit & 1)
