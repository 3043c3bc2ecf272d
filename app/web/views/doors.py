"""What others than the Non-secure guest read of a register: the VMM through device attributes, and Secure software."""

from __future__ import annotations

from dataclasses import dataclass

from app.gic import Machine, UserspaceError
from app.registers import Register
from app.scenario.attributes import attribute_of, read_attribute
from app.web.views.words import Hex, hex_groups

NONSECURE = {
    "nothing": "Non-secure software reads zero, and its writes are ignored.",
    "control": "Non-secure software has EnableGrp1A in bit 1 and sees ARE_NS in bit 4.",
    "group": "Non-secure software reads zero for Secure interrupts, and cannot change groups.",
    "set-pending": "Non-secure software reaches its own interrupts, and those that NSACR lets it set pending.",
    "clear": "Non-secure software reaches its own interrupts, and those that NSACR lets it clear.",
    "routing": "Non-secure software reaches its own interrupts, and those that NSACR lets it route.",
    "priority": "Non-secure software sees the priorities of its own interrupts shifted left by one bit.",
}
BANKED = "Each Security state has its own, or its own view of it."


@dataclass(frozen=True, slots=True)
class Door:
    """Another reader's value, digits that differ marked; None where it is refused."""

    title: str
    hex: Hex | None
    says: str


def doors_of(machine: Machine, register: Register, cpu: int, value: int) -> tuple[Door, ...]:
    """The other readers of a register that a guest's read shows as `value`."""
    found: list[Door] = []
    if register.user is not None:
        found.append(_userspace(machine, register, cpu, value, register.user.meaning))
    if machine.two_states:
        secure = machine.peek(register, cpu, secure=True)
        if register.nonsecure or secure != value:
            says = NONSECURE.get(register.nonsecure, BANKED)
            found.append(Door("Secure software reads", _hex(secure, register, value), says))
    return tuple(found)


def _userspace(machine: Machine, register: Register, cpu: int, value: int, meaning: str) -> Door:
    try:
        reads = read_attribute(machine, attribute_of(register, cpu))
    except (UserspaceError, LookupError) as error:
        return Door("Userspace is refused", None, f"{error}. {meaning}")
    return Door("Userspace reads", _hex(reads, register, value), meaning)


def _hex(value: int, register: Register, guest: int) -> Hex:
    return hex_groups(value, register.width, differs=value ^ guest)
