"""One entry of an ITS table looked at: its bytes in RAM, what they mean, and what the ITS goes by. It changes nothing.

Where the ITS keeps its mappings inside (`tables_home`), RAM holds what SAVE_TABLES wrote last, and is only an image.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from app.gic.its import VALID
from app.gic.its_kernel import KernelTranslation
from app.gic.its_lists import Device
from app.gic.its_mappings import ENTRY_BYTES
from app.gic.its_tables import TableFault, TableTranslation
from app.gic.tables import (
    L1_ENTRY_BYTES,
    L1_VALID,
    CollectionEntry,
    DeviceEntry,
    InterruptEntry,
    KvmCte,
    KvmDte,
    KvmIte,
    TableRoot,
)

if TYPE_CHECKING:
    from app.gic.machine import Machine

_NO_ROOM = "Write GITS_BASER{index} with Valid=1 and room for it, while GITS_CTLR.Enabled is 0"


@dataclass(frozen=True, slots=True)
class Cell:
    """Bytes of RAM and what they mean. `data` None: there is no RAM at `address`."""

    address: int
    data: bytes | None
    words: str


@dataclass(frozen=True, slots=True)
class Entry:
    """`cells`: its level 1 entry, if there is one, and the entry itself, as far as they have a place in RAM.

    `goes_by` None: there is none to go by. `inside`: what the ITS keeps of it beside RAM, "" if nothing, `differs` if
    RAM says something else. `problem`: why it cannot be in RAM, with what would mend that. `icid`: the collection of an
    ITT entry, None where it has none.
    """

    goes_by: DeviceEntry | InterruptEntry | CollectionEntry | None
    cells: tuple[Cell, ...] = ()
    inside: str = ""
    differs: bool = False
    problem: str = ""
    mend: str = ""
    icid: int | None = None

    @property
    def words(self) -> str:
        """What the ITS goes by."""
        if self.inside:
            return self.inside
        return self.cells[-1].words if self.goes_by is not None and self.cells else "none"


def ram(machine: Machine, address: int, length: int) -> bytes | None:
    """Bytes of guest RAM, None where there is none."""
    try:
        return machine.memory.read(address, length)
    except IndexError:
        return None


def device_entry(machine: Machine, device: int) -> Entry:
    """The device table entry of a DeviceID."""
    translation = machine.its.translation
    if isinstance(translation, KernelTranslation):
        return _kept_device(machine, translation, device)
    assert isinstance(translation, TableTranslation)
    return _in_table(machine, translation.devices, device, 0, translation.format.unpack_dte)


def event_entry(machine: Machine, device: int, itt: DeviceEntry, event: int) -> Entry:
    """The ITT entry of an EventID, in the ITT that a device table entry points to."""
    translation = machine.its.translation
    if isinstance(translation, KernelTranslation):
        return _kept_event(machine, translation.devices.get(device), itt.itt + event * ENTRY_BYTES, event)
    assert isinstance(translation, TableTranslation)
    address = itt.itt + event * translation.format.ite_bytes
    data = ram(machine, address, translation.format.ite_bytes)
    entry = translation.format.unpack_ite(_word(data))
    return replace(_from_ram(entry, (), address, data), icid=entry.icid if entry.valid else None)


def collection_entry(machine: Machine, icid: int) -> Entry:
    """The collection table entry of an ICID."""
    translation = machine.its.translation
    if isinstance(translation, KernelTranslation):
        return _kept_collection(machine, translation, icid)
    assert isinstance(translation, TableTranslation)
    return _in_table(machine, translation.collections, icid, 1, translation.format.unpack_cte)


# -- in guest RAM


def _in_table(
    machine: Machine, root: TableRoot, index: int, baser: int, unpack: Callable[[int], DeviceEntry | CollectionEntry]
) -> Entry:
    """An entry of the table of GITS_BASER<baser>; both tables have entries of 8 bytes."""
    translation = machine.its.translation
    assert isinstance(translation, TableTranslation)
    found = _placed(machine, translation, root, index, baser)
    if isinstance(found, Entry):
        return found
    level1, address = found
    data = ram(machine, address, L1_ENTRY_BYTES)
    return _from_ram(unpack(_word(data)), level1, address, data)


def _word(data: bytes | None) -> int:
    return 0 if data is None else int.from_bytes(data[:8], "little")


def _from_ram(
    entry: DeviceEntry | InterruptEntry | CollectionEntry, before: tuple[Cell, ...], address: int, data: bytes | None
) -> Entry:
    cells = (*before, Cell(address, data, "no RAM there" if data is None else entry.words))
    if data is None:
        problem = f"there is no RAM at {address:#x}, where it would be"
        return Entry(None, cells, problem=problem, mend="Point its table at RAM")
    return Entry(entry if entry.valid else None, cells)


def _placed(
    machine: Machine, translation: TableTranslation, root: TableRoot, index: int, baser: int
) -> tuple[tuple[Cell, ...], int] | Entry:
    """The level 1 entry, if there is one, and the entry's address; or an entry that has no place, and why."""
    mend = _NO_ROOM.format(index=baser)
    if index >= root.entries:
        room = f"leaves room for numbers below {root.entries:#x}" if root.entries else "gives the ITS no table"
        return Entry(None, problem=f"GITS_BASER{baser} {room}", mend=mend)
    level1: tuple[Cell, ...] = ()
    if root.indirect:
        level1 = (_level1(machine, root.level1_address(index)),)
    try:
        address = translation.entry_address(root, index)
    except TableFault as fault:
        return Entry(None, level1, problem=str(fault), mend=mend)
    if address is None:
        slot = level1[0].address
        problem = f"its level 1 entry at {slot:#x} is not Valid"
        return Entry(None, level1, problem=problem, mend=f"Write the address of a page, with bit 63 set, to {slot:#x}")
    return level1, address


