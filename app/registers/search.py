"""Looking registers up as people do: by part of a name, field, address, offset, encoding, INTID, or title."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from app.registers.families import Family, families
from app.registers.map import RegisterMap, UnknownName
from app.registers.view import Register

_ADDRESS = re.compile(r"\+?0x[0-9a-f_]+|[0-9a-f]{8}", re.IGNORECASE)
_ENCODING = re.compile(r"s3(_\w*)?", re.IGNORECASE)
_OF_A_CPU = re.compile(r"([^\s@]*[a-z_][^\s@]*)(?:\s*@\s*|\s+)(?:cpu\s*)?(\d{1,4})", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"<n>", re.IGNORECASE)

_FIRST_FRAMES = {"SGI": "RD", "VLPI": "RD", "GITS_TRANSLATION": "GITS"}


@dataclass(frozen=True, slots=True)
class Match:
    """A family that was looked for. `registers` are the elements that were meant, `fields` the names of its fields."""

    family: Family
    registers: tuple[Register, ...]
    fields: tuple[str, ...] = ()
    cpu: int | None = None

    @property
    def whole(self) -> bool:
        """Whether all elements are meant."""
        return len(self.registers) == len(self.family.registers)


def search(map_: RegisterMap, text: str) -> list[Match]:
    """The families that `text` finds, best first; all of them, in the map's order, for an empty text."""
    wanted = text.strip()
    if not wanted:
        return [Match(family, family.registers) for family in families(map_).values()]
    if _ADDRESS.fullmatch(wanted):
        return _at(map_, wanted)
    if wanted.isascii() and wanted.isdigit() and len(wanted) < 8:
        return _of_intid(map_, int(wanted))
    if _ENCODING.fullmatch(wanted):
        return _folded(map_, [each for each in map_.registers.values() if each.encoding and _encoded(each, wanted)])
    return _placed(map_, wanted) or _named(map_, wanted) or _of_cpu(map_, wanted)


def address_of(text: str) -> int | None:
    """The number that a text is, if it is looked for as an address or an offset."""
    wanted = text.strip()
    return int(wanted.removeprefix("+").replace("_", ""), 16) if _ADDRESS.fullmatch(wanted) else None


def _encoded(register: Register, wanted: str) -> bool:
    return register.encoding.lower().startswith(wanted.lower())


def _at(map_: RegisterMap, wanted: str) -> list[Match]:
    number = address_of(wanted)
    assert number is not None
    found = map_.at(number)
    if found is None:
        return _folded(map_, [each for each in map_.registers.values() if number in _offsets(map_, each)])
    register, cpu = found
    return [Match(families(map_)[register.stem], (register,), (), cpu if register.per_cpu else None)]


def _offsets(map_: RegisterMap, register: Register) -> tuple[int, ...]:
    """From its own frame; and as a device tree counts it, from the first frame of its Redistributor or ITS."""
    frame = map_.frames[register.frame]
    first = _FIRST_FRAMES.get(register.frame)
    if first is None or first not in map_.frames:
        return (register.offset,)
    return (register.offset, frame.base - map_.frames[first].base + register.offset)


def _of_intid(map_: RegisterMap, intid: int) -> list[Match]:
    """The registers that speak about an interrupt, each with its field; those that are implemented first."""
    known = families(map_)
    registers = [each for each in map_.registers.values() if intid in each.intids]
    registers.sort(key=lambda each: not each.present)
    return [Match(known[each.stem], (each,), _field_of(each, intid)) for each in registers]


def _field_of(register: Register, intid: int) -> tuple[str, ...]:
    if len(register.intids) == 1:
        return ()
    bit = (intid - register.intids.start) * (register.width // len(register.intids))
    return tuple(field.name for field in register.declared if field.lsb <= bit <= field.msb)


def _placed(map_: RegisterMap, wanted: str) -> list[Match]:
    """A full name, as the scenario language writes it: GICR_PENDBASER@1.PTZ."""
    try:
        place = map_.find(wanted)
    except UnknownName:
        return []
    fields = (place.field.name,) if place.field else ()
    return [Match(families(map_)[place.register.stem], (place.register,), fields, place.cpu)]


def _of_cpu(map_: RegisterMap, wanted: str) -> list[Match]:
    """A part of a name and a CPU: "pendbaser@1", "GICR_PENDBASER 1", "PMR cpu1"."""
    parts = _OF_A_CPU.fullmatch(wanted)
    if parts is None or int(parts[2]) >= map_.cpus:
        return []
    named = [match for match in _named(map_, parts[1].strip()) if match.registers[0].per_cpu]
    return [replace(match, cpu=int(parts[2])) for match in named]


def _named(map_: RegisterMap, wanted: str) -> list[Match]:
    """By part of a name, then by field, then by what the register is called in words."""
    known = families(map_)
    lower = wanted.lower()
    bare = _PLACEHOLDER.sub("", lower)
    hits = _folded(map_, [each for each in map_.registers.values() if lower in each.name.lower()])
    hits += [Match(each, each.registers) for stem, each in known.items() if bare in stem.lower()]
    hits.sort(key=lambda hit: _distance(hit.family.name.lower(), lower))
    for family in known.values():
        fields = tuple(dict.fromkeys(field.name for field in family.typical.declared if lower in field.name.lower()))
        if fields:
            hits.append(Match(family, family.registers, fields))
    hits += [Match(family, family.registers) for family in known.values() if lower in family.first.title.lower()]
    # The first way in which a family was found is the best one.
    best: dict[str, Match] = {}
    for hit in hits:
        best.setdefault(hit.family.stem, hit)
    return list(best.values())


def _distance(name: str, wanted: str) -> int:
    """How far a name is from what was typed: it starts so, it does after its frame, it has it somewhere."""
    if name.startswith(wanted):
        return 0
    return 1 if name.partition("_")[2].startswith(wanted) else 2


def _folded(map_: RegisterMap, registers: list[Register]) -> list[Match]:
    members: dict[str, list[Register]] = {}
    for register in registers:
        members.setdefault(register.stem, []).append(register)
    known = families(map_)
    return [Match(known[stem], tuple(found)) for stem, found in members.items()]
