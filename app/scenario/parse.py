"""Scenario text to a `Scenario`, line by line; the language is described in LANGUAGE.md."""

from __future__ import annotations

import re
import unicodedata

from app.gic.machine import MAX_CPUS, MAX_SPIS
from app.registers import IMPLEMENTATION_NAMES, TWO_STATE_IMPLEMENTATIONS
from app.scenario.errors import ScenarioError
from app.scenario.operations import Operation
from app.scenario.options import Options
from app.scenario.scenario import Content, Line, MachineSpec, Scenario, Title
from app.scenario.verbs import parse_operation
from app.scenario.vocabulary import Vocabulary, vocabulary
from app.scenario.words import SourceLine, Word

# Far above what a person writes or a boot trace gives, and read in seconds.
LONGEST_TEXT = 4 << 20
MOST_LINES = 60_000
LONGEST_LINE = 200_000
LONGEST_TITLE = 200
MOST_ERRORS = 20
# Operations kept for a machine, with their lines, 1 kB each: with the 64 vocabularies that are kept, 16 MB at most.
MOST_KEPT_LINES = 256
LONGEST_KEPT_LINE = 200
MOST_RAM_MIB = 1 << 18
# Control characters are what a binary file looks like. Those that turn the direction of writing (U+202A to U+202E,
# U+2066 to U+2069) would have a reader see another line than the one that is played ("Trojan Source", CVE-2021-42574).
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufeff\u2028-\u202e\u2066-\u2069\ufffe\uffff\ud800-\udfff]")
FENCE = "---"


def parse(text: str, source: str = "scenario") -> Scenario:
    """The scenario that `text` spells. Raises ScenarioError for the first line that cannot be read."""
    return _Reader(text, source).scenario(stop=True)


def problems(text: str, source: str = "scenario") -> tuple[ScenarioError, ...]:
    """Every line that cannot be read, at most MOST_ERRORS of them; empty when `parse` succeeds."""
    try:
        reader = _Reader(text, source)
        reader.scenario(stop=False)
    except ScenarioError as error:
        return (error,)
    return tuple(reader.errors)


def parse_line(text: str, machine: MachineSpec | None = None, *, source: str = "line", number: int = 1) -> Operation:
    """One operation for that machine, as the console takes it; header lines, comments and blank lines are errors."""
    words = vocabulary(machine or MachineSpec())
    known = words.lines.get(text)
    if known is not None:
        return known
    operation = _operation(text, words, source, number)
    if len(text) <= LONGEST_KEPT_LINE:
        if len(words.lines) >= MOST_KEPT_LINES:
            words.lines.clear()
        words.lines[text] = operation
    return operation


def _operation(text: str, words: Vocabulary, source: str, number: int) -> Operation:
    _check_characters(text, source, number)
    if "\n" in text:
        raise ScenarioError("more than one line", source=source, line=number, column=text.index("\n") + 1, text=text)
    line = SourceLine(text, source, number)
    if not line.words:
        raise line.error(Word("", 1), "no operation", "a line such as read GICR_PENDBASER@0")
    if line.words[0].text in ("title", "machine"):
        raise line.error(line.words[0], f"{line.words[0].text} belongs at the head of a scenario", "an operation")
    return parse_operation(line, words)


