"""The discussion of 2019 as experiments, played on every implementation."""

from __future__ import annotations

import anyio
import anyio.to_thread
from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from app.web.views.render import render
from app.web.views.thread import thread

router = APIRouter(include_in_schema=False)


@router.get("/thread")
async def thread_page(request: Request) -> HTMLResponse:
    # The first one plays some hundred scenarios.
    claims = await anyio.to_thread.run_sync(thread, limiter=request.app.state.players)
    return HTMLResponse(render("laboratory/thread.html", claims=claims))
