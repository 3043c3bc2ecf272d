"""Who is watching a session: one bounded ring of events, and a cursor into it for each watcher.

A watcher holds no queue of its own. One that falls out of the ring, or comes back after too long, is told to reload.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field

from app import limits
from app.sessions.errors import LimitReached

RELOAD = "reload"


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event; `wire` is its encoding, made once and shared by all watchers."""

    id: int
    name: str
    data: str
    not_to: str = ""
    wire: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        lines = "".join(f"data: {line}\n" for line in self.data.splitlines() or [""])
        object.__setattr__(self, "wire", f"id: {self.id}\nevent: {self.name}\n{lines}\n".encode())


class Broadcast:
    """The events of one channel of one session, for use on one event loop.

    Event ids increase also across restarts of the server: they start at the time of creation in milliseconds, and a
    session has fewer than a thousand events a second.
    """

    def __init__(self, *, events: int = limits.EVENTS_KEPT, size: int = limits.EVENT_BYTES_KEPT) -> None:
        self._ring: deque[Event] = deque()
        self._events = events
        self._size = size
        self._bytes = 0
        self._last = int(time.time() * 1000)
        self._news = asyncio.Event()
        self._closed = False
        self.watchers = 0

    def publish(self, name: str, data: str | Callable[[], str], *, not_to: str = "") -> None:
        """Tell every watcher except the tab `not_to`. `data` may be a function, called only if somebody watches."""
        self._last += 1
        if not self.watchers:
            # Whoever left a moment ago and comes back finds a gap here, and reloads.
            self._ring.clear()
            self._bytes = 0
            return
        event = Event(self._last, name, data if isinstance(data, str) else data(), not_to)
        self._ring.append(event)
        self._bytes += len(event.wire)
        while len(self._ring) > self._events or (self._bytes > self._size and len(self._ring) > 1):
            self._bytes -= len(self._ring.popleft().wire)
        self._wake()

    def close(self) -> None:
        """End every watcher's stream (the server is going down)."""
        self._closed = True
        self._wake()

    def watch(self, last_event_id: int | None, actor: str) -> AsyncGenerator[Event]:
        """Events after `last_event_id` (None: from now on) that tab `actor` did not cause itself.

        Counted as a watcher from the first event asked for until the iterator is closed. LimitReached: too many are.
        """
        if self.watchers >= limits.WATCHERS_PER_SESSION:
            raise LimitReached(
                "WATCHERS_PER_SESSION", limits.WATCHERS_PER_SESSION, "Too many are watching this session"
            )
        return self._watch(self._last if last_event_id is None else last_event_id, actor)

    async def _watch(self, cursor: int, actor: str) -> AsyncGenerator[Event]:
        self.watchers += 1
        try:
            while not self._closed:
                if cursor == self._last:
                    await self._news.wait()
                    continue
                for event in self._since(cursor):
                    cursor = event.id
                    if not (actor and event.not_to == actor):
                        yield event
        finally:
            self.watchers -= 1

    def _since(self, cursor: int) -> list[Event]:
        oldest = self._ring[0].id if self._ring else self._last + 1
        if not oldest - 1 <= cursor < self._last:
            return [Event(self._last, RELOAD, "")]
        return [event for event in self._ring if event.id > cursor]

    def _wake(self) -> None:
        self._news.set()
        self._news.clear()
