"""A log of operations and the machine at any step of it, at a cost that grows with the distance to a checkpoint."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from app.gic import Machine
from app.scenario.choices import Choices
from app.scenario.operations import Operation
from app.scenario.player import Player, Position, Step, Verdict, verdict_of
from app.scenario.scenario import MachineSpec
from app.scenario.work import Effort

# A replay of this many operations is what going to a step costs at most, until the log outgrows MOST_CHECKPOINTS.
FIRST_INTERVAL = 32
MOST_CHECKPOINTS = 256
MOST_STEPS_KEPT = 64
# The same in effects, some 200 bytes each, of which a step may have thousands: 2 MB. The last step is kept in any case.
MOST_EFFECTS_KEPT = 8192


class Timeline:
    """Operations played so far. Step 0 is the machine at reset, step n the machine after operation n.

    `head` is always at the end; going back uses a second machine, so that looking at the past never disturbs it.
    `verdicts` tells of each step that was asked something, or refused, what it came to.
    At most MOST_CHECKPOINTS snapshots are kept: when there are more, every second is dropped and the interval doubles.
    """

    def __init__(self, spec: MachineSpec, ops: Iterable[Operation] = ()) -> None:
        self.spec = spec
        self.ops: list[Operation] = []
        self.verdicts: dict[int, Verdict] = {}
        self.interval = FIRST_INTERVAL
        self._head = Player(spec)
        self._past: Player | None = None
        self._checkpoints: dict[int, Position] = {0: self._head.position()}
        self._marks: list[int] = [0]
        self._steps: dict[int, Step] = {}
        self._effects = 0  # of all of them
        self.choices = Choices()
        self.extend(ops)

    def __len__(self) -> int:
        return len(self.ops)

    @property
    def machine(self) -> Machine:
        """The machine at the end of the log."""
        return self._head.machine

    @property
    def work(self) -> int:
        """Of `effort`, what each operation is asked about."""
        return self._head.work

    @property
    def pages(self) -> int:
        """Of `effort`, what each operation is asked about."""
        return self._head.pages

    @property
    def effort(self) -> Effort:
        """What playing all of it took."""
        return self._head.effort

    def append(self, op: Operation) -> Step:
        """Play one more operation."""
        step = self._head.apply(op)
        self.ops.append(op)
        self._note_choices()
        verdict = verdict_of(step)
        if verdict is not None:
            self.verdicts[step.seq] = verdict
        self._checkpoint()
        self._keep(step)
        return step

    def extend(self, ops: Iterable[Operation]) -> None:
        """Play more operations, without what they did: `step` tells it when it is asked for."""
        for op in ops:
            verdict = self._head.judge(op)
            self.ops.append(op)
            self._note_choices()
            if verdict is not None:
                self.verdicts[len(self.ops)] = verdict
            self._checkpoint()

    def at(self, step: int) -> Machine:
        """The machine after `step` operations, to look at: the next `at` or `step` may move it. IndexError outside."""
        if step == len(self.ops):
            return self._head.machine
        return self._at(step).machine

    def step(self, number: int) -> Step:
        """What operation `number` (from 1) did, its effects included. IndexError outside."""
        if not 1 <= number <= len(self.ops):
            raise IndexError(f"step {number} of {len(self.ops)}")
        kept = self._steps.get(number)
        if kept is None:
            kept = self._at(number - 1).apply(self.ops[number - 1])
            self._keep(kept)
        return kept

    def remembers(self, number: int) -> bool:
        """Whether `step` has the answer at hand, so that nothing is played for it."""
        return number in self._steps

    def fork(self, step: int) -> Timeline:
        """A timeline of its own with the first `step` operations, on the same checkpoints."""
        if not 0 <= step <= len(self.ops):
            raise IndexError(f"step {step} of {len(self.ops)}")
        other = Timeline(self.spec)
        other.ops = self.ops[:step]
        other.verdicts = {number: verdict for number, verdict in self.verdicts.items() if number <= step}
        other.interval = self.interval
        other._marks = [mark for mark in self._marks if mark <= step]
        other._checkpoints = {mark: self._checkpoints[mark] for mark in other._marks}
        other._steps = {number: kept for number, kept in self._steps.items() if number <= step}
        other._effects = sum(len(kept.effects) for kept in other._steps.values())
        other.choices = self.choices.until(step)
        last = other._marks[-1]
        other._head.restore(other._checkpoints[last])
        for op in other.ops[last:]:
            other._head.advance(op)
        other._head.machine.choices.clear()
        return other

    def _at(self, step: int) -> Player:
        """The second machine, moved to `step` from where it is or from the nearest checkpoint below."""
        if not 0 <= step <= len(self.ops):
            raise IndexError(f"step {step} of {len(self.ops)}")
        mark = self._marks[bisect_right(self._marks, step) - 1]
        player = self._past
        if player is None:
            player = self._past = Player(self.spec)
            player.restore(self._checkpoints[mark])
        elif not mark <= player.seq <= step:
            player.restore(self._checkpoints[mark])
        while player.seq < step:
            player.advance(self.ops[player.seq])
        return player

    def _note_choices(self) -> None:
        taken = self._head.machine.choices
        if taken:
            self.choices.add(len(self.ops), taken)
            taken.clear()

    def _checkpoint(self) -> None:
        length = len(self.ops)
        if length % self.interval:
            return
        self._checkpoints[length] = self._head.position()
        self._marks.append(length)
        if len(self._marks) > MOST_CHECKPOINTS:
            self.interval *= 2
            self._marks = [mark for mark in self._marks if mark % self.interval == 0]
            self._checkpoints = {mark: self._checkpoints[mark] for mark in self._marks}

    def _keep(self, step: Step) -> None:
        self._steps[step.seq] = step
        self._effects += len(step.effects)
        while len(self._steps) > MOST_STEPS_KEPT or (self._effects > MOST_EFFECTS_KEPT and len(self._steps) > 1):
            self._effects -= len(self._steps.pop(next(iter(self._steps))).effects)
