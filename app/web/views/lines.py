"""Forms of the page turned into lines of the scenario language."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from app.gic.commands import COMMANDS
from app.registers import Access, Register, RegisterMap, UnknownName
from app.scenario.format import plain
from app.scenario.vocabulary import spoken_value

Peek: TypeAlias = Callable[[str], int]

MOST_FIELDS = 3
HALVES = {"hi": 32, "lo": 0}
BASES = {"0x": 16, "0b": 2}
# 64 binary digits and what stands before them.
LONGEST_NUMBER = 66
# The tables of a Redistributor, for one that has none, and what maps one event: offered where no LPI is mapped.
TABLES = {
    "GICR_PROPBASER@0": "write GICR_PROPBASER@0 Physical_Address=0x40200000 IDbits=15",
    "GICR_PENDBASER@0": "write GICR_PENDBASER@0 PTZ=1 Physical_Address=0x40210000",
}
FIRST_LPI = (
    "its MAPD device=0x2 itt=0x40300000 size=5",
    "its MAPC collection=1 target=0",
    "its MAPTI device=0x2 event=0x14 intid=8195 collection=1",
)


def lines_of(form: Mapping[str, str], map_: RegisterMap, peek: Peek) -> tuple[str, ...]:
    """The lines that a submitted form stands for; `peek` tells what a register reads now.

    A form that makes no sense becomes a line that makes none either: the language says best what is wrong with it.
    """
    if form.get("op") and form.get("kind") != "register":
        return (one_line(form["op"]),)
    match form.get("kind", "console"):
        case "register":
            return (_register_line(form, map_, peek),)
        case "its":
            return (_its_line(form),)
        case "poke":
            return (one_line(f"poke {form.get('address', '')} {form.get('bytes', '')}"),)
        case "write":
            return (one_line(f"write {form.get('name', '')} {form.get('value', '')}"),)
        case "lpi-config":
            return _config_lines(form)
        case "first-lpi":
            return (*(line for name, line in TABLES.items() if not _points(map_, name, peek)), *FIRST_LPI)
        case _:
            return (one_line(form.get("op", "")),)


def _config_lines(form: Mapping[str, str]) -> tuple[str, ...]:
    """A configuration byte as software writes it, and perhaps INV after it."""
    priority, enable = _number(form.get("priority", "")), form.get("enable", "")
    if priority is None or priority & ~0xFC or enable not in ("0", "1"):
        byte = form.get("priority", "") or "?"
    else:
        byte = f"{priority | int(enable):02x}"
    poke = one_line(f"poke {form.get('address', '')} {byte}")
    return (poke, one_line(f"its INV {form.get('event', '')}")) if form.get("do") == "inv" else (poke,)


def _points(map_: RegisterMap, name: str, peek: Peek) -> bool:
    """True if a table's base register points anywhere."""
    return bool(map_.find(name).register.field("Physical_Address").extract(peek(name)))


def one_line(text: str) -> str:
    """What was typed, as one line: a pasted line break must not smuggle in a second operation."""
    return " ".join(text.split())


def _its_line(form: Mapping[str, str]) -> str:
    name = form.get("command", "")
    spec = COMMANDS.get(name)
    operands = () if spec is None else spec.operands
    told = [f"{op.name}={value}" for op in operands if (value := form.get(f"operand.{op.name}", "").strip())]
    return one_line(" ".join(["its", name, *told]))


def _register_line(form: Mapping[str, str], map_: RegisterMap, peek: Peek) -> str:
    name = form.get("register", "")
    half = form.get("width") if form.get("width") in HALVES else None
    option = f" half={half}" if half else ""
    if form.get("do") == "read":
        return one_line(f"read {name}{option}")
    try:
        register = map_.find(name).register
    except UnknownName:
        return one_line(f"write {name} {form.get('value', '')}")
    device = f" device={form['device']}" if form.get("device", "").strip() else ""
    was, value = _number(form.get("was", "")), _number(form.get("value", ""))
    if value is None or was is None:
        return one_line(f"write {name} {form.get('value', '') or '?'}{option}{device}")
    if value == was and (told := _edited_fields(form, register, was)):
        return one_line(f"write {name} {' '.join(told)}{option}{device}")
    if half:
        return f"write {name} {value >> HALVES[half] & 0xFFFF_FFFF:#x} half={half}"
    if peek(name) == was and (settings := _as_fields(register, was, value)):
        return f"write {name} {' '.join(settings)}"
    return one_line(f"write {name} {value:#x}{device}")


def _edited_fields(form: Mapping[str, str], register: Register, was: int) -> list[str]:
    """Fields whose control was changed by hand: without a script nothing else tells of an edit."""
    told: list[str] = []
    for field in register.fields:
        text = form.get(f"field.{field.name}", "").strip()
        if text and _number(text) != spoken_value(field, field.extract(was)):
            told.append(f"{field.name}={_as_said(text)}")
    return told


def _as_fields(register: Register, was: int, value: int) -> list[str]:
    """The edit as field=value words, which say more than the whole value; none if they would say something else."""
    differs = was ^ value
    if any(field.access is Access.W1C for field in register.fields):
        return []
    changed = [field for field in register.fields if differs & field.mask]
    covered = 0
    for field in changed:
        covered |= field.mask
    if not changed or len(changed) > MOST_FIELDS or differs & ~covered:
        return []
    return [f"{field.name}={plain(spoken_value(field, field.extract(value)))}" for field in changed]


def _as_said(text: str) -> str:
    """A number as the language has it, which knows no binary ones; anything else as it is."""
    value = _number(text) if text[:2].lower() == "0b" else None
    return text if value is None else f"{value:#x}"


def _number(text: str) -> int | None:
    text = text.strip().replace("_", "").replace(" ", "")
    if not text or len(text) > LONGEST_NUMBER:
        return None
    try:
        return int(text, BASES.get(text[:2].lower(), 10))
    except ValueError:
        return None
