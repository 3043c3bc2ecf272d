"""The entries that lead a session elsewhere: along its tree, to another text, and away with a branch."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from app.sessions.errors import NoMove, UnknownBranch
from app.sessions.log import Blocks
from app.sessions.tree import Branch, Entry, Kind, Tree

# From where a session is to the entries that lead elsewhere; none if there is nothing to do.
Change: TypeAlias = Callable[[Tree], Sequence[Entry]]


def undo(tree: Tree) -> list[Entry]:
    """Back by one operation. NoMove at step 0."""
    target = tree.undone()
    if target is None:
        raise NoMove("There is nothing to undo: this is step 0.")
    return go(tree, target)


def redo(tree: Tree) -> list[Entry]:
    """The operation again that was undone last. NoMove if none was."""
    target = tree.redone()
    if target is None:
        raise NoMove("There is nothing to redo.")
    return go(tree, target)


def power_on(tree: Tree) -> list[Entry]:
    """To step 0 of the machine on view."""
    return go(tree, tree.path[0])


def restart(tree: Tree) -> list[Entry]:
    """To the end of what the session began with."""
    return go(tree, tree.origin)


def switch(tree: Tree, branch: int) -> list[Entry]:
    """To the end of another branch. UnknownBranch if there is none."""
    return go(tree, known(tree, branch).id)


def drop(tree: Tree, branch: int) -> list[Entry]:
    """Away with what only that branch has. UnknownBranch; NoMove for what the session began with."""
    end = known(tree, branch).id
    if not tree.may_drop(end):
        raise NoMove("The scenario that this session began with stays, so that you can go back to it.")
    return [Entry(tree.last + 1, "", end, Kind.DROP)]


def rename(tree: Tree, title: str) -> list[Entry]:
    """What is on view gets another title; `title` is one that a title line may have, or "" for none."""
    return [] if title == tree.title else [Entry(tree.last + 1, title, tree.path[0], Kind.TITLE)]


def rewrite(tree: Tree, old: Blocks, new: Blocks) -> list[Entry]:
    """From the branch on view, which reads as `old`, to one that reads as `new`; one as far as they agree."""
    entries: list[Entry] = []
    if new.header == old.header:
        pairs = zip(old.operations, new.operations, strict=False)
        most = min(len(old.operations), len(new.operations))
        same = next((at for at, pair in enumerate(pairs) if pair[0] != pair[1]), most)
        follows = tree.path[same]
        if same == len(new.operations):
            return go(tree, follows)
    else:
        same, follows = 0, tree.last + 1
        entries.append(Entry(follows, new.header, 0, Kind.HEAD))
    for text in new.operations[same:]:
        seq = tree.last + len(entries) + 1
        entries.append(Entry(seq, text, follows))
        follows = seq
    return entries


def go(tree: Tree, target: int) -> list[Entry]:
    """To an entry; nothing if that is where the session is."""
    return [] if target == tree.here else [Entry(tree.last + 1, "", target, Kind.GO)]


def known(tree: Tree, branch: int) -> Branch:
    """The branch of that id. UnknownBranch if there is none beside the one on view."""
    found = next((each for each in tree.branches() if each.id == branch), None)
    if found is None:
        raise UnknownBranch(branch)
    return found
