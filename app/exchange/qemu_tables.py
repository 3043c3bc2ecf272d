"""The ITS tables in guest RAM as QEMU 7.0 and later keeps them, read without the ITS's help.

Layouts from arm_gicv3_its.c and gicv3_internal.h, seen on QEMU 7.2: an entry's valid bit is bit 0, a DTE and a CTE have
8 bytes, an ITE has 12; a level 1 entry of a two-level table has 8, valid in bit 63.
"""

from struct import Struct

from app.exchange.qemu_events import CollectionEntry, DeviceEntry, InterruptEntry
from app.gic import Machine

ADDRESS_51_12 = 0x000F_FFFF_FFFF_F000
INDIRECT = 1 << 62
LEVEL1_VALID = 1 << 63
ENTRY_BYTES = 8  # of a DTE, a CTE and a level 1 entry
ITE_BYTES = 12
PAGE_BYTES = (4096, 16384, 65536, 65536)  # by GITS_BASER<n>.Page_Size
_ENTRY = Struct("<Q")


class QemuTables:
    """Entries as they stand in RAM now; `write` of what is returned is False."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def dte(self, device: int) -> DeviceEntry:
        raw = self._entry("GITS_BASER0", device)
        return DeviceEntry(device, bool(raw & 1), (raw >> 1 & 0x1F) + 1, (raw >> 6 & (1 << 44) - 1) << 8, write=False)

    def cte(self, icid: int) -> CollectionEntry:
        raw = self._entry("GITS_BASER1", icid)
        return CollectionEntry(icid, bool(raw & 1), raw >> 1 & 0xFFFF, write=False)

    def ite(self, itt: int, event: int) -> InterruptEntry:
        return _ite(itt, event, self._load(itt + event * ITE_BYTES))

    def ite_in(self, block: bytes, itt: int, event: int) -> InterruptEntry:
        """The same out of a copy of the ITT."""
        return _ite(itt, event, _ENTRY.unpack_from(block, event * ITE_BYTES)[0])

    def level1(self, baser: int, number: int) -> tuple[int, int] | None:
        """Index and address of the level 1 entry for a DeviceID or ICID; None in a flat table."""
        if not baser & INDIRECT:
            return None
        index = number // (_page(baser) // ENTRY_BYTES)
        return index, _base(baser) + index * ENTRY_BYTES

    def _entry(self, register: str, number: int) -> int:
        baser = self.machine.peek(register)
        level1 = self.level1(baser, number)
        if level1 is None:
            return self._load(_base(baser) + number * ENTRY_BYTES)
        page = self._load(level1[1])
        if not page & LEVEL1_VALID:
            return 0
        return self._load((page & ADDRESS_51_12) + number * ENTRY_BYTES % _page(baser))

    def _load(self, address: int) -> int:
        value: int = _ENTRY.unpack(self.machine.memory.read(address, ENTRY_BYTES))[0]
        return value


def _page(baser: int) -> int:
    return PAGE_BYTES[baser >> 8 & 3]


def _base(baser: int) -> int:
    if _page(baser) < 65536:
        return baser & 0x0000_FFFF_FFFF_F000
    return baser & 0x0000_FFFF_FFFF_0000 | (baser >> 12 & 0xF) << 48


def _ite(itt: int, event: int, raw: int) -> InterruptEntry:
    intid, icid = raw >> 2 & 0xFF_FFFF, raw >> 32 & 0xFFFF
    return InterruptEntry(itt, event, bool(raw & 1), bool(raw & 2), intid, icid, write=False)
