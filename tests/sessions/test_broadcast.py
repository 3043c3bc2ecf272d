"""Watching a session: order, resumption, bounds, and one encoding for all."""

import asyncio

import pytest

from app import limits
from app.sessions import LimitReached
from app.sessions.broadcast import Broadcast

pytestmark = pytest.mark.anyio


def data_of(events):
    return [event.data for event in events]


async def test_a_watcher_gets_what_is_published_from_now_on_in_order():
    channel = Broadcast()
    channel.publish("step", "before")
    with channel.watch(None, "") as watch:
        channel.publish("step", "one")
        channel.publish("step", "two")
        events = await watch.upcoming()
    assert [(event.name, event.data) for event in events] == [("step", "one"), ("step", "two")]
    assert events[0].id < events[1].id


async def test_a_waiting_watcher_is_woken():
    channel = Broadcast()
    with channel.watch(None, "") as watch:
        waiting = asyncio.create_task(watch.upcoming())
        await asyncio.sleep(0)
        channel.publish("step", "news")
        assert data_of(await asyncio.wait_for(waiting, 1)) == ["news"]


async def test_two_watchers_get_the_same_event_and_the_same_bytes():
    channel = Broadcast()
    with channel.watch(None, "") as first, channel.watch(None, "") as second:
        channel.publish("step", "x")
        one, two = (await first.upcoming())[0], (await second.upcoming())[0]
    assert one is two
    assert one.wire is two.wire


async def test_the_tab_that_caused_an_event_does_not_get_it_back():
    channel = Broadcast()
    with channel.watch(None, "tab-a") as own, channel.watch(None, "tab-b") as other, channel.watch(None, "") as none:
        channel.publish("step", "a did it", not_to="tab-a")
        channel.publish("step", "nobody did it")
        assert data_of(await own.upcoming()) == ["nobody did it"]
        assert data_of(await other.upcoming()) == ["a did it", "nobody did it"]
        assert data_of(await none.upcoming()) == ["a did it", "nobody did it"]


async def test_a_watcher_resumes_after_the_last_event_it_saw():
    channel = Broadcast()
    with channel.watch(None, ""):
        for number in range(5):
            channel.publish("step", str(number))
        with channel.watch(channel.last_id - 2, "") as resumed:
            assert data_of(await resumed.upcoming()) == ["3", "4"]


async def test_a_watcher_that_missed_more_than_is_kept_is_told_to_reload_and_goes_on_from_there():
    channel = Broadcast(events=3)
    with channel.watch(None, "") as slow:
        for number in range(5):
            channel.publish("step", str(number))
        reload = await slow.upcoming()
        assert [event.name for event in reload] == ["reload"]
        assert reload[0].id == channel.last_id
        channel.publish("step", "after")
        assert data_of(await slow.upcoming()) == ["after"]


async def test_exactly_the_events_that_are_kept_can_be_resumed():
    channel = Broadcast(events=3)
    with channel.watch(None, ""):
        start = channel.last_id
        for number in range(5):
            channel.publish("step", str(number))
        with channel.watch(start + 2, "") as just_in, channel.watch(start + 1, "") as just_out:
            assert data_of(await just_in.upcoming()) == ["2", "3", "4"]
            assert [event.name for event in await just_out.upcoming()] == ["reload"]


async def test_the_ring_is_bounded_in_bytes_too():
    channel = Broadcast(size=1000)
    with channel.watch(None, "") as watch:
        for _ in range(10):
            channel.publish("", "x" * 300)
        assert len(channel.since(channel.last_id - 2)) == 2
        assert [event.name for event in await watch.upcoming()] == ["reload"]


async def test_what_happens_while_nobody_watches_is_not_made_and_whoever_returns_reloads():
    channel = Broadcast()
    with channel.watch(None, ""):
        channel.publish("step", "seen")
        seen = channel.last_id
    channel.publish("step", lambda: pytest.fail("nobody watches: nothing to render"))
    with channel.watch(seen, "") as returned:
        assert [event.name for event in await returned.upcoming()] == ["reload"]


async def test_an_id_of_an_earlier_run_or_of_nobody_means_reload():
    channel = Broadcast()
    for strange in (1, channel.last_id + 1_000_000):
        with channel.watch(strange, "") as watch:
            assert [event.name for event in await watch.upcoming()] == ["reload"]


async def test_whoever_comes_from_another_server_is_told_to_reload_however_many_events_both_had():
    here, there = Broadcast(), Broadcast()
    with here.watch(None, ""), there.watch(None, ""):
        for channel in (here, there):
            for number in range(5):
                channel.publish("step", str(number))
        for cursor in range(there.last_id - 5, there.last_id + 1):
            with here.watch(cursor, "") as watch:
                assert [event.name for event in await watch.upcoming()] == ["reload"]
                assert watch.cursor == here.last_id


def test_an_id_is_a_number_that_fits_64_bits_and_the_query_of_the_event_stream():
    for channel in (Broadcast(), Broadcast()):
        assert 0 <= channel.last_id < 2**63 - 2**32
        assert len(str(channel.last_id)) < 20


async def test_silence_gives_no_events_and_closing_ends_the_stream():
    channel = Broadcast()
    with channel.watch(None, "") as watch:
        assert await watch.upcoming(0.01) == []
        waiting = asyncio.create_task(watch.upcoming())
        await asyncio.sleep(0)
        channel.close()
        assert await asyncio.wait_for(waiting, 1) is None


async def test_watchers_are_counted_and_limited(monkeypatch):
    monkeypatch.setattr(limits, "WATCHERS_PER_SESSION", 2)
    channel = Broadcast()
    with channel.watch(None, ""), channel.watch(None, ""):
        assert channel.watchers == 2
        with pytest.raises(LimitReached, match="the limit is 2"):
            channel.watch(None, "")
    assert channel.watchers == 0


async def test_an_event_on_the_wire_keeps_lines_and_cannot_be_split_by_its_data():
    channel = Broadcast()
    with channel.watch(None, "") as watch:
        channel.publish("step", "one\ntwo\r\n\r\nid: 9\rthree\u2028still three")
        (event,) = await watch.upcoming()
        channel.publish("", "<p>page</p>")
        (message,) = await watch.upcoming()
    expected = "event: step\ndata: one\ndata: two\ndata: \ndata: id: 9\ndata: three\u2028still three\n\n"
    assert event.wire.decode() == f"id: {event.id}\n{expected}"
    assert message.wire.decode() == f"id: {message.id}\ndata: <p>page</p>\n\n"
