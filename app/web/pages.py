"""The pages: home, the explorer of a session, a scenario in a link, and the making of sessions."""

from __future__ import annotations

import re
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import anyio
import anyio.to_thread
from fastapi import APIRouter, FastAPI, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app import limits
from app.gic import IMPLEMENTATIONS
from app.scenario import Line, MachineSpec, Scenario, ScenarioError, Timeline, format_scenario, parse
from app.scenario.scenario import line_operation
from app.sessions import LimitReached, Session, Sessions
from app.web.alone import part_alone, with_elsewhere
from app.web.dropped import text_of
from app.web.elsewhere import Elsewhere
from app.web.forms import form_of
from app.web.habits import habits, remember
from app.web.opened import Openings
from app.web.problems import Problem
from app.web.security import presented_key, start_in_browser
from app.web.views import explorer
from app.web.views.branches import history
from app.web.views.home import home, machine_text
from app.web.views.live import Live, counts
from app.web.views.look import Look, look_from
from app.web.views.render import partial as partial_html
from app.web.views.render import render
from app.web.views.room import Room, strip_of
from app.web.views.stage import PlayedStage, SessionStage, Stage, played
from app.web.views.trouble import Trouble, trouble_of_line
from app.web.views.words import UNTITLED

router = APIRouter(include_in_schema=False)
NO_STORE = {"Cache-Control": "no-store", "Vary": "HX-Request"}
PLAYS_KEPT = 32
LEADS_OUT = re.compile(r'<a (?=[^>]*href="/(?![xls]/))')
# What htmx may ask for alone, by element id.
PARTS = frozenset(
    {"app", "inspector", "found", "why", "way", "choices", "p-lpis", "p-devices", "p-collections", "p-memory"}
)


class Plays:
    """Scenarios that are only played, the last few of them kept."""

    def __init__(self, limiter: anyio.CapacityLimiter) -> None:
        self._kept: OrderedDict[tuple[str, str], tuple[tuple[int, int], Timeline]] = OrderedDict()
        self._limiter = limiter

    async def get(self, key: str, scenario: Scenario, implementation: str, end: int = 0) -> Timeline:
        """The scenario on an implementation; `key` names it, and one of the same key with another end replaces it."""
        count = len(scenario.operations)
        if count > limits.OPERATIONS_PER_SESSION:
            most = limits.OPERATIONS_PER_SESSION
            raise LimitReached("OPERATIONS_PER_SESSION", most, f"{count} operations are too many")
        known = self._kept.get((key, implementation))
        if known is None or known[0] != (count, end):
            work = partial(played, scenario, implementation)
            timeline = await anyio.to_thread.run_sync(work, limiter=self._limiter)
            known = self._kept[key, implementation] = ((count, end), timeline)
        self._kept.move_to_end((key, implementation))
        while len(self._kept) > PLAYS_KEPT or (len(self._kept) > 1 and self._pages() > limits.PAGES_IN_MEMORY):
            self._kept.popitem(last=False)
        return known[1]

    def _pages(self) -> int:
        return sum(timeline.effort.pages for _, timeline in self._kept.values())


def install(app: FastAPI) -> None:
    """Put the pages into the app, and the watchers' updates onto its sessions."""
    from app.web import fragments, text, travel

    app.state.live = Live()
    app.state.plays = Plays(app.state.players)
    app.state.elsewhere = Elsewhere(app.state.players)
    app.state.sessions.preparers.append(app.state.live.prepare)
    app.state.sessions.listeners.append(app.state.live.on_step)
    app.state.sessions.hearers.append(app.state.live.on_said)
    app.include_router(router)
    app.include_router(fragments.router)
    app.include_router(travel.router)
    app.include_router(text.router)


@router.get("/")
async def first_page(request: Request) -> HTMLResponse:
    return await _first_page(request)


async def _first_page(request: Request, trouble: Trouble | None = None, typed: str = "") -> HTMLResponse:
    # The first one compiles a register map, which takes a moment.
    shown = await anyio.to_thread.run_sync(home)
    days = request.app.state.settings.session_days
    html = render("home.html", home=shown, trouble=trouble, typed=typed, session_days=days)
    return HTMLResponse(html, 422 if trouble else 200)


