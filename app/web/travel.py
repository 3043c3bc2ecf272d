"""Going elsewhere on the page: undo, redo, resets, other branches; and calling a session otherwise."""

from __future__ import annotations

from html import escape

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.scenario import ScenarioError
from app.sessions import Session, SessionError, moves
from app.sessions.moves import Change
from app.web.forms import form_of
from app.web.habits import habits
from app.web.pages import NO_STORE, app_fragment
from app.web.problems import Problem, problem_of
from app.web.security import presented_key
from app.web.views.look import look_from
from app.web.views.render import component, partial
from app.web.views.trouble import Trouble, trouble_of_line
from app.web.views.words import UNTITLED

router = APIRouter(include_in_schema=False)
MOVES: dict[str, Change] = {
    "undo": moves.undo,
    "redo": moves.redo,
    "restart": moves.restart,
    "power-on": moves.power_on,
}


@router.post("/s/{id}/move")
async def move(request: Request, id: str) -> Response:  # noqa: A002 - the path says id
    """Go where the button says, and show the newest step there."""
    session: Session = await request.app.state.sessions.open(id)
    form = await form_of(request)
    scripted = request.headers.get("hx-request") == "true"
    actor = str(form.get("actor", "")) if scripted else ""
    look = look_from(f"/s/{id}", {**habits(request), "tab": str(form.get("tab", ""))})
    try:
        await session.move(_change(str(form.get("do", ""))), edit_key=presented_key(request, session), actor=actor)
    except SessionError as error:
        if not scripted:
            raise
        problem = problem_of(error)
        trouble = Trouble(f"{problem.title}.", problem.detail, "", problem.advice)
        says = partial("#history-says", component("atoms", "problem", trouble), "innerHTML")
        return HTMLResponse(says, problem.status, NO_STORE)
    if not scripted:
        return RedirectResponse(look.link(), 303)
    headers = {**NO_STORE, "HX-Replace-Url": look.link()}
    return HTMLResponse(await app_fragment(request, session, look), headers=headers)


@router.post("/s/{id}/title")
async def rename(request: Request, id: str) -> Response:  # noqa: A002
    """Call the session otherwise. Who asked gets the title alone; who watches looks again at everything."""
    session: Session = await request.app.state.sessions.open(id)
    form = await form_of(request)
    scripted = request.headers.get("hx-request") == "true"
    actor = str(form.get("actor", "")) if scripted else ""
    try:
        await session.rename(str(form.get("title", "")), edit_key=presented_key(request, session), actor=actor)
    except (SessionError, ScenarioError) as error:
        if not scripted:
            raise
        problem = problem_of(error)
        trouble = Trouble(f"{problem.title}.", problem.detail, "", problem.advice)
        if isinstance(error, ScenarioError):
            trouble = trouble_of_line(error, "title")
        return HTMLResponse(component("atoms", "problem", trouble), problem.status, NO_STORE)
    look = look_from(f"/s/{id}", request.query_params)
    if not scripted:
        return RedirectResponse(look.link(), 303)
    title = session.title or UNTITLED
    named = partial("#named", component("bar", "named", title, look, True, True), "outerHTML")
    return HTMLResponse(f"<title>{escape(title)} · giclab</title>{named}", headers=NO_STORE)


def _change(wanted: str) -> Change:
    """The move that a button's value names: undo, or switch and drop with a branch."""
    if wanted in MOVES:
        return MOVES[wanted]
    verb, _, branch = wanted.partition(" ")
    if verb in ("switch", "drop") and branch.isdigit() and len(branch) < 10:
        number = int(branch)
        return lambda tree: (moves.switch if verb == "switch" else moves.drop)(tree, number)
    known = ", ".join((*MOVES, "switch BRANCH", "drop BRANCH"))
    raise Problem(422, "invalid-request", "No such move", f"There is no {wanted[:40]!r}.", f"Known: {known}.")
