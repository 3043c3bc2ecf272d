"""What a review is made of: rules, what one of them saw, and the findings that are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from app.gic import Machine
from app.review.history import History
from app.scenario.player import Step


@dataclass(frozen=True, slots=True)
class Seen:
    """A step as the rules see it: what it did, the machine after it, and what came before.

    `before` are the bytes of RAM that a `poke` replaced.
    """

    step: Step
    machine: Machine
    history: History
    before: bytes = b""


@dataclass(frozen=True, slots=True)
class Found:
    """What a rule saw: the object, by which repetitions are folded, one sentence, and the register it is seen in.

    `step` and `text` are of an earlier step where it is that one which is wrong.
    """

    about: str
    says: str
    register: str = ""
    step: int = 0
    text: str = ""


@dataclass(frozen=True, slots=True)
class End:
    """What rules are shown after the last step: whatever is still missing is missing."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`on` are the effects that it looks at, or Step for every step, or End. `mend`: what would be right."""

    slug: str
    name: str
    cite: str
    why: str
    mend: str
    on: tuple[type, ...]
    find: Callable[[Seen, Any], Iterator[Found]]


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding at its first step; `steps` are that one and others alike, at most some, `count` how many there are."""

    rule: Rule
    step: int
    text: str
    about: str
    says: str
    register: str
    steps: tuple[int, ...]
    count: int

    @property
    def again(self) -> str:
        """How often the same was found in later steps, in words, or nothing."""
        more = self.count - 1
        return f"and at {more:,} more {'step' if more == 1 else 'steps'}" if more else ""

    def as_dict(self) -> dict[str, object]:
        """JSON-able data."""
        return {
            "rule": self.rule.slug,
            "name": self.rule.name,
            "step": self.step,
            "op": self.text,
            "about": self.about,
            "says": self.says,
            "register": self.register,
            "mend": self.rule.mend,
            "cite": self.rule.cite,
            "steps": list(self.steps),
            "count": self.count,
        }


@dataclass(frozen=True, slots=True)
class Review:
    """The findings of a scenario by step; `left_out` is how many more objects had some."""

    implementation: str
    steps: int
    findings: tuple[Finding, ...]
    left_out: int

    def as_dict(self) -> dict[str, object]:
        """JSON-able data."""
        return {
            "implementation": self.implementation,
            "steps": self.steps,
            "findings": [each.as_dict() for each in self.findings],
            "left_out": self.left_out,
        }
