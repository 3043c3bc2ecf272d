"""An exercise as a page shows it: the goal, what was done of what is allowed, reached or not and why."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from app.gic import IMPLEMENTATIONS
from app.scenario.exercises import Exercise, Verdict
from app.scenario.format import format_operation
from app.scenario.lessons import LESSONS
from app.scenario.runner import answer
from app.web.views.prose import markdown


@dataclass(frozen=True, slots=True)
class GoalLine:
    """A goal; `reached` None before anything was tried."""

    text: str
    reached: bool | None
    got: str


@dataclass(frozen=True, slots=True)
class Tried:
    """One step of the answer and what came of it."""

    text: str
    answer: str


@dataclass(frozen=True, slots=True)
class Origin:
    """The link that an exercise came in, and the slug of the lesson that it is of, "" if none."""

    payload: str
    of: str


@dataclass(frozen=True, slots=True)
class ExercisePage:
    """`used` of `most` `what`; `headline` says whether the goal is reached; `source` what was looked at."""

    base: str
    title: str
    task: Markup
    goals: tuple[GoalLine, ...]
    most: int
    what: str
    used: int
    only: tuple[str, ...]
    machine: str
    start: tuple[str, ...]
    headline: str
    reached: bool | None
    against: tuple[str, ...]
    tried: tuple[Tried, ...]
    text: str
    session: str
    frame: str
    lesson: str
    lesson_href: str


def exercise_page(
    exercise: Exercise, origin: Origin, verdict: Verdict | None, *, text: str = "", session: str = ""
) -> ExercisePage:
    """The page, before anything is tried (`verdict` None) or with what came of it."""
    known = {each.slug: each.title for each in LESSONS}
    reached = None if verdict is None else verdict.reached
    goals = (
        tuple(GoalLine(goal, None, "") for goal in exercise.goals)
        if verdict is None
        else tuple(GoalLine(goal.text, goal.reached, goal.got) for goal in verdict.goals)
    )
    return ExercisePage(
        base=f"/exercise/{origin.payload}",
        title=exercise.start.title or "Exercise",
        task=markdown(exercise.task),
        goals=goals,
        most=exercise.most,
        what="ITS commands" if exercise.what == "commands" else "operations",
        used=0 if verdict is None else verdict.used,
        only=exercise.only,
        machine=IMPLEMENTATIONS[exercise.machine.implementation].title,
        start=tuple(format_operation(op, exercise.machine) for op in exercise.start.operations),
        headline="" if verdict is None else "Reached" if verdict.reached else "Not reached",
        reached=reached,
        against=() if verdict is None else verdict.against,
        tried=()
        if verdict is None
        else tuple(
            Tried(
                format_operation(step.op, exercise.machine),
                answer(step) or (step.effects[-1].words if step.effects else ""),
            )
            for step in verdict.steps
        ),
        text=text,
        session=session,
        frame=f"/s/{session}" if session else f"/x/{origin.payload}",
        lesson=known.get(origin.of, ""),
        lesson_href=f"/lessons/{origin.of}" if origin.of in known else "",
    )
