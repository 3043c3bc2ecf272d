"""One session: an operation is parsed, played, stored and seen in that order, or not at all."""

import asyncio
import threading

import pytest
from sqlalchemy import text

from app import limits
from app.gic import Machine
from app.scenario import ScenarioError
from app.sessions import DamagedLog, LimitReached, NotYours, Sessions, StorageFailed

pytestmark = pytest.mark.anyio
PTZ = "write GICR_PENDBASER@0 PTZ=1"


@pytest.fixture
async def mine(sessions):
    """A session, and its key."""
    created = await sessions.create("title Mine\nmachine implementation=kvm-before-5.6 cpus=2\nread GICD_CTLR\n")
    return await sessions.open(created.id), created.edit_key


def ptz(machine):
    return machine.peek("GICR_PENDBASER", 0) >> 62 & 1


async def stored(sessions, session):
    return [(entry.seq, entry.text) for entry in await sessions._store.entries(session.id)]


async def state(sessions, session):
    """Everything that a refused operation must leave as it was, the database included."""
    machine = await session.machine()
    return (
        session.seq,
        session.lines(),
        len(session.timeline),
        machine.snapshot(),
        await stored(sessions, session),
    )


async def test_an_operation_is_answered_with_its_step_and_is_in_the_log(sessions, mine):
    session, key = mine
    step = await session.append(PTZ, edit_key=key)
    assert (step.seq, session.seq) == (2, 2)
    assert ptz(await session.machine()) == 1
    assert session.lines() == [(1, "read GICD_CTLR"), (2, PTZ)]
    assert await stored(sessions, session) == [(1, "read GICD_CTLR"), (2, PTZ)]


async def test_an_earlier_step_can_be_seen_and_the_newest_stays(mine):
    session, key = mine
    await session.append(PTZ, edit_key=key)
    assert ptz(await session.machine(1)) == 0
    assert ptz(await session.machine()) == 1
    assert (await session.step(1)).text.split() == ["read", "GICD_CTLR"]
    assert (await session.step(2)).seq == 2
    assert await session.look(ptz) == 1
    assert await session.look(ptz, 1) == 0


@pytest.mark.parametrize("number", [-1, 2])
async def test_a_step_that_does_not_exist_is_an_error(mine, number):
    session, _ = mine
    for ask in (session.machine, session.step):
        with pytest.raises(ValueError, match="session with 1"):
            await ask(number)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("write GICR_PENDBASR@0 1", "did you mean GICR_PENDBASER"),
        ("write GICR_PENDBASER 1", "@cpu is missing"),
        ("write GICR_PENDBASER@0 PZT=1", "did you mean PTZ"),
        ("write GICR_CTLR@0 0x1_0000_0000", "32 bits"),
        ("its MAPTI device=2 event=20 intid=8195", "collection"),
        ("raed GICD_CTLR", "did you mean read"),
        ("", "no operation"),
        ("# only a comment", "no operation"),
        ("title Another", "head of a scenario"),
        ("machine cpus=4", "head of a scenario"),
        ("read GICD_CTLR\nread GICD_TYPER", "more than one line"),
        ("note \x00", "control character"),
    ],
)
async def test_a_refused_line_changes_nothing(sessions, mine, line, problem):
    session, key = mine
    before = await state(sessions, session)
    with pytest.raises(ScenarioError, match=problem):
        await session.append(line, edit_key=key)
    assert await state(sessions, session) == before


@pytest.mark.parametrize("wrong", [None, "", "x", "é"])
async def test_without_its_key_nothing_changes(sessions, mine, wrong):
    session, key = mine
    before = await state(sessions, session)
    with pytest.raises(NotYours):
        await session.append(PTZ, edit_key=wrong)
    assert await state(sessions, session) == before
    assert session.may_edit(key)
    assert not session.may_edit(wrong)


