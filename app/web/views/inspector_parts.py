"""What of an inspector a step changed, for a tab that shows it as it was before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from app.web.views.inspector import Inspector
from app.web.views.render import component, kept


@dataclass(frozen=True, slots=True)
class Part:
    """HTML for the element that `at` selects within the inspector."""

    at: str
    html: str


def changed_parts(old: Inspector, new: Inspector) -> tuple[Part, ...] | None:
    """The parts of `new` that look otherwise than those of `old`; None where only the whole shows it.

    A mark of change is sent even where it was there before: the page has dropped it by itself meanwhile.
    """
    if new.in_full or new.many or _frame(old, new) != _frame(new, new):
        return None
    return tuple(_parts(old, new))


def _frame(inspector: Inspector, values: Inspector) -> Inspector:
    """An inspector with all that has a part of its own, or is a number in the part for it, taken from `values`."""
    return replace(
        inspector,
        value=values.value,
        base=values.base,
        draft=values.draft,
        step=values.step,
        halves=values.halves,
        fields=values.fields,
        accesses=values.accesses,
        why=values.why,
        doors=values.doors,
        siblings=values.siblings,
    )


def _parts(old: Inspector, new: Inspector) -> Iterator[Part]:
    for place, (was, half) in enumerate(zip(old.halves, new.halves, strict=True), 1):
        if half != was or any(segment.changed for segment in half):
            yield Part(f".half:nth-child({place})", kept("inspector", "half", half, new.tab_stop))
    if (new.accesses, new.why) != (old.accesses, old.why):
        yield Part(".wr", component("inspector", "accesses", new))
    for before, field in zip(old.fields, new.fields, strict=True):
        if field != before:
            yield Part(f'tr[data-field="{field.name}"]', kept("inspector", "field_row", field, new.in_full))
    if new.doors != old.doors:
        yield Part(".doors", component("inspector", "doors", new))
    if new.siblings is not None and new.siblings != old.siblings:
        yield Part("#siblings", component("inspector", "siblings", new.siblings))
