"""Effects of SGIs, PPIs and SPIs, and of what decides whether they are signalled: one for each change of state."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from app.gic.effects.effect import Effect, Role, at_cpu


def _names(intids: tuple[int, ...]) -> str:
    """INTIDs in words, neighbours as a range: "INTID 40", "INTIDs 32-39, 41"."""
    starts = [intids[0], *(after for before, after in pairwise(intids) if after != before + 1)]
    ends = [*(before for before, after in pairwise(intids) if after != before + 1), intids[-1]]
    spans = [str(start) if start == end else f"{start}-{end}" for start, end in zip(starts, ends, strict=True)]
    return f"INTID{'s' if len(intids) > 1 else ''} {', '.join(spans)}"


@dataclass(frozen=True, slots=True)
class LineChanged(Effect):
    kind: ClassVar[str] = "line-changed"
    intid: int
    cpu: int | None
    level: bool

    @property
    def words(self) -> str:
        return f"The wire of INTID {self.intid}{at_cpu(self.cpu)} went {'high' if self.level else 'low'}"


@dataclass(frozen=True, slots=True)
class SgiSent(Effect):
    kind: ClassVar[str] = "sgi-sent"
    role: ClassVar[Role] = Role.HIT
    intid: int
    source: int
    target: int

    @property
    def words(self) -> str:
        return f"SGI {self.intid} from CPU {self.source} is pending on CPU {self.target}"


@dataclass(frozen=True, slots=True)
class InterruptsChanged(Effect):
    """Interrupts that came to be in another state together. `cpu`: whose SGIs or PPIs; None for SPIs.

    `now` is the state they have now, `why` what made it so.
    """

    kind: ClassVar[str] = "interrupts-changed"
    intids: tuple[int, ...]
    cpu: int | None
    now: str
    why: str = ""
    cite: str = ""

    @property
    def words(self) -> str:
        whose = "" if self.cpu is None else f" of CPU {self.cpu}"
        told = f"{_names(self.intids)}{whose} {'is' if len(self.intids) == 1 else 'are'} {self.now}"
        return f"{told}: {self.why}" if self.why else told


@dataclass(frozen=True, slots=True)
class InterruptsPending(InterruptsChanged):
    """They became pending, or are no longer."""

    kind: ClassVar[str] = "interrupts-pending"
    role: ClassVar[Role] = Role.HIT


@dataclass(frozen=True, slots=True)
class InterruptsActive(InterruptsChanged):
    """They became active, or are no longer."""

    kind: ClassVar[str] = "interrupts-active"
    role: ClassVar[Role] = Role.HIT


@dataclass(frozen=True, slots=True)
class ControlChanged(Effect):
    """What the Distributor (`cpu` None), or one CPU's part of the GIC, does with interrupts from now on."""

    kind: ClassVar[str] = "control-changed"
    cpu: int | None
    what: str
    cite: str = ""

    @property
    def words(self) -> str:
        return f"{'Distributor' if self.cpu is None else f'CPU {self.cpu}'}: {self.what}"
