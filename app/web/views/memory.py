"""Guest RAM in hex at an address, with what lies there, and a form that changes bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.web.views.look import Look

ROW_BYTES = 16
ROWS = 16
SHOWN_BYTES = ROW_BYTES * ROWS


@dataclass(frozen=True, slots=True)
class Byte:
    text: str
    zero: bool
    changed: bool
    here: bool
    label: str


@dataclass(frozen=True, slots=True)
class MemoryRow:
    address: str
    bytes: tuple[Byte, ...]
    word_gap: int


@dataclass(frozen=True, slots=True)
class Landmark:
    """A table in RAM that registers point to."""

    label: str
    address: str
    href: str
    here: bool
    changed: bool


@dataclass(frozen=True, slots=True)
class MemoryPanel:
    address: str
    inside: str
    rows: tuple[MemoryRow, ...]
    landmarks: tuple[Landmark, ...]
    earlier: str
    later: str
    poke_address: str
    poke_bytes: str
    outside: str


@dataclass(frozen=True, slots=True)
class Region:
    """A stretch of RAM with a name."""

    label: str
    start: int
    length: int


def window_start(address: int, first: int, end: int) -> int:
    """Where the shown rows begin: the row of the address, moved so that all rows are RAM."""
    start = address - address % ROW_BYTES
    return max(first, min(start, end - SHOWN_BYTES))


def memory_panel(
    address: int,
    start: int,
    data: bytes,
    written: frozenset[int],
    regions: Sequence[Region],
    look: Look,
    *,
    ram: range,
) -> MemoryPanel:
    """`data` are the bytes from `start`; `written` the addresses that the step wrote."""
    inside = address in ram
    region = next((region for region in regions if region.start <= address < region.start + region.length), None)
    return MemoryPanel(
        address=f"{address:#x}",
        inside="" if region is None else f"{region.label} + {address - region.start:#x}",
        rows=tuple(
            _row(start + offset, data[offset : offset + ROW_BYTES], address, written)
            for offset in range(0, len(data), ROW_BYTES)
        ),
        landmarks=tuple(
            Landmark(
                region.label,
                f"{region.start:#x}",
                look.link(tab="memory", address=region.start),
                region.start <= address < region.start + region.length,
                any(region.start <= place < region.start + region.length for place in written),
            )
            for region in regions
        ),
        earlier=look.link(tab="memory", address=start - SHOWN_BYTES) if start - SHOWN_BYTES >= ram.start else "",
        later=look.link(tab="memory", address=start + SHOWN_BYTES) if start + 2 * SHOWN_BYTES <= ram.stop else "",
        poke_address=f"{address:#x}",
        poke_bytes=f"{data[address - start]:02x}" if inside and start <= address < start + len(data) else "00",
        outside="" if inside else f"{address:#x} is not RAM: RAM is {ram.start:#x} to {ram.stop - 1:#x}.",
    )


def _row(address: int, data: bytes, here: int, written: frozenset[int]) -> MemoryRow:
    return MemoryRow(
        f"{address:08x}",
        tuple(
            Byte(
                f"{value:02x}",
                value == 0,
                address + offset in written,
                address + offset == here,
                f"{address + offset:#x}: {value:#04x}",
            )
            for offset, value in enumerate(data)
        ),
        ROW_BYTES // 2,
    )
