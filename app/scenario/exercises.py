"""A goal to reach from a given start: what a learner adds is played, and the goal's expectations are looked at.

An exercise travels in a link as a scenario (its start) whose settings say the task, the goals and the bound. The
model answer of a lesson's exercise is in the lesson's file only, for the test that it reaches the goal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.scenario import links
from app.scenario.errors import ScenarioError
from app.scenario.expect import check as check_expectation
from app.scenario.format import format_operation, format_term
from app.scenario.lesson_parts import Block, keyed_lines
from app.scenario.operations import Expect, Note, Operation, Read, Uread
from app.scenario.parse import parse, parse_line
from app.scenario.player import Player, Step
from app.scenario.scenario import MachineSpec, Scenario

KEYS = ("task", "goal", "most", "only")
MOST_GOALS = 8
MOST_ADDED = 64
"""Operations that an answer may have, whatever the exercise says: a play of so many ends within a few milliseconds."""
MOST_START = 200
LONGEST_TASK = 1000
_MOST = re.compile(r"(?P<count>[1-9][0-9]?) (?P<what>commands|operations)\Z")
_FREE = (Note, Expect, Read, Uread)


@dataclass(frozen=True)
class Exercise:
    """`goals` are expectations as text; `most` `what` ("commands" of the ITS, or "operations") may be used.

    `only` names the verbs that an answer may use, () for all; what only looks (`read`, `note`) is free and allowed.
    """

    start: Scenario
    task: str
    goals: tuple[str, ...]
    most: int
    what: str
    only: tuple[str, ...] = ()
    answer: str = ""

    @property
    def machine(self) -> MachineSpec:
        return self.start.machine

    @property
    def expectations(self) -> tuple[Expect, ...]:
        return tuple(_goal(text, self.machine) for text in self.goals)

    def payload(self, of: str = "") -> str:
        """The exercise as the payload of an /exercise/ link, without its answer; `of` is the lesson that it is of."""
        view = {"task": self.task, "goal": "\n".join(self.goals), "most": f"{self.most} {self.what}"}
        view |= {key: value for key, value in (("only", " ".join(self.only)), ("of", of)) if value}
        return links.pack(self.start, view=view)


@dataclass(frozen=True, slots=True)
class Goal:
    """One goal after the answer: `got` is what it is instead, in words."""

    text: str
    reached: bool
    got: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """`used` of what is counted; `against` are rules that were broken, in words; `steps` what the answer did."""

    goals: tuple[Goal, ...]
    used: int
    most: int
    what: str
    against: tuple[str, ...]
    steps: tuple[Step, ...]

    @property
    def reached(self) -> bool:
        return not self.against and all(goal.reached for goal in self.goals)


def exercise_of(source: str, blocks: Sequence[Block]) -> Exercise | None:
    """The exercise in a lesson's blocks. Raises ScenarioError where it is not whole."""
    found = {block.kind: block for block in blocks if block.kind in ("exercise", "start", "answer")}
    if not found:
        return None
    for kind in ("exercise", "start", "answer"):
        if kind not in found:
            line = next(iter(found.values())).line
            raise ScenarioError(f"an exercise without {kind}", source=source, line=line, expected=f"a block ```{kind}")
    block, start = found["exercise"], found["start"]
    rows = block.text.rstrip("\n").split("\n")
    goals: list[str] = []
    keys: dict[str, str] = {}
    for number, key, value, column in keyed_lines(source, rows, block.line, KEYS, "in an exercise"):
        if key == "goal":
            parse_at(value, "\n" * (start.line - 1) + start.text, source, number, column)
            goals.append(value)
        else:
            keys[key] = value
    begin = parse("\n" * (start.line - 1) + start.text, source)
    try:
        made = _made(begin, keys.get("task", ""), goals, keys.get("most", ""), keys.get("only", ""))
    except ValueError as error:
        raise ScenarioError(str(error), source=source, line=block.line) from error
    return Exercise(begin, made.task, made.goals, made.most, made.what, made.only, found["answer"].text)


def parse_at(goal: str, start: str, source: str, number: int, column: int) -> None:
    """Check a goal where it stands in a file. Raises ScenarioError with that place."""
    try:
        _goal(goal, parse(start, source).machine)
    except ScenarioError as error:
        shift = column - 1 - len("expect ")
        raise ScenarioError(
            error.problem,
            source=source,
            line=number,
            column=max(1, error.column + shift),
            expected=error.expected,
            nearest=error.nearest,
            text=f"{' ' * (column - 1)}{goal}",
        ) from error


