"""The explorer put together: everything that one address of it shows, from a stage and a look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from app.gic import IMPLEMENTATIONS, Implementation, Machine
from app.gic.behaviours import PendingHome
from app.gic.lpi_behaviours import ConfigCache
from app.gic.views import LpiView
from app.registers import Register, RegisterMap, UnknownName, register_map
from app.scenario import Expectation, MachineSpec, Operation, Step
from app.scenario.operations import Expect, Note
from app.web.views import history, inspector, lpis, memory, navigator, queue, tables, timeline, trace
from app.web.views.look import FIRST_LPI, RAM_BASE, Look
from app.web.views.stage import Stage
from app.web.views.words import plural

DEFAULT_REGISTER = ("GICR_PENDBASER", 0)
CONFIG_TABLE_BYTES = 57_344
PENDING_TABLE_BYTES = 8_192
BASER_TABLE_BYTES = 0x10000
MOST_ITTS = 6
LPI_BASES = frozenset({"GICR_PROPBASER", "GICR_PENDBASER"})
SHORT_TITLES = {"kvm-before-5.6": "KVM <5.6", "architecture": "Arch."}


@dataclass(frozen=True, slots=True)
class Form:
    """Where forms go: `action` without a script, `post` with one."""

    action: str
    post: str


@dataclass(frozen=True, slots=True)
class Choice:
    label: str
    short: str
    href: str
    current: bool
    title: str


@dataclass(frozen=True, slots=True)
class Bar:
    title: str
    implementations: tuple[Choice, ...]
    cpus: str
    id_bits: str
    mapped: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What is kept of a step, to tell at the next one what changed."""

    step: int
    values: navigator.Values
    lpis: tuple[LpiView, ...]


@dataclass(frozen=True, slots=True)
class Shared:
    """What all who look at a step with a default look see alike."""

    reading: Reading
    changed: frozenset[tuple[str, int]]
    touched: tuple[str, ...]
    headline: str
    bar: Bar
    trace: trace.Trace
    lpis: lpis.LpiPanel
    devices: tables.DevicePanel
    collections: tables.CollectionPanel
    queue: queue.QueuePanel
    ram: tuple[navigator.RamEntry, ...]
    dock: timeline.Dock


@dataclass(frozen=True, slots=True)
class Unknown:
    """A register was asked for that there is not; `nearest` are (name, address of its page)."""

    reason: str
    nearest: tuple[tuple[str, str], ...]


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
    may_write: bool
    unknown: Unknown | None


@dataclass(frozen=True, slots=True)
class Moment:
    """A machine at a step, its map, and what the step did. The machine is good until the next await."""

    machine: Machine
    map: RegisterMap
    spec: MachineSpec
    ops: Sequence[Operation]
    now: int
    step: Step | None
    before: Reading | None
    marks: Mapping[int, str]


def read(machine: Machine, step: int, start: int, cpu: int = 0) -> Reading:
    """The values of all listed registers, those of `cpu` included, and the window of LPIs from INTID `start`."""
    values = {
        (register.name, each): machine.peek(register, each)
        for register, each in navigator.listed(machine.map, machine.cpus, cpu)
    }
    return Reading(step, values, tuple(machine.lpis(start, lpis.WINDOW + 1)))


async def moment_of(stage: Stage, look: Look, cpu: int) -> Moment:
    """The step that a look asks for, and a reading of the one before it."""
    ops = stage.ops
    now = len(ops) if look.step is None else min(look.step, len(ops))
    marks = await marks_of(stage, now)
    step = await stage.step(now) if now else None
    before = read(await stage.machine(now - 1), now - 1, look.start, cpu) if now else None
    machine = await stage.machine(now)
    return Moment(machine, machine.map, stage.spec, ops, now, step, before, marks)


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
        may_write=may_write,
        unknown=unknown,
    )


async def inspector_of(stage: Stage, look: Look, *, may_write: bool) -> inspector.Inspector:
    """Only the inspector. UnknownName if the look asks for a register that there is not."""
    map_ = machine_map(stage.spec)
    now = len(stage.ops) if look.step is None else min(look.step, len(stage.ops))
    register, cpu, unknown = register_on_view(look, stage.ops, now, map_)
    if unknown:
        map_.find(look.register)
    touches = await touches_of(stage, now, register, cpu, map_)
    was = {}
    if now:
        was = inspected(await stage.machine(now - 1), register, cpu)
    machine = await stage.machine(now)
    values = inspected(machine, register, cpu)
    shown = _shown(register, cpu, now, values, was or values, caution_of(machine, register, cpu))
    return inspector.inspector(shown, map_, touches, look, may_write=may_write)


