"""The entries of the ITS tables in guest RAM, in each implementation's private format.

Only the level 1 entry of a two-level table is architected (IHI 0069, GITS_BASER<n>.Indirect); the others are
IMPLEMENTATION DEFINED. All are little-endian. Sizes are in bytes, addresses are physical.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple, Protocol

from app.gic.layout import Bits, EntryLayout

L1_VALID = 1 << 63
L1_ENTRY_BYTES = 8
DWORD = Struct("<Q")
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


LEVEL1 = EntryLayout(
    "level 1 entry",
    L1_ENTRY_BYTES,
    Bits("valid", "Valid", 0, 63, 63, "1: the page exists"),
    Bits("page", "Physical_Address", 0, 51, 12, "address of the level 2 page", shift=12),
)


class TableLayouts(NamedTuple):
    """The private formats of an implementation's tables. `listed`: collections are a packed list, not by ICID."""

    name: str
    dte: EntryLayout
    cte: EntryLayout
    ite: EntryLayout
    listed: bool = False


def _size(lsb: int, msb: int) -> Bits:
    return Bits("size", "Size", 0, msb, lsb, "EventID bits of the ITT (the field holds bits - 1)", bias=1)


def _itt(lsb: int, msb: int) -> Bits:
    return Bits("itt", "ITT_addr", 0, msb, lsb, "address of the ITT, bits 51:8", shift=8)


def _valid(bit: int) -> Bits:
    return Bits("valid", "Valid", 0, bit, bit, "1: the entry maps something")


def _next(lsb: int, msb: int) -> Bits:
    return Bits("next", "next", 0, msb, lsb, "how many entries on the next valid one is, 0 for the last")


def _intid(lsb: int, msb: int) -> Bits:
    return Bits("intid", "pINTID", 0, msb, lsb, "the LPI, 8192 or more")


def _icid(lsb: int, msb: int) -> Bits:
    return Bits("icid", "ICID", 0, msb, lsb, "the collection that routes it")


def _rdbase(lsb: int, msb: int) -> Bits:
    return Bits("rdbase", "RDbase", 0, msb, lsb, "the CPU number (GITS_TYPER.PTA=0)")


# The fields are in the order of DeviceEntry, CollectionEntry and InterruptEntry, or of the Kvm ones.
QEMU_LAYOUTS = TableLayouts(
    "QEMU 7.0",
    EntryLayout("DTE", 8, _valid(0), _size(1, 5), _itt(6, 49)),
    EntryLayout("CTE", 8, _valid(0), _rdbase(1, 16)),
    EntryLayout(
        "ITE",
        12,
        _valid(0),
        _intid(2, 25),
        _icid(32, 47),
        Bits("physical", "INTTYPE", 0, 1, 1, "1: a physical LPI, 0: a virtual one"),
        Bits("vpeid", "vPEID", 0, 63, 48, "the vPE of a virtual LPI"),
        Bits("doorbell", "DOORBELL", 1, 23, 0, "the doorbell of a virtual LPI, 1023 for none"),
    ),
)
PLAIN_LAYOUTS = TableLayouts(
    "giclab",
    EntryLayout("DTE", 8, _valid(63), _size(0, 4), _itt(8, 51)),
    EntryLayout("CTE", 8, _valid(63), _rdbase(16, 47)),
    EntryLayout("ITE", 8, _valid(63), _intid(0, 31), _icid(32, 47)),
)
KVM_LAYOUTS = TableLayouts(
    "KVM ABI revision 0",
    EntryLayout("DTE", 8, _valid(63), _next(49, 62), _itt(5, 48), _size(0, 4)),
    EntryLayout("CTE", 8, _valid(63), _rdbase(16, 47), _icid(0, 15)),
    EntryLayout("ITE", 8, _next(48, 63), _intid(16, 47), _icid(0, 15)),
    listed=True,
)


class TableFormat(Protocol):
    """How entries look in RAM. DTEs and CTEs are 8 bytes everywhere."""

    @property
    def name(self) -> str: ...
    @property
    def layouts(self) -> TableLayouts: ...
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


class _Format:
    """What follows from the layouts."""

    layouts: TableLayouts

    @property
    def name(self) -> str:
        return self.layouts.name

    @property
    def ite_bytes(self) -> int:
        return self.layouts.ite.length

    def pack_dte(self, entry: DeviceEntry) -> bytes:
        return self.layouts.dte.pack(*entry) if entry.valid else bytes(8)

    def unpack_dte(self, raw: int) -> DeviceEntry:
        return DeviceEntry._make(self.layouts.dte.unpack(raw))

    def pack_cte(self, entry: CollectionEntry) -> bytes:
        return self.layouts.cte.pack(*entry) if entry.valid else bytes(8)

    def unpack_cte(self, raw: int) -> CollectionEntry:
        return CollectionEntry._make(self.layouts.cte.unpack(raw))


class QemuFormat(_Format):
    """QEMU 7.0 and later (arm_gicv3_its.c, gicv3_internal.h; observed): valid is bit 0, ITEs are 12 bytes."""

    layouts = QEMU_LAYOUTS

    def pack_ite(self, entry: InterruptEntry) -> bytes:
        return self.layouts.ite.pack(*entry, NO_DOORBELL) if entry.valid else bytes(12)

    def kept_tail(self, tail: bytes) -> bytes:
        return tail[:_DOORBELL_BYTES] + bytes(len(tail) - _DOORBELL_BYTES)

    def unpack_ite(self, raw: int) -> InterruptEntry:
        return InterruptEntry._make(self.layouts.ite.unpack(raw)[:5])


class PlainFormat(_Format):
    """giclab's own choice for `architecture`: 8-byte entries, valid is bit 63, fields where the command has them."""

    layouts = PLAIN_LAYOUTS

    def pack_ite(self, entry: InterruptEntry) -> bytes:
        return self.layouts.ite.pack(*entry[:3]) if entry.valid else bytes(8)

    def kept_tail(self, tail: bytes) -> bytes:
        return tail

    def unpack_ite(self, raw: int) -> InterruptEntry:
        return InterruptEntry._make((*self.layouts.ite.unpack(raw), True, 0))


class KvmDte(NamedTuple):
    """KVM ABI revision 0 device entry."""

    valid: bool
    next: int
    itt: int
    size: int

    def pack(self) -> bytes:
        return KVM_LAYOUTS.dte.pack(*self)

    @classmethod
    def unpack(cls, data: bytes) -> KvmDte:
        return cls._make(KVM_LAYOUTS.dte.unpack(DWORD.unpack(data)[0]))


class KvmCte(NamedTuple):
    """KVM ABI revision 0 collection entry; the table is a packed list."""

    valid: bool
    target: int
    icid: int

    def pack(self) -> bytes:
        return KVM_LAYOUTS.cte.pack(*self)

    @classmethod
    def unpack(cls, data: bytes) -> KvmCte:
        return cls._make(KVM_LAYOUTS.cte.unpack(DWORD.unpack(data)[0]))


class KvmIte(NamedTuple):
    """KVM ABI revision 0 interrupt entry; pINTID 0 is not valid."""

    next: int
    intid: int
    icid: int

    def pack(self) -> bytes:
        return KVM_LAYOUTS.ite.pack(*self)

    @classmethod
    def unpack(cls, data: bytes) -> KvmIte:
        return cls._make(KVM_LAYOUTS.ite.unpack(DWORD.unpack(data)[0]))


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

    def level1_address(self, index: int) -> int:
        """Where the level 1 entry of entry `index` lies, in a two-level table."""
        return self.base + index // (self.page_bytes // L1_ENTRY_BYTES) * L1_ENTRY_BYTES
