"""Operations back to text, each in one canonical spelling: `parse(format_scenario(x)) == x`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.gic.commands import COMMANDS, HEX_OPERANDS
from app.registers import RegisterMap
from app.scenario.operations import (
    Ack,
    Config,
    Creadr,
    Edit,
    Eoi,
    Expect,
    FieldValue,
    Half,
    Irq,
    IrqLine,
    Its,
    LastValue,
    LoadState,
    Mapped,
    Memory,
    Migrate,
    Msi,
    Note,
    Operation,
    Pending,
    Poke,
    Read,
    RegisterRef,
    Save,
    Stalled,
    Term,
    Uread,
    Uwrite,
    Write,
)
from app.scenario.scenario import Content, Line, MachineSpec, Scenario, Title
from app.scenario.vocabulary import spoken_value, vocabulary

VERB_WIDTH = 7
COMMENT_COLUMN = 48
DECIMAL_BELOW = 256
DECIMAL_OPERANDS = frozenset(operand.name for spec in COMMANDS.values() for operand in spec.operands) - HEX_OPERANDS
DEFAULT_SPEC = MachineSpec()
# What an acknowledge returns is said in decimal: no interrupt (1020 to 1023), or an LPI.
INTID_REGISTERS = frozenset({"ICC_IAR1_EL1", "ICC_HPPIR1_EL1"})
INTIDS = frozenset((*range(1020, 1024), *range(8192, 65536)))


def format_scenario(scenario: Scenario) -> str:
    """The whole text, one canonical line each, comments and blank lines where they were."""
    spec = scenario.machine
    return scenario.preamble + "".join(f"{format_line(line, spec)}\n" for line in scenario.lines)


def format_line(line: Line, spec: MachineSpec = DEFAULT_SPEC) -> str:
    """One line, without its newline."""
    text = "" if line.content is None else format_content(line.content, spec)
    if line.comment is None:
        return text
    return f"{text:<{COMMENT_COLUMN}} #{line.comment}" if text else f"#{line.comment}"


def format_operation(operation: Operation, spec: MachineSpec = DEFAULT_SPEC, *, compact: bool = False) -> str:
    """One operation as the language writes it; `compact` without the column after the verb."""
    words = WRITERS[type(operation)](operation, vocabulary(spec).map)
    return _with_verb(operation.verb, words, compact=compact)


def format_content(content: Content, spec: MachineSpec = DEFAULT_SPEC, *, compact: bool = False) -> str:
    """One operation or header line."""
    if isinstance(content, Title):
        return _with_verb("title", content.text, compact=compact)
    if isinstance(content, MachineSpec):
        return _with_verb("machine", _machine(content), compact=compact)
    return format_operation(content, spec, compact=compact)


def format_term(term: Term) -> str:
    """The left side of an expectation."""
    return str(term) if isinstance(term, RegisterRef) else TERMS[type(term)](term)


def plain(value: int) -> str:
    """Numbers that people count with in decimal, larger ones in hexadecimal."""
    return str(value) if value < DECIMAL_BELOW else f"{value:#x}"


def word(value: int) -> str:
    """A register's whole value: hexadecimal, unless it is one digit anyway."""
    return f"{value:#x}" if value > 9 else str(value)


def _memory(term: Memory) -> str:
    return f"memory({term.address:#x}, {term.length})" if term.bit is None else f"memory({term.address:#x}).{term.bit}"


def _with_verb(verb: str, words: str, *, compact: bool) -> str:
    if not words:
        return verb
    return f"{verb} {words}" if compact else f"{verb:<{VERB_WIDTH - 1}} {words}"


def _machine(spec: MachineSpec) -> str:
    """The implementation and the CPUs always, the rest where it is not the default."""
    words = [f"implementation={spec.implementation}", f"cpus={spec.cpus}"]
    for name in ("spis", "its", "ram_mib", "lpi_id_bits", "security"):
        value = getattr(spec, name)
        if value != getattr(DEFAULT_SPEC, name):
            words.append(f"{name}={int(value)}")
    return " ".join(words)


def _settings(name: str, fields: tuple[FieldValue, ...], registers: RegisterMap) -> str:
    return " ".join(f"{item.name}={item.word or _spoken(name, item.name, item.value, registers)}" for item in fields)


def _spoken(register: str, field: str, value: int, registers: RegisterMap) -> str:
    """A field's value; as a plain number where the machine on which the operation is played has no such field."""
    found = registers.registers[register].by_name.get(field)
    return plain(value if found is None else spoken_value(found, value))


