"""Acting in the past, undo, redo, resets and rewriting: the session goes elsewhere and what was there is kept."""

import asyncio

import pytest

from app import limits
from app.scenario import ScenarioError
from app.sessions import LimitReached, NoMove, NotYours, Sessions, UnknownBranch, moves

pytestmark = pytest.mark.anyio
LINES = ("poke 0x40200000 01", "poke 0x40200000 02", "poke 0x40200000 03", "poke 0x40200000 04")
BEGAN = "title Mine\nmachine implementation=kvm cpus=2\n" + "".join(f"{line}\n" for line in LINES[:2])


@pytest.fixture
async def mine(sessions):
    """A session that began with two operations and has four, and its key."""
    created = await sessions.create(BEGAN)
    session = await sessions.open(created.id)
    for line in LINES[2:]:
        await session.append(line, edit_key=created.edit_key)
    return session, created.edit_key


def byte(machine):
    return machine.memory.read(0x4020_0000, 1)[0]


async def seen(session):
    """What there is to see of a session: its steps, and the byte after each."""
    lines = [line for _, line in session.lines()]
    bytes_ = [byte(await session.machine(step)) for step in range(session.seq + 1)]
    assert [op.data[0] for op in session.timeline.ops] == bytes_[1:]
    assert session.timeline.step(session.seq).seq == session.seq if session.seq else True
    return lines, bytes_


async def whole(sessions, session):
    """The same after a restart: everything comes from the database."""
    fresh = Sessions(str(sessions._store._engine.url))
    await fresh.start()
    again = await fresh.open(session.id)
    try:
        assert again.damaged is None
        assert again.branches() == session.branches()
        assert again.scenario_text() == session.scenario_text()
        assert (await again.machine()).snapshot() == (await session.machine()).snapshot()
        return await seen(again)
    finally:
        await fresh.stop()


async def test_acting_in_the_past_goes_on_from_there_and_keeps_the_future(sessions, mine):
    session, key = mine
    step = await session.append("poke 0x40200000 ff", edit_key=key, after=1)
    assert step.seq == 2
    assert await seen(session) == ([LINES[0], "poke 0x40200000 ff"], [0, 1, 0xFF])
    (branch,) = session.branches()
    assert (branch.steps, branch.shared, branch.ahead) == (4, 1, False)
    assert session.branch_lines(branch, 2) == list(LINES[1:3])
    assert await whole(sessions, session) == await seen(session)
    await session.move(lambda tree: moves.switch(tree, branch.id), edit_key=key)
    assert (await seen(session))[1] == [0, 1, 2, 3, 4]
    assert [other.steps for other in session.branches()] == [2]
    assert await whole(sessions, session) == await seen(session)


async def test_undo_and_redo_walk_along_the_branch(sessions, mine):
    session, key = mine
    for left in (3, 2, 1, 0):
        await session.move(moves.undo, edit_key=key)
        assert (await seen(session))[1] == list(range(left + 1))
    with pytest.raises(NoMove, match="nothing to undo"):
        await session.move(moves.undo, edit_key=key)
    await session.move(moves.redo, edit_key=key)
    await session.move(moves.redo, edit_key=key)
    assert await whole(sessions, session) == (list(LINES[:2]), [0, 1, 2])
    await session.append("poke 0x40200000 aa", edit_key=key)
    with pytest.raises(NoMove, match="nothing to redo"):
        await session.move(moves.redo, edit_key=key)
    assert [branch.steps for branch in session.branches()] == [4]


async def test_the_two_resets_lead_to_the_start_and_to_what_the_session_began_with(sessions, mine):
    session, key = mine
    await session.move(moves.power_on, edit_key=key)
    assert await seen(session) == ([], [0])
    await session.append("poke 0x40200000 77", edit_key=key)
    await session.move(moves.restart, edit_key=key)
    assert await whole(sessions, session) == (list(LINES[:2]), [0, 1, 2])
    last = session.tree.last
    await session.move(moves.restart, edit_key=key)
    assert session.tree.last == last
    await session.move(moves.power_on, edit_key=key)
    for branch in [each for each in session.branches() if each.id != session.tree.origin]:
        await session.move(lambda tree, end=branch.id: moves.drop(tree, end), edit_key=key)
    (origin,) = session.branches()
    assert origin.id == session.tree.origin
    with pytest.raises(NoMove, match="began with stays"):
        await session.move(lambda tree: moves.drop(tree, origin.id), edit_key=key)


async def test_a_dropped_branch_is_gone_for_good(sessions, mine):
    session, key = mine
    await session.append("note other", edit_key=key, after=2)
    (branch,) = session.branches()
    await session.move(lambda tree: moves.drop(tree, branch.id), edit_key=key)
    assert session.branches() == []
    for change in (moves.switch, moves.drop):
        with pytest.raises(UnknownBranch):
            await session.move(lambda tree, change=change: change(tree, branch.id), edit_key=key)
    assert (await session.machine(2)).memory.read(0x4020_0000, 1) == b"\x02"


