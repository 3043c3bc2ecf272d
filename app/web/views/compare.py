"""The comparison as a page shows it: steps as rows, engines as columns, and what parts them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from urllib.parse import urlencode

from app.engines.compare import Compared, Comparison
from app.engines.explain import Reason
from app.engines.matrix import Row
from app.engines.model import LIVE_QEMU
from app.engines.observed import Recording, agrees
from app.engines.sides import Answer
from app.gic import IMPLEMENTATIONS
from app.scenario.choices import Taken
from app.scenario.operations import Note
from app.web.views.timeline import ICONS, ICONS_OF
from app.web.views.words import UNTITLED, Hex, Run, hex_groups, plural, runs

WHOLE = 200
"""Up to so many steps all are shown; of more only those that differ, and AROUND before and after each."""
AROUND = 2
MAPPED = 60
"""Columns of the divergence map: of more steps it shows only those that differ, the first so many."""
SHORT = {"kvm-before-5.6": "KVM <5.6"}
PROOF = {
    "architecture": ("model", "model of IHI 0069"),
    "kvm": ("model", "model, checked against real KVM 6.1"),
    "kvm-before-5.6": ("model", "model: KVM 6.1 with PTZ as it was"),
    "qemu": ("model", "model, checked against real QEMU 7.2"),
    LIVE_QEMU: ("real", "a real QEMU, just now"),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One engine. `note` says how often it differs; `kind` is the tag's: model or real."""

    name: str
    title: str
    kind: str
    badge: str
    note: str
    differs: bool
    reference: bool


@dataclass(frozen=True, slots=True)
class Why:
    """A behaviour that explains a difference, as this engine has it; without a title it is only the source."""

    title: str
    meaning: str
    cite: str
    href: str


@dataclass(frozen=True, slots=True)
class Cell:
    """What one engine answered. `kind`: ref, same, diff, none (it cannot be asked) or quiet (nothing to answer).

    `how` starts the reason, `again` is the step that has the same reason, 0 if this is the first.
    """

    kind: str
    title: str
    value: Hex | None
    text: str
    verdict: bool | None
    how: str = ""
    why: tuple[Why, ...] = ()
    again: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """One row: a step, or a gap of `skipped` steps in which all agree."""

    seq: int
    icon: str
    verb: str
    words: str
    differs: bool
    now: bool
    href: str
    cells: tuple[Cell, ...]
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class MapRow:
    """One line of the divergence map: a column's title, and a mark for each step shown."""

    title: str
    marks: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class ChoiceLine:
    """A choice that the manual leaves open, how it was taken, and in which steps."""

    rule: tuple[Run, ...]
    taken: str
    alternatives: str
    cite: str
    steps: str


@dataclass(frozen=True, slots=True)
class Choices:
    title: str
    lines: tuple[ChoiceLine, ...]


@dataclass(frozen=True, slots=True)
class Link:
    label: str
    href: str
    current: bool
    title: str = ""


@dataclass(frozen=True, slots=True)
class ComparePage:
    """`base` is the explorer's address, `back` where the visitor came from. `missed`: what a live QEMU could not do."""

    title: str
    back: str
    back_label: str
    total: int
    differing: int
    steps: str
    engines: str
    first: str
    first_href: str
    columns: tuple[Column, ...]
    map_steps: tuple[int, ...]
    map_rows: tuple[MapRow, ...]
    map_more: int
    lines: tuple[Line, ...]
    references: tuple[Link, ...]
    rows: tuple[Link, ...]
    choices: tuple[Choices, ...]
    missed: str
    live: Link | None


@dataclass(frozen=True, slots=True)
class Shown:
    """What the address asks for: the step the visitor came from, the reference, and whether only differences."""

    base: str
    step: int | None
    reference: str
    only: bool
    live: bool
    may_be_live: bool

    def href(self, **changes: object) -> str:
        """This page with something else shown."""
        wanted: dict[str, object] = {
            "step": self.step,
            "with": self.reference,
            "rows": "differences" if self.only else "",
            "live": 1 if self.live else "",
        } | changes
        query = urlencode({name: value for name, value in wanted.items() if value not in (None, "")})
        return f"{self.base}/compare" + (f"?{query}" if query else "")


