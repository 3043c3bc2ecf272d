"""What lies where in guest RAM: the tables that registers and table entries point to, with their true sizes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from app.gic.commands import COMMAND_BYTES
from app.gic.lpi import FIRST_LPI, LPI_ID_BITS, PENDBASER_ADDRESS, PROPBASER_ADDRESS, lpi_limit
from app.gic.tables import L1_ENTRY_BYTES, LEVEL1, TableRoot

if TYPE_CHECKING:
    from app.gic.machine import Machine


class Kind(StrEnum):
    """What a region is made of; the value is its name for people."""

    CONFIG = "LPI config"
    PENDING = "LPI pending"
    DEVICES = "Devices"
    COLLECTIONS = "Collections"
    ITT = "ITT"
    QUEUE = "Command queue"


@dataclass(frozen=True, slots=True)
class Region:
    """`length` bytes from `start`, in entries of `entry_bytes`; the first entry has the number `first`.

    `owner`: the CPU of a pending table, the DeviceID of an ITT. `level`: 1 or 2 of a two-level table, else 0.
    """

    kind: Kind
    label: str
    start: int
    length: int
    entry_bytes: int
    first: int = 0
    owner: int | None = None
    level: int = 0

    @property
    def end(self) -> int:
        return self.start + self.length

    def __contains__(self, address: int) -> bool:
        return self.start <= address < self.end

    def index(self, address: int) -> int:
        """The entry that has the byte at `address`, counted from the region's start."""
        return (address - self.start) // self.entry_bytes


def regions(machine: Machine, window: range, itts: int) -> list[Region]:
    """Every table but ITTs, of which those in `window` (addresses) and the first `itts` are told."""
    found = [each for each in _of_redistributors(machine) if each.start]
    if machine.has_its:
        found += [each for each in _of_its(machine) if each.start]
        found += _itts(machine, window, itts)
    return found


def region_at(found: Sequence[Region], address: int) -> Region | None:
    """The region that a byte belongs to: where two overlap, the smaller one says more."""
    return min((each for each in found if address in each), key=lambda each: each.length, default=None)


def _of_redistributors(machine: Machine) -> Iterator[Region]:
    """The LPI tables; Redistributors that share a configuration table have one region."""
    shared: set[tuple[int, int]] = set()
    for cpu in range(machine.cpus):
        propbaser = machine.propbaser(cpu)
        base, limit = propbaser & PROPBASER_ADDRESS, lpi_limit(propbaser)
        if not limit:
            continue
        if (base, limit) not in shared:
            label = Kind.CONFIG if not shared else f"{Kind.CONFIG} CPU{cpu}"
            yield Region(Kind.CONFIG, label, base, limit - FIRST_LPI, 1, FIRST_LPI, cpu)
            shared.add((base, limit))
        start = machine.pendbaser(cpu) & PENDBASER_ADDRESS
        yield Region(Kind.PENDING, f"{Kind.PENDING} CPU{cpu}", start, limit // 8, 1, 0, cpu)


def _of_its(machine: Machine) -> Iterator[Region]:
    its = machine.its
    for number, kind in enumerate((Kind.DEVICES, Kind.COLLECTIONS)):
        yield from _table(machine, kind, its.baser(number))
    if its.queue_bytes:
        yield Region(Kind.QUEUE, Kind.QUEUE, its.queue_base, its.queue_bytes, COMMAND_BYTES)


def _table(machine: Machine, kind: Kind, baser: int) -> Iterator[Region]:
    root = TableRoot.of(baser, LPI_ID_BITS)
    if not root.entries:
        return
    size = ((baser & 0xFF) + 1) * root.page_bytes
    if not root.indirect:
        yield Region(kind, kind, root.base, size, root.entry_bytes)
        return
    yield Region(kind, f"{kind}, level 1", root.base, size, L1_ENTRY_BYTES, level=1)
    per_page = root.page_bytes // root.entry_bytes
    for first in range(0, root.entries, per_page):
        try:
            raw = machine.ram.u64(root.base + first // per_page * L1_ENTRY_BYTES)
        except IndexError:
            return
        valid, page = LEVEL1.unpack(raw)
        if valid:
            label = f"{kind} {first:#x} to {first + per_page - 1:#x}"
            yield Region(kind, label, page, root.page_bytes, root.entry_bytes, first, level=2)


def _itts(machine: Machine, window: range, most: int) -> Iterator[Region]:
    length = machine.its.translation.layouts.ite.length
    for number, device in enumerate(machine.devices()):
        size = length << min(device.size, LPI_ID_BITS)
        if number < most or (device.itt_address < window.stop and device.itt_address + size > window.start):
            label = f"{Kind.ITT} {device.device_id:#x}"
            yield Region(Kind.ITT, label, device.itt_address, size, length, 0, device.device_id)
