"""The navigator: frames and registers with live values, tables in RAM, and the answers to a search."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from app.registers import Register, RegisterMap
from app.registers.search import Match, address_of
from app.registers.search import search as registers_that_match
from app.web.views.inspector import reference
from app.web.views.look import FIRST_LPI, LAST_LPI, Look
from app.web.views.why import FIRST_SPI, asks

Values: TypeAlias = Mapping[tuple[str, int], int]

MOST_CPUS_LISTED = 4
MOST_DOORS = 12
MOST_FOUND = 24
LOW_DIGITS = 8
ID_REGISTER = re.compile(r"_(PIDR|CIDR)\d$")
FRAMES = ("GICD", "GITS", "GITS_TRANSLATION")
FRAMES_PER_CPU = ("RD", "SGI", "ICC")


@dataclass(frozen=True, slots=True)
class Cell:
    """A register's value in the navigator; replaced by itself when the value or its mark changes."""

    id: str
    text: str
    title: str
    changed: bool


@dataclass(frozen=True, slots=True)
class Entry:
    id: str
    label: str
    href: str
    cell: Cell
    current: bool


@dataclass(frozen=True, slots=True)
class Branch:
    """A part of the tree; with `href` it is only a door to a page on which it is open."""

    title: str
    note: str
    open: bool
    branches: tuple[Branch, ...] = ()
    entries: tuple[Entry, ...] = ()
    href: str = ""


@dataclass(frozen=True, slots=True)
class RamEntry:
    label: str
    href: str
    address: str

    @property
    def id(self) -> str:
        """Of its element on the page."""
        return f"ram-{self.label.replace(' ', '-')}"


@dataclass(frozen=True, slots=True)
class Found:
    """The answer to a search; `note` says what else the text could mean, or that nothing matches.

    `questions` are (label, address): why an interrupt of that INTID is signalled or not.
    """

    query: str
    entries: tuple[Entry, ...]
    links: tuple[RamEntry, ...]
    note: str
    questions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Navigator:
    tree: str
    ram: tuple[RamEntry, ...]
    found: Found | None


@dataclass(frozen=True, slots=True)
class Listing:
    """What the tree is built from: the map, the values of a step and of the step before, and the register on view."""

    map: RegisterMap
    values: Values
    changed: frozenset[tuple[str, int]]
    look: Look
    current: tuple[str, int]

    def cell(self, register: Register, cpu: int) -> Cell:
        key = (register.name, cpu)
        return cell(register, cpu, self.values.get(key), changed=key in self.changed)

    def entry(self, register: Register, cpu: int, *, full: bool = False) -> Entry:
        name = reference(register, cpu)
        return Entry(
            id=f"n-{register.name}-{cpu}",
            label=name if full else register.name.removesuffix("_EL1"),
            href=self.look.link(register=name),
            cell=self.cell(register, cpu),
            current=(register.name, cpu) == self.current,
        )


def cell(register: Register, cpu: int, value: int | None, *, changed: bool) -> Cell:
    """Eight digits; of a 64-bit value the low ones, with a sign that there is more above. None is left blank."""
    name = f"v-{register.name}-{cpu}"
    if value is None:
        return Cell(name, "", "", False)
    low = value & 0xFFFF_FFFF
    text = f"{low:0{LOW_DIGITS}x}" if value == low else f"…{low:0{LOW_DIGITS}x}"
    return Cell(name, text, f"0x{value:0{register.width // 4}x}", changed)


def listed(map_: RegisterMap, cpus: int, cpu: int) -> Iterator[tuple[Register, int]]:
    """Every register that the tree spells out, with its CPU: those of many CPUs only for the first ones and `cpu`."""
    for key in FRAMES:
        if key in map_.frames and (map_.its or key == "GICD"):
            yield from ((register, 0) for register in map_.frames[key].registers if register.present)
    for each in _listed_cpus(cpus, cpu):
        for key in FRAMES_PER_CPU:
            yield from ((register, each) for register in map_.frames[key].registers if register.present)


def _listed_cpus(cpus: int, cpu: int) -> list[int]:
    return [each for each in range(cpus) if each < MOST_CPUS_LISTED or each == cpu]


def tree(listing: Listing, cpus: int) -> tuple[Branch, ...]:
    """All frames; of many CPUs only the first ones and the one on view are spelled out."""
    frames = listing.map.frames
    spelled = _listed_cpus(cpus, listing.current[1])
    branches = [_frame(listing, "GICD", "GICD", frames["GICD"].registers, 0, f"{frames['GICD'].base:#010x}")]
    if listing.map.its:
        registers = [*frames["GITS"].registers, *frames["GITS_TRANSLATION"].registers]
        branches.append(_frame(listing, "GITS", "GITS", registers, 0, f"{frames['GITS'].base:#010x}"))
    branches += [_redistributor(listing, cpu) for cpu in spelled]
    branches += [_door(listing, cpu) for cpu in range(cpus) if cpu not in spelled][:MOST_DOORS]
    interfaces = tuple(_frame(listing, f"CPU{cpu}", "ICC", frames["ICC"].registers, cpu, "") for cpu in spelled)
    branches.append(Branch("CPU interface", "ICC_*", _holds(listing, ("ICC",)), interfaces))
    return tuple(branches)


def _redistributor(listing: Listing, cpu: int) -> Branch:
    rd, sgi = listing.map.frames["RD"], listing.map.frames["SGI"]
    inner = (
        _frame(listing, "RD_base", "RD", rd.registers, cpu, "+0x00000", also_open=cpu == 0),
        _frame(listing, "SGI_base", "SGI", sgi.registers, cpu, "+0x10000"),
    )
    is_open = cpu == 0 or (_holds(listing, ("RD", "SGI")) and listing.current[1] == cpu)
    return Branch(f"GICR CPU{cpu}", f"{rd.base + cpu * rd.stride:#010x}", is_open, inner)


