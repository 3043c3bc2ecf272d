"""Scenarios in links: `/x/{payload}` and `/l/{slug}` as pages, as files by suffix, and the dialog that makes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import StrEnum
from functools import partial
from typing import Annotated, Any
from urllib.parse import urlencode

import anyio.to_thread
from fastapi import APIRouter, FastAPI, Path, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app import __version__
from app.exchange import json_
from app.exchange.mail import Heading, mail_text
from app.exchange.writers import FORMATS, write
from app.scenario import Scenario, Timeline, format_scenario, links
from app.scenario.links import Link
from app.sessions import Session
from app.web.alone import part_alone, with_elsewhere
from app.web.api import PROBLEM_RESPONSE
from app.web.description import Tag
from app.web.forms import form_of
from app.web.habits import habits
from app.web.opened import Opened, Openings, UnreadableLink
from app.web.pages import (
    NO_STORE,
    answer,
    asks_elsewhere,
    known_implementation,
    part_answer,
    part_asked_for,
    play_of,
)
from app.web.rates import Kind, rates_of
from app.web.shapes import ScenarioAnswer
from app.web.views import explorer, picture
from app.web.views.embed import FLAGS
from app.web.views.look import Look, look_from
from app.web.views.prose import lesson_address, lesson_prose
from app.web.views.render import component, render
from app.web.views.room import Room, strip_of
from app.web.views.share import Shared, options_of, share
from app.web.views.stage import PlayedStage

router = APIRouter(include_in_schema=False)
files = APIRouter(tags=[Tag.SCENARIOS])
# Never wrong: what a payload or a slug stands for does not change, but what this giclab makes of it may.
KEPT_BY_BROWSERS = {"Cache-Control": "public, max-age=300"}
# A page has some 250 links to itself: of a longer address they are 64 kB.
LONGEST_REPEATED = 256
Step = Annotated[int | None, Query(ge=0, le=1_000_000, description="The step to show; else the link's, else the last.")]


class Tool(StrEnum):
    """Pages that take a scenario in a link."""

    COMPARE = "compare"
    MIGRATE = "migrate"
    REVIEW = "review"


TYPES = {"gic": "text/plain", "txt": "text/plain", "svg": "image/svg+xml"}
SUFFIXES = (*TYPES, *(name for name in FORMATS if name not in ("json", "link")))
Suffix = Annotated[str, Path(pattern=f"^({'|'.join(SUFFIXES)})$", description="The format.", examples=["gic"])]
REFUSAL: dict[str, Any] = {"description": "A page that says what is wrong", "content": {"text/html": {}}}
GIVES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "`.gic` the scenario, `.txt` its answers in 72 columns, `.svg` a picture of the ITS tables, "
        + ", ".join(f"`.{name}` {FORMATS[name].about}" for name in SUFFIXES if name in FORMATS),
        "content": {media: {} for media in sorted({*TYPES.values(), *(each.media for each in FORMATS.values())})},
    },
    "4XX": REFUSAL,
    "5XX": REFUSAL,
}
GIVES_DATA: dict[int | str, dict[str, Any]] = {"4XX": PROBLEM_RESPONSE, "5XX": PROBLEM_RESPONSE}


def install(app: FastAPI) -> None:
    """Put the routes into the app, before those that would take a suffix for a part of the name."""
    app.state.openings = Openings(app.state.players)
    app.include_router(files)
    app.include_router(router)


@files.get("/x/{payload}.json", response_model=ScenarioAnswer, responses=GIVES_DATA)
async def link_as_json(request: Request, payload: str) -> Response:
    """The scenario in a link as data: its lines, and the accesses that each makes, with what they return."""
    return await _as_json(request, (await _openings(request).payload(payload)).scenario)


@files.get("/l/{slug}.json", response_model=ScenarioAnswer, responses=GIVES_DATA)
async def short_link_as_json(request: Request, slug: str) -> Response:
    """The scenario behind a short link as data."""
    return await _as_json(request, (await _openings(request).slug(request, slug)).scenario)


@files.get("/s/{id}.json", response_model=ScenarioAnswer, responses=GIVES_DATA)
async def session_as_json(request: Request, id: str) -> Response:  # noqa: A002 - the path says id
    """A session as it is now as data."""
    return await _as_json(request, await _session_scenario(request, await _session(request, id)))


@files.get("/x/{payload}.{suffix}", response_class=Response, responses=GIVES)
async def link_as_file(request: Request, payload: str, suffix: Suffix, step: Step = None) -> Response:
    """The scenario in a link as a file."""
    opened = await _openings(request).payload(payload)
    return await _as_file(request, opened.scenario, suffix, opened.base, opened.link.step if step is None else step)


@files.get("/l/{slug}.{suffix}", response_class=Response, responses=GIVES)
async def short_link_as_file(request: Request, slug: str, suffix: Suffix, step: Step = None) -> Response:
    """The scenario behind a short link as a file."""
    opened = await _openings(request).slug(request, slug)
    return await _as_file(request, opened.scenario, suffix, opened.base, step)


@files.get("/s/{id}.{suffix}", response_class=Response, responses=GIVES)
async def session_as_file(request: Request, id: str, suffix: Suffix, step: Step = None) -> Response:  # noqa: A002
    """A session as it is now as a file."""
    scenario = await _session_scenario(request, await _session(request, id))
    return await _as_file(request, scenario, suffix, f"/s/{id}", step)


@router.get("/x/{payload}")
async def link_page(request: Request, payload: str) -> HTMLResponse:
    """A scenario in a link, played; nothing is stored."""
    return await _shown(request, f"/x/{payload}", partial(_openings(request).payload, payload))


@router.get("/l/{slug}")
async def short_link_page(request: Request, slug: str) -> HTMLResponse:
    """The same of a short link."""
    return await _shown(request, f"/l/{slug}", partial(_openings(request).slug, request, slug))


@router.get("/x/{payload}/share")
@router.post("/x/{payload}/share")
async def share_link(request: Request, payload: str) -> Response:
    """Share what a link shows; POST also keeps it under a short link."""
    return await _share_opened(request, await _openings(request).payload(payload))


@router.get("/l/{slug}/share")
@router.post("/l/{slug}/share")
async def share_short_link(request: Request, slug: str) -> Response:
    """The same of a short link."""
    return await _share_opened(request, await _openings(request).slug(request, slug))


@router.get("/l/{slug}/{tool}")
async def short_link_tool(request: Request, slug: str, tool: Tool) -> Response:
    """What else is done with a scenario is done with the link that carries it."""
    found = await request.app.state.sessions.short_links.get(slug)
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"/x/{found.payload}/{tool}{query}", 303)


@router.get("/s/{id}/share")
@router.post("/s/{id}/share")
async def share_session(request: Request, id: str) -> Response:  # noqa: A002
    """Share a session as it is now."""
    session = await _session(request, id)
    scenario = await _session_scenario(request, session)
    site = _site(request)
    watchers = request.app.state.live.room(session).watchers
    return await _share(request, scenario, f"/s/{id}", Look(""), live=f"{site}/s/{id}", watchers=watchers)


async def _shown(request: Request, base: str, opening: Callable[[], Any]) -> HTMLResponse:
    try:
        opened: Opened = await opening()
    except UnreadableLink as error:
        return _unreadable(error)
    scenario, link = opened.scenario, opened.link
    look = look_from(base, {**habits(request), **_asked(request, link)})
    look = replace(look, pinned=True, here=len(base) > LONGEST_REPEATED)
    if look.step is None:
        look = replace(look, step=link.step)
    look = known_implementation(look)
    own = scenario.machine.implementation
    timeline: Timeline = await play_of(request, base, scenario, look.on or own)
    stage = PlayedStage(look.base, scenario.title, timeline)
    if (html := await part_alone(request, part_asked_for(request), stage, look, own)) is not None:
        return part_answer(request, html)
    page = await explorer.page_of(stage, look, may_write=False, choices=explorer.choices_of(own, look))
    if asks_elsewhere(request):
        page = await with_elsewhere(request, page, stage, own)
    total, now = len(timeline.ops), page.shared.dock.now
    room = Room(
        live=False,
        mine=False,
        share=f"{look.base}/share{look.query()}",
        fork="Make it mine",
        payload="" if opened.slug else base.removeprefix("/x/"),
        slug=opened.slug,
        strip=strip_of(look, now, total, own, mine=False, stored=False),
        prose=lesson_prose(link.view.get("lesson", "")),
        lesson=lesson_address(link.view.get("lesson", "")),
        prose_open=now <= 1,
        drift=opened.drift if look.on in ("", own) else None,
        version=__version__,
    )
    return answer(request, page, room)


def _asked(request: Request, link: Link) -> dict[str, str]:
    """What an address asks for. One that says nothing of the look has the link's; one that says something says all."""
    asked, flags = dict(request.query_params), {flag.name for flag in FLAGS}
    if asked.keys() - flags or "step" in asked:
        return asked
    return {name: value for name, value in link.view.items() if name not in flags} | asked


