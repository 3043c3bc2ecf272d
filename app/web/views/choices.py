"""What the run so far took of what the manual leaves open, as a list below what just happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.scenario.choices import Taken
from app.web.views.look import Look
from app.web.views.words import Run, runs

MOST_STEPS = 8


@dataclass(frozen=True, slots=True)
class StepLink:
    number: int
    href: str
    now: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One choice. `steps` are its newest, oldest first; `earlier` are not listed. `href` leads to its row."""

    rule: tuple[Run, ...]
    taken: tuple[Run, ...]
    alternatives: tuple[str, ...]
    cite: str
    href: str
    steps: tuple[StepLink, ...]
    earlier: int
    now: bool


@dataclass(frozen=True, slots=True)
class Panel:
    """All of them, in the order they were first taken."""

    lines: tuple[Line, ...]

    @property
    def now(self) -> bool:
        """True if the step on view took any of them."""
        return any(line.now for line in self.lines)


def panel(taken: Sequence[Taken], now: int, look: Look) -> Panel:
    """The list after step `now`."""
    return Panel(tuple(_line(each, now, look) for each in taken))


def _line(taken: Taken, now: int, look: Look) -> Line:
    shown = taken.steps[-MOST_STEPS:]
    return Line(
        rule=runs(taken.rule),
        taken=runs(taken.taken),
        alternatives=taken.alternatives,
        cite=taken.cite,
        href=f"/implementations#{taken.behaviour}",
        steps=tuple(StepLink(step, look.link(step=step), step == now) for step in shown),
        earlier=len(taken.steps) - len(shown),
        now=now in shown,
    )
