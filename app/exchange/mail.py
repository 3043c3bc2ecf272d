"""A scenario and what came of it as plain text of 72 columns, for a mailing list."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import wrap

from app.scenario.operations import Note
from app.scenario.player import Player, Step
from app.scenario.runner import shown_value
from app.scenario.scenario import Scenario, Title, line_operation

COLUMNS = 72
NUMBER = 5
# A mail program may take a line of dashes for the beginning of a signature, and From at its beginning for another mail.
SENT_BY_MBOX = re.compile(r"^From ")


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands around the steps: the version of the model, where the scenario is, and the step to point at."""

    model: str
    address: str = ""
    step: int | None = None


def mail_text(scenario: Scenario, heading: Heading) -> str:
    """Title and machine, each step with its number and its answer, comments and notes between; the address last."""
    rows = [*_head(scenario, heading), "", *_steps(scenario, heading), ""]
    if heading.address:
        rows += _address(heading.address)
    return "".join(f"{SENT_BY_MBOX.sub('>From ', row).rstrip()}\n" for row in rows)


def _head(scenario: Scenario, heading: Heading) -> Iterator[str]:
    title = wrap(scenario.title or "A GICv3 scenario", COLUMNS)
    yield from title
    yield "=" * max(map(len, title))
    machine = scenario.machine
    told = f"{machine.implementation}, {machine.cpus} CPU{'s' * (machine.cpus > 1)}"
    if machine.security > 1:
        told += ", two Security states"
    yield f"{told}; played by giclab {heading.model}"


def _steps(scenario: Scenario, heading: Heading) -> Iterator[str]:
    player = Player(scenario.machine)
    for line in scenario.lines:
        operation = line_operation(line)
        if operation is None:
            if line.comment and not isinstance(line.content, Title):
                yield from _wrapped(line.comment.strip(), "", NUMBER + 2)
            continue
        step = player.apply(operation)
        mark = ">" if step.seq == heading.step else " "
        number = f"{mark}{step.seq:{NUMBER - 1}}  "
        if isinstance(operation, Note):
            yield from _wrapped(operation.text, number, NUMBER + 2)
            continue
        yield from _wrapped(" ".join(step.text.split()), number, NUMBER + 2, hanging=6)
        if line.comment:
            yield from _wrapped(f"# {line.comment.strip()}", "", NUMBER + 8)
        for said in _said(step):
            yield from _wrapped(said, "", NUMBER + 8, hanging=3)


def _said(step: Step) -> Iterator[str]:
    if step.refused:
        yield f"-> refused: {step.refused}"
    elif step.value is not None:
        yield f"-> {shown_value(step)}"
    outcome = step.expectation
    if outcome is not None and not outcome.asked:
        yield f"-> not asked here, it is {outcome.got_text}"
    elif outcome is not None:
        yield "-> holds" if outcome.passed else f"-> FAILS: it is {outcome.got_text}"


def _wrapped(text: str, first: str, indent: int, hanging: int = 0) -> list[str]:
    return wrap(
        text,
        COLUMNS,
        initial_indent=first or " " * indent,
        subsequent_indent=" " * (indent + hanging),
        break_on_hyphens=False,
    ) or [first.rstrip()]


def _address(address: str) -> Iterator[str]:
    """The address in one line; a longer one in angle brackets and several, as RFC 3986, appendix C, has it."""
    if len(address) <= COLUMNS:
        yield address
        return
    yield "The whole scenario is in this address, which goes on over the lines:"
    whole = f"<{address}>"
    yield from (whole[at : at + COLUMNS] for at in range(0, len(whole), COLUMNS))
