"""What is wrong in a session's log or in a scenario: as a page, as a part of the explorer, and as JSON."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, FastAPI, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import HTMLResponse, JSONResponse

from app import limits
from app.registers import IMPLEMENTATION_NAMES
from app.review.finding import Review
from app.review.review import review_of
from app.scenario import Scenario
from app.sessions import Session
from app.web.api import OneSession, OnView
from app.web.api import router as api
from app.web.description import Tag
from app.web.pages import NO_STORE, known_implementation, part_asked_for
from app.web.play import check_length, unknown_implementation
from app.web.views.look import Look, look_from
from app.web.views.render import component, render
from app.web.views.render import partial as partial_html
from app.web.views.review import panel
from app.web.views.words import UNTITLED

pages = APIRouter(include_in_schema=False)
router = APIRouter(prefix="/api/v1", tags=[Tag.COMPARISON], responses=api.responses)


class FindingAnswer(BaseModel):
    """One object of one rule, at the first step where it is found."""

    rule: str = Field(description="The rule's slug; the guide's reference lists them all.")
    name: str
    step: int
    op: str
    about: str = Field(description="The object: a register, an INTID, an event.")
    says: str
    register_: str = Field(alias="register", description="The register to look at, empty if none.")
    mend: str
    cite: str
    steps: list[int] = Field(description="The first FINDING_STEPS_SHOWN steps with it.")
    count: int = Field(description="How many steps have it.")


class ReviewAnswer(BaseModel):
    implementation: str
    steps: int
    findings: list[FindingAnswer]
    left_out: int = Field(description="Findings beyond FINDINGS_PER_REVIEW.")


class ReviewRequest(BaseModel):
    """A scenario to review; nothing of it is stored."""

    model_config = ConfigDict(extra="forbid")
    scenario: str = Field(examples=["machine implementation=kvm\nwrite GICR_CTLR@0 EnableLPIs=1\n"])
    on: str = Field(default="", description="An implementation; without it the scenario's own.")


def install(app: FastAPI) -> None:
    """Put the pages and the API into the app."""
    app.include_router(pages)
    app.include_router(router)


@router.get("/sessions/{id}/review", response_model=ReviewAnswer)
async def review_session(request: Request, session: OneSession, step: OnView) -> JSONResponse:
    """What is wrong in the session's steps, rule by rule."""
    scenario = await request.app.state.openings.parsed(session.scenario_text(), "session")
    found = await _reviewed(request, scenario, "", step)
    return JSONResponse(found.as_dict())


@router.post("/review", response_model=ReviewAnswer)
async def review_scenario(request: Request, wanted: ReviewRequest) -> JSONResponse:
    """What is wrong in a scenario, rule by rule. Nothing is stored."""
    if wanted.on and wanted.on not in IMPLEMENTATION_NAMES:
        raise unknown_implementation("#/on", wanted.on)
    scenario = await request.app.state.openings.parsed(wanted.scenario)
    check_length(scenario, live=False)
    return JSONResponse((await _reviewed(request, scenario, wanted.on, None)).as_dict())


@pages.get("/s/{id}/review")
async def session_page(
    request: Request,
    id: str,  # noqa: A002 - the path says id
    step: Annotated[int | None, Query(ge=0)] = None,
    on: str = "",
) -> HTMLResponse:
    session: Session = await request.app.state.sessions.open(id)
    scenario = await request.app.state.openings.parsed(session.scenario_text(), "session")
    return await _page(request, look_from(f"/s/{id}", {"on": on}), scenario, step, session.title)


@pages.get("/x/{payload}/review")
async def link_page(
    request: Request,
    payload: str,
    step: Annotated[int | None, Query(ge=0)] = None,
    on: str = "",
) -> HTMLResponse:
    scenario = (await request.app.state.openings.payload(payload)).scenario
    return await _page(request, look_from(f"/x/{payload}", {"on": on}), scenario, step, scenario.title)


async def _page(request: Request, look: Look, scenario: Scenario, step: int | None, title: str) -> HTMLResponse:
    look = known_implementation(look)
    found = panel(await _reviewed(request, scenario, look.on, step), look)
    if part_asked_for(request) == "review-list":
        # The number on the button is of one step: counting it again with each would be a play of all of them.
        counted = partial_html("#review-n", f"{found.count} at step {found.steps}, look again", "innerHTML")
        return HTMLResponse(component("review", "findings", found) + counted, headers=NO_STORE)
    html = render("review/page.html", review=found, base=look.base, back=look.link(step=step), title=title or UNTITLED)
    return HTMLResponse(html, headers=NO_STORE)


async def _reviewed(request: Request, scenario: Scenario, on: str, step: int | None) -> Review:
    spec = scenario.machine.on(on) if on else scenario.machine
    operations = scenario.operations if step is None else scenario.operations[:step]
    work = partial(review_of, spec, operations)
    if len(operations) <= limits.INLINE_OPERATIONS:
        return work()
    return await anyio.to_thread.run_sync(work, limiter=request.app.state.players)
