"""Which orders of the restore lose LPIs: all of them, folded where they come to the same.

Two orders of the same steps that leave the destination in exactly the same state can only end alike, whatever follows.
So the orders are not tried one by one: level by level, every different state that any order reaches after so many steps
is kept once, with how many orders lead to it. The counts are exact, for all orders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from math import factorial
from typing import NamedTuple

from app.gic import Machine, MachineState
from app.gic.memory import GuestMemory
from app.scenario.laboratory import Bench, Plan, drained
from app.scenario.restore_steps import ITS_BASE, RAM, TABLES, StepRef
from app.scenario.scenario import MachineSpec

# They touch nothing that the other steps read or write of LPIs, so wherever they stand, LPIs end alike.
HELD = ("gicd", "gicr", "icc", "gits-iidr")
# A VMM has both before it restores anything; the search moves them only if it is asked to.
FIRST = (RAM, ITS_BASE)
SLOTS_PER_LPI = 20


class TooMany(Exception):
    """The search was bounded; the message says what was reached."""


class Stopped(Exception):
    """Whoever asked does not want the answer any more."""


class Progress(NamedTuple):
    """How far a search is: of `total` sets of steps, so many are `done`; `states` different states were met."""

    done: int
    total: int
    states: int


Report = Callable[[Progress], bool]
"""Told now and then; False ends the search."""


@dataclass(slots=True)
class _Node:
    state: MachineState
    count: int
    path: tuple[int, ...]
    turns: int
    always: int
    error: str


class Ends(NamedTuple):
    """How LPIs end: what is pending where, what is mapped, what the CPUs would take; and how RESTORE_TABLES ended."""

    pending: tuple[tuple[int, int | None], ...]
    mapped: tuple[int, ...]
    taken: tuple[int, ...] | None
    error: str


@dataclass(frozen=True, slots=True)
class OrderClass:
    """Orders that end alike. `order` is the nearest to the plan's; `always`: what is before what in every one."""

    ends: Ends
    count: int
    order: tuple[StepRef, ...]
    always: frozenset[tuple[StepRef, StepRef]]


@dataclass(frozen=True, slots=True)
class Found:
    """All orders of the `moved` steps, after `first`; the `held` ones are done where it does not matter."""

    first: tuple[StepRef, ...]
    moved: tuple[StepRef, ...]
    held: tuple[StepRef, ...]
    orders: int
    states: int
    classes: tuple[OrderClass, ...] = field(default=())


def search(
    source: Machine,
    spec: MachineSpec,
    plan: Plan,
    most_slots: int,
    report: Report = lambda _: True,
    *,
    move_all: bool = False,
) -> Found:
    """Try every order of the plan's steps; those of FIRST too with `move_all`.

    Raises TooMany when the states met have more than `most_slots` numbers together, Stopped if `report` says so.
    """
    return _Search(source, spec, plan, most_slots, report, move_all).run()


