"""A scenario played once, under the eyes of all rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from app import limits
from app.review.finding import End, Finding, Found, Review, Rule, Seen
from app.review.history import History
from app.review.rules import RULES
from app.scenario import Scenario
from app.scenario.operations import Ack, Expect, Migrate, Operation, Poke, Read, Uread
from app.scenario.player import Player, Step
from app.scenario.scenario import MachineSpec

BY_KIND: dict[type, tuple[Rule, ...]] = {
    kind: tuple(rule for rule in RULES.values() if kind in rule.on) for rule in RULES.values() for kind in rule.on
}


def review(scenario: Scenario, implementation: str | None = None) -> Review:
    """What is wrong in a scenario, played on another implementation than it names where one is given."""
    spec = scenario.machine if implementation is None else scenario.machine.on(implementation)
    return review_of(spec, scenario.operations)


def review_of(spec: MachineSpec, operations: Iterable[Operation]) -> Review:
    """What is wrong in these operations, each played once, in order."""
    player, history, gathered = Player(spec), History(), _Gathered()
    step = None
    for op in operations:
        before = _bytes_before(player, op)
        step = player.apply(op)
        if isinstance(op, Read | Ack | Uread):
            history.read = " ".join(step.text.split())
        gathered.take(Seen(step, player.machine, history, before))
    if step is not None:
        seen = Seen(step, player.machine, history)
        gathered.shown(seen, End())
    return Review(spec.implementation, player.seq, *gathered.told())


def _bytes_before(player: Player, op: Operation) -> bytes:
    if not isinstance(op, Poke):
        return b""
    try:
        return player.machine.memory.read(op.address, len(op.data))
    except IndexError:
        return b""


@dataclass(slots=True)
class _Group:
    """One rule about one object."""

    rule: Rule
    first: Found
    step: int
    text: str
    steps: list[int] = field(default_factory=list)
    count: int = 0
    last: int = 0


class _Gathered:
    """Findings, each object of a rule once."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str], _Group] = {}
        self._left_out: set[tuple[str, str]] = set()

    def take(self, seen: Seen) -> None:
        """Show a step and what it did to the rules that look at it, and remember it."""
        step, history = seen.step, seen.history
        self.shown(seen, step)
        self.shown(seen, step.op)
        if isinstance(step.op, Poke) and len(seen.before) == len(step.op.data):
            history.stored(step, seen.machine, step.op.address, seen.before, step.op.data)
        # What a VMM does to move a machine is not software's doing: the history begins again from what came of it.
        if not isinstance(step.op, Migrate):
            for effect in step.effects:
                self.shown(seen, effect)
                history.note(effect)
        history.after(step, seen.machine)
        if not isinstance(step.op, Read | Ack | Uread | Expect):
            history.read = ""

    def shown(self, seen: Seen, thing: object) -> None:
        """Show one thing to the rules that look at its kind."""
        for rule in BY_KIND.get(type(thing), ()):
            for found in rule.find(seen, thing):
                self._add(rule, found, seen.step)

    def _add(self, rule: Rule, found: Found, step: Step) -> None:
        key = (rule.slug, found.about)
        group = self._groups.get(key)
        if group is None:
            if len(self._groups) >= limits.FINDINGS_PER_REVIEW:
                if len(self._left_out) < limits.OPERATIONS_PER_SESSION:
                    self._left_out.add(key)
                return
            text = found.text or " ".join(step.text.split())
            group = self._groups[key] = _Group(rule, found, found.step or step.seq, text)
        at = found.step or step.seq
        if group.last != at:
            group.last = at
            group.count += 1
            if len(group.steps) < limits.FINDING_STEPS_SHOWN:
                group.steps.append(at)

    def told(self) -> tuple[tuple[Finding, ...], int]:
        """The findings by step, and how many are left out."""
        return tuple(sorted(self._findings(), key=lambda each: each.step)), len(self._left_out)

    def _findings(self) -> Iterator[Finding]:
        for each in self._groups.values():
            text, first = " ".join(each.text.split()), each.first
            yield Finding(
                each.rule, each.step, text, first.about, first.says, first.register, tuple(each.steps), each.count
            )
