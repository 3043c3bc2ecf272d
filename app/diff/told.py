"""What differs between two machines, as data. Pages, text and JSON are made of it, and of nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, Protocol, TypeAlias, TypeVar

Value: TypeAlias = int | str | None


class Form(StrEnum):
    """How a value is written: `NUMBER` in hex from ten on, `FLAG` as no or yes, `WORDS` as they are."""

    NUMBER = "number"
    HEX = "hex"
    DECIMAL = "decimal"
    FLAG = "flag"
    WORDS = "words"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is `a` in the first machine and `b` in the second; None where there is none.

    `names` are what the values are called, "" for one without a name; `note` says what the values alone do not.
    """

    name: str
    a: Value
    b: Value
    form: Form = Form.NUMBER
    names: tuple[str, str] = ("", "")
    note: str = ""

    @property
    def texts(self) -> tuple[str, str]:
        """Both values as they are written."""
        return self._text(self.a, self.names[0]), self._text(self.b, self.names[1])

    def _text(self, value: Value, name: str) -> str:
        text = written(value, self.form)
        return f"{text} ({name})" if name else text


def written(value: Value, form: Form) -> str:
    """A value in words."""
    if value is None:
        return "none"
    if isinstance(value, str) or form is Form.WORDS:
        return str(value)
    if form is Form.FLAG:
        return "yes" if value else "no"
    return f"{value:#x}" if form is Form.HEX or (form is Form.NUMBER and value > 9) else f"{int(value)}"


@dataclass(frozen=True, slots=True)
class RegisterRow:
    """A register whose value differs, `width` bits wide, and the fields in which it does.

    `also` are other registers that show the same state: what they would tell is this.
    """

    name: str
    width: int
    a: int
    b: int
    changes: tuple[Change, ...]
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LpiRow:
    """An LPI of which something differs."""

    intid: int
    changes: tuple[Change, ...]

    @property
    def name(self) -> str:
        return f"INTID {self.intid}"


class Table(StrEnum):
    """Whose entry a row is about."""

    DEVICE = "device"
    ITT = "itt"
    COLLECTION = "collection"


@dataclass(frozen=True, slots=True)
class EntryRow:
    """An entry of a table of the ITS, of which something differs. Of its IDs those are None that it has not."""

    table: Table
    changes: tuple[Change, ...]
    device: int | None = None
    event: int | None = None
    icid: int | None = None

    @property
    def name(self) -> str:
        ids = (("DeviceID", self.device), ("EventID", self.event), ("ICID", self.icid))
        return " ".join(f"{name} {value:#x}" for name, value in ids if value is not None)


@dataclass(frozen=True, slots=True)
class RamRow:
    """`length` bytes of guest RAM from `address` on; `a` and `b` are the first of them, `where` the table around."""

    address: int
    length: int
    a: bytes
    b: bytes
    where: str = ""


class Side(StrEnum):
    """Of the two machines, one."""

    A = "a"
    B = "b"


@dataclass(frozen=True, slots=True)
class Only:
    """Registers that one machine has and the other not: what they are, and how many."""

    side: Side
    what: str
    count: int


T = TypeVar("T")


class _Row(Protocol):
    @property
    def changes(self) -> tuple[Change, ...]: ...


@dataclass(frozen=True, slots=True)
class Section(Generic[T]):
    """Rows of one kind, and how many more there are that are not told."""

    rows: tuple[T, ...] = ()
    left_out: int = 0

    @property
    def count(self) -> int:
        return len(self.rows) + self.left_out


@dataclass(frozen=True, slots=True)
class Diff:
    """All that differs.

    `unseen` devices have events that were not looked at, because there are too many. `hidden`: nothing of what is told
    differs, and yet the machines may go on differently, for caches of the model that nobody is shown do.
    """

    machine: tuple[Change, ...] = ()
    only: tuple[Only, ...] = ()
    registers: Section[RegisterRow] = Section()
    lpis: Section[LpiRow] = Section()
    entries: Section[EntryRow] = Section()
    memory: Section[RamRow] = Section()
    inside: Section[Change] = Section()
    unseen: int = 0
    hidden: bool = False

    @property
    def count(self) -> int:
        """Differences, each register, LPI, entry and range of RAM once."""
        sections = (self.registers, self.lpis, self.entries, self.memory, self.inside)
        return len(self.machine) + len(self.only) + sum(each.count for each in sections)

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not self.count and not self.hidden


class Collected(Generic[T]):
    """Rows taken until they have `most` changes (None: all); of those after that only their number."""

    def __init__(self, most: int | None, weight: Callable[[T], int]) -> None:
        self._left = most
        self._weight = weight
        self._rows: list[T] = []
        self._more = 0

    def add(self, make: Callable[[], T]) -> None:
        """Take one more; it is made only if it is told."""
        if self._left is not None and self._left <= 0:
            self._more += 1
            return
        row = make()
        self._rows.append(row)
        if self._left is not None:
            self._left -= self._weight(row)

    def section(self) -> Section[T]:
        return Section(tuple(self._rows), self._more)


R = TypeVar("R", bound=_Row)


def rows(most: int | None, _kind: type[R]) -> Collected[R]:
    """For rows that consist of changes."""
    return Collected(most, lambda row: len(row.changes))


def singles(most: int | None, _kind: type[T]) -> Collected[T]:
    """For rows that are one change each."""
    return Collected(most, lambda _row: 1)


def differing(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Those of them whose two values are not the same."""
    return tuple(each for each in changes if each.a != each.b)
