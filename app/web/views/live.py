"""What a step changed on the page, rendered once for the one who acted and for all who watch."""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from weakref import WeakKeyDictionary

from app import limits
from app.scenario import Step
from app.sessions import Said, Session
from app.web.views import explorer, shared
from app.web.views.explorer import Form
from app.web.views.inspector import Inspector
from app.web.views.look import Look
from app.web.views.lpis import LpiPanel
from app.web.views.moment import Moment, Reading
from app.web.views.navigator import Cell, RamEntry, Values, cell
from app.web.views.presenter import EVENT as PRESENT
from app.web.views.presenter import Presenter
from app.web.views.render import component, partial
from app.web.views.shared import Shared
from app.web.views.stage import place_of
from app.web.views.tables import CollectionPanel, DevicePanel
from app.web.views.words import number

# One press of a button may be several operations.
UPDATES_KEPT = 8
# One a register and way to show it that somebody writes just now.
INSPECTORS_KEPT = 4
BETWEEN = re.compile(r">\s*\n\s*<")


@dataclass(slots=True)
class _Room:
    """One session as its watchers see it."""

    shared: Shared | None = None
    before: Reading | None = None
    turns: int = 0
    updates: OrderedDict[int, str] = field(default_factory=OrderedDict)
    watchers: int = 0
    counting: asyncio.TimerHandle | None = None
    inspectors: OrderedDict[Look, Inspector] = field(default_factory=OrderedDict)
    presenter: Presenter = field(default_factory=Presenter)


class Live:
    """The updates of all sessions of one server; nothing here outlives its session."""

    def __init__(self) -> None:
        self._rooms: WeakKeyDictionary[Session, _Room] = WeakKeyDictionary()

    def room(self, session: Session) -> _Room:
        room = self._rooms.get(session)
        if room is None:
            room = self._rooms[session] = _Room()
        return room

    def prepare(self, session: Session, step: Step, actor: str) -> None:
        """Preparer of `Sessions`: render what `on_step` will want, if it will."""
        room = self.room(session)
        if actor or room.watchers:
            self._update(session, step)

    def on_step(self, session: Session, step: Step, actor: str) -> None:
        """Listener of `Sessions`: tell the watchers, and keep the answer for the tab that asked."""
        room = self.room(session)
        if not actor and not room.watchers:
            room.shared = None
            # It counts all the same: whoever lost the line comes back to a gap, and loads the page anew.
            session.publish("", lambda: self._update(session, step))
            return
        html = self._update(session, step)
        session.publish("", html, not_to=actor)

    def on_said(self, session: Session, said: Said) -> None:
        """Hearer of `Sessions`: whoever comes later learns here too where a presenter on another server looks."""
        if said.event == PRESENT:
            self.room(session).presenter.heard(said.not_to, said.data)

    def update(self, session: Session, seq: int) -> str:
        """The fragments of a step that was just appended; "" if it is long gone."""
        return self.room(session).updates.get(seq, "")

    def values_before(self, session: Session) -> Values | None:
        """What the registers in the navigator read one step before the newest, if that is at hand."""
        before = self._room_now(session).before
        return before.values if before is not None and before.step == session.seq - 1 else None

    def inspected(self, session: Session, look: Look, shown: Inspector, on_view: str) -> Inspector | None:
        """Keeps an inspector; returns the one of the look that was kept before, if it is of the step `on_view`."""
        room = self._room_now(session)
        old = room.inspectors.pop(look, None)
        room.inspectors[look] = shown
        while len(room.inspectors) > INSPECTORS_KEPT:
            room.inspectors.popitem(last=False)
        return old if old is not None and str(old.step) == on_view else None

    def joined(self, session: Session, actor: str = "") -> None:
        """One more event stream is open, of the tab `actor`: all are told, the new one too."""
        room = self.room(session)
        room.watchers += 1
        room.presenter.joined(actor)
        self._tell_count(session, room)

    def left(self, session: Session, actor: str = "") -> None:
        """One event stream less."""
        room = self.room(session)
        room.watchers -= 1
        room.presenter.left(session, actor)
        self._tell_count(session, room)

    def _tell_count(self, session: Session, room: _Room) -> None:
        """Tell how many watch: at once, and of those that come or go soon after only the last."""
        if room.counting is not None:
            return
        if room.watchers:
            session.publish("", watching(room.watchers))
        told = room.watchers

        def again() -> None:
            room.counting = None
            if room.watchers != told:
                self._tell_count(session, room)

        room.counting = asyncio.get_running_loop().call_later(limits.COUNT_INTERVAL_SECONDS, again)

    def _room_now(self, session: Session) -> _Room:
        room = self.room(session)
        if room.turns != session.turns:
            # The steps that were kept may be those of another branch.
            room.turns, room.shared, room.before = session.turns, None, None
            room.updates.clear()
            room.inspectors.clear()
        return room

    def _update(self, session: Session, step: Step) -> str:
        room = self._room_now(session)
        known = room.updates.get(step.seq)
        if known is not None:
            return known
        old = room.shared
        if old is None or old.reading.step != step.seq - 1:
            old = _shared(session, step.seq - 1, None)
        new = _shared(session, step.seq, old)
        look = Look(f"/s/{session.id}")
        html = change(old, new, session, explorer.form_of(look))
        room.shared, room.before = new, old.reading
        room.updates[step.seq] = html
        while len(room.updates) > UPDATES_KEPT:
            room.updates.popitem(last=False)
        return html


