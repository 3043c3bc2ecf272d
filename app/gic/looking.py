"""What people are shown of a machine. Looking changes nothing."""

from __future__ import annotations

from app.gic.copies import Copies
from app.gic.lpi_counts import LpiCounts
from app.gic.lpi_map import Row
from app.gic.views import CollectionView, DeviceView, EventView, LpiView, QueueView, Views, Window


class Looking:
    """The part of a Machine that is only looked at."""

    _views: Views

    def lpis(self, start: int = 8192, count: int | None = None) -> list[LpiView]:
        return self._views.lpis(start, count)

    def lpis_of(self, intids: list[int]) -> list[LpiView]:
        """These LPIs, each on the CPU that its collection targets."""
        return self._views.lpis_of(intids)

    def lpi(self, intid: int, cpu: int | None = None) -> LpiView:
        """One LPI on the CPU that its collection targets, or as this `cpu` has it."""
        return self._views.lpi(intid, cpu)

    def lpi_window(
        self, start: int, count: int, *, flags: int = 0, without: int = 0, cpu: int | None = None
    ) -> Window[LpiView]:
        """The LPIs from INTID `start` on with all `flags` of `lpi_map` and none of `without`, on a CPU."""
        return self._views.window(start, count, flags, without, cpu)

    def lpi_look(
        self, start: int, count: int, *, flags: int = 0, without: int = 0, cpu: int | None = None
    ) -> tuple[Window[LpiView], list[Row], LpiCounts]:
        """`lpi_window`, `lpi_rows` and `lpi_counts` at the price of one."""
        return self._views.look(start, count, flags, without, cpu)

    def lpi_rows(self) -> list[Row]:
        """The state of all LPIs in rows of 2,048; rows with no LPI in them are left out."""
        return self._views.rows()

    def lpi_counts(self) -> LpiCounts:
        return self._views.counts()

    def pending_lpis(self) -> dict[int, int | None]:
        """The pending LPIs and the CPU of each, None where it has no target."""
        return self._views.pending()

    def mapped_lpis(self) -> dict[int, tuple[EventView, int | None]]:
        """The mapped LPIs: the first event that maps each, and the CPU of its collection."""
        return self._views.mapped()

    def devices(self, start: int = 0, count: int | None = None) -> list[DeviceView]:
        """The devices from DeviceID `start` on, at most `count`."""
        return self._views.devices(start, count)

    def events(self, device_id: int, start: int = 0, count: int | None = None) -> list[EventView]:
        """The mapped events of a device from EventID `start` on, at most `count`."""
        return self._views.events(device_id, start, count)

    def device_window(self, start: int, count: int) -> Window[DeviceView]:
        """The devices from DeviceID `start` on."""
        return self._views.device_window(start, count)

    def event_window(self, device_id: int, start: int, count: int) -> Window[EventView]:
        """The mapped events of a device from EventID `start` on."""
        return self._views.event_window(device_id, start, count)

    def collection_window(self, start: int, count: int) -> Window[CollectionView]:
        """The collections from ICID `start` on."""
        return self._views.collection_window(start, count)

    def copies(self) -> Copies:
        """What lies in RAM of the entries that the ITS keeps inside."""
        return self._views.copies()

    def mapping_counts(self) -> tuple[int, int, int]:
        """How many devices and collections there are; and a number that is another after any change of a mapping."""
        mappings = self._views.mappings
        return mappings.device_count, len(mappings.collections), mappings.version

    def sees_events(self, device_id: int) -> bool:
        """Whether the events of a device are looked at: of too many, some devices' are not."""
        return self._views.mappings.sees(device_id)

    def unseen_devices(self) -> int:
        """How many devices there are whose events are not looked at, because there are too many."""
        return len(self._views.mappings.unseen)

    def collections(self) -> list[CollectionView]:
        return self._views.collections()

    def queue(self) -> QueueView:
        return self._views.queue()
