"""The built-in lessons: `app/lessons/*.md`, Markdown with fenced blocks; docs/lessons.md says how one is written.

Front matter between two `---` lines, then prose. The blocks ```gic are the scenario, in their order; ```question asks
for a term that the next ```gic block expects; ```exercise, ```start and ```answer are a goal to reach at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from app.registers import IMPLEMENTATION_NAMES
from app.scenario.errors import ScenarioError, nearest_names
from app.scenario.exercises import Exercise, exercise_of
from app.scenario.lesson_parts import Block, Part, blocks_of, keyed_lines, parts_of
from app.scenario.parse import FENCE, parse
from app.scenario.scenario import Scenario

FOLDER = Path(__file__).resolve().parent.parent / "lessons"
REQUIRED = ("title", "summary", "register", "about", "diagram")
KNOWN = (*REQUIRED, "order")
LONGEST = 64 << 10


@dataclass(frozen=True)
class Lesson:
    """A lesson. `text` is its scenario alone, `prose` the Markdown above the first block, `register` what to show.

    `about` is two or three words, `diagram` the small picture's description (app.web.views.diagrams), `order` the
    place among the lessons. `parts` and `scenario` are parsed when they are first asked for.
    """

    slug: str
    title: str
    summary: str
    register: str
    about: str
    diagram: str
    order: int
    blocks: tuple[Block, ...]
    file: str
    on: tuple[str, ...] = IMPLEMENTATION_NAMES

    @property
    def text(self) -> str:
        return "\n".join(block.text for block in self.blocks if block.kind == "gic")

    @property
    def prose(self) -> str:
        return self.blocks[0].text if self.blocks and self.blocks[0].kind == "prose" else ""

    @cached_property
    def scenario(self) -> Scenario:
        """The scenario, its lines numbered as in the file. Raises ScenarioError."""
        rows: list[str] = []
        for block in self.blocks:
            if block.kind == "gic":
                rows.extend([""] * (block.line - 1 - len(rows)))
                rows.extend(block.text.split("\n"))
        return parse("\n".join(rows), self.file)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """Prose, steps and questions in their order. Raises ScenarioError where a question has no answer."""
        return parts_of(self.file, self.blocks, self.scenario)

    @cached_property
    def exercise(self) -> Exercise | None:
        """The goal at the end, None if there is none. Raises ScenarioError."""
        return exercise_of(self.file, self.blocks)


class UnknownLesson(LookupError):
    """There is no lesson of that name."""


def read_lesson(slug: str, text: str, source: str = "") -> Lesson:
    """The lesson that a file's text is. Raises ScenarioError where front matter or blocks cannot be read."""
    source = source or f"{slug}.md"
    rows = text.replace("\r\n", "\n").split("\n")
    if len(text) > LONGEST:
        raise ScenarioError(f"a lesson of {len(text)} characters", source=source, expected=f"at most {LONGEST}")
    if rows[0].rstrip() != FENCE:
        raise ScenarioError("no front matter", source=source, expected="--- in the first line", text=rows[0])
    end = next((index for index, row in enumerate(rows[1:], 1) if row.rstrip() == FENCE), 0)
    if not end:
        raise ScenarioError("the front matter is not closed", source=source, line=len(rows), expected="a line ---")
    keys = _front_matter(source, rows[1:end])
    blocks = tuple(blocks_of(source, rows, end + 1))
    if not any(block.kind == "gic" for block in blocks):
        raise ScenarioError("a lesson without steps", source=source, line=len(rows), expected="a block ```gic")
    return Lesson(
        slug=slug,
        title=keys["title"],
        summary=keys["summary"],
        register=keys["register"],
        about=keys["about"],
        diagram=keys["diagram"],
        order=int(keys["order"]) if keys.get("order", "").isdigit() else 1000,
        blocks=blocks,
        file=source,
    )


def lesson(slug: str) -> Lesson:
    """The lesson called `slug`. Raises UnknownLesson."""
    for found in LESSONS:
        if found.slug == slug:
            return found
    near = nearest_names(slug[:80], [item.slug for item in LESSONS])
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(item.slug for item in LESSONS)}"
    raise UnknownLesson(f"there is no lesson {slug[:80]!r}, {hint}")


def _front_matter(source: str, rows: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, key, value, column in keyed_lines(source, rows, 2, KNOWN, "in the front matter"):
        if key in found:
            raise ScenarioError(f"a second {key}", source=source, line=number, text=rows[number - 2])
        if not value:
            raise ScenarioError(f"{key} says nothing", source=source, line=number, column=column, expected="a value")
        found[key] = value
    missing = [key for key in REQUIRED if key not in found]
    if missing:
        raise ScenarioError(
            f"the front matter has no {missing[0]}", source=source, line=len(rows) + 2, expected=f"{missing[0]}: …"
        )
    return found


LESSONS: tuple[Lesson, ...] = tuple(
    sorted(
        (read_lesson(path.stem, path.read_text(encoding="utf-8")) for path in FOLDER.glob("*.md")),
        key=lambda item: (item.order, item.title),
    )
)
