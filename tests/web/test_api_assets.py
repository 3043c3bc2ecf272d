"""Static files: found from a source tree and from a wheel, asked for once per version."""

import hashlib

import brotli
import pytest

from app.web import assets, packing

pytestmark = pytest.mark.anyio


async def test_an_address_with_the_contents_hash_is_kept_for_ever(client):
    address = assets.asset("app.css")
    answer = await client.get(address)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/css")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.content == assets.load("app.css").body
    assert hashlib.sha256(answer.content).hexdigest().startswith(address.partition("?v=")[2])


@pytest.mark.parametrize("query", ["", "?v=", "?v=0123456789abcdef"])
async def test_any_other_address_is_asked_for_again(client, query):
    assert (await client.get(f"/static/app.css{query}")).headers["cache-control"] == "no-cache"


async def test_a_vendored_file_is_kept_by_the_version_in_its_path(client):
    answer = await client.get("/static/vendor/htmx-4.0.1/htmx.min.js")
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"].startswith("text/javascript")


async def test_an_unchanged_file_is_not_sent_again(client):
    etag = (await client.get("/static/app.css")).headers["etag"]
    again = await client.get("/static/app.css", headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    assert (await client.get("/static/app.css", headers={"If-None-Match": '"other"'})).status_code == 200


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip", "gzip"),
        ("br;q=0, gzip;q=0.5", "gzip"),
        ("identity", None),
        ("br;q=0.0", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("path", ["/static/app.css", "/registers"])
async def test_answers_are_packed_for_who_takes_that(client, path, accepted, encoding):
    plain = await client.get(path, headers={"Accept-Encoding": "identity"})
    answer = await client.get(path, headers={"Accept-Encoding": accepted})
    assert answer.headers.get("content-encoding") == encoding
    assert "Accept-Encoding" in answer.headers["vary"]
    assert answer.content == plain.content
    sent = int(answer.headers["content-length"])
    assert sent < len(plain.content) / 3 if encoding else sent == len(plain.content)


async def test_an_event_stream_is_never_packed():
    async def stream(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        await send({"type": "http.response.body", "body": b"id: 1\n\n", "more_body": True})

    sent = []

    async def send(message):
        sent.append(message)

    await packing.Packing(stream)({"type": "http", "headers": [(b"accept-encoding", b"br")]}, None, send)
    assert sent[1]["body"] == b"id: 1\n\n"
    assert sent[0]["headers"] == [(b"content-type", b"text/event-stream")]


async def test_an_answer_in_pieces_is_packed_piece_by_piece():
    pieces = [b"a" * 5000, b"b" * 200_000, b"c"]

    async def app(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": piece is not pieces[-1]})

    sent = []

    async def send(message):
        sent.append(message)

    await packing.Packing(app)({"type": "http", "headers": [(b"accept-encoding", b"br")]}, None, send)
    assert all(message["body"] for message in sent[1:])
    assert brotli.decompress(b"".join(message["body"] for message in sent[1:])) == b"".join(pieces)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "nothing.css",
        "vendor",
        "../pyproject.toml",
        "%2e%2e/pyproject.toml",
        "..%5cpyproject.toml",
        "/etc/passwd",
        "%00",
        ".hidden",
    ],
)
async def test_nothing_else_is_served(client, path):
    assert (await client.get(f"/static/{path}")).status_code == 404


async def test_static_files_are_only_read(client):
    answer = await client.post("/static/app.css")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


def test_a_file_that_changes_has_a_new_address(tmp_path, monkeypatch):
    monkeypatch.setattr(assets, "STATIC", tmp_path)
    (tmp_path / "a.css").write_text("one")
    before = assets.asset("a.css")
    (tmp_path / "a.css").write_text("three")
    assert assets.asset("a.css") != before


def test_an_installed_package_has_its_own_folders(tmp_path, monkeypatch):
    monkeypatch.setattr(assets, "PACKAGE", tmp_path / "app")
    assert assets.folder("static") == tmp_path / "static"
    (tmp_path / "app" / "_static").mkdir(parents=True)
    assert assets.folder("static") == tmp_path / "app" / "_static"
