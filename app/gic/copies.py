"""What lies in guest RAM of the entries that an ITS keeps inside: what SAVE_TABLES would write over."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from app.gic.its_kernel import KernelTranslation
from app.gic.its_mappings import ENTRY_BYTES
from app.gic.shown import CollectionView, DeviceView, EventView
from app.gic.tables import KvmCte, KvmDte, KvmIte

if TYPE_CHECKING:
    from app.gic.machine import Machine


class CopyState(StrEnum):
    UNSAVED = "not in RAM until saved"
    SAVED = "as saved"
    STALE = "differs until saved"


@dataclass(frozen=True, slots=True)
class EntryCopy:
    """The 8 bytes at the place of an entry, `raw` as a little-endian doubleword; `words`: what a restore would read."""

    address: int
    raw: int
    words: str
    state: CopyState


class Copies:
    """For one look at a machine. None: the ITS keeps no entries inside, or has no RAM where this one would be saved."""

    def __init__(self, machine: Machine) -> None:
        self._m = machine
        translation = machine.its.translation if machine.has_its else None
        self._t = translation if isinstance(translation, KernelTranslation) else None
        self._places: dict[int, int] | None = None

    def device(self, view: DeviceView) -> EntryCopy | None:
        """The entry of the Device table; where the next one is, a restore follows, but nothing here depends on it."""
        raw = self._read(self._slot(view.device_id))
        if raw is None:
            return None
        entry = KvmDte.unpack(raw[1])
        words = f"ITT at {entry.itt:#x}, {entry.size} EventID bits" if entry.valid else "not valid"
        return self._copy(raw, words, entry.valid and (entry.itt, entry.size) == (view.itt_address, view.size))

    def event(self, view: EventView) -> EntryCopy | None:
        """The entry of the ITT."""
        device = None if self._t is None else self._t.devices.get(view.device_id)
        raw = None if device is None else self._read(device.itt + view.event_id * ENTRY_BYTES)
        if raw is None:
            return None
        entry = KvmIte.unpack(raw[1])
        words = f"INTID {entry.intid}, ICID {entry.icid}" if entry.intid else "not valid"
        return self._copy(raw, words, (entry.intid, entry.icid) == (view.intid, view.icid))

    def collection(self, view: CollectionView) -> EntryCopy | None:
        """The entry of the Collection table, which is a packed list: where this one is in the ITS's own."""
        if self._t is None or not (baser := self._m.its.baser(1)) >> 63:
            return None
        base = baser & 0x0000_FFFF_FFFF_0000 | (baser >> 12 & 0xF) << 48
        raw = self._read(base + self._order()[view.icid] * ENTRY_BYTES)
        if raw is None:
            return None
        entry = KvmCte.unpack(raw[1])
        words = f"ICID {entry.icid} to CPU {entry.target}" if entry.valid else "not valid"
        target = self._t.collections[view.icid].target
        return self._copy(raw, words, entry.valid and (entry.icid, entry.target) == (view.icid, target))

    def _order(self) -> dict[int, int]:
        """ICID to its place in the list, worked out once for as long as this is used."""
        if self._places is None:
            self._places = {icid: place for place, icid in enumerate(self._t.collections if self._t else ())}
        return self._places

    def _slot(self, device_id: int) -> int | None:
        try:
            return None if self._t is None else self._t.slot(self._m.its.baser(0), device_id)
        except IndexError:
            return None

    def _read(self, address: int | None) -> tuple[int, bytes] | None:
        try:
            return None if address is None else (address, self._m.ram.read(address, ENTRY_BYTES))
        except IndexError:
            return None

    @staticmethod
    def _copy(raw: tuple[int, bytes], words: str, same: bool) -> EntryCopy:
        address, data = raw
        state = CopyState.SAVED if same else CopyState.STALE if any(data) else CopyState.UNSAVED
        return EntryCopy(address, int.from_bytes(data, "little"), words, state)
