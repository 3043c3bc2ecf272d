"""The migration laboratory as its page shows it: source, cards, destination, and the ways to other experiments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl

from app.gic import IMPLEMENTATIONS, Machine
from app.scenario import MachineSpec
from app.scenario.laboratory import Experiment, Probe
from app.scenario.operations import SavedTables
from app.scenario.outcome import outcome
from app.scenario.restore_steps import ORDERS, WRITE_BACK, Way, step_ref
from app.web.views.laboratory_cards import Card, Link, Mark, cards, marks
from app.web.views.laboratory_outcome import OutcomeView, outcome_view
from app.web.views.laboratory_setup import Setup
from app.web.views.trace import Line, lines_of
from app.web.views.words import plural

COLUMNS = 8
PRESETS = (
    ("documented", "Documented order", "arm-vgic-its.rst: Redistributors, then the ITS"),
    ("qemu-kvm", "As QEMU does on KVM", "kvm_arm_gicv3_put, then kvm_arm_its_post_load"),
    ("its-first", "ITS first", "The ITS before the Redistributors"),
    ("bases-its-ctlr", "EnableLPIs last", "Table addresses, then the ITS, then GICR_CTLR"),
    ("vmstate", "As QEMU does", "RAM, then the two sections of the GIC"),
)


@dataclass(frozen=True, slots=True)
class Side:
    """What one machine is at: facts as (name, value), and where its LPIs are."""

    facts: tuple[tuple[str, str], ...]
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class LabPage:
    title: str
    base: str
    back: str
    setup: Setup
    way: str
    cite: str
    implementations: tuple[Link, ...]
    presets: tuple[Link, ...]
    saves: tuple[Link, ...]
    save_errors: tuple[str, ...]
    save_lines: tuple[Line, ...]
    saved_marks: tuple[Mark, ...]
    intids: tuple[int, ...]
    more_lpis: int
    cards: tuple[Card, ...]
    source: Side
    destination: Side
    transport: tuple[Link, ...]
    progress: str
    text: str
    scenario: str
    alone: str
    orders: str
    state: str
    outcome: OutcomeView
    hidden: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Where:
    """Around the experiment: title, way back, and it as a scenario and as a laboratory in links of their own."""

    title: str
    back: str
    scenario: str
    alone: str


def laboratory(done: Experiment, setup: Setup, spec: MachineSpec, source: Machine, where: Where) -> LabPage:
    """The page of an experiment."""
    intids = _watched(done)
    shown = intids[:COLUMNS]
    count = len(done.runs)
    total = len(done.cards)
    way = IMPLEMENTATIONS[spec.implementation].title
    return LabPage(
        title=where.title,
        base=setup.base,
        back=where.back,
        setup=setup,
        way=f"{way}: {done.way.meaning}",
        cite=done.way.cite,
        implementations=_implementations(setup, spec),
        presets=_presets(setup, done.way),
        saves=_saves(setup, done.way),
        save_errors=done.save_errors,
        save_lines=lines_of(done.save_effects)[0],
        saved_marks=marks(shown, done.saved, done.source),
        intids=shown,
        more_lpis=len(intids) - len(shown),
        cards=tuple(cards(done, setup, spec, shown)),
        source=_side(source, done.source, shown, None),
        destination=_side(done.machine, done.runs[-1].after if done.runs else None, shown, None),
        transport=_transport(setup, count, total),
        progress=f"{count} of {plural(total, 'card')} run",
        text=setup.plan.text(done.way, spec),
        scenario=where.scenario,
        alone=where.alone,
        orders=setup.link("migrate/orders", at=None, first=0, show=""),
        state=setup.link("state"),
        outcome=outcome_view(outcome(done), setup, done.whole),
        hidden=_hidden(setup),
    )


def _watched(done: Experiment) -> tuple[int, ...]:
    """The LPIs worth a column: pending at the source or at any time on the way."""
    found = set(done.pending)
    for run in done.runs:
        found |= run.after.held.keys()
    return tuple(sorted(found)) or tuple(sorted(done.source.mapped))


def _side(machine: Machine, probe: Probe | None, intids: Sequence[int], before: Probe | None) -> Side:
    facts: list[tuple[str, str]] = []
    for cpu in range(min(machine.cpus, 2)):
        facts += [
            (f"GICR_PROPBASER@{cpu}", f"{machine.peek('GICR_PROPBASER', cpu):#x}"),
            (f"GICR_PENDBASER@{cpu}", f"{machine.peek('GICR_PENDBASER', cpu):#x}"),
            (f"GICR_CTLR@{cpu}.EnableLPIs", str(int(machine.lpis_enabled(cpu)))),
        ]
    if machine.has_its:
        queue = machine.queue()
        facts += [
            ("GITS_CTLR.Enabled", str(int(queue.enabled))),
            ("GITS_CREADR", f"{queue.creadr:#x}"),
            ("GITS_CWRITER", f"{queue.cwriter:#x}"),
        ]
    facts += [
        ("LPIs mapped", str(len(machine.mapped_lpis()))),
        ("LPIs pending", str(len(machine.pending_lpis()))),
    ]
    return Side(tuple(facts), marks(intids, probe, before))


def _implementations(setup: Setup, spec: MachineSpec) -> tuple[Link, ...]:
    return tuple(
        Link(
            item.title,
            setup.link(on=item.name, order=_order_elsewhere(setup), at=None, first=0, show="", edits=()),
            item.name == spec.implementation,
            item.summary,
        )
        for item in IMPLEMENTATIONS.values()
    )


def _order_elsewhere(setup: Setup) -> tuple[str, ...]:
    """The same order on another implementation: two sections are nobody else's."""
    return setup.order if setup.order != ORDERS["vmstate"] else ORDERS["documented"]


