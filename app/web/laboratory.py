"""The migration laboratory of a session, or of a scenario in a link. Nothing is stored: an experiment is an address."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from threading import Lock
from typing import TypeVar

import anyio
import anyio.to_thread
from fastapi import APIRouter, FastAPI, Request, UploadFile
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.gic import Machine
from app.scenario import MachineSpec, Scenario, Timeline, links, parse
from app.scenario.laboratory import Experiment, experiment
from app.scenario.migration import build
from app.scenario.state import state_text
from app.sessions import Session
from app.web.api import scenario_of_upload, state_file
from app.web.opened import Opened
from app.web.pages import NO_STORE, Plays, copied, part_asked_for
from app.web.problems import Problem
from app.web.searches import Searches
from app.web.security import start_in_browser
from app.web.views.laboratory import LabPage, Where, laboratory
from app.web.views.laboratory_cards import edits_from
from app.web.views.laboratory_orders import orders_page
from app.web.views.laboratory_setup import Setup, setup_from
from app.web.views.render import render
from app.web.views.words import UNTITLED

router = APIRouter(include_in_schema=False)
T = TypeVar("T")
_TURN = Lock()  # a timeline goes to one step at a time


@dataclass(frozen=True, slots=True)
class Source:
    """Where an experiment starts from: a log and, on a worker thread, its machine after a step."""

    base: str
    title: str
    scenario: Scenario
    total: int
    timeline: Timeline
    spec: MachineSpec

    def machine(self, setup: Setup) -> Machine:
        """The machine at the step that the experiment starts from, as one of its own."""
        step = self.total if setup.step is None else min(setup.step, self.total)
        with _TURN:
            state = self.timeline.at(step).snapshot()
        copy = build(self.spec)
        copy.restore(state)
        return copy


def install(app: FastAPI) -> None:
    """Put the pages into the app."""
    app.state.searches = Searches()
    app.state.laboratory_plays = Plays(app.state.players)
    app.include_router(router)


@router.get("/s/{id}/migrate")
async def session_laboratory(request: Request, id: str) -> Response:  # noqa: A002 - the path says id
    return await _laboratory(request, await _session(request, id))


@router.get("/x/{payload}/migrate")
async def link_laboratory(request: Request, payload: str) -> Response:
    return await _laboratory(request, await _link(request, payload))


@router.get("/s/{id}/migrate/orders")
async def session_orders(request: Request, id: str) -> Response:  # noqa: A002
    return await _orders(request, await _session(request, id))


@router.get("/x/{payload}/migrate/orders")
async def link_orders(request: Request, payload: str) -> Response:
    return await _orders(request, await _link(request, payload))


@router.get("/s/{id}/state")
async def session_state(request: Request, id: str) -> Response:  # noqa: A002
    return await _state(request, await _session(request, id))


@router.get("/x/{payload}/state")
async def link_state(request: Request, payload: str) -> Response:
    return await _state(request, await _link(request, payload))


@router.post("/states")
async def upload_state(request: Request, state: UploadFile) -> Response:
    """A session with the machine of an uploaded file."""
    text = await scenario_of_upload(await state.read())
    created, give_cookie = await start_in_browser(request, text, title="Uploaded machine")
    response = RedirectResponse(f"/s/{created.id}", 303)
    give_cookie(response)
    return response


async def _state(request: Request, source: Source) -> Response:
    """The machine at the step that the address names, as a file."""
    setup = _setup(request, source)
    machine = await _in_thread(request, partial(source.machine, setup))
    return state_file(state_text(machine, source.spec), f"step-{source.total if setup.step is None else setup.step}")


async def _session(request: Request, id: str) -> Source:  # noqa: A002
    session: Session = await request.app.state.sessions.open(id)
    text = session.scenario_text()
    scenario = await request.app.state.openings.parsed(text, "session")
    return await _source(request, f"/s/{id}", text, session.title, scenario, None)


async def _link(request: Request, payload: str) -> Source:
    opened: Opened = await request.app.state.openings.payload(payload)
    scenario = opened.scenario
    return await _source(request, f"/x/{payload}", payload, scenario.title, scenario, opened.link.step)


async def _source(request: Request, base: str, key: str, title: str, scenario: Scenario, step: int | None) -> Source:
    query = dict(request.query_params)
    if step is not None:
        query.setdefault("step", str(step))
    setup = setup_from(base, query, scenario.machine)
    plays: Plays = request.app.state.laboratory_plays
    own = scenario.machine.implementation
    timeline = await plays.get(key, scenario, setup.on or own)

    return Source(base, title or UNTITLED, scenario, len(timeline), timeline, timeline.spec)


def _setup(request: Request, source: Source) -> Setup:
    setup = setup_from(source.base, request.query_params, source.scenario.machine)
    if not source.spec.its:
        raise Problem(
            422, "invalid-request", "No ITS", "This machine has no ITS (its=0): the laboratory follows LPIs of an ITS.",
            "Start a machine with an ITS.",
        )  # fmt: skip
    if setup.step is not None and setup.step >= source.total:
        setup = replace(setup, step=None)
    return setup


async def _laboratory(request: Request, source: Source) -> Response:
    setup = _setup(request, source)
    fields = [(key, text) for key, text in request.query_params.multi_items() if key.startswith("set.")]
    page, done = await _in_thread(request, partial(_page, source, setup))
    if fields:
        return _with_edits(setup, fields, done)
    part = part_asked_for(request)
    html = render("laboratory/part.html" if part == "lab" else "laboratory/page.html", page=page)
    return HTMLResponse(html, headers=NO_STORE)


def _with_edits(setup: Setup, fields: list[tuple[str, str]], done: Experiment) -> Response:
    """A card's form: to the address of the experiment with its values."""
    try:
        for target, value in edits_from(fields, done):
            setup = replace(setup, edits=setup.edited(target, value))
    except ValueError as error:
        raise Problem(
            422, "invalid-request", "A value cannot be written", f"{error}.", "Numbers as 0x40210000 or 7."
        ) from error
    return RedirectResponse(setup.link(), 303)


