"""Lessons and exercises as JSON: what a page shows of them, and no answer that a page does not show."""

from __future__ import annotations

from typing import Annotated, Any

import anyio.to_thread
from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse

from app import limits
from app.scenario import links
from app.scenario.exercises import Exercise, Verdict, added_lines, attempt, exercise_from
from app.scenario.lesson_parts import Question
from app.scenario.lessons import LESSONS, Lesson, UnknownLesson, lesson
from app.web.api import router as api
from app.web.description import Tag
from app.web.problems import Problem

router = APIRouter(prefix="/api/v1", tags=[Tag.LESSONS], responses=api.responses)


class LessonRow(BaseModel):
    slug: str
    title: str
    summary: str
    about: str
    steps: int
    questions: int
    exercise: bool


class LessonsAnswer(BaseModel):
    lessons: list[LessonRow]


class LessonAnswer(BaseModel):
    """`scenario` states what holds on which implementation; `questions` are terms of it."""

    slug: str
    title: str
    summary: str
    scenario: str = Field(description="In the scenario language; POST /play plays it.")
    questions: list[dict[str, Any]] = Field(description="`number`, `question`, `term` and `step` of each.")
    exercise: dict[str, Any] | None = Field(description="`payload`, `task`, `goals`, `most` and `what`; no answer.")


class NewAttempt(BaseModel):
    """Operations that are to reach an exercise's goal, one a line."""

    model_config = ConfigDict(extra="forbid")
    payload: str = Field(max_length=limits.EXERCISE_LINK, description="Of an `/exercise/` link.")
    lines: str = Field(default="", max_length=limits.EXERCISE_LINES, examples=["its INT device=2 event=20"])


class AttemptAnswer(BaseModel):
    reached: bool
    used: int
    most: int
    what: str = Field(description="What `used` and `most` count: `commands` of the ITS, or `operations`.")
    goals: list[dict[str, Any]] = Field(description="`goal`, whether it is `reached`, and what it is (`got`).")
    against: list[str] = Field(description="The exercise's rules that were broken.")


@router.get("/lessons", response_model=LessonsAnswer)
async def list_lessons() -> JSONResponse:
    """All lessons, in their order."""
    return JSONResponse({"lessons": await anyio.to_thread.run_sync(lambda: [_row(item) for item in LESSONS])})


@router.get("/lessons/{slug}", response_model=LessonAnswer)
async def read_lesson(slug: Annotated[str, Path(examples=["ptz-reads-as-zero"])]) -> JSONResponse:
    """One lesson: its scenario, its questions, and its exercise without the answer."""
    try:
        found = lesson(slug)
    except UnknownLesson as error:
        raise unknown_lesson(error) from None
    return JSONResponse(await anyio.to_thread.run_sync(_lesson, found))


@router.post("/exercises", response_model=AttemptAnswer)
async def check_exercise(request: Request, new: NewAttempt) -> JSONResponse:
    """Play lines after an exercise's start, and tell whether they reach its goals. Nothing is stored."""
    verdict = await anyio.to_thread.run_sync(_verdict, new, limiter=request.app.state.players)
    return JSONResponse(
        {
            "reached": verdict.reached,
            "used": verdict.used,
            "most": verdict.most,
            "what": verdict.what,
            "goals": [{"goal": goal.text, "reached": goal.reached, "got": goal.got} for goal in verdict.goals],
            "against": list(verdict.against),
        }
    )


def _verdict(new: NewAttempt) -> Verdict:
    exercise = exercise_from(links.unpack(new.payload))
    return attempt(exercise, added_lines(new.lines, exercise.machine))


def unknown_lesson(error: UnknownLesson) -> Problem:
    """The answer to a slug that no lesson has."""
    return Problem(
        404, "unknown-lesson", "No such lesson", f"{error}.".replace("?.", "?"), "All are listed at /lessons."
    )


def _row(item: Lesson) -> dict[str, Any]:
    return {
        "slug": item.slug,
        "title": item.title,
        "summary": item.summary,
        "about": item.about,
        "steps": len(item.scenario.operations),
        "questions": sum(isinstance(part, Question) for part in item.parts),
        "exercise": item.exercise is not None,
    }


def _lesson(item: Lesson) -> dict[str, Any]:
    asked = [part for part in item.parts if isinstance(part, Question)]
    return {
        "slug": item.slug,
        "title": item.title,
        "summary": item.summary,
        "scenario": item.text,
        "questions": [
            {"number": part.number, "question": part.text, "term": part.term, "step": part.seq} for part in asked
        ],
        "exercise": None if item.exercise is None else _exercise(item.exercise),
    }


def _exercise(exercise: Exercise) -> dict[str, Any]:
    return {
        "payload": exercise.payload(),
        "task": exercise.task,
        "goals": list(exercise.goals),
        "most": exercise.most,
        "what": exercise.what,
        "only": list(exercise.only),
    }
