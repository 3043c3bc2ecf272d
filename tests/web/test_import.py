"""The import page and `POST /api/v1/import`: uploads, what was understood, sessions, refusals, stopping."""

import asyncio
import gzip
import re

import httpx2
import pytest
from starlette.requests import HTTPConnection

from app import limits
from app.web import importing
from app.web.rates import Kind
from tests.exchange.test_import_qemu import CORPUS, DIST_READ, SET_UP
from tests.web.reading import words

pytestmark = pytest.mark.anyio
CALLER = {"type": "http", "client": ("127.0.0.1", 123), "headers": []}
LOG = f"{SET_UP}hello there\ngicv3_dist_read GICv3 distributor read: off\n{DIST_READ}\n"


async def finished(client, answer):
    """The page of an import, once it is done."""
    assert answer.status_code == 303, answer.text
    where = answer.headers["location"]
    while True:
        page = await client.get(where)
        if "hx-trigger" not in page.text:
            return where, page
        await asyncio.sleep(0.05)


async def test_a_pasted_log_is_shown_and_then_opened(client):
    where, page = await finished(client, await client.post("/import", data={"text": LOG}))
    told = words(page.text)
    assert "8 lines are understood, 1 cannot be read; the machine answers as recorded" in told
    assert "line 8 hello there" in told
    assert "line 9 gicv3_dist_read GICv3 distributor read: off" in told
    opened = await client.post(f"{where}/sessions", data={"line": "1"})
    assert re.fullmatch(r"/s/[\w-]{22}", opened.headers["location"])
    log = (await client.get(f"/api/v1{opened.headers['location'].replace('/s/', '/sessions/')}/log")).json()
    assert len(log["operations"]) == 9
    again = await client.post(f"{where}/sessions", data={"line": "10"})
    assert again.headers["location"] == f"{opened.headers['location']}?step=8"
    assert opened.headers["location"] in (await client.get(where)).text


async def test_an_upload_is_named_and_unpacked(client):
    files = {"file": ("my.trace.gz", gzip.compress(LOG.encode()), "application/gzip")}
    where, _ = await finished(client, await client.post("/import", files=files))
    opened = await client.post(f"{where}/sessions", data={"line": "1"})
    assert "Import of my.trace.gz" in (await client.get(opened.headers["location"])).text


async def test_a_long_import_opens_in_parts(client):
    where, page = await finished(client, await client.post("/import", files={"file": ("boot", CORPUS.read_bytes())}))
    assert "154,473" in page.text
    lines = re.findall(r'name="line" value="(\d+)">Open', page.text)
    assert len(lines) == 4
    opened = await client.post(f"{where}/sessions", data={"line": lines[-1], "within": "1"})
    session = opened.headers["location"].partition("?")[0]
    machine = (await client.get(f"/api/v1{session.replace('/s/', '/sessions/')}/lpis")).json()
    assert machine["lpis"]


async def test_the_api_answers_with_a_session_and_what_was_understood(client):
    answer = await client.post("/api/v1/import", content=LOG.encode())
    assert answer.status_code == 201
    told = answer.json()
    assert (told["format"], told["lines"], told["understood"], told["steps"]) == ("qemu-trace", 10, 8, 9)
    assert told["bad"]["shown"][0]["line"] == 9
    assert told["others"]["shown"] == [{"line": 8, "text": "hello there", "reason": "", "step": 8}]
    key = {"Authorization": f"Bearer {told['edit_key']}"}
    poked = await client.post(f"/api/v1/sessions/{told['id']}/ops", json={"op": "read GICD_TYPER"}, headers=key)
    assert poked.status_code == 200


async def test_what_cannot_be_imported_is_refused_and_leaves_nothing(client, app, tmp_path, monkeypatch):
    monkeypatch.setattr(importing.tempfile, "tempdir", str(tmp_path))
    for body, said in ((b"hello", "none of the first 1 lines"), (b"\0\1\2", "zero bytes"), (b"", "nothing in it")):
        answer = await client.post("/api/v1/import", content=body)
        assert answer.status_code == 422
        assert answer.json()["type"] == "/docs#problem-cannot-import"
        assert said in answer.json()["detail"].lower()
    for query in ("format=qemu", "on=kvmm", "base=zero", "guest=windows"):
        assert (await client.post(f"/api/v1/import?{query}", content=LOG.encode())).status_code == 422
    await app.state.imports.close()
    assert not list(tmp_path.glob("giclab-import-*/input"))
    assert not list(tmp_path.glob("giclab-import-*/steps"))


async def test_a_form_with_nothing_in_it_comes_back(client):
    answer = await client.post("/import", data={"text": "  ", "base": "0x40200000"})
    assert answer.status_code == 422
    assert "Paste a log, or choose a file." in answer.text
    assert 'value="0x40200000"' in answer.text


