"""A session as text in the browser: the page to edit it on, what is wrong with the text, and what may come next."""

from __future__ import annotations

from functools import partial

import anyio.to_thread
from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from app import limits
from app.scenario import MachineSpec, ScenarioError, parse, problems
from app.scenario.complete import LONGEST_LINE, complete, used_in
from app.sessions import Session, SessionError
from app.web.forms import form_of
from app.web.pages import NO_STORE
from app.web.problems import problem_of
from app.web.security import presented_key
from app.web.views.render import component, render
from app.web.views.textpage import TextPage, page_of, rows_of
from app.web.views.trouble import Trouble

router = APIRouter(include_in_schema=False)
# Operations that are looked at for numbers to suggest.
RECENT = 500


@router.get("/s/{id}/text")
async def text_page(request: Request, id: str) -> HTMLResponse:  # noqa: A002 - the path says id
    """The session as text, to be edited by who may."""
    session: Session = await request.app.state.sessions.open(id)
    return _page(page_of(session, session.scenario_text(), mine=_mine(request, session)))


@router.post("/s/{id}/text")
async def save_text(request: Request, id: str) -> Response:  # noqa: A002
    """Put the text in the place of the log; a text that cannot be read comes back with what is wrong beside it."""
    session: Session = await request.app.state.sessions.open(id)
    text = await _sent(request)
    try:
        await session.rewrite(text, edit_key=presented_key(request, session))
    except ScenarioError:
        found = await _problems(request, text)
        return _page(page_of(session, text, mine=_mine(request, session), problems=found), 422)
    except SessionError as error:
        problem = problem_of(error)
        trouble = Trouble(f"{problem.title}.", problem.detail, "", problem.advice)
        return _page(page_of(session, text, mine=_mine(request, session), trouble=trouble), problem.status)
    return RedirectResponse(f"/s/{id}", 303)


@router.post("/s/{id}/text/check")
async def check_text(request: Request, id: str) -> HTMLResponse:  # noqa: A002
    """What is wrong with a text, as the list that stands beside it."""
    await request.app.state.sessions.open(id)
    found = await _problems(request, await _sent(request))
    return HTMLResponse(component("textpage", "problems", rows_of(found)), headers=NO_STORE)


@router.get("/s/{id}/complete")
async def complete_line(request: Request, id: str, line: str = "", machine: str = "") -> JSONResponse:  # noqa: A002
    """What may come next in a line up to the cursor; `machine` is the machine line of a text that is being edited."""
    session: Session = await request.app.state.sessions.open(id)
    spec = session.spec
    if machine:
        try:
            spec = parse(machine[:LONGEST_LINE], "machine").machine
        except ScenarioError:
            spec = MachineSpec()
    found = complete(line, spec, used=used_in(session.timeline.ops[-RECENT:]))
    options = [[each.text, each.says] for each in found.suggestions]
    return JSONResponse({"start": found.start, "options": options}, headers=NO_STORE)


async def _sent(request: Request) -> str:
    text = (await form_of(request)).get("scenario", "")
    return text.replace("\r\n", "\n") if isinstance(text, str) else ""


async def _problems(request: Request, text: str) -> tuple[ScenarioError, ...]:
    if len(text) <= limits.INLINE_CHARACTERS:
        return problems(text)
    return await anyio.to_thread.run_sync(partial(problems, text), limiter=request.app.state.players)


def _mine(request: Request, session: Session) -> bool:
    return session.may_edit(presented_key(request, session)) and session.damaged is None


def _page(page: TextPage, status: int = 200) -> HTMLResponse:
    return HTMLResponse(render("text.html", page=page), status, NO_STORE)
