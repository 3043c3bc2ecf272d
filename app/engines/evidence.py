"""What shows in a step: short words that say which behaviours were at work there, and which INTIDs it was about.

A behaviour lists the words that point at it (`Behaviour.signs`); a sign with `+` needs both words in one step.

- `its:MAPTI`, `its:MAPC-V0`: the ITS took that command; `ignored`, `stalled`, `error:ID_OOR`, `ignored:EFAULT`: how it
  went
- `write:GICR_CTLR`, `read:…`, `expect:…`: a register of that stem, `write-whole:…` if all of it was replaced;
  `expect:irq`, `expect:stalled`: another term; `expect:pending-table`, `expect:memory`: RAM bytes, by whose they are
- `poke:pending-table`, `poke:config-table`: RAM bytes that a CPU's LPI tables hold; `misaligned`: a misaligned access
- `msi`, `irq`, `ack`, `eoi`, `uread`, `uwrite`, `save`, `migrate:documented`, `migrate:reordered`: the operation itself
- `uwrite:GICD_IIDR`, `save:pending-tables`: the register, or the tables, of one
- `lpi-lost`, `config-read`, …: an effect of that kind; `only:lpi-lost`: on one of two machines and not on the other
- `migrate:unsaved`, `migrate:moved`: no `save` or a MOVALL came before (added where steps are seen in order);
  `saved-pending`: a `save pending-tables` did
- `no-its`: the machine has none
- `choice:remap`: that behaviour decided something that the manual leaves open
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from app.gic import Machine
from app.gic.effects import (
    Choice,
    CommandRun,
    Effect,
    LpiNotPending,
    LpiPending,
    LpisEnabled,
    PendingTableScanned,
    RegisterRead,
    RegisterWritten,
)
from app.gic.lpi import FIRST_LPI, PENDBASER_ADDRESS, PROPBASER_ADDRESS
from app.scenario.operations import (
    Config,
    Expect,
    Half,
    IrqLine,
    Its,
    Memory,
    Migrate,
    Operation,
    Pending,
    Poke,
    RawAddress,
    Read,
    RegisterRef,
    Save,
    Stalled,
    Uwrite,
    Write,
)
from app.scenario.player import Step

_ERROR = re.compile(r"[A-Z]+_([A-Z_]+) \(0x")
_UNMAPS = re.compile(r"\bvalid=0\b")
_PENDING_TABLE_BYTES = 1 << 13
_CONFIG_TABLE_BYTES = (1 << 16) - FIRST_LPI
_SPECIAL = range(1020, 1024)
_VERBS = frozenset({"msi", "irq", "ack", "eoi", "uread", "uwrite", "save"})


@dataclass(frozen=True, slots=True)
class Evidence:
    """One machine's side of a step. `registers`: what each register read as, by name with its CPU."""

    words: frozenset[str]
    intids: frozenset[int]
    registers: dict[str, int] = field(default_factory=dict)
    answered: int | None = None

    def beside(self, other: Evidence) -> frozenset[str]:
        """The words of both sides, and those that only the comparison shows."""
        words = self.words | other.words
        one_sided = {f"only:{word}" for word in self.words ^ other.words}
        both_acknowledge = (
            "ack" in words
            and self.answered != other.answered
            and not {self.answered, other.answered} & {None, *_SPECIAL}
        )
        return words | one_sided | ({"ack:other"} if both_acknowledge else set())


NOTHING = Evidence(frozenset(), frozenset())


def evidence_of(step: Step, machine: Machine) -> Evidence:
    """The evidence of a step that was just played on this machine."""
    words = set(_operation_words(step.op, machine))
    if not machine.has_its:
        words.add("no-its")
    intids = set(_operation_intids(step.op, machine))
    registers: dict[str, int] = {}
    for effect in step.effects:
        words.update(_effect_words(effect))
        intids.update(_effect_intids(effect))
        if isinstance(effect, RegisterWritten):
            registers[_register(effect.register, effect.cpu)] = effect.reads
        elif isinstance(effect, RegisterRead):
            registers[_register(effect.register, effect.cpu)] = effect.value << _shift(effect, machine)
    if isinstance(step.op, Read) and isinstance(step.op.target, RegisterRef) and step.value is not None:
        registers[_register(step.op.target.name, step.op.target.cpu)] = step.value << _lowest(step.op, machine)
    if step.op.verb == "ack" and step.value is not None and step.value not in _SPECIAL:
        intids.add(step.value)
    expected = step.op.term if isinstance(step.op, Expect) else None
    if isinstance(expected, RegisterRef) and step.expectation is not None and isinstance(step.expectation.got, int):
        value = machine.map.registers[expected.name]
        name = _register(expected.name, expected.cpu)
        registers[name] = step.expectation.got << (value.field(expected.field).lsb if expected.field else 0)
    return Evidence(frozenset(words), frozenset(intids), registers, step.value)


def has_sign(words: frozenset[str], signs: tuple[str, ...]) -> bool:
    """Whether one of the signs shows in the words of a step."""
    return any(all(part in words for part in sign.split("+")) for sign in signs)


