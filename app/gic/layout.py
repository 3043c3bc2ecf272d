"""Where fields lie in what the GIC keeps in guest RAM: table entries, configuration bytes, commands. Little-endian."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bits:
    """A field: DW`word`[`msb`:`lsb`] holds (value - `bias`) >> `shift`."""

    name: str
    field_name: str
    word: int
    msb: int
    lsb: int
    meaning: str
    shift: int = 0
    bias: int = 0

    @property
    def width(self) -> int:
        """In bits."""
        return self.msb - self.lsb + 1

    @property
    def largest(self) -> int:
        """The largest value that fits."""
        return (((1 << self.width) - 1) << self.shift) + self.bias

    @property
    def place_text(self) -> str:
        """Which bits of their doubleword they are, as 51:8."""
        return str(self.lsb) if self.msb == self.lsb else f"{self.msb}:{self.lsb}"

    @property
    def range_text(self) -> str:
        """What fits, as "0 to 0xffff, 16 bits"."""
        step = f", a multiple of {1 << self.shift:#x}" if self.shift else ""
        first, last = (f"{each:#x}" if each > 9 else str(each) for each in (self.bias, self.largest))
        return f"{first} to {last}{step}, {self.width} bit{'s' if self.width > 1 else ''}"

    def refusal(self, value: int) -> str:
        """Why a value does not fit, "" if it does."""
        if value < self.bias or value > self.largest:
            return f"{self.name}={value:#x} does not fit: {self.bias} to {self.largest:#x}"
        if (value - self.bias) & ((1 << self.shift) - 1):
            return f"{self.name}={value:#x} must be a multiple of {1 << self.shift:#x}"
        return ""

    def pick(self, words: tuple[int, ...]) -> int:
        """The field's value in an entry's doublewords."""
        raw = (words[self.word] >> self.lsb) & ((1 << self.width) - 1)
        return (raw << self.shift) + self.bias


class EntryLayout:
    """An entry of `length` bytes as its fields."""

    __slots__ = ("_plan", "bits", "length", "name")

    def __init__(self, name: str, length: int, *bits: Bits) -> None:
        self.name = name
        self.length = length
        self.bits = bits
        self._plan = tuple(
            (each.word * 64 + each.lsb, (1 << each.width) - 1, each.shift, each.bias, each.width == 1) for each in bits
        )

    def pack(self, *values: int) -> bytes:
        """The entry with these values for its first fields, the others 0; what does not fit is cut off."""
        raw = 0
        for (at, mask, shift, bias, _), value in zip(self._plan, values, strict=False):
            raw |= ((value - bias >> shift) & mask) << at
        return raw.to_bytes(self.length, "little")

    def unpack(self, raw: int) -> tuple[int, ...]:
        """The value of each field in the entry as one number; True or False for a single bit."""
        return tuple(
            bool(raw >> at & 1) if flag else ((raw >> at & mask) << shift) + bias
            for at, mask, shift, bias, flag in self._plan
        )

    def values(self, data: bytes) -> dict[str, int]:
        """Each field's value, by name."""
        found = self.unpack(int.from_bytes(data, "little"))
        return {each.name: int(value) for each, value in zip(self.bits, found, strict=True)}

    def replaced(self, data: bytes, values: Mapping[str, int]) -> bytes:
        """The entry with new values for some fields, all other bits kept. ValueError for a value that does not fit."""
        raw = int.from_bytes(data, "little")
        for each, (at, mask, shift, bias, _) in zip(self.bits, self._plan, strict=True):
            if each.name not in values:
                continue
            if refusal := each.refusal(values[each.name]):
                raise ValueError(refusal)
            raw = raw & ~(mask << at) | (values[each.name] - bias >> shift) << at
        return raw.to_bytes(self.length, "little")

    @property
    def used(self) -> int:
        """The bits that belong to a field, as one number; the others are reserved."""
        return sum(mask << at for at, mask, *_ in self._plan)
