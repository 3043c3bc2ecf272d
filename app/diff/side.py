"""One of the two that are compared: a machine, and where it came from."""

from __future__ import annotations

from dataclasses import dataclass

from app.diff.diff import diff
from app.diff.told import Diff
from app.gic import Machine
from app.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Origin:
    """`name` is a file or an address; `step` the one after which the machine is, of `steps`: None for a saved state."""

    name: str
    implementation: str
    cpus: int
    step: int | None = None
    steps: int | None = None

    @property
    def when(self) -> str:
        """The step in words, "" for a saved state."""
        return "" if self.step is None else f"step {self.step:,} of {self.steps:,}"

    @property
    def text(self) -> str:
        return ", ".join(filter(None, (self.name, self.when, f"on {self.implementation}")))


@dataclass(frozen=True, slots=True)
class Compared:
    """What differs between two, and which they are."""

    a: Origin
    b: Origin
    diff: Diff


@dataclass(frozen=True, slots=True)
class Sided:
    """A machine of one's own, that nobody else moves on; `scenario` is what was played to get it, where one was."""

    origin: Origin
    machine: Machine
    scenario: Scenario | None = None


def step_meant(asked: int | None, steps: int) -> int | None:
    """The step that is meant: without one the last, one below 0 counts back from there. None where there is none."""
    if asked is None:
        return steps
    if asked > steps:
        return None
    return asked if asked >= 0 else max(steps + asked, 0)


def compared(a: Sided, b: Sided, most: int | None) -> Compared:
    """The two compared, of each kind at most `most` changes (None: all). Raises TooMuch."""
    return Compared(a.origin, b.origin, diff(a.machine, b.machine, most))
