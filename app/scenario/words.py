"""One line of scenario text cut into words that know their column, and the values that words can spell."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from app.scenario.errors import ScenarioError, nearest_names

WORD = re.compile(r"\S+")
NUMBER = re.compile(r"(?:0[xX]_?[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*|[0-9]+(?:_[0-9]+)*)\Z")
BARE_HEX = re.compile(r"(?=.*[a-fA-F])[0-9a-fA-F_]+\Z")
HEX_DIGITS = frozenset("0123456789abcdefABCDEF_")
# 128 bits and their separators: longer digits are never a value here, and int() of a megabyte of them is slow.
LONGEST_NUMBER = 50
NUMBER_FORMS = "a number such as 8195, 0x2003 or 0x4000_0000"


class Word(NamedTuple):
    """A piece of a line and the column (from 1) at which it starts."""

    text: str
    column: int

    def part(self, start: int, end: int | None = None) -> Word:
        """The characters from `start` on, with their own column."""
        return Word(self.text[start:end], self.column + start)


class SourceLine:
    """A line under the parser: its words, its comment, and errors that know the place."""

    def __init__(self, text: str, source: str, number: int) -> None:
        self.text = text
        self.source = source
        self.number = number
        self.comment: str | None = None
        self.words: list[Word] = []
        for match in WORD.finditer(text):
            if match[0].startswith("#"):
                self.comment = text[match.start() + 1 :]
                break
            self.words.append(Word(match[0], match.start() + 1))

    def rest_from(self, index: int) -> Word:
        """The text from word `index` on up to the end of the line, a `#` in it included."""
        if index < len(self.words):
            start = self.words[index].column - 1
        else:
            start = len(self.text) if self.comment is None else self.text.index("#")
        return Word(self.text[start:].rstrip(), start + 1)

    @property
    def free_text(self) -> str:
        """What follows the first word, byte for byte but for the blanks between the two; a `#` in it included."""
        first = self.words[0]
        return self.text[first.column - 1 + len(first.text) :].lstrip(" \t")

    @property
    def end(self) -> Word:
        """Where the next word would have to stand."""
        if not self.words:
            return Word("", 1)
        last = self.words[-1]
        return Word("", last.column + len(last.text) + 1)

    def error(self, at: Word, problem: str, expected: str = "", nearest: tuple[str, ...] = ()) -> ScenarioError:
        return ScenarioError(
            problem,
            source=self.source,
            line=self.number,
            column=at.column,
            expected=expected,
            nearest=nearest,
            text=self.text,
        )

    def number_at(self, word: Word, what: str, limit: int | None = None) -> int:
        """The number that a word spells, below `limit`; errors name `what` it would have been."""
        if not NUMBER.match(word.text) or len(word.text) > LONGEST_NUMBER:
            raise self._not_a_number(word, what)
        digits = word.text.replace("_", "")
        value = int(digits, 16 if digits[:2] in ("0x", "0X") else 10)
        if limit is not None and value >= limit:
            raise self.error(word, f"{what} {short(word.text)} is too large", f"at most {limit - 1:#x} ({limit - 1})")
        return value

    def bits_at(self, word: Word, what: str, width: int) -> int:
        """The number that a word spells, which must fit into `width` bits."""
        value = self.number_at(word, what)
        if value >> width:
            largest = (1 << width) - 1
            bits = f"{width} bit{'s' * (width != 1)}"
            raise self.error(
                word, f"{short(word.text)} needs {value.bit_length()} bits, {what} has {bits}", f"at most {largest:#x}"
            )
        return value

    def bytes_at(self, words: list[Word], what: str) -> bytes:
        """Bytes written as hex digits in memory order, in one or several words."""
        for word in words:
            wrong = next((index for index, char in enumerate(word.text) if char not in HEX_DIGITS), None)
            if wrong is not None:
                raise self.error(
                    word.part(wrong),
                    f"{what}: {word.text[wrong]!r} is not a hex digit",
                    "bytes as hex, such as 08 or 0a1b",
                )
            if len(word.text.replace("_", "")) % 2:
                raise self.error(word, f"{what}: {short(word.text)} is half a byte", "two hex digits for each byte")
        return bytes.fromhex("".join(word.text.replace("_", "") for word in words))

    def choice_at(self, word: Word, what: str, known: Iterable[str]) -> str:
        """A word that must be one of `known`."""
        choices = tuple(known)
        if word.text not in choices:
            raise self.unknown(word, what, choices)
        return word.text

    def unknown(self, word: Word, what: str, known: tuple[str, ...], listed: int = 16) -> ScenarioError:
        expected = f"one of {', '.join(known)}" if len(known) <= listed else f"a known {what}"
        return self.error(word, f"unknown {what} {short(word.text)}", expected, nearest_names(word.text, known))

    def _not_a_number(self, word: Word, what: str) -> ScenarioError:
        text = word.text
        if not text:
            return self.error(word, f"{what} is missing", NUMBER_FORMS)
        if text.startswith("-"):
            return self.error(word, f"{what}: {short(text)} is negative", NUMBER_FORMS)
        if text[:2] in ("0x", "0X") and len(text) <= LONGEST_NUMBER:
            wrong = next((index for index, char in enumerate(text[2:], 2) if char not in HEX_DIGITS), None)
            if wrong is not None:
                problem = f"{what}: {text[wrong]!r} in {short(text)} is not a hex digit"
                return self.error(word.part(wrong), problem, "0-9, a-f or _")
        if BARE_HEX.match(text) and len(text) <= LONGEST_NUMBER:
            return self.error(word, f"{what}: {text} is not a decimal number", f"0x{text} if it is hexadecimal")
        return self.error(word, f"{what}: {short(text)} is not a number", NUMBER_FORMS)


def short(text: str, limit: int = 40) -> str:
    """Text for a message: cut when it is long, and what would not be seen (a zero-width space) spelled out."""
    cut = text if len(text) <= limit else f"{text[:limit]}…"
    return "".join(char if char.isprintable() else f"<U+{ord(char):04X}>" for char in cut)
