"""The findings of a review as a list, each leading to its step and its register."""

from __future__ import annotations

from dataclasses import dataclass

from app.review.finding import Finding, Review
from app.web.views.look import Look
from app.web.views.words import Run, runs

REFERENCE = "/guide/reference#review-rules"
NO_STEPS = "There is nothing to review yet: write a register, issue a command, or import a log."
CLEAN = "No step broke a rule. That is no proof: a review knows its rules, and only what the steps tell."


@dataclass(frozen=True, slots=True)
class Line:
    """One finding. `more` are later steps alike, (number, address); `further` are not listed."""

    name: str
    step: int
    href: str
    text: str
    says: tuple[Run, ...]
    why: str
    mend: str
    cite: str
    more: tuple[tuple[int, str], ...]
    further: int


@dataclass(frozen=True, slots=True)
class Panel:
    """All of them; `summary` says how many in what, `hint` what then where there are none."""

    lines: tuple[Line, ...]
    summary: str
    count: str
    steps: str
    left_out: int
    hint: str = ""
    rules: str = REFERENCE


def panel(review: Review, look: Look) -> Panel:
    """A review as the page shows it."""
    count = len(review.findings) + review.left_out
    what = "Nothing found" if not count else f"{count:,} finding{'' if count == 1 else 's'}"
    steps = f"{review.steps:,}"
    lines = tuple(_line(each, look) for each in review.findings)
    summary = f"{what} in {steps} step{'' if review.steps == 1 else 's'} on {review.implementation}"
    hint = "" if count else CLEAN if review.steps else NO_STEPS
    return Panel(lines, summary, what[:1].lower() + what[1:], steps, review.left_out, hint)


def _line(finding: Finding, look: Look) -> Line:
    def href(step: int) -> str:
        return look.link(step=step, register=finding.register)

    rule = finding.rule
    more = tuple((step, href(step)) for step in finding.steps[1:])
    return Line(
        name=rule.name,
        step=finding.step,
        href=href(finding.step),
        text=finding.text,
        says=runs(finding.says),
        why=rule.why,
        mend=rule.mend,
        cite=rule.cite,
        more=more,
        further=finding.count - 1 - len(more),
    )
