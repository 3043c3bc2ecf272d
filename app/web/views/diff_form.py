"""The form that asks for two machines: what was typed into it, and beside each field what is wrong with that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from app.diff.files import NoStep, NotPlayed
from app.exchange.files import Unreadable
from app.gic import IMPLEMENTATIONS
from app.web.problems import Problem
from app.web.views.inspector import Option
from app.web.views.trouble import Trouble, trouble_of_line

LABELS = {"a": "first", "b": "second"}
NAMES = {"address": "address", "text": "text", "file": "file", "step": "after step", "on": "behaves like"}
ERRORS_SHOWN = 5
AS_IT_SAYS = "as it says"


@dataclass(frozen=True, slots=True)
class Given:
    """One side as it was sent: an address, or a text. `name` is that of the file that it was; `step` and `on` as typed.

    `data` is a file that is no text.
    """

    letter: str
    address: str = ""
    text: str = ""
    name: str = ""
    step: str = ""
    on: str = ""
    data: bytes = b""

    @property
    def content(self) -> bytes:
        """What is to be read; nothing where there is an address."""
        return self.data or self.text.encode("utf-8", "replace")

    @property
    def place(self) -> str:
        """The field that its content is in."""
        return "text" if self.text else "file"


@dataclass(frozen=True, slots=True)
class SideForm:
    """The fields of one side; `troubles` has what is wrong by the field's name."""

    given: Given
    label: str
    implementations: tuple[Option, ...]
    troubles: Mapping[str, tuple[Trouble, ...]]

    def wrong(self) -> tuple[tuple[str, str], ...]:
        """The fields that something is wrong with: the id of each, and what it is called."""
        letter = self.given.letter
        return tuple(
            (f"in-{letter}" if name == "address" else f"in-{letter}-{name}", f"{letter.upper()}, {NAMES[name]}")
            for name in self.troubles
        )


@dataclass(frozen=True, slots=True)
class FormPage:
    """`trouble` is what is wrong with the two together."""

    sides: tuple[SideForm, ...]
    trouble: Trouble | None = None

    @property
    def failed(self) -> bool:
        """Whether something is wrong with a field."""
        return any(each.troubles for each in self.sides)


def form_page(
    a: Given, b: Given, troubles: Mapping[str, tuple[Trouble, ...]] | None = None, trouble: Trouble | None = None
) -> FormPage:
    """The form with what was typed; `troubles` by the side's letter."""
    wrong = troubles or {}
    return FormPage(tuple(_side(each, wrong.get(each.letter, ())) for each in (a, b)), trouble)


def _side(given: Given, troubles: tuple[Trouble, ...]) -> SideForm:
    by_field: dict[str, tuple[Trouble, ...]] = {}
    for each in troubles:
        by_field[each.where] = (*by_field.get(each.where, ()), each)
    choices = (("", AS_IT_SAYS), *((each.name, each.title) for each in IMPLEMENTATIONS.values()))
    options = tuple(Option(name, title, name == given.on) for name, title in choices)
    return SideForm(given, LABELS[given.letter], options, by_field)


def trouble_of(problem: Problem, where: str) -> Trouble:
    """A refusal that has no place in a text."""
    return Trouble(f"{problem.title}.", problem.detail, "", problem.advice, where)


def troubles_of(error: Unreadable, given: Given) -> tuple[Trouble, ...]:
    """What of a text or a file cannot be read, line by line where it has lines."""
    if error.errors:
        return tuple(_lines(error, given))
    headline = f"{error.why[:1].upper()}{error.why[1:]}."
    where = "step" if isinstance(error, NoStep) else "on" if isinstance(error, NotPlayed) else given.place
    return (Trouble(headline, "", "", error.advice, where),)


def _lines(error: Unreadable, given: Given) -> Iterator[Trouble]:
    for each in error.errors[:ERRORS_SHOWN]:
        told = trouble_of_line(each, given.place)
        yield replace(told, headline=f"Line {each.line}, column {each.column}: {each.problem}.")
    more = len(error.errors) - ERRORS_SHOWN
    if more > 0:
        yield Trouble(f"And {more} more line{'' if more == 1 else 's'}.", "", "", "", given.place)
