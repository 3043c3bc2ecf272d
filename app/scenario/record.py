"""What a scenario answered when its link was made, small enough to stand in the link, and what differs from it now.

Two things are kept of each step. Its *answer*, as far as it shows outside and is not what anybody would expect: the
value read, whether an expectation held, the errno of a refusal, what a written register reads afterwards, which
interrupts are signalled. And one byte of a hash over all that can be observed of the machine after the step; of the
last step FINAL bytes. Nothing in it depends on how the model is built: registers by name as a guest reads them, RAM,
mappings and pending bits, each only where it is not what it was at reset: a register that a later version adds changes
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from app.gic import Machine
from app.gic.effects import Signalled
from app.gic.memory import PAGE, GuestMemory
from app.registers import Register
from app.scenario.format import format_content
from app.scenario.operations import Ack, Expect, Its, Note, Operation, RegisterRef, Relation, Write
from app.scenario.player import Player, Step
from app.scenario.scenario import Line, MachineSpec, Scenario, line_operation

# These numbers, and what _Observer hashes, are part of the links of format 2: another one finds differences everywhere.
# Of a longer scenario the machine is hashed after every second step, every third, and so on: at 1 to 5 ms each, 0.6 s.
MOST_STATES = 128
FINAL = 4
# LPIs of one hash: the pending tables in RAM and the registers tell of the others.
MOST_LPIS = 256
FIRST_LPI = 8192
ERRNO = re.compile(r"E[A-Z]+")
SIGNALLED = re.compile(r">(\d+):(\d*)\Z")
# What a step says that has no answer to keep.
SILENT: dict[type[Operation], str] = {
    Write: "reads back as it was written",
    Expect: "was not asked",
    Its: "was carried out",
}


@dataclass(frozen=True, slots=True)
class Record:
    """What came of a scenario. `model` is the version of giclab that played it, `answers` has one for each operation.

    `states` has a byte for each step that `_hashed` names, and FINAL bytes for the last of them.
    """

    model: str
    answers: tuple[str, ...]
    states: bytes


@dataclass(frozen=True, slots=True)
class Differing:
    """A step that does not do what it did, in words. `line` is the line of the text."""

    seq: int
    line: int
    text: str
    then: str
    now: str


@dataclass(frozen=True, slots=True)
class Drift:
    """How what is played now differs from a record.

    `steps`: those that answer differently. `state` is the first step after which the machine is another although each
    step up to it answers as it did, None if an answer differs first; the cause lies after step `state_after`.
    """

    model: str
    steps: tuple[Differing, ...]
    state: Differing | None
    state_after: int

    @property
    def first(self) -> Differing:
        """The first step that differs in any way."""
        return self.state or self.steps[0]


def record(scenario: Scenario, model: str, player: Player | None = None) -> Record:
    """Play the scenario, on a fresh machine of its own make or on `player`'s, and keep what a link can carry."""
    player = player or Player(scenario.machine)
    operations = scenario.operations
    hashed = _hashed(operations)
    observer = _Observer(player.machine, scenario.machine)
    answers, states = [], bytearray()
    for seq, operation in enumerate(operations, 1):
        step = player.apply(operation)
        answers.append(answer(step, player.machine))
        if seq in hashed:
            states += observer.digest(player.machine, hashed[seq])
    return Record(model, tuple(answers), bytes(states))


def drift(scenario: Scenario, then: Record, now: Record) -> Drift | None:
    """What differs between two records of a scenario; None if nothing does, or if `then` is not one of it."""
    lines = [line for line in scenario.lines if line_operation(line) is not None]
    if len(then.answers) != len(lines) or len(then.states) != len(now.states):
        return None
    steps = tuple(
        Differing(seq, line.number, _text(line), words(old, line_operation(line)), words(new, line_operation(line)))
        for seq, (line, old, new) in enumerate(zip(lines, then.answers, now.answers, strict=True), 1)
        if old != new
    )
    state, after = _first_state(lines, then, now)
    if state is not None and steps and steps[0].seq <= state.seq:
        state = None
    return Drift(then.model, steps, state, after) if steps or state else None


def answer(step: Step, machine: Machine) -> str:
    """What a step shows outside, in a few characters; "" where it shows what its line lets expect."""
    return ";".join(_parts(step, machine))


def words(text: str, operation: Operation | None = None) -> str:
    """An `answer` as people read it."""
    if text:
        return ", ".join(_said(part) for part in text.split(";"))
    return "was done, nothing else to see" if operation is None else SILENT.get(type(operation), words(""))


