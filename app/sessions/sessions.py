"""All sessions of one server: made, opened, kept in memory while they are used."""

import asyncio
import time
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from weakref import WeakValueDictionary

import anyio
import anyio.to_thread

from app import __version__, limits
from app.scenario import Scenario, parse
from app.sessions import bounds, keys, log
from app.sessions.errors import StorageFailed, UnknownSession
from app.sessions.expiry import USED_TO, Expiry
from app.sessions.news import Said
from app.sessions.others import Hearer, News
from app.sessions.session import Listener, Session
from app.sessions.shortlinks import ShortLinks
from app.sessions.store import Head, Store
from app.sessions.weight import may_weigh_much, pages_held, weigh


@dataclass(frozen=True, slots=True)
class Created:
    """A new session. The edit key is told here once and is stored only as a hash."""

    id: str
    edit_key: str


class Sessions:
    """The sessions of one server. Use from one event loop, between `start` and `stop`.

    A session that nobody used for `days` days is deleted; none is if that is 0.
    `listeners` are called after each stored operation with the session, its step and the tab that asked for it;
    `preparers` before them, on a worker thread, where the session is a large one;
    `hearers` with each event that `Session.publish_everywhere` told on another server.
    """

    def __init__(self, database_url: str, *, live: int = limits.LIVE_SESSIONS, days: int = 0) -> None:
        self.listeners: list[Listener] = []
        self.preparers: list[Listener] = []
        self.hearers: list[Hearer] = []
        self._store = Store(database_url)
        self.short_links = ShortLinks(self._store)
        self._live = live
        self._recent: OrderedDict[str, Session] = OrderedDict()
        self._held: dict[str, int] = {}  # the pages of each of them
        self._pages = 0
        # Whoever still holds a session that was evicted must meet the same object as the next who opens it:
        # two would each miss the other's operations and watchers.
        self._all: WeakValueDictionary[str, Session] = WeakValueDictionary()
        self._opening: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._threads = anyio.CapacityLimiter(limits.CONCURRENT_PLAYS)
        self._news: News | None = None
        self._expiry = Expiry(self._store, days)

    async def start(self) -> None:
        """Open the database, bringing its schema up to date. Raises StorageFailed."""
        await self._store.start()
        if self._store.shared:
            self._news = News(self._store, self._all, self.hearers)
            self._news.start()
        self._expiry.start()

    async def stop(self) -> None:
        """End the event streams, finish the writes under way, close the database."""
        self.close_streams()
        await self._expiry.stop()
        if self._news is not None:
            await self._news.stop()
        await self._store.stop()

    def close_streams(self) -> None:
        """End every watcher's event stream, so that the server can go down without waiting for them."""
        for session in list(self._all.values()):
            session.close()

    async def check(self) -> None:
        """Raise StorageFailed if the database does not answer."""
        await self._store.check()

    async def create(self, scenario_text: str, *, title: str = "", owner: str = "") -> Created:
        """Store a new session that begins with this scenario; `title` is for one that has none.

        `owner` is the secret of a browser, from which the edit key is derived; without one the key is a random one.

        Raises ScenarioError or LimitReached; then nothing is stored.
        """
        bounds.check_scenario(scenario_text)
        scenario = await self._parse(scenario_text)
        if title and not scenario.title and not scenario.preamble:
            scenario_text = f"title {title}\n{scenario_text}"
            scenario = await self._parse(scenario_text, "title")
        count = len(scenario.operations)
        bounds.check_operations(count)
        if may_weigh_much(scenario, scenario_text):
            await anyio.to_thread.run_sync(weigh, scenario, limiter=self._threads)
        cut = partial(log.cut, scenario_text, scenario)
        blocks = (
            cut() if count <= limits.INLINE_OPERATIONS else await anyio.to_thread.run_sync(cut, limiter=self._threads)
        )
        session_id, now = keys.new_id(), int(time.time())
        created = Created(session_id, keys.derived(owner, session_id) if owner else keys.new_key())
        head = Head(
            id=created.id,
            title=scenario.title,
            header=blocks.header,
            key_hash=keys.key_hash(created.edit_key),
            created=now,
            model=__version__,
            origin=count,
            used=now,
        )
        await self._store.create(head, blocks.operations)
        return created

    @property
    def in_memory(self) -> int:
        """How many sessions are in memory, used or not."""
        return len(self._all)

    @property
    def watchers(self) -> int:
        """How many event streams are open on this server."""
        return sum(session.watchers for session in list(self._all.values()))

    async def open(self, session_id: str, *, to_append: bool = False) -> Session:
        """The session, played from its log unless it is in memory. UnknownSession, DamagedLog, StorageFailed.

        With all that other servers did to it, as far as that is asked: `to_append` leaves out what they did last, which
        an append finds out by itself.
        """
        session = self._all.get(session_id)
        if session is None or session.gone:
            session = await self._load(session_id)
        elif self._store.shared and not to_append:
            await self._look_up(session)
        now = int(time.time())
        if now - session.used >= USED_TO:
            await self._use(session, now)
        self._keep(session)
        return session

    def _keep(self, session: Session) -> None:
        """Have the session in memory as the one used last; those that are too many or too large go."""
        self._recent[session.id] = session
        self._recent.move_to_end(session.id)
        pages, before = pages_held(session.timeline), self._held.get(session.id, 0)
        if pages != before:
            self._pages += pages - before
            self._held[session.id] = pages
        while len(self._recent) > self._live or (len(self._recent) > 1 and self._pages > limits.PAGES_IN_MEMORY):
            self._forget(next(iter(self._recent)))

    def _forget(self, session_id: str) -> None:
        if self._recent.pop(session_id, None) is not None:
            self._pages -= self._held.pop(session_id, 0)

    async def _look_up(self, session: Session) -> None:
        """Have what other servers did to the session: their news may arrive after the next request does."""
        with suppress(StorageFailed):  # what is here can be read on
            if session.heard((await self._store.last([session.id])).get(session.id, 0)):
                await session.refresh()

    async def _use(self, session: Session, now: int) -> None:
        """Have it known that the session is used. UnknownSession if it was deleted meanwhile."""
        session.used = now
        with suppress(StorageFailed):  # a database that takes no writes can be read
            if not await self._store.use(session.id, now):
                session.gone = True
                session.close()
                self._forget(session.id)
                raise UnknownSession(session.id)

    def _say(self, said: Said) -> None:
        if self._news is not None:
            self._news.say(said)

    async def _parse(self, text: str, source: str = "scenario") -> Scenario:
        if len(text) <= limits.INLINE_CHARACTERS:
            return parse(text, source)
        return await anyio.to_thread.run_sync(parse, text, source, limiter=self._threads)

    async def _load(self, session_id: str) -> Session:
        lock = self._opening.get(session_id) or asyncio.Lock()
        self._opening[session_id] = lock
        async with lock:
            session = self._all.get(session_id)
            if session is None or session.gone:
                session = self._all[session_id] = await self._load_alone(session_id)
            return session

    async def _load_alone(self, session_id: str) -> Session:
        head = await self._store.head(session_id) if keys.is_id(session_id) else None
        if head is None:
            raise UnknownSession(session_id)
        session = Session(head, self._store, self._threads, self.listeners, self.preparers, self._say)
        await session.load()
        return session