async def test_another_sessions_key_does_not_fit(sessions, mine):
    session, _ = mine
    other = await sessions.create("")
    with pytest.raises(NotYours, match="not this session's"):
        await session.append(PTZ, edit_key=other.edit_key)


async def test_what_the_machine_refuses_is_a_step_like_any_other(mine):
    session, key = mine
    step = await session.append("uread level:0x7@0", edit_key=key)
    assert step.refused
    assert session.seq == 2


async def test_limits_refuse_before_anything_happens(sessions, mine, monkeypatch):
    session, key = mine
    before = await state(sessions, session)
    monkeypatch.setattr(limits, "OPERATIONS_PER_SESSION", 1)
    with pytest.raises(LimitReached, match="the limit is 1") as reached:
        await session.append(PTZ, edit_key=key)
    assert reached.value.limit == "OPERATIONS_PER_SESSION"
    monkeypatch.undo()
    monkeypatch.setattr(limits, "SESSION_CHARACTERS", 100)
    with pytest.raises(LimitReached, match="the limit is 100"):
        await session.append("note " + "x" * 100, edit_key=key)
    assert await state(sessions, session) == before


async def test_operations_at_the_same_time_get_one_order_each_once(mine):
    session, key = mine
    steps = await asyncio.gather(*(session.append(f"note number {n}", edit_key=key) for n in range(50)))
    assert sorted(step.seq for step in steps) == list(range(2, 52))
    assert [text for _, text in session.lines()[1:]] == [
        step.op.verb + " " + step.op.text for step in sorted(steps, key=lambda s: s.seq)
    ]


async def test_nobody_sees_an_operation_before_it_is_stored(sessions, mine, monkeypatch):
    session, key = mine
    storing, go_on = asyncio.Event(), asyncio.Event()
    append = sessions._store.append

    async def slow(*arguments):
        storing.set()
        await go_on.wait()
        await append(*arguments)

    monkeypatch.setattr(sessions._store, "append", slow)
    appending = asyncio.create_task(session.append(PTZ, edit_key=key))
    await storing.wait()
    assert session.seq == 1
    looking = asyncio.create_task(session.machine())
    await asyncio.sleep(0.01)
    assert not looking.done()
    go_on.set()
    await appending
    assert ptz(await looking) == 1


async def test_what_the_database_does_not_take_is_not_done(sessions, mine, monkeypatch):
    session, key = mine
    before = await state(sessions, session)

    async def refuse(*_):
        raise StorageFailed("the disk is full")

    monkeypatch.setattr(sessions._store, "append", refuse)
    with pytest.raises(StorageFailed):
        await session.append(PTZ, edit_key=key)
    monkeypatch.undo()
    assert ptz(await session.machine()) == 0
    assert await state(sessions, session) == before
    assert (await session.append(PTZ, edit_key=key)).seq == 2


async def test_a_request_that_is_cancelled_while_it_stores_leaves_the_log_deciding(sessions, mine):
    session, key = mine
    appending = asyncio.create_task(session.append(PTZ, edit_key=key))
    await asyncio.sleep(0)
    assert sessions._store._writer is not None
    appending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await appending
    await session.append("note next", edit_key=key)
    lines = [line for _, line in await stored(sessions, session)]
    assert lines == [line for _, line in session.lines()]
    assert ptz(await session.machine()) == (PTZ in lines)


async def test_a_look_that_is_cancelled_leaves_its_machine_to_its_thread(mine):
    session, key = mine
    await session.append(PTZ, edit_key=key)
    timeline, going, go_on = session.timeline, threading.Event(), threading.Event()
    looking = asyncio.create_task(session.look(lambda _: (going.set(), go_on.wait(5)), 1))
    await asyncio.to_thread(going.wait, 5)
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking
    assert ptz(await session.machine(1)) == 0
    assert session.timeline is not timeline
    go_on.set()


