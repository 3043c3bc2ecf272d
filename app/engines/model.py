"""The machines that a scenario can be played on, by name: our model's implementations, and a QEMU that runs now."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from app.engines.qemu import QemuMachine
from app.exchange.qtest import SPIS
from app.gic import Machine
from app.registers import IMPLEMENTATION_NAMES
from app.scenario.migration import build
from app.scenario.player import Player
from app.scenario.runner import Played, Run
from app.scenario.scenario import MachineSpec, Scenario, line_operation

LIVE_QEMU = "qemu:live"
ENGINE_NAMES = (*IMPLEMENTATION_NAMES, LIVE_QEMU)


@contextmanager
def open_machine(name: str, spec: MachineSpec) -> Iterator[Machine]:
    """A machine fresh from reset, of the make that `spec` says; it ends with the block.

    Raises QemuMissing where a live QEMU is asked for and none is installed.
    """
    if name == LIVE_QEMU:
        with QemuMachine(spec.cpus, spec.ram_mib, its=spec.its, trace=True) as machine:
            yield machine
    else:
        yield build(spec.on(name))


def run(scenario: Scenario, name: str) -> Run:
    """Plays a whole scenario on one engine. A live QEMU has its board's 256 SPIs, whatever the scenario asks for."""
    spec = replace(scenario.machine.on("qemu"), spis=SPIS) if name == LIVE_QEMU else scenario.machine.on(name)
    with open_machine(name, spec) as machine:
        player = Player(spec, machine)
        operations = ((line.number, line_operation(line)) for line in scenario.lines)
        return Run(name, tuple(Played(number, player.apply(op)) for number, op in operations if op is not None))
