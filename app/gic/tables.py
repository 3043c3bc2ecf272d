"""The entries of the ITS tables in guest RAM, in each implementation's private format.

Only the level 1 entry of a two-level table is architected (IHI 0069, GITS_BASER<n>.Indirect); the others are
IMPLEMENTATION DEFINED. All are little-endian. Sizes are in bytes, addresses are physical.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import NamedTuple, Protocol

L1_VALID = 1 << 63
L1_ENTRY_BYTES = 8
DWORD = Struct("<Q")
_QEMU_ITE = Struct("<QI")
NO_DOORBELL = 1023
_DOORBELL_BYTES = 3
ADDRESS_51_8 = 0x000F_FFFF_FFFF_FF00


class DeviceEntry(NamedTuple):
    """DTE: where the device's ITT is and how many EventID bits it has (`size`, 1 to 32)."""

    valid: bool
    size: int
    itt: int

    @property
    def words(self) -> str:
        return f"ITT at {self.itt:#x}, {self.size} EventID bits" if self.valid else "not valid"


class CollectionEntry(NamedTuple):
    """CTE: the Redistributor (Processor_Number, GITS_TYPER.PTA=0) that the collection targets."""

    valid: bool
    rdbase: int

    @property
    def words(self) -> str:
        return f"RDbase {self.rdbase}" if self.valid else "not valid"


class InterruptEntry(NamedTuple):
    """ITE: the LPI and the collection of an event."""

    valid: bool
    intid: int
    icid: int
    physical: bool = True
    vpeid: int = 0  # of GICv4, kept for what somebody else may have put there

    @property
    def words(self) -> str:
        return f"INTID {self.intid}, ICID {self.icid}" if self.valid else "not valid"


class TableFormat(Protocol):
    """How entries look in RAM. DTEs and CTEs are 8 bytes everywhere."""

    @property
    def name(self) -> str: ...
    @property
    def ite_bytes(self) -> int: ...

    def pack_dte(self, entry: DeviceEntry) -> bytes: ...
    def unpack_dte(self, raw: int) -> DeviceEntry: ...
    def pack_cte(self, entry: CollectionEntry) -> bytes: ...
    def unpack_cte(self, raw: int) -> CollectionEntry: ...
    def pack_ite(self, entry: InterruptEntry) -> bytes: ...
    def kept_tail(self, tail: bytes) -> bytes:
        """What an update leaves of the bytes after the first doubleword."""
        ...

    def unpack_ite(self, raw: int) -> InterruptEntry:
        """From the entry's first doubleword, which holds all that is asked of it."""
        ...


@dataclass(frozen=True)
class QemuFormat:
    """QEMU 7.0 and later (arm_gicv3_its.c, gicv3_internal.h; observed): valid is bit 0, ITEs are 12 bytes."""

    name: str = "QEMU 7.0"
    ite_bytes: int = 12

    def pack_dte(self, entry: DeviceEntry) -> bytes:
        if not entry.valid:
            return bytes(8)
        return DWORD.pack(1 | (entry.size - 1) << 1 | entry.itt >> 8 << 6)

    def unpack_dte(self, raw: int) -> DeviceEntry:
        return DeviceEntry(bool(raw & 1), (raw >> 1 & 0x1F) + 1, (raw >> 6 & (1 << 44) - 1) << 8)

    def pack_cte(self, entry: CollectionEntry) -> bytes:
        return DWORD.pack(1 | (entry.rdbase & 0xFFFF) << 1) if entry.valid else bytes(8)

    def unpack_cte(self, raw: int) -> CollectionEntry:
        return CollectionEntry(bool(raw & 1), raw >> 1 & 0xFFFF)

    def pack_ite(self, entry: InterruptEntry) -> bytes:
        if not entry.valid:
            return bytes(12)
        low = 1 | entry.physical << 1 | (entry.intid & 0xFF_FFFF) << 2 | entry.icid << 32 | entry.vpeid << 48
        return _QEMU_ITE.pack(low, NO_DOORBELL)

    def kept_tail(self, tail: bytes) -> bytes:
        return tail[:_DOORBELL_BYTES] + bytes(len(tail) - _DOORBELL_BYTES)

    def unpack_ite(self, raw: int) -> InterruptEntry:
        return InterruptEntry(bool(raw & 1), raw >> 2 & 0xFF_FFFF, raw >> 32 & 0xFFFF, bool(raw & 2), raw >> 48)


