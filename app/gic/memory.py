"""Guest RAM: sparse, zero until written, cheap to snapshot."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Protocol, runtime_checkable

RAM_BASE = 0x4000_0000
PAGE = 4096
_SHIFT = 12
_OFFSET = PAGE - 1
_dword_at = struct.Struct("<Q").unpack_from
_four_at = struct.Struct("<4Q").unpack_from


FourWords = tuple[int, int, int, int]


@runtime_checkable
class Memory(Protocol):
    """What a Machine takes for guest RAM. An address with no RAM behind it raises IndexError."""

    def read(self, address: int, length: int) -> bytes: ...

    def write(self, address: int, data: bytes) -> None: ...


class Ram(Memory, Protocol):
    """RAM as the tables are walked: bytes and doublewords too. IndexError where there is none."""

    @property
    def writes(self) -> int:
        """A number that is another one after any write."""
        ...

    def last_write(self, page: int) -> int:
        """A number that is another one after any write to page number `page` (address // PAGE)."""
        ...

    def u8(self, address: int) -> int: ...

    def put_bit(self, address: int, bit: int, level: bool) -> int | None:
        """Make a bit of the byte `level`: None if it was, else what `last_write` of its page was before."""
        ...

    def u64(self, address: int) -> int:
        """A little-endian doubleword."""
        ...

    def four_u64(self, address: int) -> FourWords:
        """Four little-endian doublewords."""
        ...


MemoryState = dict[int, bytearray]
_EMPTY = bytes(PAGE)


class GuestMemory:
    """`mib` MiB of RAM from 0x4000_0000. A page costs memory once it is written.

    A snapshot shares its pages with the live memory until either writes one (copy on write).
    """

    __slots__ = ("_owned", "_pages", "_restored", "_written", "base", "end", "taken", "writes")

    def __init__(self, mib: int = 512, base: int = RAM_BASE) -> None:
        if mib < 1:
            raise ValueError(f"ram_mib={mib}: at least 1 MiB")
        self.base = base
        self.end = base + mib * 1024 * 1024
        self.writes = 0
        self.taken = 0  # pages that were made or copied so far, 4 KiB each
        self._written: dict[int, int] = {}  # page number to `writes` at its last write
        self._restored = 0  # the same for the pages that nobody wrote since the last restore
        self._pages: MemoryState = {}
        self._owned: set[int] = set()

    def _check(self, address: int, length: int) -> None:
        if address < self.base or address + length > self.end or length < 0:
            raise IndexError(f"no RAM at {address:#x}, {length} bytes (RAM is {self.base:#x} to {self.end - 1:#x})")

    def read(self, address: int, length: int) -> bytes:
        """`length` bytes from `address`. IndexError when any of them is not RAM."""
        start = address & _OFFSET
        if start + length <= PAGE:
            page = self._pages.get(address >> _SHIFT)
            if page is not None and length >= 0:
                return bytes(page[start : start + length])
            self._check(address, length)
            return bytes(length)
        self._check(address, length)
        return b"".join(self._chunks(address, length))

    def _chunks(self, address: int, length: int) -> Iterator[bytes]:
        while length:
            start = address & _OFFSET
            part = min(length, PAGE - start)
            page = self._pages.get(address >> _SHIFT)
            yield bytes(part) if page is None else bytes(page[start : start + part])
            address += part
            length -= part

    def u8(self, address: int) -> int:
        try:
            return self._pages[address >> _SHIFT][address & _OFFSET]
        except KeyError:
            self._check(address, 1)
            return 0

    def u64(self, address: int) -> int:
        try:
            value: int = _dword_at(self._pages[address >> _SHIFT], address & _OFFSET)[0]
        except (KeyError, struct.error):  # never written, or on two pages
            value = int.from_bytes(self.read(address, 8), "little")
        return value

    def four_u64(self, address: int) -> FourWords:
        try:
            words: FourWords = _four_at(self._pages[address >> _SHIFT], address & _OFFSET)
        except (KeyError, struct.error):
            words = _four_at(self.read(address, 32))
        return words

    def put_bit(self, address: int, bit: int, level: bool) -> int | None:
        number, mask = address >> _SHIFT, 1 << bit
        try:
            byte = self._pages[number][address & _OFFSET]
        except KeyError:
            byte = self.u8(address)
        if bool(byte & mask) is level:
            return None
        before = self._written.get(number, self._restored)
        self.writes += 1
        self._writable(number)[address & _OFFSET] = byte ^ mask
        return before

    def write(self, address: int, data: bytes) -> None:
        """Store `data` at `address`; all of it or, with IndexError, nothing."""
        length = len(data)
        self._check(address, length)
        self.writes += 1
        start = address & _OFFSET
        if start + length <= PAGE:
            self._writable(address >> _SHIFT)[start : start + length] = data
            return
        done = 0
        while done < length:
            start = (address + done) & _OFFSET
            part = min(length - done, PAGE - start)
            self._writable((address + done) >> _SHIFT)[start : start + part] = data[done : done + part]
            done += part

    def last_write(self, page: int) -> int:
        return self._written.get(page, self._restored)

    def _writable(self, number: int) -> bytearray:
        self._written[number] = self.writes
        if number in self._owned:
            return self._pages[number]
        page = self._pages.get(number)
        self.taken += 1
        page = self._pages[number] = bytearray(PAGE) if page is None else bytearray(page)
        self._owned.add(number)
        return page

    @property
    def pages_written(self) -> int:
        """How many pages were ever written."""
        return len(self._pages)

    def written_pages(self) -> list[int]:
        """Addresses of the pages that were ever written, ascending."""
        return [number * PAGE for number in sorted(self._pages)]

    def differing_pages(self, other: GuestMemory) -> list[int]:
        """Addresses of the pages that hold something else in `other`, ascending; one that was never written is zero."""
        mine, theirs = self._pages, other._pages
        return [
            number * PAGE
            for number in sorted(mine.keys() | theirs.keys())
            if (one := mine.get(number, _EMPTY)) is not (two := theirs.get(number, _EMPTY)) and one != two
        ]

    def page(self, address: int) -> bytes:
        """The page that begins at `address`; zeros where there is no RAM."""
        return bytes(self._pages.get(address >> _SHIFT, _EMPTY))

    def snapshot(self) -> MemoryState:
        self._owned.clear()
        return dict(self._pages)

    def restore(self, state: MemoryState) -> None:
        self.writes += 1
        self.taken += len(state.keys() - self._pages.keys())
        self._restored = self.writes
        self._written.clear()
        self._pages = dict(state)
        self._owned.clear()


class ForeignMemory:
    """Somebody else's memory object as Ram: its writes cannot be counted, so each look says that there was one."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._looks = 0
        self.read = memory.read
        self.write = memory.write

    @property
    def writes(self) -> int:
        self._looks += 1
        return self._looks

    def last_write(self, page: int) -> int:
        return self.writes

    def u8(self, address: int) -> int:
        return self.read(address, 1)[0]

    def put_bit(self, address: int, bit: int, level: bool) -> int | None:
        byte = self.u8(address)
        if bool(byte >> bit & 1) is level:
            return None
        self.write(address, bytes([byte ^ 1 << bit]))
        return self.writes

    def u64(self, address: int) -> int:
        return int.from_bytes(self.read(address, 8), "little")

    def four_u64(self, address: int) -> FourWords:
        words: FourWords = _four_at(self.read(address, 32))
        return words
