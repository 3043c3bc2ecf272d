"""What a laboratory's address asks for: the step, what is saved, the cards in their order, edits, how far to run.

It all lives in the address, so that any experiment is a link; every button is a link to the experiment it makes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote

from app import limits
from app.gic import IMPLEMENTATIONS
from app.scenario import MachineSpec, ScenarioError, parse_line
from app.scenario.laboratory import Plan
from app.scenario.operations import Edit, Migrate, RegisterRef, SavedTables
from app.scenario.restore_steps import ORDERS, USUAL, WRITE_BACK, Way, step_ref, way_of

SAVES = {"pending": SavedTables.PENDING, "its": SavedTables.ITS}
SAFE = "@,="


@dataclass(frozen=True, slots=True)
class Setup:
    """One experiment as its address spells it.

    `step` None is the newest, `on` "" the machine's own implementation, `at` None runs all cards; `first` is the first
    INTID of the outcome's rows and `show` a verdict to see alone. `order` holds all cards, those left out included.
    """

    base: str
    order: tuple[str, ...]
    without: tuple[str, ...] = ()
    edits: tuple[Edit, ...] = ()
    saves: tuple[SavedTables, ...] = (SavedTables.PENDING, SavedTables.ITS)
    step: int | None = None
    on: str = ""
    at: int | None = None
    first: int = 0
    show: str = ""

    @property
    def plan(self) -> Plan:
        return Plan(self.saves, Migrate(self.named, self.without, self.edits))

    @property
    def named(self) -> tuple[str, ...]:
        """The order by its name, if it has one."""
        return next(((name,) for name, steps in ORDERS.items() if steps == self.order), self.order)

    def link(self, page: str = "migrate", **changes: object) -> str:
        """The address of this experiment with `changes`."""
        there = replace(self, **changes)  # type: ignore[arg-type]
        saves = ",".join(key for key, tables in SAVES.items() if tables in there.saves)
        pairs = {
            "step": there.step,
            "on": there.on,
            "save": None if len(there.saves) == len(SAVES) else saves or "none",
            "order": ",".join(there.named),
            "without": ",".join(there.without),
            "edit": ",".join(map(str, there.edits)),
            "at": there.at,
            "show": there.show,
            "from": there.first or None,
        }
        told = [f"{name}={quote(str(value), safe=SAFE)}" for name, value in pairs.items() if value not in (None, "")]
        return f"{there.base}/{page}?{'&'.join(told)}"

    # -- experiments next to this one

    def moved(self, card: str, to: int) -> str:
        """`card` at another place; what was run is run no more."""
        rest = [each for each in self.order if each != card]
        return self.link(order=(*rest[:to], card, *rest[to:]), first=0, show="")

    def toggled(self, card: str) -> str:
        """`card` left out, or put back."""
        out = tuple(each for each in self.without if each != card)
        return self.link(without=out if card in self.without else (*self.without, card), first=0, show="")

    def saving(self, tables: SavedTables) -> str:
        kept = tuple(each for each in SAVES.values() if (each in self.saves) is not (each is tables))
        return self.link(saves=kept, first=0, show="")

    def split(self, card: str, cpus: int) -> str:
        """A card for each CPU instead of one for all, or one instead of several."""
        name = step_ref(card).name
        if card != name:
            first = self.order.index(next(each for each in self.order if step_ref(each).name == name))
            rest = [each for each in self.order if step_ref(each).name != name]
            out = tuple(each for each in self.without if step_ref(each).name != name)
            return self.link(order=(*rest[:first], name, *rest[first:]), without=out)
        place = self.order.index(card)
        parts = tuple(f"{name}@{cpu}" for cpu in range(cpus))
        return self.link(order=(*self.order[:place], *parts, *self.order[place + 1 :]))

    def edited(self, target: RegisterRef, value: int | None) -> tuple[Edit, ...]:
        """The edits with `value` for a register or field, None: as it was saved."""
        kept = [each for each in self.edits if each.target != target]
        return tuple(kept if value is None else [*kept, Edit(target, value)])

    def ptz(self, cpus: int, value: int | None) -> str:
        """GICR_PENDBASER.PTZ as the VMM writes it on every CPU."""
        there = self
        for cpu in range(cpus):
            there = replace(there, edits=there.edited(RegisterRef("GICR_PENDBASER", cpu, "PTZ"), value))
        return there.link(first=0, show="")


def setup_from(base: str, query: Mapping[str, str], spec: MachineSpec) -> Setup:
    """The experiment that a query asks for. Raises ScenarioError for an order, a step or an edit that is not one."""
    on = query.get("on", "")[:32]
    if on and on not in IMPLEMENTATIONS:
        known = f"one of {', '.join(IMPLEMENTATIONS)}"
        raise ScenarioError(f"unknown implementation {on}", source="on=", expected=known, text=on)
    if on:
        spec = spec.on(on)
    op = _plan(query, spec)
    way = way_of(IMPLEMENTATIONS[spec.implementation])
    order = ORDERS.get(op.order[0], op.order)
    order = tuple(text for text in order if way in step_ref(text).step.ways)
    if not any(text != "ram" for text in order):
        order = ORDERS[USUAL[way]]
        order = tuple(text for text in order if way in step_ref(text).step.ways)
    saves = query.get("save")
    return Setup(
        base,
        order,
        tuple(text for text in op.without if text in order or text == WRITE_BACK),
        op.edits if way is not Way.VMSTATE else (),
        tuple(SAVES.values()) if saves is None else tuple(SAVES[key] for key in SAVES if key in saves.split(",")),
        _number(query.get("step")),
        on,
        _number(query.get("at")),
        _number(query.get("from")) or 0,
        query.get("show", "")[:32],
    )


def _plan(query: Mapping[str, str], spec: MachineSpec) -> Migrate:
    """The migrate line that the query spells: the language's own parser says what is wrong with it."""
    words = ["migrate", f"order={_word(query, 'order') or 'documented'}"]
    if query.get("order", "").count(",") >= limits.CARDS_PER_PLAN:
        raise ScenarioError(f"more than {limits.CARDS_PER_PLAN} steps", source="order=", text="order=")
    if _word(query, "without"):
        words.append(f"without={_word(query, 'without')}")
    words += [edit for edit in _word(query, "edit").split(",") if edit]
    op = parse_line(" ".join(words), spec)
    if not isinstance(op, Migrate):
        raise ScenarioError("no migration", source="order=", text=words[1])
    if len(set(op.order)) < len(op.order):
        twice = next(text for text in op.order if op.order.count(text) > 1)
        raise ScenarioError(f"{twice} is in the order twice", source="order=", expected="each step once", text=words[1])
    return op


def _word(query: Mapping[str, str], name: str) -> str:
    """A value without blanks, so that it stays one word of the line."""
    return "".join(query.get(name, "").split())[:4096]


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 8 else None
