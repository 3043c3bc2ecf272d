"""Effects of the ITS: its command queue, its tables, and what it makes of an MSI."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from app.gic.effects.effect import Effect, Role


@dataclass(frozen=True, slots=True)
class QueueSetUp(Effect):
    """The default tables and command queue were programmed because a command came before any were."""

    kind: ClassVar[str] = "queue-set-up"
    role: ClassVar[Role] = Role.QUIET
    queue: int
    device_table: int
    collection_table: int

    @property
    def words(self) -> str:
        return (
            f"No command queue was set up: giclab programmed GITS_CBASER ({self.queue:#x}), GITS_BASER0 "
            f"({self.device_table:#x}), GITS_BASER1 ({self.collection_table:#x}) and GITS_CTLR.Enabled=1"
        )


@dataclass(frozen=True, slots=True)
class CommandRun(Effect):
    """The ITS took a command from its queue. `outcome`: done, ignored, stalled or skipped."""

    kind: ClassVar[str] = "command-run"
    slot: int
    name: str
    text: str
    outcome: str
    error: str = ""
    cite: str = ""

    @property
    def words(self) -> str:
        told = f"ITS command {self.text} (slot {self.slot}): {self.outcome}"
        return f"{told}, {self.error}" if self.error else told


@dataclass(frozen=True, slots=True)
class CommandsRun(Effect):
    """The ITS took `count` more commands from its queue, none of which is told of; `ignored` of them had no effect."""

    kind: ClassVar[str] = "commands-run"
    count: int
    ignored: int

    @property
    def words(self) -> str:
        return f"{self.count} more ITS commands were run, {self.ignored} of them ignored; they are not told one by one"


@dataclass(frozen=True, slots=True)
class QueueUnfinished(Effect):
    """The ITS has commands left and goes on with them at the next access."""

    kind: ClassVar[str] = "queue-unfinished"
    role: ClassVar[Role] = Role.WHY
    left: int

    @property
    def words(self) -> str:
        return (
            f"The ITS is not through its command queue: {self.left} commands are left, GITS_CREADR is behind "
            "GITS_CWRITER, and it goes on at the next access"
        )


@dataclass(frozen=True, slots=True)
class QueueHeld(Effect):
    """The queue has commands and the ITS does not run them."""

    kind: ClassVar[str] = "queue-held"
    role: ClassVar[Role] = Role.WHY
    why: str
    cite: str = ""

    @property
    def words(self) -> str:
        return f"The ITS does not process the command queue: {self.why}"


@dataclass(frozen=True, slots=True)
class TableRead(Effect):
    kind: ClassVar[str] = "table-read"
    role: ClassVar[Role] = Role.QUIET
    table: str
    index: int
    address: int
    data: bytes
    meaning: str

    @property
    def words(self) -> str:
        return f"{self.table} entry {self.index:#x} at {self.address:#x} says {self.meaning}"


@dataclass(frozen=True, slots=True)
class TableWritten(Effect):
    kind: ClassVar[str] = "table-written"
    table: str
    index: int
    address: int
    data: bytes
    meaning: str

    @property
    def words(self) -> str:
        return f"{self.table} entry {self.index:#x} at {self.address:#x} := {self.data.hex(' ')} ({self.meaning})"


@dataclass(frozen=True, slots=True)
class MappingChanged(Effect):
    """A mapping that the implementation holds itself changed; guest RAM did not."""

    kind: ClassVar[str] = "mapping-changed"
    what: str
    cite: str = ""

    @property
    def words(self) -> str:
        return self.what


@dataclass(frozen=True, slots=True)
class MsiTranslated(Effect):
    kind: ClassVar[str] = "msi-translated"
    device: int
    event: int
    intid: int
    icid: int | None
    cpu: int

    @property
    def words(self) -> str:
        through = "" if self.icid is None else f", collection {self.icid}"
        return f"DeviceID {self.device:#x} EventID {self.event:#x} is INTID {self.intid}{through}, to CPU {self.cpu}"


@dataclass(frozen=True, slots=True)
class MsiRefused(Effect):
    kind: ClassVar[str] = "msi-refused"
    role: ClassVar[Role] = Role.HIT
    device: int
    event: int
    why: str
    cite: str = ""

    @property
    def words(self) -> str:
        return f"DeviceID {self.device:#x} EventID {self.event:#x} raises no LPI: {self.why}"
