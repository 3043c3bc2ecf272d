"""What one address may ask for: counted by address, told with the limit's name, and the same for all doors."""

import httpx2
import pytest
from fastapi.routing import APIRoute

from app import limits
from app.settings import Settings
from app.web import rates
from app.web.app import create_app
from app.web.rates import RULES, Kind, Rates, subscriber

pytestmark = pytest.mark.anyio
FEW = 0.002  # of 1,000 sessions an hour: 2


class Caller:
    """What `Rates` asks of a connection."""

    def __init__(self, host):
        self.client = None if host is None else type("Address", (), {"host": host})


@pytest.fixture
async def few(database_url):
    """An application where two sessions an hour are enough."""
    app = create_app(Settings(database_url=database_url, rate_factor=FEW, trusted_proxies="127.0.0.1"))
    async with app.router.lifespan_context(app):
        yield app


def from_address(app, address, **more):
    transport = httpx2.ASGITransport(app=app, client=(address, 1), raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url="http://giclab.test", **more)


@pytest.mark.parametrize(
    ("address", "whose"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "unknown"),
        ("a socket", "a socket"),
    ],
)
def test_an_ipv6_address_stands_for_its_64(address, whose):
    assert subscriber(address) == whose


STARTS = {
    "form": ("/sessions", {"data": {"implementation": "kvm", "cpus": "1"}}, 303),
    "API": ("/api/v1/sessions", {"json": {}}, 201),
}


@pytest.mark.parametrize("way", STARTS)
async def test_an_address_starts_so_many_sessions_and_another_still_may(few, way):
    path, body, status = STARTS[way]
    async with from_address(few, "192.0.2.1") as one, from_address(few, "192.0.2.2") as other:
        assert [(await one.post(path, **body)).status_code for _ in range(3)] == [status, status, 429]
        assert (await other.post(path, **body)).status_code == status


async def test_the_answer_names_the_limit_and_when_to_come_back(few):
    async with from_address(few, "192.0.2.1") as client:
        for _ in range(3):
            answer = await client.post("/api/v1/sessions", json={})
        assert answer.status_code == 429
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem["type"] == "/docs#problem-limit-reached"
        assert (problem["limit"], problem["maximum"]) == ("SESSIONS_PER_ADDRESS_HOUR", 2)
        assert "sessions started from this address: the limit is 2 an hour" in problem["detail"]
        assert 1 <= int(answer.headers["retry-after"]) <= 3600
        page = await client.post("/sessions", data={"implementation": "kvm", "cpus": "1"})
        assert page.status_code == 429
        assert "Too many sessions started from this address" in page.text
        # Nothing else is refused.
        assert (await client.get("/")).status_code == 200


