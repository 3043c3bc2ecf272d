"""What takes long to make and much memory to keep: the last used of it, up to a weight.

The sums, as tracemalloc tells them: a map of 3,831 registers is 3.4 MB, whatever the machine. What a
machine adds to it, its register file, grows with the machine: about 50 kB a CPU, 2.4 kB an SPI.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import Final, Generic, TypeVar

V = TypeVar("V")

REGISTER_BYTES: Final = 900
CPU_BYTES: Final = 50_000
SPI_BYTES: Final = 2_400

MAP_BYTES_KEPT: Final = 96 << 20
"""Register maps kept, with their register files: a stranger chooses the machine, and there are 32 x 988 x 2 of each
kind. The largest, of 32 CPUs and 988 SPIs, is 3.4 + 1.6 + 2.4 = 7.4 MB, so 13 of those, or 27 of 2 CPUs and 64 SPIs."""


class Kept(Generic[V]):
    """The values made last, as long as they weigh at most `most` bytes together by `weigh`; one is kept in any case."""

    def __init__(self, most: int, weigh: Callable[[V], int]) -> None:
        self._most = most
        self._weigh = weigh
        self._values: OrderedDict[Hashable, tuple[V, int]] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], V]) -> V:
        """What was made for the key, made now if it is not there. Threads may make the same twice; one is kept."""
        found = self._values.get(key)
        if found is not None:
            with suppress(KeyError):  # another thread has just let it go
                self._values.move_to_end(key)
            return found[0]
        value = make()
        found = self._values.setdefault(key, (value, self._weigh(value)))
        while len(self._values) > 1 and self.weight > self._most:
            self._values.popitem(last=False)
        return found[0]

    def has(self, key: Hashable) -> bool:
        """Whether it is kept now."""
        return key in self._values

    @property
    def weight(self) -> int:
        """Bytes."""
        return sum(weight for _, weight in list(self._values.values()))
