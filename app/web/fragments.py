"""Actions and what they change: operations in, fragments out; and the event stream of the page."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from starlette.datastructures import FormData
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from app import limits
from app.scenario import ScenarioError
from app.sessions import LimitReached, NotYours, Session, SessionError
from app.web.forms import form_of
from app.web.habits import habits
from app.web.pages import NO_STORE, app_fragment, known_implementation, show_session
from app.web.problems import Problem, problem_of
from app.web.security import presented_key
from app.web.sse import event_stream, refused_stream
from app.web.views import explorer
from app.web.views.inspector import Inspector
from app.web.views.inspector_parts import changed_parts
from app.web.views.lines import lines_of
from app.web.views.live import Live
from app.web.views.look import Look, look_from
from app.web.views.meaning import meaning_line
from app.web.views.onview import inspector_of
from app.web.views.render import component, partial
from app.web.views.stage import SessionStage
from app.web.views.trouble import Trouble, trouble_of_line

router = APIRouter(include_in_schema=False)
CHANNEL = "page"
PLACES = {"register": "register", "its": "its", "poke": "poke", "meaning": "poke"}
FROM_THE_WAY = "way"


@router.post("/s/{id}/ops")
async def act(request: Request, id: str) -> Response:  # noqa: A002 - the path says id
    """One operation, as a line or as a form's fields. Answers with what changed; without htmx, back to the page."""
    session: Session = await request.app.state.sessions.open(id)
    form = _texts(await form_of(request))
    place = FROM_THE_WAY if form.get("at") else PLACES.get(form.get("kind", ""), "console")
    scripted = request.headers.get("hx-request") == "true"
    if form.get("kind") == "its" and form.get("do") == "choose":
        look = look_from(f"/s/{id}", {**request.query_params, "command": form.get("command", "")})
        return RedirectResponse(f"{look.link()}#its", 303)
    asked = {**habits(request), **request.query_params}
    look = look_from(f"/s/{id}", {**asked, "register": form.get("register", "")})
    turns = session.turns
    try:
        actor = form.get("actor", "") if scripted else ""
        done = await _append_all(session, form, presented_key(request, session), actor, look.step)
    except ScenarioError as error:
        trouble = trouble_of_line(error, place)
        return await _refused(request, session, form, trouble, 422)
    except SessionError as error:
        problem = problem_of(error)
        trouble = Trouble(f"{problem.title}.", problem.detail, "", problem.advice, place)
        return await _refused(request, session, form, trouble, problem.status)
    if not scripted:
        return RedirectResponse(look_from(f"/s/{id}", {**request.query_params, "step": ""}).link(), 303)
    if look.step is not None or turns != session.turns:
        newest = replace(look, step=None, tab=form.get("tab", look.tab), way=form.get("way", look.way))
        headers = {**NO_STORE, "HX-Replace-Url": newest.link()}
        html = await app_fragment(request, session, newest)
        return HTMLResponse(html + _console_emptied(form, look.base), headers=headers)
    return HTMLResponse(await _changes(request, session, form, done), headers=NO_STORE)


@router.get("/s/{id}/events")
async def follow(request: Request, id: str) -> Response:  # noqa: A002
    """The updates of the page as they happen."""
    session: Session = await request.app.state.sessions.open(id)
    actor = request.query_params.get("actor", "")[:64]
    try:
        stream = event_stream(request, session, CHANNEL)
    except (LimitReached, Problem) as error:
        return refused_stream(problem_of(error).detail)
    return Followed(request.app.state.live, session, actor, stream)


