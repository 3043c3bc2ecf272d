"""`migrate`: a fresh GIC on the same guest RAM, its registers restored step by step, in an order that may be wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from app.gic import Machine, UserspaceError
from app.gic.behaviours import Doors
from app.gic.effects import Effect, RegisterWritten, Role, UserspaceCalled
from app.registers import Register, RegisterMap
from app.scenario.attributes import attribute_of, read_attribute, write_attribute
from app.scenario.restore_steps import BY_NAME, CITE, RestoreStep, steps_of
from app.scenario.scenario import MachineSpec


@dataclass(frozen=True, slots=True)
class StateCopied(Effect):
    """A GIC without a userspace door moved as a whole."""

    kind: ClassVar[str] = "state-copied"
    role: ClassVar[Role] = Role.WHY
    implementation: str
    cite: str = ""

    @property
    def words(self) -> str:
        return (
            f"{self.implementation} has no device attributes: its registers, tables and pending bits were moved as they"
            " stand, so no order of steps can matter"
        )


@dataclass(frozen=True, slots=True)
class Restored(Effect):
    """One restore step. `values`: what was written where; `errors`: what KVM refused."""

    kind: ClassVar[str] = "restored"
    step: str
    values: tuple[str, ...]
    errors: tuple[str, ...]
    why: str
    cite: str = CITE

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


def migrate(source: Machine, spec: MachineSpec, order: tuple[str, ...]) -> Migrated:
    """A fresh machine on the source's RAM, with the source's registers. A step that KVM refuses does not end it."""
    target = build(spec, source)
    if source.impl.doors is Doors.NONE:
        target.restore(source.snapshot())
        return Migrated(target, (StateCopied(source.implementation),), "")
    saved = {step.name: tuple(_saved(source, step)) for step in map(BY_NAME.__getitem__, steps_of(order))}
    effects: list[Effect] = []
    errors: list[str] = []
    for name in steps_of(order):
        step = BY_NAME[name]
        with target.listen() as inside:
            done = _restore(target, step, saved[name])
        effects.append(done)
        effects.extend(effect for effect in inside if not isinstance(effect, UserspaceCalled | RegisterWritten))
        errors.extend(f"{name}: {error}" for error in done.errors)
    return Migrated(target, tuple(effects), "; ".join(errors))


def build(spec: MachineSpec, on_ram_of: Machine | None = None) -> Machine:
    """A machine as the spec says, on fresh RAM or on another machine's."""
    return Machine(
        implementation=spec.implementation if on_ram_of is None else on_ram_of.impl,
        cpus=spec.cpus,
        spis=spec.spis,
        its=spec.its,
        ram_mib=spec.ram_mib,
        lpi_id_bits=spec.lpi_id_bits,
        memory=None if on_ram_of is None else on_ram_of.memory,
        security=spec.security,
    )


@dataclass(frozen=True, slots=True)
class _Saved:
    register: Register
    cpu: int
    value: int


def _saved(machine: Machine, step: RestoreStep) -> Iterator[_Saved]:
    """The values of a step's registers as the VMM reads them; what it may not read is not carried."""
    for register in _registers(machine.map, step.stems):
        for cpu in range(machine.cpus if register.per_cpu else 1):
            try:
                value = read_attribute(machine, attribute_of(register, cpu))
            except UserspaceError:
                continue
            yield _Saved(register, cpu, value)


def _registers(registers: RegisterMap, stems: tuple[str, ...]) -> list[Register]:
    """The present registers of these stems, in the order of the stems and then of the index."""
    by_stem: dict[str, list[Register]] = {stem: [] for stem in stems}
    for register in registers.registers.values():
        for stem in (register.stem, register.name):
            if stem in by_stem and register.present:
                by_stem[stem].append(register)
                break
    return [register for stem in stems for register in sorted(by_stem[stem], key=lambda item: item.index or 0)]


def _restore(machine: Machine, step: RestoreStep, saved: tuple[_Saved, ...]) -> Restored:
    values: list[str] = []
    errors: list[str] = []
    if step.name == "its-tables":
        try:
            machine.userspace.restore_its_tables()
            values.append("RESTORE_TABLES")
        except UserspaceError as error:
            errors.append(f"RESTORE_TABLES -{error.errno_name}")
    for item in saved:
        register, cpu = item.register, item.cpu
        name = f"{register.name}@{cpu}" if register.per_cpu else register.name
        try:
            clear = step.clear_first.get(register.stem)
            if clear is not None:
                clearing = machine.map.registers[f"{clear}{register.index if register.index is not None else ''}"]
                write_attribute(machine, attribute_of(clearing, cpu), 0xFFFF_FFFF)
            write_attribute(machine, attribute_of(register, cpu), item.value)
            values.append(f"{name} := {item.value:#x}")
        except UserspaceError as error:
            errors.append(f"{name} -{error.errno_name}")
    return Restored(step.name, tuple(values), tuple(errors), step.why)
