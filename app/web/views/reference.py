"""One register of the reference: where it is, its fields, and how each implementation has it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from app.gic import IMPLEMENTATIONS
from app.registers import Access, Enumeration, Register, RegisterMap, UnknownName
from app.registers.families import Family, FieldRun, families, family_name, field_runs
from app.scenario import links, parse
from app.web.views.bitgrid import Segment, Shown, halves
from app.web.views.reference_answers import CPUS, USUAL_SPIS, has_userspace, shape_for
from app.web.views.reference_doors import Doors, security_states, userspace
from app.web.views.reference_index import REFERENCE, Choice, Hit, address, chart, choices, frame_place, register_address
from app.web.views.reference_sides import Comparison, Sides, bit_ranges, kept_words
from app.web.views.words import Hex, Run, bit_range, hex_groups, runs

LONGEST_NAME = 64
# With a device's ID: the register takes it from the transaction.
TRANSLATER = "GITS_TRANSLATER"


@dataclass(frozen=True, slots=True)
class Fact:
    term: str
    lines: tuple[tuple[Run, ...], ...]
    hits: tuple[Hit, ...] = ()


@dataclass(frozen=True, slots=True)
class FieldLine:
    """A field, or a run of fields that repeat; `each`: what the parts of a run belong to."""

    anchors: tuple[str, ...]
    name: str
    bits: str
    each: str
    access: Access
    reset: str
    meaning: str
    cite: str
    values: tuple[Enumeration, ...]
    digits: str
    kept: str


@dataclass(frozen=True, slots=True)
class Elements:
    """The way through an array: the neighbours, and the numbers that there are."""

    family: str
    index: int
    first: int
    last: int
    before: Hit | None
    after: Hit | None
    ranges: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class RegisterPage:
    name: str
    on: str
    title: str
    cite: str
    family: str
    frame: Hit
    choices: tuple[Choice, ...]
    implementation: str
    absent: str
    shape: tuple[Run, ...]
    width: int
    halves: tuple[tuple[Segment, ...], ...]
    reset: Hex
    fields: tuple[FieldLine, ...]
    others: str
    facts: tuple[Fact, ...]
    sides: Sides
    doors: Doors
    states: Doors | None
    elements: Elements | None
    tries: tuple[Hit, ...]
    before: Hit | None
    after: Hit | None


@dataclass(frozen=True, slots=True)
class Unknown:
    """A name that is no register."""

    name: str
    reason: str
    nearest: tuple[Hit, ...]
    on: str


def canonical(name: str, on: str) -> str | Unknown:
    """The register that a name means, as it is called; of an array its first implemented element."""
    map_ = chart(on or REFERENCE)
    if name in map_.registers:
        return name
    loose = _loose(name)
    for family in families(map_).values():
        if loose in (_loose(family.name), _loose(family.stem)):
            return family.typical.name
    for known in map_.registers:
        if known.lower() == name.lower():
            return known
    try:
        return map_.find(name).register.name
    except UnknownName as error:
        nearest = (re.split("[@.]", each)[0] for each in error.nearest)
        hits = tuple(Hit(each, register_address(each, on)) for each in dict.fromkeys(nearest))
        return Unknown(name, error.reason, hits, on)


def element(name: str, number: int) -> str | Unknown:
    """The element of a register's array that has this number."""
    map_ = chart(REFERENCE)
    family = families(map_)[map_.registers[name].stem]
    for register in family.registers:
        if register.index == number:
            return register.name
    ends = tuple(Hit(each.name, register_address(each.name, "")) for each in (family.first, family.last))
    reason = f"{family.name} has no element {number}: n = {family.first.index}-{family.last.index}"
    return Unknown(family.name, reason, ends, "")


def field_of(name: str, on: str) -> str:
    """The field in a name such as GICR_PENDBASER@1.PTZ, "" if there is none."""
    try:
        field = chart(on or REFERENCE).find(name).field
    except UnknownName:
        return ""
    return field.name if field else ""


