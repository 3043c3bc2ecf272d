"""Two machines compared."""

from __future__ import annotations

from dataclasses import replace

from app import limits
from app.diff.entries import entries
from app.diff.inside import hidden, inside
from app.diff.lpis import lpis
from app.diff.ram import ram
from app.diff.registers import registers
from app.diff.told import Change, Diff, Form, differing
from app.gic import GuestMemory, Machine
from app.scenario.work import spend

LPI_WORK = 20
"""An LPI looked at, in the units of `Machine.work`: some 20 microseconds."""
PAGE_WORK = 20
"""A page of RAM compared, at worst byte for byte."""


def diff(a: Machine, b: Machine, most: int | None = limits.DIFFERENCES_TOLD) -> Diff:
    """What differs, of each kind at most `most` changes (None: all). Looking changes nothing.

    Raises TooMuch where a request may not do so much.
    """
    spend(sum(_size(each) for each in (a, b)))
    only, by_field = registers(a, b, most)
    shown = limits.DIFFERENCE_BYTES
    found = Diff(
        machine=_make(a, b),
        only=only,
        registers=by_field,
        lpis=lpis(a, b, most),
        entries=entries(a, b, most),
        memory=ram(a, b, most, shown),
        inside=inside(a, b, most),
        unseen=max(a.unseen_devices(), b.unseen_devices()),
    )
    return found if found.count else replace(found, hidden=hidden(a, b))


def _size(machine: Machine) -> int:
    counts = machine.lpi_counts()
    pages = len(machine.memory.written_pages()) if isinstance(machine.memory, GuestMemory) else 0
    return (counts.mapped + counts.pending) * LPI_WORK + pages * PAGE_WORK + len(machine.values)


def _make(a: Machine, b: Machine) -> tuple[Change, ...]:
    """What the machines were built as."""
    return differing(
        (
            Change("implementation", a.implementation, b.implementation, Form.WORDS),
            Change("CPUs", a.cpus, b.cpus, Form.DECIMAL),
            Change("SPIs", a.spis, b.spis, Form.DECIMAL),
            Change("ITS", a.has_its, b.has_its, Form.FLAG),
            Change("Security states", a.security, b.security, Form.DECIMAL),
            Change("MiB of RAM", _mib(a), _mib(b), Form.DECIMAL),
        )
    )


def _mib(machine: Machine) -> int | None:
    memory = machine.memory
    return (memory.end - memory.base) >> 20 if isinstance(memory, GuestMemory) else None
