"""Plays operations on a machine, one step each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from app.gic import Machine, MachineState, UserspaceError
from app.gic.commands import encode
from app.gic.effects import Effect, MemoryWritten
from app.registers import Field, Register
from app.scenario.attributes import Place, attribute_of, raw_attribute, read_attribute, write_attribute
from app.scenario.expect import Expectation, check
from app.scenario.format import format_operation
from app.scenario.migration import build, migrate
from app.scenario.operations import (
    Ack,
    Eoi,
    Expect,
    FieldValue,
    Half,
    Irq,
    Its,
    LoadState,
    Migrate,
    Msi,
    Note,
    Operation,
    Poke,
    RawAddress,
    Read,
    RegisterRef,
    Save,
    SavedTables,
    Uread,
    Uwrite,
    Write,
)
from app.scenario.scenario import MachineSpec, Scenario
from app.scenario.vocabulary import access_width
from app.scenario.work import ALLOWANCE, OPERATION_WORK, Allowance, Effort, pages_of

FIRST_SPI = 32


@dataclass(frozen=True, slots=True)
class Step:
    """What one operation did. `seq` counts from 1.

    `value` is what a read or acknowledge returned, `width` its bits where it is a whole access; `refused` says what the
    machine would not do, as an errno and words.
    """

    seq: int
    text: str
    op: Operation
    value: int | None = None
    effects: tuple[Effect, ...] = ()
    expectation: Expectation | None = None
    refused: str = ""
    width: int | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """A player's whole state, to return to."""

    state: MachineState
    seq: int
    last: int | None
    effort: Effort


@dataclass(frozen=True, slots=True)
class _Outcome:
    value: int | None = None
    expectation: Expectation | None = None
    refused: str = ""
    effects: tuple[Effect, ...] = ()
    width: int | None = None


NOTHING = _Outcome()


class Verdict(StrEnum):
    """What a step came to, where it was asked something or the machine would not do it."""

    HOLDS = "holds"
    FAILS = "fails"
    REFUSED = "refused"


def verdict_of(step: Step) -> Verdict | None:
    """Whether a step's expectation held, or that it was refused; None where nothing was asked and nothing refused."""
    if step.expectation is not None:
        return (Verdict.HOLDS if step.expectation.passed else Verdict.FAILS) if step.expectation.asked else None
    return Verdict.REFUSED if step.refused else None


class Refused(Exception):
    """The machine cannot do this operation; the message says why."""


