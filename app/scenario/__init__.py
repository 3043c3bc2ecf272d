"""The scenario room: the language, its operations, and the player that shows what each of them does."""

from app.scenario.errors import ScenarioError
from app.scenario.expect import Expectation
from app.scenario.format import format_line, format_operation, format_scenario
from app.scenario.links import Link, LinkError
from app.scenario.operations import Operation
from app.scenario.parse import parse, parse_line, problems
from app.scenario.player import Player, Step, Verdict
from app.scenario.scenario import Line, MachineSpec, Scenario, make_scenario
from app.scenario.timeline import Timeline

__all__ = [
    "Expectation",
    "Line",
    "Link",
    "LinkError",
    "MachineSpec",
    "Operation",
    "Player",
    "Scenario",
    "ScenarioError",
    "Step",
    "Timeline",
    "Verdict",
    "format_line",
    "format_operation",
    "format_scenario",
    "make_scenario",
    "parse",
    "parse_line",
    "problems",
]
