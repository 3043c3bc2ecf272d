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
import anyio.to_thread

from app import limits
from app.exchange.imports.pieces import CannotImport, Options
from app.exchange.imports.result import Import
from app.exchange.imports.run import run
from app.exchange.imports.source import Cancelled, Source
from app.exchange.imports.window import Room, Window, window
from app.scenario.work import Allowance, TooMuch, allowed
from app.sessions import keys

logger = logging.getLogger(__name__)
WAITING, RUNNING, DONE, STOPPED, REFUSED = "waiting", "running", "done", "stopped", "refused"
# The line that loads the machine's state is one more.
ROOM = Room(limits.IMPORT_WINDOW + 1, characters=limits.SESSION_CHARACTERS)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be imported: the file is `input` in `directory`, and becomes `steps` beside it.

    `charge` is told the work that it took.
    """

    directory: Path
    title: str
    form: str
    options: Options
    charge: Callable[[int], None]

    @property
    def input(self) -> Path:
        return self.directory / "input"


@dataclass(slots=True)
class Job:
    """An import: `phase` is waiting, running, done, stopped or refused; `error` says why it was refused.

    `opened` are the sessions that were started from it, by their first step.
    """

    id: str
    asked: Asked
    phase: str = WAITING
    read: int = 0
    size: int = 1
    imported: Import | None = None
    error: CannotImport | None = None
    looked: float = field(default_factory=time.monotonic)
    wanted: bool = True
    worked: int = 0
    opened: dict[int, tuple[str, Window]] = field(default_factory=dict)
    task: asyncio.Task[None] | None = field(default=None, repr=False)


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

    def start(self, asked: Asked) -> Job:
        """Import what was uploaded; with more than are kept, the one not looked at for longest is forgotten."""
        job = Job(keys.new_id(), asked, size=max(1, asked.input.stat().st_size))
        self._known[job.id] = job
        while len(self._known) > limits.IMPORTS_KEPT:
            self._forget(self._known.popitem(last=False)[1])
        job.task = asyncio.create_task(self._run(job))
        return job

    def look(self, id: str) -> Job | None:  # noqa: A002 - the path says id
        """The import, which somebody still wants; None where it is not known here."""
        job = self._known.get(id)
        if job is not None:
            job.looked = time.monotonic()
            self._known.move_to_end(id)
        return job

    def stop(self, job: Job) -> None:
        """Nobody wants it any more."""
        job.wanted = False
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
        work = partial(_work, job)
        try:
            job.imported = await anyio.to_thread.run_sync(work, limiter=self._limiter)
            job.phase = DONE if job.wanted else STOPPED
        except Cancelled:
            job.phase = STOPPED
        except CannotImport as error:
            job.phase, job.error = REFUSED, error
        except Exception:
            logger.exception("an import failed")
            job.phase = REFUSED
            job.error = CannotImport("the import met a fault of giclab's own", "The server's log has the reason.")
        finally:
            job.asked.charge(job.worked)
            job.asked.input.unlink(missing_ok=True)
            if job.phase != DONE:
                shutil.rmtree(job.asked.directory, ignore_errors=True)


def _work(job: Job) -> Import:
    if not job.wanted:
        raise Cancelled
    asked = job.asked
    source = Source(asked.input, limits.IMPORT_BYTES)
    report = partial(_report, job)
    steps = asked.directory / "steps"
    allowance = Allowance(limits.IMPORT_WORK, limits.PAGES_PER_REQUEST)
    try:
        with allowed(allowance):
            return run(
                source, steps, asked.options,
                form=asked.form, title=asked.title, report=report, most_steps=limits.IMPORT_STEPS,
            )  # fmt: skip
    except TooMuch as error:
        raise CannotImport(str(error), "Import a part of it.") from None
    finally:
        job.worked = allowance.worked


def _report(job: Job, read: int) -> bool:
    """Called on the import's thread."""
    job.read = read
    if job.phase == WAITING:
        job.phase = RUNNING
    return job.wanted and time.monotonic() - job.looked < limits.IMPORT_ABANDONED_SECONDS
