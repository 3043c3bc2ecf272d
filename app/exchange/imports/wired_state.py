"""SGIs, PPIs and SPIs one at a time, as the registers that hold 32 of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from app.exchange.imports.pieces import Piece, Steps
from app.scenario.operations import Irq, Operation, RegisterRef, Uwrite, Write
from app.scenario.scenario import MachineSpec

PRIVATE = 32


@dataclass(frozen=True, slots=True)
class Interrupt:
    """The state of one wired interrupt or SGI; `affinity` as in GICD_IROUTER, of an SPI."""

    line: int
    intid: int
    pending: bool
    level: bool
    active: bool
    enabled: bool
    is_level: bool
    group: bool
    priority: int
    affinity: int


class WiredState:
    """Collects a word of 32 and tells it as the writes that make it so, each only where it is not as after a reset."""

    def __init__(self, spec: MachineSpec) -> None:
        self.spec = spec
        self._cpu: int | None = None
        self._word: list[Interrupt] = []

    def take(self, cpu: int | None, interrupt: Interrupt) -> Iterator[Piece]:
        """One more; `cpu` is whose it is, None of an SPI. ValueError: it is none of this machine."""
        first, end = (0, PRIVATE) if cpu is not None else (PRIVATE, PRIVATE + self.spec.spis)
        if not first <= interrupt.intid < end or interrupt.priority > 0xFF:
            raise ValueError(f"INTID {interrupt.intid} of priority {interrupt.priority}: here {first} to {end - 1}")
        if self._word and (self._cpu != cpu or self._word[0].intid // 32 != interrupt.intid // 32):
            yield from self.flush()
        self._cpu = cpu
        self._word.append(interrupt)

    def flush(self) -> Iterator[Piece]:
        """What was taken since the last word."""
        word, self._word = self._word, []
        if word:
            yield Steps(word[-1].line, tuple(self._writes(word)))

    def _writes(self, word: list[Interrupt]) -> Iterator[Operation]:
        number = word[0].intid // 32
        yield self._write("IGROUPR", number, _bits(each.group << each.intid % 32 for each in word))
        for half in range(2):
            edges = (
                1 << each.intid % 16 * 2 + 1 for each in word if not each.is_level and each.intid % 32 // 16 == half
            )
            if number or half:  # SGIs are always edges
                yield self._write("ICFGR", number * 2 + half, _bits(edges))
        for quarter in range(8):
            some = [each for each in word if each.intid % 32 // 4 == quarter]
            value = _bits(each.priority << each.intid % 4 * 8 for each in some)
            if value:
                yield self._write("IPRIORITYR", number * 8 + quarter, value)
        for each in word:
            if each.affinity:
                yield Write(RegisterRef(f"GICD_IROUTER{each.intid}"), each.affinity)
        yield from self._state(word, number)

    def _state(self, word: list[Interrupt], number: int) -> Iterator[Operation]:
        """Enabled last of what a driver sets; then what the hardware has come to."""
        off = _bits((not each.enabled) << each.intid % 32 for each in word)
        if self._cpu is not None and off:  # KVM's SGIs are enabled from the start
            yield self._write("ICENABLER", number, off)
        for name, values in (
            ("ISENABLER", _bits(each.enabled << each.intid % 32 for each in word)),
            ("ISPENDR", _bits(each.pending << each.intid % 32 for each in word)),
            ("ISACTIVER", _bits(each.active << each.intid % 32 for each in word)),
        ):
            if values:
                user = name != "ISENABLER" and self.spec.implementation.startswith("kvm")
                yield self._write(name, number, values, user=user)
        for each in word:
            if each.level and each.intid >= 16:
                yield Irq(each.intid, 1, self._cpu)

    def _write(self, name: str, number: int, value: int, *, user: bool = False) -> Operation:
        target = RegisterRef(f"{'GICD' if self._cpu is None else 'GICR'}_{name}{number}", self._cpu)
        return Uwrite(target, value) if user else Write(target, value)


def _bits(values: Iterator[int]) -> int:
    total = 0
    for value in values:
        total |= value
    return total
