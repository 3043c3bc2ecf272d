"""The migration laboratory as its page shows it: source, cards, destination."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl

from app.gic import IMPLEMENTATIONS, Machine
from app.gic.effects import Effect
from app.scenario import MachineSpec
from app.scenario.laboratory import CardRun, Experiment, Probe, Writes
from app.scenario.operations import RegisterRef, SavedTables
from app.scenario.outcome import outcome
from app.scenario.restore_steps import ORDERS, TABLES, WRITE_BACK, StepRef, Way, step_ref
from app.web.views.laboratory_outcome import OutcomeView, outcome_view
from app.web.views.laboratory_setup import Setup
from app.web.views.trace import Line, lines_of
from app.web.views.words import Hex, hex_groups, plural

COLUMNS = 8
SHOWN_VALUES = 4
EDITABLE_VALUES = 10
PRESETS = (
    ("documented", "Documented order", "arm-vgic-its.rst: Redistributors, then the ITS"),
    ("qemu-kvm", "As QEMU does on KVM", "kvm_arm_gicv3_put, then kvm_arm_its_post_load"),
    ("its-first", "ITS first", "The ITS before the Redistributors"),
    ("bases-its-ctlr", "EnableLPIs last", "Table addresses, then the ITS, then GICR_CTLR"),
    ("vmstate", "As QEMU does", "RAM, then the two sections of the GIC"),
)


@dataclass(frozen=True, slots=True)
class Link:
    label: str
    href: str
    current: bool = False
    title: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """An LPI after a step. `kind`: held (in the GIC), ram (a bit in RAM), both, none; "" before anything ran."""

    kind: str
    text: str
    changed: bool


@dataclass(frozen=True, slots=True)
class Value:
    """A value that a card writes; `reset` leads back to the saved one where it was edited."""

    name: str
    hex: Hex
    plain: str
    edited: bool
    reset: str


@dataclass(frozen=True, slots=True)
class Card:
    """One step between the machines. `state`: done, next, todo or out."""

    ref: str
    number: int
    title: str
    cpu: str
    state: str
    why: str
    errors: tuple[str, ...]
    values: tuple[Value, ...]
    more: int
    edits: bool
    changes: tuple[tuple[str, str], ...]
    lines: tuple[Line, ...]
    more_lines: int
    marks: tuple[Mark, ...]
    up: str
    down: str
    out: str
    split: Link | None
    run: str
    ptz: tuple[Link, ...]


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
    cards = tuple(_cards(done, setup, spec, shown))
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
        saved_marks=_marks(shown, done.saved, done.source),
        intids=shown,
        more_lpis=len(intids) - len(shown),
        cards=cards,
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


def _marks(intids: Sequence[int], now: Probe | None, before: Probe | None) -> tuple[Mark, ...]:
    if now is None:
        return tuple(Mark("", "", False) for _ in intids)
    return tuple(_mark(intid, now, before) for intid in intids)


def _mark(intid: int, now: Probe, before: Probe | None) -> Mark:
    kind, text = _place(intid, now)
    return Mark(kind, text, before is not None and (kind, text) != _place(intid, before))


def _place(intid: int, probe: Probe) -> tuple[str, str]:
    bits = probe.in_ram(intid)
    ram = f"bit in RAM, table of CPU {bits[0]}" if bits else ""
    if intid in probe.held:
        cpu = probe.held[intid]
        held = f"held for CPU {cpu}" if cpu is not None else "held for no CPU"
        return ("both" if bits else "held"), f"{held}{' and ' + ram if ram else ''}"
    return ("ram", ram) if bits else ("none", "not pending anywhere")


# -- cards


def _cards(done: Experiment, setup: Setup, spec: MachineSpec, intids: Sequence[int]) -> Iterable[Card]:
    runs = {run.ref: run for run in done.runs}
    following = done.cards[len(done.runs)] if not done.whole else None
    number = 0
    for place, text in enumerate(setup.order):
        ref = step_ref(text)
        out = text in setup.without
        if not out:
            number += 1
        run = runs.get(ref)
        state = "out" if out else "done" if run else "next" if ref == following else "todo"
        yield _card(done, setup, spec, place, ref, 0 if out else number, state, run, intids)


def _card(
    done: Experiment,
    setup: Setup,
    spec: MachineSpec,
    place: int,
    ref: StepRef,
    number: int,
    state: str,
    run: CardRun | None,
    intids: Sequence[int],
) -> Card:
    writes = done.writes.get(ref, ())
    lines, folded, more = lines_of(_telling(run)) if run else ((), (), 0)
    shown = writes if len(writes) <= EDITABLE_VALUES else writes[:SHOWN_VALUES]
    last = len(setup.order) - 1
    text = str(ref)
    return Card(
        ref=text,
        number=number,
        title=ref.step.title,
        cpu="" if ref.cpu is None else f"CPU {ref.cpu}",
        state=state,
        why=ref.step.why,
        errors=run.errors if run else (),
        values=tuple(_value(item, setup) for item in shown),
        more=len(writes) - len(shown),
        edits=bool(writes) and len(writes) <= EDITABLE_VALUES,
        changes=_changes(run) if run else (),
        lines=lines,
        more_lines=len(folded) + more,
        marks=_marks(intids, run.after if run else None, run.before if run else None),
        up=setup.moved(text, place - 1) if place else "",
        down=setup.moved(text, place + 1) if place < last else "",
        out=setup.toggled(text),
        split=_split(setup, ref, spec),
        run=setup.link(at=number) if number else "",
        ptz=_ptz(setup, spec, writes) if ref.name == "pendbaser" else (),
    )


def _telling(run: CardRun) -> tuple[Effect, ...]:
    """The effects worth words: writes are shown as values already."""
    quiet = ("register-written", "userspace-called", "line-changed")
    return tuple(effect for effect in run.effects if effect.kind not in quiet)


def _split(setup: Setup, ref: StepRef, spec: MachineSpec) -> Link | None:
    if not ref.step.per_cpu or spec.cpus == 1 or spec.cpus > 8:
        return None
    label = "One card per CPU" if ref.cpu is None else "All CPUs in one card"
    return Link(label, setup.split(str(ref), spec.cpus), id=f"split-{ref}")


def _value(item: Writes, setup: Setup) -> Value:
    name, _, cpu = item.name.partition("@")
    reset = ""
    if item.edited:
        kept = tuple(edit for edit in setup.edits if (edit.target.name, edit.target.cpu or 0) != (name, int(cpu or 0)))
        reset = setup.link(edits=kept)
    shown = hex_groups(item.value, item.register.width, differs=item.edited)
    return Value(item.name, shown, shown.text, bool(item.edited), reset)


def _ptz(setup: Setup, spec: MachineSpec, writes: Sequence[Writes]) -> tuple[Link, ...]:
    """PTZ as it was saved, or as the VMM writes it."""
    edits = {edit.value for edit in setup.edits if str(edit.target).endswith(".PTZ")}
    if not writes:
        return ()
    return (
        Link("as saved", setup.ptz(spec.cpus, None), not edits, "Written as it was read", "ptz-saved"),
        Link("0", setup.ptz(spec.cpus, 0), edits == {0}, "PTZ=0 written by userspace", "ptz-0"),
        Link("1", setup.ptz(spec.cpus, 1), edits == {1}, "PTZ=1 written by userspace", "ptz-1"),
    )


def _changes(run: CardRun) -> tuple[tuple[str, str], ...]:
    """What a card did to LPIs in a few words; the kind is a tag's."""
    change = run.change
    told = (
        ("pass", change.held, "latched" if run.ref.name in (TABLES, "gicr-ctlr") else "pending"),
        ("fail", change.dropped, "lost here"),
        ("change", change.consumed, "taken out of RAM"),
        ("change", change.written, "put into RAM"),
        ("", change.mapped, "mapped"),
        ("fail", change.unmapped, "unmapped"),
    )
    return tuple((kind, f"{plural(len(ids), 'LPI')} {words}") for kind, ids, words in told if ids)


# -- around the cards


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
    return Side(tuple(facts), _marks(intids, probe, before))


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


def edits_from(form: Iterable[tuple[str, str]], done: Experiment) -> tuple[tuple[RegisterRef, int], ...]:
    """What a card's form asks to write that would not be written anyway. ValueError: it is no number, or too large."""
    written = {item.name: item for items in done.writes.values() for item in items}
    found = []
    for key, text in form:
        item = written.get(key.removeprefix("set.")) if key.startswith("set.") else None
        if item is None or not text.strip():
            continue
        value = int(text.strip().replace("_", ""), 0) if len(text) < 40 else -1
        if not 0 <= value < 1 << item.register.width:
            raise ValueError(f"{item.name} has {item.register.width} bits: {text.strip()[:40]} does not fit")
        if value != item.value:
            name, _, cpu = item.name.partition("@")
            found.append((RegisterRef(name, int(cpu) if cpu else None), value))
    return tuple(found)
