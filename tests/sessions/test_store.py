"""The log in the database: appends are all or nothing, share commits, and say so when the disk does not take them."""

import asyncio

import pytest

from app.sessions import StorageFailed
from app.sessions.store import Head, SeqTaken, Store
from app.sessions.tree import Entry, Kind

pytestmark = pytest.mark.anyio
HEAD = Head(
    id="s" * 22, title="A title", header="machine cpus=2", key_hash=bytes(32), created=1_800_000_000, model="0.1.0"
)


async def lines(store):
    return [(entry.seq, entry.text) for entry in await store.entries(HEAD.id)]


@pytest.fixture
async def store(database_url):
    made = Store(database_url)
    await made.start()
    yield made
    await made.stop()


async def test_a_session_is_stored_with_its_first_operations(store):
    await store.create(HEAD, ["read GICD_CTLR", "# why\nread GICD_TYPER"])
    assert await store.head(HEAD.id) == HEAD
    assert await lines(store) == [(1, "read GICD_CTLR"), (2, "# why\nread GICD_TYPER")]
    assert await store.entries(HEAD.id) == [Entry(1, "read GICD_CTLR", 0), Entry(2, "# why\nread GICD_TYPER", 1)]
    assert await store.count() == 1
    assert await store.head("other") is None


async def test_an_id_that_is_taken_stores_none_of_the_second_session(store):
    await store.create(HEAD, ["read GICD_CTLR"])
    with pytest.raises(StorageFailed):
        await store.create(HEAD, ["read GICD_TYPER"])
    assert await lines(store) == [(1, "read GICD_CTLR")]


async def test_an_append_is_there_for_everybody_when_it_returns(store, sql):
    await store.create(HEAD, [])
    await store.append(HEAD.id, Entry(1, "read GICD_CTLR"))
    assert sql("SELECT seq, text FROM operations") == [(1, "read GICD_CTLR")]


async def test_the_log_can_be_read_on_from_where_one_is(store):
    await store.create(HEAD, ["note one", "note two"])
    await store.append(HEAD.id, Entry(3, "note three", 2))
    assert await store.entries(HEAD.id, after=1) == [Entry(2, "note two", 1), Entry(3, "note three", 2)]
    assert await store.entries(HEAD.id, after=3) == []
    assert await store.last([HEAD.id, "other"]) == {HEAD.id: 3}


async def test_a_seq_is_taken_once(store):
    await store.create(HEAD, ["read GICD_CTLR"])
    with pytest.raises(SeqTaken):
        await store.append(HEAD.id, Entry(1, "read GICD_TYPER"))
    assert await lines(store) == [(1, "read GICD_CTLR")]


async def test_several_entries_are_stored_together_or_not_at_all(store):
    await store.create(HEAD, ["note one"])
    await store.append(HEAD.id, Entry(2, "", 0, Kind.GO), Entry(3, "note other", 0))
    with pytest.raises(SeqTaken):
        await store.append(HEAD.id, Entry(4, "note new", 3), Entry(3, "note taken", 2))
    assert await store.entries(HEAD.id) == [Entry(1, "note one"), Entry(2, "", 0, "go"), Entry(3, "note other")]


async def test_many_at_once_are_all_stored_in_fewer_commits(store, monkeypatch):
    await store.create(HEAD, [])
    commits = []
    insert = store._insert
    monkeypatch.setattr(store, "_insert", lambda rows: (commits.append(len(rows)), insert(rows))[1])
    await asyncio.gather(*(store.append(HEAD.id, Entry(seq, f"note {seq}")) for seq in range(1, 101)))
    assert await lines(store) == [(seq, f"note {seq}") for seq in range(1, 101)]
    assert sum(commits) == 100
    assert len(commits) < 10


async def test_one_bad_append_among_many_fails_alone(store):
    await store.create(HEAD, ["note one"])
    results = await asyncio.gather(
        *(store.append(HEAD.id, Entry(seq, f"note {seq}")) for seq in (2, 1, 3)), return_exceptions=True
    )
    assert [type(result) for result in results] == [type(None), SeqTaken, type(None)]
    assert [seq for seq, _ in await lines(store)] == [1, 2, 3]


async def test_an_append_whose_caller_has_gone_disturbs_no_other(store):
    await store.create(HEAD, [])
    gone = asyncio.create_task(store.append(HEAD.id, Entry(1, "note gone")))
    await asyncio.sleep(0)
    gone.cancel()
    await store.append(HEAD.id, Entry(2, "note here"))
    assert (2, "note here") in await lines(store)


async def test_a_connection_that_was_lost_is_replaced(store):
    await store.create(HEAD, [])
    await store.append(HEAD.id, Entry(1, "note before"))
    await (await store._connection.get_raw_connection()).driver_connection.close()
    with pytest.raises(StorageFailed):
        await store.append(HEAD.id, Entry(2, "note lost"))
    await store.append(HEAD.id, Entry(2, "note after"))
    assert await lines(store) == [(1, "note before"), (2, "note after")]