def machine_map(spec: MachineSpec) -> RegisterMap:
    return register_map(spec.implementation, cpus=spec.cpus, spis=spec.spis, its=spec.its)


def register_on_view(
    look: Look, ops: Sequence[Operation], now: int, map_: RegisterMap
) -> tuple[Register, int, Unknown | None]:
    """The register asked for, else the one the step on view is about; and what is wrong with the name asked for."""
    unknown: Unknown | None = None
    if look.register:
        try:
            place = map_.find(look.register)
        except UnknownName as error:
            reason = error.reason[:1].upper() + error.reason[1:]
            unknown = Unknown(reason, tuple((name, look.link(register=name)) for name in error.nearest))
        else:
            return place.register, place.cpu or 0, None
    for number in range(now, max(0, now - 32), -1):
        found = history.accessed(ops[number - 1], map_)
        if found is not None and found[0] != "GITS_CWRITER":
            return map_.registers[found[0]], found[1], unknown
    name, cpu = DEFAULT_REGISTER
    return map_.registers[name], cpu, unknown


async def touches_of(
    stage: Stage, now: int, register: Register, cpu: int, map_: RegisterMap
) -> tuple[history.Touch, ...]:
    numbers = history.steps_touching(stage.ops, now, register, cpu, map_)
    found = [history.touch_of(await stage.step(number), register, cpu, map_) for number in numbers]
    return tuple(touch for touch in found if touch is not None)


