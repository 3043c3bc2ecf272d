"""The parts of a lesson: prose, steps with what holds after them, and questions whose answers are expectations."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from app.registers import IMPLEMENTATION_NAMES
from app.scenario.errors import ScenarioError, nearest_names
from app.scenario.format import format_term, format_wanted
from app.scenario.operations import (
    Expect,
    IrqLine,
    LastValue,
    Mapped,
    Memory,
    Operation,
    Pending,
    RegisterRef,
    Relation,
    Stalled,
    Term,
)
from app.scenario.scenario import Scenario, line_operation
from app.scenario.terms import parse_term
from app.scenario.vocabulary import Vocabulary, vocabulary
from app.scenario.words import SourceLine, Word

KINDS = ("gic", "question", "exercise", "start", "answer")
QUESTION_KEYS = ("ask", "choices", "why")
MOST_CHOICES = 5
_OPENING = re.compile(r"```\s*(?P<info>\S*)\s*\Z")
_CLOSING = re.compile(r"```\s*\Z")
_KEY = re.compile(r"(?P<key>[a-z]+):\s*(?P<value>.*)")


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of a lesson's file: `prose`, or a fenced block by its word. `line` is that of its first row, from 1."""

    kind: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Prose:
    """Markdown."""

    text: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """One term after a step, and what it is on each implementation. `relation` is == in most."""

    term: str
    relation: str
    values: Mapping[str, str]
    seq: int
    asked: int = 0


@dataclass(frozen=True, slots=True)
class Steps:
    """A block of the scenario: operations `first` to `last` (from 1), and what holds on the way."""

    text: str
    first: int
    last: int
    operations: tuple[Operation, ...]
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """What will `term` be in step `seq`? `answers` by implementation, `choices` what there is to choose from.

    A choice of a yes-or-no term is "0" or "1", and `words` says what they mean.
    """

    number: int
    text: str
    term: str
    seq: int
    choices: tuple[str, ...]
    answers: Mapping[str, str]
    why: str
    words: Mapping[str, str] = field(default_factory=dict)


Part: TypeAlias = Prose | Steps | Question


def blocks_of(source: str, rows: Sequence[str], start: int) -> Iterator[Block]:
    """The blocks from row `start` (from 0) on. Raises ScenarioError for a block that is unknown or not closed."""
    prose: list[str] = []
    first = at = start
    while at < len(rows):
        opening = _OPENING.match(rows[at])
        if opening is None:
            prose.append(rows[at])
            at += 1
            continue
        end = next((index for index in range(at + 1, len(rows)) if _CLOSING.match(rows[index])), 0)
        if not end:
            raise ScenarioError("a block that is not closed", source=source, line=at + 1, expected="```", text=rows[at])
        info = opening["info"]
        if info and info not in KINDS:
            raise ScenarioError(
                f"a block of {info[:40]!r}",
                source=source,
                line=at + 1,
                column=rows[at].index(info) + 1,
                expected=f"one of {', '.join(KINDS)}, or nothing",
                nearest=nearest_names(info, KINDS),
                text=rows[at],
            )
        if info:
            if "".join(prose).strip():
                yield Block("prose", "\n".join(prose).strip() + "\n", first + 1)
            yield Block(info, "\n".join([*rows[at + 1 : end], ""]), at + 2)
            prose, first = [], end + 1
        else:
            prose.extend(rows[at : end + 1])
        at = end + 1
    if "".join(prose).strip():
        yield Block("prose", "\n".join(prose).strip() + "\n", first + 1)


def keyed_lines(
    source: str, rows: Sequence[str], first: int, known: Sequence[str], where: str
) -> Iterator[tuple[int, str, str, int]]:
    """`key: value` rows, each with its line number and the column of its value. Raises ScenarioError for another."""
    for number, row in enumerate(rows, first):
        key, colon, value = row.partition(":")
        if not colon or key.strip() not in known:
            raise ScenarioError(
                f"{row[:40]!r} {where}",
                source=source,
                line=number,
                expected=f"one of {', '.join(known)}: …",
                nearest=nearest_names(key.strip(), known) if colon else (),
                text=row,
            )
        yield number, key.strip(), value.strip(), len(key) + 2 + len(value) - len(value.lstrip())


def parts_of(source: str, blocks: Sequence[Block], scenario: Scenario) -> tuple[Part, ...]:
    """Prose, steps and questions. Each question is answered by the `expect` lines of the next ```gic block."""
    numbered = [(line.number, op) for line in scenario.lines if (op := line_operation(line)) is not None]
    words = vocabulary(scenario.machine)
    found: list[Part] = []
    waiting: list[tuple[int, Block]] = []
    count = done = 0
    for block in blocks:
        if block.kind == "prose":
            found.append(Prose(block.text))
        elif block.kind == "question":
            count += 1
            waiting.append((len(found), block))
            found.append(Prose(""))
        elif block.kind == "gic":
            end = block.line + block.text.count("\n")
            inside = tuple(op for number, op in numbered if block.line <= number < end)
            outcomes = _outcomes(inside, done, words)
            for at, (place, asking) in enumerate(waiting, count - len(waiting) + 1):
                question = _question(source, asking, at, outcomes, words)
                found[place] = question
                outcomes = [_marked(each, question) for each in outcomes]
            waiting = []
            found.append(Steps(block.text, done + 1, done + len(inside), inside, tuple(outcomes)))
            done += len(inside)
    for _, block in waiting:
        raise ScenarioError("a question with no steps after it", source=source, line=block.line, expected="```gic")
    return tuple(found)


