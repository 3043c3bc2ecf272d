"""A session's log, or the scenario in a link, on every implementation side by side."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Annotated, TypeVar

import anyio
import anyio.to_thread
from fastapi import APIRouter, FastAPI, Query, Request
from starlette.responses import HTMLResponse

from app.engines.compare import Comparison, compare
from app.engines.model import LIVE_QEMU
from app.engines.observed import recordings
from app.engines.qtest import QemuError, program
from app.gic import IMPLEMENTATIONS
from app.registers import IMPLEMENTATION_NAMES
from app.scenario import Scenario
from app.sessions import Session
from app.settings import Settings
from app.web.play import check_length
from app.web.problems import Problem
from app.web.rates import Kind, rates_of
from app.web.views.compare import Shown, compare_page
from app.web.views.render import render
from app.web.views.words import UNTITLED

router = APIRouter(include_in_schema=False)
T = TypeVar("T")
NO_STORE = {"Cache-Control": "no-store"}
KEPT = 8
LONGEST_NAME = 32
Name = Annotated[str, Query(max_length=LONGEST_NAME)]


class Comparisons:
    """Plays comparisons in worker threads and keeps the last few; at most one real QEMU runs at a time."""

    def __init__(self, limiter: anyio.CapacityLimiter, settings: Settings) -> None:
        self.may_be_live = settings.live_qemu and program() is not None
        self._limiter = limiter
        self._qemu = anyio.CapacityLimiter(1)
        self._kept: OrderedDict[tuple[str, str], Comparison] = OrderedDict()

    async def get(self, scenario: Scenario, text: str, reference: str) -> Comparison:
        """The scenario on all implementations; `text` is the scenario's, to know it again."""
        key = (text, reference)
        known = self._kept.get(key)
        if known is None:
            work = partial(compare, scenario, IMPLEMENTATION_NAMES, reference=reference)
            known = self._kept[key] = await anyio.to_thread.run_sync(work, limiter=self._limiter)
        self._kept.move_to_end(key)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return known

    async def live(self, scenario: Scenario, reference: str) -> Comparison:
        """The same with a real QEMU beside them. Raises QemuError."""
        names = (*IMPLEMENTATION_NAMES, LIVE_QEMU)
        return await self.beside_qemu(partial(compare, scenario, names, reference=reference))

    async def beside_qemu(self, work: Callable[[], T]) -> T:
        """Work that starts a real QEMU, in a thread, while no other one runs."""
        async with self._qemu:
            return await anyio.to_thread.run_sync(work)


def install(app: FastAPI) -> None:
    """Put the pages into the app."""
    app.state.comparisons = Comparisons(app.state.players, app.state.settings)
    app.include_router(router)


@router.get("/s/{id}/compare")
async def compare_session(
    request: Request,
    id: str,  # noqa: A002 - the path says id
    reference: Annotated[str, Query(alias="with", max_length=LONGEST_NAME)] = "",
    rows: Name = "",
    step: Annotated[int | None, Query(ge=0)] = None,
    live: Name = "",
) -> HTMLResponse:
    """A session so far."""
    session: Session = await request.app.state.sessions.open(id)
    text = session.scenario_text()
    scenario = await request.app.state.openings.parsed(text, "session")
    return await _page(request, f"/s/{id}", scenario, text, reference, rows, step, live, session.title)


@router.get("/x/{payload}/compare")
async def compare_link(
    request: Request,
    payload: str,
    reference: Annotated[str, Query(alias="with", max_length=LONGEST_NAME)] = "",
    rows: Name = "",
    step: Annotated[int | None, Query(ge=0)] = None,
    live: Name = "",
) -> HTMLResponse:
    """A scenario in a link; nothing is stored."""
    scenario = (await request.app.state.openings.payload(payload)).scenario
    return await _page(request, f"/x/{payload}", scenario, payload, reference, rows, step, live, scenario.title)


async def _page(
    request: Request,
    base: str,
    scenario: Scenario,
    text: str,
    reference: str,
    rows: str,
    step: int | None,
    live: str,
    title: str,
) -> HTMLResponse:
    comparisons: Comparisons = request.app.state.comparisons
    if reference and reference not in IMPLEMENTATIONS:
        known = f"Known: {', '.join(IMPLEMENTATIONS)}."
        raise Problem(404, "invalid-request", "No such implementation", f"There is no {reference!r}.", known)
    wants_live = live == "1" and comparisons.may_be_live
    check_length(scenario, live=wants_live)
    shown = Shown(base, step, reference, rows == "differences", wants_live, comparisons.may_be_live)
    chosen = reference or IMPLEMENTATION_NAMES[0]
    trouble = ""
    if wants_live:
        rates_of(request).take(request, Kind.LIVE_QEMU)
        try:
            told = await comparisons.live(scenario, chosen)
        except QemuError as error:
            trouble = str(error)
            told = await comparisons.get(scenario, text, chosen)
    else:
        told = await comparisons.get(scenario, text, chosen)
    html = render(
        "compare/page.html",
        page=compare_page(told, shown, recordings(scenario)),
        title=title or told.title or UNTITLED,
        trouble=trouble,
    )
    return HTMLResponse(html, headers=NO_STORE)