def shared_of(moment: Moment, look: Look, title: str, choices: tuple[Choice, ...], cpu: int = 0) -> Shared:
    """The panels that do not depend on the register on view."""
    machine, before = moment.machine, moment.before
    reading = read(machine, moment.now, look.start, cpu)
    changed = _changed(reading, before)
    effects = moment.step.effects if moment.step else ()
    written = trace.written_bytes(effects)
    devices = machine.devices()
    chosen = tables.chosen_device(devices, look)
    queue_view = machine.queue()
    itts = [(device.device_id, device.itt_address) for device in devices[:MOST_ITTS]]
    return Shared(
        reading=reading,
        changed=changed,
        touched=_touched(moment, changed),
        headline=_headline(moment.step),
        bar=Bar(
            title or "Untitled machine",
            choices,
            plural(moment.spec.cpus, "CPU"),
            f"{moment.spec.lpi_id_bits}-bit",
            plural(machine.lpi_counts().mapped, "LPI"),
        ),
        trace=_trace(moment),
        lpis=_lpis(moment, reading, look),
        devices=tables.device_panel(devices, [] if chosen is None else machine.events(chosen), chosen, written, look),
        collections=tables.collection_panel(machine.collections(), written, look),
        queue=queue.queue_panel(queue_view),
        ram=navigator.ram_tables(
            navigator.ram_bases(moment.map, reading.values, moment.spec.cpus, queue_view.base, itts), look
        ),
        dock=timeline.dock(moment.ops, moment.marks, moment.now, moment.spec, look, live=look.step is None),
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
    return Form(f"{look.base}/ops{look.query()}", f"{look.base}/ops")


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
    return navigator.Navigator(navigator.tree(listing, moment.spec.cpus), shared.ram, found)


def _inspector(
    moment: Moment,
    look: Look,
    register: Register,
    cpu: int,
    touches: Sequence[history.Touch],
    *,
    may_write: bool,
) -> inspector.Inspector:
    values = inspected(moment.machine, register, cpu)
    was = dict(values)
    if moment.before is not None:
        was[cpu] = moment.before.values.get((register.name, cpu), values[cpu])
    shown = _shown(register, cpu, moment.now, values, was, caution_of(moment.machine, register, cpu))
    return inspector.inspector(shown, moment.map, touches, look, may_write=may_write)


def inspected(machine: Machine, register: Register, cpu: int) -> dict[int, int]:
    """The register's value on the CPU on view and on its first neighbours."""
    if not register.per_cpu:
        return {0: machine.peek(register, 0)}
    cpus = {*range(min(machine.cpus, navigator.MOST_CPUS_LISTED)), cpu}
    return {each: machine.peek(register, each) for each in sorted(cpus)}


def _shown(
    register: Register, cpu: int, step: int, values: dict[int, int], was: dict[int, int], caution: str
) -> inspector.Shown:
    return inspector.Shown(register, cpu, step, values[cpu], was.get(cpu, values[cpu]), tuple(values.items()), caution)


def caution_of(machine: Machine, register: Register, cpu: int) -> str:
    """What to know before a write to the register now; "" if nothing."""
    if register.name not in LPI_BASES or not machine.peek("GICR_CTLR", cpu) & 1:
        return ""
    ways: dict[str, list[str]] = {}
    for item in IMPLEMENTATIONS.values():
        ways.setdefault(item.lpi_bases_while_enabled.meaning, []).append(item.title)
    here = machine.impl.lpi_bases_while_enabled.meaning
    others = "; ".join(f"{meaning} on {', '.join(names)}" for meaning, names in ways.items() if meaning != here)
    return f"EnableLPIs is 1: writing now is UNPREDICTABLE. Here it is {here}; {others}."


def _changed(reading: Reading, before: Reading | None) -> frozenset[tuple[str, int]]:
    if before is None:
        return frozenset()
    return frozenset(key for key, value in reading.values.items() if before.values.get(key, value) != value)


def _touched(moment: Moment, changed: frozenset[tuple[str, int]]) -> tuple[str, ...]:
    """The registers whose inspector is out of date after this step."""
    touched = set(changed)
    if moment.now and (accessed := history.accessed(moment.ops[moment.now - 1], moment.map)) is not None:
        touched.add(accessed)
    registers = moment.map.registers
    return tuple(sorted(inspector.reference(registers[name], cpu) for name, cpu in touched))


def _headline(step: Step | None) -> str:
    """One sentence for the live region."""
    if step is None:
        return ""
    told = f"Step {step.seq}: {step.text.replace('  ', ' ')}."
    if step.refused:
        return f"{told} Refused: {step.refused}"
    if step.expectation is not None:
        return f"{told} {_compared(step.expectation)}"
    if step.value is not None:
        return f"{told} Result {step.value:#x}."
    hits = [effect.words for effect in step.effects if effect.role.value == "hit"]
    return f"{told} {hits[-1]}." if hits else told


def _trace(moment: Moment) -> trace.Trace:
    step = moment.step
    if step is None:
        return trace.NOTHING
    lines, folded, more = trace.lines_of(step.effects)
    bytes_at = []
    for address in trace.figure_addresses(step.effects):
        try:
            bytes_at.append((address, moment.machine.memory.read(address, 1)[0]))
        except IndexError:
            continue
    verdict, passed = _verdict(step)
    return trace.Trace(
        step=step.seq,
        text="note" if isinstance(step.op, Note) else " ".join(step.text.split()),
        verdict=verdict,
        passed=passed,
        refused=step.refused,
        lines=lines,
        folded=folded,
        more=more,
        figure=trace.figure_of(step.effects, bytes_at) if bytes_at else None,
    )


def _verdict(step: Step) -> tuple[str, bool | None]:
    if step.expectation is not None:
        return _compared(step.expectation), step.expectation.passed if step.expectation.asked else None
    if step.value is not None:
        return f"It returned {step.value:#x}.", None
    return step.op.text if isinstance(step.op, Note) else "", None


def _compared(expectation: Expectation) -> str:
    if not expectation.asked:
        return "Not asked on this implementation."
    return f"It is {expectation.got_text}, expected {expectation.relation} {expectation.wanted_text}."


def mark_of(step: Step) -> str:
    """ "ok" or "no" where a step expected something or was refused, else ""."""
    if step.expectation is not None:
        return ("ok" if step.expectation.passed else "no") if step.expectation.asked else ""
    return "no" if step.refused else ""


async def marks_of(stage: Stage, now: int) -> dict[int, str]:
    """What the expectations around step `now` gave."""
    ops = stage.ops
    window = range(max(1, now - timeline.WINDOW), now + 1)
    asked = [number for number in window if isinstance(ops[number - 1], Expect) or number == now]
    return {number: mark_of(await stage.step(number)) for number in asked}


def _lpis(moment: Moment, reading: Reading, look: Look) -> lpis.LpiPanel:
    machine, before = moment.machine, moment.before
    known = {} if before is None else {lpi.intid: lpi for lpi in before.lpis}
    base = navigator.base_of(moment.map, reading.values, "GICR_PROPBASER", 0)
    state = lpis.LpiState(
        lpis=reading.lpis,
        before=known.get if before is not None else None,
        counts=machine.lpi_counts(),
        config_base=base,
        caches_config=caches_config(machine.impl),
        latches=machine.impl.pending_home is not PendingHome.GUEST_RAM,
    )
    return lpis.lpi_panel(state, look, moment.now)


def caches_config(implementation: Implementation) -> bool:
    return implementation.config_cache is not ConfigCache.WINNER_ONLY


def default_look(look: Look) -> Look:
    """The look that a broadcast is rendered for: the newest step, everything else as usual."""
    return replace(look, register="", tab="lpis", start=FIRST_LPI, device=None, address=None, step=None, on="", find="")
