"""Who reads what of a register: the guest, beside it the VMM through device attributes, and Secure software."""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.gic import Machine, UserspaceError
from app.gic.behaviours import Doors
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
GUEST, NONSECURE_GUEST = "A guest reads", "Non-secure software reads"
ALIKE = "A guest and userspace read"


@dataclass(frozen=True, slots=True)
class Door:
    """One reader's value, digits marked that differ from the guest's; None where it is refused.

    `through` is the device attribute that a VMM reads it by, `says` what to know of it.
    """

    title: str
    hex: Hex | None
    differs: bool
    through: str
    says: str


def doors_of(machine: Machine, register: Register, cpu: int, value: int) -> tuple[Door, ...]:
    """The readers of a register that a guest's read shows as `value`; none where there is only the guest."""
    found = [*_userspace(machine, register, cpu, value)]
    if machine.two_states:
        secure = machine.peek(register, cpu, secure=True)
        if register.nonsecure or secure != value:
            says = NONSECURE.get(register.nonsecure, BANKED)
            found.append(Door("Secure software reads", _hex(secure, register, value), secure != value, "", says))
    if not found:
        return ()
    if len(found) == 1 and not found[0].differs and not found[0].says:
        return (replace(found[0], title=ALIKE),)
    guest = NONSECURE_GUEST if machine.two_states else GUEST
    return (Door(guest, _hex(value, register, value), False, "", ""), *found)


def _userspace(machine: Machine, register: Register, cpu: int, value: int) -> tuple[Door, ...]:
    """The VMM's door, where the machine has one and the register is behind it."""
    if machine.impl.doors is not Doors.KVM_DEVICE or register.reference:
        return ()
    try:
        place = attribute_of(register, cpu)
    except LookupError:
        return ()
    through = f"{place.group} + {place.offset:#x}" if place.group != "sysregs" else place.group
    says = register.user.meaning if register.user is not None else ""
    try:
        reads = read_attribute(machine, place)
    except UserspaceError as error:
        return (Door("Userspace is refused", None, True, through, f"{error}. {says}".rstrip()),)
    return (Door("Userspace reads", _hex(reads, register, value), reads != value, through, says),)


def _hex(value: int, register: Register, guest: int) -> Hex:
    return hex_groups(value, register.width, differs=value ^ guest)
