"""The page on which a session is edited as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.scenario import ScenarioError
from app.scenario.verbs import VERBS
from app.sessions import Session
from app.web.views.trouble import Trouble, trouble_of_line
from app.web.views.words import UNTITLED


@dataclass(frozen=True, slots=True)
class ProblemRow:
    """What is wrong at a place of the text, from 1."""

    line: int
    column: int
    trouble: Trouble


@dataclass(frozen=True, slots=True)
class TextPage:
    """`problems` is None while nothing was checked; `trouble` is what stood in the way of saving a good text."""

    base: str
    title: str
    text: str
    rows: int
    mine: bool
    verbs: str
    problems: tuple[ProblemRow, ...] | None
    trouble: Trouble | None


def page_of(
    session: Session,
    text: str,
    *,
    mine: bool,
    problems: Sequence[ScenarioError] | None = None,
    trouble: Trouble | None = None,
) -> TextPage:
    return TextPage(
        base=f"/s/{session.id}",
        title=session.title or UNTITLED,
        text=text,
        rows=min(max(text.count("\n") + 2, 16), 40),
        mine=mine,
        verbs=" ".join((*VERBS, "title", "machine")),
        problems=None if problems is None else rows_of(problems),
        trouble=trouble,
    )


def rows_of(problems: Sequence[ScenarioError]) -> tuple[ProblemRow, ...]:
    return tuple(ProblemRow(each.line, each.column, trouble_of_line(each, "text")) for each in problems)
