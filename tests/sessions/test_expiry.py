"""Sessions that nobody uses are deleted where the setting says so, and no others."""

import asyncio
import time

import pytest

from app import limits
from app.sessions import Sessions, StorageFailed, UnknownSession
from app.sessions.expiry import DAY, Expiry
from app.sessions.store import Store

pytestmark = pytest.mark.anyio
NOW = int(time.time())


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr(limits, "EXPIRY_PAUSE_SECONDS", 0)


async def make(sessions, sql, *days_ago):
    """Sessions last used so many days ago."""
    made = [await sessions.create("note one\nnote two\n") for _ in days_ago]
    for created, days in zip(made, days_ago, strict=True):
        sql(f"UPDATE sessions SET used = {NOW - round(days * DAY)} WHERE id = '{created.id}'")
    return made


def stored(sql):
    return {row[0] for row in sql("SELECT id FROM sessions")}


async def test_what_nobody_used_for_so_long_is_deleted_with_its_log(sessions, sql):
    old, edge, new = await make(sessions, sql, 40, 30.5, 3)
    assert await Expiry(sessions._store, 30).sweep(NOW) == 1
    assert stored(sql) == {edge.id, new.id}, "never before its time: the last use is known to a day"
    assert {row[0] for row in sql("SELECT DISTINCT session FROM operations")} == {edge.id, new.id}
    with pytest.raises(UnknownSession):
        await sessions.open(old.id)


async def test_more_than_a_batch_is_deleted_a_batch_at_a_time(sessions, sql, monkeypatch):
    monkeypatch.setattr(limits, "EXPIRED_PER_BATCH", 3)
    await make(sessions, sql, *[40] * 7, 1)
    batches = []
    delete = sessions._store.delete_unused

    async def counted(*arguments):
        batches.append(await delete(*arguments))
        return batches[-1]

    monkeypatch.setattr(sessions._store, "delete_unused", counted)
    assert await Expiry(sessions._store, 30).sweep(NOW) == 7
    assert batches == [3, 3, 1, 0]
    assert len(stored(sql)) == 1


async def test_several_servers_may_sweep_at_once(sessions, sql, database_url):
    await make(sessions, sql, *[40] * 30, 1)
    stores = [Store(database_url) for _ in range(3)]
    deleted = await asyncio.gather(*(Expiry(store, 30).sweep(NOW) for store in stores))
    assert sum(deleted) == 30
    assert len(stored(sql)) == 1
    for store in stores:
        await store.stop()


async def test_opening_a_session_is_using_it_and_costs_a_write_a_day(sessions, sql, monkeypatch):
    [created] = await make(sessions, sql, 29)
    uses = []
    use = sessions._store.use
    monkeypatch.setattr(sessions._store, "use", lambda *a: (uses.append(a), use(*a))[1])
    for _ in range(3):
        await sessions.open(created.id)
    assert len(uses) == 1
    assert sql("SELECT used FROM sessions")[0][0] >= NOW
    assert await Expiry(sessions._store, 1).sweep(NOW + DAY) == 0


async def test_a_session_deleted_while_it_is_in_memory_is_said_to_be_unknown(sessions, sql):
    [created] = await make(sessions, sql, 0)
    session = await sessions.open(created.id)
    session.used -= 2 * DAY
    sql("DELETE FROM operations")
    sql("DELETE FROM sessions")
    with pytest.raises(UnknownSession):
        await sessions.open(created.id)
    with pytest.raises(UnknownSession):
        await sessions.open(created.id)


async def test_an_operation_on_a_session_that_was_just_deleted_is_refused(sessions, sql):
    [created] = await make(sessions, sql, 0)
    session = await sessions.open(created.id)
    sql("DELETE FROM operations")
    sql("DELETE FROM sessions")
    with pytest.raises(UnknownSession):
        await session.append("note three", edit_key=created.edit_key)
    assert sql("SELECT * FROM operations") == []
    with pytest.raises(UnknownSession):
        await sessions.open(created.id)


async def test_a_database_that_takes_no_writes_is_read_all_the_same(sessions, sql, monkeypatch):
    [created] = await make(sessions, sql, 29)

    async def refused(*_):
        raise StorageFailed("read-only")

    monkeypatch.setattr(sessions._store, "use", refused)
    assert (await sessions.open(created.id)).seq == 2


async def test_a_server_sweeps_by_itself_if_it_is_told_to(sessions, sql, database_url):
    await make(sessions, sql, 40, 1)
    server = Sessions(database_url, days=30)
    await server.start()
    async with asyncio.timeout(60):
        while len(stored(sql)) > 1:  # noqa: ASYNC110 - the database has no event for it
            await asyncio.sleep(0.05)
    await server.stop()


def test_without_the_setting_nothing_is_ever_looked_for():
    expiry = Expiry(None, 0)
    expiry.start()
    assert expiry._task is None
