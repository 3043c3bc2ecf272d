"""Rules about what a step came to: recorded answers that this implementation does not give, and refusals."""

from __future__ import annotations

from collections.abc import Iterator

from app.review.finding import Found, Rule, Seen
from app.scenario.operations import Expect, RegisterRef
from app.scenario.player import Step


def _differs(seen: Seen, step: Step) -> Iterator[Found]:
    outcome = step.expectation
    if outcome is None or not outcome.asked or outcome.passed or not isinstance(step.op, Expect):
        return
    term = step.op.term
    register = str(term) if isinstance(term, RegisterRef) else ""
    about = register or " ".join((seen.history.read or step.text).split()[:2])
    shown = f"{seen.history.read} gave" if seen.history.read and not register else f"{step.text.split()[1]} is"
    here = f"on {seen.machine.implementation} {shown} {outcome.got_text}"
    yield Found(about, f"recorded {outcome.relation} {outcome.wanted_text}, {here}", register.partition(".")[0])


def _refused(_seen: Seen, step: Step) -> Iterator[Found]:
    if step.refused:
        yield Found(" ".join(step.text.split()[:2]), f"{step.text}: {step.refused}")


RULES = (
    Rule(
        "answer-differs",
        "Recorded answer that is another here",
        "the recorded value against this implementation's",
        "What was read is not what this implementation answers: it is another implementation, or something is missing "
        "before this step.",
        "Play it on another implementation, or look for what the log does not tell.",
        (Step,),
        _differs,
    ),
    Rule(
        "refused",
        "Operation that the machine refuses",
        "the errno of the KVM device, or the operation itself",
        "It changed nothing. What follows rests on a machine that never was.",
        "Do as the reason says.",
        (Step,),
        _refused,
    ),
)