def _page(source: Source, setup: Setup) -> tuple[LabPage, Experiment]:
    machine = source.machine(setup)
    done = experiment(machine, source.spec, setup.plan, setup.at)
    return laboratory(done, setup, source.spec, machine, _where(source, setup, done)), done


def _where(source: Source, setup: Setup, done: Experiment) -> Where:
    text = copied(source.scenario, "" if setup.step is None else str(setup.step), setup.on)
    payload = links.pack(parse(text, "session"))
    whole = links.pack(parse(text + setup.plan.text(done.way, source.spec), "experiment"))
    back = source.base if setup.step is None else f"{source.base}?step={setup.step}"
    alone = replace(setup, base=f"/x/{payload}", step=None, on="")
    return Where(source.title, back, f"/x/{whole}", alone.link())


async def _orders(request: Request, source: Source) -> Response:
    setup = _setup(request, source)
    searches: Searches = request.app.state.searches
    move_all = request.query_params.get("all") == "1"
    key = f"{setup.link('orders', at=None)}&all={move_all}&total={source.total}"
    if request.query_params.get("stop") == "1":
        searches.stop(key)
    else:
        machine = await _in_thread(request, partial(source.machine, setup))
        searches.ask(key, machine, source.spec, setup.plan, move_all=move_all)
    page = orders_page(searches.state(key), setup, move_all=move_all, title=source.title)
    part = part_asked_for(request)
    html = render("laboratory/orders_part.html" if part == "orders" else "laboratory/orders.html", page=page)
    return HTMLResponse(html, headers=NO_STORE)


async def _in_thread(request: Request, work: Callable[[], T]) -> T:
    return await anyio.to_thread.run_sync(work, limiter=request.app.state.players)
