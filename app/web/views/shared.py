"""What all who look at a step with a default look see alike; broadcasts are made of it."""

from __future__ import annotations

from dataclasses import dataclass

from app.gic.effects import Role
from app.scenario import Expectation, Step
from app.scenario.operations import Note
from app.web.views import choices as choices_view
from app.web.views import history, lpis, navigator, queue, tables, timeline, trace
from app.web.views.inspector import reference
from app.web.views.look import Look
from app.web.views.moment import Moment, Reading, read
from app.web.views.words import UNTITLED, brief, plural

MOST_LINES = 3


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
    signalled: str
    signalled_now: bool


@dataclass(frozen=True, slots=True)
class Shared:
    """What all who look at a step with a default look see alike.

    `text` is the operation of the step on one line, "" before the first; `says` what came of it in a few words.
    """

    reading: Reading
    changed: frozenset[tuple[str, int]]
    touched: tuple[str, ...]
    text: str
    says: str
    bar: Bar
    trace: trace.Trace
    choices: choices_view.Panel
    lpis: lpis.LpiPanel
    devices: tables.DevicePanel
    collections: tables.CollectionPanel
    queue: queue.QueuePanel
    ram: tuple[navigator.RamEntry, ...]
    ram_written: bool
    dock: timeline.Dock
    turns: int
    config_base: int

    @property
    def headline(self) -> str:
        """One sentence for the live region."""
        told = f"Step {self.reading.step}: {self.text}."
        return f"{told} {self.says}" if self.says else told if self.text else ""


def shared_of(
    moment: Moment, look: Look, title: str, choices: tuple[Choice, ...], cpu: int = 0, old: Shared | None = None
) -> Shared:
    """The panels that do not depend on the register on view. `old`: the same look at the step before; of its panels
    those that look the same now are kept."""
    machine, before = moment.machine, moment.before
    reading = read(machine, moment.now, look, cpu)
    changed = _changed(reading, before)
    effects = moment.step.effects if moment.step else ()
    written = trace.written_bytes(effects)
    base = navigator.base_of(moment.map, reading.values, "GICR_PROPBASER", 0)
    kept = None if old is None or written else _settled(old, reading, base)
    lpi_panel = kept.lpis if kept else _lpis(moment, reading, look, base)
    tables_before = None if before is None else before.tables
    bases = navigator.ram_bases(moment.map, reading.values, moment.spec.cpus, reading.queue.base, reading.tables.itts)
    return Shared(
        reading=reading,
        changed=changed,
        touched=_touched(moment, changed),
        text=_text(moment.step),
        says=_says(moment.step),
        bar=Bar(
            title or UNTITLED,
            choices,
            plural(moment.spec.cpus, "CPU"),
            f"{moment.spec.lpi_id_bits}-bit",
            plural(lpi_panel.mapped, "LPI"),
            ", ".join(f"CPU{cpu}" for cpu in reading.signalled[:MOST_LINES]) or "none",
            before is not None and before.signalled != reading.signalled,
        ),
        trace=_trace(moment),
        choices=choices_view.panel(moment.choices, moment.now, look),
        lpis=lpi_panel,
        devices=kept.devices if kept else tables.device_panel(reading.tables, written, look, tables_before),
        collections=kept.collections if kept else tables.collection_panel(reading.tables, written, look, tables_before),
        queue=queue.queue_panel(reading.queue, machine.impl, before=None if before is None else before.queue),
        ram=navigator.ram_tables(bases, look),
        ram_written=bool(written),
        dock=timeline.dock(
            moment.ops, moment.verdicts, moment.now, moment.spec, look, moment.place, None if old is None else old.dock
        ),
        turns=moment.place.turns,
        config_base=base,
    )


def _settled(old: Shared, reading: Reading, config_base: int) -> Shared | None:
    """`old` if its panels of LPIs, devices and collections would be made of the same again, and none has a mark."""
    parts = [(each.lpis, each.lpi_rows, each.counts, each.tables) for each in (old.reading, reading)]
    if old.config_base != config_base or parts[0] != parts[1]:
        return None
    marked = (
        old.devices.changed,
        old.collections.changed,
        *(row.now for row in old.lpis.rows),
        *(row.now for row in old.devices.devices),
        *(row.now for row in old.devices.events),
        *(row.now for row in old.collections.rows),
    )
    return None if any(marked) else old


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
    return tuple(sorted(reference(registers[name], cpu) for name, cpu in touched))


def _text(step: Step | None) -> str:
    return "" if step is None else brief(" ".join(step.text.split()))


def _says(step: Step | None) -> str:
    if step is None:
        return ""
    if step.refused:
        return f"Refused: {step.refused}"
    if step.expectation is not None:
        return _compared(step.expectation)
    if step.value is not None:
        return f"Result {step.value:#x}."
    hit = next((effect for effect in reversed(step.effects) if effect.role is Role.HIT), None)
    return "" if hit is None else f"{hit.words}."


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
        text="note" if isinstance(step.op, Note) else _text(step),
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


def _lpis(moment: Moment, reading: Reading, look: Look, base: int) -> lpis.LpiPanel:
    machine, before = moment.machine, moment.before
    known = {} if before is None else {lpi.intid: lpi for lpi in before.lpis.rows}
    state = lpis.LpiState(
        lpis=reading.lpis,
        rows=reading.lpi_rows,
        before=known.get if before is not None else None,
        counts=reading.counts,
        config_base=base,
        implementation=machine.impl,
        cpus=machine.cpus,
    )
    return lpis.lpi_panel(state, look)
