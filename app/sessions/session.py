"""One session: its machine after any step, who may change it and how, and who is watching."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeAlias, TypeVar

import anyio

from app import limits
from app.gic import Machine
from app.scenario import Step, parse
from app.sessions import bounds, keys, log, moves
from app.sessions.broadcast import RELOAD, Broadcast, Watch
from app.sessions.errors import NotYours, StorageFailed
from app.sessions.log_copy import LogCopy
from app.sessions.moves import Change
from app.sessions.news import Said
from app.sessions.store import Head, SeqTaken, Store
from app.sessions.tree import Entry, Kind
from app.sessions.weight import is_large, look_up, may_weigh_much, weigh

logger = logging.getLogger(__name__)
T = TypeVar("T")
Listener: TypeAlias = Callable[["Session", Step, str], None]
PAGE_CHANNEL = "page"
# Where somebody writes through another process without a pause, each is first every second time; to be last so often
# in a row, half a second long, is a fault.
APPEND_TRIES = 50


class Session(LogCopy):
    """A session in memory; get one from `Sessions.open`.

    The machine of a step comes from `machine()`, which waits for an operation under way, so nobody sees one that is not
    stored yet. `turns` counts how often the session went elsewhere: what was kept of a step is good within one turn.
    """

    def __init__(
        self,
        head: Head,
        store: Store,
        threads: anyio.CapacityLimiter,
        listeners: Sequence[Listener],
        preparers: Sequence[Listener],
        say: Callable[[Said], None],
    ) -> None:
        super().__init__(head, store, threads)
        self.turns = 0
        self._listeners = listeners
        self._preparers = preparers
        self._say = say
        self._lock = asyncio.Lock()
        self._channels: dict[str, Broadcast] = {}

    @property
    def watchers(self) -> int:
        """How many event streams of this session are open on this server."""
        return sum(channel.watchers for channel in self._channels.values())

    def may_edit(self, edit_key: str | None) -> bool:
        return keys.fits(edit_key, self._head.key_hash)

    async def machine(self, step: int | None = None) -> Machine:
        """The machine after `step` (None: the newest; else 0 to `seq`). Good until the next await: it may be reused."""
        async with self._lock:
            await self._refresh()
            wanted = self._checked(step)
            if is_large(self.timeline):
                return await self._in_thread(lambda: look_up(self.timeline.at(wanted)))
            if wanted == self.seq:
                return self.timeline.at(wanted)
            return await self._in_thread(partial(self.timeline.at, wanted))

    async def look(self, see: Callable[[Machine], T], step: int | None = None) -> T:
        """What `see` makes of the machine after `step`, on a worker thread: for views that may take long."""
        async with self._lock:
            await self._refresh()
            wanted = self._checked(step)
            return await self._in_thread(lambda: see(self.timeline.at(wanted)))

    async def step(self, seq: int) -> Step:
        """What operation `seq` (1 to `self.seq`) did."""
        async with self._lock:
            await self._refresh()
            if not 1 <= seq <= self.seq:
                raise ValueError(f"operation {seq} of a session with {self.seq}")
            if self.timeline.remembers(seq):
                return self.timeline.step(seq)
            return await self._in_thread(partial(self.timeline.step, seq))

    async def steps(self, first: int, last: int) -> list[Step]:
        """What the operations `first` to `last` did, both included: played in one go."""
        async with self._lock:
            await self._refresh()
            if not 1 <= first <= last <= self.seq:
                raise ValueError(f"operations {first} to {last} of a session with {self.seq}")
            return await self._in_thread(lambda: [self.timeline.step(seq) for seq in range(first, last + 1)])

    async def append(self, line: str, *, edit_key: str | None, actor: str = "", after: int | None = None) -> Step:
        """Do one operation: parsed, played, stored, and only then seen by anybody.

        After step `after` (None: the newest); what came after that step is kept as a branch. Raises NotYours,
        ScenarioError, LimitReached, DamagedLog or StorageFailed, ValueError if there is no such step; then nothing has
        changed. `actor` is the tab that asks: it gets the answer, and therefore no event.
        """
        self._check_key(edit_key)
        async with self._lock:
            for _ in range(APPEND_TRIES):
                await self._refresh()
                operation = await self._parsed(line)
                at = self._checked(after)
                forks = at < self.seq or self.tree.redone() is not None
                self._check_room(line, forks=forks)
                self._check_effort(at)
                try:
                    step = await self._play_and_store(line, operation, at)
                except SeqTaken:
                    continue
                if forks:
                    self._turned(actor)
                await self._tell(step, actor)
                return step
        raise _always_taken()

    async def move(self, change: Change, *, edit_key: str | None, actor: str = "") -> None:
        """Go where a change leads, `moves.undo` and its like; what was there is kept as a branch.

        Raises what the change raises, and NotYours, LimitReached, DamagedLog or StorageFailed as `append` does.
        """
        self._check_key(edit_key)
        async with self._lock:
            for _ in range(APPEND_TRIES):
                await self._refresh()
                if self.damaged is not None:
                    raise self.damaged
                entries = change(self.tree)
                if not entries:
                    return
                bounds.check_log(self.tree, self._characters, entries)
                if any(entry.kind in (Kind.OPERATION, Kind.HEAD) for entry in entries):
                    bounds.check_fork(self.tree)
                self._stale = True
                try:
                    await self._store.append(self.id, *entries)
                except SeqTaken:
                    self._stale = False
                    self.heard(entries[0].seq)
                    continue
                await self._follow(entries)
                self._turned(actor)
                return
        raise _always_taken()

    async def rewrite(self, text: str, *, edit_key: str | None, actor: str = "") -> None:
        """Put this scenario in the place of the current branch, which is kept. Raises as `append` does.

        As far as the texts agree the branches are one. Raises ScenarioError if the text cannot be read.
        """
        self._check_key(edit_key)
        bounds.check_scenario(text)
        scenario = parse(text) if len(text) <= limits.INLINE_CHARACTERS else await self._in_thread(partial(parse, text))
        bounds.check_operations(len(scenario.operations))
        if may_weigh_much(scenario, text):
            await self._in_thread(partial(weigh, scenario))
        blocks = log.cut(text, scenario)
        await self.move(lambda tree: moves.rewrite(tree, self._text(), blocks), edit_key=edit_key, actor=actor)

    async def rename(self, title: str, *, edit_key: str | None, actor: str = "") -> None:
        """Give what is on view another title, "" for none. Raises as `rewrite` does."""
        self._check_key(edit_key)
        words = " ".join(title.split())
        wanted = parse(f"title {words}\n", "title").title if words else ""
        if wanted != self.title:
            await self.move(lambda tree: moves.rename(tree, wanted), edit_key=edit_key, actor=actor)

    def watch(self, last_event_id: int | None, actor: str, *, channel: str = PAGE_CHANNEL) -> Watch:
        """The channel's events after `last_event_id` (None: from now on), those not for tab `actor` left out.

        An event named `reload` says that some are lost: look again at everything. LimitReached: too many watch.
        """
        return self._channel(channel).watch(last_event_id, actor)

    def last_event_id(self, *, channel: str = PAGE_CHANNEL) -> int:
        """What a page that shows the newest step gives `watch`, to miss nothing until its event stream is open."""
        return self._channel(channel).last_id

    def publish(
        self, event_name: str, data: str | Callable[[], str], *, not_to: str = "", channel: str = PAGE_CHANNEL
    ) -> None:
        """Tell the channel's watchers; `data` as a function is called only if there are any."""
        self._channel(channel).publish(event_name, data, not_to=not_to)

    def publish_everywhere(self, event_name: str, data: str, *, not_to: str = "", channel: str = PAGE_CHANNEL) -> None:
        """Tell the channel's watchers on all servers. It is kept nowhere: one that comes later does not learn of it."""
        self.publish(event_name, data, not_to=not_to, channel=channel)
        self._say(Said(self.id, channel, event_name, data, not_to))

    async def refresh(self) -> None:
        """Read what others have appended, and tell the watchers. Raises DamagedLog or StorageFailed."""
        async with self._lock:
            await self._refresh()

    def close(self) -> None:
        """End all event streams."""
        for channel in self._channels.values():
            channel.close()

    async def _refresh(self) -> None:
        if not self._stale and self._told <= self._read:
            return
        known, last, told = list(self.tree.path), self.tree.last, self._told
        undone = self.tree.redone() is not None
        if self._stale or self.damaged is not None:
            await self.load()
        else:
            await self._read_on()
        if self._told == told:  # what is not there although we were told of it will not come
            self._told = self._read
        path = self.tree.path
        new = range(len(known), len(path))
        grew = not undone and path[: len(known)] == known and self.tree.last - last == len(new)
        if grew and len(new) <= limits.INLINE_OPERATIONS:
            for step in await self._in_thread(lambda: [self.timeline.step(seq) for seq in new]) if new else ():
                await self._tell(step, "")
        else:
            self._turned("")

    def _check_key(self, edit_key: str | None) -> None:
        if not self.may_edit(edit_key):
            raise NotYours(given=bool(edit_key))

    def _check_room(self, line: str, *, forks: bool) -> None:
        if self.damaged is not None:
            raise self.damaged
        bounds.check_line(line, self._blocks, self._characters)
        bounds.check_log(self.tree, self._characters, [Entry(0, line)])
        if forks:
            bounds.check_fork(self.tree)

    def _check_effort(self, at: int) -> None:
        if at == self.seq:
            bounds.check_effort(self.timeline.effort)

    def _turned(self, actor: str) -> None:
        self.turns += 1
        for channel in self._channels.values():
            channel.publish(RELOAD, "", not_to=actor)

    async def _tell(self, step: Step, actor: str) -> None:
        if is_large(self.timeline):
            try:
                await self._in_thread(partial(self._prepare, step, actor))
            except asyncio.CancelledError:
                self._turned("")
                raise
        for listener in self._listeners:
            try:
                listener(self, step, actor)
            except Exception:
                # The operation is stored and must be answered; whoever watches is told to look again.
                logger.exception("a listener failed at step %d", step.seq)
                for channel in self._channels.values():
                    channel.publish(RELOAD, "")

    def _prepare(self, step: Step, actor: str) -> None:
        for preparer in self._preparers:
            with suppress(Exception):  # it fails again for the listener that it prepares for
                preparer(self, step, actor)

    def _channel(self, name: str) -> Broadcast:
        channel = self._channels.get(name)
        if channel is None:
            channel = self._channels[name] = Broadcast()
        return channel


def _always_taken() -> StorageFailed:
    return StorageFailed(
        "Somebody else keeps changing this session at the same moment. Nothing was changed; try again."
    )
