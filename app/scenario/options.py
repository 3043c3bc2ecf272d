"""The `key=value` words of a line."""

from __future__ import annotations

from app.scenario.words import SourceLine, Word


def split_pair(word: Word) -> tuple[Word, Word]:
    """The two sides of `key=value`."""
    cut = word.text.index("=")
    return word.part(0, cut), word.part(cut + 1)


class Options:
    """The pairs of a line by key; every key is checked against `known`, and none may come twice."""

    def __init__(self, line: SourceLine, words: list[Word], known: tuple[str, ...], what: str) -> None:
        self.line = line
        self.what = what
        self._pairs: dict[str, Word] = {}
        for word in words:
            if "=" not in word.text:
                expected = f"{what} as key=value: {', '.join(known)}" if known else "the end of the line"
                raise line.error(word, f"{word.text[:40]} is one word too many", expected)
            key, value = split_pair(word)
            if key.text not in known:
                raise line.unknown(key, what, known)
            if key.text in self._pairs:
                raise line.error(key, f"{key.text} is given twice", f"one {key.text}=")
            self._pairs[key.text] = value

    @property
    def given(self) -> tuple[str, ...]:
        """The keys that are given, in the order they are written."""
        return tuple(self._pairs)

    def get(self, key: str) -> Word | None:
        return self._pairs.get(key)

    def number(self, key: str, limit: int | None = None) -> int | None:
        """The number given for `key`, None where it is not given."""
        word = self._pairs.get(key)
        return None if word is None else self.line.number_at(word, key, limit)

    def secure(self, states: int) -> bool:
        """Whether `secure=1` says that Secure software makes the access; an error where `states` is 1."""
        word = self._pairs.get("secure")
        if word is None:
            return False
        if states == 1:
            expected = "no secure=, or machine implementation=architecture security=2"
            raise self.line.error(word, "this machine has one Security state", expected)
        return bool(self.line.number_at(word, "secure", 2))

    def required(self, key: str, limit: int | None = None) -> int:
        """The number given for `key`."""
        value = self.number(key, limit)
        if value is None:
            raise self.line.error(self.line.end, f"{key}= is missing", f"{key}=number")
        return value
