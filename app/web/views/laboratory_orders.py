"""Which orders lose LPIs: a search under way, or its classes of orders as the page lists them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from app.scenario.orders import Found, OrderClass, shortest_rules
from app.scenario.restore_steps import StepRef
from app.web.searches import State
from app.web.views.laboratory_setup import Setup
from app.web.views.words import number, plural

MOST_RULES = 6


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    moved: bool


@dataclass(frozen=True, slots=True)
class Class:
    """Orders that end alike: `steps` is the one nearest to the plan, `moved` marks what it has elsewhere."""

    kind: str
    icon: str
    verdict: str
    error: str
    count: str
    share: str
    percent: float
    rules: tuple[tuple[str, str], ...]
    steps: tuple[Step, ...]
    href: str


@dataclass(frozen=True, slots=True)
class OrdersPage:
    title: str
    phase: str
    words: str
    done: int
    total: int
    states: str
    again: str
    stop: str
    back: str
    all_href: str
    all_label: str
    headline: str
    facts: str
    classes: tuple[Class, ...]


def orders_page(state: State, setup: Setup, *, move_all: bool, title: str) -> OrdersPage:
    """The page of a search in whatever phase it is."""
    here = setup.link("migrate/orders")
    mode = "&all=1" if move_all else ""
    found = state.found
    return OrdersPage(
        title=title,
        phase=state.phase,
        words=state.words,
        done=state.progress.done,
        total=state.progress.total,
        states=number(state.progress.states),
        again=here + mode,
        stop=f"{here}{mode}&stop=1",
        back=setup.link(),
        all_href=here if move_all else f"{here}&all=1",
        all_label="Leave guest memory and ITS base first" if move_all else "Move guest memory and ITS base too",
        headline=_headline(found) if found else "",
        facts=_facts(found) if found else "",
        classes=tuple(_classes(found, setup)) if found else (),
    )


def _headline(found: Found) -> str:
    fine = sum(each.count for each in found.classes if _keeps(each, found))
    return f"{_percent(fine, found.orders)} of {number(found.orders)} orders bring every pending LPI back"


def _facts(found: Found) -> str:
    held = ", ".join(ref.step.title for ref in found.held)
    first = ", ".join(ref.step.title for ref in found.first)
    told = f"{plural(len(found.moved), 'card')} in every order, folded into {number(found.states)} different states."
    if first:
        told += f" First of all, always: {first}."
    return told + (f" Held in place, since LPIs do not depend on them: {held}." if held else "")


def _best(found: Found) -> tuple[int, ...]:
    """The LPIs that CPUs take in the best of the outcomes."""
    return max(
        (each.ends.taken or tuple(i for i, _ in each.ends.pending) for each in found.classes), key=len, default=()
    )


def _keeps(each: OrderClass, found: Found) -> bool:
    taken = each.ends.taken if each.ends.taken is not None else tuple(i for i, _ in each.ends.pending)
    return set(_best(found)) <= set(taken)


def _classes(found: Found, setup: Setup) -> Iterator[Class]:
    for each in sorted(found.classes, key=lambda one: (not _keeps(one, found), -one.count)):
        kind, icon, verdict = _verdict(each, found)
        places = {ref: place for place, ref in enumerate(_plan(found, setup))}
        shown = tuple(ref for ref in each.order if ref in found.moved)
        yield Class(
            kind,
            icon,
            verdict,
            each.ends.error,
            f"{number(each.count)} orders",
            _percent(each.count, found.orders),
            round(100 * each.count / found.orders, 2),
            tuple((one.step.title, other.step.title) for one, other in list(shortest_rules(each.always))[:MOST_RULES]),
            tuple(_steps(shown, places)),
            setup.link(order=tuple(map(str, each.order)), at=None),
        )


def _plan(found: Found, setup: Setup) -> list[StepRef]:
    nearest = {str(ref): ref for each in found.classes[:1] for ref in each.order}
    return [nearest[text] for text in setup.order if text in nearest]


def _steps(order: tuple[StepRef, ...], places: dict[StepRef, int]) -> Iterator[Step]:
    """The order's steps; marked is what comes earlier than a step that the plan has before it."""
    for index, ref in enumerate(order):
        later = order[index + 1 :]
        yield Step(
            ref.step.title + ("" if ref.cpu is None else f" {ref.cpu}"),
            any(places[each] < places[ref] for each in later),
        )


def _verdict(each: OrderClass, found: Found) -> tuple[str, str, str]:
    best = set(_best(found))
    taken = each.ends.taken
    pending = {intid for intid, _ in each.ends.pending}
    if _keeps(each, found):
        extra = len(pending - best)
        return (
            ("pass", "check", "all come back") if not extra else ("change", "warn", f"all come back, {extra} more fire")
        )
    if taken is not None and best <= pending:
        return "fail", "eye", "pending, and nobody looks"
    if not each.ends.mapped:
        return "fail", "cross", "all lost, nothing mapped"
    left = best & pending
    if not left:
        return "fail", "cross", "all lost, mappings fine"
    return "fail", "cross", f"{len(left)} of {len(best)} come back"


def _percent(part: int, whole: int) -> str:
    share = 100 * part / whole
    return f"{share:.0f} %" if share >= 10 or part == 0 else f"{share:.1f} %" if share >= 1 else f"{share:.2f} %"
