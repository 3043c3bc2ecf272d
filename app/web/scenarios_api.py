"""The JSON API, /api/v1: scenarios played and packed into links. Only a short link is stored."""

from functools import partial
from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Body, Request
from starlette.responses import JSONResponse, Response

from app.engines.model import LIVE_QEMU
from app.scenario import links
from app.web import shapes
from app.web.api import AllSessions
from app.web.api import router as api
from app.web.description import Tag
from app.web.opened import Openings
from app.web.play import play
from app.web.rates import Kind, rates_of

router = APIRouter(prefix="/api/v1", tags=[Tag.SCENARIOS], responses=api.responses)


@router.post("/links", status_code=201, response_model=shapes.NewLinkAnswer)
async def create_link(request: Request, sessions: AllSessions, new: shapes.NewLink) -> JSONResponse:
    """Put a scenario into a link, with what comes of it; stores something only if a short link is asked for."""
    openings: Openings = request.app.state.openings
    scenario = await openings.parsed(new.scenario)
    view = {"register": new.register_}
    record = await openings.record(scenario)
    payload = await openings.beside(partial(links.pack, scenario, new.step, view, record))
    answer = {"link": f"/x/{payload}", "characters": len(payload) + 3, "operations": len(scenario.operations)}
    if new.short:
        rates_of(request).take(request, Kind.LINKS)
        alone = await openings.beside(partial(links.pack, scenario, record=record))
        kept = await sessions.short_links.keep(scenario, alone)
        answer["short"] = f"/l/{kept.slug}"
    return JSONResponse(answer, 201)


@router.post("/play", response_model=shapes.PlayAnswer)
async def play_scenario(request: Request, wanted: Annotated[shapes.PlayRequest, Body()]) -> Response:
    """Play a scenario on one implementation or several. Nothing is stored.

    `qemu:live` among them starts a real QEMU, where the server has one and its settings allow it.
    """
    return Response(await play_for(request, wanted), media_type="application/json")


async def play_for(request: Request, wanted: shapes.PlayRequest) -> bytes:
    """PlayAnswer, encoded. Raises what `play` does, and Problem (429) where this address had too much."""
    comparisons = request.app.state.comparisons
    work = partial(play, wanted.scenario, tuple(wanted.on), live=comparisons.may_be_live)
    if LIVE_QEMU in wanted.on and comparisons.may_be_live:
        rates_of(request).take(request, Kind.LIVE_QEMU)
        body: bytes = await comparisons.beside_qemu(work)
        return body
    return await anyio.to_thread.run_sync(work, limiter=request.app.state.players)
