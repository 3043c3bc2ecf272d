"""Several servers on one PostgreSQL: one order, nothing lost, and who watches on one sees what is done on another."""

import asyncio
import json
from contextlib import ExitStack

import psycopg
import pytest
from starlette.testclient import TestClient

from app import limits
from app.sessions import Sessions, StorageFailed, UnknownSession, moves, news
from app.sessions.news import Said, Stored
from app.settings import Settings
from app.web.app import create_app

pytestmark = pytest.mark.anyio
PTZ = "write GICR_PENDBASER@0 PTZ=1"
SECONDS = 60


@pytest.fixture
def database_url(postgresql_url):
    return postgresql_url


@pytest.fixture
async def here(database_url):
    server = await listening(database_url)
    yield server
    await server.stop()


@pytest.fixture
async def there(database_url, here):
    server = await listening(database_url)
    yield server
    await server.stop()


async def listening(database_url):
    server = Sessions(database_url)
    await server.start()
    await asyncio.wait_for(server._news.listening.wait(), SECONDS)
    return server


@pytest.fixture
async def both(here, there):
    """One session, open on both servers, and its key; each step is published as the web does it."""
    for server in (here, there):
        server.listeners.append(lambda session, step, actor: session.publish("step", str(step.seq), not_to=actor))
    created = await here.create("machine cpus=2\nread GICD_CTLR\n")
    return await here.open(created.id), await there.open(created.id), created.edit_key


async def upcoming(watch):
    """The next events, as names and data."""
    events = await asyncio.wait_for(watch.upcoming(), SECONDS)
    return [(event.name, event.data) for event in events]


async def told_to_reload(watch):
    async with asyncio.timeout(SECONDS):
        while "reload" not in [name for name, _ in await upcoming(watch)]:
            pass


async def followed(session, other):
    """Wait until the news about the other have arrived."""
    async with asyncio.timeout(SECONDS):
        while session.tree.last < other.tree.last:
            await asyncio.sleep(0.01)
            await session.refresh()


async def test_who_watches_on_one_sees_what_is_done_on_the_other(both):
    here, there, key = both
    with there.watch(None, "") as watch:
        await here.append(PTZ, edit_key=key)
        assert await upcoming(watch) == [("step", "2")]
        await here.append("note three", edit_key=key)
        assert await upcoming(watch) == [("step", "3")]
    assert there.lines() == here.lines()
    assert (await there.machine()).snapshot() == (await here.machine()).snapshot()


async def test_steps_of_another_server_are_played_on_top_and_not_all_anew(both, monkeypatch):
    here, there, key = both
    monkeypatch.setattr(type(there), "load", lambda _: pytest.fail("all of it was played again"))
    with there.watch(None, "") as watch:
        await here.append(PTZ, edit_key=key)
        assert await upcoming(watch) == [("step", "2")]
    await there.append("note three", edit_key=key)
    await here.append("note four", edit_key=key)
    assert [line for _, line in here.lines()] == ["read GICD_CTLR", PTZ, "note three", "note four"]


async def test_a_writer_on_each_gets_one_order_without_loss(both):
    here, there, key = both
    lines = [f"note {number}" for number in range(30)]
    steps = await asyncio.gather(
        *(side.append(line, edit_key=key) for line, side in zip(lines, [here, there] * 15, strict=True)),
        return_exceptions=True,
    )
    # Whoever was overtaken too often was told that nothing was done.
    done = [line for line, step in zip(lines, steps, strict=True) if not isinstance(step, StorageFailed)]
    assert len(done) > 15
    newest = max(here, there, key=lambda session: session.tree.last)
    await followed(here, newest)
    await followed(there, newest)
    assert here.lines() == there.lines()
    assert sorted(line for _, line in here.lines()[1:]) == sorted(done)
    numbers = sorted(step.seq for step in steps if not isinstance(step, StorageFailed))
    assert numbers == list(range(2, len(done) + 2))


async def test_undo_and_branches_of_another_server_are_followed(both):
    here, there, key = both
    await here.append(PTZ, edit_key=key)
    with there.watch(None, "") as watch:
        await here.move(moves.undo, edit_key=key)
        await told_to_reload(watch)
        assert there.seq == 1
        await here.append("note instead", edit_key=key)
        await told_to_reload(watch)
    assert there.lines() == here.lines()
    assert there.branches() == here.branches()
    await here.rewrite("machine implementation=qemu cpus=1\nread GICD_TYPER\n", edit_key=key)
    await followed(there, here)
    assert (await there.machine()).snapshot() == (await here.machine()).snapshot()
    assert there.spec.implementation == "qemu"


async def test_who_opens_the_session_there_sees_it_as_it_is_even_before_the_news_arrive(both, here, there, monkeypatch):
    session, other, key = both
    monkeypatch.setattr(there._news, "_hear", lambda _: None)
    await there._news._listener.stop()
    await session.append(PTZ, edit_key=key)
    assert other.seq == 1
    opened = await there.open(session.id)
    assert opened.seq == 2
    assert opened.lines() == session.lines()