class _Search:
    def __init__(
        self, source: Machine, spec: MachineSpec, plan: Plan, most: int, report: Report, move_all: bool
    ) -> None:
        self.bench = Bench(source, spec, plan)
        self.restoring = self.bench.restoring
        first = () if move_all else FIRST
        self.first = tuple(ref for ref in self.restoring.cards if ref.name in first)
        self.moved = tuple(ref for ref in self.restoring.cards if ref.name not in (*HELD, *first))
        self.held = tuple(ref for ref in self.restoring.cards if ref.name in HELD)
        weight = len(self.restoring.machine.values) + SLOTS_PER_LPI * len(self.bench.source.mapped)
        self.most = most // weight
        self.report = report
        self.states = 0
        self.machine = self.restoring.machine
        ram = self.restoring.source_ram
        self._pages: dict[int, bytearray] = dict(ram.snapshot()) if isinstance(ram, GuestMemory) else {}

    def run(self) -> Found:
        size = len(self.moved)
        total = 1 << size
        for ref in self.first:
            self.restoring.run_silently(ref)
        level: dict[tuple[int, object], _Node] = {}
        level[0, self._key("")] = _Node(self.machine.snapshot(), 1, (), 0, 0, "")
        done = 0
        for _ in range(size):
            following: dict[tuple[int, object], _Node] = {}
            for mask, nodes in _by_mask(level).items():
                done += 1
                if not self.report(Progress(done, total, self.states)):
                    raise Stopped
                for node in nodes:
                    self._expand(mask, node, following)
            level = following
        classes = self._classes(list(level.values()))
        orders = factorial(size)
        return Found(self.first, self.moved, self.held, orders, self.states, classes)

    def _expand(self, mask: int, node: _Node, following: dict[tuple[int, object], _Node]) -> None:
        size = len(self.moved)
        for card in range(size):
            if mask >> card & 1:
                continue
            self.machine.restore(node.state)
            ref = self.moved[card]
            errors = self.restoring.run_silently(ref)
            error = errors[0] if errors and ref.name == TABLES else node.error
            turns = node.turns + (mask >> card).bit_count()
            always = node.always | sum(1 << before * size + card for before in range(size) if mask >> before & 1)
            key = (mask | 1 << card, self._key(error))
            known = following.get(key)
            if known is None:
                self.states += 1
                if self.states > self.most:
                    raise TooMany(f"More than {self.most} different states of a machine of this size")
                path = (*node.path, card)
                following[key] = _Node(self.machine.snapshot(), node.count, path, turns, always, error)
            else:
                known.count += node.count
                known.always &= always
                if turns < known.turns:
                    known.turns, known.path = turns, (*node.path, card)

    def _key(self, error: str) -> object:
        """All that the machine is, as something to compare; RAM by the pages that are not the source's own."""
        state = self.machine.snapshot()
        memory = self.machine.memory
        assert isinstance(memory, GuestMemory)
        pages = tuple(
            (number, bytes(page))
            for number, page in sorted(memory.snapshot().items())
            if self._pages.setdefault(number, page) is not page
        )
        inside = (state.lpis, state.signals, state.interfaces, state.wired, state.translation)
        return (error, state.values, _frozen(inside), state.its_placed, pages, len(memory.snapshot()))

    def _classes(self, ends: list[_Node]) -> tuple[OrderClass, ...]:
        grouped: dict[Ends, list[_Node]] = {}
        for node in ends:
            self.machine.restore(node.state)
            for ref in self.held:
                self.restoring.run_silently(ref)
            grouped.setdefault(_ends(self.machine, node.error), []).append(node)
        found = [self._class(how, nodes) for how, nodes in grouped.items()]
        return tuple(sorted(found, key=lambda each: -each.count))

    def _class(self, how: Ends, nodes: list[_Node]) -> OrderClass:
        nearest = min(nodes, key=lambda node: (node.turns, node.path))
        always = nearest.always
        for node in nodes:
            always &= node.always
        size = len(self.moved)
        pairs = frozenset(
            (self.moved[one], self.moved[other])
            for one in range(size)
            for other in range(size)
            if always >> one * size + other & 1
        )
        order = tuple(self.moved[card] for card in nearest.path)
        return OrderClass(how, sum(node.count for node in nodes), (*self.first, *order, *self.held), pairs)


def _frozen(value: object) -> object:
    """Something to compare and to hash by; the order of a dict counts."""
    if isinstance(value, dict):
        return tuple((key, _frozen(each)) for key, each in value.items())
    if isinstance(value, tuple | list):
        return tuple(_frozen(each) for each in value)
    return frozenset(value) if isinstance(value, set) else value


def _by_mask(level: Mapping[tuple[int, object], _Node]) -> dict[int, list[_Node]]:
    found: dict[int, list[_Node]] = {}
    for (mask, _), node in level.items():
        found.setdefault(mask, []).append(node)
    return found


def _ends(machine: Machine, error: str) -> Ends:
    taken = drained(machine)
    return Ends(
        tuple(sorted(machine.pending_lpis().items(), key=lambda item: item[0])),
        tuple(sorted(machine.mapped_lpis())),
        None if taken is None else tuple(sorted(taken)),
        error,
    )


def shortest_rules(always: frozenset[tuple[StepRef, StepRef]]) -> Iterator[tuple[StepRef, StepRef]]:
    """The pairs that do not follow from others."""
    for one, other in sorted(always):
        if not any((one, middle) in always and (middle, other) in always for middle, _ in always if middle != one):
            yield one, other
