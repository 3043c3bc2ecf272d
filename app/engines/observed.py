"""What a real KVM and a real QEMU answered when a lesson was played on them: app/lessons/recordings/*.json.

A recording is found by the operations of a scenario, wherever these came from. docs/record_lessons.py makes them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

from app.engines.compare import Comparison
from app.scenario.format import format_operation
from app.scenario.operations import Expect, Migrate, Operation
from app.scenario.player import Step
from app.scenario.scenario import MachineSpec, Scenario

Told: TypeAlias = tuple[int | None, str, str]
FOLDER = Path(__file__).resolve().parent.parent / "lessons" / "recordings"


@dataclass(frozen=True, slots=True)
class Observed:
    """One step as the real one answered; None where it was not asked.

    `got` is the left side of an expectation, `hppi` the highest priority pending INTID of each CPU (QEMU only).
    """

    value: int | None = None
    got: str | None = None
    refused: str | None = None
    hppi: tuple[int | None, ...] | None = None


@dataclass(frozen=True, slots=True)
class Recording:
    """A scenario on one real GIC. `of` as "Linux 6.1.192 KVM", `date` in ISO form, `until` the last step played."""

    of: str
    date: str
    until: int
    steps: Mapping[int, Observed]

    def differences(self, told: Sequence[Told]) -> Iterator[tuple[int, str, str]]:
        """Where a model answered otherwise: the step, what was recorded, what the model says."""
        for seq, seen in self.steps.items():
            value, got, refused = told[seq - 1]
            if seen.value is not None and seen.value != value:
                yield seq, f"{seen.value:#x}", "nothing" if value is None else f"{value:#x}"
            if seen.got is not None and seen.got != got:
                yield seq, seen.got, got
            if (seen.refused or "") != refused:
                yield seq, seen.refused or "done", refused or "done"

    def words(self, total: int) -> str:
        """What was played, when, and how far of `total` steps."""
        part = "" if self.until == total else f" up to step {self.until}"
        return f"{self.of}{part}, {self.date}"


def agrees(recording: Recording, comparison: Comparison, name: str) -> bool:
    """Whether a comparison's column of that name answers all that was recorded as it was recorded."""
    rows = [(step.op, step.answers[name]) for step in comparison.steps]
    return not any(
        recording.differences([(each.value, each.expected, _refusal(op, each.refused)) for op, each in rows])
    )


def told_by(step: Step) -> Told:
    """What a step says outside: a value, what an expectation found, a refusal without the words of our model."""
    got = "" if step.expectation is None else step.expectation.got_text
    return step.value, got, _refusal(step.op, step.refused)


def _refusal(op: Operation, refused: str) -> str:
    """An errno alone, or of a migration which steps were answered with which."""
    return refused if isinstance(op, Migrate) else refused.partition(": ")[0]


def digest(scenario: Scenario) -> str:
    """The scenario's machine and operations as a hash, whatever the implementation and however it is spelled."""
    spec = replace(scenario.machine, implementation=MachineSpec().implementation)
    # What an expectation wants, and of whom, changes nothing: what it looks at is the operation.
    rows = [repr(spec)] + [
        f"expect {op.term}" if isinstance(op, Expect) else format_operation(op, spec, compact=True)
        for op in scenario.operations
    ]
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()[:32]


def recordings(scenario: Scenario) -> Mapping[str, Recording]:
    """By implementation ("kvm", "qemu") what real ones answered to this scenario; {} if it was not recorded."""
    return _all().get(digest(scenario), {})


@lru_cache(maxsize=1)
def _all() -> Mapping[str, Mapping[str, Recording]]:
    found = {}
    for path in sorted(FOLDER.glob("*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        found[content["scenario"]] = {side: _recording(content[side]) for side in ("kvm", "qemu") if side in content}
    return found


def _recording(content: Mapping[str, Any]) -> Recording:
    steps = {int(seq): _observed(row) for seq, row in content["steps"].items()}
    return Recording(content["of"], content["date"], content["until"], steps)


def _observed(row: Mapping[str, Any]) -> Observed:
    hppi = row.get("hppi")
    return Observed(
        None if "value" not in row else int(row["value"], 16),
        row.get("got"),
        row.get("refused"),
        None if hppi is None else tuple(hppi),
    )