class Player:
    """A machine, and how far it has been played. A migration replaces `machine` by the destination's."""

    def __init__(self, spec: MachineSpec, machine: Machine | None = None) -> None:
        self.spec = spec
        self.machine = build(spec) if machine is None else machine
        self.machine.notes_choices = True
        self.seq = 0
        self.last: int | None = None
        self.work = 0
        self.pages = 0

    def apply(self, op: Operation) -> Step:
        """Play one operation and say everything that it did."""
        machine = self.machine
        with machine.listen() as effects:
            outcome = self._play(op)
        seen = (*tuple(effects), *outcome.effects)
        text = format_operation(op, self.spec)
        return Step(self.seq, text, op, outcome.value, seen, outcome.expectation, outcome.refused, outcome.width)

    def advance(self, op: Operation) -> None:
        """Play one operation, saying nothing: the fast way to a later step."""
        if isinstance(op, Note | Expect):
            self.seq += 1
        else:
            self._play(op)

    def judge(self, op: Operation) -> Verdict | None:
        """Play one operation and say only what it came to."""
        outcome = self._play(op)
        return verdict_of(Step(self.seq, "", op, expectation=outcome.expectation, refused=outcome.refused))

    @property
    def effort(self) -> Effort:
        """What playing so far took."""
        return Effort(self.work, self.pages)

    def position(self) -> Position:
        return Position(self.machine.snapshot(), self.seq, self.last, self.effort)

    def restore(self, position: Position) -> None:
        """Back to a position taken earlier from a player of the same spec."""
        self.machine.restore(position.state)
        self.seq, self.last = position.seq, position.last
        self.work, self.pages = position.effort.work, position.effort.pages

    def _play(self, op: Operation) -> _Outcome:
        allowance = ALLOWANCE.get()
        if allowance is not None:
            allowance.check()
        machine = self.machine
        work, pages = machine.work, pages_of(machine)
        try:
            outcome = PLAYS[type(op)](self, op) or NOTHING
        except (UserspaceError, Refused, LookupError, ValueError) as error:
            outcome = _Outcome(refused=str(error))
        if outcome.value is not None:
            self.last = outcome.value
        self.seq += 1
        if self.machine is not machine:  # a migration: the destination has done nothing else
            machine, work, pages = self.machine, 0, 0
        self._count(OPERATION_WORK + machine.work - work, pages_of(machine) - pages, allowance)
        return outcome

    def _count(self, work: int, pages: int, allowance: Allowance | None) -> None:
        self.work += work
        self.pages += pages
        if allowance is not None:
            allowance.worked += work
            allowance.written += pages

    # -- one method per verb --

    def poke(self, op: Poke) -> _Outcome:
        self.machine.memory.write(op.address, op.data)
        return _Outcome(effects=(MemoryWritten(op.address, op.data),))

    def write(self, op: Write) -> None:
        if op.device is not None:
            self.machine.msi(device_id=op.device, event_id=op.value or 0)
            return
        if isinstance(op.target, RegisterRef) and self._register(op.target).encoding:
            self._write_system(op.target, op)
            return
        address, size, cpu = self._access(op)
        value = op.value
        if value is None:
            old = self.machine.read(address, size, cpu=cpu, secure=op.secure)
            value = self._overlaid(op, old, 32 if op.half is Half.HI else 0)
        self.machine.write(address, value, size, cpu=cpu, secure=op.secure)

    def read(self, op: Read) -> _Outcome:
        if isinstance(op.target, RegisterRef) and self._register(op.target).encoding:
            value = self.machine.icc_read(op.target.name, cpu=op.target.cpu or 0, secure=op.secure)
            width = self._register(op.target).width
        else:
            address, size, cpu = self._access(op)
            value = self.machine.read(address, size, cpu=cpu, secure=op.secure)
            width = size * 8
        if isinstance(op.target, RegisterRef) and op.target.field is not None:
            return _Outcome(self._field(op.target, op.target.field).extract(value))
        return _Outcome(value, width=width)

    def expect(self, op: Expect) -> _Outcome:
        return _Outcome(expectation=check(op, self.machine, self.last))

    def its(self, op: Its) -> None:
        if not self.machine.its_is_set_up:
            self.machine.setup_its()
        self.machine.command(encode(op.command, **dict(op.operands)))

    def msi(self, op: Msi) -> None:
        self.machine.msi(device_id=op.device, event_id=op.event)

    def irq(self, op: Irq) -> None:
        if op.intid < FIRST_SPI:
            self.machine.ppi(intid=op.intid, level=bool(op.level), cpu=op.cpu or 0)
        else:
            self.machine.spi(intid=op.intid, level=bool(op.level))

    def ack(self, op: Ack) -> _Outcome:
        return _Outcome(self.machine.icc_read("ICC_IAR1_EL1", cpu=op.cpu, secure=op.secure))

    def eoi(self, op: Eoi) -> None:
        self.machine.icc_write("ICC_EOIR1_EL1", op.intid, cpu=op.cpu, secure=op.secure)

    def uread(self, op: Uread) -> _Outcome:
        place = self._attribute(op)
        return _Outcome(read_attribute(self.machine, place), width=place.width * place.pieces)

    def uwrite(self, op: Uwrite) -> None:
        place = self._attribute(op)
        value = op.value
        if value is None:
            value = self._overlaid(op, read_attribute(self.machine, place), 32 if op.half is Half.HI else 0)
        write_attribute(self.machine, place, value)

    def save(self, op: Save) -> None:
        if op.tables is SavedTables.PENDING:
            self.machine.userspace.save_pending_tables()
        else:
            self.machine.userspace.save_its_tables()

    def migrate(self, op: Migrate) -> _Outcome:
        moved = migrate(self.machine, self.spec, op)
        self.machine = moved.machine
        self.machine.notes_choices = True
        return _Outcome(effects=moved.effects, refused=moved.refused)

    def load(self, op: LoadState) -> None:
        from app.scenario.state_read import loaded_state

        spec, state = loaded_state(op.state)
        if spec.on(self.spec.implementation) != self.spec or spec.implementation != self.machine.implementation:
            raise Refused(f"the state is of another machine: {spec.implementation} with cpus={spec.cpus}")
        self.machine.restore(state)

    def note(self, op: Note) -> None:
        """Words only."""

    # -- places --

    def _register(self, reference: RegisterRef) -> Register:
        return self.machine.map.registers[reference.name]

    def _field(self, reference: RegisterRef, name: str) -> Field:
        return self._register(reference).field(name)

    def _access(self, op: Read | Write) -> tuple[int, int, int]:
        """Address, size in bytes, and the CPU that makes the access."""
        size = access_width(self.machine.map, op.target, op.width, op.half) // 8
        if isinstance(op.target, RawAddress):
            return op.target.address, size, op.by or 0
        register, cpu = self._register(op.target), op.target.cpu or 0
        address = self.machine.map.address(register, cpu) + (4 if op.half is Half.HI else 0)
        return address, size, cpu if op.by is None else op.by

    def _write_system(self, target: RegisterRef, op: Write) -> None:
        cpu, value = target.cpu or 0, op.value
        if value is None:
            value = self._overlaid(op, self.machine.icc_read(target.name, cpu=cpu, secure=op.secure), 0)
        self.machine.icc_write(target.name, value, cpu=cpu, secure=op.secure)

    def _overlaid(self, op: Write | Uwrite, old: int, shift: int) -> int:
        """The named fields over what a read returned; `shift` is the lowest bit that the access reaches."""
        if not isinstance(op.target, RegisterRef):
            raise Refused(f"{op.target} has no named fields")
        value = old << shift
        for item in op.fields:
            value = self._laid(op.target, item, value)
        return value >> shift

    def _laid(self, target: RegisterRef, item: FieldValue, value: int) -> int:
        return self._field(target, item.name).insert(value, item.value)

    def _attribute(self, op: Uread | Uwrite) -> Place:
        if not isinstance(op.target, RegisterRef):
            return raw_attribute(op.target)
        return attribute_of(self._register(op.target), op.target.cpu, op.half)


Play: TypeAlias = Callable[[Player, Any], _Outcome | None]
PLAYS: dict[type, Play] = {
    Poke: Player.poke,
    Write: Player.write,
    Read: Player.read,
    Expect: Player.expect,
    Its: Player.its,
    Msi: Player.msi,
    Irq: Player.irq,
    Ack: Player.ack,
    Eoi: Player.eoi,
    Uread: Player.uread,
    Uwrite: Player.uwrite,
    Save: Player.save,
    Migrate: Player.migrate,
    LoadState: Player.load,
    Note: Player.note,
}


def played(scenario: Scenario) -> Player:
    """The player after all of a scenario."""
    player = Player(scenario.machine)
    for operation in scenario.operations:
        player.advance(operation)
    return player
