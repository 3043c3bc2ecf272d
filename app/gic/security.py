"""With two Security states: what Non-secure software sees of a register, and what of its writes arrives.

IHI 0069, "Security model" and each register's own page; `Register.nonsecure` names the rule, so which register is
withheld how is data of the map.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from app.gic.register_file import Place
from app.gic.wired import PRIVATE
from app.registers import Register

if TYPE_CHECKING:
    from app.gic.machine import Machine

ENABLE_GRP1_NS = 1 << 1
ENABLE_GRP1_S = 1 << 2
ARE_S = 1 << 4
ARE_NS = 1 << 5
DS = 1 << 6
RWP = 1 << 31
GROUP0, GROUP1_NS, GROUP1_S = 0, 1, 2
SECURE_PRIORITIES = 0x80  # Non-secure software has the lower half of the priorities: bit 7 is set


def nonsecure_priority(priority: int) -> int:
    """How Non-secure software sees a priority of a Non-secure Group 1 interrupt."""
    return priority << 1 & 0xFF


def from_nonsecure_priority(priority: int) -> int:
    """The priority that a Non-secure value stands for: shifted into the lower half."""
    return SECURE_PRIORITIES | priority >> 1


def as_nonsecure(register: Register) -> Register:
    """GICD_CTLR as Non-secure software finds it: ARE_NS where ARE_S is, EnableGrp1A where EnableGrp1NS is."""
    if register.nonsecure != "control" or "ARE_NS" not in register.by_name:
        return register
    are, enable = register.by_name["ARE_NS"], register.by_name["EnableGrp1NS"]
    meaning = f"EnableGrp1A of the Non-secure view. {enable.meaning}"
    fields = (register.by_name["RWP"], replace(are, msb=4, lsb=4), replace(enable, meaning=meaning))
    return replace(register, fields=fields, by_name={field.name: field for field in fields})


class NonSecure:
    """A Non-secure access, rule by rule. Reads take and give whole register values."""

    def __init__(self, machine: Machine) -> None:
        self._m = machine
        self._lanes: dict[str, Callable[[Place], int]] = {
            "": lambda place: ~0,
            "nothing": lambda place: 0,
            "group": lambda place: self._mask(place, 4),
            "set-pending": lambda place: self._mask(place, 1),
            "clear": lambda place: self._mask(place, 2),
            "routing": lambda place: self._mask(place, 3),
            "priority": lambda place: self._mask(place, 4),
            "control": lambda place: ENABLE_GRP1_NS,
        }

    def lanes(self, place: Place) -> int:
        """The bits of the register that Non-secure software reaches."""
        return self._lanes[place.register.nonsecure](place)

    def refusal(self, place: Place) -> str:
        """Why bits of a write by Non-secure software did not arrive."""
        name = place.register.name
        match place.register.nonsecure:
            case "nothing":
                return f"{name} is Secure: what Non-secure software writes is ignored"
            case "control":
                return "Non-secure software reaches EnableGrp1A only"
            case _:
                return "Non-secure software reaches its own interrupts only, and what NSACR lets it"

    def _mask(self, place: Place, needed: int) -> int:
        """Bits of Non-secure Group 1 interrupts, and of those whose NSACR field is `needed` or more."""
        intids = place.register.intids
        bits = place.register.width // len(intids)
        field = (1 << bits) - 1
        mask = 0
        for position, intid in enumerate(intids):
            if self._reaches(intid, place.cpu, needed):
                mask |= field << position * bits
        return mask

    def _reaches(self, intid: int, cpu: int, needed: int) -> bool:
        if intid >= self._m.wired.limit:
            return False
        return self._m.wired.group(intid, cpu) == GROUP1_NS or (needed < 4 and self.access(intid, cpu) >= needed)

    def access(self, intid: int, cpu: int) -> int:
        """NSACR.NS_access of an interrupt, 0 to 3; PPIs have none."""
        if intid < PRIVATE:
            return self._m.peek_slot("GICR_NSACR", cpu) >> intid * 2 & 3 if intid < 16 else 0
        return self._m.peek_slot(f"GICD_NSACR{intid // 16}", 0) >> intid % 16 * 2 & 3

    def seen(self, place: Place, value: int) -> int:
        """A register's value as Non-secure software reads it."""
        rule = place.register.nonsecure
        if rule == "control":
            return value & (ENABLE_GRP1_NS | RWP) | (ARE_S if value & ARE_NS else 0)
        value &= self.lanes(place)
        if rule == "priority":
            return sum(nonsecure_priority(byte) << at for at, byte in _bytes(value))
        return value

    def meant(self, place: Place, data: int) -> int:
        """What a Non-secure write's data means to the register."""
        if place.register.nonsecure != "priority":
            return data
        return sum(from_nonsecure_priority(byte) << at for at, byte in _bytes(data))


def _bytes(value: int) -> Iterator[tuple[int, int]]:
    """(bit position, byte) of a 32-bit word."""
    return ((at, value >> at & 0xFF) for at in range(0, 32, 8))
