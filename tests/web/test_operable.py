"""What an operator sees: health, readiness, metrics and the log, and what nobody is to see there."""

import json
import logging
import logging.config
import re
from pathlib import Path

import httpx2
import pytest

from app.sessions import StorageFailed
from app.settings import LogFormat, LogLevel, Settings
from app.web import logs
from app.web.app import create_app
from app.web.views.look import HABITS

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
async def measured(database_url):
    """An application whose metrics may be read from the loopback interface."""
    app = create_app(Settings(database_url=database_url, metrics_from="127.0.0.0/8, ::1", log_addresses=True))
    async with app.router.lifespan_context(app):
        yield app


def client_of(app, address="127.0.0.1"):
    transport = httpx2.ASGITransport(app=app, client=(address, 1), raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url="http://giclab.test")


async def counted(client):
    """The samples of `/metrics` by name and labels."""
    answer = await client.get("/metrics")
    assert answer.status_code == 200
    rows = [row.rpartition(" ") for row in answer.text.splitlines() if row and not row.startswith("#")]
    return {name: float(value) for name, _, value in rows}


async def test_ready_is_when_the_database_answers(app, client, monkeypatch):
    assert (await client.get("/readyz")).json()["status"] == "ok"

    async def broken():
        raise StorageFailed("/var/lib/secret/giclab.db cannot be opened")

    monkeypatch.setattr(app.state.sessions, "check", broken)
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["reason"]) == (503, "the database does not answer")
    assert "secret" not in answer.text
    assert (await client.get("/healthz")).status_code == 200, "starting it again would not mend the database"


async def test_a_process_that_is_about_to_end_is_not_ready(app, client):
    app.state.closing.set()
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["reason"]) == (503, "it is going down")


async def test_metrics_count_requests_by_route_and_status_operations_and_refusals(measured):
    async with client_of(measured) as client:
        before = await counted(client)
        new = (await client.post("/api/v1/sessions", json={})).json()
        mine = {"Authorization": f"Bearer {new['edit_key']}"}
        for op in ("read GICD_CTLR", "read GICD_TYPER"):
            await client.post(f"/api/v1/sessions/{new['id']}/ops", json={"op": op}, headers=mine)
        await client.get("/nothing")
        await client.post("/api/v1/play", json={"scenario": "read GICD_CTLR\n" * 2001, "on": ["kvm"]})
        after = await counted(client)

    def grown(name):
        return after.get(name, 0) - before.get(name, 0)

    route = 'method="POST",route="/api/v1/sessions/{id}/ops",status="200"'
    assert grown(f"giclab_requests_total{{{route}}}") == 2
    assert grown('giclab_requests_total{method="GET",route="unknown",status="404"}') == 1
    assert grown('giclab_request_seconds_count{route="/api/v1/sessions/{id}/ops"}') == 2
    assert grown("giclab_operations_total") == 2
    assert grown('giclab_refused_total{limit="OPERATIONS_PER_PLAY"}') == 1
    assert grown('giclab_admitted_total{kind="sessions"}') == 1
    assert grown("giclab_work_total") > 0
    assert after["giclab_live_sessions"] == 1
    assert after["giclab_watchers"] == 0
    assert new["id"] not in str(after)


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        ("192.0.2.1", {}),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}),
        ("127.0.0.1", {"Forwarded": "for=192.0.2.1"}),
    ],
)
async def test_metrics_are_for_the_addresses_that_are_named_and_speak_for_themselves(measured, address, headers):
    async with client_of(measured, address) as client:
        assert (await client.get("/metrics", headers=headers)).status_code == 404


async def test_without_a_setting_nobody_reads_metrics(client):
    assert (await client.get("/metrics")).status_code == 404


async def test_a_request_has_an_id_which_only_a_trusted_proxy_may_choose(database_url):
    app = create_app(Settings(database_url=database_url, trusted_proxies="127.0.0.1, 10.0.0.0/8"))
    named = {"X-Request-ID": "abc-123"}
    async with app.router.lifespan_context(app):
        async with client_of(app, "10.1.2.3") as proxy:
            assert (await proxy.get("/healthz", headers=named)).headers["x-request-id"] == "abc-123"
            made = (await proxy.get("/healthz", headers={"X-Request-ID": "a\tb" + "c" * 80})).headers["x-request-id"]
            assert len(made) == 16
        async with client_of(app, "192.0.2.1") as other:
            ids = {(await other.get("/healthz", headers=named)).headers["x-request-id"] for _ in range(2)}
    assert len(ids) == 2
    assert "abc-123" not in ids


async def test_a_fault_tells_the_id_under_which_the_log_has_it(app, client, monkeypatch, caplog):
    monkeypatch.setattr(app.state.sessions, "open", lambda _: 1 / 0)
    answer = await client.get(f"/api/v1/sessions/{'A' * 22}/log")
    assert answer.status_code == 500
    assert answer.json()["request"] == answer.headers["x-request-id"]
    page = await client.get(f"/s/{'A' * 22}")
    assert page.headers["x-request-id"] in page.text
    assert "fault in GET /s/{id}" in caplog.text
    assert "A" * 22 not in "".join(record.getMessage() for record in caplog.records)


