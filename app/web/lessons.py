"""Lessons and exercises: `/lessons`, `/lessons/{slug}`, and `/exercise/{payload}`, which a link carries whole."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.scenario import ScenarioError, links, parse
from app.scenario.exercises import Exercise, added_lines, added_since, attempt, exercise_from, session_text
from app.scenario.lessons import UnknownLesson, lesson
from app.sessions import Session, Sessions
from app.web.lessons_api import unknown_lesson
from app.web.security import give_key
from app.web.views.exercise import ExercisePage, exercise_page
from app.web.views.lessons import lesson_page, reader_of, tiles
from app.web.views.render import render
from app.web.views.trouble import Trouble, trouble_of_line

router = APIRouter(include_in_schema=False)
HEADERS = {"Cache-Control": "no-cache", "Vary": "HX-Request"}
NO_STORE = {"Cache-Control": "no-store"}
LONGEST_ANSWER = 16 << 10


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
    exercise, of = _unpacked(payload)
    if not session:
        return _page(exercise_page(exercise, payload, None, of=of))
    opened: Session = await request.app.state.sessions.open(session)
    added = added_since(exercise, parse(opened.scenario_text(), "session"))
    if added is None:
        trouble = Trouble("Another beginning.", "This session does not begin as the exercise does.", where="session")
        return _page(exercise_page(exercise, payload, None, of=of, session=opened.id), trouble, 422)
    verdict = await anyio.to_thread.run_sync(attempt, exercise, added)
    return _page(exercise_page(exercise, payload, verdict, of=of, session=opened.id))


@router.post("/exercise/{payload}")
async def try_exercise(payload: str, lines: Annotated[str, Form(max_length=LONGEST_ANSWER)] = "") -> HTMLResponse:
    """Play the lines after the start, and say whether that reaches the goal. Nothing is stored."""
    exercise, of = _unpacked(payload)
    try:
        added = added_lines(lines, exercise.machine)
    except ScenarioError as error:
        trouble = replace(trouble_of_line(error, "lines"), headline=f"Line {error.line}: {error.problem}.")
        return _page(exercise_page(exercise, payload, None, of=of, text=lines), trouble, 422)
    verdict = await anyio.to_thread.run_sync(attempt, exercise, added)
    return _page(exercise_page(exercise, payload, verdict, of=of, text=lines))


@router.post("/exercise/{payload}/start")
async def start_exercise(request: Request, payload: str) -> Response:
    """A session that begins as the exercise does; the page then looks at what it did."""
    exercise, _ = _unpacked(payload)
    sessions: Sessions = request.app.state.sessions
    created = await sessions.create(session_text(exercise), title="")
    response = RedirectResponse(f"/exercise/{payload}?session={created.id}", 303)
    give_key(request, response, created.id, created.edit_key)
    return response


def _unpacked(payload: str) -> tuple[Exercise, str]:
    link = links.unpack(payload)
    return exercise_from(link), link.view.get("of", "")


def _page(page: ExercisePage, trouble: Trouble | None = None, status: int = 200) -> HTMLResponse:
    return HTMLResponse(render("lessons/exercise.html", page=page, trouble=trouble), status, NO_STORE)
