"""Where mappings are looked up: in the ITS's own lists, or in its tables in guest RAM; each time only what changed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from app.gic.its_kernel import KernelTranslation
from app.gic.its_lists import Device
from app.gic.its_tables import TableFault, TableTranslation
from app.gic.mappings import PART, Mappings, Source, entries_of
from app.gic.memory import PAGE, Ram
from app.gic.shown import CollectionView, DeviceView, EventView
from app.gic.tables import L1_ENTRY_BYTES, TableRoot

if TYPE_CHECKING:
    from app.gic.machine import Machine

_SCANNED_ENTRIES = 65536


def source_of(machine: Machine) -> Source:
    if not machine.has_its:
        return NoSource()
    translation = machine.its.translation
    if isinstance(translation, KernelTranslation):
        return ListsSource(translation)
    assert isinstance(translation, TableTranslation)
    return TablesSource(machine, translation)


class NoSource:
    """A machine without an ITS."""

    def refresh(self, mappings: Mappings) -> None:
        return None

    def events(self, device_id: int) -> list[EventView]:
        return []


class ListsSource:
    """`_looked`: the change that was looked at last."""

    def __init__(self, translation: KernelTranslation) -> None:
        self._t = translation
        self._looked: int | None = None

    def refresh(self, mappings: Mappings) -> None:
        now = self._t.mapped_by()
        if now == self._looked:
            return
        changes = None if self._looked is None else self._t.changes_since(self._looked)
        self._looked = now
        mappings.put_collections(
            [
                CollectionView(each.icid, each.mapped, each.target if each.mapped else None, None)
                for each in self._t.collections.values()
            ]
        )
        if changes is None:
            found = {each.device for each in self._t.devices.found()}
            changes = {(device_id, None) for device_id in (*mappings.device_ids(), *found)}
        for device_id, event in sorted(changes, key=lambda change: (change[0], change[1] is not None)):
            if event is None:
                self._device(mappings, device_id)
            elif mappings.sees(device_id) and (device := self._t.devices.get(device_id)) is not None:
                number = event // PART
                mappings.put_part(device_id, number, self._part(device, range(number * PART, (number + 1) * PART)))
        if mappings.has_room:
            mappings.clear()
            self._looked = None
            self.refresh(mappings)

    def _device(self, mappings: Mappings, device_id: int) -> None:
        device = self._t.devices.get(device_id)
        view = None if device is None else DeviceView(device_id, True, device.size, device.itt, None, 0)
        if mappings.has_device(device_id) and not mappings.is_same(device_id, view):
            mappings.drop_device(device_id)
        if device is None or view is None:
            return
        if not mappings.has_device(device_id):
            mappings.put_device(view)
        if mappings.sees(device_id):
            self._every_part(mappings, device)

    def _every_part(self, mappings: Mappings, device: Device) -> None:
        parts: dict[int, list[int]] = {}
        for number in sorted(device.events):
            parts.setdefault(number // PART, []).append(number)
        for part in {*parts, *mappings.parts(device.device)}:
            mappings.put_part(device.device, part, self._part(device, parts.get(part, ())))

    def _part(self, device: Device, numbers: Iterable[int]) -> tuple[EventView, ...]:
        found = ((number, device.events.get(number)) for number in numbers)
        return tuple(
            EventView(
                device.device,
                number,
                event.lpi.intid,
                None if event.collection is None else event.collection.icid,
                None,
            )
            for number, event in found
            if event is not None
        )

    def events(self, device_id: int) -> list[EventView]:
        device = self._t.devices.get(device_id)
        return [] if device is None else list(self._part(device, sorted(device.events)))


class _Block(NamedTuple):
    """What is looked at together: `length` entries from `first` on of a table, or of the ITT of a device."""

    kind: str
    device: int
    first: int
    length: int


class TablesSource:
    """`_pages`: pages of RAM that were looked at, with the last write at that time; `_readers`: the blocks in each;
    `_raw`: the bytes of each block, so that a page that was written over with the same is not decoded again.
    """

    def __init__(self, machine: Machine, translation: TableTranslation) -> None:
        self._m = machine
        self._t = translation
        self._ram: Ram = machine.ram
        self._roots: object = None
        self._forget()

    def _forget(self) -> None:
        self._checked = -1
        self._pages: dict[int, int] = {}
        self._readers: dict[int, set[_Block]] = {}
        self._raw: dict[_Block, bytes] = {}
        self._views: dict[_Block, dict[int, DeviceView] | list[CollectionView]] = {}

    def refresh(self, mappings: Mappings) -> None:
        roots = self._t.mapped_by()
        if roots != self._roots:
            self._roots = roots
            self._start(mappings)
            return
        blocks = self._changed()
        for block in sorted(blocks):  # collections, then devices, then events: by the names of the kinds
            if block in self._raw:
                self._look(mappings, block)
        if mappings.has_room:
            self._start(mappings)

    def _start(self, mappings: Mappings) -> None:
        """Look at everything."""
        self._forget()
        mappings.clear()
        for block in self._blocks("collections", self._t.collections):
            self._raw[block] = b""
            self._read_collections(block)
        self._put_collections(mappings)
        for block in self._blocks("devices", self._t.devices):
            self._raw[block] = b""
            self._look(mappings, block)
        self._checked = self._ram.writes

    @staticmethod
    def _blocks(kind: str, root: TableRoot) -> list[_Block]:
        per_page = max(1, root.page_bytes // root.entry_bytes)
        end = min(root.entries, _SCANNED_ENTRIES)
        return [
            _Block(kind, 0, first, min(PART, page + per_page - first, root.entries - first))
            for page in range(0, end, per_page)
            for first in range(page, min(page + per_page, end), PART)
        ]

    def _changed(self) -> set[_Block]:
        writes = self._ram.writes
        if writes == self._checked:
            return set()
        self._checked = writes
        last_write = self._ram.last_write
        pages = [page for page, seen in self._pages.items() if last_write(page) != seen]
        return set().union(*(self._readers[page] for page in pages))

    def _watch(self, block: _Block, address: int, length: int) -> None:
        for page in range(address // PAGE, (address + length - 1) // PAGE + 1):
            self._pages[page] = self._ram.last_write(page)
            self._readers.setdefault(page, set()).add(block)

    # -- blocks of the device and collection tables

    def _look(self, mappings: Mappings, block: _Block) -> None:
        if block.kind == "collections":
            if self._read_collections(block):
                self._put_collections(mappings)
        elif block.kind == "devices":
            self._read_devices(mappings, block)
        else:
            self._read_events(mappings, block)

    def _entries(self, block: _Block, root: TableRoot) -> tuple[int, bytes]:
        """Where the entries of a table lie, and their bytes, none where there is no RAM."""
        start: int | None = None
        data = b""
        try:
            if root.indirect:
                slot = block.first // (root.page_bytes // root.entry_bytes)
                self._watch(block, root.base + slot * L1_ENTRY_BYTES, L1_ENTRY_BYTES)
            start = self._t.entry_address(root, block.first)
            if start is not None:
                self._watch(block, start, block.length * root.entry_bytes)
                data = self._ram.read(start, block.length * root.entry_bytes)
        except (IndexError, TableFault):
            pass
        return start or 0, data

    def _read_collections(self, block: _Block) -> bool:
        """Whether they are others than before."""
        root = self._t.collections
        start, data = self._entries(block, root)
        before = self._views.get(block)
        self._views[block] = [
            CollectionView(number, True, entry.rdbase if entry.rdbase < self._m.cpus else None, address)
            for number, address in non_zero(data, root.entry_bytes, block.first, start)
            if (entry := self._t.format.unpack_cte(self._ram.u64(address))).valid
        ]
        return before != self._views[block]

    def _put_collections(self, mappings: Mappings) -> None:
        found = [self._views[block] for block in sorted(self._views) if block.kind == "collections"]
        mappings.put_collections([view for views in found if isinstance(views, list) for view in views])

    def _read_devices(self, mappings: Mappings, block: _Block) -> None:
        root = self._t.devices
        start, data = self._entries(block, root)
        before = self._views.get(block, {})
        found = {
            number: DeviceView(number, True, entry.size, entry.itt, address, 0)
            for number, address in non_zero(data, root.entry_bytes, block.first, start)
            if (entry := self._t.format.unpack_dte(self._ram.u64(address))).valid
        }
        self._views[block] = found
        assert isinstance(before, dict)
        for number, device in before.items():
            if found.get(number) != device:
                self._drop(mappings, device)
        for number, device in found.items():
            if before.get(number) != device and mappings.put_device(device):
                for part in self._parts(device):
                    self._raw[part] = b""
                    self._read_events(mappings, part)

    # -- ITTs

    def _parts(self, device: DeviceView) -> list[_Block]:
        count = entries_of(device)
        return [_Block("events", device.device_id, first, min(PART, count - first)) for first in range(0, count, PART)]

    def _drop(self, mappings: Mappings, device: DeviceView) -> None:
        mappings.drop_device(device.device_id)
        size = self._t.format.ite_bytes
        for part in self._parts(device):
            if self._raw.pop(part, None) is None:
                continue
            address = device.itt_address + part.first * size
            for page in range(address // PAGE, (address + part.length * size - 1) // PAGE + 1):
                self._readers[page].discard(part)
                if not self._readers[page]:
                    del self._readers[page], self._pages[page]

    def _read_events(self, mappings: Mappings, block: _Block) -> None:
        form = self._t.format
        start = mappings.itt_address(block.device) + block.first * form.ite_bytes
        self._watch(block, start, block.length * form.ite_bytes)
        data = self._readable(start, block.length, form.ite_bytes)
        if data == self._raw[block] or (not self._raw[block] and data.count(0) == len(data)):
            return
        self._raw[block] = data
        mappings.put_part(block.device, block.first // PART, self._decoded(block.device, block.first, start, data))

    def _readable(self, start: int, count: int, size: int) -> bytes:
        """The entries from `start` on; as far as there is RAM."""
        try:
            return self._ram.read(start, count * size)
        except IndexError:
            for entries in range(count):
                try:
                    self._ram.read(start + entries * size, size)
                except IndexError:
                    return self._ram.read(start, entries * size) if entries else b""
            raise

    def _decoded(self, device_id: int, first: int, start: int, data: bytes) -> tuple[EventView, ...]:
        form = self._t.format
        unpack, size = form.unpack_ite, form.ite_bytes
        views = []
        for number, address in non_zero(data, size, first, start):
            offset = address - start
            entry = unpack(int.from_bytes(data[offset : offset + 8], "little"))
            if entry.valid:
                views.append(EventView(device_id, number, entry.intid, entry.icid, address))
        return tuple(views)

    def events(self, device_id: int) -> list[EventView]:
        if device_id >= self._t.devices.entries:
            return []
        try:
            address = self._t.entry_address(self._t.devices, device_id)
            device = None if address is None else self._t.format.unpack_dte(self._ram.u64(address))
        except (IndexError, TableFault):
            return []
        if device is None or not device.valid:
            return []
        size = self._t.format.ite_bytes
        data = self._readable(device.itt, 1 << min(device.size, 16), size)
        return list(self._decoded(device_id, 0, device.itt, data))


def non_zero(block: bytes, size: int, first: int, start: int) -> list[tuple[int, int]]:
    """(index, address) of the entries of `size` bytes in `block` that are not all zero."""
    if block.count(0) == len(block):
        return []
    return [
        (first + offset // size, start + offset)
        for offset in range(0, len(block), size)
        if any(block[offset : offset + size])
    ]
