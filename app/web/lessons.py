"""Lessons and exercises: `/lessons`, `/lessons/{slug}`, and `/exercise/{payload}`, which a link carries whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Annotated, TypeAlias

import anyio
import anyio.to_thread
from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app import limits
from app.scenario import ScenarioError, links, parse
from app.scenario.exercises import Exercise, added_lines, added_since, attempt, exercise_from, session_text
from app.scenario.lessons import UnknownLesson, lesson
from app.sessions import Session
from app.web.lessons_api import unknown_lesson
from app.web.security import start_in_browser
from app.web.views.exercise import ExercisePage, Origin, exercise_page
from app.web.views.lessons import lesson_page, reader_of, tiles
from app.web.views.render import render
from app.web.views.trouble import Trouble, trouble_of_line

router = APIRouter(include_in_schema=False)
HEADERS = {"Cache-Control": "no-cache", "Vary": "HX-Request"}
NO_STORE = {"Cache-Control": "no-store"}
Answer: TypeAlias = tuple[ExercisePage, Trouble | None]


@router.get("/lessons")
async def all_lessons() -> HTMLResponse:
    shown = await anyio.to_thread.run_sync(tiles)
    return HTMLResponse(render("lessons/index.html", tiles=shown), headers=HEADERS)


@router.get("/lessons/{slug}")
async def one_lesson(request: Request, slug: str) -> HTMLResponse:
    """A lesson; what the reader has answered is in the query, so that reading needs no session and no script."""
    try:
        found = lesson(slug)
    except UnknownLesson as error:
        raise unknown_lesson(error) from None
    reader = reader_of(list(request.query_params.multi_items())[:200])
    page = await anyio.to_thread.run_sync(lesson_page, found, reader)
    return HTMLResponse(render("lessons/lesson.html", page=page), headers=HEADERS)


@router.get("/exercise/{payload}")
async def show_exercise(request: Request, payload: str, session: str = "") -> HTMLResponse:
    """The exercise, or with `session` what that session has done of it."""
    if not session:
        return await _answered(request, lambda: (exercise_page(*_unpacked(payload), None), None))
    opened: Session = await request.app.state.sessions.open(session)
    return await _answered(request, partial(_looked_at, payload, opened.id, opened.scenario_text()))


@router.post("/exercise/{payload}")
async def try_exercise(
    request: Request, payload: str, lines: Annotated[str, Form(max_length=limits.EXERCISE_LINES)] = ""
) -> HTMLResponse:
    """Play the lines after the start, and say whether that reaches the goal. Nothing is stored."""
    return await _answered(request, partial(_tried, payload, lines))


@router.post("/exercise/{payload}/start")
async def start_exercise(request: Request, payload: str) -> Response:
    """A session that begins as the exercise does; the page then looks at what it did."""
    text = await anyio.to_thread.run_sync(lambda: session_text(_unpacked(payload)[0]), limiter=_limiter(request))
    created, give_cookie = await start_in_browser(request, text)
    response = RedirectResponse(f"/exercise/{payload}?session={created.id}", 303)
    give_cookie(response)
    return response


def _looked_at(payload: str, session: str, text: str) -> Answer:
    """What a session did of the exercise."""
    exercise, of = _unpacked(payload)
    added = added_since(exercise, parse(text, "session"))
    if added is None:
        trouble = Trouble("Another beginning.", "This session does not begin as the exercise does.", where="session")
        return exercise_page(exercise, of, None, session=session), trouble
    return exercise_page(exercise, of, attempt(exercise, added), session=session), None


def _tried(payload: str, lines: str) -> Answer:
    """What written lines do of the exercise."""
    exercise, of = _unpacked(payload)
    try:
        added = added_lines(lines, exercise.machine)
    except ScenarioError as error:
        trouble = replace(trouble_of_line(error, "lines"), headline=f"Line {error.line}: {error.problem}.")
        return exercise_page(exercise, of, None, text=lines), trouble
    return exercise_page(exercise, of, attempt(exercise, added), text=lines), None


def _unpacked(payload: str) -> tuple[Exercise, Origin]:
    link = links.unpack(payload)
    return exercise_from(link), Origin(payload, link.view.get("of", ""))


async def _answered(request: Request, work: Callable[[], Answer]) -> HTMLResponse:
    """The page, made by a worker: a link may hold much text, and a session many operations."""
    page, trouble = await anyio.to_thread.run_sync(work, limiter=_limiter(request))
    html = render("lessons/exercise.html", page=page, trouble=trouble)
    return HTMLResponse(html, 422 if trouble else 200, NO_STORE)


def _limiter(request: Request) -> anyio.CapacityLimiter:
    limiter: anyio.CapacityLimiter = request.app.state.players
    return limiter
