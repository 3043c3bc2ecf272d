"""`migrate`: a fresh GIC restored step by step, in an order that may be wrong, with values that may be edited."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from app.gic import Machine, UserspaceError
from app.gic.effects import Effect, RegisterWritten, UserspaceCalled
from app.gic.memory import GuestMemory
from app.gic.vmstate import load_gic, load_its
from app.registers import Register, RegisterMap
from app.scenario.attributes import attribute_of, read_attribute, write_attribute
from app.scenario.operations import Edit, Migrate
from app.scenario.restore_steps import (
    ITS_BASE,
    RAM,
    TABLES,
    VMSTATE_GIC,
    VMSTATE_ITS,
    WRITE_BACK,
    StepRef,
    Way,
    cards_of,
    steps_of,
    way_of,
)
from app.scenario.scenario import MachineSpec

ENABLE_LPIS = 1


@dataclass(frozen=True, slots=True)
class Restored(Effect):
    """One restore step. `values`: what was written where; `errors`: what was refused."""

    kind: ClassVar[str] = "restored"
    step: str
    values: tuple[str, ...]
    errors: tuple[str, ...]
    why: str
    cite: str

    @property
    def words(self) -> str:
        shown = ", ".join(self.values[:4]) + (f" and {len(self.values) - 4} more" if len(self.values) > 4 else "")
        refused = f"; refused: {', '.join(self.errors)}" if self.errors else ""
        return f"Restore {self.step}: {shown or 'nothing to write'}{refused} ({self.why})"


@dataclass(frozen=True, slots=True)
class Migrated:
    """The machine at the destination, and what happened on the way."""

    machine: Machine
    effects: tuple[Effect, ...]
    refused: str


def migrate(source: Machine, spec: MachineSpec, op: Migrate) -> Migrated:
    """A fresh machine with the source's state. A step that is refused does not end it."""
    with source.listen() as saving:
        restoring = Restoring(source, spec, op)
    effects: list[Effect] = [effect for effect in saving if not isinstance(effect, RegisterWritten)]
    errors: list[str] = []
    for ref in restoring.cards:
        done, inside = restoring.run(ref)
        effects.append(done)
        effects.extend(effect for effect in inside if not isinstance(effect, UserspaceCalled | RegisterWritten))
        errors.extend(f"{ref}: {error}" for error in done.errors)
    return Migrated(restoring.machine, tuple(effects), "; ".join(errors))


def build(spec: MachineSpec, on_ram_of: Machine | None = None, *, fresh_ram: bool = False) -> Machine:
    """A machine as the spec says, on fresh RAM or on another machine's."""
    ram = None if on_ram_of is None or fresh_ram else on_ram_of.memory
    return Machine(
        implementation=spec.implementation if on_ram_of is None else on_ram_of.impl,
        cpus=spec.cpus,
        spis=spec.spis,
        its=spec.its,
        ram_mib=spec.ram_mib,
        lpi_id_bits=spec.lpi_id_bits,
        memory=ram,
        security=spec.security,
    )


@dataclass(frozen=True, slots=True)
class _Saved:
    """A register's saved value. `secure`: by whom it is read and written, where two Security states have their own."""

    register: Register
    cpu: int
    value: int
    secure: bool = False

    @property
    def name(self) -> str:
        return f"{self.register.name}@{self.cpu}" if self.register.per_cpu else self.register.name