def _door(listing: Listing, cpu: int) -> Branch:
    rd = listing.map.frames["RD"]
    href = listing.look.link(register=f"{rd.registers[0].name}@{cpu}")
    return Branch(f"GICR CPU{cpu}", f"{rd.base + cpu * rd.stride:#010x}", False, href=href)


def _holds(listing: Listing, frames: Sequence[str]) -> bool:
    """True if the register on view lies in one of the frames."""
    register = listing.map.registers.get(listing.current[0])
    return register is not None and register.frame in frames


def _frame(
    listing: Listing,
    title: str,
    key: str,
    registers: Iterable[Register],
    cpu: int,
    note: str,
    *,
    also_open: bool = False,
) -> Branch:
    """One frame: single registers as entries, the numbered ones of a stem folded together."""
    stems: dict[str, list[Register]] = {}
    for register in registers:
        if register.present:
            stem = "PIDR, CIDR" if ID_REGISTER.search(register.name) else register.stem
            stems.setdefault(stem, []).append(register)
    entries: list[Entry] = []
    folded: list[Branch] = []
    for stem, members in stems.items():
        if len(members) <= 2:
            entries += [listing.entry(member, cpu) for member in members]
        else:
            inside = any((member.name, cpu) == listing.current for member in members)
            inner = tuple(listing.entry(member, cpu) for member in members)
            folded.append(Branch(stem, f"\N{MULTIPLICATION SIGN}{len(members)}", inside, entries=inner))
    here = _holds(listing, (key, "GITS_TRANSLATION" if key == "GITS" else key)) and listing.current[1] == cpu
    return Branch(title, note, here or also_open or key == "GITS", tuple(folded), tuple(entries))


def ram_bases(
    map_: RegisterMap, values: Values, cpus: int, queue: int, itts: Sequence[tuple[int, int]]
) -> list[tuple[str, int]]:
    """The tables that registers point to, by name; an address of 0 says that there is none.

    `itts` are (DeviceID, address) of mapped devices.
    """
    found: list[tuple[str, int]] = [("LPI config", base_of(map_, values, "GICR_PROPBASER", 0))]
    found += [
        (f"LPI pending CPU{cpu}", base_of(map_, values, "GICR_PENDBASER", cpu))
        for cpu in range(min(cpus, MOST_CPUS_LISTED))
    ]
    found += [
        ("Devices", base_of(map_, values, "GITS_BASER0", 0)),
        ("Collections", base_of(map_, values, "GITS_BASER1", 0)),
        ("Command queue", queue),
    ]
    return found + [(f"ITT {device:#x}", address) for device, address in itts]


def ram_tables(bases: Sequence[tuple[str, int]], look: Look) -> tuple[RamEntry, ...]:
    return tuple(
        RamEntry(label, look.link(tab="memory", address=address), f"{address:08x}")
        for label, address in bases
        if address
    )


def base_of(map_: RegisterMap, values: Values, name: str, cpu: int) -> int:
    """The table that a register's Physical_Address points to, 0 if it points nowhere."""
    register = map_.registers.get(name)
    if register is None:
        return 0
    field = next((field for field in register.fields if field.name == "Physical_Address"), None)
    return 0 if field is None else field.extract(values.get((name, cpu), 0)) << field.lsb


def search(listing: Listing, cpus: int) -> Found:
    """Registers by name, field, CPU, address or offset; for a plain number those of the interrupt of that INTID."""
    query = listing.look.find
    here = listing.current[1] if listing.current[1] < cpus else 0
    intid = int(query) if query.isdigit() and len(query) < 8 else None
    address = address_of(query)
    pairs = [pair for match in registers_that_match(listing.map, query) for pair in _placed(match, here)]
    pairs.sort(key=lambda pair: not pair[0].present)
    unique = list(dict.fromkeys((register.name, cpu) for register, cpu in pairs))
    entries = tuple(listing.entry(listing.map.registers[name], cpu, full=True) for name, cpu in unique[:MOST_FOUND])
    links = _links(intid, address, listing.look)
    questions = asks(intid, listing.look, cpus) if intid is not None and _is_interrupt(listing.map, intid) else ()
    note = ""
    if not entries and not links:
        note = "No register, address or INTID matches. Try PENDBASER, EnableLPIs, 0x080a0078 or 8195."
    elif len(unique) > MOST_FOUND:
        note = f"{len(unique) - MOST_FOUND} more match."
    return Found(query, entries, links, note, questions)


def _placed(match: Match, here: int) -> Iterator[tuple[Register, int]]:
    """The registers that were meant, of the CPU that was meant, or of the one on view."""
    cpu = here if match.cpu is None else match.cpu
    return ((register, cpu if register.per_cpu else 0) for register in match.registers)


def _is_interrupt(map_: RegisterMap, intid: int) -> bool:
    return intid < FIRST_SPI + map_.spis or FIRST_LPI <= intid <= LAST_LPI


def _links(intid: int | None, address: int | None, look: Look) -> tuple[RamEntry, ...]:
    if intid is not None and FIRST_LPI <= intid <= LAST_LPI:
        return (RamEntry(f"LPI {intid}", look.link(tab="lpis", start=intid), "LPIs"),)
    if address is not None and address >= 0x4000_0000:
        return (RamEntry(f"RAM {address:#x}", look.link(tab="memory", address=address), "Memory"),)
    return ()
