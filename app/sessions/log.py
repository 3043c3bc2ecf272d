"""A session's log as text: one header and one block of lines for each operation, which joined are the scenario."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.scenario import Operation, Scenario, ScenarioError, parse
from app.scenario.parse import preamble_length
from app.scenario.scenario import line_operation


@dataclass(frozen=True, slots=True)
class Blocks:
    """A scenario text cut for storage: each block is an operation's line after the comment lines above it."""

    header: str
    operations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Readable:
    """What of a stored log can be read: everything, or all before operation `broken_at` for `reason`."""

    scenario: Scenario
    broken_at: int = 0
    reason: str = ""


def cut(text: str, scenario: Scenario) -> Blocks:
    """Cut the text that `scenario` was parsed from. Comments after the last operation stay with it."""
    rows = text.removeprefix("\ufeff").removesuffix("\n").split("\n")
    rows = [row.removesuffix("\r") for row in rows]
    numbers = [line.number for line in scenario.lines if line_operation(line) is not None]
    if not numbers:
        return Blocks("\n".join(rows), ())
    starts = [numbers[0] - 1, *numbers[:-1]]
    ends = [*numbers[:-1], len(rows)]
    blocks = ("\n".join(rows[start:end]) for start, end in zip(starts, ends, strict=True))
    return Blocks("\n".join(rows[: numbers[0] - 1]), tuple(blocks))


def join(header: str, blocks: Sequence[str]) -> str:
    """The scenario text again."""
    return "\n".join([*([header] if header else []), *blocks]) + "\n"


def titled(header: str, blocks: Sequence[str], title: str) -> Blocks:
    """The same text with another title; "" for none. A text may have its title line anywhere."""
    rows = header.split("\n") if header else []
    body = preamble_length(rows, "session")
    kept = [row for row in rows[body:] if not _is_title(row)]
    line = [f"title {title}"] if title else []
    return Blocks("\n".join([*rows[:body], *line, *kept]), tuple(map(_without_title, blocks)))


def _without_title(block: str) -> str:
    if "title" not in block:
        return block
    return "\n".join(row for row in block.split("\n") if not _is_title(row))


def _is_title(row: str) -> bool:
    return row.split(None, 1)[:1] == ["title"]


def read(header: str, blocks: Sequence[str], source: str) -> Readable:
    """Parse a stored log, as far as it can be read. Raises ScenarioError if not even its header can be."""
    try:
        return Readable(parse(join(header, blocks), source))
    except ScenarioError as error:
        good = blocks[: _block_of(error.line, header, blocks)]
        return Readable(parse(join(header, good), source), len(good) + 1, error.message)


def _block_of(line: int, header: str, blocks: Sequence[str]) -> int:
    """The index of the block that holds a line (from 1) of the joined text; 0 for the header."""
    end = header.count("\n") + 1 if header else 0
    for index, block in enumerate(blocks):
        end += block.count("\n") + 1
        if line <= end:
            return index
    return len(blocks)


def operation_line(block: str, operation: Operation) -> str:
    """The one line of a block that does something."""
    first = operation.verb
    return next((row.strip() for row in block.split("\n") if row.split(None, 1)[:1] == [first]), block)


def last_line(block: str) -> str:
    """The line of a block that does something, where its operation is not at hand."""
    rows = [row.strip() for row in block.split("\n")]
    return next((row for row in reversed(rows) if row and not row.startswith("#")), "")