def _shared(session: Session, seq: int, old: Shared | None) -> Shared:
    """A step as all see it; called while the session holds still. `old` is the step before it."""
    line, look = session.timeline, Look(f"/s/{session.id}")
    step = line.step(seq) if seq else None
    machine, ops, taken = line.at(seq), line.ops[:seq], line.choices.taken(seq)
    before = None if old is None else old.reading
    now = Moment(machine, machine.map, session.spec, ops, seq, step, before, line.verdicts, place_of(session), taken)
    return shared.shared_of(now, look, session.title, explorer.choices_of(session.spec.implementation, look), old=old)


def change(old: Shared, new: Shared, session: Session, form: Form) -> str:
    """What a page that shows `old`, the step before, needs to show `new`.

    An element takes the place of the one with its id; one with `data-in` goes into what that names. What a page can
    tell by itself is not sent: it drops the marks of the step before, and counts steps (see static/js/live.js).
    """
    parts = [component("navigator", "cell", each) for each in changed_cells(new, session)]
    parts += _panels(old, new, form)
    parts += _ram_parts(old.ram, new.ram)
    if new.bar.signalled_now or replace(old.bar, signalled_now=False) != new.bar:
        parts.append(component("bar", "facts", new.bar))
    known = {count.name: count.text for count in counts(old)}
    parts += [
        component("panels", "counted", count)
        for count in counts(new)
        if count.changed or count.text != known[count.name]
    ]
    if (old.dock.held, old.dock.failed) != (new.dock.held, new.dock.failed):
        parts.append(component("timeline", "verdicts", new.dock))
    html = component("step", "change", new, new.dock.cells[-1], "".join(parts))
    # The page's own address goes without saying.
    return BETWEEN.sub("><", html).replace(f'href="/s/{session.id}?', 'href="?')


def _ram_parts(old: Sequence[RamEntry], new: Sequence[RamEntry]) -> list[str]:
    """The tables in RAM that the navigator lists: those that lie elsewhere now or are new; all where one is gone."""
    known = {entry.label: entry for entry in old}
    kept = [entry.label for entry in new if entry.label in known]
    if not old or not new or new[0].label not in known or kept != list(known):
        return [] if old == new else [component("navigator", "ram_list", new)]
    parts = []
    for before, entry in zip((None, *new), new, strict=False):
        if entry.label not in known and before is not None:
            parts.append(component("navigator", "ram_entry", entry, before.id))
        elif known.get(entry.label) != entry:
            parts.append(component("navigator", "ram_entry", entry))
    return parts


