"""All sessions of a server: making, opening, keeping some in memory."""

import asyncio
import gc
import weakref

import anyio.to_thread
import pytest

from app import limits
from app.registers import RegisterMap
from app.scenario import ScenarioError
from app.sessions import LimitReached, Session, Sessions, UnknownSession

pytestmark = pytest.mark.anyio


async def test_a_new_session_has_an_unguessable_id_and_a_key_that_is_nowhere_in_the_database(sessions, sql):
    created = await sessions.create("read GICD_CTLR\n")
    assert len(created.id) == 22
    assert len(created.edit_key) == 43
    dump = repr([sql(f"SELECT * FROM {table}") for table in ("sessions", "operations", "short_links")])
    assert created.id in dump
    assert created.edit_key not in dump


async def test_a_scenario_becomes_the_first_steps(sessions):
    created = await sessions.create("title T\nmachine implementation=qemu cpus=1\nread GICD_CTLR\nread GICD_TYPER\n")
    session = await sessions.open(created.id)
    assert (session.title, session.seq, session.spec.implementation, session.spec.cpus) == ("T", 2, "qemu", 1)


async def test_a_title_is_for_a_scenario_that_has_none(sessions):
    untitled = await sessions.create("read GICD_CTLR\n", title="Given")
    titled = await sessions.create("title Its own\nread GICD_CTLR\n", title="Given")
    assert (await sessions.open(untitled.id)).title == "Given"
    assert (await sessions.open(untitled.id)).scenario_text() == "title Given\nread GICD_CTLR\n"
    assert (await sessions.open(titled.id)).title == "Its own"


@pytest.mark.parametrize(
    ("text", "title"),
    [("raed GICD_CTLR", ""), ("machine implementation=vax", ""), ("", "two\nlines"), ("", "x" * 201), ("", "\x07")],
)
async def test_a_scenario_or_title_that_cannot_be_read_stores_nothing(sessions, text, title):
    with pytest.raises(ScenarioError):
        await sessions.create(text, title=title)
    assert await sessions._store.count() == 0


async def test_a_scenario_that_is_too_long_stores_nothing(sessions, monkeypatch):
    monkeypatch.setattr(limits, "OPERATIONS_PER_SESSION", 3)
    with pytest.raises(LimitReached, match="4 operations are too many: the limit is 3"):
        await sessions.create("read GICD_CTLR\n" * 4)
    monkeypatch.setattr(limits, "SESSION_CHARACTERS", 20)
    with pytest.raises(LimitReached, match="the limit is 20"):
        await sessions.create("# " + "x" * 20)
    assert await sessions._store.count() == 0


@pytest.mark.parametrize("wrong", ["", "x", "a" * 22, "../../etc/passwd", "a" * 21 + "\0", "'; DROP TABLE sessions;"])
async def test_an_unknown_session_is_said_to_be_unknown(sessions, wrong, monkeypatch):
    if len(wrong) != 22 or not wrong.isalpha():
        monkeypatch.setattr(
            sessions._store, "head", lambda _: pytest.fail("what has not the form of an id is not looked up")
        )
    with pytest.raises(UnknownSession):
        await sessions.open(wrong)


async def test_whoever_opens_a_session_at_the_same_time_gets_the_same_one(sessions, monkeypatch):
    created = await sessions.create("read GICD_CTLR\n")
    loads = []
    entries = sessions._store.entries
    monkeypatch.setattr(sessions._store, "entries", lambda *a: (loads.append(1), entries(*a))[1])
    opened = await asyncio.gather(*(sessions.open(created.id) for _ in range(20)))
    assert len(set(map(id, opened))) == 1
    assert len(loads) == 1


async def test_only_so_many_are_kept_and_an_evicted_one_is_played_again(database_url):
    sessions = Sessions(database_url, live=2)
    await sessions.start()
    made = [await sessions.create(f"title {n}\nwrite GICR_PENDBASER@0 PTZ=1\n") for n in range(4)]
    first = weakref.ref(await sessions.open(made[0].id))
    for created in made:
        await sessions.open(created.id)
    gc.collect()
    assert len(sessions._all) == 2
    assert first() is None
    again = await sessions.open(made[0].id)
    assert again.seq == 1
    await sessions.stop()


async def test_sessions_that_hold_much_ram_leave_room_for_fewer(database_url, monkeypatch):
    monkeypatch.setattr(limits, "PAGES_IN_MEMORY", 50)
    sessions = Sessions(database_url)
    await sessions.start()
    pokes = "".join(f"poke {0x4000_0000 + 4096 * page:#x} 01\n" for page in range(20))
    made = [await sessions.create(pokes) for _ in range(4)]
    for created in [*made, made[-1]]:
        await sessions.open(created.id)
    gc.collect()
    assert set(sessions._all) == {created.id for created in made[2:]}
    await sessions.stop()


async def test_a_machine_of_a_shape_of_its_own_counts_with_its_register_map(database_url, monkeypatch):
    monkeypatch.setattr(RegisterMap, "is_kept", property(lambda chart: chart.spis != 63))
    monkeypatch.setattr(limits, "PAGES_IN_MEMORY", 1_500)
    sessions = Sessions(database_url)
    await sessions.start()
    for spis, left in ((64, 2), (63, 1)):
        made = [await sessions.create(f"machine spis={spis}\n") for _ in range(2)]
        for created in made:
            await sessions.open(created.id)
        gc.collect()
        assert len(set(sessions._all) & {created.id for created in made}) == left
    await sessions.stop()


async def test_a_session_in_use_stays_the_same_object_while_others_come_and_go(database_url):
    sessions = Sessions(database_url, live=1)
    await sessions.start()
    watched, other = await sessions.create(""), await sessions.create("")
    session = await sessions.open(watched.id)
    await sessions.open(other.id)
    gc.collect()
    assert await sessions.open(watched.id) is session
    await sessions.stop()


@pytest.mark.parametrize(
    ("operations", "beside"), [(limits.INLINE_OPERATIONS, False), (limits.INLINE_OPERATIONS + 1, True)]
)
async def test_a_long_log_is_played_beside_the_event_loop(sessions, database_url, monkeypatch, operations, beside):
    created = await sessions.create("read GICD_CTLR\n" * operations)
    threads = []
    in_thread = Session._in_thread
    monkeypatch.setattr(Session, "_in_thread", lambda self, work: (threads.append(work), in_thread(self, work))[1])
    fresh = Sessions(database_url)
    assert (await fresh.open(created.id)).seq == operations
    assert bool(threads) is beside
    await fresh.stop()


@pytest.mark.parametrize(("extra", "beside"), [(0, False), (1, True)])
async def test_a_long_scenario_is_parsed_beside_the_event_loop(sessions, monkeypatch, extra, beside):
    threads = []
    run_sync = anyio.to_thread.run_sync
    monkeypatch.setattr(anyio.to_thread, "run_sync", lambda *a, **k: (threads.append(a), run_sync(*a, **k))[1])
    await sessions.create("# " + "x" * (limits.INLINE_CHARACTERS - 2 + extra))
    assert bool(threads) is beside


async def test_stopping_ends_all_event_streams(sessions):
    created = await sessions.create("")
    session = await sessions.open(created.id)
    with session.watch(None, "") as watch:
        waiting = asyncio.create_task(watch.upcoming())
        await asyncio.sleep(0)
        sessions.close_streams()
        assert await asyncio.wait_for(waiting, 1) is None
