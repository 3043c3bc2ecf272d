"""A GIC moved as QEMU moves it: register state in two sections, each made good by what its post_load works out.

arm_gicv3_common.c: vmstate_gicv3; arm_gicv3.c: arm_gicv3_post_load; arm_gicv3_its.c: gicv3_its_post_load. The best
pending LPI of each CPU is not moved: it is worked out from the RAM of the destination.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.gic.lpi_ram import RamLpis

if TYPE_CHECKING:
    from app.gic.machine import Machine
    from app.gic.machine_state import MachineState


def load_gic(machine: Machine, state: MachineState) -> None:
    """Distributor, Redistributors and CPU interfaces as `state` has them, which is of a machine of the same make."""
    its = _its_slots(machine)
    for slot, value in enumerate(state.values):
        if slot not in its:
            machine.values[slot] = value
    assert isinstance(state.wired, tuple)
    machine.wired.restore(state.wired)
    for interface, kept in zip(machine.cpu_interfaces, state.interfaces, strict=True):
        interface.restore(kept)
    lpis = machine.lpi_home
    if isinstance(lpis, RamLpis):
        for cpu in range(machine.cpus):
            lpis.rescan(cpu, "post_load works out the best pending LPI")
    else:
        lpis.restore(state.lpis)
    machine.signals.restore(state.signals)


def load_its(machine: Machine, state: MachineState) -> None:
    """The ITS registers as `state` has them; the tables' bounds follow from GITS_BASER<n> if the ITS is enabled."""
    for slot in _its_slots(machine):
        machine.values[slot] = state.values[slot]
    if machine.has_its and machine.its.enabled:
        machine.its.translation.restore(state.translation)


def _its_slots(machine: Machine) -> frozenset[int]:
    places = machine.layout.places
    return frozenset(
        place.slot for (name, _), place in places.items() if place.register.frame == "GITS" and name.startswith("GITS_")
    )
