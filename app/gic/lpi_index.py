"""The pending LPIs of one CPU in order, as a scan of its tables in RAM finds them, without a scan each time."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING

from app.gic.lpi import (
    CONFIG_ENABLE,
    CONFIG_PRIORITY,
    FIRST_LPI,
    PENDBASER_ADDRESS,
    PROPBASER_ADDRESS,
    lpi_limit,
    pending_in_ram,
    ram_byte,
)
from app.gic.memory import PAGE

if TYPE_CHECKING:
    from app.gic.machine import Machine


def _pages(start: int, end: int) -> range:
    return range(start // PAGE, (end - 1) // PAGE + 1) if start < end else range(0)


RANK_BITS = 20
"""Below the priority in a rank: MOVI moves INTIDs of up to 19 bits (RamLpis.move)."""


MASKED = 1 << RANK_BITS + 8
"""The rank of all LPIs that are not enabled: behind any other."""


def rank(intid: int, config: int) -> int:
    """What LPIs are ordered by: priority, then INTID."""
    return (config & CONFIG_PRIORITY) << RANK_BITS | intid if config & CONFIG_ENABLE else MASKED


class PendingIndex:
    """`ranked`: the rank of the LPIs that are pending and enabled, ascending; `count`: of those that are pending,
    enabled or not; `batch`: the batch of commands that was charged for the scan.

    It says what a scan would say as long as all writes to the pages of the tables are told to `changed`: each page is
    remembered with its last write. `_ours`: the pages of the pending table, `_others` those of the configuration
    table; when a page is of both tables, all are others.
    """

    __slots__ = ("_bases", "_checked", "_config", "_limit", "_others", "_ours", "_pending", "batch", "count", "ranked")

    def __init__(self, machine: Machine, cpu: int) -> None:
        self._bases = machine.propbaser(cpu), machine.pendbaser(cpu)
        self._config = (self._bases[0] & PROPBASER_ADDRESS) - FIRST_LPI
        self._pending = self._bases[1] & PENDBASER_ADDRESS
        self._limit = lpi_limit(self._bases[0])
        pending_pages = _pages(self._pending + FIRST_LPI // 8, self._pending + self._limit // 8)
        config_pages = _pages(self._config + FIRST_LPI, self._config + self._limit)
        last_write = machine.ram.last_write
        self._ours = {page: last_write(page) for page in pending_pages}
        self._others = {page: last_write(page) for page in config_pages}
        if self._ours.keys() & self._others.keys():
            self._ours, self._others = {}, self._ours | self._others
        self._checked = machine.ram.writes
        found = pending_in_ram(machine, self._pending, self._limit)
        self.batch = -1
        self.count = len(found)
        ranks = sorted(rank(intid, ram_byte(machine, self._config + intid)) for intid in found)
        self.ranked = ranks[: bisect_left(ranks, MASKED)]

    def stands(self, machine: Machine, cpu: int) -> bool:
        """Whether a scan now would give the same."""
        if self._bases != (machine.propbaser(cpu), machine.pendbaser(cpu)):
            return False
        writes, last_write = machine.ram.writes, machine.ram.last_write
        if writes != self._checked:
            for pages in (self._ours, self._others):
                if any(last_write(page) != seen for page, seen in pages.items()):
                    return False
            self._checked = writes
        return True

    def first(self, machine: Machine, most: int) -> list[int]:
        """The lowest INTIDs that are pending, enabled or not."""
        return pending_in_ram(machine, self._pending, self._limit, most)

    def changed(self, intid: int, level: bool, place: int, propbaser: int, page: int, before: int, now: int) -> None:
        """The pending bit of `intid` was just written, in `page`, whose last write was `before` and is `now`.

        `place`: its rank, by the configuration byte found by way of `propbaser`. Nothing is kept up once somebody else
        has written to the page: it does not stand any more.
        """
        if self._ours.get(page) != before or propbaser != self._bases[0]:
            return
        self._ours[page] = now
        if not FIRST_LPI <= intid < self._limit:
            return
        self.count += 1 if level else -1
        if place == MASKED:
            return
        if level:
            insort(self.ranked, place)
        else:
            position = bisect_left(self.ranked, place)
            del self.ranked[position : position + 1]
