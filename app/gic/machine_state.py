"""The whole state of a machine as a value."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.gic.its import RECENT, Words
from app.gic.memory import GuestMemory
from app.gic.outcome import Outcome
from app.gic.security import DS

if TYPE_CHECKING:
    from app.gic.machine import Machine


@dataclass(frozen=True, slots=True)
class MachineState:
    """Everything a machine is, RAM included; from `Machine.snapshot`, for `Machine.restore`."""

    make: tuple[object, ...]  # implementation, CPUs, SPIs, ITS, Security states
    values: tuple[int, ...]
    memory: object
    wired: object
    lpis: object
    signals: object
    interfaces: tuple[object, ...]
    translation: object
    recent: tuple[tuple[int, Words, Outcome], ...]
    its_placed: bool
    its_unfinished: bool


def snapshot_of(machine: Machine) -> MachineState:
    """The exact state, RAM included when it is ours; costs the registers and the pages written since the last."""
    return MachineState(
        machine.make,
        tuple(machine.values),
        machine.memory.snapshot() if isinstance(machine.memory, GuestMemory) else None,
        machine.wired.snapshot(),
        machine.lpi_home.snapshot(),
        machine.signals.snapshot(),
        tuple(each.snapshot() for each in machine.cpu_interfaces),
        machine.its.translation.snapshot() if machine.has_its else None,
        tuple(machine.its.recent) if machine.has_its else (),
        machine.its_placed,
        machine.its_unfinished,
    )


def put_back(machine: Machine, state: MachineState) -> None:
    """Become what a machine of the same make was at `snapshot`."""
    if state.make != machine.make:
        raise ValueError("the snapshot is of another make: implementation, CPUs, SPIs, ITS or Security states")
    machine.values[:] = state.values
    machine.its_placed = state.its_placed
    machine.its_unfinished = state.its_unfinished
    machine.two_states = machine.security == 2 and not machine.gicd_ctlr() & DS
    if isinstance(machine.memory, GuestMemory) and isinstance(state.memory, dict):
        machine.memory.restore(state.memory)
    assert isinstance(state.wired, tuple)
    machine.wired.restore(state.wired)
    machine.lpi_home.restore(state.lpis)
    machine.signals.restore(state.signals)
    for interface, kept in zip(machine.cpu_interfaces, state.interfaces, strict=True):
        interface.restore(kept)
    if machine.has_its:
        machine.its.translation.restore(state.translation)
        machine.its.recent = deque(state.recent, RECENT)
