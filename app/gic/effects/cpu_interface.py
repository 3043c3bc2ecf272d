"""Effects at a CPU interface: what it signals, and what the CPU makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from app.gic.effects.effect import Effect, Role


@dataclass(frozen=True, slots=True)
class Signalled(Effect):
    """What the CPU interface signals changed. `intid` None: nothing any more."""

    kind: ClassVar[str] = "signalled"
    role: ClassVar[Role] = Role.HIT
    cpu: int
    intid: int | None
    priority: int = 0xFF

    @property
    def words(self) -> str:
        if self.intid is None:
            return f"CPU {self.cpu}: no interrupt is signalled any more"
        return f"CPU {self.cpu}: INTID {self.intid} is signalled (priority {self.priority:#04x})"


@dataclass(frozen=True, slots=True)
class Acknowledged(Effect):
    kind: ClassVar[str] = "acknowledged"
    role: ClassVar[Role] = Role.HIT
    cpu: int
    intid: int
    running: int
    cite: str = "IHI 0069, ICC_IAR1_EL1"

    @property
    def words(self) -> str:
        if self.intid >= 1020 and self.intid < 1024:
            return f"CPU {self.cpu}: no interrupt to acknowledge, ICC_IAR reads {self.intid}"
        return f"CPU {self.cpu} acknowledged INTID {self.intid}, running priority {self.running:#04x}"


@dataclass(frozen=True, slots=True)
class Preempted(Effect):
    """An interrupt was acknowledged while another was active. Both priorities are group priorities."""

    kind: ClassVar[str] = "pre-empted"
    role: ClassVar[Role] = Role.WHY
    cpu: int
    intid: int
    priority: int
    running: int
    cite: str = "IHI 0069, Preemption"

    @property
    def words(self) -> str:
        return (
            f"CPU {self.cpu}: INTID {self.intid} pre-empts the active interrupt, its group priority "
            f"{self.priority:#04x} is higher than the running priority {self.running:#04x}"
        )


@dataclass(frozen=True, slots=True)
class RunningPriority(Effect):
    """ICC_RPR_EL1 changed without an acknowledge; 0xff is idle."""

    kind: ClassVar[str] = "running-priority"
    role: ClassVar[Role] = Role.WHY
    cpu: int
    was: int
    now: int
    cite: str = "IHI 0069, ICC_RPR_EL1"

    @property
    def words(self) -> str:
        now = "idle (0xff)" if self.now == 0xFF else f"{self.now:#04x}"
        return f"CPU {self.cpu}: the running priority went from {self.was:#04x} to {now}"


@dataclass(frozen=True, slots=True)
class Ended(Effect):
    """A write to ICC_EOIR or ICC_DIR. `what`: priority drop, deactivation, both or neither and why."""

    kind: ClassVar[str] = "ended"
    cpu: int
    intid: int
    what: str
    cite: str = "IHI 0069, ICC_EOIR1_EL1"

    @property
    def words(self) -> str:
        return f"CPU {self.cpu}, INTID {self.intid}: {self.what}"
