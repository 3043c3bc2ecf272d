"""The register reference: `/registers` lists and finds, `/registers/{name}` tells all about one."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.gic import IMPLEMENTATIONS
from app.web.problems import Problem
from app.web.views.reference import LONGEST_NAME, Unknown, canonical, element, field_of, register_page
from app.web.views.reference_index import REFERENCE, SHOWS, index, register_address
from app.web.views.render import render

router = APIRouter(include_in_schema=False)
# The pages change with the program only, but their address does not name its version.
HEADERS = {"Cache-Control": "no-cache", "Vary": "HX-Request, HX-Target"}
LIST = "list"
On = Annotated[str, Query(max_length=64)]


@router.get("/registers")
async def registers(
    request: Request, on: On = "", q: str = "", show: Annotated[str, Query(max_length=16)] = ""
) -> HTMLResponse:
    """All registers of an implementation, or what was looked for; htmx asks for the list alone."""
    work = partial(index, _implementation(on), q.strip()[:LONGEST_NAME], show if show in SHOWS else "")
    page = await anyio.to_thread.run_sync(work, limiter=request.app.state.players)
    template = "reference/found.html" if _part(request) == LIST else "reference/index.html"
    return HTMLResponse(render(template, page=page), headers=HEADERS)


@router.get("/registers/{name}")
async def register(
    request: Request, name: str, on: On = "", n: Annotated[int | None, Query(ge=0, le=9999)] = None
) -> Response:
    """One register; `n` leads to another element of its array, other spellings of the name to its page."""
    work = partial(_register, name[:LONGEST_NAME], _implementation(on), n)
    return await anyio.to_thread.run_sync(work, limiter=request.app.state.players)


def _register(name: str, on: str, number: int | None) -> Response:
    known = canonical(name, on)
    if number is not None and not isinstance(known, Unknown):
        known = element(known, number)
    if isinstance(known, Unknown):
        return HTMLResponse(render("reference/unknown.html", page=known), 404, HEADERS)
    if known != name or number is not None:
        return RedirectResponse(register_address(known, on, field_of(name, on)), 307, HEADERS)
    return HTMLResponse(render("reference/register.html", page=register_page(name, on)), headers=HEADERS)


def _implementation(on: str) -> str:
    """The implementation on view, "" for the architecture. Raises Problem for one that there is not."""
    if on and on not in IMPLEMENTATIONS:
        known = f"Known: {', '.join(IMPLEMENTATIONS)}."
        raise Problem(404, "invalid-request", "No such implementation", f"There is no {on!r}.", known)
    return "" if on == REFERENCE else on


def _part(request: Request) -> str:
    """The id of the element that htmx wants the answer for."""
    if request.headers.get("hx-request") != "true" or request.headers.get("hx-history-restore-request"):
        return ""
    return request.headers.get("hx-target", "").partition("#")[2]
