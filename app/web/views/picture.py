"""The ITS tables of a machine as a picture: device table, ITTs, collection table, and the ways between them."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from app.gic import Machine
from app.gic.views import CollectionView, DeviceView, EventView
from app.scenario import MachineSpec
from app.web.views.render import render
from app.web.views.words import plural

ROW, GAP, TOP = 22, 14, 104
WIDTH = 760
DEVICE_X, DEVICE_WIDTH = 16, 184
EVENT_X, EVENT_WIDTH = 264, 268
COLLECTION_X, COLLECTION_WIDTH = 596, 148
MOST_DEVICES, MOST_EVENTS, MOST_COLLECTIONS = 24, 64, 24
LONGEST_TITLE = 70
# In the picture itself, so that it is legible alone, on light and on dark ground.
STYLE = """
text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#1b1f23}
.h{font:600 15px system-ui,sans-serif}.s,.c{font:12px system-ui,sans-serif}.s,.q{fill:#57606a}.c{font-weight:600}
.g{fill:#fff}.b{fill:#f6f8fa;stroke:#8c959f}.l{fill:none;stroke:#57606a}.d{stroke-dasharray:3 3}.p{fill:#1b1f23}
@media (prefers-color-scheme:dark){text,.p{fill:#e6edf3}.s,.q{fill:#9aa4ae}.g{fill:#0f1318}
.b{fill:#1a2028;stroke:#6b7580}.l{stroke:#9aa4ae}}
"""
STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; frame-ancestors 'self'"


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle `y` down, `height` high, with its words."""

    y: int
    height: int
    words: str
    more: str = ""
    pending: bool = False

    @property
    def middle(self) -> int:
        return self.y + self.height // 2


@dataclass(frozen=True, slots=True)
class Wire:
    """A line from one box to another; `loose` where there is nothing at its end."""

    path: str
    loose: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything that is drawn. `words` says the same for who does not see it."""

    title: str
    subtitle: str
    devices: tuple[Box, ...]
    events: tuple[Box, ...]
    collections: tuple[Box, ...]
    wires: tuple[Wire, ...]
    remarks: tuple[str, ...]
    words: str
    height: int


def svg(title: str, spec: MachineSpec, machine: Machine, when: str) -> str:
    """The picture as a file of its own; `when` says after which step."""
    make = f"{spec.implementation}, {plural(spec.cpus, 'CPU')}, {when}"
    return render("picture.svg", p=picture(title, make, machine), style=STYLE, width=WIDTH)


def picture(title: str, subtitle: str, machine: Machine) -> Picture:
    """The tables as they are now, at most so many rows of each."""
    devices, collections = machine.devices(), machine.collections()
    rows = [(device, machine.events(device.device_id)) for device in devices[:MOST_DEVICES]]
    shown = collections[:MOST_COLLECTIONS]
    ends = {each.icid: TOP + at * (ROW + GAP) for at, each in enumerate(shown)}
    boxes, events, wires, words = [], [], [], []
    y, left = TOP, MOST_EVENTS
    for device, all_events in rows:
        mapped = all_events[:left]
        left -= len(mapped)
        height = max(2, len(mapped)) * ROW
        boxes.append(_device(device, y, len(all_events) - len(mapped)))
        for at, event in enumerate(mapped):
            box = _event(event, machine, y + at * ROW)
            events.append(box)
            wires.append(_wire(DEVICE_X + DEVICE_WIDTH, boxes[-1].middle, EVENT_X, box.middle))
            end = ends.get(-1 if event.icid is None else event.icid)
            wires.append(_out(box.middle, end))
            words.append(f"{boxes[-1].words}, {box.words}, {'no collection' if end is None else f'ICID {event.icid}'}")
        y += height + GAP
    below = max(y, TOP + len(shown) * (ROW + GAP), TOP + 2 * ROW)
    drawn = tuple(Box(ends[each.icid], ROW, f"ICID {each.icid}", _target(each)) for each in shown)
    words += [f"{box.words} {box.more}" for box in drawn]
    remarks = _remarks(len(devices) - len(rows), len(collections) - len(shown), bool(devices), bool(collections))
    cut = title if len(title) <= LONGEST_TITLE else f"{title[:LONGEST_TITLE]}…"
    return Picture(
        cut or "A GICv3 scenario",
        subtitle,
        tuple(boxes),
        tuple(events),
        drawn,
        tuple(wires),
        remarks,
        ". ".join([*words, *remarks]) + ".",
        below + ROW * len(remarks) + GAP,
    )


def _device(device: DeviceView, y: int, hidden: int) -> Box:
    more = f"ITT {device.itt_address:#x}" + (f", {hidden} more" if hidden else "")
    return Box(y, 2 * ROW, f"DeviceID {device.device_id:#x}", more)


def _event(event: EventView, machine: Machine, y: int) -> Box:
    lpi = machine.lpi(event.intid)
    return Box(y, ROW, f"EventID {event.event_id:#x} → INTID {event.intid}", lpi.state, lpi.pending)


def _target(collection: CollectionView) -> str:
    return "→ nowhere" if collection.cpu is None else f"→ CPU {collection.cpu}"


def _wire(x: int, y: int, to_x: int, to_y: int) -> Wire:
    half = (x + to_x) // 2
    return Wire(f"M{x} {y}C{half} {y} {half} {to_y} {to_x} {to_y}")


def _out(y: int, end: int | None) -> Wire:
    start = EVENT_X + EVENT_WIDTH
    if end is None:
        return Wire(f"M{start} {y}h24", loose=True)
    return _wire(start, y, COLLECTION_X, end + ROW // 2)


def _remarks(devices: int, collections: int, mapped: bool, targets: bool) -> tuple[str, ...]:
    told = []
    if not mapped:
        told.append("No device is mapped")
    if not targets:
        told.append("No collection is mapped")
    if devices > 0:
        told.append(f"{plural(devices, 'more device')} not shown")
    if collections > 0:
        told.append(f"{plural(collections, 'more collection')} not shown")
    return tuple(told)
