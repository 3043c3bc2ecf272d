"""Searches through restore orders: one at a time on a thread, watched by asking, stopped when nobody asks any more."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import partial

import anyio
import anyio.to_thread

from app import limits
from app.gic import Machine
from app.scenario import MachineSpec
from app.scenario.laboratory import Plan
from app.scenario.orders import Found, Progress, Stopped, TooMany, search

logger = logging.getLogger(__name__)
NOTHING = Progress(0, 1, 0)


@dataclass(slots=True)
class State:
    """A search: `phase` is waiting, running, done, stopped or refused; `words` say why it was refused."""

    phase: str = "waiting"
    progress: Progress = NOTHING
    found: Found | None = None
    words: str = ""
    asked: float = 0.0
    wanted: bool = True
    task: asyncio.Task[None] | None = field(default=None, repr=False)


class Searches:
    """The last few searches of this process, by the address that asks for them."""

    def __init__(self) -> None:
        self._limiter = anyio.CapacityLimiter(limits.CONCURRENT_SEARCHES)
        self._known: OrderedDict[str, State] = OrderedDict()

    def ask(self, key: str, machine: Machine, spec: MachineSpec, plan: Plan, *, move_all: bool) -> None:
        """Somebody wants the result: start the search if it is not known, go on with it if it is."""
        state = self._known.get(key)
        if state is None or state.phase == "stopped":
            state = self._known[key] = State()
            work = partial(
                search, machine, spec, plan, limits.ORDER_SEARCH_SLOTS, partial(_report, state), move_all=move_all
            )
            state.task = asyncio.create_task(self._run(state, work))
        state.asked = time.monotonic()
        self._known.move_to_end(key)
        while len(self._known) > limits.SEARCHES_KEPT:
            self._known.popitem(last=False)[1].wanted = False

    def stop(self, key: str) -> None:
        """Nobody wants it any more."""
        state = self._known.get(key)
        if state is not None and state.phase in ("waiting", "running"):
            state.wanted = False
            state.phase = "stopped"

    def state(self, key: str) -> State:
        return self._known.get(key, State("stopped"))

    async def _run(self, state: State, work: partial[Found]) -> None:
        try:
            state.found = await anyio.to_thread.run_sync(work, limiter=self._limiter)
            state.phase = "done"
        except Stopped:
            state.phase = "stopped"
        except TooMany as error:
            state.phase, state.words = "refused", str(error)
        except Exception:
            logger.exception("a search through restore orders failed")
            state.phase, state.words = "refused", "The search failed; the server's log has the reason"


def _report(state: State, progress: Progress) -> bool:
    """Called on the search's thread."""
    state.progress = progress
    if state.phase == "waiting":
        state.phase = "running"
    return state.wanted and time.monotonic() - state.asked < limits.SEARCH_ABANDONED_SECONDS
