"""A whole scenario on one implementation, and the same scenario on several."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from app.gic.effects import Choice, as_dict
from app.scenario.choices import Choices, Taken
from app.scenario.expect import Expectation
from app.scenario.player import Player, Step
from app.scenario.scenario import Scenario, line_operation


@dataclass(frozen=True, slots=True)
class Played:
    """A step, and the line of the text that it is."""

    line: int
    step: Step


@dataclass(frozen=True, slots=True)
class Run:
    """A scenario played on one implementation."""

    implementation: str
    played: tuple[Played, ...]

    @property
    def asked(self) -> tuple[Expectation, ...]:
        """The expectations that concern this implementation."""
        found = (item.step.expectation for item in self.played)
        return tuple(expectation for expectation in found if expectation is not None and expectation.asked)

    @property
    def choices(self) -> tuple[Taken, ...]:
        """What it took of what the manual leaves open."""
        found = Choices()
        for item in self.played:
            found.add(item.step.seq, (effect for effect in item.step.effects if isinstance(effect, Choice)))
        return found.taken()

    @property
    def failed(self) -> int:
        return sum(not expectation.passed for expectation in self.asked)


def play(scenario: Scenario, implementation: str | None = None) -> Iterator[Played]:
    """Play the scenario step by step, on another implementation than it names where one is given."""
    spec = scenario.machine if implementation is None else scenario.machine.on(implementation)
    player = Player(spec)
    for line in scenario.lines:
        operation = line_operation(line)
        if operation is not None:
            yield Played(line.number, player.apply(operation))


def run(scenario: Scenario, implementation: str | None = None) -> Run:
    """Play the whole scenario."""
    return Run(implementation or scenario.machine.implementation, tuple(play(scenario, implementation)))


def answer(step: Step) -> str:
    """What a step showed to the outside, as text: a read value, an expectation's left side, a refusal; or nothing."""
    parts = []
    if step.value is not None:
        parts.append(shown_value(step))
    if step.expectation is not None:
        parts.append(step.expectation.got_text)
    if step.refused:
        parts.append(f"refused: {step.refused}")
    return ", ".join(parts)


def shown_value(step: Step) -> str:
    """The value of a step as people read it: INTIDs in decimal, registers in all hex digits of the access."""
    value = step.value or 0
    if step.op.verb == "ack" or "ICC_IAR" in step.text or "ICC_HPPIR" in step.text:
        return str(value)
    return f"{value:#x}" if step.width is None else f"{value:#0{2 + step.width // 4}x}"


def step_dict(step: Step, *, effects: bool = True) -> dict[str, object]:
    """A step as JSON-able data; `hex` repeats `value` for readers whose numbers end at 2^53."""
    data: dict[str, object] = {"seq": step.seq, "op": step.text}
    if step.value is not None:
        data |= {"value": step.value, "hex": f"{step.value:#x}"}
    if step.refused:
        data["refused"] = step.refused
    if step.expectation is not None:
        outcome = step.expectation
        data["expectation"] = {
            "asked": outcome.asked,
            "passed": outcome.passed,
            "got": outcome.got_text,
            "wanted": f"{outcome.relation} {outcome.wanted_text}",
        }
    if effects:
        data["effects"] = [as_dict(effect) for effect in step.effects]
    return data
