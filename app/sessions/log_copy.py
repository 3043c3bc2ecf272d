"""The copy of a session's log that is kept in memory: read, played, and grown with what is stored."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeVar

import anyio
import anyio.to_thread

from app import limits
from app.scenario import MachineSpec, Operation, ScenarioError, Step, Timeline, parse_line
from app.sessions import log
from app.sessions.errors import DamagedLog, UnknownSession
from app.sessions.played import played
from app.sessions.store import Head, SeqTaken, Store
from app.sessions.tree import Branch, Entry, Kind, Misfit, Tree
from app.sessions.weight import is_heavy, is_large, look_up

T = TypeVar("T")


class LogCopy:
    """What is in memory of a session, all of it played from the stored log. One task at a time may change it.

    `seq` is the number of operations on the branch that the session is on, and the last step there is to see. `used` is
    when the session was used last, in seconds since 1970 and to a day; one that is `gone` was deleted meanwhile.
    """

    def __init__(self, head: Head, store: Store, threads: anyio.CapacityLimiter) -> None:
        self.id = head.id
        self.created = head.created
        self.model = head.model
        self.damaged: DamagedLog | None = None
        self.timeline: Timeline
        self.spec: MachineSpec
        self.title = head.title
        self.tree: Tree
        self.used = head.used
        self.gone = False
        self._header = head.header
        self._head = head
        self._store = store
        self._threads = threads
        self._blocks: list[str] = []
        self._lines: list[str] = []
        self._known: dict[int, Operation] = {}
        self._characters = 0
        # `_stale`: what is in memory is in doubt. `_told`: the newest entry that we heard of; `_read`: the newest here.
        self._stale = False
        self._told = 0
        self._read = 0

    @property
    def seq(self) -> int:
        return len(self._blocks)

    def lines(self) -> list[tuple[int, str]]:
        """The operations from seq 1, each as the one line it was written as."""
        return list(enumerate(self._lines, 1))

    def scenario_text(self, step: int | None = None) -> str:
        """The whole session as scenario text, comments included, up to and with `step`."""
        text = self._text()
        return log.join(text.header, text.operations[:step])

    def branches(self) -> list[Branch]:
        """The other branches, the newest first."""
        return self.tree.branches()

    def branch_lines(self, branch: Branch, most: int) -> list[str]:
        """The first few operations of a branch that the current one does not have, a line each."""
        return [log.last_line(text) for text in self.tree.texts(self.tree.own(branch)[:most])]

    def heard(self, at: int) -> bool:
        """Take note that the log has an entry `at`; whether that is news, so that the next look reads it first."""
        self._told = max(self._told, at)
        return self._told > self._read

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

    def _checked(self, step: int | None) -> int:
        if step is None:
            return self.seq
        if not 0 <= step <= self.seq:
            raise ValueError(f"step {step} of a session with {self.seq}")
        return step

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