async def test_a_long_scenario_counts_as_several(few):
    async with from_address(few, "192.0.2.1") as client:
        text = "# words\n" * (limits.CHARACTERS_PER_START // 8 + 1)
        assert (await client.post("/api/v1/sessions", json={"scenario": text})).status_code == 201
        assert (await client.post("/api/v1/sessions", json={})).status_code == 429


async def test_short_links_are_counted(few):
    async with from_address(few, "192.0.2.1") as client:
        told = []
        for number in range(2):
            new = {"scenario": f"note {number}\n", "short": True}
            told.append(await client.post("/api/v1/links", json=new))
        assert [answer.status_code for answer in told] == [201, 429]
        assert told[1].json()["limit"] == "SHORT_LINKS_PER_ADDRESS_HOUR"
        payload = told[0].json()["link"]
        assert (await client.post(f"{payload}/share")).status_code == 429
        assert (await client.post("/api/v1/links", json={"scenario": "note 3\n"})).status_code == 201


async def test_wrong_keys_are_counted_and_then_no_key_is_looked_at(few):
    async with from_address(few, "192.0.2.1") as client:
        new = (await client.post("/api/v1/sessions", json={})).json()
        path, op = f"/api/v1/sessions/{new['id']}/ops", {"op": "read GICD_CTLR"}
        right = {"Authorization": f"Bearer {new['edit_key']}"}
        wrong = {"Authorization": f"Bearer {'A' * 43}"}
        assert (await client.post(path, json=op, headers=right)).status_code == 200
        assert (await client.post(path, json=op, headers=wrong)).status_code == 403
        refused = await client.post(path, json=op, headers=wrong)
        assert (refused.status_code, refused.json()["limit"]) == (429, "WRONG_KEYS_PER_ADDRESS_MINUTE")
        assert (await client.post(path, json=op, headers=right)).status_code == 429
    async with from_address(few, "192.0.2.2") as client:
        assert (await client.post(path, json=op, headers=right)).status_code == 200


async def test_long_plays_are_counted_after_they_were_played(few, monkeypatch):
    monkeypatch.setattr(limits, "FREE_WORK", 1_000)
    few.state.rates = Rates(1 / limits.WORK_PER_ADDRESS_MINUTE * 5)  # 5 ms
    play = {"scenario": "read GICD_TYPER\n" * 60, "on": ["kvm"]}
    async with from_address(few, "192.0.2.1") as client:
        assert (await client.post("/api/v1/play", json=play)).status_code == 200
        refused = await client.post("/api/v1/play", json=play)
        assert (refused.status_code, refused.json()["limit"]) == (429, "WORK_PER_ADDRESS_MINUTE")
        # What is short is free: a click is never refused.
        short = {"scenario": "read GICD_TYPER\n", "on": ["kvm"]}
        assert (await client.post("/api/v1/play", json=short)).status_code == 200
    async with from_address(few, "192.0.2.2") as client:
        assert (await client.post("/api/v1/play", json=play)).status_code == 200


async def test_the_address_is_the_one_that_a_trusted_proxy_names_and_no_other_ones(few):
    async with from_address(few, "127.0.0.1") as proxy:
        for address in ("192.0.2.1", "192.0.2.1", "192.0.2.2"):
            headers = {"X-Forwarded-For": address}
            assert (await proxy.post("/api/v1/sessions", json={}, headers=headers)).status_code == 201
        # What the client itself sent stands before what the proxy added.
        headers = {"X-Forwarded-For": "198.51.100.9, 192.0.2.1"}
        assert (await proxy.post("/api/v1/sessions", json={}, headers=headers)).status_code == 429
    async with from_address(few, "192.0.2.9") as liar:
        told = [
            (await liar.post("/api/v1/sessions", json={}, headers={"X-Forwarded-For": f"192.0.2.{n}"})).status_code
            for n in range(100, 103)
        ]
        assert told == [201, 201, 429]


async def test_without_a_factor_nothing_is_counted(database_url):
    app = create_app(Settings(database_url=database_url, rate_factor=0))
    async with app.router.lifespan_context(app), from_address(app, "192.0.2.1") as client:
        app.state.rates.take(Caller("192.0.2.1"), Kind.SESSIONS, 10**9)
        assert (await client.post("/api/v1/sessions", json={})).status_code == 201


def test_every_rate_has_its_limit():
    assert RULES.keys() == set(Kind)
    for rule in RULES.values():
        assert getattr(limits, rule.limit) == rule.most


def test_more_addresses_than_are_counted_share_one_account(monkeypatch):
    monkeypatch.setattr(limits, "ADDRESSES_COUNTED", 8)
    counts = Rates(FEW)
    for number in range(8):
        counts.take(Caller(f"192.0.2.{number}"), Kind.SESSIONS)
    for number in range(100, 102):
        counts.take(Caller(f"192.0.2.{number}"), Kind.SESSIONS)
    with pytest.raises(rates.Problem):
        counts.take(Caller("192.0.2.200"), Kind.SESSIONS)
    counts.take(Caller("192.0.2.3"), Kind.SESSIONS)
    assert len(counts._storage.storage) <= 9


def test_an_unknown_address_is_counted_too():
    counts = Rates(FEW)
    for _ in range(2):
        counts.take(Caller(None), Kind.SESSIONS)
    with pytest.raises(rates.Problem):
        counts.take(Caller(None), Kind.SESSIONS)


FREE = {
    # What they change belongs to one session, whose own limits bound it; what they play is counted as work.
    "/api/v1/sessions/{id}/ops", "/api/v1/sessions/{id}/undo", "/api/v1/sessions/{id}/redo",
    "/api/v1/sessions/{id}/reset", "/api/v1/sessions/{id}/branches/{branch}/switch",
    "/api/v1/sessions/{id}/branches/{branch}", "/api/v1/sessions/{id}/log", "/api/v1/play", "/api/v1/exercises",
    "/api/v1/review", "/api/v1/export", "/api/v1/sessions/{id}", "/s/{id}/title",
    "/s/{id}/ops", "/s/{id}/move", "/s/{id}/text", "/s/{id}/text/check", "/exercise/{payload}",
    "/import/{id}/stop", "/s/{id}/present", "/diff",
}  # fmt: skip
COUNTED = {
    "/sessions", "/states", "/exercise/{payload}/start", "/api/v1/sessions", "/api/v1/states", "/api/v1/links",
    "/x/{payload}/share", "/l/{slug}/share", "/s/{id}/share",
    "/import", "/import/{id}/sessions", "/api/v1/import",
}  # fmt: skip


def routes(holder):
    """Every route, those of included routers too."""
    for route in holder.routes:
        inner = getattr(route, "original_router", None)
        yield from routes(inner) if inner is not None else [route]


def test_every_way_to_change_something_is_counted_or_bounded_by_its_session(database_url):
    app = create_app(Settings(database_url=database_url))
    changing = {
        route.path
        for route in routes(app)
        if isinstance(route, APIRoute) and route.methods - {"GET", "HEAD"} and not route.path.startswith("/mcp")
    }
    assert changing == FREE | COUNTED
