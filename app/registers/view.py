"""The typed view of registers that everything else reads: plain frozen values, no SystemRDL behind them."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as attribute
from difflib import get_close_matches
from enum import StrEnum

SYSTEM_FRAMES = frozenset({"ICC", "ICH"})
"""System registers: MRS and MSR reach them, they have no address."""


class Access(StrEnum):
    """How a field answers to software, in the manual's words."""

    RW = "RW"
    RO = "RO"
    WO = "WO"
    """Write-only: reads as zero."""
    W1S = "W1S"
    """Writing 1 sets, writing 0 has no effect, a read returns the state."""
    W1C = "W1C"
    """Writing 1 clears, writing 0 has no effect, a read returns the state."""
    RES0 = "RES0"
    """Reads as zero, writes ignored."""
    RES1 = "RES1"
    """Reads as one, writes ignored."""


class UnknownField(KeyError):
    """A register has no field of that name; `nearest` holds the likely ones."""

    def __init__(self, register: str, name: str, nearest: tuple[str, ...]) -> None:
        super().__init__(name)
        self.register = register
        self.name = name
        self.nearest = nearest

    def __str__(self) -> str:
        hint = f"; nearest: {', '.join(self.nearest)}" if self.nearest else ""
        return f"{self.register} has no field {self.name}{hint}"


@dataclass(frozen=True, slots=True)
class Enumeration:
    """A value of a field that has a name."""

    value: int
    name: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Field:
    """Bits [msb:lsb] of a register, as this implementation has them.

    `kept` lists (written, kept) pairs for values that the implementation replaces when they are written.
    """

    name: str
    msb: int
    lsb: int
    access: Access
    reset: int
    meaning: str
    cite: str
    values: tuple[Enumeration, ...] = ()
    kept: tuple[tuple[int, int], ...] = ()
    mask: int = attribute(init=False, repr=False, compare=False)
    """The field's bits, in register position: stored, as each access asks for it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "mask", ((1 << self.width) - 1) << self.lsb)

    @property
    def width(self) -> int:
        """Number of bits."""
        return self.msb - self.lsb + 1

    def extract(self, value: int) -> int:
        """The field's value out of a register's value."""
        return (value & self.mask) >> self.lsb

    def insert(self, value: int, field_value: int) -> int:
        """A register's value with this field replaced; ValueError if `field_value` does not fit."""
        if not 0 <= field_value < 1 << self.width:
            raise ValueError(f"{self.name} has {self.width} bits: {field_value:#x} does not fit")
        return (value & ~self.mask) | (field_value << self.lsb)

    def enumeration(self, field_value: int) -> Enumeration | None:
        """The named value, if that value has a name."""
        return next((named for named in self.values if named.value == field_value), None)


@dataclass(frozen=True, slots=True)
class UserView:
    """KVM's second door, KVM_GET_DEVICE_ATTR and KVM_SET_DEVICE_ATTR, where it differs from the guest's access."""

    readable: int
    writable: int
    sets: int
    clears: int
    meaning: str


@dataclass(frozen=True, slots=True, eq=False)
class Register:
    """One register of one implementation.

    A read returns `stored & readable`; a write of v stores `kept_value(stored & ~writable | v & writable)`, then
    `|= v & sets`, then `&= ~(v & clears)`. Read-only bits are readable, not writable, and hold their reset value.
    `width` counts bits, `sizes` the access sizes in bytes that reach the register. `state` names storage that
    several registers share (word number = `index`); None is storage of its own. Absent registers have all masks 0.
    """

    name: str
    stem: str
    index: int | None
    frame: str
    offset: int
    width: int
    sizes: frozenset[int]
    fields: tuple[Field, ...]
    title: str
    cite: str
    per_cpu: bool
    present: bool
    why_absent: str
    state: str | None
    reset: int
    readable: int
    writable: int
    sets: int
    clears: int
    user: UserView | None
    encoding: str
    intids: range
    """The INTIDs that the register speaks about, empty when it is not one of the bit or byte arrays."""
    resets: tuple[int, ...] = ()
    """Reset value per CPU, where it depends on the CPU."""
    sanitised: tuple[Field, ...] = ()
    """The fields that have `kept` values."""
    by_name: dict[str, Field] = attribute(default_factory=dict, repr=False)
    nonsecure: str = ""
    """With two Security states, what Non-secure software sees of it ("": all): the rules of app/gic/security.py."""
    declared: tuple[Field, ...] = ()
    """The fields as they are where the register exists; `fields` unless this implementation has none of it."""
    reference: str = ""
    """What its frame is, if that is here to look up only: no machine has it, and it has no address."""

    @property
    def addressed(self) -> bool:
        """Whether loads and stores reach it."""
        return not self.reference and self.frame not in SYSTEM_FRAMES

    @property
    def meaning(self) -> str:
        """What the register is for, one line."""
        return self.title

    @property
    def mask(self) -> int:
        """All bits of the register."""
        return (1 << self.width) - 1

    def reset_for(self, cpu: int) -> int:
        """Reset value on that CPU."""
        return self.resets[cpu] if self.resets else self.reset

    def field(self, name: str) -> Field:
        """The field of that name; UnknownField (a KeyError) with the nearest names otherwise."""
        try:
            return self.by_name[name]
        except KeyError:
            raise UnknownField(self.name, name, nearest(name, list(self.by_name))) from None

    def decode(self, value: int) -> dict[str, int]:
        """Every field's value, most significant first."""
        return {field.name: field.extract(value) for field in self.fields}

    def kept_value(self, value: int) -> int:
        """The value with every field replaced that the implementation does not keep as written."""
        for field in self.sanitised:
            written = field.extract(value)
            for asked, kept in field.kept:
                if asked == written:
                    value = field.insert(value, kept)
                    break
        return value


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A block of registers: `size` bytes at `base` for CPU 0, then every `stride` bytes (0: there is one).

    System registers (ICC) and frames that are here to look up only have no place in memory: base and size 0.
    """

    key: str
    title: str
    cite: str
    base: int
    size: int
    stride: int
    per_cpu: bool
    registers: tuple[Register, ...]
    reference: str = ""
    """What the frame is, if it is here to look up only."""


def nearest(name: str, names: list[str], count: int = 3) -> tuple[str, ...]:
    """The names most like `name`, letter case aside, best first."""
    spelled: dict[str, str] = {}
    for known in names:
        spelled.setdefault(known.lower(), known)
    return tuple(spelled[match] for match in get_close_matches(name.lower(), list(spelled), n=count, cutoff=0.55))
