"""What a step caused where: its operation and its effects, each lane's alike ones together."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from app.scenario.lane_rules import Lane, Mark, spots
from app.scenario.player import Step
from app.scenario.scenario import MachineSpec

OPERATION = "operation"
# With so many CPUs all have their lanes; with more only those where something happened.
FEW_CPUS = 4
Place: TypeAlias = tuple[Lane, int | None]


@dataclass(slots=True)
class Marked:
    """Something that a step did in a lane, `count` times. `cpu` is the lane's, None where there is one lane for all.

    `mark` is a Mark, or the verb of the operation; `about` the first register, INTID or command it concerns, or "";
    `kind` an effect's, or `operation`; `words` the first few sentences.
    """

    lane: Lane
    cpu: int | None
    mark: str
    about: str
    kind: str
    words: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, words: str, most: int) -> None:
        """Once more; `most` sentences are kept."""
        self.count += 1
        if len(self.words) < most:
            self.words.append(words)

    def as_dict(self) -> dict[str, Any]:
        """As JSON-able data."""
        return {
            "lane": self.lane.value,
            "cpu": self.cpu,
            "mark": self.mark,
            "about": self.about,
            "kind": self.kind,
            "words": self.words,
            "count": self.count,
        }


def marks_of(step: Step, most_words: int) -> list[Marked]:
    """From cause to result; of alike ones at most `most_words` are told in words."""
    text = " ".join(step.text.split())
    mark = Mark.REFUSED.value if step.refused else step.op.verb
    operation = Marked(Lane.SOFTWARE, None, mark, "", OPERATION)
    operation.add(f"{text}, refused: {step.refused}" if step.refused else text, most_words)
    alike: dict[tuple[Lane, int | None, str], Marked] = {}
    for spot in spots(step.effects):
        key = (spot.lane, spot.cpu, spot.mark.value)
        if key not in alike:
            alike[key] = Marked(*key, spot.about, spot.effect.kind)
        alike[key].add(spot.effect.words, most_words)
    return [operation, *alike.values()]


def places_of(steps: Iterable[Collection[Place]], spec: MachineSpec) -> tuple[tuple[Place, ...], int]:
    """The lanes that these steps need, from cause to result, and how many CPUs have none."""
    active = {place for step in steps for place in step}
    shared: list[Place] = [(Lane.SOFTWARE, None)]
    shared += [(Lane.DISTRIBUTOR, None)] * ((Lane.DISTRIBUTOR, None) in active)
    shared += [(Lane.ITS, None)] * (spec.its or (Lane.ITS, None) in active)
    own: list[Place] = []
    quiet = 0
    for cpu in range(spec.cpus):
        both: list[Place] = [(Lane.REDISTRIBUTOR, cpu), (Lane.CPU, cpu)]
        there = both if spec.cpus <= FEW_CPUS else [place for place in both if place in active]
        quiet += not there
        own += there
    return (*shared, *own), quiet
