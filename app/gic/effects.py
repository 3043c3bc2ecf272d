"""What happened inside the machine, and why: the typed records that every listener reads.

Behaviour code reports an effect only while somebody listens (`Machine.listen`), so a machine nobody watches
pays one comparison. Each record says itself in one plain sentence (`words`) and, where the fact has one, names
its source (`cite`). The explorer's "What just happened", the timeline, `giclab run --explain` and the tests
read the same records.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import ClassVar


class Role(StrEnum):
    """How much an effect weighs in the story of a step."""

    STEP = "step"  # something was done
    WHY = "why"  # a decision, and what it hung on
    HIT = "hit"  # the result that one looks for
    QUIET = "quiet"  # done too, seldom looked for


@dataclass(frozen=True, slots=True)
class Effect:
    """One thing that happened. `kind` is a stable slug, `role` its weight, `cite` its source or ''."""

    kind: ClassVar[str] = "effect"
    role: ClassVar[Role] = Role.STEP

    @property
    def cite(self) -> str:
        return ""

    @property
    def words(self) -> str:
        return self.kind


NAMES: dict[type[Effect], tuple[str, ...]] = {}
"""The fields of each kind of effect, once they were asked for."""


def as_dict(effect: Effect) -> dict[str, object]:
    """The effect as JSON-able data: its fields, its kind, role, citation and sentence."""
    plain: dict[str, object] = {
        "kind": effect.kind,
        "role": effect.role.value,
        "words": effect.words,
        "cite": effect.cite,
    }
    for name in _names(type(effect)):
        value = getattr(effect, name)
        plain[name] = value.hex() if isinstance(value, bytes) else value
    return plain


def _names(kind: type[Effect]) -> tuple[str, ...]:
    known = NAMES.get(kind)
    if known is None:
        known = NAMES[kind] = tuple(item.name for item in fields(kind))
    return known


def _at(cpu: int | None) -> str:
    return "" if cpu is None else f"@{cpu}"


# -- accesses ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RegisterWritten(Effect):
    """A write reached a register. `asked`, `kept` and `reads` are whole register values, `width` is in bits."""

    kind: ClassVar[str] = "register-written"
    register: str
    cpu: int | None
    address: int
    width: int
    was: int
    asked: int
    kept: int
    reads: int
    why: str = ""
    cite: str = ""

    @property
    def words(self) -> str:
        told = f"{self.register}{_at(self.cpu)} was written {self.asked:#x}"
        return f"{told} and reads {self.reads:#x}: {self.why}" if self.why else told


@dataclass(frozen=True, slots=True)
class RegisterRead(Effect):
    kind: ClassVar[str] = "register-read"
    register: str
    cpu: int | None
    address: int
    width: int
    value: int

    @property
    def words(self) -> str:
        return f"{self.register}{_at(self.cpu)} reads {self.value:#x}"


@dataclass(frozen=True, slots=True)
class AccessIgnored(Effect):
    """An access that no register takes, or a write that its register refuses: reads give 0, writes do nothing."""

    kind: ClassVar[str] = "access-ignored"
    role: ClassVar[Role] = Role.WHY
    where: str
    write: bool
    why: str
    cite: str = ""

    @property
    def words(self) -> str:
        verb = "The write to" if self.write else "The read of"
        result = "was ignored" if self.write else "gave 0"
        return f"{verb} {self.where} {result}: {self.why}"


@dataclass(frozen=True, slots=True)
class MemoryWritten(Effect):
    kind: ClassVar[str] = "memory-written"
    address: int
    data: bytes

    @property
    def words(self) -> str:
        shown = self.data[:16].hex(" ") + (" …" if len(self.data) > 16 else "")
        return f"RAM {self.address:#x} := {shown}"


# -- the ITS and its tables --------------------------------------------------------------------------------------


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
class EffectsLeftOut(Effect):
    """More happened than is told one by one."""

    kind: ClassVar[str] = "effects-left-out"
    count: int

    @property
    def words(self) -> str:
        return f"{self.count} more effects are not told one by one"


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


# -- LPIs --------------------------------------------------------------------------------------------------------


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


# -- interrupts at the CPU interface -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LineChanged(Effect):
    kind: ClassVar[str] = "line-changed"
    intid: int
    cpu: int | None
    level: bool

    @property
    def words(self) -> str:
        return f"The wire of INTID {self.intid}{_at(self.cpu)} went {'high' if self.level else 'low'}"


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


@dataclass(frozen=True, slots=True)
class Choice(Effect):
    """The manual leaves this open (CONSTRAINED UNPREDICTABLE, IMPLEMENTATION DEFINED); this is what was taken.

    `behaviour` is the field of `Implementation` that decided it.
    """

    kind: ClassVar[str] = "choice"
    role: ClassVar[Role] = Role.WHY
    rule: str
    taken: str
    alternatives: tuple[str, ...]
    cite: str = ""
    behaviour: str = ""

    @property
    def words(self) -> str:
        return f"{self.rule}: {self.taken}. Also allowed: {'; '.join(self.alternatives)}"


# -- the userspace door ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UserspaceCalled(Effect):
    kind: ClassVar[str] = "userspace-called"
    what: str
    result: str
    cite: str = ""

    @property
    def words(self) -> str:
        return f"{self.what}: {self.result}"
