"""Where an access goes, as the language names it: a register of the machine, or an address where none says it."""

from __future__ import annotations

from app.registers import RegisterMap
from app.scenario.operations import Half, RawAddress, Read, RegisterRef, Write
from app.scenario.scenario import MachineSpec
from app.scenario.vocabulary import access_width, vocabulary

FRAMES = {"GICD": "GICD", "GICR": "RD", "GITS": "GITS"}
MOST_KEPT = 8192
Target = tuple[RegisterRef | RawAddress, int | None, Half | None]


class NotHere(ValueError):
    """A register that there is, and that this machine does not have."""


class Places:
    """The registers of one machine by frame and offset, looked up once each."""

    def __init__(self, spec: MachineSpec) -> None:
        self.map: RegisterMap = vocabulary(spec).map
        self._known: dict[tuple[str, int, int, int], Target] = {}

    def read(self, frame: str, cpu: int, offset: int, size: int) -> Read:
        """A read of `size` bytes; ValueError outside the frame."""
        return Read(*self._target(frame, cpu, offset, size))

    def write(self, frame: str, cpu: int, offset: int, size: int, value: int) -> Write:
        """A write of `size` bytes; ValueError outside the frame."""
        target, width, half = self._target(frame, cpu, offset, size)
        return Write(target, value, (), width, half)

    def address(self, frame: str, cpu: int, offset: int) -> int:
        """The address in this machine of an offset in a frame, of a CPU where there is one for each."""
        found = self.map.frames.get(FRAMES[frame])
        if found is None:
            raise ValueError(f"this machine has no {frame}")
        room = found.stride or 0x10000
        if not 0 <= offset < room:
            raise ValueError(f"offset {offset:#x} is outside of the {frame} frame, {room:#x} bytes")
        return found.base + cpu * found.stride + offset

    def at(self, address: int, size: int) -> Target:
        """What an access of `size` bytes at an address of this machine goes to."""
        found = self.map.at(address)
        if found is not None:
            register, cpu = found
            reference = RegisterRef(register.name, cpu if register.per_cpu else None)
            start = self.map.address(register, cpu)
            if not register.reference and register.width == size * 8 and start == address:
                return reference, None, None
            if not register.reference and register.width == 64 and size == 4:
                return reference, None, Half.LO if start == address else Half.HI
        target = RawAddress(address)
        width = size * 8
        return target, None if access_width(self.map, target, None, None) == width else width, None

    def system(self, name: str) -> str:
        """The name of a system register. ValueError: there is none of that name; NotHere: not in this machine."""
        register = self.map.registers.get(name)
        if register is None or not register.encoding:
            raise ValueError(f"there is no {name}")
        if register.reference or register.why_absent:
            raise NotHere(f"this machine has no {name}: {register.why_absent}")
        return name

    def _target(self, frame: str, cpu: int, offset: int, size: int) -> Target:
        key = (frame, cpu, offset, size)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= MOST_KEPT:
                self._known.clear()
            known = self._known[key] = self.at(self.address(frame, cpu, offset), size)
        return known
