"""A session is called otherwise: an entry of its log, which its text, its branches and other servers follow."""

import pytest

from app.scenario import ScenarioError
from app.sessions import NotYours, Sessions
from app.sessions.tree import Entry, Kind, Misfit, Tree

pytestmark = pytest.mark.anyio
BEGAN = "# first\ntitle Mine\nmachine implementation=kvm cpus=2\nnote one\nnote two\n"


@pytest.fixture
async def mine(sessions):
    created = await sessions.create(BEGAN)
    return await sessions.open(created.id), created.edit_key


async def fresh(sessions, session):
    """The same after a restart."""
    other = Sessions(str(sessions._store._engine.url))
    await other.start()
    try:
        again = await other.open(session.id)
        return again.title, again.scenario_text(), again.damaged
    finally:
        await other.stop()


async def test_the_text_says_the_new_title_and_it_outlives_a_restart(sessions, mine):
    session, key = mine
    await session.rename("  What \n PTZ reads ", edit_key=key)
    text = "title What PTZ reads\n# first\nmachine implementation=kvm cpus=2\nnote one\nnote two\n"
    assert (session.title, session.scenario_text()) == ("What PTZ reads", text)
    assert (session.seq, session.branches()) == (2, [])
    await session.append("note three", edit_key=key)
    assert await fresh(sessions, session) == ("What PTZ reads", f"{text}note three\n", None)


async def test_an_empty_title_is_none_and_no_change_is_no_entry(sessions, mine):
    session, key = mine
    await session.rename("Mine", edit_key=key)
    assert session.tree.last == 2
    await session.rename("", edit_key=key)
    assert "title" not in session.scenario_text()
    assert (await fresh(sessions, session))[0] == ""


@pytest.mark.parametrize("where", ["title Late\nnote one\n", "note one\n# why\ntitle Late\nnote two\n", "note one\n"])
async def test_a_title_line_may_stand_anywhere_or_be_missing(sessions, where):
    created = await sessions.create(where)
    session = await sessions.open(created.id)
    await session.rename("New", edit_key=created.edit_key)
    title, text, damaged = await fresh(sessions, session)
    assert (title, damaged, text.count("title ")) == ("New", None, 1)
    again = await sessions.open((await sessions.create(text)).id)
    assert again.title == "New"


async def test_saving_the_text_as_it_reads_changes_nothing(mine):
    session, key = mine
    await session.rename("New", edit_key=key)
    await session.rewrite(session.scenario_text(), edit_key=key)
    assert session.branches() == []
    await session.rewrite(session.scenario_text() + "note three\n", edit_key=key)
    assert (session.title, session.seq, session.branches()) == ("New", 3, [])


async def test_a_refusal_changes_nothing(mine):
    session, key = mine
    for given, title, error in ((None, "New", NotYours), (key, "x" * 201, ScenarioError), (key, "a\0b", ScenarioError)):
        with pytest.raises(error):
            await session.rename(title, edit_key=given)
    assert (session.title, session.tree.last) == ("Mine", 2)


async def test_who_watches_looks_again_and_the_tab_that_asked_does_not(mine):
    session, key = mine
    with session.watch(None, "there") as there, session.watch(None, "here") as here:
        await session.rename("New", edit_key=key, actor="here")
        session.publish("step", "after")
        assert [event.name for event in await there.upcoming()] == ["reload", "step"]
        assert [event.name for event in await here.upcoming()] == ["step"]


def test_a_title_belongs_to_a_head():
    tree = Tree()
    tree.add(Entry(1, "note one"))
    with pytest.raises(Misfit):
        tree.add(Entry(2, "New", 1, Kind.TITLE))
    tree.add(Entry(2, "machine cpus=1", 0, Kind.HEAD))
    tree.add(Entry(3, "New", 2, Kind.TITLE))
    assert tree.title == "New"
    tree.add(Entry(4, "", 1, Kind.GO))
    assert tree.title is None
