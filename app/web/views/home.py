"""The first page: start an empty machine, or open a lesson."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from app.gic import IMPLEMENTATIONS
from app.registers import register_map
from app.scenario import links, parse
from app.scenario.lessons import LESSONS, Lesson
from app.web.views.bitgrid import Segment, Shown, halves
from app.web.views.inspector import Option
from app.web.views.words import Hex, hex_groups, plural

PTZ = 1 << 62
EXAMPLE = 0x4021_0000
CPU_CHOICES = (1, 2, 4, 8)
DIAGRAMS = {"ptz-reads-as-zero": "ptz", "pending-bits-come-back": "pending"}


@dataclass(frozen=True, slots=True)
class Card:
    title: str
    summary: str
    about: str
    steps: str
    href: str
    diagram: str


@dataclass(frozen=True, slots=True)
class Home:
    cards: tuple[Card, ...]
    implementations: tuple[Option, ...]
    cpus: tuple[Option, ...]
    wrote: Hex
    reads: Hex
    example: tuple[Segment, ...]
    example_href: str


@lru_cache(maxsize=1)
def home() -> Home:
    """The same for everybody."""
    cards = tuple(_card(lesson) for lesson in LESSONS)
    register = register_map("architecture").registers["GICR_PENDBASER"]
    shown = Shown(register, 0, 0, EXAMPLE, EXAMPLE, ())
    return Home(
        cards=cards,
        implementations=tuple(Option(item.name, item.title, item.name == "kvm") for item in IMPLEMENTATIONS.values()),
        cpus=tuple(Option(str(count), str(count), count == 2) for count in CPU_CHOICES),
        wrote=hex_groups(PTZ | EXAMPLE, 64, differs=PTZ),
        reads=hex_groups(EXAMPLE, 64, differs=PTZ),
        example=halves(shown, PTZ)[0],
        example_href=next((card.href for card in cards if card.diagram == "ptz"), ""),
    )


def lesson_payload(lesson: Lesson) -> str:
    """The lesson as the payload of a /x/ link."""
    return links.pack(parse(lesson.text, lesson.slug), step=1, view={"lesson": lesson.slug})


def _card(lesson: Lesson) -> Card:
    return Card(
        title=lesson.title,
        summary=lesson.summary,
        about=lesson.about,
        steps=plural(len(parse(lesson.text, lesson.slug).operations), "step"),
        href=f"/x/{lesson_payload(lesson)}",
        diagram=DIAGRAMS.get(lesson.slug, ""),
    )
