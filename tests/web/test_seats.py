"""Event streams are bounded by address and in all; who gets none is told so, and the page works without."""

import asyncio
import re
from contextlib import AsyncExitStack, asynccontextmanager

import httpx2
import pytest

from app import limits
from app.settings import Settings
from app.web.app import create_app
from app.web.seats import Seats
from tests.web.test_rates import Caller

pytestmark = pytest.mark.anyio


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(limits, "WATCHERS_PER_ADDRESS", 2)


@pytest.fixture
async def app(few, database_url):
    made = create_app(Settings(database_url=database_url, trusted_proxies="127.0.0.1"))
    async with made.router.lifespan_context(made):
        yield made


@pytest.fixture
async def session(client):
    return (await client.post("/api/v1/sessions", json={})).json()


@asynccontextmanager
async def stream(url, session, address, path="/api/v1/sessions/{id}/events"):
    """A stream that is asked for by an address behind the proxy."""
    headers = {"X-Forwarded-For": address}
    place = url + path.format(id=session["id"])
    async with httpx2.AsyncClient(timeout=5) as client, client.stream("GET", place, headers=headers) as answer:
        yield answer


async def test_an_address_has_so_many_streams_and_another_still_gets_one(app, served, session):
    async with AsyncExitStack() as stack:
        answers = [
            await stack.enter_async_context(stream(served, session, address))
            for address in ("192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2")
        ]
        assert [answer.status_code for answer in answers] == [200, 200, 429, 200]
        await answers[2].aread()
        told = answers[2].json()
        assert (told["limit"], told["maximum"]) == ("WATCHERS_PER_ADDRESS", 2)
        assert answers[2].headers["Retry-After"] == "30"
        assert answers[2].headers["Content-Type"] == "application/problem+json"
    async with asyncio.timeout(5):
        while app.state.seats.taken:  # noqa: ASYNC110 - who left is noticed by the server in its own time
            await asyncio.sleep(0.01)
    async with stream(served, session, "192.0.2.1") as again:
        assert again.status_code == 200


async def test_pages_and_programs_are_counted_together(served, session):
    async with (
        stream(served, session, "192.0.2.1", "/s/{id}/events") as page,
        stream(served, session, "192.0.2.1") as program,
        stream(served, session, "192.0.2.1") as third,
    ):
        assert [page.status_code, program.status_code, third.status_code] == [200, 200, 429]


async def test_a_server_has_so_many_streams(served, session, monkeypatch):
    monkeypatch.setattr(limits, "WATCHERS_PER_SERVER", 1)
    async with stream(served, session, "192.0.2.1"), stream(served, session, "192.0.2.2") as refused:
        assert refused.status_code == 503
        await refused.aread()
        assert refused.json()["limit"] == "WATCHERS_PER_SERVER"


async def test_a_page_that_cannot_be_followed_is_told_so_and_works(served, session):
    path = "/s/{id}/events"
    async with (
        stream(served, session, "192.0.2.1", path),
        stream(served, session, "192.0.2.1", path),
        stream(served, session, "192.0.2.1", path) as third,
    ):
        body = (await third.aread()).decode()
        assert third.status_code == 200
        assert third.headers["Content-Type"].startswith("text/event-stream")
        assert body.startswith("retry: 30000\nevent: full\ndata: Too many follow sessions from this address")
        assert body.endswith("\n\n")
        async with stream(served, session, "192.0.2.1", "/s/{id}") as page:
            assert page.status_code == 200
            assert b": too many watch" in await page.aread()


@pytest.mark.parametrize(("factor", "most"), [(0, 0), (0.001, 1), (1, 2), (3, 6)])
def test_the_factor_of_addresses_is_that_of_their_rates(few, factor, most):
    assert Seats(factor)._most == most


def test_an_address_is_counted_as_a_subscriber():
    seats = Seats()
    with seats.take(Caller("2001:db8::1")), seats.take(Caller("2001:db8::2")), seats.take(Caller("2001:db8:1::2")):
        assert sorted(seats._by_address.values()) == [1, 2]
    assert not seats._by_address
    assert seats.taken == 0


def test_a_class_behind_one_address_is_let_in():
    assert limits.WATCHERS_PER_ADDRESS >= 2 * 200
    assert limits.WATCHERS_PER_SERVER >= 4 * limits.WATCHERS_PER_SESSION


async def test_many_who_come_at_once_are_counted_out_once(served, session, monkeypatch):
    monkeypatch.setattr(limits, "WATCHERS_PER_ADDRESS", 500)
    monkeypatch.setattr(limits, "COUNT_INTERVAL_SECONDS", 0.3)
    path = "/s/{id}/events"
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(stream(served, session, "192.0.2.1", path))
        rows = first.aiter_lines()
        for number in range(2, 8):
            await stack.enter_async_context(stream(served, session, f"192.0.2.{number}", path))
        told = []
        async with asyncio.timeout(5):
            async for row in rows:
                told += re.findall(r'id="watching">(\d+)', row)
                if told[-1:] == ["7"]:
                    break
        # The first is told at once, the seventh when the time of the first is over; the others may fall in between.
        assert len(told) < 7