def _access(width: int | None, half: Half | None, by: int | None, secure: bool) -> str:
    pairs = (("width", width), ("half", half), ("by", by))
    return "".join(f" {key}={value}" for key, value in pairs if value is not None) + _secure(secure)


def _secure(secure: bool) -> str:
    return " secure=1" if secure else ""


def _write(op: Write, registers: RegisterMap) -> str:
    if op.fields and isinstance(op.target, RegisterRef):
        value = _settings(op.target.name, op.fields, registers)
    else:
        value = word(op.value or 0)
    device = "" if op.device is None else f" device={plain(op.device)}"
    return f"{op.target} {value}{_access(op.width, op.half, op.by, op.secure)}{device}"


def _uwrite(op: Uwrite, registers: RegisterMap) -> str:
    if op.fields and isinstance(op.target, RegisterRef):
        value = _settings(op.target.name, op.fields, registers)
    else:
        value = word(op.value or 0)
    return f"{op.target} {value}{_access(None, op.half, None, False)}"


def _migrate(op: Migrate, registers: RegisterMap) -> str:
    without = f" without={','.join(op.without)}" if op.without else ""
    edits = "".join(f" {edit.target}={_edited(edit, registers)}" for edit in op.edits)
    return f"order={','.join(op.order)}{without}{edits}"


def _edited(edit: Edit, registers: RegisterMap) -> str:
    target = edit.target
    return word(edit.value) if target.field is None else _spoken(target.name, target.field, edit.value, registers)


def _expect(op: Expect, registers: RegisterMap) -> str:
    wanted = op.word or format_wanted(op.term, op.wanted, registers)
    on = f" on={','.join(op.on)}" if op.on else ""
    return f"{format_term(op.term)} {op.relation} {wanted}{on}{_secure(op.secure)}"


def format_wanted(term: Term, wanted: int | bytes, registers: RegisterMap) -> str:
    """A compared value as its term is written: bytes as hex, an address field as an address, INTIDs in decimal."""
    if isinstance(wanted, bytes):
        return wanted.hex()
    if isinstance(term, RegisterRef) and term.field is not None:
        return _spoken(term.name, term.field, wanted, registers)
    if isinstance(term, LastValue) or (isinstance(term, RegisterRef) and term.name in INTID_REGISTERS):
        return str(wanted) if wanted in INTIDS else word(wanted)
    return f"{wanted:#04x}" if isinstance(term, Config) else word(wanted)


def format_operands(operands: tuple[tuple[str, int], ...]) -> str:
    """An ITS command's operands: INTIDs and counts in decimal, addresses in hexadecimal."""
    return " ".join(f"{name}={value if name in DECIMAL_OPERANDS else plain(value)}" for name, value in operands)


TERMS: dict[type, Callable[[Any], str]] = {
    Pending: lambda term: f"pending({term.intid}){'' if term.cpu is None else f'@{term.cpu}'}",
    Config: lambda term: f"config({term.intid})",
    Mapped: lambda term: f"mapped({plain(term.device)}, {plain(term.event)})",
    Memory: _memory,
    IrqLine: lambda term: f"irq@{term.cpu}",
    Creadr: lambda _: "creadr",
    Stalled: lambda _: "stalled",
    LastValue: lambda _: "value",
}
WRITERS: dict[type, Callable[[Any, RegisterMap], str]] = {
    Poke: lambda op, _: f"{op.address:#x} {op.data.hex()}",
    Write: _write,
    Read: lambda op, _: f"{op.target}{_access(op.width, op.half, op.by, op.secure)}",
    Expect: _expect,
    Its: lambda op, _: f"{op.command} {format_operands(op.operands)}",
    Msi: lambda op, _: f"device={plain(op.device)} event={plain(op.event)}",
    Irq: lambda op, _: f"{op.intid}{'' if op.cpu is None else f'@{op.cpu}'} level={op.level}",
    Ack: lambda op, _: f"@{op.cpu}{_secure(op.secure)}",
    Eoi: lambda op, _: f"@{op.cpu} {op.intid}{_secure(op.secure)}",
    Uread: lambda op, _: f"{op.target}{_access(None, op.half, None, False)}",
    Uwrite: _uwrite,
    Save: lambda op, _: op.tables.value,
    Migrate: _migrate,
    LoadState: lambda op, _: op.state,
    Note: lambda op, _: op.text,
}
