"""What an ITS that keeps its mappings in lists of its own has in them: Linux KVM's structures (vgic.h)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.gic.lpi_struct import Lpi

UNMAPPED_TARGET = 0xFFFF_FFFF


class Collection:
    __slots__ = ("icid", "target")

    def __init__(self, icid: int, target: int = UNMAPPED_TARGET) -> None:
        self.icid = icid
        self.target = target

    @property
    def mapped(self) -> bool:
        return self.target != UNMAPPED_TARGET


class Event:
    """struct its_ite. `collection` None: MAPC with V=0 took it away."""

    __slots__ = ("collection", "event", "lpi")

    def __init__(self, event: int, collection: Collection | None, lpi: Lpi) -> None:
        self.event = event
        self.collection = collection
        self.lpi = lpi

    @property
    def target(self) -> int | None:
        return self.collection.target if self.collection is not None and self.collection.mapped else None


class Device:
    __slots__ = ("device", "events", "itt", "size")

    def __init__(self, device: int, itt: int, size: int) -> None:
        self.device = device
        self.itt = itt
        self.size = size
        self.events: dict[int, Event] = {}


class DeviceList:
    """The mapped devices. RESTORE_TABLES adds to what is there, so a DeviceID may be in it more than once.

    Commands and MSIs find the first of a DeviceID (find_its_device); the others show in what goes through all of them.
    """

    def __init__(self) -> None:
        self._by_id: dict[int, list[Device]] = {}

    def __iter__(self) -> Iterator[Device]:
        return (device for alike in self._by_id.values() for device in alike)

    def found(self) -> list[Device]:
        """Those that can be found, by DeviceID."""
        return [alike[0] for _, alike in sorted(self._by_id.items())]

    def get(self, device_id: int) -> Device | None:
        alike = self._by_id.get(device_id)
        return alike[0] if alike else None

    def add(self, device: Device) -> None:
        self._by_id.setdefault(device.device, []).append(device)

    def remove(self, device: Device) -> None:
        alike = self._by_id[device.device]
        alike.remove(device)
        if not alike:
            del self._by_id[device.device]

    def sort(self) -> None:
        """list_sort with vgic_its_device_cmp, which never says that two are equal: those of one DeviceID turn round."""
        self._by_id = {number: alike[::-1] for number, alike in sorted(self._by_id.items())}