async def test_an_unknown_import_is_told_as_such(client):
    answer = await client.get("/import/nothing")
    assert answer.status_code == 404
    assert "Import it again" in answer.text


async def test_an_upload_has_a_limit_of_its_own(client):
    headers = {"Content-Length": str(limits.IMPORT_BYTES + 1)}
    answer = await client.post("/api/v1/import", content=b"x", headers=headers)
    assert answer.status_code == 413
    assert answer.json()["limit"] == "IMPORT_BYTES"
    assert (await client.post("/api/v1/play", content=b"x", headers=headers)).json()["limit"] == "REQUEST_BYTES"


async def test_what_unpacks_to_too_much_is_refused(client, monkeypatch):
    monkeypatch.setattr(limits, "IMPORT_BYTES", 100_000)
    answer = await client.post("/api/v1/import", content=gzip.compress(f"{DIST_READ}\n".encode() * 5_000))
    assert answer.status_code == 422
    assert "unpacks to more than 100,000 bytes" in answer.json()["detail"]


async def test_an_import_has_a_limit_of_steps(client, monkeypatch):
    monkeypatch.setattr(limits, "IMPORT_STEPS", 500)
    answer = await client.post("/api/v1/import", content=f"{DIST_READ}\n".encode() * 1_000)
    assert "more than 500 steps" in answer.json()["detail"]


async def test_an_import_can_be_stopped_and_only_the_last_few_are_kept(client, monkeypatch, app):
    monkeypatch.setattr(limits, "IMPORT_INLINE_SECONDS", 0)
    body = {"file": ("boot", CORPUS.read_bytes())}
    places = [(await client.post("/import", files=body)).headers["location"] for _ in range(2)]
    busy = await client.get(places[1], headers={"HX-Request": "true", "HX-Target": "div#import"})
    assert "Waiting for another import" in busy.text
    assert "<html" not in busy.text
    for place in places:
        await client.post(f"{place}/stop")
        assert "Stopped." in (await client.get(place)).text
    for _ in range(limits.IMPORTS_KEPT):
        await finished(client, await client.post("/import", data={"text": LOG}))
    assert (await client.get(places[0])).status_code == 404


async def test_the_page_answers_while_an_import_is_read(served):
    async with httpx2.AsyncClient(base_url=served) as client:
        answer = asyncio.create_task(client.post("/api/v1/import", content=CORPUS.read_bytes(), timeout=60))
        asked = 0
        while not answer.done():
            assert (await client.get("/healthz")).status_code == 200
            asked += 1
            await asyncio.sleep(0.01)
        assert (await answer).status_code == 201
        assert asked > 3


async def test_what_an_import_takes_is_counted_against_its_address(app, client):
    async def left():
        return (await client.post("/api/v1/import", content=f"{DIST_READ}\n".encode() * 200)).status_code

    assert await left() == 201
    app.state.rates.charge(HTTPConnection(CALLER), Kind.WORK, 10**9)
    assert await left() == 429
    assert (await client.post("/import", data={"text": LOG})).status_code == 429


async def test_the_work_of_an_import_is_bounded(client, monkeypatch):
    monkeypatch.setattr(limits, "IMPORT_WORK", 10_000)
    answer = await client.post("/api/v1/import", content=f"{DIST_READ}\n".encode() * 200)
    assert answer.status_code == 422
    assert "more work than may be done at once" in answer.json()["detail"].lower()


async def test_a_large_import_is_read_by_a_process_of_its_own(client, monkeypatch):
    monkeypatch.setattr(limits, "IMPORT_THREAD_BYTES", 0)
    told = (await client.post("/api/v1/import", content=LOG.encode())).json()
    assert (told["lines"], told["understood"], told["steps"]) == (10, 8, 9)
    refused = await client.post("/api/v1/import", content=b"hello")
    assert refused.status_code == 422
    assert refused.json()["advice"].startswith("Known are: QEMU trace log")
    await finished(client, await client.post("/import", data={"text": LOG}))


async def test_a_large_import_is_stopped_too(client, monkeypatch):
    monkeypatch.setattr(limits, "IMPORT_THREAD_BYTES", 0)
    monkeypatch.setattr(limits, "IMPORT_INLINE_SECONDS", 0)
    files = {"file": ("boot", gzip.decompress(CORPUS.read_bytes()))}
    place = (await client.post("/import", files=files)).headers["location"]
    await client.post(f"{place}/stop")
    assert "Stopped." in (await client.get(place)).text
    _, page = await finished(client, await client.post("/import", data={"text": LOG}))
    assert "8 lines are understood" in page.text
