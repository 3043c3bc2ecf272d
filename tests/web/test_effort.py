"""The bounds on work and RAM over HTTP: each is named where it is met, and then nothing was done by half."""

import pytest

from app import limits

pytestmark = pytest.mark.anyio
LINES = "".join(f"poke {0x4000_0000 + 0x1000 * page:#x} 01\n" for page in range(20))
READS = "read GICD_TYPER\n" * 20
LONG = "# " + "x" * limits.INLINE_CHARACTERS + "\n"  # too long to be taken for short work
SWEEP = "its INVALL collection=1\n"
MEMBERS = {"WORK_PER_SESSION": READS, "PAGES_PER_SESSION": LINES}


@pytest.fixture
async def session(client):
    new = (await client.post("/api/v1/sessions", json={"scenario": "its MAPC collection=1 target=0\n"})).json()
    return {"path": f"/api/v1/sessions/{new['id']}", "mine": {"Authorization": f"Bearer {new['edit_key']}"}}


async def kept(client, session):
    """All that a session shows: its log, its branches, the machine's whole state."""
    return [(await client.get(f"{session['path']}/{part}")).text for part in ("log", "branches", "state")]


def refused(answer, name, most):
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == "/docs#problem-limit-reached"
    assert (problem["status"], problem["limit"], problem["maximum"]) == (422, name, most)
    assert f"{most:,}" in problem["detail"] or str(most) in problem["detail"]


async def append(client, session, op):
    return await client.post(f"{session['path']}/ops", json={"op": op}, headers=session["mine"])


@pytest.mark.parametrize("name", MEMBERS)
async def test_a_session_that_is_full_takes_no_operation_more(client, session, monkeypatch, name):
    lines = MEMBERS[name].splitlines()
    assert (await append(client, session, lines[0])).status_code == 200
    before = await kept(client, session)
    monkeypatch.setattr(limits, name, 1)
    refused(await append(client, session, lines[1]), name, 1)
    monkeypatch.undo()
    assert await kept(client, session) == before
    assert (await append(client, session, lines[1])).json()["seq"] == 3


@pytest.mark.parametrize("name", MEMBERS)
async def test_a_scenario_that_is_too_much_is_not_kept_as_a_session(app, client, monkeypatch, name):
    monkeypatch.setattr(limits, name, 5)
    scenario = LONG + SWEEP + MEMBERS[name]
    refused(await client.post("/api/v1/sessions", json={"scenario": scenario}), name, 5)
    assert await app.state.sessions._store.count() == 0


@pytest.mark.parametrize("name", MEMBERS)
async def test_nor_does_it_replace_what_a_session_has(client, session, monkeypatch, name):
    before = await kept(client, session)
    monkeypatch.setattr(limits, name, 5)
    body = {"scenario": LONG + SWEEP + MEMBERS[name]}
    refused(await client.put(f"{session['path']}/log", json=body, headers=session["mine"]), name, 5)
    monkeypatch.undo()
    assert await kept(client, session) == before


@pytest.mark.parametrize(("name", "scenario"), [("WORK_PER_REQUEST", READS), ("PAGES_PER_REQUEST", LINES)])
async def test_a_play_that_is_too_much_for_one_request(app, client, monkeypatch, name, scenario):
    monkeypatch.setattr(limits, name, 5)
    play = {"scenario": scenario, "on": ["kvm", "architecture"]}
    refused(await client.post("/api/v1/play", json=play), name, 5)
    monkeypatch.undo()
    assert (await client.post("/api/v1/play", json=play)).status_code == 200


async def test_an_operation_whose_request_has_no_work_left_is_not_kept(client, session, monkeypatch):
    before = await kept(client, session)
    monkeypatch.setattr(limits, "WORK_PER_REQUEST", 0)
    refused(await append(client, session, "read GICD_TYPER"), "WORK_PER_REQUEST", 0)
    monkeypatch.undo()
    assert await kept(client, session) == before
    assert (await append(client, session, "read GICD_TYPER")).json()["seq"] == 2
