"""The list of all registers as one implementation has them, or what was looked for in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlencode

from app.gic import IMPLEMENTATIONS
from app.registers import Access, Register, RegisterMap, UnknownName, register_map
from app.registers.families import Family, accesses, families, span_contents
from app.registers.search import Match, address_of, search
from app.web.views.reference_answers import CPUS, USUAL_SPIS
from app.web.views.words import Hex, Run, bit_range, hex_groups, number, plural, runs

REFERENCE = "architecture"
SHOWS = {"": "All", "here": "Implemented", "absent": "Not there", "differs": "Different"}
MOST_HITS = 6
FIRST_LPI = 8192


@dataclass(frozen=True, slots=True)
class Choice:
    label: str
    short: str
    href: str
    title: str
    current: bool


@dataclass(frozen=True, slots=True)
class Hit:
    label: str
    href: str


@dataclass(frozen=True, slots=True)
class Row:
    """A register, or an array of them. `which`: the numbers of its elements; `hits`: what was looked for in it."""

    name: str
    href: str
    where: str
    width: int
    accesses: tuple[Access, ...]
    reset: Hex | None
    reset_note: str
    meaning: str
    which: str
    absent: str
    differs: str
    hits: tuple[Hit, ...]
    more: int


@dataclass(frozen=True, slots=True)
class Section:
    """The rows of one frame, or all that was found."""

    anchor: str
    title: str
    where: tuple[Run, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Index:
    on: str
    query: str
    show: str
    count: str
    choices: tuple[Choice, ...]
    shows: tuple[Choice, ...]
    sections: tuple[Section, ...]
    nothing: tuple[Run, ...]
    nearest: tuple[Hit, ...]


def chart(implementation: str, spis: int = USUAL_SPIS) -> RegisterMap:
    """The map that the reference describes: two CPUs, an ITS."""
    return register_map(implementation, cpus=CPUS, spis=spis)


def address(path: str, **query: str) -> str:
    """The path with the part of the query that is not usual."""
    told = {key: value for key, value in query.items() if value}
    return f"{path}?{urlencode(told)}" if told else path


def register_address(name: str, on: str, field: str = "") -> str:
    """The page of a register, at one of its fields."""
    return address(f"/registers/{name}", on=on) + (f"#f-{field}" if field else "")


def choices(path: str, on: str, **query: str) -> tuple[Choice, ...]:
    """The implementations, as links to the same page; `on` "" is the manual's."""
    now = on or REFERENCE
    return tuple(
        Choice(
            item.title,
            {REFERENCE: "Arch", "kvm-before-5.6": "KVM <5.6"}.get(name, item.title),
            address(path, on="" if name == REFERENCE else name, **query),
            item.summary,
            name == now,
        )
        for name, item in IMPLEMENTATIONS.items()
    )


def index(on: str, query: str, show: str) -> Index:
    """The page for one implementation (`on` "" is the architecture) and what was typed."""
    map_ = chart(on or REFERENCE)
    matches = search(map_, query)
    chosen = [match for match in matches if _shown(match.family, on, show)]
    return Index(
        on=on,
        query=query,
        show=show,
        count=_count(query, [match.family for match in chosen]),
        choices=choices("/registers", on, q=query, show=show),
        shows=_shows(on, query, show, matches),
        sections=_sections(map_, chosen, on, found=bool(query)),
        nothing=runs(_nothing(map_, query, matches)) if not chosen else (),
        nearest=_nearest(map_, query, on) if not matches else (),
    )


def _shows(on: str, query: str, show: str, matches: list[Match]) -> tuple[Choice, ...]:
    counts = {key: sum(_shown(match.family, on, key) for match in matches) for key in SHOWS}
    return tuple(
        Choice(
            f"{label} {counts[key]}",
            f"{label} {counts[key]}",
            address("/registers", on=on, q=query, show=key),
            "",
            key == show,
        )
        for key, label in SHOWS.items()
    )


def _shown(family: Family, on: str, show: str) -> bool:
    if show == "here":
        return bool(family.present)
    if show == "absent":
        return not family.present
    return show != "differs" or bool(_differs(family.stem, on))


def _differs(stem: str, on: str) -> str:
    """Who has the register otherwise: than the manual, or than the implementation on view."""
    others = different_from(on or REFERENCE, stem)
    return ", ".join(IMPLEMENTATIONS[name].title for name in others)


@lru_cache(maxsize=1024)
def different_from(implementation: str, stem: str) -> tuple[str, ...]:
    """The implementations whose registers of this stem are not as they are in this one."""
    here = span_contents(families(chart(implementation))[stem])
    return tuple(name for name in IMPLEMENTATIONS if span_contents(families(chart(name))[stem]) != here)


def _sections(map_: RegisterMap, matches: list[Match], on: str, *, found: bool) -> tuple[Section, ...]:
    if found:
        rows = tuple(_row(map_, match, on, found=True) for match in matches)
        return (Section("found-rows", "Found", (), rows),) if rows else ()
    members: dict[str, list[Row]] = {}
    for match in matches:
        members.setdefault(match.family.frame.key, []).append(_row(map_, match, on, found=False))
    return tuple(
        Section(key, map_.frames[key].title, runs(frame_place(map_, key)), tuple(rows)) for key, rows in members.items()
    )


