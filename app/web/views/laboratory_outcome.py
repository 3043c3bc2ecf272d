"""What became of every LPI, as the laboratory shows it: the reasons, and a window on the table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app import limits
from app.scenario.outcome import Fate, Outcome, Verdict
from app.scenario.restore_steps import BY_NAME
from app.web.views.laboratory_setup import Setup
from app.web.views.words import NONE, Run, plural, runs

TAGS = {
    Verdict.LOST: ("fail", "cross"),
    Verdict.NEVER_SAVED: ("fail", "cross"),
    Verdict.UNSEEN: ("fail", "eye"),
    Verdict.UNMAPPED: ("fail", "cross"),
    Verdict.MOVED: ("change", "fork"),
    Verdict.FIRED_AGAIN: ("change", "warn"),
    Verdict.CAME_BACK: ("pass", "check"),
    Verdict.IDLE: ("", "idle"),
}
SHOWN_RANGES = 6
STEPS = {"save": "the save", "write-back": "the save"}


@dataclass(frozen=True, slots=True)
class Told:
    """A verdict with a reason, and the LPIs that share it. `card` is the step's name where it is a card on the page."""

    kind: str
    icon: str
    verdict: str
    lpis: str
    words: tuple[Run, ...]
    chain: tuple[str, ...]
    cite: str
    step: str
    card: str


@dataclass(frozen=True, slots=True)
class Row:
    intid: int
    source: str
    before: str
    after: str
    kind: str
    icon: str
    verdict: str
    step: str
    card: str


@dataclass(frozen=True, slots=True)
class Count:
    kind: str
    icon: str
    text: str
    href: str
    current: bool


@dataclass(frozen=True, slots=True)
class OutcomeView:
    headline: str
    fine: bool
    whole: bool
    counts: tuple[Count, ...]
    everything: str
    reasons: tuple[Told, ...]
    rows: tuple[Row, ...]
    total: int
    window: str
    earlier: str
    later: str


def outcome_view(found: Outcome, setup: Setup, whole: bool) -> OutcomeView:
    """The outcome through the window that the address asks for."""
    chosen = next((verdict for verdict in Verdict if slug(verdict) == setup.show), None)
    fates = [fate for fate in found.fates if chosen is None or fate.verdict is chosen]
    following = [fate for fate in fates if fate.intid >= setup.first]
    page = following[: limits.LPIS_PER_OUTCOME]
    before = [fate.intid for fate in fates if fate.intid < setup.first]
    earlier = before[-limits.LPIS_PER_OUTCOME :]
    return OutcomeView(
        headline=headline(found, whole=whole),
        fine=found.fine,
        whole=whole,
        counts=tuple(
            Count(
                *TAGS[verdict], f"{count} {verdict.words}", setup.link(show=slug(verdict), first=0), verdict is chosen
            )
            for verdict, count in found.counts
        ),
        everything=setup.link(show="", first=0) if chosen else "",
        reasons=tuple(_reasons(found.fates)),
        rows=tuple(_row(fate) for fate in page),
        total=len(fates),
        window=f"INTID {page[0].intid} to {page[-1].intid} of {plural(len(fates), 'LPI')}" if page else "",
        earlier=setup.link(first=earlier[0]) if earlier else "",
        later=setup.link(first=following[len(page)].intid) if len(following) > len(page) else "",
    )


def slug(verdict: Verdict) -> str:
    return verdict.name.lower().replace("_", "-")


def headline(found: Outcome, *, whole: bool = True) -> str:
    """How many pending LPIs came back, in one sentence."""
    pending = sum(count for verdict, count in found.counts if verdict in _WAS_PENDING)
    back = sum(count for verdict, count in found.counts if verdict in (Verdict.CAME_BACK, Verdict.MOVED))
    again = dict(found.counts).get(Verdict.FIRED_AGAIN, 0)
    so_far = "" if whole else "So far, "
    if not pending:
        told = "no LPI was pending at the source"
    elif back == pending:
        told = f"all {pending} pending LPIs came back" if pending > 1 else "the pending LPI came back"
    elif not back:
        told = (
            f"none of {plural(pending, 'pending LPI')} came back"
            if pending > 1
            else "the pending LPI did not come back"
        )
    else:
        told = f"{back} of {plural(pending, 'pending LPI')} came back"
    if again:
        told += f", and {plural(again, 'LPI')} fired that {'was' if again == 1 else 'were'} not pending"
    return f"{so_far}{told}." if so_far else f"{told[0].upper()}{told[1:]}."


_WAS_PENDING = (Verdict.CAME_BACK, Verdict.MOVED, Verdict.UNSEEN, Verdict.LOST, Verdict.NEVER_SAVED)


def _reasons(fates: Sequence[Fate]) -> Iterator[Told]:
    """The losses first; LPIs with the same verdict and reason together."""
    grouped: dict[tuple[object, ...], list[Fate]] = {}
    for fate in fates:
        if fate.reason.words:
            grouped.setdefault((fate.verdict, fate.reason), []).append(fate)
    for members in sorted(grouped.values(), key=lambda each: list(Verdict).index(each[0].verdict)):
        first = members[0]
        kind, icon = TAGS[first.verdict]
        reason = first.reason
        words = reason.words[0].upper() + reason.words[1:] + "."
        verdict = f"{plural(len(members), 'LPI')} {first.verdict.words}"
        lpis = _ranges([fate.intid for fate in members])
        yield Told(kind, icon, verdict, lpis, runs(words), reason.chain, reason.cite, *_step(reason.step))


def _step(step: str) -> tuple[str, str]:
    """A step as people read it, and its card."""
    name = step.partition("@")[0]
    if name in STEPS or not name:
        return STEPS.get(name, ""), ""
    return BY_NAME[name].title, step


def _ranges(intids: Sequence[int]) -> str:
    """INTIDs as ranges: 8192, 8194 to 8196."""
    found: list[list[int]] = []
    for intid in intids:
        if found and found[-1][1] == intid - 1:
            found[-1][1] = intid
        else:
            found.append([intid, intid])
    told = [str(a) if a == b else f"{a} to {b}" for a, b in found[:SHOWN_RANGES]]
    return ", ".join(told) + (" …" if len(found) > SHOWN_RANGES else "")


def _row(fate: Fate) -> Row:
    kind, icon = TAGS[fate.verdict]
    source = NONE if fate.device is None else f"device {fate.device:#x}, event {fate.event}"
    before = _pending(fate.was) if _was_pending(fate) else "not pending"
    after = _pending(fate.now) if fate.verdict in _NOW_PENDING else "not pending" if fate.now_mapped else "not mapped"
    return Row(fate.intid, source, before, after, kind, icon, fate.verdict.words, *_step(fate.reason.step))


_NOW_PENDING = (Verdict.CAME_BACK, Verdict.MOVED, Verdict.UNSEEN, Verdict.FIRED_AGAIN)


def _was_pending(fate: Fate) -> bool:
    return fate.verdict in _WAS_PENDING


def _pending(cpu: int | None) -> str:
    return "pending, no CPU" if cpu is None else f"pending, CPU {cpu}"