class Restoring:
    """A source that was read, and a destination that is restored one step at a time.

    Making it reads the source; on a GIC without userspace door that also makes its pending tables in RAM complete.
    """

    def __init__(self, source: Machine, spec: MachineSpec, op: Migrate) -> None:
        self.way = way_of(source.impl)
        self.cards = cards_of(self.way, op.order, op.without)
        self._edits = op.edits
        self._left_out = {name.partition("@")[0] for name in op.without}
        named = {name.partition("@")[0] for name in steps_of(op.order)}
        self._saved = {ref: self._edited(tuple(self._read(source, ref))) for ref in self.cards}
        if self.way is Way.REGISTERS and WRITE_BACK not in self._left_out:
            write_back(source)
        fresh = RAM in self._left_out or (RAM in named and isinstance(source.memory, GuestMemory))
        self._state = source.snapshot()
        self.machine = build(spec, source, fresh_ram=fresh)
        self.source_ram = source.memory if fresh else None
        waits = ITS_BASE in named or ITS_BASE in self._left_out
        self.machine.its_placed = not (self.way is Way.ATTRIBUTES and waits)

    def run(self, ref: StepRef) -> tuple[Restored, tuple[Effect, ...]]:
        """Do one step: what it wrote, and what that did."""
        with self.machine.listen() as inside:
            values, errors = self._do(ref)
            self.machine.settle()
        step = ref.step
        return Restored(str(ref), tuple(values), tuple(errors), step.why, self.way.cite), tuple(inside)

    def run_silently(self, ref: StepRef) -> list[str]:
        """Do one step and tell only what was refused: the fast way through many orders."""
        return self._do(ref)[1]

    def values(self, ref: StepRef) -> tuple[tuple[str, Register, int, int], ...]:
        """What a step writes: the register's name with its CPU, itself, the value, and the bits that an edit set."""
        return tuple(
            (item.name, item.register, item.value, self._edited_bits(item)) for item in self._saved.get(ref, ())
        )

    def _do(self, ref: StepRef) -> tuple[list[str], list[str]]:
        if ref.name == RAM:
            return self._copy_ram(), []
        if ref.name == ITS_BASE:
            self.machine.its_placed = True
            return [f"KVM_VGIC_ITS_ADDR_TYPE := {self.machine.map.frames['GITS'].base:#x}"], []
        if ref.name == TABLES:
            return self._restore_tables()
        if ref.name == VMSTATE_GIC:
            load_gic(self.machine, self._state)
            return ["the registers of the Distributor, the Redistributors and the CPU interfaces"], []
        if ref.name == VMSTATE_ITS:
            load_its(self.machine, self._state)
            return ["the registers of the ITS"], []
        return self._write(ref)

    def _copy_ram(self) -> list[str]:
        source, here = self.source_ram, self.machine.memory
        if not isinstance(source, GuestMemory) or not isinstance(here, GuestMemory):
            return ["all of it, in place"]
        here.restore(source.snapshot())
        return [f"{len(source.written_pages())} pages that were ever written"]

    def _restore_tables(self) -> tuple[list[str], list[str]]:
        try:
            self.machine.userspace.restore_its_tables()
        except UserspaceError as error:
            return [], [f"RESTORE_TABLES -{error.errno_name}"]
        return ["RESTORE_TABLES"], []

    def _write(self, ref: StepRef) -> tuple[list[str], list[str]]:
        values: list[str] = []
        errors: list[str] = []
        for item in self._saved[ref]:
            try:
                clear = ref.step.clear_first.get(item.register.stem)
                if clear is not None:
                    index = item.register.index
                    clearing = self.machine.map.registers[f"{clear}{index if index is not None else ''}"]
                    self._put(_Saved(clearing, item.cpu, 0xFFFF_FFFF, item.secure))
                self._put(item)
                values.append(f"{item.name} := {item.value:#x}")
            except UserspaceError as error:
                errors.append(f"{item.name} -{error.errno_name}")
        return values, errors

    def _put(self, item: _Saved) -> None:
        machine, register = self.machine, item.register
        if self.way is Way.ATTRIBUTES:
            write_attribute(machine, attribute_of(register, item.cpu), item.value)
        elif register.frame == "ICC":
            machine.icc_write(register.name, item.value, cpu=item.cpu, secure=item.secure)
        else:
            address = machine.map.address(register, item.cpu)
            machine.write(address, item.value, register.width // 8, cpu=item.cpu, secure=item.secure)

    # -- reading the source

    def _read(self, source: Machine, ref: StepRef) -> Iterator[_Saved]:
        """The values of a step's registers; what a VMM may not read is not carried."""
        stems = ref.step.stems + (ref.step.two_states if source.two_states else ())
        for register in _registers(source.map, stems):
            for cpu in range(source.cpus if register.per_cpu else 1):
                if ref.cpu is None or ref.cpu == cpu:
                    yield from self._read_one(source, register, cpu)

    def _read_one(self, source: Machine, register: Register, cpu: int) -> Iterator[_Saved]:
        if self.way is Way.ATTRIBUTES:
            try:
                yield _Saved(register, cpu, read_attribute(source, attribute_of(register, cpu)))
            except UserspaceError:
                return
        elif register.name == "GITS_CWRITER":
            yield _Saved(register, cpu, 0)
        elif source.two_states:
            banked = register.frame == "ICC"
            for secure in (False, True) if banked else (True,):
                yield _Saved(register, cpu, source.peek(register, cpu, secure=secure), secure)
        else:
            yield _Saved(register, cpu, source.peek(register, cpu))

    def _edited(self, saved: tuple[_Saved, ...]) -> tuple[_Saved, ...]:
        return tuple(_Saved(item.register, item.cpu, self._laid(item, item.value), item.secure) for item in saved)

    def _laid(self, item: _Saved, value: int) -> int:
        for edit in self._of(item):
            field = edit.target.field
            value = edit.value if field is None else item.register.field(field).insert(value, edit.value)
        return value

    def _edited_bits(self, item: _Saved) -> int:
        bits = 0
        for edit in self._of(item):
            field = edit.target.field
            bits |= (1 << item.register.width) - 1 if field is None else item.register.field(field).mask
        return bits

    def _of(self, item: _Saved) -> Iterator[Edit]:
        for edit in self._edits:
            if edit.target.name == item.register.name and (edit.target.cpu or 0) == item.cpu:
                yield edit


def write_back(machine: Machine) -> None:
    """Clear EnableLPIs on every CPU: the Redistributors write their pending state to the tables in RAM."""
    register = machine.map.registers["GICR_CTLR"]
    for cpu in range(machine.cpus):
        if machine.lpis_enabled(cpu):
            value = machine.peek(register, cpu, secure=True) & ~ENABLE_LPIS
            machine.write(machine.map.address(register, cpu), value, 4, cpu=cpu, secure=True)


def _registers(registers: RegisterMap, stems: tuple[str, ...]) -> list[Register]:
    """The present registers of these stems, in the order of the stems and then of the index."""
    by_stem: dict[str, list[Register]] = {stem: [] for stem in stems}
    for register in registers.registers.values():
        for stem in (register.stem, register.name):
            if stem in by_stem and register.present:
                by_stem[stem].append(register)
                break
    return [register for stem in stems for register in sorted(by_stem[stem], key=lambda item: item.index or 0)]
