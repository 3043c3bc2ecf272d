"""The built-in lessons: `app/lessons/*.gic`, each a scenario with front matter and prose above it.

A file starts with `---`, `key: value` lines, `---`, Markdown prose, `---`; the rest is the scenario. The whole file is
a scenario too: the parser passes over what is above the third `---`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.registers import IMPLEMENTATION_NAMES
from app.scenario.errors import ScenarioError
from app.scenario.parse import FENCE, preamble_length

FOLDER = Path(__file__).resolve().parent.parent / "lessons"
REQUIRED = ("title", "summary", "register", "about")
KNOWN = (*REQUIRED, "on", "order")


@dataclass(frozen=True, slots=True)
class Lesson:
    """A lesson. `text` is its scenario, `prose` Markdown, `register` what to show first, `about` two or three words.

    `on` names the implementations on which all its expectations hold.
    """

    slug: str
    title: str
    summary: str
    text: str
    prose: str
    register: str
    about: str
    on: tuple[str, ...]
    order: int = 100


class UnknownLesson(LookupError):
    """There is no lesson of that name."""


def read_lesson(slug: str, text: str) -> Lesson:
    """The lesson that a file's text is. Raises ScenarioError where the front matter cannot be read."""
    rows = text.replace("\r\n", "\n").split("\n")
    body = preamble_length(rows, f"{slug}.gic")
    fences = [index for index, row in enumerate(rows[:body]) if row.rstrip() == FENCE]
    if not fences:
        raise ScenarioError("no front matter", source=f"{slug}.gic", expected="--- in the first line", text=rows[0])
    keys = dict(_front_matter(slug, rows[1 : fences[1]]))
    missing = [key for key in REQUIRED if key not in keys]
    if missing:
        raise ScenarioError(f"the front matter has no {missing[0]}", source=f"{slug}.gic", expected=f"{missing[0]}: …")
    return Lesson(
        slug=slug,
        title=keys["title"],
        summary=keys["summary"],
        text="\n".join(rows[body:]),
        prose="\n".join(rows[fences[1] + 1 : fences[2]]).strip() + "\n",
        register=keys["register"],
        about=keys["about"],
        on=tuple(keys["on"].split()) if "on" in keys else IMPLEMENTATION_NAMES,
        order=int(keys.get("order", "100")),
    )


def lesson(slug: str) -> Lesson:
    """The lesson called `slug`. Raises UnknownLesson."""
    for found in LESSONS:
        if found.slug == slug:
            return found
    raise UnknownLesson(f"there is no lesson {slug[:80]!r}, there are {', '.join(item.slug for item in LESSONS)}")


def _front_matter(slug: str, rows: list[str]) -> Iterator[tuple[str, str]]:
    for number, row in enumerate(rows, 2):
        key, colon, value = row.partition(":")
        if not colon or key.strip() not in KNOWN:
            raise ScenarioError(
                f"{row[:40]!r} in the front matter",
                source=f"{slug}.gic",
                line=number,
                expected=f"one of {', '.join(KNOWN)}: …",
            )
        yield key.strip(), value.strip()


LESSONS: tuple[Lesson, ...] = tuple(
    sorted(
        (read_lesson(path.stem, path.read_text(encoding="utf-8")) for path in FOLDER.glob("*.gic")),
        key=lambda item: (item.order, item.title),
    )
)