def _unreadable(error: UnreadableLink) -> HTMLResponse:
    """A whole link with a scenario that this giclab cannot read: the text, to be mended by hand."""
    model = "" if error.link.record is None else error.link.record.model
    html = render("link_unreadable.html", error=error, model=model, version=__version__, text=error.link.text)
    return HTMLResponse(html, 422, NO_STORE)


async def _share_opened(request: Request, opened: Opened) -> Response:
    look = Look("", step=opened.link.step, on=opened.link.view.get("on", ""))
    return await _share(request, opened.scenario, opened.base, look, lesson=opened.link.view.get("lesson", ""))


async def _share(
    request: Request,
    scenario: Scenario,
    base: str,
    usual: Look,
    *,
    live: str = "",
    watchers: int = 0,
    lesson: str = "",
) -> Response:
    """The dialog; with POST a short link is made first. `usual` is what the page shows if its address says nothing."""
    asked: Mapping[str, str] = request.query_params
    if request.method == "POST":
        asked = {key: value for key, value in (await form_of(request)).items() if isinstance(value, str)}
    look = known_implementation(look_from("", asked))
    look = replace(look, step=usual.step if look.step is None else look.step, on=look.on or usual.on)
    openings = _openings(request)
    record = await openings.record(scenario)
    kept = request.app.state.sessions.short_links
    if request.method == "POST":
        rates_of(request).take(request, Kind.LINKS)
        alone = await openings.beside(partial(links.pack, scenario, record=record))
        slug = (await kept.keep(scenario, alone)).slug
        if part_asked_for(request) != "share-body":
            # Seen again with "back" or a reload, the page must not ask whether to send the form again.
            return RedirectResponse(f"{base}/share?{urlencode(asked)}", 303)
    else:
        found = await kept.find(scenario)
        slug = "" if found is None else found.slug
    shared = Shared(base, _site(request), scenario, record, slug, live, watchers, lesson)
    dialog = await openings.beside(partial(share, shared, look, options_of(asked)))
    if part_asked_for(request) == "share-body":
        return HTMLResponse(component("share", "body", dialog), headers=NO_STORE)
    return HTMLResponse(render("share.html", s=dialog), headers=NO_STORE)


