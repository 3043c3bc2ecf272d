"""A lesson as a page shows it: prose, questions that can be answered, steps, and what holds after them where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias
from urllib.parse import urlencode

from markupsafe import Markup

from app.engines.observed import Recording, recordings
from app.gic import IMPLEMENTATIONS
from app.registers import IMPLEMENTATION_NAMES
from app.scenario import links
from app.scenario.format import format_operation
from app.scenario.lesson_parts import Outcome, Prose, Question, Steps
from app.scenario.lessons import LESSONS, Lesson
from app.scenario.operations import Expect, Note, Operation, Poke
from app.scenario.scenario import MachineSpec
from app.web.views.diagrams import diagram
from app.web.views.prose import markdown
from app.web.views.timeline import ICONS, ICONS_OF
from app.web.views.words import plural

BYTES_SHOWN = 32


@dataclass(frozen=True, slots=True)
class Words:
    """Prose. `kind` tells a template's parts from one another."""

    html: Markup
    kind: str = "words"


@dataclass(frozen=True, slots=True)
class Row:
    """An implementation's row of a question. `given` is what the reader chose, `right` whether that is the answer."""

    name: str
    title: str
    field: str
    given: str
    answer: str
    right: bool | None
    seen: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A question. `choices` are values and what they mean; `shown` whether the answers are."""

    number: int
    text: Markup
    term: str
    choices: tuple[tuple[str, str], ...]
    rows: tuple[Row, ...]
    shown: bool
    verdict: str
    why: Markup
    kind: str = "asked"


@dataclass(frozen=True, slots=True)
class StepLine:
    """One step: `framed` opens it beside the prose, `href` on a page of its own."""

    seq: int
    icon: str
    verb: str
    words: str
    framed: str
    href: str


@dataclass(frozen=True, slots=True)
class Held:
    """One value of a term, and who has it; `seen`: where that was observed, "" where only the model says so."""

    value: str
    names: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Holds:
    """What holds of one term; `everywhere` if all agree, `seen` where that was observed.

    `after` is the step that it holds after, 0 where that is the last one; `hidden` the question to be answered first.
    """

    after: int

    term: str
    relation: str
    values: tuple[Held, ...]
    everywhere: bool
    hidden: int
    seen: str


@dataclass(frozen=True, slots=True)
class Block:
    """Steps `first` to `last`; `before` is the step at which a session begins that does them."""

    first: int
    last: int
    before: int
    lines: tuple[StepLine, ...]
    holds: tuple[Holds, ...]
    kind: str = "steps"


Part: TypeAlias = Words | Asked | Block


@dataclass(frozen=True, slots=True)
class Tile:
    """A lesson among the others."""

    title: str
    summary: str
    about: str
    steps: str
    href: str
    picture: Markup
    exercise: bool


@dataclass(frozen=True, slots=True)
class LessonPage:
    """The page. `frame` is the machine beside the prose; `seen` says what the lesson was also played on."""

    slug: str
    title: str
    summary: str
    about: str
    picture: Markup
    parts: tuple[Part, ...]
    payload: str
    frame: str
    compare: str
    done: tuple[int, ...]
    questions: int
    all_answers: str
    seen: tuple[str, ...]
    number: int
    count: int
    before: Tile | None
    after: Tile | None
    exercise: str
    task: Markup


@dataclass(frozen=True, slots=True)
class Reader:
    """What a reader has answered: `given` by question and implementation, `done` the questions that are answered."""

    given: Mapping[tuple[int, str], str]
    done: frozenset[int]
    all: bool = False


def reader_of(pairs: list[tuple[str, str]]) -> Reader:
    """The reader that a query tells of; what makes no sense is passed over."""
    given: dict[tuple[int, str], str] = {}
    done: set[int] = set()
    for key, value in pairs:
        number, _, name = key.removeprefix("a").partition(".")
        if key.startswith("a") and number.isdecimal() and len(number) < 3 and name in IMPLEMENTATION_NAMES:
            given[int(number), name] = value[:64]
        elif key in ("done", "check", "show") and value.isdecimal() and len(value) < 3:
            done.add(int(value))
    return Reader(given, frozenset(done), ("answers", "all") in pairs)


@lru_cache(maxsize=64)
def payload_of(lesson: Lesson, *, named: bool) -> str:
    """The lesson's scenario as a link's payload; `named` has the explorer show the lesson's prose too."""
    return links.pack(lesson.scenario, step=1, view={"lesson": lesson.slug} if named else {})


@lru_cache(maxsize=1)
def tiles() -> tuple[Tile, ...]:
    """All lessons, in their order."""
    return tuple(_tile(lesson) for lesson in LESSONS)


