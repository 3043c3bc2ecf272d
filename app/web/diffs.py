"""What differs between two machines, named by their addresses or sent as texts and files: as a page, and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, FastAPI, Query, Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from app import limits
from app.diff.json_ import as_dict
from app.diff.side import Compared, Sided, compared
from app.scenario.work import TooMuch
from app.web.addresses import LONGEST_ADDRESS, Found, address_of, machine_at
from app.web.api import router as api
from app.web.description import Tag
from app.web.diff_shapes import DiffAnswer
from app.web.forms import form_of
from app.web.given import Refused, address_in, given_in, side_of
from app.web.pages import NO_STORE
from app.web.problems import HANDLED, problem_of
from app.web.views.diff import DiffPage, diff_page, link
from app.web.views.diff_form import FormPage, Given, form_page, trouble_of
from app.web.views.render import render

pages = APIRouter(include_in_schema=False)
router = APIRouter(prefix="/api/v1", tags=[Tag.COMPARISON], responses=api.responses)
ADDRESS = "A session /s/ID or a link /x/… or /l/… of this site, with ?step= and ?on= where wanted; a whole URL too."
SideA = Annotated[str, Query(max_length=LONGEST_ADDRESS, description=ADDRESS, examples=["/s/ID?step=1"])]
SideB = Annotated[str, Query(max_length=LONGEST_ADDRESS, description=ADDRESS, examples=["/s/ID"])]
Typed = Annotated[str, Query(max_length=LONGEST_ADDRESS)]


def install(app: FastAPI) -> None:
    """Put the page and the API into the app."""
    app.include_router(pages)
    app.include_router(router)


@router.get("/diff", response_model=DiffAnswer)
async def diff_machines(request: Request, a: SideA, b: SideB) -> JSONResponse:
    """What differs between two machines: registers by field, LPIs, table entries, RAM. Nothing is stored."""
    one, other = await found(request, "query a", a), await found(request, "query b", b)
    return JSONResponse(as_dict(await differences(request, one.side, other.side)))


@pages.get("/diff")
async def diff_of_two(request: Request, a: Typed = "", b: Typed = "") -> HTMLResponse:
    """The same as a page; without both of them, the form that asks for them."""
    given = Given("a", a.strip()), Given("b", b.strip())
    if not (given[0].address and given[1].address):
        return await _form(request, given)
    return await _page(request, given)


@pages.post("/diff")
async def diff_of_given(request: Request) -> Response:
    """The same of what a form sends; two addresses have a page of their own, which others can be told of.

    Form fields of side a, and of b alike: `a` an address, `a_text` a text, `a_file` a file, `a_name` what the file was
    called that the text is from, `a_step` and `a_on` the step and the implementation.
    """
    form = await form_of(request)
    given = await given_in(form, "a"), await given_in(form, "b")
    if not all(each.address and not each.content for each in given):
        return await _page(request, given)
    try:
        one, other = (address_in(request, each) for each in given)
    except Refused:
        return await _page(request, given)
    return RedirectResponse(link(one.text, other.text), 303)


async def _page(request: Request, given: tuple[Given, Given]) -> HTMLResponse:
    """The comparison, or the form with what is wrong beside each field."""
    sides: list[Found] = []
    refused: dict[str, Refused] = {}
    for each in given:
        try:
            sides.append(await side_of(request, each))
        except Refused as error:
            refused[each.letter] = error
    if refused:
        return await _form(request, given, refused)
    try:
        told = await differences(request, *(each.side for each in sides))
    except TooMuch as error:
        if not any(each.content for each in given):
            raise
        problem = problem_of(error)
        form = form_page(*given, trouble=trouble_of(problem, "both"))
        return await _answer(request, "diff/form.html", form, given, problem.status)
    page = diff_page(told, sides[0], sides[1], form_page(*given))
    return await _answer(request, "diff/page.html", page, given)


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


async def _form(
    request: Request, given: tuple[Given, Given], refused: Mapping[str, Refused] | None = None
) -> HTMLResponse:
    wrong = refused or {}
    page = form_page(*given, {letter: error.troubles for letter, error in wrong.items()})
    first = next(iter(wrong.values()), None)
    if first is None:
        return await _answer(request, "diff/form.html", page, given)
    return await _answer(request, "diff/form.html", page, given, first.status, first.headers)


async def _answer(
    request: Request,
    template: str,
    page: DiffPage | FormPage,
    given: tuple[Given, Given],
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """The page, which has what was pasted again: a long one is made in a thread."""
    work = partial(render, template, page=page)
    short = sum(len(each.text) for each in given) <= limits.INLINE_CHARACTERS
    html = work() if short else await anyio.to_thread.run_sync(work, limiter=request.app.state.players)
    return HTMLResponse(html, status, {**NO_STORE, **(headers or {})})