def frame_place(map_: RegisterMap, key: str) -> str:
    """Where a frame is, in words."""
    frame = map_.frames[key]
    if frame.reference:
        return frame.reference
    if not frame.size:
        return "no addresses: MRS and MSR reach them"
    every = f" + n*{frame.stride:#x} for CPU n" if frame.stride else ""
    return f"{frame.base:#010x}{every}"


def _row(map_: RegisterMap, match: Match, on: str, *, found: bool) -> Row:
    family = match.family
    register = family.typical if match.whole else match.registers[0]
    resets = {each.reset for each in family.present} if match.whole else {register.reset}
    hits = _hits(match, on) if found else ()
    return Row(
        name=family.name,
        href=register_address(register.name, on),
        where=_where(map_, match, register, found=found),
        width=register.width,
        accesses=accesses(register),
        reset=hex_groups(register.reset, register.width) if len(resets) == 1 and register.present else None,
        reset_note="depends on n" if len(resets) > 1 else "",
        meaning=register.title,
        which=element_numbers(family),
        absent="" if family.present else register.why_absent,
        differs=_differs(family.stem, on),
        hits=hits[:MOST_HITS],
        more=max(0, len(hits) - MOST_HITS),
    )


def _where(map_: RegisterMap, match: Match, register: Register, *, found: bool) -> str:
    if register.encoding:
        return register.encoding
    if not found or register.reference:
        return f"{match.family.first.offset:#06x}"
    return f"{map_.address(register if not match.whole else match.family.first, match.cpu or 0):#010x}"


def _hits(match: Match, on: str) -> tuple[Hit, ...]:
    """What of a family was meant: some of its elements, its fields, or one CPU's."""
    cpu = "" if match.cpu is None else f"@{match.cpu}"
    if len(match.registers) == 1:
        [register] = match.registers
        if match.fields:
            return tuple(
                Hit(
                    f"{register.name}{cpu}.{field} [{_bits(register, field)}]",
                    register_address(register.name, on, field),
                )
                for field in match.fields
            )
        plain = match.whole and match.cpu is None
        return () if plain else (Hit(f"{register.name}{cpu}", register_address(register.name, on)),)
    if match.fields:
        register = match.family.typical
        return tuple(
            Hit(f".{field} [{_bits(register, field)}]", register_address(register.name, on, field))
            for field in match.fields
        )
    return () if match.whole else tuple(Hit(each.name, register_address(each.name, on)) for each in match.registers)


def _bits(register: Register, name: str) -> str:
    field = next(field for field in register.declared if field.name == name)
    return bit_range(field.msb, field.lsb)


def element_numbers(family: Family) -> str:
    """The numbers of an array's elements, and which of them there are: "n = 0-31, here 1-2"."""
    if len(family.registers) == 1:
        return ""
    told = f"n = {family.first.index}-{family.last.index}"
    here = [register.index or 0 for register in family.present]
    if not here or len(here) == len(family.registers):
        return told
    return f"{told}, here {here[0]}-{here[-1]}" if len(here) > 1 else f"{told}, here {here[0]}"


def _count(query: str, shown: list[Family]) -> str:
    if query:
        return f"{plural(len(shown), 'register')} for {query}" if shown else f"Nothing for {query}"
    registers = sum(len(family.registers) for family in shown)
    return f"{plural(len(shown), 'register')}, {number(registers)} with every element of the arrays counted"


def _nothing(map_: RegisterMap, query: str, matches: list[Match]) -> str:
    """Why nothing is shown, and what might be meant."""
    title = IMPLEMENTATIONS[map_.implementation].title
    if matches:
        return f"{plural(len(matches), 'register')} found, but none under this filter."
    if not query:
        return f"On {title} there is none of this kind."
    place = address_of(query)
    if place is None:
        if query.isascii() and query.isdigit() and int(query) >= FIRST_LPI:
            return f"INTID {query} is an LPI: its configuration and pending state are tables in RAM, not registers."
        return _elsewhere(map_, query) or f"No name, field, encoding or INTID of {title} has {query} in it."
    frame = next((each for each in map_.frames.values() if each.size and _frame_holds(map_, each.key, place)), None)
    if frame is not None:
        return f"{place:#010x} is reserved: the frame {frame.title} has no register there."
    return f"{place:#x} is in no frame and is no offset of a register. Frames are listed without a search."


def _elsewhere(map_: RegisterMap, query: str) -> str:
    """What the manual has of that name and this machine has not, in a sentence; "" for anything else."""
    try:
        map_.find(query)
    except UnknownName as error:
        return f"{error.reason[:1].upper()}{error.reason[1:]}." if error.elsewhere else ""
    return ""


def _frame_holds(map_: RegisterMap, key: str, place: int) -> bool:
    frame = map_.frames[key]
    copies = map_.cpus if frame.stride else 1
    return any(0 <= place - frame.base - cpu * frame.stride < frame.size for cpu in range(copies))


def _nearest(map_: RegisterMap, query: str, on: str) -> tuple[Hit, ...]:
    if not query or address_of(query) is not None:
        return ()
    try:
        map_.find(query)
    except UnknownName as error:
        return tuple(Hit(name, register_address(re.split("[@.]", name)[0], on)) for name in error.nearest)
    return ()
