"""Where a page's machine comes from: a stored session, or a scenario that is only played."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar
from weakref import WeakKeyDictionary

import anyio.to_thread

from app import limits
from app.gic import Machine
from app.scenario import MachineSpec, Operation, Scenario, Step, Timeline, Verdict
from app.scenario.choices import Taken
from app.sessions import Branch, Session
from app.sessions.weight import is_large, look_up

T = TypeVar("T")
# Of the timelines that pages share, each with the lock that whoever takes it elsewhere holds.
_TURNS: WeakKeyDictionary[Timeline, asyncio.Lock] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Place:
    """`turns` changes when the log does otherwise than by growing; a log that is only played has no branches."""

    turns: int = 0
    branches: tuple[Branch, ...] = ()
    can_undo: bool = False
    can_redo: bool = False


class Stage(Protocol):
    """A log and the machine at any step of it."""

    base: str
    title: str
    spec: MachineSpec

    @property
    def ops(self) -> Sequence[Operation]:
        """The log; its length is the newest step."""

    def choices(self, step: int) -> tuple[Taken, ...]:
        """What the steps up to this one took of what the manual leaves open."""

    @property
    def place(self) -> Place:
        """Where the log stands among its branches."""

    @property
    def verdicts(self) -> Mapping[int, Verdict]:
        """What the steps came to that were asked something."""

    async def machine(self, step: int) -> Machine:
        """The machine after `step`, good until the next await."""

    async def step(self, number: int) -> Step:
        """What operation `number` (from 1) did."""

    async def steps(self, numbers: range) -> list[Step]:
        """The same of several in a row."""


class SessionStage:
    """A stored session as itself."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.base = f"/s/{session.id}"
        self.title = session.title
        self.spec = session.spec

    @property
    def ops(self) -> Sequence[Operation]:
        # An operation under way may be in the timeline already: what is stored is what there is to see.
        return self.session.timeline.ops[: self.session.seq]

    def choices(self, step: int) -> tuple[Taken, ...]:
        return self.session.timeline.choices.taken(step)

    @property
    def place(self) -> Place:
        return place_of(self.session)

    @property
    def verdicts(self) -> Mapping[int, Verdict]:
        return self.session.timeline.verdicts

    async def machine(self, step: int) -> Machine:
        return await self.session.machine(step)

    async def step(self, number: int) -> Step:
        return await self.session.step(number)

    async def steps(self, numbers: range) -> list[Step]:
        return await self.session.steps(numbers[0], numbers[-1]) if numbers else []


class PlayedStage:
    """A scenario played for looking at it, stored nowhere."""

    def __init__(self, base: str, title: str, timeline: Timeline) -> None:
        self.base = base
        self.title = title
        self.spec = timeline.spec
        self.timeline = timeline

    @property
    def ops(self) -> Sequence[Operation]:
        return self.timeline.ops

    def choices(self, step: int) -> tuple[Taken, ...]:
        return self.timeline.choices.taken(step)

    @property
    def place(self) -> Place:
        return Place()

    @property
    def verdicts(self) -> Mapping[int, Verdict]:
        return self.timeline.verdicts

    async def machine(self, step: int) -> Machine:
        if is_large(self.timeline):
            return await self._turn(lambda: look_up(self.timeline.at(step)))
        if step == len(self.timeline):
            return self.timeline.at(step)
        return await self._turn(partial(self.timeline.at, step))

    async def step(self, number: int) -> Step:
        return await self._turn(partial(self.timeline.step, number))

    async def _turn(self, work: Callable[[], T]) -> T:
        """A timeline goes to one step at a time; on a thread where playing it took long."""
        if self.timeline.effort.work <= limits.FREE_WORK and not is_large(self.timeline):
            return work()
        async with _TURNS.setdefault(self.timeline, asyncio.Lock()):
            return await anyio.to_thread.run_sync(work)

    async def steps(self, numbers: range) -> list[Step]:
        return await self._turn(lambda: [self.timeline.step(number) for number in numbers])


def place_of(session: Session) -> Place:
    tree = session.tree
    return Place(session.turns, tuple(tree.branches()), tree.undone() is not None, tree.redone() is not None)


def played(scenario: Scenario, implementation: str = "") -> Timeline:
    """The scenario played, perhaps on another implementation than it names."""
    spec = scenario.machine
    return Timeline(spec.on(implementation) if implementation else spec, scenario.operations)