class _Reader:
    """Reads the lines of one text; `errors` collects where reading is to go on after one."""

    def __init__(self, text: str, source: str) -> None:
        if len(text) > LONGEST_TEXT:
            raise ScenarioError(
                f"{len(text)} characters are too many", source=source, expected=f"at most {LONGEST_TEXT}"
            )
        self.source = source
        self.rows = text.removeprefix("\ufeff").split("\n")
        if self.rows[-1] == "":
            self.rows.pop()
        if len(self.rows) > MOST_LINES:
            raise ScenarioError(
                f"{len(self.rows)} lines are too many",
                source=source,
                line=MOST_LINES + 1,
                expected=f"at most {MOST_LINES}",
            )
        self.errors: list[ScenarioError] = []
        self.vocabulary: Vocabulary | None = None
        self.title: int | None = None
        self.machine: int | None = None
        self.first_operation: int | None = None

    def scenario(self, *, stop: bool) -> Scenario:
        body = preamble_length(self.rows, self.source)
        lines: list[Line] = []
        for number, row in enumerate(self.rows[body:], body + 1):
            try:
                lines.append(self._line(row.removesuffix("\r"), number))
            except ScenarioError as error:
                if stop:
                    raise
                self.errors.append(error)
                if len(self.errors) == MOST_ERRORS:
                    break
        preamble = "".join(f"{row.removesuffix(chr(13))}\n" for row in self.rows[:body])
        return Scenario(tuple(lines), preamble)

    def _line(self, row: str, number: int) -> Line:
        _check_characters(row, self.source, number)
        line = SourceLine(row, self.source, number)
        if not line.words:
            return Line(None, line.comment, number)
        content = self._content(line)
        return Line(content, line.comment, number)

    def _content(self, line: SourceLine) -> Content:
        first = line.words[0]
        if first.text == "title":
            self.title = self._once(line, "title", self.title)
            return _title(line)
        if first.text == "machine":
            self.machine = self._once(line, "machine", self.machine)
            if self.first_operation is not None:
                raise line.error(
                    first,
                    f"machine after the operation in line {self.first_operation}",
                    "machine before the first operation",
                )
            spec = _machine(line)
            self.vocabulary = vocabulary(spec)
            return spec
        if self.first_operation is None:
            self.first_operation = line.number
        if self.vocabulary is None:
            self.vocabulary = vocabulary(MachineSpec())
        return parse_operation(line, self.vocabulary)

    def _once(self, line: SourceLine, what: str, before: int | None) -> int:
        if before is not None:
            raise line.error(line.words[0], f"a second {what}", f"one {what} line, it is in line {before}")
        return line.number


def preamble_length(rows: list[str], source: str) -> int:
    """How many rows a lesson's front matter and prose take: from `---` in the first row to the third `---`."""
    if not rows or rows[0].rstrip() != FENCE:
        return 0
    fences = [index for index, row in enumerate(rows) if row.rstrip() == FENCE]
    if len(fences) < 3:
        raise ScenarioError(
            "the front matter or the prose is not closed",
            source=source,
            line=len(rows),
            expected="--- before the front matter, between it and the prose, and before the scenario",
            text=rows[-1],
        )
    return fences[2] + 1


def _title(line: SourceLine) -> Title:
    word = line.rest_from(1)
    line.comment = None
    if not word.text:
        raise line.error(word, "the title is missing", "title TEXT")
    if len(word.text) > LONGEST_TITLE:
        raise line.error(word, f"a title of {len(word.text)} characters", f"at most {LONGEST_TITLE}")
    return Title(word.text)


def _machine(line: SourceLine) -> MachineSpec:
    """`machine implementation=NAME cpus=N …`, every operand optional."""
    known = ("implementation", "cpus", "spis", "its", "ram_mib", "lpi_id_bits", "security")
    options = Options(line, line.words[1:], known, "operand of machine")
    default = MachineSpec()
    name = options.get("implementation")
    implementation = (
        default.implementation if name is None else line.choice_at(name, "implementation", IMPLEMENTATION_NAMES)
    )

    def between(key: str, low: int, high: int) -> int:
        word = options.get(key)
        if word is None:
            return int(getattr(default, key))
        value = line.number_at(word, key)
        if not low <= value <= high:
            raise line.error(word, f"{key}={value} is not possible", f"{low} to {high}")
        return value

    security = between("security", 1, 2)
    if security == 2 and implementation not in TWO_STATE_IMPLEMENTATIONS:
        raise line.error(
            options.get("security") or line.end,
            f"security=2: {implementation} has one Security state",
            f"security=1, or implementation={' or '.join(TWO_STATE_IMPLEMENTATIONS)}",
        )
    return MachineSpec(
        implementation,
        cpus=between("cpus", 1, MAX_CPUS),
        spis=between("spis", 1, MAX_SPIS),
        its=bool(between("its", 0, 1)),
        ram_mib=between("ram_mib", 1, MOST_RAM_MIB),
        lpi_id_bits=between("lpi_id_bits", 16, 16),
        security=security,
    )


def _check_characters(row: str, source: str, number: int) -> None:
    """Raise ScenarioError for a line that is too long or holds what CONTROL matches."""
    match = CONTROL.search(row, 0, LONGEST_LINE)
    if match is None and len(row) <= LONGEST_LINE:
        return
    at = LONGEST_LINE if match is None else match.start()
    problem = f"a line of {len(row)} characters" if match is None else _named(match[0])
    expected = f"at most {LONGEST_LINE}" if match is None else "plain UTF-8 text"
    shown = CONTROL.sub("·", row[:200])
    raise ScenarioError(problem, source=source, line=number, column=at + 1, expected=expected, text=shown)


def _named(character: str) -> str:
    name = unicodedata.name(character, "")
    return f"control character U+{ord(character):04X}" + (f" ({name})" if name else "")