def _register(name: str, cpu: int | None) -> str:
    return name if cpu is None else f"{name}@{cpu}"


def _lowest(op: Read, machine: Machine) -> int:
    """The lowest bit of the register that a read by name returned; an absent register tells nothing else."""
    assert isinstance(op.target, RegisterRef)
    if op.target.field is not None:
        return machine.map.registers[op.target.name].field(op.target.field).lsb
    return 32 if op.half is Half.HI else 0


def _shift(effect: RegisterRead, machine: Machine) -> int:
    """Where the bits that an access read stand in the register."""
    register = machine.map.registers[effect.register]
    return 0 if register.encoding else 8 * (effect.address - machine.map.address(register, effect.cpu or 0))


def _operation_words(op: Operation, machine: Machine) -> Iterator[str]:
    match op:
        case Its():
            yield f"its:{op.command}"
        case Read() | Write():
            yield from _access_words(op, machine)
        case Expect():
            yield f"expect:{_term(op, machine)}"
        case Poke():
            yield from (f"poke:{table}" for table, _ in _tables(op, machine))
        case Migrate():
            yield f"migrate:{'documented' if op.order == ('documented',) else 'reordered'}"
        case Uwrite(RegisterRef(name)):
            yield from ("uwrite", f"uwrite:{machine.map.registers[name].stem}")
        case Save(tables):
            yield from ("save", f"save:{tables}")
        case _:
            if op.verb in _VERBS:
                yield op.verb


def _access_words(op: Read | Write, machine: Machine) -> Iterator[str]:
    if isinstance(op.target, RawAddress):
        found = machine.map.at(op.target.address)
        if found is not None:
            yield f"{op.verb}:{found[0].stem}"
        if op.target.address % ((op.width or 8) // 8):
            yield "misaligned"
    else:
        stem = machine.map.registers[op.target.name].stem
        yield f"{op.verb}:{stem}"
        if isinstance(op, Write) and op.value is not None and op.half is None:
            yield f"write-whole:{stem}"


def _term(op: Expect, machine: Machine) -> str:
    match op.term:
        case RegisterRef(name):
            return machine.map.registers[name].stem
        case IrqLine():
            return "irq"
        case Memory(address):
            return next((table for table, _ in _tables(Poke(address, b"\xff"), machine)), "memory")
        case Stalled():
            return "stalled"
        case _:
            return type(op.term).__name__.lower()


def _tables(op: Poke, machine: Machine) -> Iterator[tuple[str, frozenset[int]]]:
    """Which LPI tables of which CPU these bytes lie in, and the INTIDs they are of."""
    for cpu in range(machine.cpus):
        pending = op.address - (machine.pendbaser(cpu) & PENDBASER_ADDRESS)
        if 0 <= pending < _PENDING_TABLE_BYTES:
            bits = (
                (pending + at) * 8 + bit for at, byte in enumerate(op.data[:64]) for bit in range(8) if byte >> bit & 1
            )
            yield "pending-table", frozenset(bits)
        config = op.address - (machine.propbaser(cpu) & PROPBASER_ADDRESS)
        if 0 <= config < _CONFIG_TABLE_BYTES:
            yield "config-table", frozenset(FIRST_LPI + config + at for at in range(min(len(op.data), 64)))


def _operation_intids(op: Operation, machine: Machine) -> Iterator[int]:
    match op:
        case Expect(term=Pending(intid) | Config(intid)):
            yield intid
        case Expect(term=Memory(address)):
            for _, intids in _tables(Poke(address, b"\xff"), machine):
                yield from intids
        case Poke():
            for _, intids in _tables(op, machine):
                yield from intids
        case _:
            named = getattr(op, "intid", None)
            if isinstance(named, int):
                yield named


def _effect_words(effect: Effect) -> Iterator[str]:
    match effect:
        case CommandRun():
            yield from _command_words(effect)
        case LpisEnabled(enabled=enabled):
            yield f"lpis-enabled:{'on' if enabled else 'off'}"
        case Choice(behaviour=behaviour):
            yield f"choice:{behaviour}"
        case LpiPending(address=address) | LpiNotPending(address=address):
            yield effect.kind
            if address is not None:
                yield f"{effect.kind}:table"
        case _:
            yield effect.kind


def _command_words(effect: CommandRun) -> Iterator[str]:
    yield f"its:{effect.name}"
    if effect.name == "MAPC" and _UNMAPS.search(effect.text):
        yield "its:MAPC-V0"
    if effect.outcome != "done":
        yield effect.outcome
    error = _ERROR.match(effect.error)
    if error is not None:
        yield f"error:{error[1]}"
    if effect.error.startswith("-EFAULT"):
        yield "ignored:EFAULT"


def _effect_intids(effect: Effect) -> Iterator[int]:
    if isinstance(effect, PendingTableScanned):
        yield from effect.found
    intid = getattr(effect, "intid", None)
    if isinstance(intid, int) and intid not in _SPECIAL:
        yield intid
