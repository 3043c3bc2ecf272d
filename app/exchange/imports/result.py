"""What came of an import: the machine, the steps and the lines they come from, and what was not understood."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from dataclasses import dataclass, field
from pathlib import Path

from app.exchange.imports.pieces import Format
from app.scenario.player import Position
from app.scenario.scenario import MachineSpec

KEPT = 200
"""Rows of each list that are kept to be shown; the counts are of all."""


@dataclass(frozen=True, slots=True)
class Remark:
    """A line of the input and what is said of it; `step` is the one before which it stands, 0 where none follows."""

    line: int
    text: str
    reason: str = ""
    step: int = 0


@dataclass(slots=True)
class Remarks:
    """The first KEPT remarks of a kind, and how many there were."""

    kept: list[Remark] = field(default_factory=list)
    count: int = 0

    def add(self, remark: Remark) -> None:
        self.count += 1
        if len(self.kept) < KEPT:
            self.kept.append(remark)

    @property
    def more(self) -> int:
        return self.count - len(self.kept)


@dataclass(frozen=True, slots=True)
class Mark:
    """The machine before step `step` + 1, whose text begins at byte `offset` of the steps."""

    step: int
    offset: int
    position: Position | None


@dataclass(slots=True)
class Import:
    """An input as it was understood. `path` holds the steps as scenario text, one a line, `marks` where one may start.

    `others` are lines of something else, `bad` those of the format that cannot be read, `facts` what lines say that are
    no steps, `inferred` steps that the input does not tell, `differences` where the machine does not do as the input
    says; `checked` counts what was compared. `line_of[n]` is the input's line of step n + 1; it never decreases.
    """

    format: Format
    spec: MachineSpec
    path: Path
    title: str
    lines: int = 0
    understood: int = 0
    others: Remarks = field(default_factory=Remarks)
    bad: Remarks = field(default_factory=Remarks)
    facts: Remarks = field(default_factory=Remarks)
    inferred: Remarks = field(default_factory=Remarks)
    differences: Remarks = field(default_factory=Remarks)
    checked: int = 0
    marks: list[Mark] = field(default_factory=list)
    line_of: array[int] = field(default_factory=lambda: array("I"))
    text_bytes: int = 0

    @property
    def steps(self) -> int:
        return len(self.line_of)

    def step_of(self, line: int) -> int:
        """The first step (from 1) of that line of the input or of one after it; 0 where there is none."""
        found = bisect_left(self.line_of, line)
        return found + 1 if found < len(self.line_of) else 0
