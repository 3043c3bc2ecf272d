"""One session: its log, the machine played from it, who may change it and who is watching."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias, TypeVar

import anyio
import anyio.to_thread

from app import limits
from app.gic import Machine
from app.scenario import MachineSpec, Operation, ScenarioError, Step, Timeline, parse_line
from app.sessions import keys, log
from app.sessions.broadcast import RELOAD, Broadcast, Watch
from app.sessions.errors import DamagedLog, LimitReached, NotYours, StorageFailed
from app.sessions.store import Head, SeqTaken, Store
from app.sessions.weight import is_heavy

logger = logging.getLogger(__name__)
T = TypeVar("T")
Listener: TypeAlias = Callable[["Session", Step, str], None]
PAGE_CHANNEL = "page"
# Another process can be faster once or twice; a session that is still behind after so many tries is a fault.
APPEND_TRIES = 5


class Session:
    """A session in memory; get one from `Sessions.open`. Everything in it is played from the stored log.

    `seq` is the last operation that is stored, and the last step there is to see. The machine of a step comes from
    `machine()`, which waits for an operation under way, so nobody sees one that is not stored yet.
    """

    def __init__(self, head: Head, store: Store, threads: anyio.CapacityLimiter, listeners: Sequence[Listener]) -> None:
        self.id = head.id
        self.created = head.created
        self.model = head.model
        self.damaged: DamagedLog | None = None
        self.timeline: Timeline
        self.spec: MachineSpec
        self._head = head
        self._store = store
        self._threads = threads
        self._listeners = listeners
        self._blocks: list[str] = []
        self._lines: list[str] = []
        self._characters = 0
        self._lock = asyncio.Lock()
        self._channels: dict[str, Broadcast] = {}
        self._stale = False

    @property
    def title(self) -> str:
        return self._head.title

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
        return log.join(self._head.header, self._blocks[:step])

    async def machine(self, step: int | None = None) -> Machine:
        """The machine after `step` (None: the newest; else 0 to `seq`). Good until the next await: it may be reused."""
        async with self._lock:
            await self._refresh()
            wanted = self._checked(step)
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
            if seq == self.seq:
                return self.timeline.step(seq)
            return await self._in_thread(partial(self.timeline.step, seq))

    async def append(self, line: str, *, edit_key: str | None, actor: str = "") -> Step:
        """Do one operation: parsed, played, stored, and only then seen by anybody.

        Raises NotYours, ScenarioError, LimitReached, DamagedLog or StorageFailed; then nothing has changed.
        `actor` is the tab that asks: it gets the answer, and therefore no event.
        """
        if not self.may_edit(edit_key):
            raise NotYours(given=bool(edit_key))
        operation = parse_line(line, self.spec)
        async with self._lock:
            for _ in range(APPEND_TRIES):
                await self._refresh()
                self._check_room(line)
                try:
                    step = await self._play_and_store(line, operation)
                except SeqTaken:
                    continue
                self._tell(step, actor)
                return step
        raise StorageFailed(
            "Somebody else keeps changing this session at the same moment. Nothing was changed; try again."
        )

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

    def close(self) -> None:
        """End all event streams."""
        for channel in self._channels.values():
            channel.close()

    async def load(self) -> None:
        """Read the log and play it. Raises DamagedLog if not even the header can be read."""
        rows = await self._store.lines(self.id)
        work = partial(_play, self._head, rows)
        readable, timeline = await self._in_thread(work) if len(rows) > limits.INLINE_OPERATIONS else work()
        operations = readable.scenario.operations
        self.damaged = DamagedLog(readable.broken_at, readable.reason) if readable.broken_at else None
        self.spec = readable.scenario.machine
        self.timeline = timeline
        self._blocks = [block for _, block in rows[: len(operations)]]
        self._lines = [log.operation_line(*pair) for pair in zip(self._blocks, operations, strict=True)]
        self._characters = len(self._head.header) + sum(map(len, self._blocks))
        self._stale = False

    async def _play_and_store(self, line: str, operation: Operation) -> Step:
        # Until the commit is known, what was played is in doubt: whatever goes wrong here, a cancelled request
        # included, the log decides, and the next one to look plays it again.
        self._stale = True
        if is_heavy(operation):
            step = await self._in_thread(partial(self.timeline.append, operation))
        else:
            step = self.timeline.append(operation)
        await self._store.append(self.id, self.seq + 1, line)
        self._blocks.append(line)
        self._lines.append(line.strip())
        self._characters += len(line)
        self._stale = False
        return step

    async def _refresh(self) -> None:
        if not self._stale:
            return
        known = self.seq
        await self.load()
        for seq in range(known + 1, self.seq + 1):
            self._tell(self.timeline.step(seq), "")

    def _checked(self, step: int | None) -> int:
        if step is None:
            return self.seq
        if not 0 <= step <= self.seq:
            raise ValueError(f"step {step} of a session with {self.seq}")
        return step

    def _check_room(self, line: str) -> None:
        if self.damaged is not None:
            raise self.damaged
        if self.seq >= limits.OPERATIONS_PER_SESSION:
            raise LimitReached(
                "OPERATIONS_PER_SESSION", limits.OPERATIONS_PER_SESSION, "This session has too many operations"
            )
        if self._characters + len(line) > limits.SESSION_CHARACTERS:
            raise LimitReached("SESSION_CHARACTERS", limits.SESSION_CHARACTERS, "This session has too much text")

    def _tell(self, step: Step, actor: str) -> None:
        for listener in self._listeners:
            try:
                listener(self, step, actor)
            except Exception:
                # The operation is stored and must be answered; whoever watches is told to look again.
                logger.exception("a listener failed at step %d", step.seq)
                for channel in self._channels.values():
                    channel.publish(RELOAD, "")

    def _channel(self, name: str) -> Broadcast:
        return self._channels.setdefault(name, Broadcast())

    async def _in_thread(self, work: Callable[[], T]) -> T:
        try:
            return await anyio.to_thread.run_sync(work, limiter=self._threads)
        except asyncio.CancelledError:
            # The thread cannot be stopped and goes on with this timeline: the next one to look takes a new one.
            self._stale = True
            raise


def _play(head: Head, rows: Sequence[tuple[int, str]]) -> tuple[log.Readable, Timeline]:
    """The log as far as it can be read, played. Raises DamagedLog if not even the header can be."""
    try:
        readable = log.read(head.header, rows, head.id)
    except ScenarioError as error:
        raise DamagedLog(0, error.message) from error
    operations = readable.scenario.operations
    timeline = Timeline(readable.scenario.machine, operations)
    if operations:
        timeline.step(len(operations))  # what is asked for first: have it ready
    return readable, timeline