class Lines(logging.Handler):
    """Log lines as the configured formatter writes them."""

    def __init__(self, form):
        super().__init__()
        self.setFormatter(logs.formatter(form))
        self.lines = []

    def emit(self, record):
        self.lines.append(self.format(record))


@pytest.fixture(params=LogFormat)
def written(request):
    handler = Lines(request.param)
    logger = logging.getLogger("app")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)


async def test_the_log_has_a_line_for_each_request_and_nothing_private(client, written):
    new = (await client.post("/api/v1/sessions", json={"scenario": "note a secret of mine\n"})).json()
    mine = {"Authorization": f"Bearer {new['edit_key']}"}
    answer = await client.post(f"/api/v1/sessions/{new['id']}/ops?x=hidden", json={"op": "note mine"}, headers=mine)
    link = (await client.post("/api/v1/links", json={"scenario": "note a secret of mine\n"})).json()["link"]
    await client.get(f"{link}?register=hidden")
    await client.post("/sessions", data={"implementation": "kvm", "cpus": "1"})
    await client.get(f"/s/{new['id']}")
    lines = "\n".join(written.lines)
    assert len(written.lines) == 6
    assert answer.headers["x-request-id"] in lines
    private = (new["id"], new["edit_key"], "secret", "hidden", link[3:], client.cookies["giclab"], "127.0.0.1")
    assert not [word for word in private if word in lines]


async def test_a_line_of_json_says_what_was_asked_and_what_came_of_it(measured):
    handler = Lines(LogFormat.JSON)
    logger = logging.getLogger("app.web.door")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        async with client_of(measured, "192.0.2.77") as client:
            answer = await client.get("/s/nobody")
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    line = json.loads(handler.lines[0])
    assert line["request"] == answer.headers["x-request-id"]
    assert (line["event"], line["method"], line["route"], line["status"]) == ("request", "GET", "/s/{id}", 404)
    assert line["address"] == "192.0.2.77", "as this application's settings ask for"
    assert {"ms", "level", "timestamp"} <= line.keys()


@pytest.mark.parametrize("form", LogFormat)
def test_a_traceback_has_no_values_of_variables(form):
    handler = Lines(form)
    logger = logging.getLogger("app.test")
    logger.addHandler(handler)
    try:
        private = "what somebody typed"
        try:
            raise KeyError(len(private))
        except KeyError:
            logger.exception("a fault")
    finally:
        logger.removeHandler(handler)
    assert "KeyError" in handler.lines[0]
    assert "somebody typed" not in handler.lines[0].replace('private = "what somebody typed"', "")


def test_the_log_is_set_up_from_the_settings():
    configuration = logs.configuration(Settings(log_format="json", log_level=LogLevel.ERROR))
    assert configuration["loggers"]["app"]["level"] == "ERROR"
    handlers = dict(configuration["handlers"]["stderr"], stream="ext://sys.stdout")
    probe = {**configuration, "handlers": {"stderr": handlers}, "root": {}, "loggers": {}}
    logging.config.dictConfig(probe)


async def test_a_proxy_that_nobody_named_is_told_once_in_the_log(app, client, caplog):
    for _ in range(2):
        await client.get("/healthz", headers={"X-Forwarded-For": "192.0.2.1"})
    told = [record for record in caplog.records if "GICLAB_TRUSTED_PROXIES" in record.getMessage()]
    assert len(told) == 1


async def test_the_privacy_page_tells_of_cookies_the_log_and_how_long(client, measured):
    page = await client.get("/privacy")
    assert page.status_code == 200
    for said in ("__Host-giclab", "400 days", "There is no address in it", "SHA-256"):
        assert said in page.text
    assert '<a href="/privacy">Privacy</a>' in (await client.get("/")).text
    async with client_of(measured) as other:
        assert "and the address it came from" in (await other.get("/privacy")).text


async def test_the_privacy_page_tells_of_every_cookie_and_of_all_that_a_script_keeps(client):
    page = (await client.get("/privacy")).text
    for name in HABITS:
        assert f"<code>giclab_{name}</code>" in page
    scripts = "".join(path.read_text() for path in (ROOT / "static" / "js").glob("*.js"))
    assert set(re.findall(r"(\w+Storage)\.setItem\((\w+|\"\w+\")", scripts)) == {
        ("localStorage", '"recent"'),
        ("localStorage", "KEY"),  # the same, on the first page
        ("sessionStorage", "key"),
    }
    for kept in ("localStorage", "sessionStorage"):
        assert f"<code>{kept}</code>" in page


@pytest.mark.parametrize(("days", "says"), [(0, "long as the server"), (90, "nobody opened it for 90 days")])
async def test_how_long_sessions_are_kept_is_said_where_one_starts_and_where_one_asks(database_url, days, says):
    made = create_app(Settings(database_url=database_url, session_days=days))
    async with client_of(made) as client:
        assert says in (await client.get("/privacy")).text
        assert ("for 90 days" in (await client.get("/")).text) is bool(days)
