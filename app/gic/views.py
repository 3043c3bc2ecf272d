"""What the tables and queues hold now, as plain data for people to look at. Looking changes nothing."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from app.gic.behaviours import PendingHome
from app.gic.commands import COMMAND_BYTES, WORDS, decode
from app.gic.copies import Copies
from app.gic.lpi import (
    CONFIG_ENABLE,
    CONFIG_PRIORITY,
    FIRST_LPI,
    LPI_LIMIT,
    PENDBASER_ADDRESS,
    config_address,
    lpi_limit,
    pending_address,
    pending_in_ram,
)
from app.gic.lpi_behaviours import DisabledPending
from app.gic.lpi_counts import LpiCounts, count_lpis
from app.gic.lpi_map import ROW, SHOWN, LpiMap, Row
from app.gic.mapping_sources import source_of
from app.gic.mappings import Mappings
from app.gic.shown import (
    CollectionView,
    CommandView,
    DeviceView,
    EventView,
    LpiView,
    QueueView,
    Window,
    window_of,
)

if TYPE_CHECKING:
    from app.gic.machine import Machine

__all__ = ["CollectionView", "CommandView", "DeviceView", "EventView", "LpiView", "QueueView", "Views", "Window"]

_SHOWN_COMMANDS = 64


class Views:
    """`_mappings` and `_map` are kept up: there may be 57,344 LPIs, and most steps change none."""

    def __init__(self, machine: Machine) -> None:
        self._m = machine
        self._kept = Mappings()
        self._source = source_of(machine)
        self._map = LpiMap(machine)

    # -- devices, events, collections

    @property
    def mappings(self) -> Mappings:
        """As they are now."""
        self._source.refresh(self._kept)
        return self._kept

    def devices(self, start: int = 0, count: int | None = None) -> list[DeviceView]:
        return self.mappings.devices(start, count)

    def events(self, device_id: int, start: int = 0, count: int | None = None) -> list[EventView]:
        mappings = self.mappings
        if mappings.sees(device_id):
            return mappings.events(device_id, start, count)
        # A DeviceID beyond what the panels scan may be asked for all the same.
        found = [event for event in self._source.events(device_id) if event.event_id >= start]
        return found[:count]

    def collections(self) -> list[CollectionView]:
        return list(self.mappings.collections)

    def device_window(self, start: int, count: int) -> Window[DeviceView]:
        mappings = self.mappings
        order = mappings.device_ids()
        first = bisect_left(order, start)
        found = order[first : first + count]
        before = order[max(0, first - count) : first]
        devices = [mappings.device(number) for number in found]
        return window_of(devices, order[first + count : first + count + 1], reversed(before), count)

    def event_window(self, device_id: int, start: int, count: int) -> Window[EventView]:
        mappings = self.mappings
        found = self.events(device_id, start, count + 1)
        before = (each.event_id for each in mappings.events_before(device_id, start))
        return window_of(found[:count], [each.event_id for each in found[count:]], before, count)

    def collection_window(self, start: int, count: int) -> Window[CollectionView]:
        """By ICID."""
        every = sorted(self.mappings.collections, key=lambda each: each.icid)
        first = bisect_left(every, start, key=lambda each: each.icid)
        after = [each.icid for each in every[first + count : first + count + 1]]
        before = (each.icid for each in reversed(every[:first]))
        return window_of(every[first : first + count], after, before, count)

    def copies(self) -> Copies:
        return Copies(self._m)

    # -- the queue

    def queue(self) -> QueueView:
        if not self._m.has_its:
            return QueueView(0, 0, 0, 0, False, False, [])
        its = self._m.its
        size = its.queue_bytes
        creadr, cwriter = its.creadr & 0xF_FFE0, its.cwriter & 0xF_FFE0
        stalled = bool(its.creadr & 1)
        commands = [
            CommandView(slot, command.words, command.name, dict(command.operands), outcome.state, outcome.error)
            for slot, words, outcome in its.recent
            if outcome.state != "stalled"
            for command in (decode(WORDS.pack(*words)),)
        ]
        commands += self._waiting(its.queue_base, size, creadr, cwriter, stalled)
        return QueueView(its.queue_base, size // COMMAND_BYTES, creadr, cwriter, stalled, its.enabled, commands)

    def _waiting(self, base: int, size: int, creadr: int, cwriter: int, stalled: bool) -> list[CommandView]:
        found: list[CommandView] = []
        read = creadr
        while size and read != cwriter and cwriter < size and read < size and len(found) < _SHOWN_COMMANDS:
            try:
                command = decode(self._m.memory.read(base + read, COMMAND_BYTES))
            except IndexError:
                break
            status = "stalled" if stalled and read == creadr else "waiting"
            error = self._m.its.recent[-1][2].error if status == "stalled" and self._m.its.recent else ""
            found.append(
                CommandView(read // COMMAND_BYTES, command.words, command.name, dict(command.operands), status, error)
            )
            read = (read + COMMAND_BYTES) % size
        return found

    # -- LPIs

    def pending(self) -> dict[int, int | None]:
        """The pending LPIs and the CPU of each: where the implementation keeps them, which may be guest RAM."""
        found = self._m.lpi_home.held()
        if self._m.impl.pending_home is PendingHome.GUEST_RAM:
            for cpu in reversed(range(self._m.cpus)):
                base = self._m.pendbaser(cpu) & PENDBASER_ADDRESS
                found |= dict.fromkeys(pending_in_ram(self._m, base, lpi_limit(self._m.propbaser(cpu))), cpu)
        return found

    def mapped(self) -> dict[int, tuple[EventView, int | None]]:
        """INTID to (the first event that maps it, its collection's CPU)."""
        mappings = self.mappings
        return {intid: (event, mappings.cpu_of(event)) for intid, event in mappings.first.items()}

    def rows(self) -> list[Row]:
        """The state of all LPIs in rows, those with an LPI in them that is mapped, or pending somewhere."""
        return self._state_of_all()[0]

    def _state_of_all(self) -> tuple[list[Row], list[int]]:
        """The rows, and INTIDs that are no LPIs here, ascending: software may write any INTID into a table."""
        planes, mappings = self._m.lpi_home.planes(), self.mappings
        return self._map.rows(mappings, planes), sorted(mappings.odd | planes.odd)

    @staticmethod
    def _find(rows: list[Row], start: int, flags: int, without: int, cpu: int | None) -> Iterator[int]:
        for row in rows:
            if row.first + ROW > start:
                yield from (intid for intid in row.matching(flags, without, cpu) if intid >= start)

    def lpis(self, start: int = FIRST_LPI, count: int | None = None) -> list[LpiView]:
        """The mapped or pending LPIs from `start` up, at most `count`."""
        rows, odd = self._state_of_all()
        below = [intid for intid in odd if start <= intid < FIRST_LPI]
        beyond = [intid for intid in odd if intid >= max(start, LPI_LIMIT)]
        chosen = [*below, *islice(self._find(rows, start, SHOWN, 0, None), count), *beyond][:count]
        return self.lpis_of(chosen)

    def window(self, start: int, count: int, flags: int, without: int, cpu: int | None) -> Window[LpiView]:
        """LPIs with all of the flags of a row and none of `without`, on a CPU if one is given: `count` from INTID
        `start` on; those beyond the map follow where none is picked out."""
        return self._window(*self._state_of_all(), start, count, flags, without, cpu)

    def look(
        self, start: int, count: int, flags: int, without: int, cpu: int | None
    ) -> tuple[Window[LpiView], list[Row], LpiCounts]:
        """`window`, `rows` and `counts` at once: where thousands are pending, to collect their state takes longest."""
        rows, odd = self._state_of_all()
        window = self._window(rows, odd, start, count, flags, without, cpu)
        return window, rows, count_lpis(rows, self.lpis_of(odd))

    def _window(
        self, rows: list[Row], odd: list[int], start: int, count: int, flags: int, without: int, cpu: int | None
    ) -> Window[LpiView]:
        found = list(islice(self._find(rows, start, SHOWN | flags, without, cpu), count + 1))
        if len(found) <= count and not flags and not without and cpu is None:
            found += [intid for intid in odd if intid >= max(start, LPI_LIMIT)]
        before = (
            intid
            for row in reversed(rows)
            if row.first < start
            for intid in reversed(list(row.matching(SHOWN | flags, without, cpu)))
            if intid < start
        )
        return window_of(self.lpis_of(found[:count]), found[count:], before, count)

    def lpis_of(self, intids: list[int]) -> list[LpiView]:
        """These LPIs."""
        if not intids:
            return []
        signalled = [self._signalled(cpu) for cpu in range(self._m.cpus)]
        return [self._lpi(intid, *self._origin(intid), signalled) for intid in intids]

    def _origin(self, intid: int) -> tuple[EventView | None, int | None]:
        """The event that maps an LPI, and the CPU that it goes to; of one that is not mapped, where it is pending."""
        mappings = self.mappings
        event = mappings.first.get(intid)
        if event is not None:
            return event, mappings.cpu_of(event)
        cpus = range(self._m.cpus)
        state = self._m.lpi_home.state
        if self._m.lpi_home.knows(intid):
            return None, next((cpu for cpu in cpus if state(intid, cpu).pending), None)
        return None, next((cpu for cpu in cpus if self._scanned_bit(intid, cpu)), None)

    def _scanned_bit(self, intid: int, cpu: int) -> bool:
        """Whether a scan of the pending table in RAM would find this LPI."""
        if not self._m.pendbaser(cpu) & PENDBASER_ADDRESS:
            return False
        if not FIRST_LPI <= intid < lpi_limit(self._m.propbaser(cpu)):
            return False
        byte = self._byte(pending_address(self._m, intid, cpu))
        return byte is not None and bool(byte >> intid % 8 & 1)

    def _signalled(self, cpu: int) -> int | None:
        """Where many LPIs are pending this takes a while: asked once for all of them."""
        found = self._m.cpu_interfaces[cpu].signalled()
        return None if found is None else found.intid

    def lpi(self, intid: int, cpu: int | None = None) -> LpiView:
        event, target = self._origin(intid)
        signalled = [self._signalled(each) for each in range(self._m.cpus)]
        return self._lpi(intid, event, target if cpu is None else cpu, signalled)

    def counts(self) -> LpiCounts:
        rows, odd = self._state_of_all()
        return count_lpis(rows, self.lpis_of(odd))

    def _lpi(self, intid: int, event: EventView | None, cpu: int | None, signalled: list[int | None]) -> LpiView:
        machine = self._m
        known = machine.lpi_home.state(intid, cpu)
        cpu = known.cpu if known.cpu is not None else cpu
        home = 0 if cpu is None else cpu
        config = self._byte(config_address(machine, intid, home))
        pending_byte = None if cpu is None else self._byte(pending_address(machine, intid, cpu))
        used = known.config if known.config is not None else config or 0
        stale = known.config is not None and config is not None and known.config != config
        state = self._state(cpu, event is not None, bool(used & CONFIG_ENABLE), known.pending, known.active)
        return LpiView(
            intid=intid,
            device=event.device_id if event else None,
            event=event.event_id if event else None,
            icid=event.icid if event else None,
            cpu=cpu,
            config_ram=config,
            config_cached=known.config,
            pending_ram=None if pending_byte is None else bool(pending_byte >> intid % 8 & 1),
            pending_latched=known.latched,
            enabled=bool(used & CONFIG_ENABLE),
            priority=used & CONFIG_PRIORITY,
            pending=known.pending,
            active=known.active,
            stale=stale,
            state="signalled" if state == "pending" and cpu is not None and signalled[cpu] == intid else state,
        )

    def _state(self, cpu: int | None, mapped: bool, enabled: bool, pending: bool, active: bool) -> str:
        machine = self._m
        if active:
            return "active"
        reaches = pending and machine.impl.disabled_pending is DisabledPending.SIGNALLED
        if cpu is not None and not machine.lpis_enabled(cpu) and not reaches:
            return "CPU LPIs off"
        if not pending:
            return "not pending" if mapped else "not mapped"
        if not enabled:
            return "masked"
        return "pending"

    def _byte(self, address: int) -> int | None:
        try:
            return self._m.memory.read(address, 1)[0]
        except IndexError:
            return None