def _loose(name: str) -> str:
    """A name without its <n>, in which letter case does not count."""
    return re.sub(r"(?<=[A-Za-z])n(?=E?$|_EL)", "", name.replace("<n>", "n")).lower()


@lru_cache(maxsize=256)
def register_page(name: str, on: str) -> RegisterPage:
    """The page of a register that there is; `on` "" is the architecture."""
    usual = chart(on or REFERENCE)
    spis = shape_for(usual.registers[name])
    map_ = chart(on or REFERENCE, spis)
    register = map_.registers[name]
    family = families(map_)[register.stem]
    return RegisterPage(
        name=name,
        on=on,
        title=register.title,
        cite=register.cite,
        family=family_name(register) if len(family.registers) > 1 else "",
        frame=Hit(family.frame.title, address("/registers", on=on) + f"#{family.frame.key}"),
        choices=choices(f"/registers/{name}", on),
        implementation=IMPLEMENTATIONS[on or REFERENCE].title,
        absent="" if register.present else register.why_absent or "not implemented",
        shape=_shape(register, spis),
        width=register.width,
        halves=_bits(register),
        reset=hex_groups(register.reset, register.width),
        fields=tuple(_field_line(register, run) for run in field_runs(register.declared)),
        others=bit_ranges(register.mask & ~sum(field.mask for field in register.declared)),
        facts=tuple(_facts(map_, register, on)),
        sides=Comparison(name, spis, on).sides(),
        doors=userspace(name, spis, on),
        states=security_states(name, spis),
        elements=_elements(families(usual)[register.stem], register, on),
        tries=tuple(_tries(register, spis, on or REFERENCE)),
        before=_neighbour(usual, register, -1, on),
        after=_neighbour(usual, register, 1, on),
    )


def _shape(register: Register, spis: int) -> tuple[Run, ...]:
    if spis == USUAL_SPIS:
        return ()
    first, last = register.intids.start, register.intids.stop - 1
    intids = f"INTID {first}" if first == last else f"INTIDs {first}-{last}"
    return runs(
        f"A machine with {USUAL_SPIS} SPIs, as giclab starts one, has no {intids} and reads this as zero. "
        f"Shown here: a machine with {spis} SPIs."
    )


def _bits(register: Register) -> tuple[tuple[Segment, ...], ...]:
    """The diagram at reset; an absent register as it is where there is one."""
    shown = replace(register, fields=register.declared)
    return halves(Shown(shown, 0, 0, register.reset, register.reset, ()), 0)


def _field_line(register: Register, run: FieldRun) -> FieldLine:
    field = run.first
    digits = f"0{field.width}b"
    return FieldLine(
        anchors=tuple(each.name for each in run.fields),
        name=run.name,
        bits=bit_range(run.msb, run.lsb),
        each=_each(register, run),
        access=field.access,
        reset=f"{field.reset:#x}",
        meaning=field.meaning,
        cite=field.cite if field.cite != register.cite else "",
        values=field.values,
        digits=digits,
        kept="; ".join(kept_words(field)),
    )


def _each(register: Register, run: FieldRun) -> str:
    """What the parts of a run belong to: "x = 0-31, a bit each: INTID 32+x"."""
    if len(run.fields) == 1:
        return ""
    low, high = run.numbers
    size = {1: "a bit", 8: "a byte"}.get(run.first.width, f"{run.first.width} bits")
    told = f"x = {low}-{high}, {size} each"
    if not register.intids:
        return told
    per = register.width // len(register.intids)
    first = register.intids.start + run.lsb // per - low
    return f"{told}: INTID {first}+x" if first else f"{told}: INTID x"


def _facts(map_: RegisterMap, register: Register, on: str) -> list[Fact]:
    facts = [Fact("Where", tuple(runs(line) for line in _places(map_, register)))]
    sizes = ", ".join(str(size * 8) for size in sorted(register.sizes, reverse=True))
    kinds = "MRS and MSR" if register.encoding else f"accesses of {sizes} bits"
    facts.append(Fact("Width", (runs(f"{register.width} bits, {kinds}"),)))
    facts.append(Fact("Reset", tuple(runs(line) for line in _resets(register))))
    if register.intids:
        first, last = register.intids.start, register.intids.stop - 1
        facts.append(Fact("Interrupts", (runs(f"INTID {first}" if first == last else f"INTIDs {first}-{last}"),)))
    shared = tuple(
        Hit(each.name, register_address(each.name, on))
        for each in map_.frames[register.frame].registers
        if register.state and each.state == register.state and each.intids == register.intids and each is not register
    )
    if shared:
        facts.append(Fact("Same state", (), shared))
    return facts


