"""What the tables and queues hold now, as plain data for people to look at. Looking changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from app.gic.behaviours import PendingHome
from app.gic.commands import COMMAND_BYTES, WORDS, decode
from app.gic.its_kernel import KernelTranslation
from app.gic.its_tables import TableFault, TableTranslation
from app.gic.looked import Looked
from app.gic.lpi import (
    CONFIG_ENABLE,
    CONFIG_PRIORITY,
    FIRST_LPI,
    PENDBASER_ADDRESS,
    config_address,
    lpi_limit,
    pending_address,
    pending_in_ram,
)
from app.gic.lpi_behaviours import DisabledPending
from app.gic.lpi_counts import LpiCounts, count_lpis
from app.gic.tables import L1_ENTRY_BYTES

if TYPE_CHECKING:
    from app.gic.machine import Machine

_SHOWN_COMMANDS = 64
_SCANNED_ENTRIES = 65536


@dataclass(frozen=True, slots=True)
class LpiView:
    """One LPI: where it comes from, where it goes, and each of its bytes in RAM beside what is cached.

    `config_cached` and `pending_latched` are None where the implementation has no such cache.
    """

    intid: int
    device: int | None
    event: int | None
    icid: int | None
    cpu: int | None
    config_ram: int | None
    config_cached: int | None
    pending_ram: bool | None
    pending_latched: bool | None
    enabled: bool
    priority: int
    pending: bool
    active: bool
    stale: bool
    state: str


@dataclass(frozen=True, slots=True)
class DeviceView:
    """`size` is in EventID bits; `entry_address` None where the implementation keeps no entry in RAM."""

    device_id: int
    valid: bool
    size: int
    itt_address: int
    entry_address: int | None
    events: int


@dataclass(frozen=True, slots=True)
class EventView:
    device_id: int
    event_id: int
    intid: int
    icid: int | None
    entry_address: int | None


@dataclass(frozen=True, slots=True)
class CollectionView:
    """`cpu` None: not mapped, or an entry in RAM names a Redistributor that is not there."""

    icid: int
    valid: bool
    cpu: int | None
    entry_address: int | None


@dataclass(frozen=True, slots=True)
class CommandView:
    """A command in the queue. `status`: done, waiting, stalled or ignored."""

    slot: int
    words: tuple[int, int, int, int]
    name: str
    operands: dict[str, int]
    status: str
    error: str


@dataclass(frozen=True, slots=True)
class QueueView:
    """The command queue; `base`, `creadr` and `cwriter` in bytes, `slots` commands."""

    base: int
    slots: int
    creadr: int
    cwriter: int
    stalled: bool
    enabled: bool
    commands: list[CommandView]


class _Mappings(NamedTuple):
    """All devices and mapped LPIs. `made_by`: what they follow from besides the RAM that was looked at."""

    made_by: object
    looked: Looked
    devices: list[DeviceView]
    events: dict[int, list[EventView]]
    lpis: dict[int, tuple[EventView, int | None]]


class Views:
    """`_mappings`: as last worked out. There may be 57,344, and most steps change none."""

    def __init__(self, machine: Machine) -> None:
        self._m = machine
        self._mappings: _Mappings | None = None

    # -- devices, events, collections

    def devices(self) -> list[DeviceView]:
        return list(self._all_mappings().devices)

    def _all_mappings(self) -> _Mappings:
        kept, made_by = self._mappings, self._m.its.translation.mapped_by() if self._m.has_its else None
        if kept is None or kept.made_by != made_by or not kept.looked.stands():
            looked = Looked(self._m.ram)
            events = {device.device_id: self._events(device.device_id, looked) for device in self._devices(looked)}
            devices = [replace(each, events=len(events[each.device_id])) for each in self._devices(looked)]
            targets = {each.icid: each.cpu for each in self._collections(looked) if each.valid}
            lpis: dict[int, tuple[EventView, int | None]] = {}
            for device in devices:
                for event in events[device.device_id]:
                    cpu = None if event.icid is None else targets.get(event.icid)
                    lpis.setdefault(event.intid, (event, cpu))
            kept = self._mappings = _Mappings(made_by, looked, devices, events, lpis)
        return kept

    def _devices(self, looked: Looked) -> list[DeviceView]:
        """In the order of their DeviceIDs; where the entries are in RAM, `events` is not counted yet."""
        if not self._m.has_its:
            return []
        translation = self._m.its.translation
        if isinstance(translation, KernelTranslation):
            return [
                DeviceView(each.device, True, each.size, each.itt, None, len(each.events))
                for each in translation.devices.found()
            ]
        assert isinstance(translation, TableTranslation)
        return [
            DeviceView(number, True, entry.size, entry.itt, address, 0)
            for number, address in self._entries(translation, looked, devices=True)
            if (entry := translation.format.unpack_dte(self._m.ram.u64(address))).valid
        ]

    def _entries(self, translation: TableTranslation, looked: Looked, *, devices: bool) -> list[tuple[int, int]]:
        """(index, address) of the entries of a table in RAM that are not all zero."""
        translation_root = translation.devices if devices else translation.collections
        found: list[tuple[int, int]] = []
        per_page = max(1, translation_root.page_bytes // translation_root.entry_bytes)
        for first in range(0, min(translation_root.entries, _SCANNED_ENTRIES), per_page):
            count = min(per_page, translation_root.entries - first)
            try:
                if translation_root.indirect:
                    looked.at(translation_root.base + first // per_page * L1_ENTRY_BYTES, L1_ENTRY_BYTES)
                start = translation.entry_address(translation_root, first)
                if start is None:
                    continue
                looked.at(start, count * translation_root.entry_bytes)
                block = self._m.memory.read(start, count * translation_root.entry_bytes)
            except (IndexError, TableFault):
                continue
            found += _non_zero(block, translation_root.entry_bytes, first, start)
        return found

    def events(self, device_id: int) -> list[EventView]:
        kept = self._all_mappings().events.get(device_id)
        # A DeviceID beyond what the panels scan may be asked for all the same.
        return self._events(device_id, Looked(self._m.ram)) if kept is None else list(kept)

    def _events(self, device_id: int, looked: Looked) -> list[EventView]:
        if not self._m.has_its:
            return []
        translation = self._m.its.translation
        if isinstance(translation, KernelTranslation):
            device = translation.devices.get(device_id)
            return (
                [
                    EventView(
                        device_id,
                        number,
                        each.lpi.intid,
                        None if each.collection is None else each.collection.icid,
                        None,
                    )
                    for number, each in sorted(device.events.items())
                ]
                if device
                else []
            )
        assert isinstance(translation, TableTranslation)
        return self._events_in_ram(translation, device_id, looked)

    def _events_in_ram(self, translation: TableTranslation, device_id: int, looked: Looked) -> list[EventView]:
        form = translation.format
        if device_id >= translation.devices.entries:
            return []
        try:
            address = translation.entry_address(translation.devices, device_id)
            if address is None:
                return []
            device = form.unpack_dte(self._m.ram.u64(address))
            if not device.valid:
                return []
            looked.at(device.itt, form.ite_bytes << min(device.size, 16))
            block = self._m.memory.read(device.itt, form.ite_bytes << min(device.size, 16))
        except (IndexError, TableFault):
            return []
        views: list[EventView] = []
        for number, place in _non_zero(block, form.ite_bytes, 0, device.itt):
            entry = form.unpack_ite(self._m.ram.u64(place))
            if entry.valid:
                views.append(EventView(device_id, number, entry.intid, entry.icid, place))
        return views

    def collections(self) -> list[CollectionView]:
        return self._collections(Looked(self._m.ram))

    def _collections(self, looked: Looked) -> list[CollectionView]:
        if not self._m.has_its:
            return []
        translation = self._m.its.translation
        if isinstance(translation, KernelTranslation):
            return [
                CollectionView(each.icid, each.mapped, each.target if each.mapped else None, None)
                for each in translation.collections.values()
            ]
        assert isinstance(translation, TableTranslation)
        return [
            CollectionView(number, True, entry.rdbase if entry.rdbase < self._m.cpus else None, address)
            for number, address in self._entries(translation, looked, devices=False)
            if (entry := translation.format.unpack_cte(self._m.ram.u64(address))).valid
        ]

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
        return dict(self._all_mappings().lpis)

    def _interesting(self) -> dict[int, tuple[EventView | None, int | None]]:
        """Every LPI that is mapped, or pending somewhere."""
        found: dict[int, tuple[EventView | None, int | None]] = dict(self._all_mappings().lpis)
        for intid in self._m.lpi_home.known():
            if intid not in found:
                found[intid] = (None, self._pending_on(intid))
        for cpu in range(self._m.cpus):
            limit = lpi_limit(self._m.propbaser(cpu))
            if self._m.pendbaser(cpu) & PENDBASER_ADDRESS:
                for intid in pending_in_ram(self._m, self._m.pendbaser(cpu) & PENDBASER_ADDRESS, limit):
                    found.setdefault(intid, (None, cpu))
        return found

    def _pending_on(self, intid: int) -> int | None:
        """The first CPU on which an LPI that no event maps is pending."""
        state = self._m.lpi_home.state
        return next((cpu for cpu in range(self._m.cpus) if state(intid, cpu).pending), None)

    def lpis(self, start: int = FIRST_LPI, count: int | None = None) -> list[LpiView]:
        """The mapped or pending LPIs from `start` up, at most `count`."""
        found = self._interesting()
        chosen = sorted(intid for intid in found if intid >= start)[:count]
        signalled = [self._signalled(cpu) for cpu in range(self._m.cpus)]
        return [self._lpi(intid, *found[intid], signalled) for intid in chosen]

    def _signalled(self, cpu: int) -> int | None:
        """Where many LPIs are pending this takes a while: asked once for all of them."""
        found = self._m.cpu_interfaces[cpu].signalled()
        return None if found is None else found.intid

    def lpi(self, intid: int, cpu: int | None = None) -> LpiView:
        event, target = self._interesting().get(intid, (None, None))
        signalled = [self._signalled(each) for each in range(self._m.cpus)]
        return self._lpi(intid, event, target if cpu is None else cpu, signalled)

    def counts(self) -> LpiCounts:
        return count_lpis(self._m, self._interesting())

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


def _non_zero(block: bytes, size: int, first: int, start: int) -> list[tuple[int, int]]:
    """(index, address) of the entries of `size` bytes in `block` that are not all zero."""
    found: list[tuple[int, int]] = []
    position = 0
    stripped = block.rstrip(b"\0")
    while position < len(stripped):
        chunk = stripped[position : position + 4096 // size * size]
        if chunk.count(0) != len(chunk):
            for offset in range(0, len(chunk), size):
                if any(chunk[offset : offset + size]):
                    index = (position + offset) // size
                    found.append((first + index, start + index * size))
        position += 4096 // size * size
    return found
