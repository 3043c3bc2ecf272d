"""The branches of a session as a list, and what the two resets lead to."""

from __future__ import annotations

from dataclasses import dataclass

from app.sessions import Branch, Session
from app.web.views.words import plural

LINES = 3


@dataclass(frozen=True, slots=True)
class BranchRow:
    """`lines` are its first own operations; `more` counts the others."""

    id: int
    title: str
    lines: tuple[str, ...]
    more: int
    may_drop: bool


@dataclass(frozen=True, slots=True)
class History:
    """`began` says what the session began with; `begins` and `starts`: the session is there now."""

    now: int
    rows: tuple[BranchRow, ...]
    began: str
    begins: bool
    starts: bool


def history(session: Session) -> History:
    tree = session.tree
    steps = tree.steps_to(tree.origin)
    return History(
        now=session.seq,
        rows=tuple(_row(session, branch) for branch in session.branches()),
        began=f"the {plural(steps, 'step')} that this session began with"
        if steps
        else "the empty machine that this session began with",
        begins=tree.here == tree.origin,
        starts=session.seq == 0,
    )


def _row(session: Session, branch: Branch) -> BranchRow:
    own = branch.steps - max(0, branch.shared)
    if branch.ahead:
        title = f"{plural(own, 'step')} ahead, undone"
    elif branch.shared < 0:
        title = f"{plural(own, 'step')} on another machine"
    else:
        title = f"{plural(own, 'other step')} after step {branch.shared}"
    lines = tuple(session.branch_lines(branch, LINES))
    return BranchRow(branch.id, title, lines, own - len(lines), session.tree.may_drop(branch.id))
