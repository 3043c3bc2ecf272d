"""A dropped line: whoever comes back with Last-Event-ID sees each change once, none twice, none never."""

import asyncio
import re
from contextlib import asynccontextmanager

import httpx2
import pytest

pytestmark = pytest.mark.anyio


@pytest.fixture
async def session(served):
    async with httpx2.AsyncClient(base_url=served) as client:
        return (await client.post("/api/v1/sessions", json={"cpus": 2})).json()


@pytest.fixture
def drop(app, session):
    """Ends all streams of the session from the server's side, in the middle of things, and lets them come back."""

    async def dropped():
        opened = await app.state.sessions.open(session["id"])
        channel = opened._channel("page")
        channel.close()
        while opened.watchers > 1:  # noqa: ASYNC110 - the server counts it
            await asyncio.sleep(0.005)
        channel.closed = False

    return dropped


@pytest.fixture
async def write(app, session):
    async def written(*texts):
        opened = await app.state.sessions.open(session["id"])
        for text in texts:
            await opened.append(f"note {text}", edit_key=session["edit_key"])

    return written


class Page:
    """What a page keeps: the step on view, how often each step was told, and the last event id."""

    def __init__(self, url, session):
        self.address = f"{url}/s/{session['id']}/events?actor=tab"
        self.last = None
        self.steps = []
        self.reloads = 0

    @asynccontextmanager
    async def line(self):
        headers = {} if self.last is None else {"Last-Event-ID": self.last}
        async with (
            httpx2.AsyncClient(timeout=None) as client,
            client.stream("GET", self.address, headers=headers) as got,
        ):
            yield got.aiter_lines()

    async def follow(self, until, seconds=20.0):
        """Follow until `until()` holds or the stream ends; True if it ended."""
        number = self.last
        async with asyncio.timeout(seconds), self.line() as lines:
            async for line in lines:
                key, _, value = line.partition(": ")
                if not line:
                    self.last = number
                elif key == "id":
                    number = value
                elif line == "event: reload":
                    self.reloads += 1
                elif key == "data" and (found := re.match(r'<hx-step n="(\d+)"', value)):
                    self.steps.append(int(found[1]))
                if not line and until():
                    return False
        return True


async def test_a_line_dropped_in_the_middle_costs_nothing(served, session, write, drop, app):
    page = Page(served, session)
    opened = await app.state.sessions.open(session["id"])
    with opened.watch(None, "another"):
        await write("start")
        page.last = str(opened.last_event_id())
        for dropped in range(5):
            first = 2 + dropped * 10
            following = asyncio.create_task(page.follow(lambda: False))
            while opened.watchers < 2:  # noqa: ASYNC110 - the server counts it
                await asyncio.sleep(0.005)
            await write(*(f"seen {number}" for number in range(first, first + 4)))
            await drop()
            assert await following, "the server ended the stream"
            await write(*(f"missed {number}" for number in range(first + 4, first + 10)))
        await page.follow(lambda: page.steps[-1:] == [51])
    assert page.steps == list(range(2, 52))
    assert page.reloads == 0


async def test_after_more_than_is_kept_it_is_told_to_reload_once_and_goes_on(served, session, write, drop, app):
    page = Page(served, session)
    opened = await app.state.sessions.open(session["id"])
    opened._channel("page")._events = 20
    with opened.watch(None, "another"):
        following = asyncio.create_task(page.follow(lambda: False))
        while opened.watchers < 2:  # noqa: ASYNC110 - the server counts it
            await asyncio.sleep(0.005)
        await write("one", "two")
        await drop()
        await following
        await write(*(f"missed {number}" for number in range(3, 43)))
        await page.follow(lambda: page.reloads == 1)
        following = asyncio.create_task(page.follow(lambda: page.steps[-1:] == [44]))
        await write("next", "last")
        await following
    assert page.reloads == 1
    assert page.steps in ([43, 44], [1, 43, 44], [1, 2, 43, 44]), (
        "what came before the reload is on the page that it brings"
    )


async def test_what_is_done_while_the_only_watcher_is_away_makes_it_load_the_page_anew(served, session, write, app):
    page = Page(served, session)
    opened = await app.state.sessions.open(session["id"])
    page.last = str(opened.last_event_id())
    await write("missed")
    await page.follow(lambda: page.reloads == 1)
    assert page.steps == []
