"""The form that builds an ITS command: its operands with ranges and hints, and the encoding both ways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app import limits
from app.exchange.command_words import WANTED, command_in, reserved_text
from app.gic import Machine
from app.gic.commands import COMMANDS, HEX_OPERANDS, CommandError, CommandSpec, Operand

PREFIX = "operand."
# One value each so that a machine built by the form line by line is a working one.
SUGGESTED = {
    "device": "0x2",
    "event": "0x14",
    "intid": "8195",
    "collection": "1",
    "target": "0",
    "source": "0",
    "itt": "0x40300000",
    "size": "5",
    "valid": "1",
    "vpe": "0x1",
    "vintid": "8195",
    "doorbell": "1023",
    "doorbell_valid": "0",
    "vpt": "0x40340000",
    "vpt_size": "14",
    "sequence": "0",
    "its_list": "0x1",
}
# Which underline tells an operand's bits apart in the encoding.
MARKS = {"device": "f-dev", "event": "f-ev", "intid": "f-int", "collection": "f-col", "size": "f-ev", "itt": "f-int"}
OTHER_MARK = "f-cmd2"
OPCODE_MARK = "f-cmd"
RES0_MARK = "z"
DIGITS = 16


@dataclass(frozen=True, slots=True)
class OperandInput:
    """An operand as a control; `fits` is its range, `problem` what is wrong with its value."""

    name: str
    input_name: str
    input_id: str
    field_name: str
    meaning: str
    fits: str
    value: str
    mark: str
    problem: str


@dataclass(frozen=True, slots=True)
class Digits:
    text: str
    mark: str


@dataclass(frozen=True, slots=True)
class EncodedWord:
    """A doubleword as runs of hex digits, and what it holds."""

    digits: tuple[Digits, ...]
    says: str


@dataclass(frozen=True, slots=True)
class Builder:
    """`ask` is the address that gives the form anew for other values, "" where there is none.

    `kept` are values of operands that the chosen command has not; `pasted` is what was pasted to be decoded, `trouble`
    what is wrong with it, `caution` what to know of the command.
    """

    groups: tuple[tuple[str, tuple[str, ...]], ...]
    chosen: str
    meaning: str
    caution: str
    operands: tuple[OperandInput, ...]
    kept: tuple[tuple[str, str], ...]
    line: str
    words: tuple[EncodedWord, ...]
    pasted: str
    trouble: str
    ask: str
    may_write: bool


def builder(
    machine: Machine, chosen: str, typed: Mapping[str, str], *, may_write: bool, pasted: str = "", ask: str = ""
) -> Builder:
    """The form for command `chosen`; `typed` is what was entered before, `pasted` an encoding to start from instead."""
    values = {name: typed.get(PREFIX + name, SUGGESTED[name]) for name in SUGGESTED}
    trouble = reserved = ""
    if len(pasted) > limits.COMMAND_CHARACTERS:
        trouble = f"It has more than {limits.COMMAND_CHARACTERS} characters; paste {WANTED}."
    elif pasted.strip():
        try:
            command = command_in(pasted)
        except CommandError as error:
            trouble = f"{error}."
        else:
            chosen, reserved = command.name, reserved_text(command)
            values |= {name: _spoken(name, value) for name, value in command.operands.items()}
    spec = COMMANDS.get(chosen.upper(), COMMANDS["MAPD"])
    ranges = ranges_of(machine)
    operands = tuple(_input(operand, values[operand.name], ranges) for operand in spec.operands)
    return Builder(
        groups=tuple(
            (f"GICv{version}", tuple(each.name for each in COMMANDS.values() if each.version == version))
            for version in sorted({each.version for each in COMMANDS.values()})
        ),
        chosen=spec.name,
        meaning=f"{spec.meaning[:1].upper()}{spec.meaning[1:]}.",
        caution=" ".join(filter(None, (_reserved_told(reserved), _missing(machine, spec)))),
        operands=operands,
        kept=tuple(
            (PREFIX + name, value)
            for name, value in values.items()
            if name not in {each.name for each in spec.operands} and value != SUGGESTED[name]
        ),
        line=" ".join(["its", spec.name, *(f"{each.name}={each.value.strip()}" for each in operands)]),
        words=_encoded(spec, {each.name: _number(each.value) for each in operands if not each.problem}),
        pasted=pasted,
        trouble=trouble,
        ask=ask,
        may_write=may_write,
    )


def ranges_of(machine: Machine) -> dict[str, str]:
    """What fits on this machine where that is less than the field has room for, by operand."""
    if not machine.has_its:
        return {}
    device, event = (_typer(machine, name) + 1 for name in ("Devbits", "ID_bits"))
    cpus = f"0 to {machine.cpus - 1}, a CPU of this machine" if machine.cpus > 1 else "0, the one CPU"
    return {
        "device": f"0 to {(1 << device) - 1:#x}, {device} bits by GITS_TYPER.Devbits",
        "event": f"0 to {(1 << event) - 1:#x}, {event} bits by GITS_TYPER.ID_bits",
        "size": f"1 to {event}, GITS_TYPER.ID_bits",
        "target": cpus,
        "source": cpus,
    }


def _typer(machine: Machine, name: str) -> int:
    register = machine.map.registers["GITS_TYPER"]
    return register.field(name).extract(machine.peek(register, 0))


def _missing(machine: Machine, spec: CommandSpec) -> str:
    if spec.version == 3 or (machine.has_its and _typer(machine, "Virtual")):
        return ""
    does = machine.impl.command_errors.meaning
    return f"GITS_TYPER.Virtual is 0: this ITS has no {spec.name}, it is of GICv{spec.version}. Here it is {does}."


def _reserved_told(reserved: str) -> str:
    return (
        f"RES0 bits were set in what you pasted: {reserved}. They have no meaning and are left out." if reserved else ""
    )


def _input(operand: Operand, value: str, ranges: Mapping[str, str]) -> OperandInput:
    number = _number(value)
    problem = "not a number" if number is None else operand.refusal(number).removeprefix(f"{operand.name}=")
    return OperandInput(
        name=operand.name,
        input_name=PREFIX + operand.name,
        input_id=f"its-{operand.name}",
        field_name=operand.field_name,
        meaning=operand.meaning,
        fits=ranges.get(operand.name, operand.range_text),
        value=value,
        mark=MARKS.get(operand.name, OTHER_MARK),
        problem=problem,
    )


def _spoken(name: str, value: int) -> str:
    return f"{value:#x}" if name in HEX_OPERANDS else str(value)


def _number(text: str) -> int | None:
    plain = text.strip().replace("_", "")
    if not plain or len(plain) > 32:
        return None
    try:
        return int(plain, 16 if plain[:2].lower() == "0x" else 10)
    except ValueError:
        return None


def _encoded(spec: CommandSpec, values: Mapping[str, int | None]) -> tuple[EncodedWord, ...]:
    """The doublewords; operands that do not fit are left out."""
    words = [spec.opcode, 0, 0, 0]
    for operand in spec.operands:
        value = values.get(operand.name)
        if value is not None:
            words[operand.word] |= operand.place(value)
    return tuple(
        EncodedWord(_digits(spec, number, word), _says(spec, number, values)) for number, word in enumerate(words)
    )


def _digits(spec: CommandSpec, number: int, word: int) -> tuple[Digits, ...]:
    runs: list[Digits] = []
    for at, digit in enumerate(f"{word:0{DIGITS}x}"):
        mark = _mark(spec, number, (DIGITS - 1 - at) * 4)
        if runs and runs[-1].mark == mark:
            runs[-1] = Digits(runs[-1].text + digit, mark)
        else:
            runs.append(Digits(digit, mark))
    return tuple(runs)


def _mark(spec: CommandSpec, number: int, bit: int) -> str:
    """A digit belongs to the operand that has its lowest bit, or one of its bits."""
    if number == 0 and bit < 8:
        return OPCODE_MARK
    found = next(
        (each for each in spec.operands if each.word == number and each.lsb <= bit + 3 and each.msb >= bit), None
    )
    return RES0_MARK if found is None else MARKS.get(found.name, OTHER_MARK)


def _says(spec: CommandSpec, number: int, values: Mapping[str, int | None]) -> str:
    told = [
        f"[{each.place_text}] {each.field_name} "
        + ("does not fit" if (value := values.get(each.name)) is None else _spoken(each.name, value))
        for each in spec.operands
        if each.word == number
    ]
    if number == 0:
        told.append(f"[7:0] {spec.name}")
    return " · ".join(told) or "RES0"