@router.post("/sessions")
async def start_session(request: Request) -> Response:
    """Start a session: an empty machine, a scenario's text, or a copy of a link or a session up to a step.

    Form fields: `implementation`, `cpus`, `lpi_bits`; or `scenario`; or one of `payload`, `slug`, `session`, with
    `step` and `on`; or `text` and `file` of the first page, of which a file that was chosen counts.
    """
    form = await form_of(request)
    given = {name: value for name, value in form.items() if isinstance(value, str)}
    if "text" in form:
        return await open_text(request, await text_of(form))
    payload, slug, session = (given.get(name, "") for name in ("payload", "slug", "session"))
    scenario, step, on = (given.get(name, "") for name in ("scenario", "step", "on"))
    sessions: Sessions = request.app.state.sessions
    openings: Openings = request.app.state.openings
    if payload:
        found = (await openings.payload(payload)).scenario
        text = await openings.beside(partial(copied, found, step, on))
    elif slug:
        found = (await openings.slug(request, slug)).scenario
        text = await openings.beside(partial(copied, found, step, on))
    elif session:
        opened = await sessions.open(session)
        found = await openings.parsed(opened.scenario_text(), "session")
        text = await openings.beside(partial(copied, found, step, on))
    elif scenario.strip():
        text = scenario.replace("\r\n", "\n")
    else:
        text = machine_text(given)
        parse(text, "machine")
    return await _started(request, text, title="" if payload or slug or session else UNTITLED)


async def open_text(request: Request, text: str) -> Response:
    """A session of a scenario's text; what cannot be read is told beside the form, which keeps it."""
    try:
        if not text.strip():
            raise ScenarioError("there is nothing to open", expected="a scenario: lines such as read GICD_TYPER")
        return await _started(request, text, title=UNTITLED)
    except ScenarioError as error:
        trouble = trouble_of_line(error, "open")
        where = f" Line {error.line}." if error.line else ""
        typed = text if len(text) <= limits.INLINE_CHARACTERS else ""
        return await _first_page(request, replace(trouble, headline=f"{trouble.headline}{where}"), typed)


async def _started(request: Request, text: str, title: str) -> Response:
    created, give_cookie = await start_in_browser(request, text, title=title)
    response = RedirectResponse(f"/s/{created.id}", 303)
    give_cookie(response)
    return response


@router.get("/s/{id}")
async def session_page(request: Request, id: str) -> HTMLResponse:  # noqa: A002 - the path says id
    session = await request.app.state.sessions.open(id)
    look = look_from(f"/s/{id}", {**habits(request), **request.query_params})
    return await show_session(request, session, look)


async def play_of(request: Request, key: str, scenario: Scenario, implementation: str, end: int = 0) -> Timeline:
    """The scenario played on an implementation; see Plays.get."""
    found: Timeline = await request.app.state.plays.get(key, scenario, implementation, end)
    return found


