"""Imports under way and done: one at a time on a thread, watched by asking, stopped when nobody asks any more."""

from __future__ import annotations

import asyncio
import logging
import shutil
import tempfile
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import anyio
import anyio.to_process
import anyio.to_thread

from app import limits
from app.exchange.imports.pieces import CannotImport, Options
from app.exchange.imports.result import Import
from app.exchange.imports.run import run
from app.exchange.imports.source import Cancelled, Source
from app.exchange.imports.window import Room, Window, window
from app.scenario.work import Allowance, Allowed, TooMuch
from app.sessions import keys

logger = logging.getLogger(__name__)
WAITING, RUNNING, DONE, STOPPED, REFUSED = "waiting", "running", "done", "stopped", "refused"
# The line that loads the machine's state is one more.
ROOM = Room(limits.IMPORT_WINDOW + 1, characters=limits.SESSION_CHARACTERS)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be imported: the file is `input` in `directory`, and becomes `steps` beside it.

    A large one is read by a process of its own, as a thread would take turns with the event loop: it is told and tells
    by files in that directory.
    """

    directory: Path
    title: str
    form: str
    options: Options

    @property
    def input(self) -> Path:
        return self.directory / "input"

    @property
    def wanted(self) -> Path:
        """Touched when somebody looks; gone, or old, when nobody wants the import any more."""
        return self.directory / "wanted"

    @property
    def progress(self) -> Path:
        """Holds the bytes read so far."""
        return self.directory / "progress"


@dataclass(slots=True)
class Job:
    """An import: `phase` is waiting, running, done, stopped or refused; `error` says why it was refused.

    `charge` is told the work that it took; `opened` are the sessions that were started from it, by their first step.
    """

    id: str
    asked: Asked
    charge: Callable[[int], None]
    phase: str = WAITING
    size: int = 1
    imported: Import | None = None
    error: CannotImport | None = None
    opened: dict[int, tuple[str, Window]] = field(default_factory=dict)
    task: asyncio.Task[None] | None = field(default=None, repr=False)

    @property
    def read(self) -> int:
        """Bytes read so far."""
        try:
            return int(self.asked.progress.read_text() or 0)
        except OSError:
            return 0


class Imports:
    """The last few imports of this process, each with a directory of its own until it is forgotten."""

    def __init__(self) -> None:
        self._limiter = anyio.CapacityLimiter(limits.CONCURRENT_IMPORTS)
        self._known: OrderedDict[str, Job] = OrderedDict()

    @asynccontextmanager
    async def place(self) -> AsyncIterator[Path]:
        """A new directory for an upload, which is gone again where that fails."""
        directory = Path(tempfile.mkdtemp(prefix="giclab-import-"))
        try:
            yield directory
        except BaseException:
            shutil.rmtree(directory, ignore_errors=True)
            raise

    def start(self, asked: Asked, charge: Callable[[int], None]) -> Job:
        """Import what was uploaded; with more than are kept, the one not looked at for longest is forgotten."""
        job = Job(keys.new_id(), asked, charge, size=max(1, asked.input.stat().st_size))
        asked.wanted.touch()
        self._known[job.id] = job
        while len(self._known) > limits.IMPORTS_KEPT:
            self._forget(self._known.popitem(last=False)[1])
        job.task = asyncio.create_task(self._run(job))
        return job

    def look(self, id: str) -> Job | None:  # noqa: A002 - the path says id
        """The import, which somebody still wants; None where it is not known here."""
        job = self._known.get(id)
        if job is not None:
            if job.phase in (WAITING, RUNNING):
                job.asked.wanted.touch()
                job.phase = RUNNING if job.asked.progress.exists() else WAITING
            self._known.move_to_end(id)
        return job

    def stop(self, job: Job) -> None:
        """Nobody wants it any more."""
        job.asked.wanted.unlink(missing_ok=True)
        if job.phase in (WAITING, RUNNING):
            job.phase = STOPPED

    async def wait(self, job: Job, seconds: float | None = None) -> None:
        """Until the import is over, or so long."""
        if job.task is not None:
            await asyncio.wait([job.task], timeout=seconds)

    async def window(self, job: Job, first: int) -> Window:
        """The part of a finished import that begins at a step."""
        assert job.imported is not None
        return await anyio.to_thread.run_sync(partial(window, job.imported, first, ROOM), limiter=self._limiter)

    async def close(self) -> None:
        """End what is under way and remove every directory."""
        jobs = list(self._known.values())
        for job in jobs:
            self.stop(job)
        for job in jobs:
            await self.wait(job)
            self._forget(job)
        self._known.clear()

    def _forget(self, job: Job) -> None:
        self.stop(job)
        if job.task is None or job.task.done():
            shutil.rmtree(job.asked.directory, ignore_errors=True)

    async def _run(self, job: Job) -> None:
        try:
            if job.size > limits.IMPORT_THREAD_BYTES:
                done = await anyio.to_process.run_sync(_work, job.asked, limiter=self._limiter)
            else:
                done = await anyio.to_thread.run_sync(_work, job.asked, limiter=self._limiter)
            job.charge(done.worked)
            if job.phase != STOPPED:
                job.phase, job.imported, job.error = DONE if done.imported else REFUSED, done.imported, done.error
        except Cancelled:
            job.phase = STOPPED
        except Exception:
            logger.exception("an import failed")
            job.phase = REFUSED
            job.error = CannotImport("the import met a fault of giclab's own", "The server's log has the reason.")
        finally:
            job.asked.input.unlink(missing_ok=True)
            if job.phase != DONE:
                shutil.rmtree(job.asked.directory, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class _Done:
    imported: Import | None
    error: CannotImport | None
    worked: int


def _work(asked: Asked) -> _Done:
    """Runs on a thread or in a process of its own. Raises Cancelled."""
    if not _report(asked, 0):
        raise Cancelled
    source = Source(asked.input, limits.IMPORT_BYTES)
    report = partial(_report, asked)
    allowance = Allowance(limits.IMPORT_WORK, limits.PAGES_PER_REQUEST)
    try:
        with Allowed(allowance):
            imported = run(
                source, asked.directory / "steps", asked.options,
                form=asked.form, title=asked.title, report=report, most_steps=limits.IMPORT_STEPS,
            )  # fmt: skip
        return _Done(imported, None, allowance.worked)
    except TooMuch as error:
        return _Done(None, CannotImport(str(error), "Import a part of it."), allowance.worked)
    except CannotImport as error:
        return _Done(None, error, allowance.worked)


def _report(asked: Asked, read: int) -> bool:
    """Tell how far it is; whether somebody still wants it."""
    try:
        asked.progress.write_text(str(read))
        return time.time() - asked.wanted.stat().st_mtime < limits.IMPORT_ABANDONED_SECONDS
    except FileNotFoundError:
        return False