async def test_a_fault_in_the_machine_leaves_the_session_as_it_was(sessions, mine, monkeypatch):
    session, key = mine
    before = await state(sessions, session)
    monkeypatch.setattr(type(session.timeline), "append", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        await session.append(PTZ, edit_key=key)
    monkeypatch.undo()
    assert await state(sessions, session) == before
    assert (await session.append(PTZ, edit_key=key)).seq == 2


async def test_two_servers_on_one_database_find_one_order(database_url, sessions, mine):
    here, key = mine
    other_server = Sessions(database_url)
    await other_server.start()
    there = await other_server.open(here.id)
    await here.append("note here 1", edit_key=key)
    told = []
    other_server.listeners.append(lambda _session, step, _actor: told.append(step.seq))
    step = await there.append("note there", edit_key=key)
    assert step.seq == 3
    assert told == [2, 3]
    assert (await here.append("note here 2", edit_key=key)).seq == 4
    assert here.lines() == [(1, "read GICD_CTLR"), (2, "note here 1"), (3, "note there"), (4, "note here 2")]
    await other_server.stop()


async def test_listeners_hear_of_a_step_once_it_is_stored(sessions, mine):
    session, key = mine
    heard = []
    sessions.listeners.append(lambda told, step, actor: heard.append((told.id, step.seq, told.seq, actor)))
    await session.append(PTZ, edit_key=key, actor="tab-1")
    with pytest.raises(ScenarioError):
        await session.append("raed", edit_key=key)
    assert heard == [(session.id, 2, 2, "tab-1")]


async def test_a_listener_that_fails_fails_nobody_and_the_watchers_reload(sessions, mine):
    session, key = mine
    sessions.listeners.append(lambda *_: 1 / 0)
    with session.watch(None, "") as watch:
        assert (await session.append(PTZ, edit_key=key)).seq == 2
        assert [event.name for event in await watch.upcoming()] == ["reload"]


async def test_watchers_of_a_page_and_of_the_api_do_not_mix(mine):
    session, _ = mine
    with session.watch(None, "") as page, session.watch(None, "", channel="api") as api:
        assert session.watchers == 2
        session.publish("", "<p>")
        session.publish("step", "{}", channel="api")
        assert [event.data for event in await page.upcoming()] == ["<p>"]
        assert [event.data for event in await api.upcoming()] == ["{}"]
    assert session.watchers == 0


async def test_a_page_can_watch_from_the_step_it_shows(mine):
    session, _ = mine
    shown = session.last_event_id()
    session.publish("", "between the page and its event stream")
    with session.watch(shown, "") as watch:
        assert [event.name for event in await watch.upcoming()] == ["reload"]


async def test_the_text_of_a_session_makes_the_same_session(sessions, mine):
    session, key = mine
    await session.append(f"{PTZ}  # why not", edit_key=key)
    copy = await sessions.create(session.scenario_text())
    fork = await sessions.open(copy.id)
    assert fork.scenario_text() == session.scenario_text()
    assert (fork.title, fork.spec) == ("Mine", session.spec)
    assert (await fork.machine()).snapshot() == (await session.machine()).snapshot()
    shorter = await sessions.create(session.scenario_text(1))
    assert (await sessions.open(shorter.id)).seq == 1


async def damage(sessions, statement):
    async with sessions._store._engine.connect() as connection:
        await connection.execute(text(statement))


@pytest.mark.parametrize(
    "statement",
    ["UPDATE operations SET text = 'raed GICD_CTLR' WHERE seq = 2", "DELETE FROM operations WHERE seq = 2"],
)
async def test_a_damaged_log_shows_what_comes_before_and_takes_no_more(sessions, database_url, mine, statement):
    session, key = mine
    await session.append(PTZ, edit_key=key)
    await session.append("note three", edit_key=key)
    await damage(sessions, statement)
    fresh = Sessions(database_url)
    damaged = await fresh.open(session.id)
    assert damaged.lines() == [(1, "read GICD_CTLR")]
    assert ptz(await damaged.machine()) == 0
    with pytest.raises(DamagedLog, match="from operation 2 on"):
        await damaged.append(PTZ, edit_key=key)
    assert await stored(fresh, session) == await stored(sessions, session)
    await fresh.stop()


async def test_a_damaged_header_is_a_clear_refusal(sessions, database_url, mine):
    session, _ = mine
    await damage(sessions, "UPDATE sessions SET header = 'machine implementation=vax'")
    fresh = Sessions(database_url)
    with pytest.raises(DamagedLog, match="vax"):
        await fresh.open(session.id)
    await fresh.stop()


@pytest.mark.parametrize(
    "line",
    [
        "write GICR_CTLR@0 EnableLPIs=1",
        "write GITS_CTLR Enabled=1",
        "save its-tables",
        "migrate order=documented",
        "write 0x80a0000 1",
    ],
)
async def test_what_can_take_long_is_played_beside_the_event_loop(mine, monkeypatch, line):
    session, key = mine
    threads = []
    in_thread = session._in_thread
    monkeypatch.setattr(session, "_in_thread", lambda work: (threads.append(line), in_thread(work))[1])
    await session.append("read GICD_CTLR", edit_key=key)
    assert threads == []
    await session.append(line, edit_key=key)
    assert threads == [line]


def beside_the_loop(monkeypatch):
    """For each time that a machine is asked what its tables map: whether that was on another thread than the loop's."""
    threads = []
    counted = Machine.mapping_counts

    def noted(machine):
        threads.append(threading.current_thread() is not threading.main_thread())
        return counted(machine)

    monkeypatch.setattr(Machine, "mapping_counts", noted)
    return threads


@pytest.mark.parametrize(
    ("pages", "beside"), [(limits.INLINE_PAGES - 1, False), (limits.INLINE_PAGES + 1, True)], ids=["small", "large"]
)
async def test_a_large_machine_is_looked_at_beside_the_event_loop(sessions, monkeypatch, pages, beside):
    lines = "".join(f"poke {0x4100_0000 + page * 4096:#x} 01\n" for page in range(pages))
    created = await sessions.create(lines)
    asked = beside_the_loop(monkeypatch)
    session = await sessions.open(created.id)
    await session.machine()
    await session.append("read GICD_CTLR", edit_key=created.edit_key)
    await session.machine(1)
    assert all(asked)
    assert (len(asked) >= 3) is beside


async def test_a_short_log_of_what_takes_long_is_opened_beside_the_event_loop(sessions, monkeypatch):
    before = "write GITS_CTLR Enabled=0\nwrite GITS_CBASER 0x80000000480000ff\nwrite GITS_CTLR Enabled=1\n"
    created = await sessions.create(f"{before}write GITS_CWRITER 0xfffe0\n")
    played = []
    advanced = Machine.write
    monkeypatch.setattr(
        Machine,
        "write",
        lambda *told, **more: (
            played.append(threading.current_thread() is not threading.main_thread()),
            advanced(*told, **more),
        )[1],
    )
    await sessions.open(created.id)
    assert played
    assert all(played)


async def test_what_large_sessions_show_is_prepared_beside_the_event_loop(sessions):
    lines = "".join(f"poke {0x4100_0000 + page * 4096:#x} 01\n" for page in range(limits.INLINE_PAGES + 1))
    told = []
    sessions.preparers.append(lambda _s, step, _a: told.append((step.seq, threading.current_thread().name)))
    sessions.preparers.append(lambda *_: 1 / 0)
    sessions.listeners.append(lambda _s, step, _a: told.append((step.seq, "told")))
    for scenario in ("", lines):
        created = await sessions.create(scenario)
        session = await sessions.open(created.id)
        await session.append("read GICD_CTLR", edit_key=created.edit_key)
    (first, name), *rest = told
    assert (first, name) == (1, "told")
    (_, thread), (_, last) = rest
    assert last == "told"
    assert thread != threading.main_thread().name
