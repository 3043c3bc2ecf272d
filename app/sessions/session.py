"""One session: its log, the machine played from it, who may change it and who is watching."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeAlias, TypeVar

import anyio
import anyio.to_thread

from app import limits
from app.gic import Machine
from app.scenario import MachineSpec, Operation, ScenarioError, Step, Timeline, parse, parse_line
from app.sessions import bounds, keys, log, moves
from app.sessions.broadcast import RELOAD, Broadcast, Watch
from app.sessions.errors import DamagedLog, NotYours, StorageFailed, UnknownSession
from app.sessions.moves import Change
from app.sessions.news import Said
from app.sessions.played import played
from app.sessions.store import Head, SeqTaken, Store
from app.sessions.tree import Branch, Entry, Kind, Misfit, Tree
from app.sessions.weight import is_heavy, is_large, look_up, may_weigh_much, weigh

logger = logging.getLogger(__name__)
T = TypeVar("T")
Listener: TypeAlias = Callable[["Session", Step, str], None]
PAGE_CHANNEL = "page"
# Where somebody writes through another process without a pause, each is first every second time; to be last so often
# in a row, half a second long, is a fault.
APPEND_TRIES = 50


class Session:
    """A session in memory; get one from `Sessions.open`. Everything in it is played from the stored log.

    `seq` is the number of operations on the branch that the session is on, and the last step there is to see. The
    machine of a step comes from `machine()`, which waits for an operation under way, so nobody sees one that is not
    stored yet. `turns` counts how often the session went elsewhere: what was kept of a step is good within one turn.
    `used` is when it was used last, in seconds since 1970 and to a day; one that is `gone` was deleted meanwhile.
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
        self.id = head.id
        self.created = head.created
        self.model = head.model
        self.damaged: DamagedLog | None = None
        self.timeline: Timeline
        self.spec: MachineSpec
        self.title = head.title
        self.tree: Tree
        self.turns = 0
        self.used = head.used
        self.gone = False
        self._header = head.header
        self._head = head
        self._store = store
        self._threads = threads
        self._listeners = listeners
        self._preparers = preparers
        self._say = say
        self._blocks: list[str] = []
        self._lines: list[str] = []
        self._known: dict[int, Operation] = {}
        self._characters = 0
        self._lock = asyncio.Lock()
        self._channels: dict[str, Broadcast] = {}
        # `_stale`: what is in memory is in doubt. `_told`: the newest entry that we heard of; `_read`: the newest here.
        self._stale = False
        self._told = 0
        self._read = 0

    @property
    def seq(self) -> int:
        return len(self._blocks)

    @property
    def watchers(self) -> int:
        """How many event streams of this session are open on this server."""
        return sum(channel.watchers for channel in self._channels.values())

    def may_edit(self, edit_key: str | None) -> bool:
        return keys.fits(edit_key, self._head.key_hash)

    def lines(self) -> list[tuple[int, str]]:
        """The operations from seq 1, each as the one line it was written as."""
        return list(enumerate(self._lines, 1))

    def scenario_text(self, step: int | None = None) -> str:
        """The whole session as scenario text, comments included, up to and with `step`."""
        text = self._text()
        return log.join(text.header, text.operations[:step])

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

    def branches(self) -> list[Branch]:
        """The other branches, the newest first."""
        return self.tree.branches()

    def branch_lines(self, branch: Branch, most: int) -> list[str]:
        """The first few operations of a branch that the current one does not have, a line each."""
        return [log.last_line(text) for text in self.tree.texts(self.tree.own(branch)[:most])]

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

    def heard(self, at: int) -> bool:
        """Take note that the log has an entry `at`; whether that is news, so that the next look reads it first."""
        self._told = max(self._told, at)
        return self._told > self._read

    async def refresh(self) -> None:
        """Read what others have appended, and tell the watchers. Raises DamagedLog or StorageFailed."""
        async with self._lock:
            await self._refresh()

    def close(self) -> None:
        """End all event streams."""
        for channel in self._channels.values():
            channel.close()

    async def load(self) -> None:
        """Read the log and play it. Raises DamagedLog if not even the header can be read."""
        entries = await self._store.entries(self.id)
        self._read = entries[-1].seq if entries else 0
        found = await played(self._head, entries, self._in_thread)
        self.damaged = found.damaged
        self.spec = found.spec
        self.timeline = found.timeline
        self.tree = found.tree
        self.title = self._titled(found.title or self._head.title)
        self._header = found.header
        self._blocks, self._lines = found.blocks, found.lines
        self._known = dict(zip(found.tree.path[1:], found.operations, strict=False))
        self._characters = len(self._head.header) + sum(len(entry.text) for entry in entries)
        self._stale = False

    def _titled(self, title: str) -> str:
        return title if self.tree.title is None else self.tree.title

    def _text(self) -> log.Blocks:
        """What is on view as text, called as it is called now."""
        if self.tree.title is None:
            return log.Blocks(self._header, tuple(self._blocks))
        return log.titled(self._header, self._blocks, self.tree.title)

    async def _parsed(self, line: str) -> Operation:
        work = partial(parse_line, line, self.spec)
        return work() if len(line) <= limits.INLINE_CHARACTERS else await self._in_thread(work)

    async def _play_and_store(self, line: str, operation: Operation, at: int) -> Step:
        entry = Entry(self.tree.last + 1, line, self.tree.path[at])
        # Until the commit is known, what was played is in doubt: whatever goes wrong here, a cancelled request
        # included, the log decides, and the next one to look plays it again.
        self._stale = True
        timeline = self.timeline if at == self.seq else await self._in_thread(partial(self.timeline.fork, at))
        # The commands that the ITS has left are run by whatever comes next.
        if is_heavy(operation) or timeline.machine.its_unfinished or is_large(timeline):
            step = await self._in_thread(partial(_grown, timeline, operation))
        else:
            step = timeline.append(operation)
        try:
            await self._store.append(self.id, entry)
        except SeqTaken:
            if timeline is self.timeline:
                self.timeline = await self._in_thread(partial(timeline.fork, at))
            self._stale = False
            self.heard(entry.seq)
            raise
        self.timeline = timeline
        self.tree.add(entry)
        self._blocks[at:], self._lines[at:] = [line], [line.strip()]
        self._known[entry.seq] = operation
        self._characters += len(line)
        self._read = entry.seq
        self._stale = False
        return step

    async def _follow(self, entries: Sequence[Entry]) -> None:
        """Be where stored entries lead: on from the nearest step that is there, or all anew if they are not known."""
        before = list(self.tree.path)
        for entry in entries:
            self.tree.add(entry)
        self.title = self._titled(self.title)
        path = self.tree.path
        common = next((at for at, (old, new) in enumerate(zip(before, path, strict=False)) if old != new), None)
        common = min(len(before), len(path)) if common is None else common
        new = [self._known.get(seq) for seq in path[common:]]
        if not common or None in new:
            await self.load()
            return
        operations = [operation for operation in new if operation is not None]
        if len(path) > common or len(before) > common:
            await self._in_thread(partial(self._move_timeline, common - 1, operations))
        blocks = self.tree.texts(path[common:])
        self._blocks[common - 1 :] = blocks
        self._lines[common - 1 :] = [log.operation_line(*pair) for pair in zip(blocks, operations, strict=True)]
        self._characters += sum(len(entry.text) for entry in entries)
        self._read = entries[-1].seq
        self._stale = False

    def _move_timeline(self, common: int, operations: Sequence[Operation]) -> None:
        if common < len(self.timeline):
            self.timeline = self.timeline.fork(common)
        self.timeline.extend(operations)

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

    async def _read_on(self) -> None:
        """Play what others have appended on top of what is here, or all anew where that is not enough."""
        entries = await self._store.entries(self.id, after=self._read)
        if not entries:
            if await self._store.head(self.id) is None:
                self.gone = True
                raise UnknownSession(self.id)
            return
        self._stale = True
        for entry in entries:
            # A line after comments is left to `load`, which reads the whole text.
            if entry.kind == Kind.OPERATION and "\n" not in entry.text:
                with suppress(ScenarioError):
                    self._known[entry.seq] = await self._parsed(entry.text)
        try:
            await self._follow(entries)
        except Misfit:
            await self.load()

    def _checked(self, step: int | None) -> int:
        if step is None:
            return self.seq
        if not 0 <= step <= self.seq:
            raise ValueError(f"step {step} of a session with {self.seq}")
        return step

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

    async def _in_thread(self, work: Callable[[], T]) -> T:
        try:
            return await anyio.to_thread.run_sync(work, limiter=self._threads)
        except asyncio.CancelledError:
            # The thread cannot be stopped and goes on with this timeline: the next one to look takes a new one.
            self._stale = True
            raise


def _grown(timeline: Timeline, operation: Operation) -> Step:
    """Play one more operation, and look up what it left where that is much."""
    step = timeline.append(operation)
    if is_large(timeline):
        look_up(timeline.machine)
    return step


def _always_taken() -> StorageFailed:
    return StorageFailed(
        "Somebody else keeps changing this session at the same moment. Nothing was changed; try again."
    )