async def show_session(
    request: Request,
    session: Session,
    look: Look,
    trouble: Trouble | None = None,
    typed: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """The explorer of a session; `trouble` and `typed` are a refused form's message and content."""
    look = known_implementation(look)
    stage = await _stage(request, session, look)
    own = session.spec.implementation
    if trouble is None and (html := await part_alone(request, part_asked_for(request), stage, look, own)) is not None:
        return part_answer(request, html)
    page, room = await _session_page(request, session, stage, look, typed or {})
    if asks_elsewhere(request):
        page = await with_elsewhere(request, page, stage, own)
    return answer(request, page, room, trouble, typed or {})


async def app_fragment(request: Request, session: Session, look: Look) -> str:
    """The whole explorer of a session as one fragment: for who acted in the past and is taken elsewhere."""
    look = known_implementation(look)
    page, room = await _session_page(request, session, await _stage(request, session, look), look, {})
    return partial_html("#app", _html("app", page, room), "outerMorph show:none")


async def _stage(request: Request, session: Session, look: Look) -> Stage:
    """The session as itself, or played on the implementation that the look asks for."""
    stage = SessionStage(session)
    if not look.on or look.on == session.spec.implementation:
        return stage
    scenario = await request.app.state.openings.parsed(session.scenario_text(), "session")
    timeline = await request.app.state.plays.get(session.id, scenario, look.on, session.tree.here)
    return PlayedStage(stage.base, stage.title, timeline)


async def _session_page(
    request: Request, session: Session, stage: Stage, look: Look, typed: Mapping[str, str]
) -> tuple[explorer.Page, Room]:
    live: Live = request.app.state.live
    own = session.spec.implementation
    after = session.last_event_id()
    mine = (
        session.may_edit(presented_key(request, session)) and session.damaged is None and not look.on and not look.embed
    )
    page = await explorer.page_of(
        stage, look, may_write=mine, choices=explorer.choices_of(own, look), typed=dict(typed)
    )
    now, total = page.shared.dock.now, page.shared.dock.total
    room = Room(
        live=True,
        mine=mine,
        share=f"{look.base}/share{look.query()}",
        fork="Fork",
        session=session.id,
        strip=str(session.damaged or "") or strip_of(look, now, total, own, mine=mine, stored=True),
        newest="" if look.step is None and not look.on else look.link(step=None, on=""),
        # A page that is only updated has its event stream already.
        watching=max(1, live.room(session).watchers + (not part_asked_for(request))),
        after=after,
        actor=secrets.token_urlsafe(9),
        events=f"{look.base}/events",
        presented=live.room(session).presenter.place,
        history=history(session),
    )
    return page, room


def answer(
    request: Request,
    page: explorer.Page,
    room: Room,
    trouble: Trouble | None = None,
    typed: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """The whole page, or the one part of it that htmx asks for."""
    part = part_asked_for(request) if trouble is None else ""
    html = _html(part, page, room, trouble, typed or {})
    response = HTMLResponse(html, 422 if trouble else 404 if page.unknown else 200, NO_STORE)
    remember(request, response)
    return response


def part_answer(request: Request, html: str) -> HTMLResponse:
    """A part that was made alone."""
    response = HTMLResponse(html, headers=NO_STORE)
    remember(request, response)
    return response


def asks_elsewhere(request: Request) -> bool:
    """Whether a whole page is to have the register on every implementation: a script asks for that afterwards."""
    return request.query_params.get("elsewhere") == "on" and not part_asked_for(request)


def _html(
    part: str, page: explorer.Page, room: Room, trouble: Trouble | None = None, typed: Mapping[str, str] | None = None
) -> str:
    html = render(
        "part.html" if part in PARTS else "embed.html" if page.look.embed else "explorer.html",
        part=part,
        page=page,
        room=room,
        counts=counts(page.shared),
        trouble=trouble,
        typed=typed or {},
    )
    return out_of_frame(html) if page.look.embed else html


def out_of_frame(html: str) -> str:
    """The page with its links to others opening outside of the frame, where those may be shown."""
    return LEADS_OUT.sub('<a target="_blank" ', html)


def part_asked_for(request: Request) -> str:
    """The id of the element that the answer is for, "" for a whole page."""
    if request.headers.get("hx-request") != "true" or request.headers.get("hx-history-restore-request"):
        return ""
    return request.headers.get("hx-target", "").partition("#")[2]


def copied(scenario: Scenario, step: str, on: str) -> str:
    """The scenario's text up to a step, perhaps for another implementation."""
    if on and on not in IMPLEMENTATIONS:
        raise Problem(422, "invalid-request", "No such implementation", f"There is no {on[:40]!r}.", _known())
    wanted = int(step) if step.isdigit() and len(step) < 8 else None
    lines: list[Line] = []
    count = 0
    for line in scenario.lines:
        if line_operation(line) is not None:
            count += 1
            if wanted is not None and count > wanted:
                break
        if on and isinstance(line.content, MachineSpec):
            line = replace(line, content=line.content.on(on))
        lines.append(line)
    if on and not any(isinstance(line.content, MachineSpec) for line in lines):
        lines.insert(0, Line(scenario.machine.on(on)))
    return format_scenario(replace(scenario, lines=tuple(lines), preamble=""))


def known_implementation(look: Look) -> Look:
    """The look, if it asks for an implementation that there is."""
    if look.on and look.on not in IMPLEMENTATIONS:
        raise Problem(404, "invalid-request", "No such implementation", f"There is no {look.on!r}.", _known())
    return look


def _known() -> str:
    return f"Known: {', '.join(IMPLEMENTATIONS)}."
