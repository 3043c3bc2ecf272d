"""What QEMU's `gicv3_*` trace events say, typed. QEMU's hw/intc/trace-events has their names and arguments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

NO_PRIORITY = 255


@dataclass(frozen=True, slots=True)
class BusAccess:
    """A read or write of GICD, GICR or GITS. `offset` in that frame, `size` in bytes; `cpu` says whose GICR frame.

    QEMU prints it when it is over; `error` is set where no register took it (a read then returned 0).
    """

    frame: str
    cpu: int
    offset: int
    value: int
    size: int
    write: bool
    error: bool = False


@dataclass(frozen=True, slots=True)
class SystemAccess:
    """A read (printed when it is over) or write (printed before its effects) of an ICC register by `cpu`."""

    register: str
    cpu: int
    value: int
    write: bool


@dataclass(frozen=True, slots=True)
class SgiGenerated:
    """A write of ICC_SGI1R_EL1 (printed before its effects); `affinity` is Aff3.Aff2.Aff1, `targets` a mask of Aff0."""

    cpu: int
    intid: int
    all_but_self: bool
    affinity: int
    targets: int


@dataclass(frozen=True, slots=True)
class SgiPending:
    """An SGI reached a Redistributor (printed before it is pending)."""

    cpu: int
    intid: int


@dataclass(frozen=True, slots=True)
class WireChanged:
    """An input line of the GIC (printed before its effects): an SPI, or a PPI of `cpu`."""

    intid: int
    level: bool
    cpu: int | None = None


@dataclass(frozen=True, slots=True)
class MsiWritten:
    """A write to the GITS_TRANSLATER frame (printed before its effects). `device` is the requester's DeviceID."""

    offset: int
    event: int
    size: int
    device: int


@dataclass(frozen=True, slots=True)
class CommandStarted:
    """The ITS read a command from queue slot `slot` (32 bytes each); its operands follow in a CommandOperands."""

    slot: int
    opcode: int


@dataclass(frozen=True, slots=True)
class CommandOperands:
    """What QEMU prints of the command it runs; names as in the scenario language. SYNC and INVALL print none."""

    name: str
    operands: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class DeviceEntry:
    """The ITS read or wrote a DTE. `size` in EventID bits, `itt` a byte address."""

    device: int
    valid: bool
    size: int
    itt: int
    write: bool


@dataclass(frozen=True, slots=True)
class CollectionEntry:
    """The ITS read or wrote a CTE."""

    icid: int
    valid: bool
    rdbase: int
    write: bool


@dataclass(frozen=True, slots=True)
class InterruptEntry:
    """The ITS read or wrote an ITE of the ITT at byte address `itt`."""

    itt: int
    event: int
    valid: bool
    physical: bool
    intid: int
    icid: int
    write: bool


@dataclass(frozen=True, slots=True)
class Hppi:
    """QEMU's highest priority pending interrupt of a CPU; `group` 0: G0, 1: G1S, 2: G1NS; priority 255: none."""

    cpu: int
    intid: int
    group: int
    priority: int

    @property
    def interrupt(self) -> tuple[int, int, int] | None:
        """(INTID, group, priority), or None: QEMU leaves the last INTID standing when there is none."""
        return None if self.priority == NO_PRIORITY else (self.intid, self.group, self.priority)


@dataclass(frozen=True, slots=True)
class Signalled:
    """The interrupt lines to a CPU, as QEMU drives them after an Hppi."""

    cpu: int
    fiq: bool
    irq: bool


Event: TypeAlias = (
    BusAccess
    | SystemAccess
    | SgiGenerated
    | SgiPending
    | WireChanged
    | MsiWritten
    | CommandStarted
    | CommandOperands
    | DeviceEntry
    | CollectionEntry
    | InterruptEntry
    | Hppi
    | Signalled
)
