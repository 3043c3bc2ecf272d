"""The shorter ways to `POST …/ops` against those that FastAPI describes: the same answers, whatever is sent."""

import json
import re
from contextlib import ExitStack

import pytest
from starlette.testclient import TestClient

from app.settings import Settings
from app.web.app import create_app
from app.web.straight import StraightJsonRoute, StraightRoute

# The name of a tab, and where its events begin, are drawn.
DRAWN = re.compile(r"actor=[\w-]+|id=\"view-actor\" value=\"[\w-]+\"|data-after=\"\d+\"")
LINE = "write GICR_PENDBASER@0 PTZ=1"
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
SENT = [
    (JSON, json.dumps({"op": LINE}).encode()),
    (JSON, json.dumps({"op": LINE, "after": None}).encode()),
    (JSON, json.dumps({"op": "read GICR_PENDBASER@0", "after": 1}).encode()),
    (JSON, json.dumps({"op": "note ⚑ é 中"}, ensure_ascii=False).encode()),
    (f"{JSON}; charset=utf-8", json.dumps({"op": LINE}).encode()),
    ("Application/JSON", json.dumps({"op": LINE}).encode()),
    ("application/hal+json", json.dumps({"op": LINE}).encode()),
    (JSON, json.dumps({"op": LINE}).encode("utf-16")),
    (JSON, b'{"op": "note a", "op": "note b"}'),
    (JSON, b'{"op": "note \\ud800"}'),
    (JSON, b'{"op": "note \xff"}'),
    (JSON, json.dumps({"op": LINE, "after": 10**30}).encode()),
    (JSON, json.dumps({"op": LINE, "after": -1}).encode()),
    (JSON, json.dumps({"op": LINE, "after": "1"}).encode()),
    (JSON, json.dumps({"op": LINE, "after": 1.0}).encode()),
    (JSON, json.dumps({"op": LINE, "after": True}).encode()),
    (JSON, b'{"op": "note n", "after": NaN}'),
    (JSON, json.dumps({"op": LINE, "more": 1}).encode()),
    (JSON, json.dumps({"op": 7}).encode()),
    (JSON, json.dumps({"op": "no such verb"}).encode()),
    (JSON, b"{}"),
    (JSON, b"[]"),
    (JSON, b"null"),
    (JSON, b""),
    (JSON, b'{"op": "note a",}'),
    (JSON, b'{"op": "note a"'),
    ("text/plain", json.dumps({"op": LINE}).encode()),
    ("", json.dumps({"op": LINE}).encode()),
    (FORM, b"op=note+a"),
]


@pytest.fixture(scope="module")
def ways(tmp_path_factory):
    """A client and a session of an application with the shorter way, and of one without."""
    with ExitStack() as opened:
        pairs = []
        for name in ("straight", "described"):
            path = tmp_path_factory.mktemp(name) / "giclab.db"
            app = create_app(Settings(database_url=f"sqlite:///{path}", rate_factor=0))
            if name == "described":
                app.router.routes = [route for route in app.router.routes if not isinstance(route, StraightRoute)]
            client = opened.enter_context(TestClient(app, raise_server_exceptions=False))
            pairs.append((client, client.post("/api/v1/sessions", json={"implementation": "kvm"}).json()))
        yield pairs


def shorter(app):
    (found,) = (route for route in app.router.routes if isinstance(route, StraightJsonRoute))
    return found


def answers(ways, method, content_type, body, *, key=True, path="/api/v1/sessions/{id}/ops"):
    found = []
    for client, session in ways:
        headers = {"Content-Type": content_type} if content_type else {}
        headers |= {"Authorization": f"Bearer {session['edit_key']}"} if key else {}
        answer = client.request(method, path.format(id=session["id"]), content=body, headers=headers)
        told = [answer.headers.get(name) for name in ("content-type", "content-length", "allow")]
        found.append((answer.status_code, told, answer.text.replace(session["id"], "ID")))
    return found


@pytest.mark.parametrize(("content_type", "body"), SENT, ids=[f"{kind} {body!r}"[:60] for kind, body in SENT])
def test_both_ways_answer_alike(ways, content_type, body):
    straight, described = answers(ways, "POST", content_type, body)
    assert straight == described
    assert straight[0] < 500


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_other_methods_are_refused_alike(ways, method):
    straight, described = answers(ways, method, JSON, b'{"op": "note a"}')
    assert straight == described
    assert straight[0] == 405


@pytest.mark.parametrize(
    "form", [b"op=note+a", b"", b"kind=its&do=choose&command=MAPC", b"op=no+such+verb", b"%ff=%00"]
)
@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_both_ways_of_the_page_answer_alike(ways, form, headers):
    found = []
    for client, session in ways:
        sent = headers | {"Authorization": f"Bearer {session['edit_key']}", "Content-Type": FORM}
        answer = client.post(f"/s/{session['id']}/ops", content=form, headers=sent, follow_redirects=False)
        told = [answer.headers.get(name) for name in ("content-type", "location", "hx-replace-url", "cache-control")]
        told += [answer.status_code, DRAWN.sub("", answer.text)]
        found.append(json.dumps(told).replace(session["id"], "ID"))
    straight, described = found
    assert straight == described
    assert answer.status_code < 500


def test_who_has_no_key_and_what_is_no_session_are_told_alike(ways):
    straight, described = answers(ways, "POST", JSON, b'{"op": "note a"}', key=False)
    assert straight == described
    assert straight[0] == 401
    straight, described = answers(ways, "POST", JSON, b'{"op": "note a"}', path="/api/v1/sessions/none/ops")
    assert straight == described
    assert straight[0] == 404


def test_what_fits_does_not_take_the_described_way(ways, monkeypatch):
    (client, session), _ = ways

    async def refused(*_):
        raise AssertionError

    monkeypatch.setattr(shorter(client.app)._described, "handle", refused)
    key = {"Authorization": f"Bearer {session['edit_key']}"}
    assert client.post(f"/api/v1/sessions/{session['id']}/ops", json={"op": LINE}, headers=key).status_code == 200
    assert client.post(f"/api/v1/sessions/{session['id']}/ops", json={}, headers=key).status_code == 500