def _parts(step: Step, machine: Machine) -> Iterator[str]:
    outcome = step.expectation
    if step.value is not None:
        yield f"={step.value}" if isinstance(step.op, Ack) else f"{step.value:x}"
    if outcome is not None and outcome.asked:
        told = outcome.passed and outcome.relation is Relation.EQUAL
        yield ("+" if outcome.passed else "-") + ("" if told else outcome.got_text)
    if step.refused:
        found = ERRNO.match(step.refused)
        yield f"!{found[0] if found else ''}"
    if isinstance(step.op, Write) and isinstance(step.op.target, RegisterRef):
        yield from _read_back(step.op, step.op.target, machine)
    if isinstance(step.op, Its) and machine.queue().stalled:
        yield "s"
    signals = {effect.cpu: effect.intid for effect in step.effects if isinstance(effect, Signalled)}
    for cpu, intid in sorted(signals.items()):
        yield f">{cpu}:{'' if intid is None else intid}"


def _read_back(op: Write, target: RegisterRef, machine: Machine) -> Iterator[str]:
    """What the register reads after the write, unless that is what was written."""
    register = machine.map.registers[target.name]
    if op.device is not None or not register.present:
        return
    reads = machine.peek(register, target.cpu or 0, op.secure)
    if op.value is not None:
        kept = op.half is None and op.width is None and reads == op.value
    else:
        fields = ((register.by_name.get(item.name), item.value) for item in op.fields)
        kept = all(field is not None and field.extract(reads) == value for field, value in fields)
    if not kept:
        yield f"~{reads:x}"


def _said(part: str) -> str:
    sign, rest = part[:1], part[1:]
    if sign == "=":
        return rest
    if sign == "+":
        return f"held (it is {rest})" if rest else "held"
    if sign == "-":
        return f"did not hold (it is {rest})"
    if sign == "!":
        return f"refused with {rest}" if rest else "refused"
    if sign == "~":
        return f"reads 0x{rest} afterwards"
    if sign == "s":
        return "the command queue stalls"
    if found := SIGNALLED.match(part):
        return f"CPU {found[1]}: {f'INTID {found[2]}' if found[2] else 'nothing'} signalled"
    return f"0x{part}"


def _first_state(lines: list[Line], then: Record, now: Record) -> tuple[Differing | None, int]:
    """The first hashed step after which the machine is another, and the hashed step before it."""
    at = before = 0
    for seq, size in _hashed([operation for line in lines if (operation := line_operation(line)) is not None]).items():
        old, new = then.states[at : at + size], now.states[at : at + size]
        if old != new:
            line = lines[seq - 1]
            told = (f"the machine's state had the hash {old.hex()}", f"it has {new.hex()}")
            return Differing(seq, line.number, _text(line), *told), before
        at, before = at + size, seq
    return None, 0


def _hashed(operations: Sequence[Operation]) -> dict[int, int]:
    """After which steps the machine is hashed, into how many bytes: all that can change it, of many every n-th."""
    changing = [seq for seq, operation in enumerate(operations, 1) if not isinstance(operation, Expect | Note)]
    if not changing:
        return {}
    every = -(-len(changing) // MOST_STATES)
    return dict.fromkeys(changing[every - 1 : -1 : every], 1) | {changing[-1]: FINAL}


def _text(line: Line) -> str:
    return "" if line.content is None else format_content(line.content, compact=True)


class _Observer:
    """Hashes what can be observed of a machine, where it is not what it was at reset."""

    def __init__(self, machine: Machine, spec: MachineSpec) -> None:
        present = [one for one in machine.map.registers.values() if one.present and one.frame != "VLPI"]
        self._places: list[tuple[Register, int]] = [
            (register, cpu) for register in present for cpu in range(spec.cpus if register.per_cpu else 1)
        ]
        self._cpus = spec.cpus
        self._secure = spec.security == 2
        self._reset = self._values(machine)

    def digest(self, machine: Machine, size: int) -> bytes:
        """`size` bytes of hash."""
        told = blake2b(digest_size=size)
        for (register, cpu), old, new in zip(self._places, self._reset, self._values(machine), strict=True):
            if old != new:
                told.update(f"{register.name}@{cpu}={new:x}\n".encode())
        for lpi in machine.lpis(FIRST_LPI, MOST_LPIS):
            told.update(f"{lpi.intid} {lpi.device} {lpi.event} {lpi.icid} {lpi.cpu} {lpi.config_cached} ".encode())
            told.update(f"{int(lpi.pending)} {int(lpi.active)}\n".encode())
        for device in machine.devices():
            told.update(f"device {device.device_id} {device.size} {device.itt_address:x}\n".encode())
        for collection in machine.collections():
            told.update(f"collection {collection.icid} {collection.cpu}\n".encode())
        for cpu in range(self._cpus):
            told.update(bytes([machine.irq(cpu=cpu)]))
        if isinstance(machine.memory, GuestMemory):
            for address in machine.memory.written_pages():
                page = machine.memory.read(address, PAGE)
                if any(page):
                    told.update(address.to_bytes(8, "little") + page)
        return told.digest()

    def _values(self, machine: Machine) -> list[int]:
        return [machine.peek(register, cpu, self._secure) for register, cpu in self._places]
