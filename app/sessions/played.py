"""A stored log played: as far as it can be read, and why not further."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from app import limits
from app.scenario import MachineSpec, Operation, ScenarioError, Timeline
from app.sessions import log
from app.sessions.errors import DamagedLog
from app.sessions.store import Head
from app.sessions.tree import Entry, Tree, grown
from app.sessions.weight import is_heavy

InThread: TypeAlias = "Callable[[Callable[[], Played]], Coroutine[Any, Any, Played]]"


@dataclass(frozen=True, slots=True)
class Known:
    """A log as far as it can be read; `misfit` is why its tree does not go on, "" if it does."""

    tree: Tree
    header: str
    readable: log.Readable
    misfit: str


@dataclass(frozen=True, slots=True)
class Played:
    """A log as far as it can be read, played. Of the path that it is on: `blocks` of text, and the `lines` in them."""

    tree: Tree
    header: str
    spec: MachineSpec
    title: str
    operations: tuple[Operation, ...]
    blocks: list[str]
    lines: list[str]
    timeline: Timeline
    damaged: DamagedLog | None


async def played(head: Head, entries: Sequence[Entry], in_thread: InThread) -> Played:
    """The log as far as it can be read, played: beside the event loop where that may take long.

    Raises DamagedLog if not even the header can be read.
    """
    if len(entries) > limits.INLINE_OPERATIONS or sum(len(each.text) for each in entries) > limits.INLINE_CHARACTERS:
        return await in_thread(lambda: play(read(head, entries)))
    known = read(head, entries)
    if any(map(is_heavy, known.readable.scenario.operations)):
        return await in_thread(lambda: play(known))
    return play(known)


def read(head: Head, entries: Sequence[Entry]) -> Known:
    """The log as far as it can be read. Raises DamagedLog if not even the header can be."""
    tree, misfit = grown(entries, head.origin)
    text = tree.head(tree.path[0])
    header = head.header if text is None else text
    try:
        readable = log.read(header, tree.texts(tree.path), head.id)
    except ScenarioError as error:
        raise DamagedLog(0, error.message) from error
    return Known(tree, header, readable, misfit)


def play(known: Known) -> Played:
    """What was read, played."""
    scenario, tree = known.readable.scenario, known.tree
    operations = scenario.operations
    timeline = Timeline(scenario.machine, operations)
    if operations:
        timeline.step(len(operations))  # what is asked for first: have it ready
    damaged = None
    if known.readable.broken_at:
        damaged = DamagedLog(known.readable.broken_at, known.readable.reason)
    elif known.misfit:
        damaged = DamagedLog(tree.last + 1, known.misfit)
    blocks = tree.texts(tree.path)[: len(operations)]
    lines = [log.operation_line(*pair) for pair in zip(blocks, operations, strict=True)]
    return Played(tree, known.header, scenario.machine, scenario.title, operations, blocks, lines, timeline, damaged)
