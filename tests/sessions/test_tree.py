"""The log as a tree: where the session is, what undo and redo lead to, and the branches beside it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.sessions.tree import Branch, Entry, Kind, Misfit, Tree, grown


def tree_of(*entries, origin=0):
    """Entries as (kind, follows), numbered from 1."""
    tree, misfit = grown((Entry(seq, f"n{seq}", of, kind) for seq, (kind, of) in enumerate(entries, 1)), origin)
    assert not misfit
    return tree


THREE = (("op", 0), ("op", 1), ("op", 2))


def test_operations_one_after_the_other_are_one_branch():
    tree = tree_of(*THREE)
    assert (tree.path, tree.steps, tree.branches()) == ([0, 1, 2, 3], 3, [])
    assert tree.texts(tree.path) == ["n1", "n2", "n3"]
    assert (tree.undone(), tree.redone()) == (2, None)


def test_acting_in_the_past_keeps_the_future_as_a_branch():
    tree = tree_of(*THREE, ("op", 1))
    assert tree.path == [0, 1, 4]
    assert tree.branches() == [Branch(3, 3, 1, ahead=False)]
    assert tree.own(tree.branches()[0]) == [2, 3]
    assert tree.redone() is None


def test_after_undo_the_future_is_ahead_and_redo_leads_along_it():
    tree = tree_of(*THREE, ("go", 1))
    assert tree.path == [0, 1]
    assert tree.branches() == [Branch(3, 3, 1, ahead=True)]
    assert tree.redone() == 2


def test_redo_leads_to_where_the_session_was_last():
    tree = tree_of(*THREE, ("op", 1), ("go", 3), ("go", 1))
    assert tree.redone() == 2
    assert [branch.id for branch in tree.branches()] == [4, 3]
    tree.add(Entry(7, "", 4, Kind.GO))
    tree.add(Entry(8, "", 1, Kind.GO))
    assert tree.redone() == 4


def test_another_head_begins_a_branch_that_shares_nothing():
    tree = tree_of(*THREE, ("head", 0), ("op", 4))
    assert tree.path == [4, 5]
    assert (tree.head(4), tree.head(0)) == ("n4", None)
    assert tree.branches() == [Branch(3, 3, -1, ahead=False)]
    tree.add(Entry(6, "", 3, Kind.GO))
    assert (tree.path, tree.branches()) == ([0, 1, 2, 3], [Branch(5, 1, -1, ahead=False)])


def test_a_dropped_branch_takes_along_only_what_no_other_has():
    tree = tree_of(*THREE, ("op", 2), ("op", 1), ("drop", 3))
    assert [branch.id for branch in tree.branches()] == [4]
    assert not tree.knows(3)
    assert tree.knows(2)
    tree.add(Entry(7, "", 4, Kind.DROP))
    assert not tree.knows(2)
    assert (tree.branches(), tree.path) == ([], [0, 1, 5])


def test_dropping_what_is_ahead_ends_the_branch_here():
    tree = tree_of(*THREE, ("go", 1), ("drop", 3))
    assert (tree.path, tree.branches(), tree.redone()) == ([0, 1], [], None)


def test_what_the_session_began_with_stays():
    tree = tree_of(*THREE, ("op", 1), origin=3)
    assert not tree.may_drop(3)
    with pytest.raises(Misfit):
        tree.add(Entry(5, "", 3, Kind.DROP))
    tree = tree_of(*THREE, ("op", 3), ("go", 0), ("op", 0), ("drop", 4), origin=3)
    assert [branch.id for branch in tree.branches()] == [3]


def test_a_dropped_head_is_gone_with_its_branch():
    tree = tree_of(("head", 0), ("op", 1), ("go", 0), ("drop", 2))
    assert not tree.knows(1)
    assert (tree.path, tree.branches()) == ([0], [])


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (Entry(3, "x", 1), "entry 2 is missing"),
        (Entry(2, "x", 7), "follows 7, which is not there"),
        (Entry(2, "", 7, Kind.GO), "follows 7, which is not there"),
        (Entry(2, "", 1, Kind.DROP), "not the end of a branch that can be dropped"),
        (Entry(2, "", 1, "sing"), "of an unknown kind"),
    ],
)
def test_an_entry_that_makes_no_sense_ends_the_log_before_it(entry, why):
    tree, misfit = grown([Entry(1, "read GICD_CTLR"), entry])
    assert why in misfit
    assert (tree.path, tree.last) == ([0, 1], 1)


@given(st.lists(st.tuples(st.sampled_from(list(Kind)), st.integers(0, 60)), max_size=40), st.integers(0, 5))
def test_whatever_is_done_the_tree_holds_together(wanted, origin):
    tree = Tree()
    parents = {}
    dropped = set()
    for kind, pick in wanted:
        known = [seq for seq in range(tree.last + 1) if tree.knows(seq)]
        entry = Entry(tree.last + 1, "x", known[pick % len(known)], kind)
        if tree.knows(origin):
            tree.origin = origin
        if kind is Kind.DROP and not tree.may_drop(entry.follows):
            continue
        if kind is Kind.TITLE and tree.steps_to(entry.follows):
            continue
        before = {seq for seq in known if seq}
        tree.add(entry)
        if kind is Kind.OPERATION:
            parents[entry.seq] = entry.follows
        dropped |= {seq for seq in before if not tree.knows(seq)}
        # Every end is reached from its head over entries that are there, and one of them is ours or ahead of us.
        ends = {branch.id for branch in tree.branches()}
        inner = {parent for seq, parent in parents.items() if tree.knows(seq)}
        assert all(tree.knows(seq) for end in (*ends, tree.here) for seq in tree.path_to(end))
        assert tree.path == tree.path_to(tree.here)
        alive = {seq for seq in range(tree.last + 1) if tree.knows(seq)}
        assert ends | {tree.here} >= alive - inner
        assert not ends & inner
        assert all(branch.shared < len(tree.path) for branch in tree.branches())
        assert (tree.redone() is not None) == any(branch.ahead for branch in tree.branches())
