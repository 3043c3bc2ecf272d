"""What differs between two machines named by their addresses: as a page, and as JSON."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, FastAPI, Query, Request
from starlette.responses import HTMLResponse, JSONResponse

from app import limits
from app.diff.json_ import as_dict
from app.diff.side import Compared, Sided, compared
from app.web.addresses import LONGEST_ADDRESS, Found, address_of, machine_at
from app.web.api import router as api
from app.web.diff_shapes import DiffAnswer
from app.web.pages import NO_STORE
from app.web.problems import HANDLED, Problem, problem_of
from app.web.views.diff import Asked, diff_page, form_page
from app.web.views.render import render

pages = APIRouter(include_in_schema=False)
router = APIRouter(prefix="/api/v1", responses=api.responses)
ADDRESS = "A session /s/ID or a link /x/… or /l/… of this site, with ?step= and ?on= where wanted; a whole URL too."
Side = Annotated[str, Query(max_length=LONGEST_ADDRESS, description=ADDRESS, examples=["/s/ID?step=3"])]
Typed = Annotated[str, Query(max_length=LONGEST_ADDRESS)]


def install(app: FastAPI) -> None:
    """Put the page and the API into the app."""
    app.include_router(pages)
    app.include_router(router)


@router.get("/diff", response_model=DiffAnswer)
async def diff_machines(request: Request, a: Side, b: Side) -> JSONResponse:
    """What differs between two machines: registers by field, LPIs, table entries, RAM. Nothing is stored."""
    one, other = await found(request, "query a", a), await found(request, "query b", b)
    return JSONResponse(as_dict(await differences(request, one.side, other.side)))


@pages.get("/diff")
async def diff_of_two(request: Request, a: Typed = "", b: Typed = "") -> HTMLResponse:
    """The same as a page; without both of them, the form that asks for them."""
    asked = Asked(a.strip(), b.strip())
    if not (asked.a and asked.b):
        return _form(asked)
    troubles: list[Problem | None] = []
    sides: list[Found] = []
    for name, text in (("query a", asked.a), ("query b", asked.b)):
        try:
            sides.append(await found(request, name, text))
            troubles.append(None)
        except Problem as problem:
            troubles.append(problem)
    if any(troubles):
        return _form(asked, troubles[0], troubles[1])
    told = await differences(request, *(each.side for each in sides))
    html = render("diff/page.html", page=diff_page(told, *sides))
    return HTMLResponse(html, headers=NO_STORE)


async def found(request: Request, pointer: str, text: str) -> Found:
    """The machine that an address leads to; Problem, which has its place in the request (`pointer`), if to none."""
    try:
        return await machine_at(request, address_of(request, text, pointer))
    except HANDLED as error:
        problem = problem_of(error)
        which = {"errors": [{"pointer": pointer, "detail": problem.detail}]}
        raise replace(problem, members={**which, **problem.members}) from error


async def differences(request: Request, a: Sided, b: Sided) -> Compared:
    """The two compared, in a thread: both may have every LPI there is."""
    work = partial(compared, a, b, limits.DIFFERENCES_TOLD)
    return await anyio.to_thread.run_sync(work, limiter=request.app.state.players)


def _form(asked: Asked, a: Problem | None = None, b: Problem | None = None) -> HTMLResponse:
    first = a or b
    headers = {**NO_STORE, **(first.headers if first else {})}
    return HTMLResponse(render("diff/form.html", page=form_page(asked, a, b)), first.status if first else 200, headers)
