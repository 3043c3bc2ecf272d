"""Static files: found from a source tree and from a wheel, asked for once per version."""

import gzip
import hashlib

import pytest

from app.web import assets

pytestmark = pytest.mark.anyio


async def test_an_address_with_the_contents_hash_is_kept_for_ever(client):
    address = assets.asset("app.css")
    answer = await client.get(address)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/css")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.content == (assets.STATIC / "app.css").read_bytes()
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


async def test_files_are_sent_compressed_to_who_takes_that(client):
    packed = await client.get("/static/app.css")
    plain = await client.get("/static/app.css", headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.content == plain.content
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    assert int(packed.headers["content-length"]) == len(gzip.compress(plain.content, 9, mtime=0))


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
