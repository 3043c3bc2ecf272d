"""Guest RAM in hex at an address, with what lies there, what it means, and forms that change either."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.gic import Machine
from app.gic.decoding import Decoder, Entry
from app.gic.memory import RAM_BASE
from app.gic.regions import Kind, Region, region_at, regions
from app.web.views.look import FIRST_LPI, Look
from app.web.views.meaning import Meaning, meaning
from app.web.views.navigator import MOST_CPUS_LISTED
from app.web.views.words import number, plural

ROW_BYTES = 16
ROWS = 16
SHOWN_BYTES = ROW_BYTES * ROWS
MOST_ITTS = 6
# How the bytes of a region are underlined; two neighbours differ, colour has no part in it.
SIGNS = ("r0", "r1", "r2", "r3")
NOTHING_HERE = "no table lies here"


@dataclass(frozen=True, slots=True)
class Byte:
    """`css` says zero, changed, here, the region's sign, and that an entry begins."""

    text: str
    css: str
    href: str
    title: str


@dataclass(frozen=True, slots=True)
class MemoryRow:
    address: str
    bytes: tuple[Byte, ...]


@dataclass(frozen=True, slots=True)
class Landmark:
    """A table in RAM that registers point to."""

    label: str
    href: str
    here: bool
    changed: bool


@dataclass(frozen=True, slots=True)
class Caption:
    """A region that has bytes among those shown, and the sign they carry."""

    sign: str
    label: str
    says: str


@dataclass(frozen=True, slots=True)
class MemoryPanel:
    address: str
    first: str
    inside: str
    rows: tuple[MemoryRow, ...]
    captions: tuple[Caption, ...]
    landmarks: tuple[Landmark, ...]
    earlier: str
    later: str
    under: str
    meaning: Meaning | None
    poke_address: str
    poke_bytes: str
    outside: str
    may_write: bool


def window_start(address: int, ram: range) -> int:
    """Where the shown rows begin. They stand still while a cursor moves over them."""
    start = address - address % SHOWN_BYTES
    return max(ram.start, min(start, ram.stop - SHOWN_BYTES))


def memory_panel(
    machine: Machine,
    look: Look,
    written: frozenset[int],
    ram: range,
    typed: Mapping[str, str],
    *,
    may_write: bool,
) -> MemoryPanel:
    """The panel at the address asked for, else at the first pending table, else where RAM begins.

    `written` are the addresses that the step wrote; `typed` is what a refused form held.
    """
    address = _usual_address(machine) if look.address is None else look.address
    inside = address in ram
    start = window_start(address if inside else RAM_BASE, ram)
    window = range(start, start + SHOWN_BYTES)
    known = regions(machine, window, MOST_ITTS)
    shown = [each for each in known if each.start < window.stop and each.end > window.start]
    here = region_at(known, address) if inside else None
    decoder = Decoder(machine)
    entry = decoder.entry(here, address) if here else None
    data = machine.memory.read(start, SHOWN_BYTES)
    byte = f"{data[address - start]:02x}" if inside else "00"
    mine = typed if typed.get("kind") == "poke" else {}
    return MemoryPanel(
        address=f"{address:#x}",
        first=f"{start:#x}",
        inside="" if here is None else f"{here.label} + {address - here.start:#x}",
        rows=_rows(_Grid(decoder, look, shown, written, address), start, data),
        captions=tuple(_caption(each, SIGNS[at % len(SIGNS)]) for at, each in enumerate(shown)),
        landmarks=_landmarks(known, look, address, written),
        earlier=look.link(tab="memory", address=start - SHOWN_BYTES) if start - SHOWN_BYTES >= ram.start else "",
        later=look.link(tab="memory", address=start + SHOWN_BYTES) if start + 2 * SHOWN_BYTES <= ram.stop else "",
        under=f"{address:#x} · {entry.sentence if entry else NOTHING_HERE}" if inside else "",
        meaning=None if entry is None else meaning(entry, typed),
        poke_address=mine.get("address", f"{address:#x}"),
        poke_bytes=mine.get("bytes", byte),
        outside="" if inside else f"{address:#x} is not RAM: RAM is {ram.start:#x} to {ram.stop - 1:#x}.",
        may_write=may_write,
    )


def _usual_address(machine: Machine) -> int:
    start = next((each.start for each in regions(machine, range(0), 0) if each.kind is Kind.PENDING), None)
    return RAM_BASE if start is None else start + FIRST_LPI // 8


def _landmarks(known: Sequence[Region], look: Look, address: int, written: frozenset[int]) -> tuple[Landmark, ...]:
    listed = [
        each
        for each in known
        if each.level < 2 and (each.kind is not Kind.PENDING or (each.owner or 0) < MOST_CPUS_LISTED)
    ]
    return tuple(
        Landmark(
            each.label,
            look.link(tab="memory", address=each.start),
            address in each,
            any(place in each for place in written),
        )
        for each in listed
    )


def _caption(region: Region, sign: str) -> Caption:
    size = f"{region.length >> 10:,} KB" if region.length >= 4096 else plural(region.length, "byte")
    match region.kind:
        case Kind.CONFIG:
            entries = "a byte for each LPI"
        case Kind.PENDING:
            entries = "a bit for each INTID"
        case Kind.QUEUE:
            entries = f"{_count(region)} commands of 32 bytes"
        case _:
            entries = f"{_count(region)} entries of {region.entry_bytes} bytes"
    return Caption(sign, region.label, f"{region.start:#x} to {region.end - 1:#x}, {size}: {entries}")


def _count(region: Region) -> str:
    return number(region.length // region.entry_bytes)


@dataclass(frozen=True, slots=True)
class _Grid:
    decoder: Decoder
    look: Look
    shown: Sequence[Region]
    written: frozenset[int]
    here: int


def _rows(grid: _Grid, start: int, data: bytes) -> tuple[MemoryRow, ...]:
    cells = _bytes(grid, start, data)
    return tuple(
        MemoryRow(f"{start + at:08x}", tuple(cells[at : at + ROW_BYTES])) for at in range(0, len(cells), ROW_BYTES)
    )


def _bytes(grid: _Grid, start: int, data: bytes) -> list[Byte]:
    """The cells; an entry is decoded once for all of its bytes."""
    before, _, after = grid.look.link(tab="memory", address=0x1234_5678).partition("0x12345678")
    cells: list[Byte] = []
    entry: Entry | None = None
    for offset, value in enumerate(data):
        address = start + offset
        region = region_at(grid.shown, address)
        if region is None:
            entry = None
        elif entry is None or entry.region is not region or address >= entry.start + region.entry_bytes:
            entry = grid.decoder.entry(region, address)
        told = f"{address:#x} · {entry.sentence if entry else NOTHING_HERE}"
        css = [
            "" if value else "z",
            "" if region is None else SIGNS[grid.shown.index(region) % len(SIGNS)],
            "e0" if entry and address == entry.start and entry.region.entry_bytes > 1 else "",
            "ent" if entry and entry.start <= grid.here < entry.start + len(entry.data) else "",
            "chg chg--new" if address in grid.written else "",
            "here" if address == grid.here else "",
        ]
        cells.append(Byte(f"{value:02x}", " ".join(filter(None, css)), f"{before}{address:#x}{after}", told))
    return cells
