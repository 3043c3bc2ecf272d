"""A refusal as the page shows it: what is wrong, where, and what would be right."""

from __future__ import annotations

from dataclasses import dataclass

from app.scenario import ScenarioError


@dataclass(frozen=True, slots=True)
class Trouble:
    """`where` names the form it belongs to: register, its, poke, way, console."""

    headline: str
    text: str
    caret: str = ""
    remedy: str = ""
    where: str = "console"


def trouble_of_line(error: ScenarioError, where: str) -> Trouble:
    """A line of one operation: its place is a mark under the line, not a number."""
    problem = error.problem[:1].upper() + error.problem[1:]
    expected = f"Expected {error.expected}." if error.expected else ""
    remedy = f"Did you mean {' or '.join(error.nearest)}?" if error.nearest else ""
    return Trouble(f"{problem}.", expected, error.caret, remedy, where)