async def test_who_opens_it_there_to_append_asks_for_nothing_and_comes_after_what_was_done_here(
    both, here, there, monkeypatch
):
    session, stale, key = both
    monkeypatch.setattr(there._news, "_hear", lambda _: None)
    await there._news._listener.stop()
    await session.append(PTZ, edit_key=key)
    monkeypatch.setattr(type(there._store), "last", lambda *_: pytest.fail("the database was asked"))
    opened = await there.open(session.id, to_append=True)
    assert opened is stale
    assert opened.seq == 1
    assert (await opened.append("note three", edit_key=key)).seq == 3
    assert [line for _, line in opened.lines()] == ["read GICD_CTLR", PTZ, "note three"]


async def test_who_appends_to_a_session_that_another_server_deleted_is_told_that_there_is_none(both, there, sql):
    session, _, key = both
    sql("DELETE FROM sessions")
    opened = await there.open(session.id, to_append=True)
    with pytest.raises(UnknownSession):
        await opened.append(PTZ, edit_key=key)
    with pytest.raises(UnknownSession):
        await there.open(session.id, to_append=True)


async def test_an_operation_after_a_step_that_only_another_server_has_heard_of_is_done(database_url):
    with ExitStack() as opened:
        servers = [create_app(Settings(database_url=database_url, rate_factor=0)) for _ in range(2)]
        here, there = (opened.enter_context(TestClient(server)) for server in servers)
        made = here.post("/api/v1/sessions", json={"scenario": "read GICD_CTLR\n"}).json()
        path, key = f"/api/v1/sessions/{made['id']}/ops", {"Authorization": f"Bearer {made['edit_key']}"}
        assert there.post(path, json={"op": "note two"}, headers=key).json()["seq"] == 2
        assert here.post(path, json={"op": "note three", "after": 2}, headers=key).json()["seq"] == 3
        assert there.post(path, json={"op": "note five", "after": 4}, headers=key).status_code == 404


async def test_an_event_that_is_kept_nowhere_reaches_the_watchers_of_all_servers_once(both):
    here, there, _ = both
    with here.watch(None, "") as near, there.watch(None, "") as far, there.watch(None, "tab-1") as own:
        here.publish_everywhere("at", "step 7")
        here.publish_everywhere("at", "step 8", not_to="tab-1")
        here.publish_everywhere("at", "step 9")
        for watch in (near, far):
            seen = []
            while len(seen) < 3:
                seen += await upcoming(watch)
            assert seen == [("at", "step 7"), ("at", "step 8"), ("at", "step 9")]
        seen = []
        while len(seen) < 2:
            seen += await upcoming(own)
        assert seen == [("at", "step 7"), ("at", "step 9")]
        assert await near.upcoming(0.05) == []


async def test_an_event_that_is_too_long_to_travel_arrives_as_the_word_to_reload(both):
    here, there, _ = both
    with here.watch(None, "") as near, there.watch(None, "") as far:
        here.publish_everywhere("at", "é" * limits.NOTIFY_BYTES)
        assert await upcoming(near) == [("at", "é" * limits.NOTIFY_BYTES)]
        assert await upcoming(far) == [("reload", "")]


async def test_a_connection_that_is_lost_is_made_again_and_what_was_missed_is_looked_up(both, there, database_url):
    here, other, key = both
    with other.watch(None, "") as watch:
        there._news.listening.clear()
        with psycopg.connect(database_url, autocommit=True) as admin:
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
        await here.append(PTZ, edit_key=key)
        assert await upcoming(watch) == [("step", "2")]
        await asyncio.wait_for(there._news.listening.wait(), SECONDS)
        await here.append("note three", edit_key=key)
        assert await upcoming(watch) == [("step", "3")]


async def test_a_notification_of_somebody_else_is_left_alone(both, database_url):
    here, there, key = both
    with there.watch(None, "") as watch:
        with psycopg.connect(database_url, autocommit=True) as other:
            for payload in ("", "not JSON", "[]", "7", '{"session": 7}', '{"at": 3}', '{"from": "x", "session": "y"}'):
                other.execute("SELECT pg_notify(%s, %s)", (news.CHANNEL, payload))
        await here.append(PTZ, edit_key=key)
        assert await upcoming(watch) == [("step", "2")]


async def test_a_database_that_takes_no_writes_refuses_them_and_is_read_on(both, there, database_url):
    here, _, key = both
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {admin.info.dbname} SET default_transaction_read_only = on")
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = %s",
            (admin.info.dbname,),
        )
    for _ in range(2):  # the first finds its connection gone
        with pytest.raises(StorageFailed):
            await here.append(PTZ, edit_key=key)
    with pytest.raises(StorageFailed, match=r"read-only transaction.*Nothing was changed"):
        await here.append(PTZ, edit_key=key)
    fresh = await there.open(here.id)
    await fresh.machine()
    assert (fresh.seq, here.seq) == (1, 1)


def test_a_message_is_read_as_it_was_written_and_is_not_heard_by_who_wrote_it():
    said = Said("s" * 22, "page", "at", 'two\nlines "é"', "tab")
    assert news.read(news.written(said, "a"), "b") == said
    assert news.read(news.written(said, "a"), "a") is None
    assert news.read(json.dumps({"session": "s" * 22, "at": 7}), "a") == Stored("s" * 22, 7)


def test_what_is_written_fits_what_postgresql_carries():
    fits = news.written(Said("s" * 22, "page", "at", "x" * 7_700), "a")
    assert fits is not None
    assert len(fits) <= limits.NOTIFY_BYTES < 8_000
    assert news.written(Said("s" * 22, "page", "at", "é" * 7_700), "a") is None
