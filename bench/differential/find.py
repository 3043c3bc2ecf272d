"""A difference as its shortest scenario, written down with both answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.scenario.format import format_scenario
from app.scenario.operations import Operation
from app.scenario.scenario import MachineSpec, Scenario, make_scenario
from bench.differential.pair import Difference, Pair
from bench.differential.shrink import shrink


@dataclass(frozen=True, slots=True)
class Found:
    """`scenario` shows `difference`, and no shorter one was found that shows any."""

    scenario: Scenario
    difference: Difference


def found_in(pair: Pair, scenario: Scenario) -> Found:
    """Shrink a scenario that shows a difference. ValueError: it shows none."""
    spec = scenario.machine
    first = pair.difference(spec, scenario.operations)
    if first is None:
        raise ValueError(f"{scenario.title}: no difference")

    def holds(some: Sequence[Operation]) -> bool:
        found = pair.difference(spec, some, ram=first.kind == "ram")
        return found is not None and found.kind == first.kind

    operations = shrink(_as_far(scenario.operations, first), holds)
    difference = pair.difference(spec, operations)
    assert difference is not None
    return Found(_scenario(scenario.title, spec, operations, difference), difference)


def _as_far(operations: Sequence[Operation], difference: Difference) -> Sequence[Operation]:
    return operations[: difference.at + 1]


def _scenario(title: str, spec: MachineSpec, operations: Sequence[Operation], difference: Difference) -> Scenario:
    shown = () if difference.shows is None else (difference.shows,)
    return make_scenario(title, spec, (*operations, *shown))


def written(found: Found) -> str:
    """The scenario as a file, with what was answered as comments."""
    told = "".join(f"# {line}\n" for line in str(found.difference).splitlines())
    return f"{told}{format_scenario(found.scenario)}"
