"""The operations of a scenario: one frozen dataclass per verb, and the terms that `expect` compares."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, TypeAlias


class Half(StrEnum):
    """One 32-bit half of a 64-bit register: `lo` is at the register's offset, `hi` at offset + 4."""

    LO = "lo"
    HI = "hi"


class Relation(StrEnum):
    """How the two sides of `expect` are compared, as unsigned numbers."""

    EQUAL = "=="
    NOT_EQUAL = "!="
    LESS = "<"
    AT_MOST = "<="
    GREATER = ">"
    AT_LEAST = ">="


class SavedTables(StrEnum):
    """What `save` writes from the GIC to guest RAM."""

    PENDING = "pending-tables"
    ITS = "its-tables"


@dataclass(frozen=True, slots=True)
class RegisterRef:
    """A register by its architectural name, with `@cpu` for one per CPU, and perhaps one of its fields."""

    name: str
    cpu: int | None = None
    field: str | None = None

    def __str__(self) -> str:
        cpu = "" if self.cpu is None else f"@{self.cpu}"
        field = "" if self.field is None else f".{self.field}"
        return f"{self.name}{cpu}{field}"


@dataclass(frozen=True, slots=True)
class RawAddress:
    """A physical address, for an access that no register name says (an odd width, a hole in a frame)."""

    address: int

    def __str__(self) -> str:
        return f"{self.address:#010x}"


@dataclass(frozen=True, slots=True)
class Attribute:
    """A KVM device attribute by group and offset: `redist:0x78@0`, `its:0x80`, `level:32@0`."""

    group: str
    offset: int
    cpu: int | None = None

    def __str__(self) -> str:
        cpu = "" if self.cpu is None else f"@{self.cpu}"
        return f"{self.group}:{self.offset:#x}{cpu}"


@dataclass(frozen=True, slots=True)
class FieldValue:
    """A field laid over a register's value; `word` is the enumeration name it was written as, if any."""

    name: str
    value: int
    word: str = ""


@dataclass(frozen=True, slots=True)
class Poke:
    """Guest RAM bytes, in memory order."""

    verb: ClassVar[str] = "poke"
    address: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Write:
    """A guest write: the whole value, or named fields over what a read returns.

    `width` is in bits (None: the register's own), `by` the CPU that makes the access, `device` the DeviceID of a write
    to GITS_TRANSLATER. `secure`: the access is a Secure one, here and in the other operations of a CPU.
    """

    verb: ClassVar[str] = "write"
    target: RegisterRef | RawAddress
    value: int | None = None
    fields: tuple[FieldValue, ...] = ()
    width: int | None = None
    half: Half | None = None
    by: int | None = None
    device: int | None = None
    secure: bool = False


@dataclass(frozen=True, slots=True)
class Read:
    """A guest read; with a field in the target the whole register is read and the field is its value."""

    verb: ClassVar[str] = "read"
    target: RegisterRef | RawAddress
    width: int | None = None
    half: Half | None = None
    by: int | None = None
    secure: bool = False


@dataclass(frozen=True, slots=True)
class Pending:
    """1 if the interrupt is pending on that CPU (of an SPI: at all)."""

    intid: int
    cpu: int | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """The configuration byte of an LPI that is in force: the cached one, where an implementation caches."""

    intid: int


@dataclass(frozen=True, slots=True)
class Mapped:
    """1 if the ITS maps the event of the device to an INTID."""

    device: int
    event: int


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of guest RAM, or with `bit` one bit of one byte."""

    address: int
    length: int = 1
    bit: int | None = None


@dataclass(frozen=True, slots=True)
class IrqLine:
    """1 if an interrupt is signalled to the CPU."""

    cpu: int


@dataclass(frozen=True, slots=True)
class Creadr:
    """GITS_CREADR.Offset, in bytes from the start of the command queue."""


@dataclass(frozen=True, slots=True)
class Stalled:
    """1 if the ITS has stopped at a command (GITS_CREADR.Stalled)."""


@dataclass(frozen=True, slots=True)
class LastValue:
    """What the last read, ack or uread returned."""


Term: TypeAlias = RegisterRef | Pending | Config | Mapped | Memory | IrqLine | Creadr | Stalled | LastValue


@dataclass(frozen=True, slots=True)
class Expect:
    """What must hold here; `on` names the implementations it is asked on (empty: all).

    `secure`: the register is looked at as Secure software reads it.
    """

    verb: ClassVar[str] = "expect"
    term: Term
    relation: Relation
    wanted: int | bytes
    word: str = ""
    on: tuple[str, ...] = ()
    secure: bool = False


@dataclass(frozen=True, slots=True)
class Its:
    """An ITS command, put into the command queue as a driver does."""

    verb: ClassVar[str] = "its"
    command: str
    operands: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Msi:
    """A device's write to GITS_TRANSLATER."""

    verb: ClassVar[str] = "msi"
    device: int
    event: int


@dataclass(frozen=True, slots=True)
class Irq:
    """The level of a wired interrupt: an SPI, or a PPI with its CPU."""

    verb: ClassVar[str] = "irq"
    intid: int
    level: int
    cpu: int | None = None


@dataclass(frozen=True, slots=True)
class Ack:
    """A read of ICC_IAR1_EL1."""

    verb: ClassVar[str] = "ack"
    cpu: int
    secure: bool = False


@dataclass(frozen=True, slots=True)
class Eoi:
    """A write of an INTID to ICC_EOIR1_EL1."""

    verb: ClassVar[str] = "eoi"
    cpu: int
    intid: int
    secure: bool = False


@dataclass(frozen=True, slots=True)
class Uread:
    """A read as the VMM does it, by KVM_GET_DEVICE_ATTR."""

    verb: ClassVar[str] = "uread"
    target: RegisterRef | Attribute
    half: Half | None = None


@dataclass(frozen=True, slots=True)
class Uwrite:
    """A write as the VMM does it, by KVM_SET_DEVICE_ATTR."""

    verb: ClassVar[str] = "uwrite"
    target: RegisterRef | Attribute
    value: int | None = None
    fields: tuple[FieldValue, ...] = ()
    half: Half | None = None


@dataclass(frozen=True, slots=True)
class Save:
    """KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES or KVM_DEV_ARM_ITS_SAVE_TABLES."""

    verb: ClassVar[str] = "save"
    tables: SavedTables


@dataclass(frozen=True, slots=True)
class Edit:
    """What the VMM writes instead of the saved value: a register, or one of its fields."""

    target: RegisterRef
    value: int

    def __str__(self) -> str:
        return f"{self.target}={self.value:#x}"


@dataclass(frozen=True, slots=True)
class Migrate:
    """A fresh GIC, restored in a named order or in the steps listed, which may name a CPU as `pendbaser@1`.

    `without` are steps left out; what restores guest RAM or the ITS base address is in place from the start unless it
    is among the steps or left out. `edits` replace saved values.
    """

    verb: ClassVar[str] = "migrate"
    order: tuple[str, ...] = ("documented",)
    without: tuple[str, ...] = ()
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True, slots=True)
class LoadState:
    """The machine becomes one that was saved to a file: its whole state, packed into one word."""

    verb: ClassVar[str] = "load"
    state: str


@dataclass(frozen=True, slots=True)
class Note:
    """Words for the reader; changes nothing."""

    verb: ClassVar[str] = "note"
    text: str


Operation: TypeAlias = (
    Poke | Write | Read | Expect | Its | Msi | Irq | Ack | Eoi | Uread | Uwrite | Save | Migrate | LoadState | Note
)
