"""How much may be played for one caller: work and pages of RAM, counted by every player inside the block.

A server sets an allowance for each request; where there is none, as on the command line, nothing is bounded.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass

from app.gic import Machine
from app.gic.memory import GuestMemory

OPERATION_WORK = 100
"""An operation by itself, in the units of `Machine.work`, some microseconds: it is decoded, played, told."""


@dataclass(frozen=True, slots=True)
class Effort:
    """What playing so far took: work, some microseconds, and pages of RAM, of 4 KiB, that were written or copied."""

    work: int = 0
    pages: int = 0


class TooMuch(Exception):
    """The allowance is used up; the operation was not played. `work`: of that there was too much, else of RAM."""

    def __init__(self, *, work: bool, most: int) -> None:
        self.work = work
        self.most = most
        what = "more work than may be done at once" if work else "more RAM than may be written at once"
        super().__init__(f"Playing this is {what}")


@dataclass(slots=True)
class Allowance:
    """What may be played, and what was. `admit` is called once, before work goes on beyond `free`; it may raise."""

    work: int
    pages: int
    free: int = 0
    admit: Callable[[], None] | None = None
    worked: int = 0
    written: int = 0

    def check(self) -> None:
        """Raise TooMuch if nothing is left."""
        if self.worked > self.free and self.admit is not None:
            admit, self.admit = self.admit, None
            admit()
        if self.worked >= self.work:
            raise TooMuch(work=True, most=self.work)
        if self.written >= self.pages:
            raise TooMuch(work=False, most=self.pages)


ALLOWANCE: ContextVar[Allowance | None] = ContextVar("allowance", default=None)


class Allowed:
    """Counts against an allowance inside the block, also in the threads that it starts; None: nothing is counted."""

    def __init__(self, allowance: Allowance | None) -> None:
        self._allowance = allowance

    def __enter__(self) -> None:
        self._token = ALLOWANCE.set(self._allowance)

    def __exit__(self, *_: object) -> None:
        ALLOWANCE.reset(self._token)


def spend(work: int) -> None:
    """Count work that is no play against the allowance. Raise TooMuch if nothing was left of it before."""
    allowance = ALLOWANCE.get()
    if allowance is not None:
        allowance.check()
        allowance.worked += work


def pages_of(machine: Machine) -> int:
    """Pages of RAM that this machine has written or copied so far."""
    return machine.memory.taken if isinstance(machine.memory, GuestMemory) else 0
