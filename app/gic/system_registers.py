"""Accesses to the CPU interface's system registers: MRS and MSR of a CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.gic import effects
from app.gic.bus import why_not_kept
from app.registers import Register

if TYPE_CHECKING:
    from app.gic.machine import Machine


class SystemRegisters:
    def __init__(self, machine: Machine) -> None:
        self._m = machine

    def read(self, name: str, cpu: int, secure: bool) -> int:
        self._m.secure = secure
        register = self._register(name, cpu)
        self._m.signals.run(cpu)
        value = self._m.cpu_interfaces[cpu].read(register.name)
        if self._m.sink is not None:
            self._m.sink.append(effects.RegisterRead(register.name, cpu, 0, register.width, value))
        self._m.signals.run(cpu)
        self._m.settle()
        return value

    def write(self, name: str, value: int, cpu: int, secure: bool) -> None:
        self._m.secure = secure
        register = self._register(name, cpu)
        if not 0 <= value < 1 << 64:
            raise ValueError(f"value {value:#x} does not fit 64 bits")
        interface = self._m.cpu_interfaces[cpu]
        self._m.signals.run(cpu)
        was = interface.peek(register.name) if self._m.sink is not None else 0
        position = len(self._m.sink) if self._m.sink is not None else 0
        interface.write(register.name, value)
        if self._m.sink is not None:
            reads = interface.peek(register.name)
            why = why_not_kept(register, value, reads, (1 << 64) - 1)
            told = effects.RegisterWritten(
                register.name, cpu, 0, register.width, was, value, reads, reads, why, register.cite
            )
            self._m.sink.insert(position, told)
        self._m.signals.run(cpu)
        self._m.settle()

    def _register(self, name: str, cpu: int) -> Register:
        self._m.check_cpu(cpu)
        register = self._m.map.find(name.partition("@")[0]).register
        if register.frame != "ICC":
            raise ValueError(f"{register.name} is no CPU interface system register")
        return register