async def test_rewriting_keeps_what_agrees_and_the_old_text_as_a_branch(sessions, mine):
    session, key = mine
    text = session.scenario_text().replace("04", "44").replace("03", "33")
    await session.rewrite(text, edit_key=key)
    assert await whole(sessions, session) == (
        [*LINES[:2], "poke 0x40200000 33", "poke 0x40200000 44"],
        [0, 1, 2, 0x33, 0x44],
    )
    assert session.scenario_text() == text
    (branch,) = session.branches()
    assert (branch.steps, branch.shared) == (4, 2)
    last = session.tree.last
    await session.rewrite(text, edit_key=key)
    assert session.tree.last == last
    await session.rewrite(BEGAN, edit_key=key)
    assert session.seq == 2
    assert len(session.branches()) == 2


async def test_rewriting_the_machine_line_makes_another_machine(sessions, mine):
    session, key = mine
    await session.rewrite("title Other\nmachine implementation=qemu cpus=4\npoke 0x40200000 09\n", edit_key=key)
    assert (session.spec.implementation, session.spec.cpus, session.title) == ("qemu", 4, "Other")
    assert await whole(sessions, session) == (["poke 0x40200000 09"], [0, 9])
    await session.append("read GICR_TYPER@3", edit_key=key)
    (branch,) = session.branches()
    assert (branch.steps, branch.shared) == (4, -1)
    await session.move(lambda tree: moves.switch(tree, branch.id), edit_key=key)
    assert (session.spec.implementation, session.title) == ("kvm", "Mine")
    assert await whole(sessions, session) == (list(LINES), [0, 1, 2, 3, 4])


async def test_a_text_that_cannot_be_read_changes_nothing(sessions, mine):
    session, key = mine
    before = await sessions._store.entries(session.id)
    with pytest.raises(ScenarioError) as error:
        await session.rewrite("read GICD_CTLR\nraed GICD_CTLR\n", edit_key=key)
    assert error.value.line == 2
    assert await sessions._store.entries(session.id) == before
    assert (await seen(session))[0] == list(LINES)


async def test_nothing_moves_without_the_key(sessions, mine):
    session, _ = mine
    before = await sessions._store.entries(session.id)
    for wrong in (None, "x"):
        for change in (moves.undo, moves.redo, moves.power_on, moves.restart):
            with pytest.raises(NotYours):
                await session.move(change, edit_key=wrong)
        with pytest.raises(NotYours):
            await session.append("note x", edit_key=wrong, after=0)
        with pytest.raises(NotYours):
            await session.rewrite("", edit_key=wrong)
    assert await sessions._store.entries(session.id) == before


async def test_branches_and_the_log_are_bounded(sessions, mine, monkeypatch):
    session, key = mine
    monkeypatch.setattr(limits, "BRANCHES_PER_SESSION", 1)
    await session.append("note a", edit_key=key, after=1)
    with pytest.raises(LimitReached, match="drop one first"):
        await session.append("note b", edit_key=key, after=1)
    with pytest.raises(LimitReached, match="drop one first"):
        await session.rewrite("note c\n", edit_key=key)
    await session.append("note goes on", edit_key=key)
    monkeypatch.setattr(limits, "ENTRIES_PER_SESSION", session.tree.last)
    with pytest.raises(LimitReached, match="log of this session is full"):
        await session.move(moves.undo, edit_key=key)
    monkeypatch.undo()
    monkeypatch.setattr(limits, "ENTRY_CHARACTERS", 10)
    with pytest.raises(LimitReached, match="too much text"):
        await session.append("note c", edit_key=key)
    assert [line for _, line in session.lines()] == [LINES[0], "note a", "note goes on"]


async def test_who_watches_is_told_to_look_again_and_the_one_who_acted_is_not(mine):
    session, key = mine
    with (
        session.watch(None, "") as other,
        session.watch(None, "tab") as own,
        session.watch(None, "", channel="api") as api,
    ):
        await session.move(moves.undo, edit_key=key, actor="tab")
        assert [event.name for event in await other.upcoming()] == ["reload"]
        assert [event.name for event in await api.upcoming()] == ["reload"]
        turns = session.turns
        await session.append("note other future", edit_key=key, actor="tab")
        assert "reload" in [event.name for event in await other.upcoming()]
        assert session.turns == turns + 1
        await session.append("note straight on", edit_key=key, actor="tab")
        assert session.turns == turns + 1
        assert await own.upcoming(0.05) == []


async def test_a_server_that_was_left_behind_goes_where_the_other_went(sessions, mine):
    here, key = mine
    other_server = Sessions(str(sessions._store._engine.url))
    await other_server.start()
    there = await other_server.open(here.id)
    await here.append("note fork", edit_key=key, after=1)
    told = []
    other_server.listeners.append(lambda _session, step, _actor: told.append(step.seq))
    with there.watch(None, "") as watch:
        assert (await there.append("note on", edit_key=key)).seq == 3
        assert "reload" in [event.name for event in await watch.upcoming()]
    assert [line for _, line in there.lines()] == [LINES[0], "note fork", "note on"]
    assert told == [3]
    await here.move(moves.undo, edit_key=key)
    assert [line for _, line in here.lines()] == [LINES[0], "note fork"]
    await other_server.stop()


async def test_moves_at_the_same_time_each_happen_once(sessions, mine):
    session, key = mine
    await asyncio.gather(*(session.move(moves.undo, edit_key=key) for _ in range(4)))
    assert session.seq == 0
    await asyncio.gather(*(session.move(moves.redo, edit_key=key) for _ in range(3)))
    assert await whole(sessions, session) == (list(LINES[:3]), [0, 1, 2, 3])
