"""The explorer put together: everything that one address of it shows, from a stage and a look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.gic import IMPLEMENTATIONS
from app.registers import Register
from app.web.views import builder, history, inspector, lanes, memory, navigator, trace, way, why
from app.web.views.look import RAM_BASE, Look
from app.web.views.moment import Moment, machine_map, moment_of
from app.web.views.onview import Unknown, register_on_view, shown_of, touches_of
from app.web.views.shared import Choice, Shared, shared_of
from app.web.views.stage import Stage
from app.web.views.tree import tree_html

SHORT_TITLES = {"kvm-before-5.6": "KVM <5.6", "architecture": "Arch."}


@dataclass(frozen=True, slots=True)
class Form:
    """Where forms go: `action` without a script, `post` with one; those that only look elsewhere, `base`."""

    action: str
    post: str
    base: str


@dataclass(frozen=True, slots=True)
class Page:
    """Everything on one page."""

    look: Look
    form: Form
    shared: Shared
    navigator: navigator.Navigator
    inspector: inspector.Inspector
    memory: memory.MemoryPanel | None
    builder: builder.Builder
    why: why.WhyPanel
    lanes: lanes.LanePanel
    way: way.WayPanel
    may_write: bool
    unknown: Unknown | None


async def page_of(
    stage: Stage, look: Look, *, may_write: bool, choices: tuple[Choice, ...], typed: dict[str, str] | None = None
) -> Page:
    """The whole page. `typed` is what a refused form held, so that it is not lost."""
    map_ = machine_map(stage.spec)
    now = len(stage.ops) if look.step is None else min(look.step, len(stage.ops))
    register, cpu, unknown = register_on_view(look, stage.ops, now, map_)
    steps_in_lanes = await lanes.lanes_of(stage, look)
    touches = await touches_of(stage, now, register, cpu, map_)
    moment = await moment_of(stage, look, cpu)
    shared = shared_of(moment, look, stage.title, choices, cpu)
    return Page(
        look=look,
        form=form_of(look),
        shared=shared,
        navigator=_navigator(moment, shared, look, register, cpu),
        inspector=_inspector(moment, look, register, cpu, touches, may_write=may_write),
        # Nobody sees it before its tab opens, which then asks for it.
        memory=memory_of(moment, look, typed or {}, may_write=may_write) if look.tab == "memory" else None,
        builder=builder.builder(
            moment.machine,
            look.command,
            typed or {},
            may_write=may_write,
            pasted=look.words,
            ask=f"{look.base}/command" if look.base.startswith("/s/") else "",
        ),
        why=why.why_panel(moment.machine, look, moment.now),
        lanes=steps_in_lanes,
        way=way.way_panel(moment.machine, look, moment.now),
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
    post = f"{look.base}/ops{Look(look.base, step=look.step).query()}"
    return Form(f"{look.base}/ops{look.query()}", post, look.base)


def memory_of(moment: Moment, look: Look, typed: dict[str, str], *, may_write: bool) -> memory.MemoryPanel:
    """The memory panel of a moment."""
    ram = range(RAM_BASE, RAM_BASE + (moment.spec.ram_mib << 20))
    written = trace.written_bytes(moment.step.effects if moment.step else ())
    return memory.memory_panel(moment.machine, look, written, ram, typed, may_write=may_write)


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
