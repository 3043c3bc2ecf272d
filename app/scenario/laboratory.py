"""One experiment of the migration laboratory: a source, what is saved, and the restore card by card, LPIs watched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from app.gic import Machine, UserspaceError
from app.gic.effects import Effect, RegisterWritten, UserspaceCalled
from app.gic.lpi import FIRST_LPI, LPI_LIMIT, PENDBASER_ADDRESS, lpi_limit, pending_in_ram
from app.registers import Register
from app.scenario.format import format_operation
from app.scenario.migration import Restoring, build
from app.scenario.operations import Migrate, Operation, Save, SavedTables
from app.scenario.restore_steps import RAM, TABLES, VMSTATE_GIC, VMSTATE_ITS, StepRef, Way, way_of
from app.scenario.scenario import MachineSpec

# After these, an LPI may be mapped that was not, or the other way round.
_MAPPING = frozenset({RAM, "basers", "cwriter", TABLES, "gits-ctlr", VMSTATE_GIC, VMSTATE_ITS})
DRAINED = 256
"""Interrupts acknowledged on a copy to see what a CPU would take: beyond that many the rest is as good."""


class Plan(NamedTuple):
    """What is saved on the source (only KVM asks for it), and the migration."""

    saves: tuple[SavedTables, ...] = (SavedTables.PENDING, SavedTables.ITS)
    op: Migrate = Migrate()

    def operations(self, way: Way) -> tuple[Operation, ...]:
        """The experiment as the language says it."""
        saves = self.saves if way is Way.ATTRIBUTES else ()
        return (*(Save(tables) for tables in saves), self.op)

    def text(self, way: Way, spec: MachineSpec) -> str:
        return "".join(f"{format_operation(op, spec)}\n" for op in self.operations(way))


@dataclass(frozen=True, slots=True)
class Probe:
    """The LPIs at one moment.

    `held`: INTID to CPU where pending state is outside RAM; `tables`: the bits set in RAM, in the pending table that
    the source gave each CPU; `mapped`: INTID to (DeviceID, EventID, CPU).
    """

    held: Mapping[int, int | None]
    tables: tuple[frozenset[int], ...]
    mapped: Mapping[int, tuple[int, int, int | None]]

    def in_ram(self, intid: int) -> tuple[int, ...]:
        """The CPUs in whose table the LPI's bit is set."""
        return tuple(cpu for cpu, bits in enumerate(self.tables) if intid in bits)


class Change(NamedTuple):
    """What a card did to the LPIs: INTIDs, ascending."""

    held: tuple[int, ...]
    dropped: tuple[int, ...]
    consumed: tuple[int, ...]
    written: tuple[int, ...]
    mapped: tuple[int, ...]
    unmapped: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CardRun:
    """One card that was run."""

    ref: StepRef
    errors: tuple[str, ...]
    values: tuple[str, ...]
    effects: tuple[Effect, ...]
    before: Probe
    after: Probe

    @property
    def change(self) -> Change:
        then, now = self.before, self.after
        ram_then = frozenset().union(*then.tables)
        ram_now = frozenset().union(*now.tables)
        return Change(
            _ids(now.held.keys() - then.held.keys()),
            _ids(then.held.keys() - now.held.keys()),
            _ids(ram_then - ram_now),
            _ids(ram_now - ram_then),
            _ids(now.mapped.keys() - then.mapped.keys()),
            _ids(then.mapped.keys() - now.mapped.keys()),
        )


class Writes(NamedTuple):
    """A value that a card writes; `edited` are the bits that are not the saved ones."""

    name: str
    register: Register
    value: int
    edited: int


@dataclass(frozen=True)
class Experiment:
    """An experiment as far as it was run. `pending` and `taken` are of the source before anything was saved.

    `taken`: the LPIs that CPUs would have acknowledged, None if there are too many to try.
    """

    plan: Plan
    way: Way
    cards: tuple[StepRef, ...]
    writes: Mapping[StepRef, tuple[Writes, ...]]
    save_errors: tuple[str, ...]
    save_effects: tuple[Effect, ...]
    pending: Mapping[int, int | None]
    taken: frozenset[int] | None
    source: Probe
    saved: Probe
    runs: tuple[CardRun, ...]
    machine: Machine

    @property
    def whole(self) -> bool:
        return len(self.runs) == len(self.cards)


