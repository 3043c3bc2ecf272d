"""What an ITS that keeps its mappings in lists of its own has in them: Linux KVM's structures (vgic.h)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.gic.lpi_kernel import Lpi

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
