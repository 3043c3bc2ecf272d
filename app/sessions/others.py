"""The other processes on the same database: their news for the sessions in memory here, and ours for them."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from itertools import islice
from typing import TypeAlias

from app import limits
from app.sessions.broadcast import RELOAD
from app.sessions.errors import SessionError, StorageFailed
from app.sessions.news import Listener, Said, Stored, written
from app.sessions.session import Session
from app.sessions.store import Store

Hearer: TypeAlias = Callable[[Session, Said], None]
logger = logging.getLogger(__name__)


class News:
    """Between `start` and `stop`, sessions that somebody watches here follow what is done on other servers.

    One that nobody watches only takes note, and reads on when it is looked at.
    """

    def __init__(self, store: Store, sessions: Mapping[str, Session], hearers: Sequence[Hearer]) -> None:
        self._store = store
        self._sessions = sessions
        self._hearers = hearers
        self._listener = Listener(store.engine, self._hear, self._catch_up)
        self._tasks: set[asyncio.Task[None]] = set()
        self._unsaid: deque[str] = deque()

    @property
    def listening(self) -> asyncio.Event:
        """Set while the others are heard."""
        return self._listener.listening

    def start(self) -> None:
        self._listener.start()

    async def stop(self) -> None:
        """Hear no more, and finish what was begun."""
        await self._listener.stop()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def say(self, said: Said) -> None:
        """Tell those who watch the session on other servers; of an event that is too long, to look again."""
        name = self._listener.name
        payload = written(said, name) or written(Said(said.session, said.channel, RELOAD, "", said.not_to), name)
        if payload is not None:
            self._unsaid.append(payload)
            if len(self._unsaid) == 1:
                self._begin(self._say_all())

    def _hear(self, message: Stored | Said) -> None:
        session = self._sessions.get(message.session)
        if session is None:
            return
        if isinstance(message, Said):
            for hearer in self._hearers:
                hearer(session, message)
            session.publish(message.event, message.data, not_to=message.not_to, channel=message.channel)
        elif session.heard(message.at) and session.watchers:
            self._begin(session.refresh())

    async def _say_all(self) -> None:
        """One after the other, in the order they came; those that the database keeps waiting for too long are lost."""
        while self._unsaid:
            try:
                await self._store.say(self._unsaid[0])
            except StorageFailed as error:
                logger.warning("the other servers were not told: %s", error)
            self._unsaid.popleft()
            while len(self._unsaid) > limits.EVENTS_KEPT:
                self._unsaid.popleft()

    async def _catch_up(self) -> None:
        """Ask how far each watched session is by now: while nothing was heard, anything may have been told."""
        watched = iter([session.id for session in list(self._sessions.values()) if session.watchers])
        while some := list(islice(watched, limits.WATCHED_PER_QUERY)):
            for session_id, at in (await self._store.last(some)).items():
                self._hear(Stored(session_id, at))

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(_quietly(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _quietly(work: Coroutine[None, None, None]) -> None:
    """Nobody waits for this: what the database refuses is said in the log, and looked up at the next look."""
    try:
        await work
    except SessionError as error:
        logger.warning("%s", error)
