"""What a register reads back: found out by writing to it on a fresh machine, not worked out from its masks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from app.gic import IMPLEMENTATIONS, Machine, UserspaceError
from app.gic.behaviours import Doors
from app.gic.effects import AccessIgnored
from app.registers import Register
from app.scenario.attributes import Place, attribute_of, read_attribute, write_attribute

CPUS = 2
USUAL_SPIS = 64
MOST_SPIS = 988
USERSPACE = "userspace"
SYSTEM = "MSR, MRS"
COUNTS = {2: "two", 4: "four"}


@dataclass(frozen=True, slots=True)
class Way:
    """A way to access a register: in pieces of `size` bytes (0: not by address), Secure or not."""

    label: str
    size: int
    secure: bool = False
    security: int = 1


@dataclass(frozen=True, slots=True)
class Reply:
    """What a read gave after a write; `value` None: nothing. `refused`: why the write did not arrive."""

    value: int | None
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Replies:
    """After reset, after a write of all ones, and after a write of zero that followed it."""

    reset: Reply
    ones: Reply
    zero: Reply


def guest_ways(register: Register) -> tuple[Way, ...]:
    """The ways that a guest has to a register, whole accesses first; none if there is no such place."""
    if register.reference:
        return ()
    if register.encoding:
        return (Way(SYSTEM, 0),)
    width = register.width // 8
    return tuple(
        Way(f"{size * 8}-bit" if size == width else f"{COUNTS[width // size]} {size * 8}-bit", size)
        for size in sorted(register.sizes, reverse=True)
        if size <= width
    )


def shape_for(register: Register) -> int:
    """How many SPIs a machine needs that has this register: as usual, or all of them."""
    needed = register.frame == "GICD" and register.intids and USUAL_SPIS + 32 <= register.intids.start < 1020
    return MOST_SPIS if needed else USUAL_SPIS


@lru_cache(maxsize=4096)
def replies(implementation: str, name: str, spis: int, way: Way) -> Replies:
    """What the register of CPU 0 reads back. Raises LookupError where no attribute of KVM's reaches it."""
    machine = Machine(implementation, cpus=CPUS, spis=spis, security=way.security)
    register = machine.map.registers[name]
    read, write = _door(machine, register, way)
    ones = (1 << register.width) - 1
    return Replies(_reply(machine, read), _reply(machine, read, write, ones), _reply(machine, read, write, 0))


def has_userspace(implementation: str) -> bool:
    """Whether it has KVM's device attributes."""
    return IMPLEMENTATIONS[implementation].doors is Doors.KVM_DEVICE


def _reply(
    machine: Machine, read: Callable[[], int], write: Callable[[int], None] | None = None, value: int = 0
) -> Reply:
    refused = ""
    if write is not None:
        with machine.listen() as heard:
            try:
                write(value)
            except UserspaceError as error:
                refused = str(error)
        told = [effect.why for effect in heard if isinstance(effect, AccessIgnored) and effect.write]
        refused = refused or (told[0] if told else "")
    try:
        return Reply(read(), refused)
    except UserspaceError as error:
        return Reply(None, refused or str(error))


def _door(machine: Machine, register: Register, way: Way) -> tuple[Callable[[], int], Callable[[int], None]]:
    if way.label == USERSPACE:
        place: Place = attribute_of(register, 0)
        return lambda: read_attribute(machine, place), lambda value: write_attribute(machine, place, value)
    if register.encoding:
        return (
            lambda: machine.icc_read(register.name, secure=way.secure),
            lambda value: machine.icc_write(register.name, value, secure=way.secure),
        )
    return _pieces(machine, register, way)


def _pieces(machine: Machine, register: Register, way: Way) -> tuple[Callable[[], int], Callable[[int], None]]:
    """By address, the least significant piece first."""
    base, bits = machine.map.address(register), way.size * 8
    places = range(0, register.width // 8, way.size)

    def read() -> int:
        return sum(machine.read(base + place, way.size, secure=way.secure) << place * 8 for place in places)

    def write(value: int) -> None:
        for place in places:
            machine.write(base + place, value >> place * 8 & ((1 << bits) - 1), way.size, secure=way.secure)

    return read, write