async def _as_json(request: Request, scenario: Scenario) -> Response:
    document = await _in_thread(request, lambda: json_.write(scenario).text)
    return Response(document, media_type="application/json", headers=KEPT_BY_BROWSERS)


async def _as_file(request: Request, scenario: Scenario, suffix: str, base: str, step: int | None) -> Response:
    headers = dict(NO_STORE if base.startswith("/s/") else KEPT_BY_BROWSERS)
    if suffix in FORMATS:
        text = await _in_thread(request, lambda: write(scenario, suffix, step).text)
        name = f"giclab.{FORMATS[suffix].ending}"
        headers["Content-Disposition"] = f'inline; filename="{name}"'
    elif suffix == "gic":
        text = await _in_thread(request, lambda: format_scenario(scenario))
    elif suffix == "txt":
        heading = Heading(__version__, f"{_site(request)}{base}", step)
        text = await _in_thread(request, lambda: mail_text(scenario, heading))
    else:
        timeline = await play_of(request, base, scenario, scenario.machine.implementation)
        now = len(timeline.ops) if step is None else min(step, len(timeline.ops))
        when = f"after step {now} of {len(timeline.ops)}"
        machine = await PlayedStage(base, scenario.title, timeline).machine(now)
        # Not in a thread: the timeline is the one that pages look at.
        text = picture.svg(scenario.title, scenario.machine, machine, when)
        headers["Content-Security-Policy"] = picture.POLICY
    return Response(text, media_type=FORMATS[suffix].media if suffix in FORMATS else TYPES[suffix], headers=headers)


async def _in_thread(request: Request, work: Callable[[], str]) -> str:
    return await anyio.to_thread.run_sync(work, limiter=request.app.state.players)


async def _session(request: Request, session_id: str) -> Session:
    session: Session = await request.app.state.sessions.open(session_id)
    return session


async def _session_scenario(request: Request, session: Session) -> Scenario:
    return await _openings(request).parsed(session.scenario_text(), "session")


def _openings(request: Request) -> Openings:
    found: Openings = request.app.state.openings
    return found


def _site(request: Request) -> str:
    return str(request.base_url).rstrip("/")
