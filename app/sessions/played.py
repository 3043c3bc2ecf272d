"""A stored log played: as far as it can be read, and why not further."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.scenario import ScenarioError, Timeline
from app.sessions import log
from app.sessions.errors import DamagedLog
from app.sessions.store import Head
from app.sessions.tree import Entry, Tree, grown


@dataclass(frozen=True, slots=True)
class Played:
    """A log as far as it can be read, played."""

    tree: Tree
    header: str
    readable: log.Readable
    timeline: Timeline
    damaged: DamagedLog | None


def play(head: Head, entries: Sequence[Entry]) -> Played:
    """The log as far as it can be read, played. Raises DamagedLog if not even the header can be."""
    tree, misfit = grown(entries, head.origin)
    text = tree.head(tree.path[0])
    header = head.header if text is None else text
    try:
        readable = log.read(header, tree.texts(tree.path), head.id)
    except ScenarioError as error:
        raise DamagedLog(0, error.message) from error
    operations = readable.scenario.operations
    timeline = Timeline(readable.scenario.machine, operations)
    if operations:
        timeline.step(len(operations))  # what is asked for first: have it ready
    damaged = None
    if readable.broken_at:
        damaged = DamagedLog(readable.broken_at, readable.reason)
    elif misfit:
        damaged = DamagedLog(tree.last + 1, misfit)
    return Played(tree, header, readable, timeline, damaged)
