"""The discussion of 2019 claim by claim: what was claimed, and experiments whose results are measured by playing them.

The claims are data in `app/thread/claims.toml`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from app.registers import IMPLEMENTATION_NAMES
from app.scenario.laboratory import Plan, experiment
from app.scenario.operations import Ack, Migrate, Read, Uread
from app.scenario.outcome import Outcome, Verdict, outcome
from app.scenario.parse import parse, parse_line
from app.scenario.player import Player, Step
from app.scenario.runner import answer
from app.scenario.scenario import MachineSpec, Scenario

FILE = Path(__file__).resolve().parent.parent / "thread" / "claims.toml"


@dataclass(frozen=True, slots=True, eq=False)
class Experiment:
    """`text` is a scenario; with a `plan` its machine is migrated after it, which `order` and `edit` spell.

    `real`: what real implementations were seen to do, by name; as `Measured.stated` says it. `cannot`: why this
    experiment is not played, else empty.
    """

    id: str
    does: str
    text: str
    order: str
    edit: str
    real: Mapping[str, tuple[str, ...] | int]
    cannot: str

    @property
    def migrates(self) -> bool:
        return bool(self.order)

    def scenario(self) -> Scenario:
        return parse(self.text, self.id)

    def plan(self, spec: MachineSpec) -> Plan:
        op = parse_line(f"migrate order={self.order} {self.edit.replace(',', ' ')}", spec)
        assert isinstance(op, Migrate)
        return Plan(op=op)


@dataclass(frozen=True, slots=True)
class Claim:
    id: str
    claim: str
    said: str
    experiments: tuple[Experiment, ...]
    beside: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """What one implementation did: what it answered as (operation, answer), or what became of its LPIs."""

    implementation: str
    answers: tuple[tuple[str, str], ...] = ()
    outcome: Outcome | None = None

    @property
    def shown(self) -> object:
        """What is compared between implementations."""
        if self.outcome is None:
            return self.answers
        return tuple((fate.intid, fate.verdict) for fate in self.outcome.fates)

    @property
    def stated(self) -> tuple[str, ...] | int:
        """The answers, or how many pending LPIs came back: what was also noted of real ones."""
        if self.outcome is None:
            return tuple(value for _, value in self.answers)
        return sum(fate.verdict is Verdict.CAME_BACK for fate in self.outcome.fates)


@cache
def claims() -> tuple[Claim, ...]:
    """All claims, in the order of the discussion."""
    data = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return tuple(
        Claim(
            item["id"],
            item["claim"],
            item["said"],
            tuple(_experiment(each, data) for each in item.get("experiment", ())),
            tuple(item.get("beside", ())),
        )
        for item in data["claim"]
    )


def _experiment(each: dict[str, Any], data: dict[str, Any]) -> Experiment:
    parts = [data[part].lstrip().format(ptz=each.get("ptz", 0)) for part in each.get("parts", ())]
    title = f"title  {each['id']}\n"
    plan = each.get("plan", {})
    text = title + data["fixture"].lstrip() + "".join(parts) + each.get("steps", "").lstrip()
    real = {name: seen if isinstance(seen, int) else tuple(seen) for name, seen in each.get("real", {}).items()}
    return Experiment(
        each["id"],
        each["does"],
        text,
        plan.get("order", ""),
        plan.get("edit", ""),
        MappingProxyType(real),
        each.get("cannot", ""),
    )


@cache
def measured(each: Experiment) -> tuple[Measured, ...]:
    """The experiment on every implementation, played now, and kept: nothing in it changes. None if it cannot be."""
    if each.cannot:
        return ()
    return tuple(_measure(each, name) for name in IMPLEMENTATION_NAMES)


def _measure(each: Experiment, name: str) -> Measured:
    scenario = each.scenario()
    player = Player(scenario.machine.on(name))
    steps = []
    for op in scenario.operations:
        if isinstance(op, Read | Ack | Uread):
            steps.append(player.apply(op))
        else:
            player.advance(op)
    if each.migrates:
        return Measured(name, outcome=outcome(experiment(player.machine, player.spec, each.plan(player.spec))))
    return Measured(name, tuple((step.text, _said(step)) for step in steps))


def _said(step: Step) -> str:
    """The answer; an acknowledge that found nothing in words."""
    if isinstance(step.op, Ack) and step.value == 1023:
        return "1023, nothing"
    return answer(step)
