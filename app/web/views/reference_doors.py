"""The doors to a register: a guest's and, on KVM, the VMM's; and with two Security states, the Secure and the other."""

from __future__ import annotations

from dataclasses import dataclass

from app.gic import IMPLEMENTATIONS
from app.registers import Register, register_map
from app.scenario.attributes import attribute_of
from app.web.views.reference_answers import CPUS, USERSPACE, Replies, Reply, Way, guest_ways, has_userspace, replies
from app.web.views.reference_index import REFERENCE, chart
from app.web.views.words import Hex, Run, hex_groups, runs

KVM = "kvm"
GROUPS = {
    "dist": "KVM_DEV_ARM_VGIC_GRP_DIST_REGS",
    "redist": "KVM_DEV_ARM_VGIC_GRP_REDIST_REGS",
    "its": "KVM_DEV_ARM_VGIC_GRP_ITS_REGS",
    "sysregs": "KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS",
}
# Register.nonsecure, see app/gic/security.py
NONSECURE = {
    "nothing": "Non-secure accesses: RAZ/WI.",
    "control": "Non-secure accesses reach their own group's enable only, and see it in their own place.",
    "group": "Non-secure accesses reach the bits of Non-secure Group 1 interrupts only.",
    "set-pending": "Non-secure accesses reach Non-secure Group 1 interrupts, and those that NSACR lets them pend.",
    "clear": "Non-secure accesses reach Non-secure Group 1 interrupts, and those that NSACR lets them clear.",
    "routing": "Non-secure accesses reach Non-secure Group 1 interrupts, and those that NSACR lets them route.",
    "priority": "Non-secure accesses reach Non-secure Group 1 interrupts; priorities read shifted left by one.",
}


@dataclass(frozen=True, slots=True)
class Column:
    title: str
    reach: tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Value:
    """What one door shows; `differs`: other than the first door."""

    door: str
    hex: Hex | None
    note: tuple[Run, ...]
    differs: bool


@dataclass(frozen=True, slots=True)
class Line:
    title: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Doors:
    """Two doors to one register. `words`: how they differ, or that they do not."""

    title: str
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    words: tuple[Run, ...]


def userspace(name: str, spis: int, on: str) -> Doors:
    """A guest's access beside KVM's device attributes, on the KVM that is on view or on today's."""
    implementation = on if on and has_userspace(on) else KVM
    register = chart(implementation, spis).registers[name]
    title = f"Guest and userspace, on {IMPLEMENTATIONS[implementation].title}"
    ways = guest_ways(register)
    try:
        place = attribute_of(register, 0)
    except LookupError:
        return Doors(title, (), (), runs(_no_attribute(register)))
    guest = replies(implementation, name, spis, ways[0])
    user = replies(implementation, name, spis, Way(USERSPACE, 0))
    whole = place.group in ("its", "sysregs")
    offsets = " and ".join(f"{place.offset + 4 * piece:#x}" for piece in range(place.pieces))
    reach = f"{GROUPS[place.group]}, {offsets}: {'64' if whole else '32'} bits{' each' if place.pieces > 1 else ''}"
    columns = (
        Column("Guest", runs(_guest_reach(register, ways))),
        Column("Userspace", runs(reach)),
    )
    return Doors(title, columns, _lines(register, columns, (guest, user)), runs(_words(register, guest, user)))


def security_states(name: str, spis: int) -> Doors | None:
    """A Secure access beside a Non-secure one, on an architecture with two Security states; None if they are alike."""
    map_ = register_map(REFERENCE, cpus=CPUS, spis=spis, security=2)
    register = map_.registers[name]
    ways = guest_ways(register)
    if not ways or not register.present:
        return None
    secure, other = (
        replies(REFERENCE, name, spis, Way(ways[0].label, ways[0].size, secure=each, security=2))
        for each in (True, False)
    )
    if not register.nonsecure and _shown(secure) == _shown(other):
        return None
    columns = (Column("Secure", ()), Column("Non-secure", ()))
    words = NONSECURE.get(register.nonsecure, "Secure and Non-secure software each have a register of their own.")
    if register.frame == "ICC" and _shown(other) == (0, 0, 0):
        words = "Group 0 is Secure: Non-secure accesses trap to EL3, which ignores them here."
    title = "Two Security states, on Architecture with security=2"
    return Doors(title, columns, _lines(register, columns, (secure, other)), runs(words))


def _shown(told: Replies) -> tuple[int | None, ...]:
    return told.reset.value, told.ones.value, told.zero.value


def _lines(register: Register, columns: tuple[Column, ...], doors: tuple[Replies, Replies]) -> tuple[Line, ...]:
    sequences = (("After reset", "reset"), ("All ones", "ones"), ("Then zero", "zero"))
    lines: list[Line] = []
    for title, key in sequences:
        told: list[Reply] = [getattr(each, key) for each in doors]
        values = tuple(
            _value(register, column.title, reply, told[0]) for column, reply in zip(columns, told, strict=True)
        )
        lines.append(Line(title, values))
    return tuple(lines)


def _value(register: Register, door: str, reply: Reply, first: Reply) -> Value:
    marks = 0
    if reply.value is not None and first.value is not None:
        marks = reply.value ^ first.value
    shown = None if reply.value is None else hex_groups(reply.value, register.width, differs=marks)
    note = reply.refused if register.present or reply.value is None else ""
    differs = _seen(register, reply) != _seen(register, first)
    return Value(door, shown, runs(note), differs)


def _seen(register: Register, reply: Reply) -> tuple[object, ...]:
    """What of a reply is compared: of a register that is not there all doors ignore a write, each in its own words."""
    return (reply.value, reply.refused if register.present else "")


def _guest_reach(register: Register, ways: tuple[Way, ...]) -> str:
    if register.encoding:
        return f"MRS and MSR {register.encoding}: 64 bits"
    map_ = chart(KVM)
    frame = map_.frames[register.frame]
    every = f" + n*{frame.stride:#x} for CPU n" if register.per_cpu else ""
    return f"{frame.base + register.offset:#010x}{every}: {' or '.join(way.label for way in ways)}"


def _words(register: Register, guest: Replies, user: Replies) -> str:
    if register.user is not None:
        return register.user.meaning
    pairs = ((guest.reset, user.reset), (guest.ones, user.ones), (guest.zero, user.zero))
    if any(_seen(register, one) != _seen(register, other) for one, other in pairs):
        return "Userspace is refused where a guest's access is ignored."
    return "Userspace reads and writes what a guest does."


def _no_attribute(register: Register) -> str:
    if register.reference:
        return "KVM has no such frame: a guest does not see it, and no attribute reaches it."
    return "No attribute reaches it: MSIs come in by KVM_SIGNAL_MSI or an irqfd, and there is nothing to save."