@router.post("/s/{id}/present")
async def present(request: Request, id: str) -> Response:  # noqa: A002
    """The tab `actor` of who may write presents: it looks at the query `at`; with `do=stop` it no longer presents."""
    session: Session = await request.app.state.sessions.open(id)
    key = presented_key(request, session)
    if not session.may_edit(key):
        raise NotYours(given=bool(key))
    form = _texts(await form_of(request))
    presenter = request.app.state.live.room(session).presenter
    actor = form.get("actor", "")[:64]
    if form.get("do") == "stop":
        presenter.stop(session, actor)
    else:
        query = dict(parse_qsl(form.get("at", "")[: limits.PRESENTER_PLACE_CHARACTERS].removeprefix("?")))
        presenter.show(session, actor, known_implementation(look_from(f"/s/{id}", query)))
    return Response(status_code=204, headers=NO_STORE)


class Followed(Response):
    """An event stream that is counted: the other pages show how many watch."""

    def __init__(self, live: Live, session: Session, actor: str, stream: Response) -> None:
        super().__init__()
        self.live = live
        self.session = session
        self.actor = actor
        self.stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        streaming = asyncio.create_task(self.stream(scope, receive, send))
        # The stream watches from its first turn on. Told before that, it would count as gone and be sent to reload.
        await asyncio.sleep(0)
        self.live.joined(self.session, self.actor)
        try:
            await streaming
        finally:
            self.live.left(self.session, self.actor)
            streaming.cancel()


async def _append_all(
    session: Session, form: Mapping[str, str], key: str | None, actor: str, after: int | None
) -> list[int]:
    """Do the form's operations one after the other, from step `after` on; the numbers of their steps."""
    after = None if after is None else min(after, session.seq)
    machine = await session.machine(after)

    def peek(name: str) -> int:
        place = machine.map.find(name)
        return machine.peek(place.register, place.cpu or 0)

    lines = (meaning_line(form, machine),) if form.get("kind") == "meaning" else lines_of(form, machine.map, peek)
    done: list[int] = []
    for line in lines:
        step = await session.append(line, edit_key=key, actor=actor, after=after)
        done.append(step.seq)
        after = None
    return done


async def _changes(request: Request, session: Session, form: Mapping[str, str], done: Sequence[int]) -> str:
    """The fragments of the steps for the tab that asked, its inspector included."""
    live: Live = request.app.state.live
    look = replace(look_from(f"/s/{session.id}", habits(request)), register=form.get("register", ""))
    before = live.values_before(session)
    shown = await inspector_of(SessionStage(session), look, may_write=True, before=before)
    old = live.inspected(session, look, shown, form.get("shown", ""))
    parts = [_inspector(old, shown, look), _console_emptied(form, look.base)]
    return "".join([*parts, *(live.update(session, seq) for seq in done)])


def _inspector(old: Inspector | None, new: Inspector, look: Look) -> str:
    """The inspector for a tab that shows `old`: what changed of it, else the whole."""
    if old is not None and (parts := changed_parts(old, new)) is not None:
        return component("inspector", "changed", new, parts, old.step).strip()
    return partial("#inspector", component("inspector", "inspector", new, explorer.form_of(look)), "outerHTML")


def _console_emptied(form: Mapping[str, str], base: str) -> str:
    """The console without the line that was taken from it."""
    return partial("#con", component("timeline", "input", base), "outerHTML") if form.get("kind") == "console" else ""


async def _refused(
    request: Request, session: Session, form: Mapping[str, str], trouble: Trouble, status: int
) -> HTMLResponse:
    """The message next to its cause; without htmx the whole page with it, the input kept."""
    if request.headers.get("hx-request") == "true":
        return HTMLResponse(component("atoms", "problem", trouble), status, NO_STORE)
    query = {
        **habits(request),
        **request.query_params,
        "register": form.get("register", request.query_params.get("register", "")),
    }
    if trouble.where == "poke":
        query["tab"] = "memory"
    page = await show_session(request, session, look_from(f"/s/{session.id}", query), trouble, form)
    page.status_code = status
    return page


def _texts(form: FormData) -> dict[str, str]:
    """The text fields; of one that is sent twice, the last."""
    return {name: value for name, value in form.multi_items() if isinstance(value, str)}
