"""What the rest of the GIC asks of LPIs, whatever holds their state."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, Protocol

from app.gic.layout import Bits, EntryLayout

if TYPE_CHECKING:
    from app.gic.lpi_map import Planes
    from app.gic.machine import Machine

FIRST_LPI = 8192
LPI_ID_BITS = 16
LPI_LIMIT = 1 << LPI_ID_BITS
PROPBASER_ADDRESS = 0x000F_FFFF_FFFF_F000
PENDBASER_ADDRESS = 0x000F_FFFF_FFFF_0000
PTZ = 1 << 62
ENABLE_LPIS = 1  # GICR_CTLR
CONFIG = EntryLayout(
    "configuration byte",
    1,
    Bits("enabled", "Enable", 0, 0, 0, "1: the LPI is enabled"),
    Bits("priority", "Priority", 0, 7, 2, "bits 7:2 of the priority, 0 is the highest", shift=2),
)
CONFIG_ENABLE, CONFIG_PRIORITY = (((1 << each.width) - 1) << each.lsb for each in CONFIG.bits)


class Candidate(NamedTuple):
    """An interrupt that a CPU interface may signal: compares by priority, then INTID."""

    priority: int
    intid: int
    group: int


class LpiState(NamedTuple):
    """What a Redistributor knows of one LPI, beside its bytes in RAM. None: no such cache here."""

    cpu: int | None
    config: int | None
    pending: bool
    latched: bool | None
    active: bool


class Lpis(Protocol):
    """Pending state and configuration of LPIs, per CPU."""

    def enable(self, cpu: int, again: bool) -> None:
        """EnableLPIs was written as one; `again`: it was one already."""

    def disable(self, cpu: int) -> None:
        """EnableLPIs went 1→0."""

    def best(self, cpu: int) -> Candidate | None:
        """The highest priority pending enabled LPI of this CPU, whatever the CPU interface makes of it."""

    def acknowledge(self, cpu: int, intid: int) -> None:
        """The CPU acknowledged the LPI: its pending state ends."""

    def state(self, intid: int, cpu: int | None) -> LpiState:
        """For people to look at."""

    def knows(self, intid: int) -> bool:
        """Whether the LPI has any state of its own, mapped or not."""

    def planes(self) -> Planes:
        """All state outside guest RAM at once."""

    def held(self) -> dict[int, int | None]:
        """The pending state that is not in guest RAM: INTID to the CPU that has it."""

    def snapshot(self) -> object: ...

    def restore(self, state: object) -> None: ...


def config_address(machine: Machine, intid: int, cpu: int) -> int:
    """Where the configuration byte of `intid` lies, by this CPU's GICR_PROPBASER."""
    return (machine.propbaser(cpu) & PROPBASER_ADDRESS) + intid - FIRST_LPI


def pending_address(machine: Machine, intid: int, cpu: int) -> int:
    """Where the byte with the pending bit of `intid` lies, by this CPU's GICR_PENDBASER."""
    return (machine.pendbaser(cpu) & PENDBASER_ADDRESS) + intid // 8


def lpi_limit(propbaser: int) -> int:
    """One more than the largest INTID that GICR_PROPBASER.IDbits leaves room for; 0 below 14 bits."""
    bits = min((propbaser & 0x1F) + 1, LPI_ID_BITS)
    return 1 << bits if bits >= 14 else 0


@lru_cache(maxsize=1024)
def pending_byte(first: int) -> EntryLayout:
    """The pending bits of eight INTIDs from `first` on."""
    bits = (Bits(f"p{first + n}", str(first + n), 0, n, n, f"1: INTID {first + n} is pending") for n in range(8))
    return EntryLayout("pending bits", 1, *bits)


def ram_byte(machine: Machine, address: int) -> int:
    """A byte of RAM; where there is no RAM it reads as zero."""
    try:
        return machine.ram.u8(address)
    except IndexError:
        return 0


def set_pending_bit(machine: Machine, cpu: int, intid: int, level: bool) -> bool:
    """Write the bit in the pending table in RAM; says whether it was different before."""
    try:
        return machine.ram.put_bit(pending_address(machine, intid, cpu), intid % 8, level) is not None
    except IndexError:  # a bus with nobody on it: reads as zero, and the store goes nowhere
        return level


_BLOCK = 512
_ZEROS = bytes(_BLOCK)
_BITS = [tuple(bit for bit in range(8) if byte >> bit & 1) for byte in range(256)]


def pending_in_ram(machine: Machine, base: int, limit: int, most: int = LPI_LIMIT) -> list[int]:
    """INTIDs of the bits set in a pending table, ascending from 8192 and below `limit`; where there is no RAM, none.

    Not more than the first `most` of them.
    """
    found: list[int] = []
    for start in range(FIRST_LPI // 8, limit // 8, _BLOCK):
        try:
            block = machine.memory.read(base + start, _BLOCK)
        except IndexError:
            block = bytes(ram_byte(machine, base + start + n) for n in range(_BLOCK))
        if block != _ZEROS:
            for n, byte in enumerate(block):
                if byte:
                    first = (start + n) * 8
                    found += [first + bit for bit in _BITS[byte]]
            if len(found) >= most:
                break
    return found[:most]


def move_pending_bits(machine: Machine, source: int, target: int, limit: int) -> None:
    """OR the bits of one pending table, from 8192 below `limit`, into another, and clear them in the first."""
    for start in range(FIRST_LPI // 8, limit // 8, _BLOCK):
        machine.work += 1
        moving = _block(machine, source + start)
        if moving == _ZEROS:
            continue
        machine.memory.write(source + start, _ZEROS)
        there = _block(machine, target + start)
        both = int.from_bytes(there, "little") | int.from_bytes(moving, "little")
        with suppress(IndexError):
            machine.memory.write(target + start, both.to_bytes(_BLOCK, "little"))


def _block(machine: Machine, address: int) -> bytes:
    """RAM is there or not a MiB at a time, so a block is too."""
    try:
        return machine.memory.read(address, _BLOCK)
    except IndexError:
        return _ZEROS