def compare_page(told: Comparison, shown: Shown, real: Mapping[str, Recording] = MappingProxyType({})) -> ComparePage:
    """The page of a comparison. `real`: what real ones answered to this very scenario, by implementation."""
    differing = [step.seq for step in told.divergences]
    first = told.first()
    mapped = [step.seq for step in told.steps] if len(told.steps) <= MAPPED else differing[:MAPPED]
    others = [name for name in told.names if name != told.reference]
    return ComparePage(
        title=told.title or UNTITLED,
        back=f"{shown.base}?step={shown.step}" if shown.step is not None else shown.base,
        back_label="Back" if shown.step is None else f"Back to step {shown.step}",
        total=len(told.steps),
        differing=len(differing),
        steps=plural(len(told.steps), "step"),
        engines=plural(len(told.names), "implementation"),
        first=_first_words(told, first),
        first_href=f"#s{first.seq}" if first is not None else "",
        columns=tuple(_column(told, name, real.get(name)) for name in told.names),
        map_steps=tuple(mapped),
        map_rows=tuple(_map_row(told, name, mapped) for name in others),
        map_more=len(differing) - len(mapped) if len(told.steps) > MAPPED else 0,
        lines=tuple(_lines(told, shown)),
        references=tuple(
            Link(title_of(name), shown.href(**{"with": name}), name == told.reference)
            for name in told.names
            if name != LIVE_QEMU
        ),
        rows=(
            Link(f"All {plural(len(told.steps), 'step')}", shown.href(rows=""), not shown.only),
            Link("Only differences", shown.href(rows="differences"), shown.only),
        ),
        choices=tuple(_choices(told, name) for name in told.names if told.choices[name]),
        missed=_missed(told),
        live=_live(shown),
    )


def title_of(name: str) -> str:
    """An engine's name as people read it."""
    return "Real QEMU, live" if name == LIVE_QEMU else IMPLEMENTATIONS[name].title


def _live(shown: Shown) -> Link | None:
    if not shown.may_be_live:
        return None
    if shown.live:
        return Link("Leave the real QEMU out", shown.href(live=""), True)
    return Link(
        "Add a real QEMU, live", shown.href(live=1), False, "Starts QEMU on this server and plays the same steps"
    )


def _column(told: Comparison, name: str, recording: Recording | None) -> Column:
    kind, badge = PROOF[name]
    if recording is not None and agrees(recording, told, name):
        kind, badge = "real", f"observed on real {recording.words(len(told.steps))}"
    count = told.count(name)
    note = (
        "compared with this" if name == told.reference else f"differs in {plural(count, 'step')}" if count else "same"
    )
    return Column(name, title_of(name), kind, badge, note, bool(count), name == told.reference)


def _map_row(told: Comparison, name: str, mapped: Sequence[int]) -> MapRow:
    return MapRow(title_of(name), tuple(name in told.steps[seq - 1].differs for seq in mapped))


def _first_words(told: Comparison, first: Compared | None) -> str:
    if first is None:
        return ""
    names = [title_of(name) for name in told.names if name in first.differs]
    who = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    verb = "answers" if len(names) == 1 else "answer"
    return f"First at step {first.seq}, {first.text}: {who} {verb} differently."


def _missed(told: Comparison) -> str:
    if told.missed is None:
        return ""
    return (
        f"The real QEMU has no CPU running, so it could not do step {told.missed}. "
        "What it answers after that may differ for this reason alone."
    )


# -- rows


def _lines(told: Comparison, shown: Shown) -> Iterator[Line]:
    wanted = _wanted(told, shown)
    said: dict[tuple[object, ...], int] = {}
    skipped = 0
    for step in told.steps:
        if step.seq not in wanted:
            skipped += 1
            continue
        if skipped:
            yield _gap(skipped)
            skipped = 0
        yield _line(told, step, shown, said)
    if skipped:
        yield _gap(skipped)


def _wanted(told: Comparison, shown: Shown) -> frozenset[int]:
    """The steps to show."""
    differing = [step.seq for step in told.divergences]
    if shown.only:
        return frozenset(differing)
    if len(told.steps) <= WHOLE:
        return frozenset(step.seq for step in told.steps)
    around = range(-AROUND, AROUND + 1)
    return frozenset(seq + offset for seq in differing for offset in around)


def _gap(skipped: int) -> Line:
    return Line(0, "", "", "", False, False, "", (), skipped)


