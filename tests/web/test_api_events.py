"""Following a session: server-sent events over a real socket."""

import asyncio
import json
from contextlib import asynccontextmanager

import httpx2
import pytest

from app import limits

pytestmark = pytest.mark.anyio


class Follower:
    """One open event stream, read event by event."""

    def __init__(self, response):
        self.response = response
        self._lines = response.aiter_lines()

    async def block(self, seconds=5.0):
        """The next block of lines, as a dict; a comment is under the key ''."""
        found = {}
        async with asyncio.timeout(seconds):
            async for line in self._lines:
                if not line and found:
                    return found
                key, _, value = line.partition(":")
                found[key] = value.removeprefix(" ")
        return found

    async def event(self):
        block = await self.block()
        return block["event"], int(block["id"]), json.loads(block["data"] or "null")


@asynccontextmanager
async def following(url, session, last=None, query=""):
    headers = {"Last-Event-ID": str(last)} if last is not None else {}
    path = f"{url}/api/v1/sessions/{session['id']}/events{query}"
    async with httpx2.AsyncClient(timeout=None) as client, client.stream("GET", path, headers=headers) as answer:
        assert answer.status_code == 200
        follower = Follower(answer)
        follower.first_id = int((await follower.block())["id"])
        yield follower


@pytest.fixture
async def writer(served):
    async with httpx2.AsyncClient(base_url=served) as client:
        yield client


@pytest.fixture
async def session(writer):
    return (await writer.post("/api/v1/sessions", json={"cpus": 2})).json()


async def do(writer, session, line):
    headers = {"Authorization": f"Bearer {session['edit_key']}"}
    answer = await writer.post(f"/api/v1/sessions/{session['id']}/ops", json={"op": line}, headers=headers)
    return answer.raise_for_status().json()


async def nobody_watches(app, session):
    opened = await app.state.sessions.open(session["id"])
    async with asyncio.timeout(5):
        while opened.watchers:  # noqa: ASYNC110 - it changes when the server sees the socket close
            await asyncio.sleep(0.01)


async def test_two_watchers_see_each_step_as_it_was_answered(served, writer, session):
    async with following(served, session) as one, following(served, session) as two:
        answered = [await do(writer, session, line) for line in ("read GICD_CTLR", "note What now?")]
        for follower in (one, two):
            events = [await follower.event() for _ in answered]
            assert [(name, step) for name, _, step in events] == [("step", step) for step in answered]
            assert events[0][1] < events[1][1]


async def test_the_stream_is_one_that_proxies_leave_alone(served, session):
    async with following(served, session) as follower:
        headers = follower.response.headers
    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert headers["cache-control"] == "no-store, no-transform"
    assert headers["x-accel-buffering"] == "no"
    assert "content-encoding" not in headers
    assert "frame-ancestors 'self'" in headers["content-security-policy"]


async def test_a_refused_line_is_no_event(served, writer, session):
    async with following(served, session) as follower:
        await writer.post(
            f"/api/v1/sessions/{session['id']}/ops",
            json={"op": "raed GICD_CTLR"},
            headers={"Authorization": f"Bearer {session['edit_key']}"},
        )
        await do(writer, session, "read GICD_CTLR")
        assert (await follower.event())[2]["seq"] == 1


async def test_who_comes_back_goes_on_after_the_last_event_seen(served, writer, session):
    async with following(served, session):  # somebody stays
        async with following(served, session) as follower:
            await do(writer, session, "note one")
            _, last, _ = await follower.event()
        for text in ("two", "three"):
            await do(writer, session, f"note {text}")
        async with following(served, session, last) as again:
            assert [(await again.event())[2]["op"].split()[1] for _ in range(2)] == ["two", "three"]
        async with following(served, session, query=f"?after={last}") as page:
            assert (await page.event())[2]["op"].split()[1] == "two"


async def test_who_comes_back_after_what_nobody_saw_is_told_to_reload(app, served, writer, session):
    async with following(served, session) as follower:
        await do(writer, session, "note one")
        _, last, _ = await follower.event()
    await nobody_watches(app, session)
    await do(writer, session, "note missed")
    async with following(served, session, last) as again:
        name, _, _ = await again.event()
        assert name == "reload"
        await do(writer, session, "note seen")
        assert (await again.event())[2]["op"].split()[1] == "seen"


async def test_who_reconnects_before_any_event_misses_none(served, writer, session):
    async with following(served, session):
        async with following(served, session) as follower:
            start = follower.first_id
        await do(writer, session, "note between")
        async with following(served, session, start) as again:
            assert (await again.event())[2]["op"].split()[1] == "between"


@pytest.mark.parametrize("nonsense", ["x", "-1", "9" * 25, "9" * 5000, "²"])
async def test_a_last_event_id_that_is_none_of_ours_does_no_harm(served, session, nonsense):
    headers = {"Last-Event-ID": nonsense.encode("latin-1")}
    async with httpx2.AsyncClient() as client:
        path = f"{served}/api/v1/sessions/{session['id']}/events"
        async with client.stream("GET", path, headers=headers) as answer:
            assert answer.status_code == 200


async def test_a_watcher_that_leaves_is_no_longer_counted(app, served, session):
    async with following(served, session), following(served, session):
        assert (await app.state.sessions.open(session["id"])).watchers == 2
    await nobody_watches(app, session)


async def test_too_many_watchers_are_refused_and_told_why(served, session, monkeypatch):
    monkeypatch.setattr(limits, "WATCHERS_PER_SESSION", 1)
    async with following(served, session), httpx2.AsyncClient() as client:
        answer = await client.get(f"{served}/api/v1/sessions/{session['id']}/events")
    assert answer.status_code == 503
    assert answer.json()["limit"] == "WATCHERS_PER_SESSION"


async def test_silence_is_kept_alive(served, session, monkeypatch):
    monkeypatch.setattr(limits, "HEARTBEAT_SECONDS", 0.05)
    async with following(served, session) as follower:
        assert await follower.block() == {"": "still here"}
        assert await follower.block() == {"": "still here"}


def test_a_server_that_is_asked_to_end_does_so_while_somebody_watches(server):
    with httpx2.Client(base_url=server.url, timeout=60) as client:
        session = client.post("/api/v1/sessions", json={}).json()
        with client.stream("GET", f"/api/v1/sessions/{session['id']}/events") as stream:
            chunks = stream.iter_raw()
            next(chunks)
            server.terminate(patience=60)
            assert b"".join(chunks) == b""
