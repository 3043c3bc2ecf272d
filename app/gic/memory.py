"""Guest RAM: sparse, zero until written, cheap to snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

RAM_BASE = 0x4000_0000
PAGE = 4096


@runtime_checkable
class Memory(Protocol):
    """What a Machine takes for guest RAM. An address with no RAM behind it raises IndexError."""

    def read(self, address: int, length: int) -> bytes: ...

    def write(self, address: int, data: bytes) -> None: ...


MemoryState = dict[int, bytearray]


class GuestMemory:
    """`mib` MiB of RAM from 0x4000_0000. A page costs memory once it is written.

    A snapshot shares its pages with the live memory until either writes one (copy on write).
    """

    __slots__ = ("_owned", "_pages", "base", "end")

    def __init__(self, mib: int = 512, base: int = RAM_BASE) -> None:
        if mib < 1:
            raise ValueError(f"ram_mib={mib}: at least 1 MiB")
        self.base = base
        self.end = base + mib * 1024 * 1024
        self._pages: MemoryState = {}
        self._owned: set[int] = set()

    def read(self, address: int, length: int) -> bytes:
        """`length` bytes from `address`. IndexError when any of them is not RAM."""
        if address < self.base or address + length > self.end or length < 0:
            raise IndexError(f"no RAM at {address:#x}, {length} bytes (RAM is {self.base:#x} to {self.end - 1:#x})")
        start = address % PAGE
        if start + length <= PAGE:
            page = self._pages.get(address // PAGE)
            return bytes(length) if page is None else bytes(page[start : start + length])
        return b"".join(self._chunks(address, length))

    def _chunks(self, address: int, length: int) -> Iterator[bytes]:
        while length:
            start = address % PAGE
            part = min(length, PAGE - start)
            page = self._pages.get(address // PAGE)
            yield bytes(part) if page is None else bytes(page[start : start + part])
            address += part
            length -= part

    def write(self, address: int, data: bytes) -> None:
        """Store `data` at `address`; all of it or, with IndexError, nothing."""
        if address < self.base or address + len(data) > self.end:
            raise IndexError(f"no RAM at {address:#x}, {len(data)} bytes (RAM is {self.base:#x} to {self.end - 1:#x})")
        done = 0
        while done < len(data):
            start = (address + done) % PAGE
            part = min(len(data) - done, PAGE - start)
            page = self._writable((address + done) // PAGE)
            page[start : start + part] = data[done : done + part]
            done += part

    def _writable(self, number: int) -> bytearray:
        page = self._pages.get(number)
        if page is None:
            page = self._pages[number] = bytearray(PAGE)
            self._owned.add(number)
        elif number not in self._owned:
            page = self._pages[number] = bytearray(page)
            self._owned.add(number)
        return page

    def written_pages(self) -> list[int]:
        """Addresses of the pages that were ever written, ascending."""
        return [number * PAGE for number in sorted(self._pages)]

    def snapshot(self) -> MemoryState:
        self._owned.clear()
        return dict(self._pages)

    def restore(self, state: MemoryState) -> None:
        self._pages = dict(state)
        self._owned.clear()