@dataclass(frozen=True)
class PlainFormat:
    """giclab's own choice for `architecture`: 8-byte entries, valid is bit 63, fields where the command has them."""

    name: str = "giclab"
    ite_bytes: int = 8

    def pack_dte(self, entry: DeviceEntry) -> bytes:
        return DWORD.pack(1 << 63 | entry.itt & ADDRESS_51_8 | entry.size - 1) if entry.valid else bytes(8)

    def unpack_dte(self, raw: int) -> DeviceEntry:
        return DeviceEntry(bool(raw >> 63), (raw & 0x1F) + 1, raw & ADDRESS_51_8)

    def pack_cte(self, entry: CollectionEntry) -> bytes:
        return DWORD.pack(1 << 63 | entry.rdbase << 16) if entry.valid else bytes(8)

    def unpack_cte(self, raw: int) -> CollectionEntry:
        return CollectionEntry(bool(raw >> 63), raw >> 16 & 0xFFFF_FFFF)

    def pack_ite(self, entry: InterruptEntry) -> bytes:
        return DWORD.pack(1 << 63 | entry.icid << 32 | entry.intid) if entry.valid else bytes(8)

    def kept_tail(self, tail: bytes) -> bytes:
        return tail

    def unpack_ite(self, raw: int) -> InterruptEntry:
        return InterruptEntry(bool(raw >> 63), raw & 0xFFFF_FFFF, raw >> 32 & 0xFFFF)


class KvmDte(NamedTuple):
    """KVM ABI revision 0 device entry: V[63] next[62:49] ITT_addr>>8[48:5] size-1[4:0]."""

    valid: bool
    next: int
    itt: int
    size: int

    def pack(self) -> bytes:
        return DWORD.pack(self.valid << 63 | self.next << 49 | self.itt >> 8 << 5 | self.size - 1)

    @classmethod
    def unpack(cls, data: bytes) -> KvmDte:
        raw = DWORD.unpack(data)[0]
        return cls(bool(raw >> 63), raw >> 49 & 0x3FFF, (raw >> 5 & (1 << 44) - 1) << 8, (raw & 0x1F) + 1)


class KvmCte(NamedTuple):
    """KVM ABI revision 0 collection entry: V[63] RDBase[51:16] ICID[15:0]; the table is a packed list."""

    valid: bool
    target: int
    icid: int

    def pack(self) -> bytes:
        return DWORD.pack(self.valid << 63 | self.target << 16 | self.icid)

    @classmethod
    def unpack(cls, data: bytes) -> KvmCte:
        raw = DWORD.unpack(data)[0]
        return cls(bool(raw >> 63), raw >> 16 & 0xFFFF_FFFF, raw & 0xFFFF)


class KvmIte(NamedTuple):
    """KVM ABI revision 0 interrupt entry: next[63:48] pINTID[47:16] ICID[15:0]; pINTID 0 is not valid."""

    next: int
    intid: int
    icid: int

    def pack(self) -> bytes:
        return DWORD.pack(self.next << 48 | self.intid << 16 | self.icid)

    @classmethod
    def unpack(cls, data: bytes) -> KvmIte:
        raw = DWORD.unpack(data)[0]
        return cls(raw >> 48, raw >> 16 & 0xFFFF_FFFF, raw & 0xFFFF)


class TableRoot(NamedTuple):
    """What GITS_BASER<n> says: the table's base, entry and page size, and how many IDs it has room for."""

    base: int = 0
    entry_bytes: int = 8
    page_bytes: int = 4096
    indirect: bool = False
    entries: int = 0

    @classmethod
    def of(cls, baser: int, id_bits: int, *, modulo: int = 0) -> TableRoot:
        """Decode a GITS_BASER<n> value; a register that is not Valid is a table with no entries.

        `modulo`: what the number of entries that fit is taken modulo, 0 for nothing.
        """
        if not baser >> 63:
            return cls()
        page = (4096, 16384, 65536, 65536)[baser >> 8 & 3]
        indirect = bool(baser >> 62 & 1)
        entry = (baser >> 48 & 0x1F) + 1
        size = ((baser & 0xFF) + 1) * page
        entries = size // L1_ENTRY_BYTES * (page // entry) if indirect else size // entry
        if modulo:
            entries %= modulo
        base = baser & 0x0000_FFFF_FFFF_F000
        if page == 65536:
            base = baser & 0x0000_FFFF_FFFF_0000 | (baser >> 12 & 0xF) << 48
        return cls(base, entry, page, indirect, min(entries, 1 << id_bits))
