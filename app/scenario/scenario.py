"""A scenario: its machine, and its lines, the ones that do nothing included."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeAlias

from app.registers import TWO_STATE_IMPLEMENTATIONS
from app.scenario.operations import Operation


@dataclass(frozen=True, slots=True)
class MachineSpec:
    """What to build before the first step.

    `ram_mib` from 0x40000000, `lpi_id_bits` as GICD_TYPER.IDbits + 1, `security` the number of Security states.
    """

    implementation: str = "kvm"
    cpus: int = 2
    spis: int = 64
    its: bool = True
    ram_mib: int = 512
    lpi_id_bits: int = 16
    security: int = 1

    def on(self, implementation: str) -> MachineSpec:
        """The same machine of another make; with one Security state where that has no two."""
        security = self.security if implementation in TWO_STATE_IMPLEMENTATIONS else 1
        return replace(self, implementation=implementation, security=security)


@dataclass(frozen=True, slots=True)
class Title:
    """The scenario's title line."""

    text: str


Content: TypeAlias = Operation | Title | MachineSpec


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its content (None: blank, or only a comment) and where it stands (from 1).

    `comment` is everything after the `#`, byte for byte; None where there is none.
    """

    content: Content | None = None
    comment: str | None = None
    number: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Scenario:
    """Everything that a scenario text says, in order; `preamble` is a lesson's front matter and prose, verbatim."""

    lines: tuple[Line, ...] = ()
    preamble: str = ""

    @cached_property
    def title(self) -> str:
        return next((line.content.text for line in self.lines if isinstance(line.content, Title)), "")

    @cached_property
    def machine(self) -> MachineSpec:
        return next((line.content for line in self.lines if isinstance(line.content, MachineSpec)), MachineSpec())

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        return tuple(operation for line in self.lines if (operation := line_operation(line)) is not None)


def line_operation(line: Line) -> Operation | None:
    """The operation of a line, None for header, comment and blank lines."""
    content = line.content
    return None if content is None or isinstance(content, Title | MachineSpec) else content


def make_scenario(title: str, machine: MachineSpec, operations: Iterable[Operation]) -> Scenario:
    """A scenario of these parts, one line each."""
    header = ([Line(Title(title))] if title else []) + [Line(machine)]
    return Scenario((*header, *(Line(operation) for operation in operations)))
