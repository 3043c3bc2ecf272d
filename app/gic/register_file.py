"""From the map to a flat file of registers: one slot per stored register, one port per address and access size.

Everything a plain register does (mask, keep, sanitise, reset) is done here from the map's data. Behaviour hangs on a
register by name: `@on_write("GICR_CTLR")` on a method of the component that owns the frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from app.registers import Register, RegisterMap, register_map

# A reader gives the whole register; a writer is told of the write after it was stored; a guard is told the data before
# (at its place in the register) and says why the write is refused, or "".
Reader = Callable[[Any, "Place"], int]
Writer = Callable[[Any, "Write"], None]
Guard = Callable[[Any, int], str]
Hook = TypeVar("Hook", bound=Callable[..., Any])

READERS: dict[str, Reader] = {}
WRITERS: dict[str, Writer] = {}
GUARDS: dict[str, Guard] = {}
SIGNAL_STATE: set[str] = set()

# Frames and the components that answer for them; ICC registers are not memory-mapped.
_OWNER = {
    "GICD": "distributor",
    "RD": "redistributor",
    "SGI": "redistributor",
    "GITS": "its",
    "GITS_TRANSLATION": "its",
}


def on_read(*stems: str) -> Callable[[Hook], Hook]:
    """The method computes what a read of these registers returns (before the map's `readable` mask)."""
    return _register(READERS, stems)


def on_write(*stems: str) -> Callable[[Hook], Hook]:
    """The method is called after a write of these registers was stored."""
    return _register(WRITERS, stems)


def refuses_write(*stems: str) -> Callable[[Hook], Hook]:
    """The method says why a write of these registers is refused now, or "" to let it happen."""
    return _register(GUARDS, stems)


def signal_state(*stems: str) -> Callable[[Hook], Hook]:
    """As on_write, for state of interrupts: where signals are worked out from state, to know of a change is enough."""
    SIGNAL_STATE.update(stems)
    return on_write(*stems)


def _register(table: dict[str, Any], stems: Iterable[str]) -> Callable[[Hook], Hook]:
    def add(hook: Hook) -> Hook:
        for stem in stems:
            table[stem] = hook
        return hook

    return add


class Place:
    """One register of one CPU: where it is stored, and who answers for it."""

    __slots__ = ("address", "cpu", "index", "owner", "register", "shown_cpu", "slot")

    def __init__(self, register: Register, cpu: int, slot: int, owner: int, address: int) -> None:
        self.register = register
        self.cpu = cpu
        self.slot = slot
        self.owner = owner
        self.index = register.index or 0
        self.address = address
        self.shown_cpu = cpu if register.per_cpu else None  # None: the register exists once


class Write(NamedTuple):
    """A write to one register: its value before and after, the bits it covers, and the data at their place in it."""

    place: Place
    old: int
    new: int
    lanes: int
    data: int


class ReadPort(NamedTuple):
    reader: Reader | None
    place: Place
    slot: int
    shift: int
    mask: int  # readable bits of this access, at the bottom


@dataclass(frozen=True, slots=True)
class WritePort:
    """`lanes`: bits of the register that this access covers; the masks are within them.

    `plain`: stored and that is all, with no guard, writer, W1S, W1C or sanitising.
    """

    plain: bool
    place: Place
    slot: int
    shift: int
    lanes: int
    writable: int
    sets: int
    clears: int
    sanitised: bool
    guard: Guard | None
    writer: Writer | None
    signal_state: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """The register file of every machine with this map: built once, shared."""

    map: RegisterMap
    resets: tuple[int, ...]
    reads: dict[int, ReadPort]
    writes: dict[int, WritePort]
    places: dict[tuple[str, int], Place]  # (name, cpu); cpu 0 for what exists once
    state_slots: dict[tuple[str, str, int, int], int]  # (state, frame, index, cpu)

    def slot(self, name: str, cpu: int = 0) -> int:
        return self.places[name, cpu].slot


def port_key(address: int, size: int) -> int:
    return address << 4 | size


def layout(implementation: str, cpus: int, spis: int, its: bool, security: int, shared: frozenset[str]) -> Layout:
    """`shared`: names of per-CPU registers that this implementation keeps once for all CPUs."""
    chart = register_map(implementation, cpus, spis, its, security)
    return chart.derived(("layout", shared), lambda: _built(chart, shared))


def _built(chart: RegisterMap, shared: frozenset[str]) -> Layout:
    built = _Builder(chart, shared)
    for frame in chart.frames.values():
        if frame.key in _OWNER and (chart.its or _OWNER[frame.key] != "its"):
            for register in frame.registers:
                if register.present:
                    built.add(register)
    return Layout(chart, tuple(built.resets), built.reads, built.writes, built.places, built.state_slots)


class _Builder:
    def __init__(self, chart: RegisterMap, shared: frozenset[str]) -> None:
        self.chart = chart
        self.shared = shared
        self.resets: list[int] = []
        self.reads: dict[int, ReadPort] = {}
        self.writes: dict[int, WritePort] = {}
        self.places: dict[tuple[str, int], Place] = {}
        self.state_slots: dict[tuple[str, str, int, int], int] = {}

    def add(self, register: Register) -> None:
        for cpu in range(self.chart.cpus) if register.per_cpu else (0,):
            address = self.chart.address(register, cpu)
            place = Place(register, cpu, self._slot(register, cpu), self._owner(register, cpu), address)
            self.places[register.name, cpu] = place
            for size in register.sizes:
                for offset in range(0, register.width // 8, size):
                    self._ports(place, address + offset, size, offset * 8)

    def _owner(self, register: Register, cpu: int) -> int:
        """Index into Machine.owners: the Distributor, the ITS, then a Redistributor per CPU."""
        kind = _OWNER[register.frame]
        return {"distributor": 0, "its": 1}.get(kind, 2 + cpu)

    def _slot(self, register: Register, cpu: int) -> int:
        home = 0 if register.name in self.shared else cpu
        key = (register.state or register.name, register.frame, register.index or 0, home)
        slot = self.state_slots.get(key)
        if slot is None:
            slot = self.state_slots[key] = len(self.resets)
            self.resets.append(register.reset_for(cpu))
        return slot

    def _ports(self, place: Place, address: int, size: int, shift: int) -> None:
        register = place.register
        lanes = ((1 << size * 8) - 1) << shift
        key = port_key(address, size)
        self.reads[key] = ReadPort(
            READERS.get(register.stem), place, place.slot, shift, (register.readable & lanes) >> shift
        )
        guard, writer = GUARDS.get(register.stem), WRITERS.get(register.stem)
        sets, clears, sanitised = register.sets & lanes, register.clears & lanes, bool(register.sanitised)
        plain = not (guard or writer or sets or clears or sanitised)
        writable = register.writable & lanes
        self.writes[key] = WritePort(
            plain,
            place,
            place.slot,
            shift,
            lanes,
            writable,
            sets,
            clears,
            sanitised,
            guard,
            writer,
            register.stem in SIGNAL_STATE,
        )
