"""What no register and no table shows: wires, what is signalled, the lists and caches inside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from functools import partial
from typing import Any

from app.diff.told import Change, Form, Section, singles
from app.gic import Machine, MachineState
from app.gic.its_kernel import KernelTranslation

LEVELS = ("low", "high")
SHOWN = 8
"""Names in one list that are written out."""
TOLD_ELSEWHERE = frozenset({"memory", "values", "recent"})
PRIVATE = 32


def inside(a: Machine, b: Machine, most: int | None) -> Section[Change]:
    """By CPU, then wires, then the ITS."""
    found = singles(most, Change)
    for change in _changes(a, b):
        if change.a != change.b:
            found.add(partial(_itself, change))
    return found.section()


def _itself(change: Change) -> Change:
    return change


def hidden(a: Machine, b: Machine) -> bool:
    """Whether two machines of one make are not in the same state, whatever is shown of it."""
    if a.make != b.make:
        return False
    mine, theirs = a.snapshot(), b.snapshot()
    parts = (each.name for each in fields(MachineState) if each.name not in TOLD_ELSEWHERE)
    return any(getattr(mine, part) != getattr(theirs, part) for part in parts)


def _changes(a: Machine, b: Machine) -> Iterator[Change]:
    cpus = range(min(a.cpus, b.cpus))
    for cpu in cpus:
        yield Change(f"INTID signalled to CPU {cpu}", _signalled(a, cpu), _signalled(b, cpu), Form.DECIMAL)
    if a.list_registers is not None and b.list_registers is not None:
        for cpu in cpus:
            yield Change(f"queued for CPU {cpu}", _queued(a, cpu), _queued(b, cpu), Form.WORDS)
    yield from _wires(a, b)
    if a.has_its and b.has_its:
        yield Change("ITS has commands left to run", a.its_unfinished, b.its_unfinished, Form.FLAG)
        one, other = _cache(a), _cache(b)
        if one is not None and other is not None:
            yield Change("ITS translation cache", _listed(one), _listed(other), Form.WORDS)


def _signalled(machine: Machine, cpu: int) -> int | None:
    found = machine.cpu_interfaces[cpu].signalled()
    return None if found is None else found.intid


def _queued(machine: Machine, cpu: int) -> str | None:
    """KVM's ap_list: the interrupts that wait for a list register of this CPU, or are in one."""
    lists: Any = machine.signals.snapshot()
    return _listed([f"INTID {intid}" for intid in lists[0][cpu]])


def _listed(names: list[str]) -> str | None:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more if names else None


def _wires(a: Machine, b: Machine) -> Iterator[Change]:
    one, other = a.wired, b.wired
    for cpu in range(min(a.cpus, b.cpus)):
        yield from _lines(one.lines[cpu][0], other.lines[cpu][0], 0, f" on CPU {cpu}")
    for word, (mine, theirs) in enumerate(zip(one.spi_lines, other.spi_lines, strict=False)):
        yield from _lines(mine, theirs, word * PRIVATE, "")


def _lines(mine: int, theirs: int, first: int, where: str) -> Iterator[Change]:
    """The wires of 32 interrupts, a bit each."""
    for bit in range(PRIVATE):
        if (mine ^ theirs) >> bit & 1:
            levels = LEVELS[mine >> bit & 1], LEVELS[theirs >> bit & 1]
            yield Change(f"wire of INTID {first + bit}{where}", levels[0], levels[1], Form.WORDS)


def _cache(machine: Machine) -> list[str] | None:
    """What the ITS remembers of translations: None, where it has no such cache."""
    translation = machine.its.translation
    if not isinstance(translation, KernelTranslation):
        return None
    state: Any = translation.snapshot()
    return [f"DeviceID {key[0]:#x} EventID {key[1]:#x}: INTID {intid}" for key, intid in state[2]]
