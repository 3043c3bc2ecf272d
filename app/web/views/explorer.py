"""The explorer put together: everything that one address of it shows, from a stage and a look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.gic import IMPLEMENTATIONS
from app.registers import Register
from app.web.views import history, inspector, memory, navigator, queue, trace, why
from app.web.views.look import FIRST_LPI, RAM_BASE, Look
from app.web.views.moment import Moment, machine_map, moment_of
from app.web.views.onview import Unknown, register_on_view, shown_of, touches_of
from app.web.views.shared import MOST_ITTS, Choice, Shared, shared_of
from app.web.views.stage import Stage
from app.web.views.tree import tree_html

CONFIG_TABLE_BYTES = 57_344
PENDING_TABLE_BYTES = 8_192
BASER_TABLE_BYTES = 0x10000
SHORT_TITLES = {"kvm-before-5.6": "KVM <5.6", "architecture": "Arch."}


@dataclass(frozen=True, slots=True)
class Form:
    """Where forms go: `action` without a script, `post` with one."""

    action: str
    post: str


@dataclass(frozen=True, slots=True)
class Page:
    """Everything on one page."""

    look: Look
    form: Form
    shared: Shared
    navigator: navigator.Navigator
    inspector: inspector.Inspector
    memory: memory.MemoryPanel
    builder: queue.Builder
    why: why.WhyPanel
    may_write: bool
    unknown: Unknown | None


async def page_of(
    stage: Stage, look: Look, *, may_write: bool, choices: tuple[Choice, ...], typed: dict[str, str] | None = None
) -> Page:
    """The whole page. `typed` is what a refused form held, so that it is not lost."""
    map_ = machine_map(stage.spec)
    now = len(stage.ops) if look.step is None else min(look.step, len(stage.ops))
    register, cpu, unknown = register_on_view(look, stage.ops, now, map_)
    touches = await touches_of(stage, now, register, cpu, map_)
    moment = await moment_of(stage, look, cpu)
    shared = shared_of(moment, look, stage.title, choices, cpu)
    return Page(
        look=look,
        form=form_of(look),
        shared=shared,
        navigator=_navigator(moment, shared, look, register, cpu),
        inspector=_inspector(moment, look, register, cpu, touches, may_write=may_write),
        memory=memory_of(moment, look),
        builder=queue.builder(look.command, typed or {}, may_write=may_write),
        why=why.why_panel(moment.machine, look, moment.now),
        may_write=may_write,
        unknown=unknown,
    )


def choices_of(own: str, look: Look) -> tuple[Choice, ...]:
    """The implementations, each as a look at the same log played on it."""
    current = look.on or own
    return tuple(
        Choice(
            item.title,
            SHORT_TITLES.get(item.name, item.title),
            look.link(on="" if item.name == own else item.name),
            item.name == current,
            item.summary,
        )
        for item in IMPLEMENTATIONS.values()
    )


def form_of(look: Look) -> Form:
    """At a step of the past both say which, so that it is gone on from there."""
    return Form(f"{look.base}/ops{look.query()}", f"{look.base}/ops{Look(look.base, step=look.step).query()}")


def memory_of(moment: Moment, look: Look) -> memory.MemoryPanel:
    """The memory panel, at the address asked for, else at the first pending table, else where RAM begins."""
    ram = range(RAM_BASE, RAM_BASE + (moment.spec.ram_mib << 20))
    regions = _regions(moment)
    address = look.address
    if address is None:
        address = next((region.start for region in regions if "pending" in region.label), RAM_BASE)
        address += FIRST_LPI // 8 if regions and address in ram and address != RAM_BASE else 0
    start = memory.window_start(address if address in ram else RAM_BASE, ram.start, ram.stop)
    data = moment.machine.memory.read(start, memory.SHOWN_BYTES)
    written = trace.written_bytes(moment.step.effects if moment.step else ())
    return memory.memory_panel(address, start, data, written, regions, look, ram=ram)


def _regions(moment: Moment) -> tuple[memory.Region, ...]:
    """The tables that registers point to, with their sizes."""
    machine = moment.machine
    values = {
        (register.name, cpu): machine.peek(register, cpu)
        for name, cpu in [
            ("GICR_PROPBASER", 0),
            *(("GICR_PENDBASER", cpu) for cpu in range(min(machine.cpus, 4))),
            ("GITS_BASER0", 0),
            ("GITS_BASER1", 0),
        ]
        if (register := moment.map.registers.get(name)) is not None
    }
    devices = machine.devices()
    itts = [(device.device_id, device.itt_address) for device in devices[:MOST_ITTS]]
    view = machine.queue()
    sizes = {"LPI config": CONFIG_TABLE_BYTES, "Command queue": view.slots * queue.SLOT_BYTES}
    found = navigator.ram_bases(moment.map, values, machine.cpus, view.base, itts)
    return tuple(
        memory.Region(
            label,
            address,
            sizes.get(
                label, PENDING_TABLE_BYTES if "pending" in label else 0x100 if "ITT" in label else BASER_TABLE_BYTES
            ),
        )
        for label, address in found
        if address
    )


def _navigator(moment: Moment, shared: Shared, look: Look, register: Register, cpu: int) -> navigator.Navigator:
    listing = navigator.Listing(moment.map, shared.reading.values, shared.changed, look, (register.name, cpu))
    found = navigator.search(listing, moment.spec.cpus) if look.find else None
    return navigator.Navigator(tree_html(listing, moment.spec.cpus), shared.ram, found)


def _inspector(
    moment: Moment,
    look: Look,
    register: Register,
    cpu: int,
    touches: Sequence[history.Touch],
    *,
    may_write: bool,
) -> inspector.Inspector:
    before = None if moment.before is None else moment.before.values.get((register.name, cpu))
    shown = shown_of(moment.machine, register, cpu, moment.now, {} if before is None else {cpu: before})
    return inspector.inspector(shown, moment.map, touches, look, may_write=may_write)
