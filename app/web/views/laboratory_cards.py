"""The cards of the migration laboratory: one for each step of the restore, with what it writes and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.gic.effects import Effect
from app.scenario import MachineSpec
from app.scenario.laboratory import CardRun, Experiment, Probe, Writes
from app.scenario.operations import RegisterRef
from app.scenario.restore_steps import TABLES, StepRef, step_ref
from app.web.views.laboratory_setup import Setup
from app.web.views.trace import Line, lines_of
from app.web.views.words import Hex, hex_groups, plural

SHOWN_VALUES = 4
EDITABLE_VALUES = 10


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


def cards(done: Experiment, setup: Setup, spec: MachineSpec, intids: Sequence[int]) -> Iterable[Card]:
    """The steps in their order, those that are left out included; `intids`: the LPIs to mark."""
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
        marks=marks(intids, run.after if run else None, run.before if run else None),
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


def marks(intids: Sequence[int], now: Probe | None, before: Probe | None) -> tuple[Mark, ...]:
    """Where each of these LPIs is, and whether it was elsewhere before."""
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
