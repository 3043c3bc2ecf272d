"""Effects of accesses: to registers, to guest RAM, and through the userspace door."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from app.gic.effects.effect import Effect, Role, at_cpu


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
        told = f"{self.register}{at_cpu(self.cpu)} was written {self.asked:#x}"
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
        return f"{self.register}{at_cpu(self.cpu)} reads {self.value:#x}"


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


@dataclass(frozen=True, slots=True)
class UserspaceCalled(Effect):
    kind: ClassVar[str] = "userspace-called"
    what: str
    result: str
    cite: str = ""

    @property
    def words(self) -> str:
        return f"{self.what}: {self.result}"
