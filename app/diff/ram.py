"""Guest RAM, in ranges, and the tables that they are in."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from functools import partial

from app.diff.told import RamRow, Section, singles
from app.gic import GuestMemory, Machine
from app.gic.memory import PAGE
from app.review.tables import Area, areas

APART = 16
"""Bytes alike that part two ranges: an ITS command of 32 bytes, or an entry, stays together."""
RUN = re.compile(rb"[^\0](?:\0{0,%d}[^\0])*" % (APART - 1), re.DOTALL)


def ram(a: Machine, b: Machine, most: int | None, shown: int) -> Section[RamRow]:
    """The ranges of RAM that differ, by address, each with its first `shown` bytes."""
    found = singles(most, RamRow)
    one, other = a.memory, b.memory
    if isinstance(one, GuestMemory) and isinstance(other, GuestMemory):
        where = Where(a, b)
        for first, end in _joined(_runs(one, other)):
            found.add(partial(_row, one, other, where, first, end, shown))
    return found.section()


def _runs(one: GuestMemory, other: GuestMemory) -> Iterator[tuple[int, int]]:
    """Within each page."""
    for address in one.differing_pages(other):
        mine, theirs = (int.from_bytes(each.page(address)) for each in (one, other))
        for run in RUN.finditer((mine ^ theirs).to_bytes(PAGE)):
            yield address + run.start(), address + run.end()


def _joined(runs: Iterator[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Across pages too."""
    first, end = next(runs, (0, 0))
    for start, stop in runs:
        if start - end >= APART:
            yield first, end
            first = start
        end = stop
    if end:
        yield first, end


def _row(one: GuestMemory, other: GuestMemory, where: Where, first: int, end: int, shown: int) -> RamRow:
    last = min(end, first + shown)
    return RamRow(first, end - first, _bytes(one, first, last), _bytes(other, first, last), where.name(first))


def _bytes(memory: GuestMemory, first: int, end: int) -> bytes:
    """RAM of the smaller machine may end before."""
    base = first // PAGE * PAGE
    pages = b"".join(memory.page(address) for address in range(base, end, PAGE))
    return pages[first - base : end - base]


class Where:
    """What lies where, by the registers and devices of the second machine, else by those of the first."""

    def __init__(self, a: Machine, b: Machine) -> None:
        self._maps = [sorted((*areas(each), *_itts(each))) for each in (b, a)]

    def name(self, address: int) -> str:
        """The table that an address is in, "" where none is known."""
        for found in self._maps:
            at = bisect_right(found, address, key=lambda each: each.first) - 1
            if at >= 0 and address < found[at].end:
                return found[at].name
        return ""


def _itts(machine: Machine) -> Iterator[Area]:
    if machine.has_its:
        entry = (machine.peek("GITS_TYPER") >> 4 & 0xF) + 1
        for each in machine.devices():
            name = f"the ITT of DeviceID {each.device_id:#x}"
            yield Area(each.itt_address, each.itt_address + (entry << each.size), name)
