"""The lanes above the timeline: what each step on view caused in software, in each block of the GIC, at each CPU."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app import limits
from app.scenario.lane_rules import Lane, Mark
from app.scenario.lanes import OPERATION, Marked, Place, marks_of, places_of
from app.scenario.operations import Operation
from app.web.views.look import Look
from app.web.views.stage import Stage
from app.web.views.timeline import WINDOW, icon_of, step_link, window
from app.web.views.trace import icon_of_kind
from app.web.views.words import plural

TITLES = {
    Lane.SOFTWARE: "Software, devices",
    Lane.DISTRIBUTOR: "Distributor",
    Lane.ITS: "ITS",
    Lane.REDISTRIBUTOR: "Redistributor",
    Lane.CPU: "CPU",
}
MOST_ICONS = 4
FIRST_SPI, FIRST_LPI = 32, 8192
WEIGHTS = {mark.value: weight for weight, mark in enumerate(Mark)}
# How a register is told in the room of a cell.
PREFIXES = ("GICD_", "GICR_", "GITS_", "ICC_")


@dataclass(frozen=True, slots=True)
class Cell:
    """What a step did in a lane: the first mark's name, icons of it and of the next few, and all of them in words.

    `enters`: a cause above leads here; `leaves`: it goes on below.
    """

    id: str
    href: str
    text: str
    icons: tuple[str, ...]
    label: str
    title: str
    enters: bool
    leaves: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One lane. A cell is None where nothing happened, and True where a cause passes through."""

    title: str
    cells: tuple[Cell | bool | None, ...]


@dataclass(frozen=True, slots=True)
class Column:
    step: int
    state: str


@dataclass(frozen=True, slots=True)
class LanePanel:
    """`other` opens or closes it; `quiet` says how many CPUs have no lane, `free` columns have no step yet."""

    open: bool
    other: str
    again: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    quiet: str
    free: int


async def lanes_of(stage: Stage, look: Look) -> LanePanel:
    """The steps around the one on view; if the lanes are closed nothing is played."""
    is_open = look.lanes == "on" and not look.embed
    other, again = look.link(lanes="off" if look.lanes == "on" else "on"), look.link()
    if not is_open:
        return LanePanel(False, other, again, "", (), (), "", 0)
    ops, total = stage.ops, len(stage.ops)
    now = total if look.step is None else min(look.step, total)
    numbers = window(now, total)
    steps = await stage.steps(numbers)
    marked = {step.seq: _by_place(marks_of(step, limits.LANE_WORDS)) for step in steps}
    places, quiet = places_of(marked.values(), stage.spec)
    return LanePanel(
        open=True,
        other=other,
        again=again,
        caption=_caption(numbers),
        columns=tuple(
            Column(number, "now" if number == now else "done" if number < now else "todo") for number in numbers
        ),
        rows=tuple(_row(place, places, marked, look, ops) for place in places),
        quiet=f"and {plural(quiet, 'quiet CPU')}" if quiet else "",
        free=WINDOW - len(numbers),
    )


def _caption(numbers: range) -> str:
    return f"What steps {numbers[0]} to {numbers[-1]} caused where" if numbers else "No step yet"


def _by_place(marks: Iterable[Marked]) -> dict[Place, list[Marked]]:
    """The marks of a step by lane, what one looks for first."""
    found: dict[Place, list[Marked]] = {}
    for mark in marks:
        found.setdefault((mark.lane, mark.cpu), []).append(mark)
    for lane in found.values():
        lane.sort(key=lambda mark: -1 if mark.kind == OPERATION else WEIGHTS[mark.mark])
    return found


def title_of(place: Place) -> str:
    """A lane as its row is headed."""
    lane, cpu = place
    return TITLES[lane] if cpu is None else f"{TITLES[lane]} {cpu}"


def _row(
    place: Place,
    places: Sequence[Place],
    steps: dict[int, dict[Place, list[Marked]]],
    look: Look,
    ops: Sequence[Operation],
) -> Row:
    title = title_of(place)
    at = places.index(place)
    cells: list[Cell | bool | None] = []
    for number, marks in steps.items():
        enters, leaves = any(each in marks for each in places[:at]), any(each in marks for each in places[at + 1 :])
        if place in marks:
            cells.append(_cell(number, title, marks[place], (enters, leaves), look, ops))
        else:
            cells.append(True if enters and leaves else None)
    return Row(title, tuple(cells))


def _cell(
    number: int, title: str, marks: Sequence[Marked], joins: tuple[bool, bool], look: Look, ops: Sequence[Operation]
) -> Cell:
    first = marks[0]
    told = "; ".join(_told(mark) for mark in marks)
    icons = dict.fromkeys(
        icon_of(ops[number - 1]) if mark.kind == OPERATION else icon_of_kind(mark.kind) for mark in marks
    )
    where = "" if first.cpu is None else f"-{first.cpu}"
    return Cell(
        id=f"lane-{first.lane}{where}-{number}",
        href=step_link(number, look, len(ops), **_concerned(first)),
        text=_short(first),
        icons=tuple(icons)[:MOST_ICONS],
        label=f"Step {number}, {title}: {told}",
        title=". ".join(words for mark in marks for words in mark.words),
        enters=joins[0],
        leaves=joins[1],
    )


def _told(mark: Marked) -> str:
    told = f"{mark.mark} {mark.about}".strip()
    return f"{told}, {mark.count} times" if mark.count > 1 else told


def _short(mark: Marked) -> str:
    for prefix in PREFIXES:
        if mark.about.startswith(prefix):
            return mark.about.removeprefix(prefix).partition("@")[0].replace("_EL1", "")
    return mark.about or mark.mark


def _concerned(mark: Marked) -> dict[str, object]:
    """What to show besides the step: the register, or why the interrupt is as it is."""
    if mark.about.startswith(PREFIXES):
        return {"register": mark.about}
    if not mark.about.isdigit():
        return {"register": ""}
    intid = int(mark.about)
    if intid < FIRST_SPI:
        return {"register": "", "why": f"{intid}@{mark.cpu or 0}"}
    return {"register": "", "why": mark.about if intid < 1020 or intid >= FIRST_LPI else ""}
