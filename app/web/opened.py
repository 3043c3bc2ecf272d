"""Scenarios opened to be looked at: from links and sessions, read off the event loop, the last few kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import anyio
import anyio.to_thread
from fastapi import Request

from app import __version__, limits
from app.scenario import Scenario, ScenarioError, links, parse
from app.scenario.links import Link
from app.scenario.parse import preamble_length
from app.scenario.record import Drift, Record, drift, record
from app.sessions import LimitReached

KEPT = 16
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Opened:
    """A scenario on view. `base` is the path of its page, `slug` of its short link, `drift` what it does otherwise."""

    base: str
    link: Link
    scenario: Scenario
    slug: str = ""
    drift: Drift | None = None


class UnreadableLink(ScenarioError):
    """A link that is whole, with a scenario that this giclab cannot read; as a ScenarioError it says why."""

    def __init__(self, link: Link, error: ScenarioError) -> None:
        super().__init__(
            error.problem,
            source=error.source,
            line=error.line,
            column=error.column,
            expected=error.expected,
            nearest=error.nearest,
            text=error.text,
        )
        self.link = link


class Openings:
    """Opens links and sessions; what takes long is done in worker threads, and kept for the next click."""

    def __init__(self, limiter: anyio.CapacityLimiter) -> None:
        self._limiter = limiter
        self._opened: OrderedDict[str, Opened] = OrderedDict()
        self._records: OrderedDict[str, Record] = OrderedDict()

    async def payload(self, payload: str) -> Opened:
        """A link's payload. Raises LinkError, UnreadableLink or LimitReached."""
        return await self._open(f"/x/{payload}", payload)

    async def slug(self, request: Request, slug: str) -> Opened:
        """A short link. Raises UnknownShortLink too."""
        base = f"/l/{slug}"
        if base in self._opened:
            return self._opened[base]
        found = await request.app.state.sessions.short_links.get(slug)
        return await self._open(base, found.payload, found.slug)

    async def parsed(self, text: str, source: str = "scenario") -> Scenario:
        """A scenario's text. Raises ScenarioError or LimitReached."""
        work = partial(read, text, source)
        return work() if len(text) <= limits.INLINE_CHARACTERS else await self.beside(work)

    async def record(self, scenario: Scenario) -> Record:
        """What comes of the scenario on this giclab."""
        key = await self.beside(partial(links.shortest, scenario))
        known = self._records.get(key)
        if known is None:
            known = await self.beside(partial(record, scenario, __version__))
        _keep(self._records, key, known)
        return known

    async def beside(self, work: Callable[[], T]) -> T:
        """Do beside the event loop what goes through a whole scenario, which may be long."""
        return await anyio.to_thread.run_sync(work, limiter=self._limiter)

    async def _open(self, base: str, payload: str, slug: str = "") -> Opened:
        opened = self._opened.get(base)
        if opened is None:
            # What a short payload unpacks to may be long all the same.
            opened = await self.beside(partial(_open, base, payload, slug))
        _keep(self._opened, base, opened)
        return opened


def read(text: str, source: str) -> Scenario:
    """Parse a text that is to be played: one with more operations than may be is refused before it is read."""
    most = limits.OPERATIONS_PER_SESSION
    rows = text.split("\n")
    count = sum(bool(row.strip()) and row.lstrip()[0] != "#" for row in rows[preamble_length(rows, source) :])
    if count > most + 2:
        raise LimitReached("OPERATIONS_PER_SESSION", most, f"{count - 2} operations are too many")
    return parse(text, source)


def _open(base: str, payload: str, slug: str) -> Opened:
    link = links.unpack(payload)
    try:
        scenario = read(link.text, "link")
    except ScenarioError as error:
        raise UnreadableLink(link, error) from error
    found = None if link.record is None else drift(scenario, link.record, record(scenario, __version__))
    return Opened(base, link, scenario, slug, found)


def _keep(kept: OrderedDict[str, T], key: str, value: T) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > KEPT:
        kept.popitem(last=False)