def _marked(outcome: Outcome, question: Question) -> Outcome:
    if (outcome.term, outcome.seq) != (question.term, question.seq):
        return outcome
    return Outcome(outcome.term, outcome.relation, outcome.values, outcome.seq, question.number)


def _outcomes(operations: Sequence[Operation], before: int, words: Vocabulary) -> list[Outcome]:
    """The expectations that stand together, by term: one line may say it for all, or several, each for some."""
    found: list[Outcome] = []
    open_: dict[tuple[str, str], tuple[int, dict[str, str]]] = {}
    for seq, op in enumerate(operations, before + 1):
        if not isinstance(op, Expect):
            open_ = {}
            continue
        key = (format_term(op.term), str(op.relation))
        if key not in open_:
            values: dict[str, str] = {}
            open_[key] = (seq, values)
            found.append(Outcome(*key, values, seq))
        wanted = op.word or format_wanted(op.term, op.wanted, words.map)
        open_[key][1].update(dict.fromkeys(op.on or IMPLEMENTATION_NAMES, wanted))
    return found


def _question(source: str, block: Block, number: int, outcomes: Sequence[Outcome], words: Vocabulary) -> Question:
    rows = block.text.rstrip("\n").split("\n")
    keys, text = _question_keys(source, block, rows)
    row, column, asked = keys["ask"]
    line = SourceLine(asked, source, row)
    term = parse_term(_shifted(line, column), Word(asked, column), words)
    name = format_term(term)
    outcome = next((each for each in outcomes if each.term == name and each.relation == Relation.EQUAL), None)
    missing = [each for each in IMPLEMENTATION_NAMES if outcome is None or each not in outcome.values]
    if outcome is None or missing:
        raise ScenarioError(
            f"the next steps do not expect {name}" + ("" if outcome is None else f" on {', '.join(missing)}"),
            source=source,
            line=row,
            column=column,
            expected=f"expect {name} == … for every implementation in the next ```gic block",
            text=rows[row - block.line],
        )
    named = _yes_or_no(term, words)
    choices = tuple(filter(None, (each.strip() for each in keys.get("choices", (0, 0, ""))[2].split(","))))
    every = dict.fromkeys([*(named and ("0", "1")), *choices, *outcome.values.values()])
    if len(every) > MOST_CHOICES:
        raise ScenarioError(f"{len(every)} choices", source=source, line=row, expected=f"at most {MOST_CHOICES}")
    ordered = tuple(sorted(every, key=lambda each: (len(each), each)))
    why = keys.get("why", (0, 0, ""))[2]
    return Question(number, text, name, outcome.seq, ordered, dict(outcome.values), why, named)


def _shifted(line: SourceLine, column: int) -> SourceLine:
    """The line with its words where they stand in the file, for errors that point there."""
    return SourceLine(" " * (column - 1) + line.text, line.source, line.number)


def _question_keys(source: str, block: Block, rows: Sequence[str]) -> tuple[dict[str, tuple[int, int, str]], str]:
    """The keys with line, column and value; `why` goes on to the end. And the words above them."""
    keys: dict[str, tuple[int, int, str]] = {}
    text: list[str] = []
    for at, row in enumerate(rows):
        match = _KEY.match(row)
        if match and match["key"] in QUESTION_KEYS:
            value = "\n".join([match["value"], *rows[at + 1 :]]).strip() if match["key"] == "why" else match["value"]
            keys[match["key"]] = (block.line + at, match.start("value") + 1, value.strip())
            if match["key"] == "why":
                break
        elif keys:
            raise ScenarioError(
                f"{row[:40]!r} in a question",
                source=source,
                line=block.line + at,
                expected=f"one of {', '.join(QUESTION_KEYS)}: …",
                text=row,
            )
        else:
            text.append(row)
    if "ask" not in keys or not "".join(text).strip():
        what = "ask: TERM" if "ask" not in keys else "the question in words, above ask:"
        raise ScenarioError("a question that asks nothing", source=source, line=block.line, expected=what)
    return keys, "\n".join(text).strip()


def _yes_or_no(term: Term, words: Vocabulary) -> dict[str, str]:
    """What 0 and 1 mean for a term that is one or the other, {} for another term."""
    match term:
        case Pending():
            return {"0": "not pending", "1": "pending"}
        case Mapped():
            return {"0": "not mapped", "1": "mapped"}
        case IrqLine():
            return {"0": "not signalled", "1": "signalled"}
        case Stalled():
            return {"0": "goes on", "1": "stalled"}
        case Memory(bit=bit) if bit is not None:
            return {"0": "0", "1": "1"}
        case RegisterRef(name, _, field_name) if field_name is not None:
            return {"0": "0", "1": "1"} if words.map.registers[name].field(field_name).width == 1 else {}
        case LastValue():
            return {}
    return {}