def _level1(machine: Machine, slot: int) -> Cell:
    data = ram(machine, slot, L1_ENTRY_BYTES)
    entry = _word(data)
    words = f"level 1: page at {entry & (1 << 52) - 1:#x}" if entry & L1_VALID else "level 1: not valid"
    return Cell(slot, data, "no RAM there" if data is None else words)


# -- kept inside


def _saved_at(machine: Machine, translation: KernelTranslation, baser: int, index: int) -> int | None:
    """Where SAVE_TABLES would write the entry."""
    try:
        return translation.slot(machine.its.baser(baser), index)
    except IndexError:
        return None


def _kept(
    entry: DeviceEntry | InterruptEntry | CollectionEntry | None,
    words: str,
    cell: Cell | None,
    saved: object,
    problem: str = "",
    mend: str = "",
) -> Entry:
    cells = () if cell is None else (cell,)
    return Entry(entry, cells, words, cell is not None and saved != entry, "" if entry else problem, mend)


def _kept_device(machine: Machine, translation: KernelTranslation, number: int) -> Entry:
    device = translation.devices.get(number)
    entry = None if device is None else DeviceEntry(True, device.size, device.itt)
    address = _saved_at(machine, translation, 0, number)
    words = "not mapped" if entry is None else entry.words
    if address is None:
        problem = "GITS_BASER0 leaves no room for it" if machine.its.baser(0) & VALID else "GITS_BASER0 is not Valid"
        return _kept(entry, words, None, entry, problem, _NO_ROOM.format(index=0))
    data = ram(machine, address, ENTRY_BYTES)
    saved = None if data is None else KvmDte.unpack(data)
    read = DeviceEntry(saved.valid, saved.size, saved.itt) if saved is not None else None
    known = read if read is not None and read.valid else None
    return _kept(entry, words, Cell(address, data, "not saved" if known is None else known.words), known)


def _kept_event(machine: Machine, device: Device | None, address: int, event: int) -> Entry:
    mapped = None if device is None else device.events.get(event)
    icid = None if mapped is None or mapped.collection is None else mapped.collection.icid
    entry = None if mapped is None else InterruptEntry(True, mapped.lpi.intid, icid or 0)
    words = (
        "not mapped" if entry is None else entry.words if icid is not None else f"INTID {entry.intid}, no collection"
    )
    data = ram(machine, address, ENTRY_BYTES)
    saved = None if data is None else KvmIte.unpack(data)
    known = None if saved is None or not saved.intid else InterruptEntry(True, saved.intid, saved.icid)
    problem = "" if data is not None else f"there is no RAM at {address:#x}, where its ITT entry would be"
    cell = Cell(address, data, "no RAM there" if data is None else "not saved" if known is None else known.words)
    mend = "Map the device again, with its ITT in RAM: MAPD" if problem else ""
    return replace(_kept(entry, words, cell, known, problem, mend), icid=icid)


def _kept_collection(machine: Machine, translation: KernelTranslation, icid: int) -> Entry:
    """SAVE_TABLES writes the collections as a list, in the order in which they were mapped."""
    found = translation.collections.get(icid)
    entry = None if found is None or not found.mapped else CollectionEntry(True, found.target)
    words = "not mapped" if entry is None else entry.words
    if _saved_at(machine, translation, 1, icid) is None:
        problem = "GITS_BASER1 leaves no room for it" if machine.its.baser(1) & VALID else "GITS_BASER1 is not Valid"
        return _kept(entry, words, None, entry, problem, _NO_ROOM.format(index=1))
    position = list(translation.collections).index(icid) if found is not None else len(translation.collections)
    base = _saved_at(machine, translation, 1, 0)
    if base is None:
        return _kept(entry, words, None, entry)
    address = base + position * ENTRY_BYTES
    data = ram(machine, address, ENTRY_BYTES)
    saved = None if data is None else KvmCte.unpack(data)
    mine = saved is not None and saved.valid and saved.icid == icid
    known = CollectionEntry(True, saved.target) if saved is not None and mine else None
    told = "not saved" if known is None else f"ICID {icid}, {known.words}"
    return _kept(entry, words, Cell(address, data, told), known)
