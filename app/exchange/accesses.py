"""A scenario as the accesses it makes: what a driver stores, loads and signals, for writers to other tools' formats.

The values of a read-modify-write and the place of an ITS command in its queue come from playing it on the model.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from app.gic import Machine
from app.gic.effects import MemoryWritten
from app.scenario.operations import Operation, Poke
from app.scenario.player import Player, Step
from app.scenario.scenario import Line, Scenario, line_operation


@dataclass(frozen=True, slots=True)
class RamWrite:
    address: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Load:
    """`size` in bytes; `value` is what the model returned. `secure`: made by Secure software, here and below."""

    address: int
    size: int
    cpu: int
    value: int
    secure: bool = False


@dataclass(frozen=True, slots=True)
class Store:
    address: int
    size: int
    cpu: int
    value: int
    secure: bool = False


@dataclass(frozen=True, slots=True)
class SystemRead:
    """An MRS by `cpu`."""

    register: str
    cpu: int
    value: int
    secure: bool = False


@dataclass(frozen=True, slots=True)
class SystemWrite:
    """An MSR by `cpu`."""

    register: str
    cpu: int
    value: int
    secure: bool = False


@dataclass(frozen=True, slots=True)
class DeviceWrite:
    """A device's write of an EventID to GITS_TRANSLATER."""

    device: int
    event: int


@dataclass(frozen=True, slots=True)
class Wire:
    """The level of an SPI's wire, or of a CPU's PPI's."""

    intid: int
    level: int
    cpu: int | None


Access: TypeAlias = RamWrite | Load | Store | SystemRead | SystemWrite | DeviceWrite | Wire


@dataclass(frozen=True, slots=True)
class Told:
    """A line of the scenario, and if it is an operation its step and the accesses that it made."""

    line: Line
    operation: Operation | None = None
    step: Step | None = None
    accesses: tuple[Access, ...] = ()


class _Tapped(Machine):
    """A machine that notes what is done to it from outside."""

    def __init__(self, scenario: Scenario) -> None:
        spec = scenario.machine
        super().__init__(
            spec.implementation, spec.cpus, spec.spis, spec.its, spec.ram_mib, spec.lpi_id_bits, security=spec.security
        )
        self.noted: list[Access] = []

    def read(self, address: int, size: int, cpu: int = 0, secure: bool = False) -> int:
        value = super().read(address, size, cpu, secure)
        self.noted.append(Load(address, size, cpu, value, secure))
        return value

    def write(self, address: int, value: int, size: int, cpu: int = 0, secure: bool = False) -> None:
        self.noted.append(Store(address, size, cpu, value, secure))
        super().write(address, value, size, cpu, secure)

    def icc_read(self, name: str, cpu: int = 0, secure: bool = False) -> int:
        value = super().icc_read(name, cpu, secure)
        self.noted.append(SystemRead(name, cpu, value, secure))
        return value

    def icc_write(self, name: str, value: int, cpu: int = 0, secure: bool = False) -> None:
        self.noted.append(SystemWrite(name, cpu, value, secure))
        super().icc_write(name, value, cpu, secure)

    def msi(self, device_id: int, event_id: int) -> None:
        self.noted.append(DeviceWrite(device_id, event_id))
        super().msi(device_id, event_id)

    def spi(self, intid: int, level: bool | int) -> None:
        self.noted.append(Wire(intid, int(level), None))
        super().spi(intid, level)

    def ppi(self, intid: int, level: bool | int, cpu: int = 0) -> None:
        self.noted.append(Wire(intid, int(level), cpu))
        super().ppi(intid, level, cpu)

    def command(self, packet: bytes) -> None:
        """The packet's place in RAM is known once it is there; it comes before the store to GITS_CWRITER."""
        place = len(self.noted)
        with self.listen() as effects:
            super().command(packet)
        written = next(effect for effect in effects if isinstance(effect, MemoryWritten))
        self.noted.insert(place, RamWrite(written.address, written.data))


def told(scenario: Scenario) -> Iterator[Told]:
    """Every line in order. After a migration the accesses are no longer known: its machine is another one."""
    machine = _Tapped(scenario)
    player = Player(scenario.machine, machine)
    for line in scenario.lines:
        operation = line_operation(line)
        if operation is None:
            yield Told(line)
            continue
        machine.noted.clear()
        step = player.apply(operation)
        noted = (RamWrite(operation.address, operation.data),) if isinstance(operation, Poke) else tuple(machine.noted)
        yield Told(line, operation, step, noted)