def _presets(setup: Setup, way: Way) -> tuple[Link, ...]:
    found = []
    for name, label, title in PRESETS:
        steps = tuple(text for text in ORDERS[name] if way in step_ref(text).step.ways)
        if len(steps) < 2 or (name == "qemu-kvm" and way is not Way.ATTRIBUTES):
            continue
        there = replace(setup, order=steps, without=(), first=0, show="")
        found.append(Link(label, there.link(), setup.order == steps and not setup.without, title, f"preset-{name}"))
    return tuple(found)


def _saves(setup: Setup, way: Way) -> tuple[Link, ...]:
    if way is Way.ATTRIBUTES:
        names = {SavedTables.PENDING: "SAVE_PENDING_TABLES", SavedTables.ITS: "SAVE_TABLES"}
        return tuple(
            Link(label, setup.saving(tables), tables in setup.saves, id=f"save-{tables.value}")
            for tables, label in names.items()
        )
    if way is Way.REGISTERS:
        return (
            Link("Clear EnableLPIs first", setup.toggled(WRITE_BACK), WRITE_BACK not in setup.without, id="save-wb"),
        )
    return ()


def _transport(setup: Setup, count: int, total: int) -> tuple[Link, ...]:
    """Start, one back, one on, all; without an address where there is nowhere to go."""
    return (
        Link("Start", setup.link(at=0) if count else "", title="No card run", id="t-first"),
        Link("Back", setup.link(at=count - 1) if count else "", title="One card back", id="t-back"),
        Link("Run a card", setup.link(at=count + 1) if count < total else "", title="Run the next card", id="t-next"),
        Link("Run all", setup.link(at=None) if count < total else "", title="Run all cards", id="t-last"),
    )


def _hidden(setup: Setup) -> tuple[tuple[str, str], ...]:
    """The experiment as a form's hidden fields, without its edits."""
    query = setup.link(edits=(), first=0, show="").partition("?")[2]
    return tuple(parse_qsl(query))
