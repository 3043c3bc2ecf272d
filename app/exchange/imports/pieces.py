"""What a reader makes of its input, one piece at a time, and what a format declares of itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

from app.gic.machine import MAX_CPUS
from app.gic.memory import RAM_BASE
from app.scenario.operations import Operation
from app.scenario.parse import MOST_RAM_MIB
from app.scenario.scenario import MachineSpec

NOT_TEXT = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\ufeff\u2028-\u202e\u2066-\u2069\ufffe\uffff\ud800-\udfff]")
LONGEST_KEPT = 240


class CannotImport(ValueError):
    """The input as a whole cannot be imported; the message says why, `advice` what would be right."""

    def __init__(self, problem: str, advice: str = "") -> None:
        super().__init__(problem)
        self.advice = advice

    def __reduce__(self) -> tuple[type[CannotImport], tuple[str, str]]:
        return CannotImport, (str(self), self.advice)


class NeedsMachine(Exception):
    """The input is of a larger machine than it is being played on; reading starts again on `spec`."""

    def __init__(self, spec: MachineSpec) -> None:
        super().__init__(f"a machine with cpus={spec.cpus} and ram_mib={spec.ram_mib}")
        self.spec = spec


@dataclass(frozen=True, slots=True)
class Steps:
    """Operations that a line of the input stands for. `why` says what was inferred: the input does not tell it."""

    line: int
    operations: tuple[Operation, ...]
    why: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """What a line says that is no step; "" where that is nothing. A line that nothing is said of is understood too."""

    line: int
    says: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the input says a CPU was given: (INTID, group, priority) of the best interrupt, and if one is signalled."""

    line: int
    cpu: int
    interrupt: tuple[int, int, int] | None
    signalled: bool


@dataclass(frozen=True, slots=True)
class Other:
    """A line of something else in between; kept as it is."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Bad:
    """A line of this format that cannot be read, or does not fit the machine."""

    line: int
    text: str
    reason: str


Piece: TypeAlias = Steps | Fact | Seen | Other | Bad
Row: TypeAlias = tuple[int, str]
"""A line of the input: its number, from 1, and its text without the line's end."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the importer is told beside the input.

    `base` is where a dump or an image begins (None: as it says itself), `kind` what an image holds, `implementation`
    what to play it on ("": what the format is of), `guest` what is inferred of guest RAM ("": as the input looks).
    """

    base: int | None = None
    kind: str = ""
    implementation: str = ""
    guest: str = ""

    def on(self, spec: MachineSpec) -> MachineSpec:
        """The machine, of the make that was asked for."""
        return spec.on(self.implementation) if self.implementation else spec


MIB = 1 << 20


def reach(spec: MachineSpec, address: int) -> None:
    """Have RAM behind a table's address, and room beside it, where a machine of the language can have it."""
    wanted = (address - RAM_BASE) // MIB + 64
    if spec.ram_mib < wanted <= MOST_RAM_MIB:
        raise NeedsMachine(replace(spec, ram_mib=1 << (wanted - 1).bit_length()))


def need_cpu(spec: MachineSpec, cpu: int) -> int:
    """That CPU, of a machine that has it. ValueError where none has."""
    if cpu < spec.cpus:
        return cpu
    if cpu >= MAX_CPUS:
        raise ValueError(f"CPU {cpu}: a machine has at most {MAX_CPUS}")
    raise NeedsMachine(replace(spec, cpus=cpu + 1))


Detect: TypeAlias = Callable[[str], bool]
Read: TypeAlias = Callable[[Iterable[Row], MachineSpec, Options], Iterator[Piece]]
Survey: TypeAlias = Callable[[list[str]], MachineSpec]


@dataclass(frozen=True, slots=True)
class Format:
    """One format: `detect` says whether a line is of it, `survey` what machine the first lines are of.

    A reader is a generator in bounded memory: it keeps what the machine could hold at most, never the input. A binary
    format's rows are blocks of the file instead of lines, a character for each byte, numbered as rows of 16 bytes.
    """

    name: str
    title: str
    example: str
    detect: Detect
    read: Read
    survey: Survey
    binary: bool = False


def cleaned(text: str, most: int = LONGEST_KEPT) -> str:
    """A line of the input as it can stand in a scenario's comment: no control characters, not too long."""
    text = NOT_TEXT.sub("\N{REPLACEMENT CHARACTER}", text.expandtabs())
    return text if len(text) <= most else f"{text[:most]}…"