def _places(map_: RegisterMap, register: Register) -> list[str]:
    frame = map_.frames[register.frame]
    if register.encoding:
        number = f"attribute number {register.offset:#06x}"
        return [register.encoding, frame_place(map_, frame.key) if register.reference else number]
    if not frame.size:
        return [f"offset {register.offset:#06x}", frame_place(map_, frame.key)]
    offset = f"{frame.title} + {register.offset:#06x}"
    if not register.per_cpu:
        return [f"{map_.address(register):#010x}", offset]
    return [f"CPU {cpu}: {map_.address(register, cpu):#010x}" for cpu in range(CPUS)] + [
        f"CPU n: {map_.address(register):#010x} + n*{frame.stride:#x}",
        offset,
    ]


def _resets(register: Register) -> list[str]:
    if not register.present:
        return ["reads as zero" if not register.encoding else "not there"]
    digits = f"#0{register.width // 4 + 2}x"
    if len(set(register.resets)) > 1:
        return [f"CPU {cpu}: {value:{digits}}" for cpu, value in enumerate(register.resets)]
    return [f"{register.reset_for(0):{digits}}"]


def _elements(family: Family, register: Register, on: str) -> Elements | None:
    if register.index is None or len(family.registers) == 1:
        return None
    place = register.index - (family.first.index or 0)
    names = [each.name for each in family.registers]

    def near(step: int) -> Hit | None:
        there = place + step
        return Hit(names[there], register_address(names[there], on)) if 0 <= there < len(names) else None

    ranges = tuple(
        Hit(
            (f"{span.first.index}-{span.last.index}" if len(span.registers) > 1 else f"{span.first.index}")
            + (": there" if span.first.present else f": {span.first.why_absent}"),
            register_address(span.first.name, on),
        )
        for span in family.spans
    )
    return Elements(
        family.name, register.index, family.first.index or 0, family.last.index or 0, near(-1), near(1), ranges
    )


def _neighbour(map_: RegisterMap, register: Register, step: int, on: str) -> Hit | None:
    """The family before or after this one."""
    stems = list(families(map_))
    there = stems.index(register.stem) + step
    if not 0 <= there < len(stems):
        return None
    family = families(map_)[stems[there]]
    return Hit(family.name, register_address(family.typical.name, on))


def _tries(register: Register, spis: int, on: str) -> list[Hit]:
    """Scenarios of two lines that show what the page says; none for a frame that no machine has."""
    if register.reference:
        return []
    ones = f"{(1 << register.width) - 1:#x}"
    tries = [
        Hit("Write all ones, read back", _scenario(register, spis, on, "write", ones)),
        Hit("Write zero, read back", _scenario(register, spis, on, "write", "0x0")),
    ]
    if has_userspace(on) and register.frame != "GITS_TRANSLATION":
        tries.append(Hit("All ones as the VMM, read back", _scenario(register, spis, on, "uwrite", ones)))
    return tries


def _scenario(register: Register, spis: int, on: str, verb: str, value: str) -> str:
    named = f"{register.name}@0" if register.per_cpu else register.name
    device = " device=2" if register.name == TRANSLATER else ""
    shape = f" spis={spis}" if spis != USUAL_SPIS else ""
    text = (
        f"title {register.name}: {'all ones' if value != '0x0' else 'zero'}\n"
        f"machine implementation={on} cpus={CPUS}{shape}\n"
        f"{verb} {named} {value}{device}\n{verb.replace('write', 'read')} {named}\n"
    )
    return f"/x/{links.pack(parse(text, register.name))}"