def lesson_page(lesson: Lesson, reader: Reader) -> LessonPage:
    """The page of a lesson for what this reader has answered."""
    at = LESSONS.index(lesson)
    real = recordings(lesson.scenario)
    numbers = [part.number for part in lesson.parts if isinstance(part, Question)]
    done = tuple(number for number in numbers if reader.all or number in reader.done)
    exercise = lesson.exercise
    framed = payload_of(lesson, named=False)
    return LessonPage(
        slug=lesson.slug,
        title=lesson.title,
        summary=lesson.summary,
        about=lesson.about,
        picture=diagram(lesson.diagram),
        parts=tuple(_part(lesson, part, reader, done, real) for part in lesson.parts),
        payload=framed,
        frame=f"/x/{framed}?{urlencode({'step': 1, 'register': lesson.register})}",
        compare=f"/x/{payload_of(lesson, named=True)}/compare",
        done=done,
        questions=len(numbers),
        all_answers="" if len(done) == len(numbers) else f"/lessons/{lesson.slug}?answers=all",
        seen=tuple(dict.fromkeys(f"{each.of}" for each in real.values())),
        number=at + 1,
        count=len(LESSONS),
        before=tiles()[at - 1] if at else None,
        after=tiles()[at + 1] if at + 1 < len(LESSONS) else None,
        exercise="" if exercise is None else f"/exercise/{exercise.payload(of=lesson.slug)}",
        task=Markup() if exercise is None else markdown(exercise.task),
    )


def _part(
    lesson: Lesson,
    part: Prose | Question | Steps,
    reader: Reader,
    done: tuple[int, ...],
    real: Mapping[str, Recording],
) -> Part:
    if isinstance(part, Prose):
        return Words(markdown(part.text))
    if isinstance(part, Question):
        return _asked(part, reader, part.number in done, real)
    return _block(lesson, part, done, real)


def _asked(question: Question, reader: Reader, shown: bool, real: Mapping[str, Recording]) -> Asked:
    rows = tuple(
        Row(
            name,
            IMPLEMENTATIONS[name].title,
            f"a{question.number}.{name}",
            given := reader.given.get((question.number, name), ""),
            _said(question, question.answers[name]) if shown else "",
            (given == question.answers[name]) if shown and given else None,
            _seen(real, name, question.seq),
        )
        for name in IMPLEMENTATION_NAMES
    )
    tried = [row for row in rows if row.right is not None]
    right = sum(row.right is True for row in tried)
    verdict = f"{right} of {len(tried)} right." if tried else ""
    return Asked(
        question.number,
        markdown(question.text),
        question.term,
        tuple((value, _said(question, value)) for value in question.choices),
        rows,
        shown,
        verdict,
        markdown(question.why) if shown else Markup(),
    )


def _said(question: Question, value: str) -> str:
    return question.words.get(value, value)


def _block(lesson: Lesson, steps: Steps, done: tuple[int, ...], real: Mapping[str, Recording]) -> Block:
    named, framed = payload_of(lesson, named=True), payload_of(lesson, named=False)
    lines = []
    for seq, op in enumerate(steps.operations, steps.first):
        if not isinstance(op, Expect):
            verb, _, words = _written(op, lesson.scenario.machine).partition(" ")
            icon = op.verb if op.verb in ICONS else ICONS_OF.get(op.verb, "note")
            shown = "" if isinstance(op, Note) else verb
            lines.append(StepLine(seq, icon, shown, words.strip(), f"/x/{framed}?step={seq}", f"/x/{named}?step={seq}"))
    last = lines[-1].seq if lines else 0
    holds = tuple(
        _holds(outcome, max((line.seq for line in lines if line.seq < outcome.seq), default=last), last, done, real)
        for outcome in steps.outcomes
    )
    return Block(steps.first, steps.last, steps.first - 1, tuple(lines), holds)


def _written(op: Operation, machine: MachineSpec) -> str:
    """The operation as it is written; of many bytes the first ones."""
    if isinstance(op, Poke) and len(op.data) > BYTES_SHOWN:
        return f"poke {op.address:#x} {op.data[:8].hex()}… {len(op.data)} bytes"
    return format_operation(op, machine)


def _holds(outcome: Outcome, after: int, last: int, done: tuple[int, ...], real: Mapping[str, Recording]) -> Holds:
    hidden = outcome.asked if outcome.asked and outcome.asked not in done else 0
    names: dict[str, list[tuple[str, str]]] = {}
    for name in IMPLEMENTATION_NAMES:
        if name in outcome.values and not hidden:
            seen = _seen(real, name, outcome.seq)
            names.setdefault(outcome.values[name], []).append((IMPLEMENTATIONS[name].title, seen))
    everywhere = len(names) == 1 and len(outcome.values) == len(IMPLEMENTATION_NAMES)
    values = tuple(Held(value, tuple(who)) for value, who in names.items())
    seen = "; ".join(f"{title}: {told}" for value in values for title, told in value.names if told)
    relation = "" if outcome.relation == "==" else outcome.relation
    told = seen if everywhere else ""
    return Holds(0 if after == last else after, outcome.term, relation, values, everywhere, hidden, told)


def _seen(real: Mapping[str, Recording], name: str, seq: int) -> str:
    """Where the answer of this step was observed, "" if it is the model's alone."""
    recording = real.get(name)
    if recording is None or seq not in recording.steps or recording.steps[seq].got is None:
        return ""
    return f"observed on real {recording.of}, {recording.date}"


def _tile(lesson: Lesson) -> Tile:
    return Tile(
        title=lesson.title,
        summary=lesson.summary,
        about=lesson.about,
        steps=plural(len(lesson.scenario.operations), "step"),
        href=f"/lessons/{lesson.slug}",
        picture=diagram(lesson.diagram),
        exercise=lesson.exercise is not None,
    )
