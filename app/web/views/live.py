"""What a step changed on the page, rendered once for the one who acted and for all who watch."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from app.scenario import Step
from app.sessions import Session
from app.web.views import explorer, moment, shared
from app.web.views.explorer import Form
from app.web.views.look import Look
from app.web.views.navigator import Cell, cell
from app.web.views.render import component, partial
from app.web.views.shared import Shared
from app.web.views.stage import place_of
from app.web.views.words import number

# One press of a button may be several operations.
UPDATES_KEPT = 8


@dataclass(slots=True)
class _Room:
    """One session as its watchers see it."""

    shared: Shared | None = None
    turns: int = 0
    updates: OrderedDict[int, str] = field(default_factory=OrderedDict)
    watchers: int = 0


class Live:
    """The updates of all sessions of one server; nothing here outlives its session."""

    def __init__(self) -> None:
        self._rooms: WeakKeyDictionary[Session, _Room] = WeakKeyDictionary()

    def room(self, session: Session) -> _Room:
        return self._rooms.setdefault(session, _Room())

    def on_step(self, session: Session, step: Step, actor: str) -> None:
        """Listener of `Sessions`: tell the watchers, and keep the answer for the tab that asked."""
        room = self.room(session)
        if not actor and not room.watchers:
            room.shared = None
            return
        html = self._update(session, room, step)
        session.publish("", html, not_to=actor)

    def update(self, session: Session, seq: int) -> str:
        """The fragments of a step that was just appended; "" if it is long gone."""
        return self.room(session).updates.get(seq, "")

    def joined(self, session: Session) -> None:
        """One more event stream is open: all are told, the new one too."""
        room = self.room(session)
        room.watchers += 1
        session.publish("", watching(room.watchers))

    def left(self, session: Session) -> None:
        """One event stream less."""
        room = self.room(session)
        room.watchers -= 1
        if room.watchers:
            session.publish("", watching(room.watchers))

    def _update(self, session: Session, room: _Room, step: Step) -> str:
        if room.turns != session.turns:
            # The steps that were kept may be those of another branch.
            room.turns, room.shared = session.turns, None
            room.updates.clear()
        known = room.updates.get(step.seq)
        if known is not None:
            return known
        old = room.shared if room.shared is not None and room.shared.reading.step == step.seq - 1 else None
        look = Look(f"/s/{session.id}")
        new = shared.shared_of(
            _moment(session, step, old), look, session.title, explorer.choices_of(session.spec.implementation, look)
        )
        html = fragments(old, new, session, explorer.form_of(look), look)
        room.shared = new
        room.updates[step.seq] = html
        while len(room.updates) > UPDATES_KEPT:
            room.updates.popitem(last=False)
        return html


def _moment(session: Session, step: Step, old: Shared | None) -> moment.Moment:
    """The newest step; called while the session holds still."""
    line = session.timeline
    look = Look(f"/s/{session.id}")
    before = old.reading if old else moment.read(line.at(step.seq - 1), step.seq - 1, look)
    machine, ops, taken = line.machine, line.ops[: step.seq], line.choices.taken(step.seq)
    return moment.Moment(
        machine, machine.map, session.spec, ops, step.seq, step, before, line.verdicts, place_of(session), taken
    )


def fragments(old: Shared | None, new: Shared, session: Session, form: Form, look: Look) -> str:
    """Everything on a page of the step before that the new step makes different; `old` None: that may be anything."""
    parts = [partial(f"#{c.id}", component("navigator", "cell", c)) for c in changed_cells(new, session)]
    parts.append(partial("#trace", component("trace", "trace", new.trace)))
    if old is None or old.choices != new.choices:
        parts.append(partial("#choices-list", component("choices", "lines", new.choices), "innerMorph"))
        parts.append(partial("#choices-n", str(len(new.choices.lines)), "textContent"))
    if old is None or old.lpis != new.lpis:
        parts.append(partial("#p-lpis[data-shared]", component("lpis", "panel", new.lpis, form), "innerMorph"))
    if old is None or old.devices != new.devices:
        parts.append(
            partial("#p-devices[data-shared]", component("tables", "devices", new.devices, form), "innerMorph")
        )
    if old is None or old.collections != new.collections:
        parts.append(partial("#p-collections", component("tables", "collections", new.collections), "innerMorph"))
    if old is None or old.queue != new.queue:
        parts.append(partial("#p-queue", component("queue", "panel", new.queue), "innerMorph"))
        parts.append(partial("#queue-now", component("queue", "short", new.queue)))
    if old is None or old.ram != new.ram:
        parts.append(partial("#ram", component("navigator", "ram", new.ram)))
    if old is None or old.bar != new.bar:
        parts.append(partial("#facts", component("bar", "facts", new.bar)))
    parts += [
        partial(f"#cnt-{count.name}", component("panels", "counted", count))
        for count in counts(new)
        if old is None or count not in counts(old)
    ]
    parts.append(partial("#timeline", component("timeline", "timeline", new.dock, look)))
    parts.append(partial("#con-hint", component("timeline", "hint", new.dock)))
    parts.append(partial("#announce", component("bar", "plain", new.headline), "innerHTML"))
    parts.append(partial("#seen", component("bar", "seen", new)))
    return "".join(parts)


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