def exercise_from(link: links.Link) -> Exercise:
    """The exercise that a link carries. Raises LinkError where it carries none, ScenarioError as its texts do."""
    view: Mapping[str, str] = link.view
    if "goal" not in view:
        raise links.LinkError("the link carries a scenario but no goal", "The same link with /x/ opens the scenario.")
    try:
        goals = view["goal"].split("\n")
        return _made(link.scenario(), view.get("task", ""), goals, view.get("most", ""), view.get("only", ""))
    except ScenarioError:
        raise
    except ValueError as error:
        raise links.LinkError(f"the link's exercise cannot be read: {error}") from None


def attempt(exercise: Exercise, added: Sequence[Operation]) -> Verdict:
    """Play the start and what was added, and look at the goals."""
    player = Player(exercise.machine)
    for op in exercise.start.operations:
        player.advance(op)
    steps = tuple(player.apply(op) for op in added[: MOST_ADDED + 1])
    goals = []
    for text, expect in zip(exercise.goals, exercise.expectations, strict=True):
        outcome = check_expectation(expect, player.machine, player.last)
        goals.append(Goal(text, outcome.passed, f"{format_term(expect.term)} is {outcome.got_text}"))
    counted = [op for op in added if not isinstance(op, _FREE)]
    used = sum(op.verb == "its" for op in counted) if exercise.what == "commands" else len(counted)
    return Verdict(
        tuple(goals), used, exercise.most, exercise.what, tuple(_against(exercise, added, counted, used)), steps
    )


def added_lines(text: str, machine: MachineSpec) -> tuple[Operation, ...]:
    """The operations that a learner wrote, one a line. Raises ScenarioError for the first that cannot be read."""
    added: list[Operation] = []
    for number, row in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        if row.strip() and not row.lstrip().startswith("#"):
            added.append(parse_line(row, machine, source="answer", number=number))
        if len(added) > MOST_ADDED:
            raise ScenarioError(f"more than {MOST_ADDED} operations", source="answer", line=number, text=row[:80])
    return tuple(added)


def added_since(exercise: Exercise, scenario: Scenario) -> tuple[Operation, ...] | None:
    """What a session's log adds to the start; None where it did not begin with the start."""
    begun = exercise.start.operations
    ops = scenario.operations
    return None if scenario.machine != exercise.machine or ops[: len(begun)] != begun else ops[len(begun) :]


def _against(exercise: Exercise, added: Sequence[Operation], counted: Sequence[Operation], used: int) -> list[str]:
    told: list[str] = []
    if used > exercise.most:
        told.append(f"{used} {exercise.what} are more than {exercise.most}")
    if len(added) > MOST_ADDED:
        told.append(f"{len(added)} operations are more than {MOST_ADDED}")
    wrong = next((op for op in counted if exercise.only and op.verb not in exercise.only), None)
    if wrong is not None:
        told.append(f"{format_operation(wrong, exercise.machine, compact=True)} is not allowed here")
    return told


def _made(start: Scenario, task: str, goals: Sequence[str], most: str, only: str) -> Exercise:
    """The exercise of these words. Raises ValueError, which says what is wrong."""
    bound = _MOST.match(most)
    if bound is None:
        raise ValueError(f"most: {most[:40]!r}; expected as '4 commands' or '6 operations'")
    if not task.strip() or len(task) > LONGEST_TASK:
        raise ValueError(f"a task of {len(task)} characters; expected 1 to {LONGEST_TASK}")
    if not 1 <= len(goals) <= MOST_GOALS:
        raise ValueError(f"{len(goals)} goals; expected 1 to {MOST_GOALS}")
    if len(start.operations) > MOST_START:
        raise ValueError(f"a start of {len(start.operations)} operations; expected at most {MOST_START}")
    for text in goals:
        _goal(text, start.machine)
    return Exercise(start, task, tuple(goals), int(bound["count"]), bound["what"], tuple(only.split()))


def _goal(text: str, machine: MachineSpec) -> Expect:
    found = parse_line(f"expect {text}", machine, source="goal")
    assert isinstance(found, Expect)
    return found


def session_text(exercise: Exercise) -> str:
    """The start as a session's text."""
    return "".join(f"{row}\n" for row in links.shortest(exercise.start).split("\n") if row)