class Bench:
    """A source that was saved and a fresh destination; `step` runs the next card."""

    def __init__(self, source: Machine, spec: MachineSpec, plan: Plan) -> None:
        self.spec = spec
        self.plan = plan
        copy = build(spec.on(source.implementation))
        copy.restore(source.snapshot())
        self.way = way_of(copy.impl)
        self._tables = tuple(
            (copy.pendbaser(cpu) & PENDBASER_ADDRESS, lpi_limit(copy.propbaser(cpu)) or LPI_LIMIT)
            for cpu in range(copy.cpus)
        )
        self.pending = copy.pending_lpis()
        self.taken = drained(copy)
        self.source = self._probe(copy, None)
        self.save_errors: list[str] = []
        with copy.listen() as effects:
            if self.way is Way.ATTRIBUTES:
                for tables in plan.saves:
                    self._save(copy, tables)
            self.restoring = Restoring(copy, spec, plan.op)
        self.save_effects = tuple(each for each in effects if not isinstance(each, RegisterWritten | UserspaceCalled))
        self.saved = self._probe(copy, self.source)
        self.runs: list[CardRun] = []
        self._last = self._probe(self.restoring.machine, None)

    def _save(self, machine: Machine, tables: SavedTables) -> None:
        door = machine.userspace
        try:
            (door.save_pending_tables if tables is SavedTables.PENDING else door.save_its_tables)()
        except UserspaceError as error:
            self.save_errors.append(f"{tables.value} -{error.errno_name}")

    def step(self) -> CardRun:
        """Run the next card. IndexError when all were run."""
        ref = self.restoring.cards[len(self.runs)]
        done, effects = self.restoring.run(ref)
        after = self._probe(self.restoring.machine, None if ref.name in _MAPPING else self._last)
        run = CardRun(ref, done.errors, done.values, effects, self._last, after)
        self._last = after
        self.runs.append(run)
        return run

    def experiment(self) -> Experiment:
        return Experiment(
            self.plan,
            self.way,
            self.restoring.cards,
            {ref: tuple(Writes(*each) for each in self.restoring.values(ref)) for ref in self.restoring.cards},
            tuple(self.save_errors),
            self.save_effects,
            self.pending,
            self.taken,
            self.source,
            self.saved,
            tuple(self.runs),
            self.restoring.machine,
        )

    def _probe(self, machine: Machine, mapped_as: Probe | None) -> Probe:
        if mapped_as is not None:
            mapped = mapped_as.mapped
        else:
            found = machine.mapped_lpis()
            mapped = {intid: (each.device_id, each.event_id, cpu) for intid, (each, cpu) in found.items()}
        tables = tuple(
            frozenset(pending_in_ram(machine, base, limit)) if base else frozenset() for base, limit in self._tables
        )
        return Probe(machine.lpi_home.held(), tables, mapped)


def experiment(source: Machine, spec: MachineSpec, plan: Plan, upto: int | None = None) -> Experiment:
    """Run the first `upto` cards (None: all). The source stays as it is."""
    bench = Bench(source, spec, plan)
    for _ in bench.restoring.cards[:upto]:
        bench.step()
    return bench.experiment()


def drained(machine: Machine) -> frozenset[int] | None:
    """The LPIs that the CPUs would acknowledge as things stand, tried on a copy; None if they are too many."""
    if len(machine.pending_lpis()) > DRAINED:
        return None
    kept = machine.snapshot()
    taken: set[int] = set()
    for cpu in range(machine.cpus):
        for _ in range(DRAINED):
            intid = machine.icc_read("ICC_IAR1_EL1", cpu)
            if 1020 <= intid < FIRST_LPI:
                break
            if intid >= FIRST_LPI:
                taken.add(intid)
            machine.icc_write("ICC_EOIR1_EL1", intid, cpu)
    machine.restore(kept)
    return frozenset(taken)


def _ids(found: set[int] | frozenset[int]) -> tuple[int, ...]:
    return tuple(sorted(found))
