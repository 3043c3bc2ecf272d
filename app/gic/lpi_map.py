"""The state of all LPIs at once, a byte each, in rows of 2,048: a row is worked out again when something in it changed.

There may be 57,344 LPIs, and a step changes a few. All of a row is done in a few operations on whole rows, where a byte
of 0 or 1 for each LPI is kept as one long number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from app.gic.lpi import FIRST_LPI, LPI_LIMIT, PENDBASER_ADDRESS, PROPBASER_ADDRESS, lpi_limit

if TYPE_CHECKING:
    from app.gic.machine import Machine
    from app.gic.mappings import Mappings

ROW = 2048
FIRSTS = range(FIRST_LPI, LPI_LIMIT, ROW)
MAPPED, PENDING, ENABLED, STALE, OFF, SHOWN = 1, 2, 4, 8, 16, 32
"""Flags of an LPI. ENABLED: by the configuration byte that is in force, the cached one where there is a cache; OFF:
EnableLPIs is 0 on its CPU; SHOWN: mapped, or some Redistributor or pending table has it."""

_ZEROS = bytes(ROW)
_NO_BITS = bytes(ROW // 8)
_EMPTY = frozenset({b"", _NO_BITS})
_ONES = int.from_bytes(b"\1" * ROW, "little")
_SPREAD = [bytes(byte >> bit & 1 for bit in range(8)) for byte in range(256)]
_IS = [bytes(int(byte == value) for byte in range(256)) for value in range(256)]
_SET = bytes(int(byte > 0) for byte in range(256))
_HAS = {flag: bytes(int(byte & flag > 0) for byte in range(256)) for flag in (MAPPED, PENDING, ENABLED, STALE, SHOWN)}
_ENABLED_BIT = bytes(byte & 1 for byte in range(256))
_MAPPED_ENABLED = bytes(int(byte & (MAPPED | ENABLED) == MAPPED | ENABLED) for byte in range(256))
_ONE = re.compile(b"\1")


Plane = bytes | bytearray


class Planes(NamedTuple):
    """What is kept of LPIs outside guest RAM, a byte for each INTID from 8192 on; b"" where there is nothing.

    `pending`, `config` (the cached byte) and `cached` (1 if there is one): for each CPU; or one, where an LPI knows
    its CPU itself, which `cpus` then has plus one, and `exists` is 1 for each LPI there is. `odd`: the INTIDs of other
    LPIs there are.
    """

    pending: Sequence[Plane] = ()
    config: Sequence[Plane] = ()
    cached: Sequence[Plane] = ()
    cpus: Plane = b""
    exists: Plane | None = None
    odd: frozenset[int] = frozenset()

    def row(self, start: int, end: int) -> _Held:
        """The same of some of the LPIs, as values."""
        return _Held(
            tuple(bytes(each[start:end]) for each in self.pending),
            tuple(bytes(each[start:end]) for each in self.config),
            tuple(bytes(each[start:end]) for each in self.cached),
            bytes(self.cpus[start:end]),
            None if self.exists is None else bytes(self.exists[start:end]),
        )


class _Held(NamedTuple):
    """Planes of a row."""

    pending: tuple[bytes, ...]
    config: tuple[bytes, ...]
    cached: tuple[bytes, ...]
    cpus: bytes
    exists: bytes | None


class Row(NamedTuple):
    """`flags` and `cpus` (1 + the CPU that the LPI goes to or waits on, 0 if none) of 2,048 INTIDs from `first` on."""

    first: int
    flags: bytes
    cpus: bytes
    mapped: int
    pending: int
    enabled: int
    stale: int

    def flags_on(self, cpu: int) -> bytes:
        """The flags of the LPIs of a CPU, 0 for others."""
        return _plane(_number(self.flags) & _number(self.cpus.translate(_IS[cpu + 1])) * 255)

    def matching(self, flags: int, without: int, cpu: int | None) -> Iterator[int]:
        """INTIDs that have all of `flags` and none of `without`, on `cpu`, ascending."""
        fits = bytes(int(byte & flags == flags and not byte & without) for byte in range(256))
        found = (self.flags if cpu is None else self.flags_on(cpu)).translate(fits)
        return (self.first + match.start() for match in _ONE.finditer(found))


class _Inputs(NamedTuple):
    """All that a row follows from."""

    mapped: bytes
    targets: bytes
    planes: _Held
    tables: tuple[bytes, ...]  # bits in the pending table of each CPU
    limits: tuple[int, ...]  # how many INTIDs of the row each CPU's table is scanned for
    configs: tuple[bytes | None, ...]  # of each configuration table, None where there is no RAM
    config_of: tuple[int, ...]  # which of them each CPU uses
    off: tuple[bool, ...]  # EnableLPIs is 0


class LpiMap:
    def __init__(self, machine: Machine) -> None:
        self._m = machine
        self._kept: dict[int, tuple[_Inputs, Row]] = {}

    def rows(self, mappings: Mappings, planes: Planes) -> list[Row]:
        """The rows with an LPI in them that is shown; those that are as they were are the same objects."""
        machine = self._m
        cpus = range(machine.cpus)
        propbasers = [machine.propbaser(cpu) for cpu in cpus]
        bases = sorted({propbaser & PROPBASER_ADDRESS for propbaser in propbasers})
        pending_bases = [machine.pendbaser(cpu) & PENDBASER_ADDRESS for cpu in cpus]
        tables = [self._bytes(base + FIRST_LPI // 8, (LPI_LIMIT - FIRST_LPI) // 8) for base in pending_bases]
        limits = [lpi_limit(value) if base else 0 for value, base in zip(propbasers, pending_bases, strict=True)]
        config_of = tuple(bases.index(propbaser & PROPBASER_ADDRESS) for propbaser in propbasers)
        off = tuple(not machine.lpis_enabled(cpu) for cpu in cpus)
        rows: list[Row] = []
        for first in FIRSTS:
            start, end = first - FIRST_LPI, first - FIRST_LPI + ROW
            if _nothing(start, mappings.mapped, planes, tables):
                self._kept.pop(first, None)
                continue
            inputs = _Inputs(
                bytes(mappings.mapped[start:end]),
                bytes(mappings.cpus[start:end]),
                planes.row(start, end),
                tuple(b"" if table is None else table[start // 8 : end // 8] for table in tables),
                tuple(max(0, min(limit - first, ROW)) for limit in limits),
                tuple(self._bytes(base + start, ROW) for base in bases),
                config_of,
                off,
            )
            kept = self._kept.get(first)
            if kept is None or kept[0] != inputs:
                kept = self._kept[first] = inputs, _row(first, inputs)
            rows.append(kept[1])
        return [row for row in rows if row.flags != _ZEROS]

    def _bytes(self, address: int, length: int) -> bytes | None:
        """RAM, zeros where only some of it is there; None where there is none."""
        ram = self._m.ram
        try:
            return ram.read(address, length)
        except IndexError:
            pass
        found = bytearray(length)
        there = False
        step = 128
        for start in range(0, length, step):
            try:
                found[start : start + step] = ram.read(address + start, step)
                there = True
            except IndexError:
                continue
        return bytes(found) if there else None


def _nothing(start: int, mapped: Plane, planes: Planes, tables: Sequence[bytes | None]) -> bool:
    """Whether no LPI of the row can be shown; most rows of most machines are told by this alone, and copied nowhere."""
    kept = (mapped, planes.exists or b"", *planes.pending)
    if not all(not plane or plane.startswith(_ZEROS, start) for plane in kept):
        return False
    return all(not table or table.startswith(_NO_BITS, start // 8) for table in tables)


def _number(plane: bytes) -> int:
    return int.from_bytes(plane, "little")


def _plane(value: int) -> bytes:
    return value.to_bytes(ROW, "little")


def _spread(bits: bytes) -> int:
    """A byte of 0 or 1 for each bit."""
    return _number(b"".join([_SPREAD[byte] for byte in bits])) if bits not in _EMPTY else 0


def _is(cpus: bytes, value: int) -> int:
    return _number(cpus.translate(_IS[value]))


def _row(first: int, inputs: _Inputs) -> Row:
    tables = [_spread(table) for table in inputs.tables]
    mapped = _number(inputs.mapped)
    cpus, shown = _cpus(inputs, mapped, tables)
    on = [_is(cpus, cpu + 1) for cpu in range(len(tables))]
    planes = inputs.planes
    if planes.exists is not None:
        pending = _number(planes.pending[0])
        cached, config = _number(planes.cached[0]), _number(planes.config[0])
    else:
        # Where nothing is kept outside RAM, the tables are the pending state.
        held = [_number(each) for each in planes.pending] if planes.pending else tables
        pending = _on_their_cpus(held, on)
        cached = _on_their_cpus([_number(each) for each in planes.cached], on)
        config = sum(_number(each) & here * 255 for each, here in zip(planes.config, on, strict=False))
    nowhere = shown & ~sum(on)
    ram, there = _config_in_ram(inputs, on, nowhere)
    differ = _number(_plane(ram ^ config).translate(_SET))
    used = config & cached * 255 | ram & (shown & ~cached) * 255
    enabled = _number(_plane(used).translate(_ENABLED_BIT))
    off = sum(here for here, is_off in zip(on, inputs.off, strict=True) if is_off)
    flags = _plane(
        shown * SHOWN
        | (mapped & shown) * MAPPED
        | (pending & shown) * PENDING
        | (enabled & shown) * ENABLED
        | (cached & there & differ & shown) * STALE
        | (off & shown) * OFF
    )
    return Row(
        first,
        flags,
        cpus,
        flags.translate(_HAS[MAPPED]).count(1),
        flags.translate(_HAS[PENDING]).count(1),
        flags.translate(_MAPPED_ENABLED).count(1),
        flags.translate(_HAS[STALE]).count(1),
    )


def _on_their_cpus(planes: list[int], on: list[int]) -> int:
    found = 0
    for plane, here in zip(planes, on, strict=False):
        found |= plane & here
    return found


def _cpus(inputs: _Inputs, mapped: int, tables: list[int]) -> tuple[bytes, int]:
    """Where each LPI goes or waits, plus one, and which are shown."""
    planes = inputs.planes
    shown = mapped
    cpus = _number(inputs.targets)
    if planes.exists is not None:
        known, latched = _number(planes.exists), _number(planes.pending[0])
        own = _number(planes.cpus)
        has_own = _number(planes.cpus.translate(_SET))
        cpus = own | cpus & (_ONES & ~has_own) * 255 | known & latched & ~mapped & ~has_own
        shown |= known
    else:
        for cpu, plane in enumerate(map(_number, planes.pending)):
            cpus |= (plane & ~shown) * (cpu + 1)
            shown |= plane
    for cpu, table in enumerate(tables):
        scanned = table & (1 << 8 * inputs.limits[cpu]) - 1
        cpus |= (scanned & ~shown) * (cpu + 1)
        shown |= scanned
    return _plane(cpus), shown


def _config_in_ram(inputs: _Inputs, on: list[int], nowhere: int) -> tuple[int, int]:
    """The configuration bytes by the table of each LPI's CPU, CPU 0's for those that go to none; where there is RAM."""
    ram = there = 0
    for index, table in enumerate(inputs.configs):
        if table is None:
            continue
        users = sum(here for here, config in zip(on, inputs.config_of, strict=True) if config == index)
        if inputs.config_of[0] == index:
            users |= nowhere
        ram |= _number(table) & users * 255
        there |= users
    return ram, there
