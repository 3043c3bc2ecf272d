"""A session's log as what it amounts to: a tree of operations, a place in it, and the branches beside it.

Entries are only ever added. An operation names the entry that it follows, so acting in the past leaves the future where
it is; going somewhere and dropping a branch are entries too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

ROOT = 0


class Kind(StrEnum):
    """What an entry is."""

    OPERATION = "op"
    """A line of the scenario, after the one that it follows."""
    HEAD = "head"
    """Another title, machine and prose, from which a branch of its own grows."""
    GO = "go"
    """The session goes to the entry that this one follows."""
    DROP = "drop"
    """The branch that ends in the entry that this one follows is dropped."""
    TITLE = "title"
    """What grows from the head that this one follows is called so, whatever its text says; "" is no title."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the log. `seq` counts from 1 within the session; `follows` 0 is the session's first head."""

    seq: int
    text: str
    follows: int = ROOT
    kind: str = Kind.OPERATION


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch that the session is not on the end of.

    `id` is its last entry, `steps` how many operations it has, `shared` how many of them the current branch has too
    (-1: not even the machine). `ahead`: it only goes on from where the session is.
    """

    id: int
    steps: int
    shared: int
    ahead: bool


class Misfit(ValueError):
    """An entry that does not belong where it stands."""


class Tree:
    """The entries so far. `path` leads from a head, its first item, through the operations to where the session is."""

    def __init__(self, origin: int = ROOT) -> None:
        self.origin = origin
        self.last = 0
        self.path: list[int] = [ROOT]
        self._entries: dict[int, Entry] = {}
        self._titles: dict[int, str] = {}
        self._depth: dict[int, int] = {ROOT: 0}
        self._children: dict[int, list[int]] = {}
        self._ends: set[int] = {ROOT}
        self._listed: list[Branch] | None = None
        self._owned: dict[Branch, list[int]] = {}

    @property
    def here(self) -> int:
        """The entry whose state the session shows."""
        return self.path[-1]

    @property
    def steps(self) -> int:
        return len(self.path) - 1

    def texts(self, path: Iterable[int]) -> list[str]:
        """The texts of the operations on a path."""
        return [self._entries[seq].text for seq in path if seq in self._entries and self._depth[seq]]

    def head(self, root: int) -> str | None:
        """The text of a head; None for the session's first, which is not an entry."""
        return self._entries[root].text if root else None

    @property
    def title(self) -> str | None:
        """What the branch on view was called since; None if it is called as its text says."""
        return self._titles.get(self.path[0])

    def knows(self, seq: int) -> bool:
        """Whether this is an operation or a head that is not dropped."""
        return seq in self._depth

    def add(self, entry: Entry) -> None:
        """Take in the next entry. Misfit, and nothing is changed, if it cannot be one."""
        if entry.seq != self.last + 1:
            raise Misfit(f"entry {self.last + 1} is missing")
        if entry.kind != Kind.HEAD and entry.follows not in self._depth:
            raise Misfit(f"entry {entry.seq} follows {entry.follows}, which is not there")
        # An operation after the last one changes nothing about the other branches.
        if entry.kind != Kind.OPERATION or entry.follows != self.here or self._children.get(self.here):
            self._listed = None
        match entry.kind:
            case Kind.OPERATION:
                self._grow(entry)
            case Kind.HEAD:
                self._depth[entry.seq] = 0
                self._ends.add(entry.seq)
                self._entries[entry.seq] = entry
                self.path = [entry.seq]
            case Kind.GO:
                self._go(entry.follows)
            case Kind.DROP:
                self._drop(entry.follows)
            case Kind.TITLE:
                if self._depth[entry.follows]:
                    raise Misfit(f"entry {entry.seq} gives a title to {entry.follows}, which is no head")
                self._titles[entry.follows] = entry.text
            case _:
                raise Misfit(f"entry {entry.seq} is of an unknown kind")
        self.last = entry.seq

    def path_to(self, seq: int) -> list[int]:
        """From its head to an entry."""
        path = [seq]
        while self._depth[path[-1]]:
            path.append(self._entries[path[-1]].follows)
        return path[::-1]

    def steps_to(self, seq: int) -> int:
        """How many operations lead to an entry from its head."""
        return self._depth[seq]

    def own(self, branch: Branch) -> list[int]:
        """The operations that a branch does not share with the current one; not to be changed."""
        known = self._owned.get(branch)
        if known is not None:
            return known
        way = []
        at = branch.id
        while self._depth[at] > max(0, branch.shared):
            way.append(at)
            at = self._entries[at].follows
        self._owned[branch] = way[::-1]
        return self._owned[branch]

    def undone(self) -> int | None:
        """Where undo goes, None at step 0."""
        return self.path[-2] if self.steps else None

    def redone(self) -> int | None:
        """Where redo goes: the operation after this one that the session was at last. None if there is none."""
        after = self._children.get(self.here)
        return after[-1] if after else None

    def branches(self) -> list[Branch]:
        """All ends but this one, the newest first."""
        if self._listed is None:
            meets: dict[int, int] = {}
            self._listed = [self._branch(end, meets) for end in sorted(self._ends - {self.here}, reverse=True)]
            self._owned.clear()
        return list(self._listed)

    def may_drop(self, end: int) -> bool:
        """Whether a branch may be dropped; where the session began stays, so that it can be gone back to."""
        return end in self._ends and end not in (self.here, self.origin)

    def _branch(self, end: int, meets: dict[int, int]) -> Branch:
        """`meets`: where the entries that were gone through for other branches come to the path, or to their head."""
        at = end
        gone: list[int] = []
        while at not in meets and not self._on_path(at) and self._depth[at]:
            gone.append(at)
            at = self._entries[at].follows
        at = meets.get(at, at)
        meets.update(dict.fromkeys(gone, at))
        shared = self._depth[at] if self._on_path(at) else -1
        return Branch(end, self._depth[end], shared, ahead=at == self.here)

    def _grow(self, entry: Entry) -> None:
        self._ends.discard(entry.follows)
        self._ends.add(entry.seq)
        self._entries[entry.seq] = entry
        self._depth[entry.seq] = self._depth[entry.follows] + 1
        if entry.follows != self.here:
            self._go(entry.follows)
        self._children.setdefault(entry.follows, []).append(entry.seq)
        self.path.append(entry.seq)

    def _go(self, target: int) -> None:
        way: list[int] = []
        at = target
        while not self._on_path(at) and self._depth[at]:
            way.append(at)
            at = self._entries[at].follows
        # A root that is not this path's own begins another path.
        self.path = [*(self.path[: self._depth[at] + 1] if self._on_path(at) else [at]), *reversed(way)]
        for seq in way:
            siblings = self._children[self._entries[seq].follows]
            siblings.remove(seq)
            siblings.append(seq)

    def _on_path(self, seq: int) -> bool:
        depth = self._depth[seq]
        return depth < len(self.path) and self.path[depth] == seq

    def _drop(self, end: int) -> None:
        if not self.may_drop(end):
            raise Misfit(f"{end} is not the end of a branch that can be dropped")
        at = end
        while not self._children.get(at) and not self._on_path(at) and at not in (self.origin, ROOT):
            depth = self._depth.pop(at)
            self._ends.discard(at)
            entry = self._entries.pop(at)
            if not depth:
                return
            self._children[entry.follows].remove(at)
            at = entry.follows
        if not self._children.get(at):
            self._ends.add(at)


def grown(entries: Iterable[Entry], origin: int = ROOT) -> tuple[Tree, str]:
    """The tree of a stored log as far as it makes sense, and why the rest does not ("" if all does)."""
    tree = Tree(origin)
    for entry in entries:
        try:
            tree.add(entry)
        except Misfit as misfit:
            return tree, str(misfit)
    return tree, ""
