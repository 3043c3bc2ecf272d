"""Registers as KVM device attributes: which group and offset, and 64-bit registers in 32-bit groups as two halves."""

from __future__ import annotations

import re
from typing import NamedTuple

from app.gic import Machine
from app.registers import Register
from app.scenario.operations import Attribute, Half

SYSTEM = re.compile(r"S(\d+)_(\d+)_C(\d+)_C(\d+)_(\d+)\Z")
GROUPS = {"GICD": "dist", "RD": "redist", "SGI": "redist", "GITS": "its", "ICC": "sysregs"}
SGI_FRAME = 0x10000


class Place(NamedTuple):
    """An attribute, and the bits of the register that it reaches (`pieces` of `width` bits, low first)."""

    group: str
    offset: int
    cpu: int
    width: int
    pieces: int


def attribute_of(register: Register, cpu: int | None, half: Half | None = None) -> Place:
    """The attribute of a register. Raises LookupError where KVM has no group for its frame."""
    group = GROUPS.get(register.frame)
    if group is None:
        raise LookupError(f"{register.name} is no KVM device attribute")
    if group == "sysregs":
        return Place(group, system_register(register.encoding), cpu or 0, 64, 1)
    offset = register.offset + (SGI_FRAME if register.frame == "SGI" else 0)
    if group == "its":
        return Place(group, offset, 0, 64, 1)
    if half is not None:
        return Place(group, offset + (4 if half is Half.HI else 0), cpu or 0, 32, 1)
    return Place(group, offset, cpu or 0, 32, register.width // 32)


def raw_attribute(attribute: Attribute) -> Place:
    """An attribute given by group and offset."""
    return Place(attribute.group, attribute.offset, attribute.cpu or 0, 64 if attribute.group == "its" else 32, 1)


def system_register(encoding: str) -> int:
    """The attribute of `S3_0_C12_C12_0`: op0[15:14] op1[13:11] CRn[10:7] CRm[6:3] op2[2:0] (arm-vgic-v3.rst)."""
    match = SYSTEM.match(encoding)
    if match is None:
        raise LookupError(f"{encoding!r} is no system register encoding")
    op0, op1, crn, crm, op2 = (int(group) for group in match.groups())
    return op0 << 14 | op1 << 11 | crn << 7 | crm << 3 | op2


def read_attribute(machine: Machine, place: Place) -> int:
    """KVM_GET_DEVICE_ATTR, once per piece. Raises UserspaceError."""
    get = machine.userspace.get
    values = (get(place.group, place.offset + 4 * piece, cpu=place.cpu) for piece in range(place.pieces))
    return sum(value << 32 * piece for piece, value in enumerate(values))


def write_attribute(machine: Machine, place: Place, value: int) -> None:
    """KVM_SET_DEVICE_ATTR, once per piece, the low half first as QEMU does. Raises UserspaceError."""
    for piece in range(place.pieces):
        part = value >> 32 * piece & ((1 << place.width) - 1)
        machine.userspace.set(place.group, place.offset + 4 * piece, part, cpu=place.cpu)
