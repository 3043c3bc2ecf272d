"""The error of a line that cannot be read: where, what, what would be right, and the nearest name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ScenarioError(ValueError):
    """A scenario text that cannot be read.

    `line` and `column` count from 1 and point into `text`, the line as it was written; `problem` says what is wrong,
    `expected` what would be right, `nearest` the known names that look most like what was written.
    """

    def __init__(
        self,
        problem: str,
        *,
        source: str = "scenario",
        line: int = 1,
        column: int = 1,
        expected: str = "",
        nearest: tuple[str, ...] = (),
        text: str = "",
    ) -> None:
        self.problem = problem
        self.source = source
        self.line = line
        self.column = column
        self.expected = expected
        self.nearest = nearest
        self.text = text
        super().__init__(str(self))

    @property
    def message(self) -> str:
        """The error without its place."""
        expected = f"; expected {self.expected}" if self.expected else ""
        nearest = f"; did you mean {' or '.join(self.nearest)}?" if self.nearest else ""
        return f"{self.problem}{expected}{nearest}"

    @property
    def caret(self) -> str:
        """The line as written and, below it, a mark under the column."""
        text = self.text.replace("\t", " ")
        start = max(0, self.column - 60)
        return f"{text[start : start + 100]}\n{' ' * (self.column - 1 - start)}^"

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}: {self.message}"


def nearest_names(name: str, known: Iterable[str], count: int = 3) -> tuple[str, ...]:
    """The known names most like `name`, whatever the case, best first."""
    by_folded: dict[str, str] = {}
    for candidate in known:
        by_folded.setdefault(candidate.lower(), candidate)
    folded = name.lower()[:80]
    found = difflib.get_close_matches(folded, by_folded, n=count, cutoff=0.6)
    starting = [candidate for candidate in by_folded if folded and candidate.startswith(folded)]
    return tuple(by_folded[key] for key in dict.fromkeys([*found, *starting[: max(0, count - len(found))]]))
