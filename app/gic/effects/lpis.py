"""Effects of LPIs: their pending state, where it is kept and what becomes of it, and their configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from app.gic.effects.effect import Effect, Role


@dataclass(frozen=True, slots=True)
class LpisEnabled(Effect):
    kind: ClassVar[str] = "lpis-enabled"
    cpu: int
    enabled: bool
    cite: str = "IHI 0069, GICR_CTLR.EnableLPIs"

    @property
    def words(self) -> str:
        return f"EnableLPIs {'0→1' if self.enabled else '1→0'} on CPU {self.cpu}"


@dataclass(frozen=True, slots=True)
class PendingTableScanned(Effect):
    """The pending table in RAM was read. `found`: the INTIDs that it made pending, at most 16 of them."""

    kind: ClassVar[str] = "pending-table-scanned"
    role: ClassVar[Role] = Role.WHY
    cpu: int
    base: int
    found: tuple[int, ...]
    count: int
    why: str
    cite: str = ""

    @property
    def words(self) -> str:
        names = ", ".join(str(intid) for intid in self.found) + (" …" if self.count > len(self.found) else "")
        result = f"INTID {names} pending there" if self.count else "no pending bit there"
        return f"{self.why}, so the pending table of CPU {self.cpu} at {self.base:#x} was read: {result}"


@dataclass(frozen=True, slots=True)
class PendingTableSkipped(Effect):
    kind: ClassVar[str] = "pending-table-skipped"
    role: ClassVar[Role] = Role.WHY
    cpu: int
    base: int
    why: str
    cite: str = ""

    @property
    def words(self) -> str:
        return f"{self.why}, so the pending table of CPU {self.cpu} at {self.base:#x} was not read"


@dataclass(frozen=True, slots=True)
class LpiPending(Effect):
    """An LPI became pending. `address` is the byte of its pending bit, `where` says what holds the state."""

    kind: ClassVar[str] = "lpi-pending"
    role: ClassVar[Role] = Role.HIT
    intid: int
    cpu: int | None
    where: str
    address: int | None = None
    cite: str = ""

    @property
    def words(self) -> str:
        place = "" if self.address is None else f" (RAM byte {self.address:#x} bit {self.intid % 8})"
        to = "" if self.cpu is None else f" on CPU {self.cpu}"
        return f"INTID {self.intid}{to}: pending, {self.where}{place}"


@dataclass(frozen=True, slots=True)
class LpiNotPending(Effect):
    kind: ClassVar[str] = "lpi-not-pending"
    role: ClassVar[Role] = Role.HIT
    intid: int
    cpu: int | None
    why: str
    address: int | None = None
    cite: str = ""

    @property
    def words(self) -> str:
        place = "" if self.address is None else f" (RAM byte {self.address:#x} bit {self.intid % 8})"
        return f"INTID {self.intid}: no longer pending, {self.why}{place}"


@dataclass(frozen=True, slots=True)
class PendingBitConsumed(Effect):
    """The implementation took a pending bit out of the table in RAM into its own latch."""

    kind: ClassVar[str] = "pending-bit-consumed"
    role: ClassVar[Role] = Role.HIT
    intid: int
    cpu: int
    address: int
    cite: str = ""

    @property
    def words(self) -> str:
        return (
            f"INTID {self.intid} on CPU {self.cpu}: the pending bit in RAM byte {self.address:#x} bit "
            f"{self.intid % 8} moved into the latch and was cleared in RAM"
        )


@dataclass(frozen=True, slots=True)
class LpiLost(Effect):
    kind: ClassVar[str] = "lpi-lost"
    role: ClassVar[Role] = Role.HIT
    intid: int
    cpu: int | None
    why: str
    cite: str = ""

    @property
    def words(self) -> str:
        return f"INTID {self.intid} is lost: {self.why}"


@dataclass(frozen=True, slots=True)
class LpiMoved(Effect):
    kind: ClassVar[str] = "lpi-moved"
    role: ClassVar[Role] = Role.HIT
    intid: int
    source: int | None
    target: int | None
    pending: bool

    @property
    def words(self) -> str:
        what = "pending state moved" if self.pending else "target changed (not pending)"
        return f"INTID {self.intid}: {what} from CPU {self.source} to CPU {self.target}"


@dataclass(frozen=True, slots=True)
class ConfigRead(Effect):
    """The configuration byte of an LPI was read. `was`: the byte cached before, None if there was none."""

    kind: ClassVar[str] = "config-read"
    role: ClassVar[Role] = Role.QUIET
    intid: int
    address: int
    byte: int
    was: int | None
    cite: str = ""

    @property
    def words(self) -> str:
        told = (
            f"INTID {self.intid}: configuration byte {self.byte:#04x} at {self.address:#x} (priority "
            f"{self.byte & 0xFC:#04x}, {'enabled' if self.byte & 1 else 'disabled'})"
        )
        return told if self.was is None or self.was == self.byte else f"{told} replaces the cached {self.was:#04x}"
