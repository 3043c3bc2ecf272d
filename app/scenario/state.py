"""A machine's whole state as a JSON file, exactly: registers, what is behind them, and the pages of RAM."""

from __future__ import annotations

import base64
from typing import Any, cast

from app.gic import Machine, MachineState
from app.gic.commands import WORDS
from app.gic.its_kernel import KernelTranslation
from app.gic.lpi_cached import CachedLpis
from app.gic.lpi_index import RANK_BITS
from app.gic.lpi_kernel import KernelLpis
from app.gic.lpi_struct import Lpi
from app.gic.memory import PAGE, GuestMemory
from app.gic.register_file import Layout
from app.scenario.scenario import MachineSpec
from app.scenario.state_schema import (
    FORMAT,
    VERSION,
    BestLpi,
    Cached,
    CollectionState,
    Command,
    CpuInterfaceState,
    DeviceState,
    EventState,
    ItsState,
    KernelIts,
    KernelLpi,
    Lines,
    ListRegisterState,
    Lpis,
    MachineMake,
    Page,
    Queued,
    RedistributorLpis,
    State,
)


def state_of(machine: Machine, spec: MachineSpec) -> State:
    """The machine's whole state."""
    found = machine.snapshot()
    memory = machine.memory
    assert isinstance(memory, GuestMemory)
    names = slot_names(machine.layout)
    registers = {
        names[slot]: f"{value:#x}" for slot, value in enumerate(found.values) if value != machine.layout.resets[slot]
    }
    make = MachineMake(
        implementation=machine.implementation,
        cpus=spec.cpus,
        spis=spec.spis,
        its=spec.its,
        ram_mib=spec.ram_mib,
        security=spec.security,
    )
    wired: Any = found.wired
    return State(
        format=FORMAT,
        version=VERSION,
        machine=make,
        registers=registers,
        lines=Lines(private=[list(each) for each in wired[0]], spis=list(wired[1])),
        interfaces=[_interface(cast("tuple[Any, ...]", each)) for each in found.interfaces],
        lpis=_lpis(machine, cast("tuple[Any, ...]", found.lpis)),
        list_registers=_list_registers(cast("tuple[Any, ...] | None", found.signals)),
        its=_its(machine, found),
        memory=[_page(address, memory.read(address, PAGE)) for address in memory.written_pages()],
    )


def state_text(machine: Machine, spec: MachineSpec) -> str:
    """The state as JSON text."""
    return state_of(machine, spec).model_dump_json(exclude_none=True, indent=1) + "\n"


def slot_names(layout: Layout) -> dict[int, str]:
    """A name for each slot: the first register that shows it, else what it is a state of."""
    found: dict[int, str] = {}
    for (name, cpu), place in layout.places.items():
        found.setdefault(place.slot, f"{name}@{cpu}" if place.register.per_cpu else name)
    for (state, frame, index, cpu), slot in layout.state_slots.items():
        found.setdefault(slot, f"{state}:{frame}:{index}@{cpu}")
    return found


def _page(address: int, data: bytes) -> Page:
    return Page(address=f"{address:#x}", data=base64.b64encode(data).decode() if any(data) else "")


def _interface(state: tuple[Any, ...]) -> CpuInterfaceState:
    pmr, bpr, enabled, active, controls = state
    return CpuInterfaceState(
        pmr=pmr, bpr=list(bpr), enabled=[int(each) for each in enabled], active=list(active), controls=list(controls)
    )


def _lpis(machine: Machine, state: tuple[Any, ...]) -> Lpis:
    if isinstance(machine.lpi_home, KernelLpis):
        return Lpis(kernel=[KernelLpi(**dict(zip(Lpi.__slots__, each, strict=True))) for each in state])
    if isinstance(machine.lpi_home, CachedLpis):
        pending, config, loaded = state
        return Lpis(
            redistributors=[
                RedistributorLpis(
                    pending=sorted(pending[cpu]),
                    config={str(intid): byte for intid, byte in config[cpu].items()},
                    loaded=sorted(loaded[cpu]),
                )
                for cpu in range(machine.cpus)
            ]
        )
    ranks = [divmod(rank, 1 << RANK_BITS) for rank in state]
    return Lpis(best=[BestLpi(priority=priority, intid=intid) for priority, intid in ranks])


def _list_registers(state: tuple[Any, ...] | None) -> ListRegisterState | None:
    if state is None:
        return None
    lists, queued = state
    return ListRegisterState(
        lists=[list(each) for each in lists],
        queued=[Queued(intid=intid, owner=owner, cpu=cpu) for (intid, owner), cpu in queued.items()],
    )


def _its(machine: Machine, found: MachineState) -> ItsState:
    commands = [
        Command.model_validate(
            {"slot": slot, "packet": WORDS.pack(*words).hex(), "state": out.state, "error": out.error}
            | {"bad_command": out.bad_command}
        )
        for slot, words, out in found.recent
    ]
    if not machine.has_its:
        return ItsState()
    state: Any = found.translation
    if isinstance(machine.its.translation, KernelTranslation):
        kernel = KernelIts(
            collections=[CollectionState(icid=icid, target=target) for icid, target in state[0]],
            devices=[
                DeviceState(
                    device=device,
                    itt=itt,
                    size=size,
                    events=[EventState(event=event, icid=icid, intid=intid) for event, icid, intid in events],
                )
                for device, itt, size, events in state[1]
            ],
            cache=[Cached(device=key[0], event=key[1], intid=intid) for key, intid in state[2]],
        )
        return ItsState(placed=found.its_placed, unfinished=found.its_unfinished, kernel=kernel, commands=commands)
    roots = [{name: int(value) for name, value in root._asdict().items()} for root in state]
    return ItsState(placed=found.its_placed, unfinished=found.its_unfinished, tables=roots, commands=commands)
