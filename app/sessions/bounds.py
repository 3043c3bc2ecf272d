"""What a session's log may grow to; each check raises LimitReached, and then nothing has changed."""

from collections.abc import Sequence

from app import limits
from app.scenario.work import Effort
from app.sessions.errors import LimitReached
from app.sessions.tree import Entry, Tree

ELSEWHERE = "go on from an earlier step, or in a copy of one"


def check_scenario(text: str) -> None:
    """A scenario that is to be kept is not too long to be read."""
    if len(text) > limits.SESSION_CHARACTERS:
        raise LimitReached("SESSION_CHARACTERS", limits.SESSION_CHARACTERS, "The scenario is too long to keep")


def check_operations(count: int) -> None:
    """So many operations may be kept as one session."""
    if count > limits.OPERATIONS_PER_SESSION:
        most = limits.OPERATIONS_PER_SESSION
        raise LimitReached("OPERATIONS_PER_SESSION", most, f"{count} operations are too many")


def check_line(line: str, blocks: Sequence[str], characters: int) -> None:
    """One more operation on a branch that has `blocks`, in a log of so many characters."""
    if len(blocks) >= limits.OPERATIONS_PER_SESSION:
        most = limits.OPERATIONS_PER_SESSION
        raise LimitReached(
            "OPERATIONS_PER_SESSION",
            most,
            f"This session has too many operations, {ELSEWHERE}",
        )
    most = limits.SESSION_CHARACTERS
    if characters + len(line) > most and sum(map(len, blocks)) + len(line) > most:
        raise LimitReached("SESSION_CHARACTERS", most, f"This session has too much text, {ELSEWHERE}")


def check_log(tree: Tree, characters: int, entries: Sequence[Entry]) -> None:
    """So many more entries in a log of so many characters."""
    if tree.last + len(entries) > limits.ENTRIES_PER_SESSION:
        most = limits.ENTRIES_PER_SESSION
        raise LimitReached("ENTRIES_PER_SESSION", most, "The log of this session is full, go on in a copy")
    if characters + sum(len(entry.text) for entry in entries) > limits.ENTRY_CHARACTERS:
        most = limits.ENTRY_CHARACTERS
        raise LimitReached("ENTRY_CHARACTERS", most, "The log of this session has too much text, go on in a copy")


def check_fork(tree: Tree) -> None:
    """One more branch."""
    if len(tree.branches()) >= limits.BRANCHES_PER_SESSION:
        most = limits.BRANCHES_PER_SESSION
        raise LimitReached("BRANCHES_PER_SESSION", most, "This session has too many branches, drop one first")


def check_effort(effort: Effort) -> None:
    """One more operation after what it took to play those that are there."""
    if effort.work >= limits.WORK_PER_SESSION:
        most = limits.WORK_PER_SESSION
        raise LimitReached("WORK_PER_SESSION", most, "This session takes too long to play, fork it earlier")
    if effort.pages >= limits.PAGES_PER_SESSION:
        most = limits.PAGES_PER_SESSION
        raise LimitReached("PAGES_PER_SESSION", most, "This session has written too much RAM, fork it earlier")
