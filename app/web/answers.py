"""The JSON API's answers, as `shapes` describes them, out of sessions, machines and steps."""

from collections.abc import Iterable
from dataclasses import asdict, replace

from pydantic_core import to_json

from app import limits
from app.engines.matrix import Value
from app.gic import Machine
from app.gic.views import CommandView
from app.gic.why import Chain
from app.registers import Place
from app.scenario import MachineSpec, Step
from app.scenario.choices import Taken
from app.scenario.lanes import marks_of, places_of
from app.scenario.runner import step_dict
from app.sessions import Session
from app.web.shapes import Json


def value_json(value: Value) -> Json:
    """What one implementation does: the second half of BehaviourAnswer."""
    return {"meaning": value.meaning, "cite": value.cite}


def choices_json(choices: Iterable[Taken]) -> list[Json]:
    """A list of ChoiceAnswer."""
    return [choice.as_dict(limits.CHOICE_STEPS_SHOWN) for choice in choices]


def encode(answer: Json) -> str:
    """Compact JSON."""
    return to_json(answer).decode()


def place_json(session: Session) -> Json:
    """PlaceAnswer."""
    return {
        "seq": session.seq,
        "can_undo": session.tree.undone() is not None,
        "can_redo": session.tree.redone() is not None,
        "branches": [
            {
                **asdict(branch),
                "began": branch.id == session.tree.origin,
                "operations": session.branch_lines(branch, limits.BRANCH_LINES_SHOWN),
            }
            for branch in session.branches()
        ],
    }


def step_json(step: Step, most_effects: int | None = None) -> Json:
    """StepAnswer, with at most so many effects (None: EFFECTS_SHOWN)."""
    most = limits.EFFECTS_SHOWN if most_effects is None else max(0, most_effects)
    omitted = len(step.effects) - most
    if omitted <= 0:
        return step_dict(step)
    return step_dict(replace(step, effects=step.effects[:most])) | {"effects_omitted": omitted}


def register_json(machine: Machine, place: Place) -> Json:
    """RegisterAnswer; with a field in the name only that field is listed."""
    register, cpu = place.register, place.cpu or 0
    value = machine.peek(register, cpu)
    fields = register.fields if place.field is None else (place.field,)
    rows = []
    for field in fields:
        part = field.extract(value)
        named = field.enumeration(part)
        rows.append(
            {
                "name": field.name,
                "msb": field.msb,
                "lsb": field.lsb,
                "access": field.access.value,
                "value": part,
                "value_name": named.name if named else "",
                "meaning": field.meaning,
                "cite": field.cite,
            }
        )
    return {
        "name": register.name,
        "cpu": place.cpu,
        "frame": register.frame,
        "address": machine.map.address(register, cpu) if register.addressed else None,
        "width": register.width,
        "value": value,
        "hex": hex(value),
        "present": register.present,
        "why_absent": register.why_absent,
        "meaning": register.meaning,
        "cite": register.cite,
        "fields": rows,
    }


def lanes_json(steps: list[Step], spec: MachineSpec, total: int) -> Json:
    """LanesAnswer; `total` is the length of the log."""
    marked = [(step, marks_of(step, limits.LANE_WORDS)) for step in steps]
    places, quiet = places_of(({(mark.lane, mark.cpu) for mark in marks} for _, marks in marked), spec)
    return {
        "lanes": [{"lane": lane.value, "cpu": cpu} for lane, cpu in places],
        "quiet_cpus": quiet,
        "steps": [
            {"seq": step.seq, "op": step.text, "marks": [mark.as_dict() for mark in marks]} for step, marks in marked
        ],
        "next": steps[-1].seq + 1 if steps and steps[-1].seq < total else None,
    }


def chain_json(chain: Chain) -> Json:
    """A chain of conditions, and the name of the first that does not hold."""
    return {
        "intid": chain.intid,
        "cpu": chain.cpu,
        "signalled": chain.signalled,
        "words": chain.words,
        "broken": None if chain.broken is None else chain.broken.name,
        "links": [asdict(link) for link in chain.links],
    }


def command_json(command: CommandView) -> Json:
    """A command of the queue; its four words as numbers, and exact as `hex`."""
    return {**asdict(command), "hex": [f"{word:#018x}" for word in command.words]}
