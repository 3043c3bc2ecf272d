"""Who is watching a session: one bounded ring of events, and a cursor into it for each watcher.

A watcher holds no queue of its own. One that falls out of the ring, or comes back after too long, is told to reload.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from app import limits
from app.sessions.errors import LimitReached

RELOAD = "reload"
# Below 2^63 for ever; two channels whose ids meet are one in 2^60 / EVENTS_KEPT.
ID_BITS = 60
LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event; without a name it is a message. `wire` is its encoding, made once for all watchers."""

    id: int
    name: str
    data: str
    not_to: str = ""
    wire: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        name = f"event: {self.name}\n" if self.name else ""
        lines = "".join(f"data: {line}\n" for line in LINE_END.split(self.data))
        object.__setattr__(self, "wire", f"id: {self.id}\n{name}{lines}\n".encode())


class Broadcast:
    """The events of one channel of one session, for use on one event loop.

    Event ids count from a random number on. A cursor of another process, or of this one before it was started again,
    is therefore none of ours, and whoever comes with it is told to reload.
    """

    def __init__(self, *, events: int = limits.EVENTS_KEPT, size: int = limits.EVENT_BYTES_KEPT) -> None:
        self._ring: deque[Event] = deque()
        self._events = events
        self._size = size
        self._bytes = 0
        self._news = asyncio.Event()
        self.last_id = secrets.randbits(ID_BITS)
        self.closed = False
        self.watchers = 0

    def publish(self, name: str, data: str | Callable[[], str], *, not_to: str = "") -> None:
        """Tell every watcher except the tab `not_to`. `data` may be a function, called only if somebody watches."""
        self.last_id += 1
        if not self.watchers:
            # Whoever left a moment ago and comes back finds a gap here, and reloads.
            self._ring.clear()
            self._bytes = 0
            return
        event = Event(self.last_id, name, data if isinstance(data, str) else data(), not_to)
        self._ring.append(event)
        self._bytes += len(event.wire)
        while len(self._ring) > self._events or (self._bytes > self._size and len(self._ring) > 1):
            self._bytes -= len(self._ring.popleft().wire)
        self._wake()

    def close(self) -> None:
        """End every watcher's stream (the server is going down)."""
        self.closed = True
        self._wake()

    def watch(self, last_event_id: int | None, actor: str) -> Watch:
        """Events after `last_event_id` (None: from now on), those not for tab `actor` left out.

        LimitReached if too many watch already.
        """
        if self.watchers >= limits.WATCHERS_PER_SESSION:
            raise LimitReached(
                "WATCHERS_PER_SESSION", limits.WATCHERS_PER_SESSION, "Too many are watching this session"
            )
        return Watch(self, self.last_id if last_event_id is None else last_event_id, actor)

    def since(self, cursor: int) -> list[Event]:
        """The events after `cursor`, or one that says to reload if some of them are gone."""
        oldest = self._ring[0].id if self._ring else self.last_id + 1
        if not oldest - 1 <= cursor <= self.last_id:
            return [Event(self.last_id, RELOAD, "")]
        return [event for event in self._ring if event.id > cursor]

    async def news(self) -> None:
        """Wait until something is published, or the channel closes."""
        await self._news.wait()

    def _wake(self) -> None:
        self._news.set()
        self._news.clear()


class Watch:
    """One watcher. Counted inside `with`; `upcoming` is what it sees."""

    def __init__(self, channel: Broadcast, cursor: int, actor: str) -> None:
        self._channel = channel
        self._actor = actor
        self.cursor = cursor

    def __enter__(self) -> Self:
        self._channel.watchers += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._channel.watchers -= 1

    async def upcoming(self, patience: float | None = None) -> list[Event] | None:
        """The next events, as soon as there are any; none after `patience` seconds, None when there will be no more."""
        try:
            async with asyncio.timeout(patience):
                while not self._channel.closed:
                    if events := self._take():
                        return events
                    await self._channel.news()
        except TimeoutError:
            return []
        return None

    def _take(self) -> list[Event]:
        events = self._channel.since(self.cursor)
        if events:
            self.cursor = events[-1].id
        return [event for event in events if not (self._actor and event.not_to == self._actor)]