def _line(told: Comparison, step: Compared, shown: Shown, said: dict[tuple[object, ...], int]) -> Line:
    op = step.op
    verb, _, words = step.text.partition(" ")
    return Line(
        seq=step.seq,
        icon=op.verb if op.verb in ICONS else ICONS_OF.get(op.verb, "note"),
        verb="" if isinstance(op, Note) else verb,
        words=words.strip(),
        differs=bool(step.differs),
        now=step.seq == shown.step,
        href=f"{shown.base}?step={step.seq}",
        cells=_cells(told, step, said),
    )


def _cells(told: Comparison, step: Compared, said: dict[tuple[object, ...], int]) -> tuple[Cell, ...]:
    """A row's cells; of several with one reason, the first says it."""
    cells: list[Cell] = []
    for name in told.names:
        cell = _cell(told, step, name, said)
        twin = next((each for each in cells if cell.why and not cell.again and _same_reason(each, cell)), None)
        if twin is not None:
            sources = {why.cite for why in twin.why}
            own = tuple(replace(why, title="", meaning="") for why in cell.why if why.cite not in sources)
            cell = replace(cell, how=f"For the same reason as {twin.title}", why=own)
        cells.append(cell)
    return tuple(cells)


def _same_reason(one: Cell, other: Cell) -> bool:
    return (one.how, [why.title for why in one.why]) == (other.how, [why.title for why in other.why])


def _cell(told: Comparison, step: Compared, name: str, said: dict[tuple[object, ...], int]) -> Cell:
    answer, reference = step.answers[name], step.answers[told.reference]
    title = title_of(name)
    if not answer.available:
        return Cell("none", title, None, "not available: no CPU runs", None)
    if isinstance(step.op, Note):
        return Cell("quiet", title, None, "", None)
    if name == told.reference:
        return Cell("ref", title, _hex(answer, answer), _text(answer) or _nothing(answer, "done"), answer.passed)
    if name not in step.differs:
        return Cell("same", title, None, "same", answer.passed if answer.passed is False else None)
    reason = step.reasons.get(name)
    how, why, again = _why(reason, name, step.seq, said)
    text = _text(answer) or _nothing(answer, "nothing changes")
    return Cell("diff", title, _hex(answer, reference), text, answer.passed, how, why, again)


def _nothing(answer: Answer, words: str) -> str:
    """Words for a step that gave no answer and that nothing can be told of."""
    return words if answer.value is None else ""


def _hex(answer: Answer, reference: Answer) -> Hex | None:
    """A register's value in groups, the digits marked in which it differs from the reference."""
    if answer.value is None or answer.width is None or not answer.text.startswith("0x"):
        return None
    differs = answer.value ^ reference.value if reference.value is not None else 0
    return hex_groups(answer.value, answer.width, differs=differs)


def _text(answer: Answer) -> str:
    """What the hex does not say: another answer, or what the step did."""
    shown = answer.shown
    if answer.value is not None and answer.width is not None and answer.text.startswith("0x"):
        return shown.removeprefix(answer.text).removeprefix(", ")
    return shown or answer.story


def _why(
    reason: Reason | None, name: str, seq: int, said: dict[tuple[object, ...], int]
) -> tuple[str, tuple[Why, ...], int]:
    if reason is None:
        return ("Our model of QEMU answers otherwise" if name == LIVE_QEMU else ""), (), 0
    why = tuple(_behaviour(row, name) for row in reason.rows)
    key = (reason.how, why)
    again = said.setdefault(key, seq)
    return reason.words, why, 0 if again == seq else again


@lru_cache(maxsize=1024)
def _behaviour(row: Row, name: str) -> Why:
    value = row.values[name.partition(":")[0]]
    return Why(row.title, value.meaning, value.cite, f"/implementations#{row.key}")


def _choices(told: Comparison, name: str) -> Choices:
    return Choices(title_of(name), tuple(_choice(taken) for taken in told.choices[name]))


def _choice(taken: Taken) -> ChoiceLine:
    steps = ", ".join(str(seq) for seq in taken.steps[:8]) + (" …" if len(taken.steps) > 8 else "")
    word = "step" if len(taken.steps) == 1 else "steps"
    return ChoiceLine(runs(taken.rule), taken.taken, "; ".join(taken.alternatives), taken.cite, f"{word} {steps}")
