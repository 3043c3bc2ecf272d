"""What people are shown of the tables and queues, as plain data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LpiView:
    """One LPI: where it comes from, where it goes, and each of its bytes in RAM beside what is cached.

    `config_cached` and `pending_latched` are None where the implementation has no such cache.
    """

    intid: int
    device: int | None
    event: int | None
    icid: int | None
    cpu: int | None
    config_ram: int | None
    config_cached: int | None
    pending_ram: bool | None
    pending_latched: bool | None
    enabled: bool
    priority: int
    pending: bool
    active: bool
    stale: bool
    state: str


@dataclass(frozen=True, slots=True)
class DeviceView:
    """`size` is in EventID bits; `entry_address` None where the implementation keeps no entry in RAM."""

    device_id: int
    valid: bool
    size: int
    itt_address: int
    entry_address: int | None
    events: int


@dataclass(frozen=True, slots=True)
class EventView:
    device_id: int
    event_id: int
    intid: int
    icid: int | None
    entry_address: int | None


@dataclass(frozen=True, slots=True)
class CollectionView:
    """`cpu` None: not mapped, or an entry in RAM names a Redistributor that is not there."""

    icid: int
    valid: bool
    cpu: int | None
    entry_address: int | None


@dataclass(frozen=True, slots=True)
class CommandView:
    """A command in the queue. `status`: done, waiting, stalled or ignored."""

    slot: int
    words: tuple[int, int, int, int]
    name: str
    operands: dict[str, int]
    status: str
    error: str


@dataclass(frozen=True, slots=True)
class QueueView:
    """The command queue; `base`, `creadr` and `cwriter` in bytes, `slots` commands."""

    base: int
    slots: int
    creadr: int
    cwriter: int
    stalled: bool
    enabled: bool
    commands: list[CommandView]


@dataclass(frozen=True, slots=True)
class Window(Generic[T]):
    """Some rows of a table in the order of their IDs. `earlier`, `later`: where the windows before and after begin."""

    rows: tuple[T, ...]
    earlier: int | None
    later: int | None


def window_of(rows: Sequence[T], after: Sequence[int], before: Iterable[int], count: int) -> Window[T]:
    """`after`: the IDs that follow; `before`: those that come before, descending; `count` rows are a window."""
    last = list(islice(before, count))
    return Window(tuple(rows), last[-1] if last else None, after[0] if after else None)
