"""What the manual leaves open, as a run took it: each choice once, with the steps in which it was taken."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from app.gic.effects import Choice


@dataclass(frozen=True, slots=True)
class Taken:
    """One choice: what was left open, what was done, what else is allowed, and the steps, ascending."""

    rule: str
    taken: str
    alternatives: tuple[str, ...]
    cite: str
    behaviour: str
    steps: tuple[int, ...]

    def as_dict(self, most_steps: int | None = None) -> dict[str, object]:
        """JSON-able data with the first `most_steps` steps, all where None; `count` is that of all."""
        return {**asdict(self), "steps": list(self.steps[:most_steps]), "count": len(self.steps)}


class Choices:
    """The choices of a log, in the order in which they were first taken."""

    def __init__(self) -> None:
        self._steps: dict[Choice, list[int]] = {}

    def add(self, step: int, choices: Iterable[Choice]) -> None:
        """Step `step` took these. Steps are added in ascending order."""
        for choice in dict.fromkeys(choices):
            self._steps.setdefault(choice, []).append(step)

    def until(self, step: int) -> Choices:
        """Those of the steps up to this one."""
        found = Choices()
        for choice, steps in self._steps.items():
            early = steps[: bisect_right(steps, step)]
            if early:
                found._steps[choice] = early
        return found

    def taken(self, until: int | None = None) -> tuple[Taken, ...]:
        """All of them, or those of the steps up to `until`."""
        chosen = self if until is None else self.until(until)
        return tuple(
            Taken(each.rule, each.taken, each.alternatives, each.cite, each.behaviour, tuple(steps))
            for each, steps in chosen._steps.items()
        )