def _panels(old: Shared, new: Shared, form: Form) -> list[str]:
    """The panels on which something is otherwise than before, or marked as changed by the step."""
    parts = _lpi_parts(old, new, form)
    devices, collections = new.devices, new.collections
    marked = devices.changed or any(row.now for row in devices.devices) or any(row.now for row in devices.events)
    if marked or _unmarked(old.devices) != _unmarked(devices):
        parts.append(_inside("#p-devices[data-shared]", component("tables", "devices", devices, form)))
    marked = collections.changed or any(row.now for row in collections.rows)
    if marked or _unmarked(old.collections) != _unmarked(collections):
        parts.append(_inside("#p-collections[data-shared]", component("tables", "collections", collections, form)))
    if new.queue.changed:
        parts.append(_inside("#p-queue", component("queue", "panel", new.queue)))
        parts.append(component("queue", "short", new.queue))
    return parts


def _config_table(reading: Reading) -> int | None:
    """Where the links of configuration bytes lead."""
    return reading.values.get(("GICR_PROPBASER", 0))


def _inside(target: str, html: str) -> str:
    return f'<div data-in="{target}">{html}</div>'


def _lpi_parts(old: Shared, new: Shared, form: Form) -> list[str]:
    """The LPI panel; where it shows the same LPIs as before, only the rows of its map and table that are others now."""
    before, now = old.reading, new.reading
    moved = now.lpis.rows and _config_table(before) != _config_table(now)
    if moved or _outline(old.lpis) != _outline(new.lpis):
        return [_inside("#p-lpis[data-shared]", component("lpis", "panel", new.lpis, form))]
    parts = [component("lpis", "sums", new.lpis)] if old.lpis.sums != new.lpis.sums else []
    rows = [
        component("lpis", "map_row", row)
        for row, was in zip(new.lpis.map.rows, old.lpis.map.rows, strict=True)
        if row != was
    ]
    rows += [component("lpis", "row", lpi, new.lpis) for lpi in new.lpis.rows if lpi.now]
    if rows:
        parts.append(f'<table data-of="#p-lpis[data-shared]">{"".join(rows)}</table>')
    return parts


def _outline(panel: LpiPanel) -> object:
    """Which rows a panel has, and all besides them and the sums."""
    ids = [row.id for row in panel.map.rows], [lpi.intid for lpi in panel.rows]
    return ids, replace(panel, mapped=0, sums=(), rows=(), map=replace(panel.map, rows=()))


def _unmarked(panel: DevicePanel | CollectionPanel) -> object:
    """A panel without the marks of change, which a page drops by itself."""
    panel = replace(panel, changed=False)
    if isinstance(panel, CollectionPanel):
        return replace(panel, rows=tuple(replace(row, now=False) for row in panel.rows))
    devices = tuple(replace(row, now=False) for row in panel.devices)
    return replace(panel, devices=devices, events=tuple(replace(row, now=False) for row in panel.events))


def changed_cells(new: Shared, session: Session) -> list[Cell]:
    """The values in the navigator that the step changed."""
    registers = session.timeline.machine.map.registers
    return [
        cell(registers[name], cpu, new.reading.values[name, cpu], changed=True) for name, cpu in sorted(new.changed)
    ]


@dataclass(frozen=True, slots=True)
class Count:
    """What a tab says besides its name; `changed`: the step changed something on its panel."""

    name: str
    text: str
    changed: bool


def counts(shared: Shared) -> tuple[Count, ...]:
    """The numbers on the tabs; memory has none."""
    return (
        Count("lpis", number(shared.lpis.mapped), any(row.now for row in shared.lpis.rows)),
        Count("devices", number(shared.devices.total), shared.devices.changed),
        Count("collections", number(shared.collections.total), shared.collections.changed),
        Count("queue", number(shared.queue.total), shared.queue.changed),
        Count("memory", "", shared.ram_written),
    )


def watching(count: int) -> str:
    return partial("#watching", component("bar", "watching", count))
