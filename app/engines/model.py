"""The machines that a scenario can be played on, by name: our model's implementations, and a QEMU that runs now."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from app.engines.qemu import SPIS, QemuMachine
from app.gic import Machine
from app.registers import IMPLEMENTATION_NAMES
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
        with QemuMachine(spec.cpus, spec.ram_mib, its=spec.its) as machine:
            yield machine
    else:
        yield Machine(name, spec.cpus, spec.spis, spec.its, spec.ram_mib, spec.lpi_id_bits)


def run(scenario: Scenario, name: str) -> Run:
    """Plays a whole scenario on one engine. A live QEMU has its board's 256 SPIs, whatever the scenario asks for."""
    if name == LIVE_QEMU:
        spec = replace(scenario.machine, implementation="qemu", spis=SPIS)
    else:
        spec = replace(scenario.machine, implementation=name)
    with open_machine(name, spec) as machine:
        player = Player(spec, machine)
        operations = ((line.number, line_operation(line)) for line in scenario.lines)
        return Run(name, tuple(Played(number, player.apply(op)) for number, op in operations if op is not None))
