"""The matrix of differences: every behaviour and every difference of the register maps, each with its scenario."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from app.engines.register_scenarios import scenario_text
from app.gic.behaviours import Area, Behaviour, Consequence
from app.gic.implementations import IMPLEMENTATIONS, Implementation
from app.gic.register_differences import Kind, RegisterDifference, register_differences
from app.scenario.parse import parse
from app.scenario.scenario import Scenario

FOLDER = Path(__file__).resolve().parent.parent / "behaviours"
RESETS = "Registers: values at reset"
KEPT = "Registers: what is kept of a write"


@dataclass(frozen=True, slots=True)
class Value:
    """What one implementation does: `label` is short and equal where the behaviour is, `cite` its source."""

    label: str
    meaning: str
    cite: str


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One difference. `status` and `allowed`: how the manual leaves it open, and what else it allows.

    `follows` names the strategy that this is a consequence of; `registers` are those that a row of the map is about.
    """

    key: str
    area: str
    title: str
    values: Mapping[str, Value]
    text: str
    status: str = ""
    allowed: tuple[str, ...] = ()
    signs: tuple[str, ...] = ()
    follows: str = ""
    registers: tuple[str, ...] = ()

    @property
    def differs(self) -> bool:
        """False for what the manual leaves open and all implementations take alike."""
        return len({value.label for value in self.values.values()}) > 1

    @property
    def scenario(self) -> Scenario:
        """The scenario that shows the difference."""
        return parse(self.text, f"{self.key}.gic")

    def parts(self, one: str, other: str) -> bool:
        """Whether these two implementations differ here."""
        return self.values[one].label != self.values[other].label


@lru_cache(maxsize=1)
def rows() -> tuple[Row, ...]:
    """All of them: behaviours by area, then the registers."""
    behaviours = [_behaviour_row(name, value) for name, value in IMPLEMENTATIONS["architecture"].behaviours().items()]
    areas = [area.value for area in Area]
    behaviours.sort(key=lambda row: areas.index(row.area))
    registers = sorted(map(_register_row, register_differences()), key=lambda row: (row.area != KEPT, row.key != "ptz"))
    return (*behaviours, *registers)


def row(key: str) -> Row:
    """The row of that key. Raises KeyError."""
    return _by_key()[key]


@lru_cache(maxsize=1)
def _by_key() -> Mapping[str, Row]:
    return {each.key: each for each in rows()}


def _behaviour_row(name: str, behaviour: Behaviour) -> Row:
    kind = type(behaviour)
    values = {each: getattr(item, name) for each, item in IMPLEMENTATIONS.items()}
    return Row(
        key=name,
        area=kind.area.value,
        title=kind.title(),
        values={each: Value(value.name, value.meaning, value.cite) for each, value in values.items()},
        text=_shipped(name),
        status=kind.status.value,
        allowed=kind.allowed,
        signs=kind.signs,
        follows=_strategy(behaviour) if isinstance(behaviour, Consequence) else "",
    )


def _strategy(behaviour: Consequence) -> str:
    """The field of Implementation that decides this consequence."""
    followed = type(behaviour.follows[0])
    return next(
        name for name, value in IMPLEMENTATIONS["architecture"].behaviours().items() if isinstance(value, followed)
    )


def _register_row(item: RegisterDifference) -> Row:
    path = _path(item.key)
    return Row(
        key=item.key,
        area=RESETS if item.kind is Kind.RESET else KEPT,
        title=item.title,
        values={name: Value(facet.meaning, facet.meaning, facet.cite) for name, facet in item.facets.items()},
        text=path.read_text(encoding="utf-8") if path.is_file() else scenario_text(item),
        status=item.status,
        registers=item.registers,
    )


def _shipped(name: str) -> str:
    return _path(name).read_text(encoding="utf-8")


def _path(key: str) -> Path:
    return FOLDER / f"{key.replace('_', '-')}.gic"


def behaviours_that_part(one: Implementation, other: Implementation) -> tuple[Row, ...]:
    """The rows in which two implementations differ."""
    return tuple(each for each in rows() if each.parts(one.name, other.name))
