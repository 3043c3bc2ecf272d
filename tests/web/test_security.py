"""What keeps other sites out."""

import re

import pytest

pytestmark = pytest.mark.anyio
SESSION = {"implementation": "kvm", "cpus": "2"}


@pytest.fixture
async def page(client):
    """The address of a session made in the browser, and its cookie."""
    answer = await client.post("/sessions", data=SESSION, headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 303
    return answer.headers["location"], answer.headers["set-cookie"]


def directives(answer):
    pairs = (part.split(None, 1) for part in answer.headers["content-security-policy"].split(";"))
    return dict(pairs)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/docs",
        "/nothing",
        "/healthz",
        "/static/app.css",
        "/openapi.json",
        "/api/v1/nothing",
        "/s/unknown",
        "/x/broken",
    ],
)
async def test_every_answer_has_a_strict_policy(client, path):
    answer = await client.get(path)
    policy = directives(answer)
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "font-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-src": "'self'",
        "frame-ancestors": "'self'",
    }
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert "camera=()" in answer.headers["permissions-policy"]
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"


async def test_a_fault_of_our_own_has_the_policy_too(app, client, monkeypatch):
    monkeypatch.setattr(app.state.sessions, "open", lambda _: 1 / 0)
    answer = await client.get(f"/s/{'A' * 22}")
    assert answer.status_code == 500
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "ZeroDivision" not in answer.text


async def test_what_is_refused_at_the_door_has_the_policy_too(client):
    answer = await client.post("/sessions", data=SESSION, headers={"Sec-Fetch-Site": "cross-site"})
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/", "/docs"])
async def test_pages_need_nothing_that_the_policy_forbids(client, page, path):
    for address in (path, page[0]):
        html = (await client.get(address)).text
        assert not re.search(r"<script(?![^>]*\bsrc=\"/static/)|<style|\sstyle=|\son[a-z]+=|hx-on|javascript:", html)
        assert not re.search(r'(?:src|action)="(?:https?:)?//', html)


async def test_only_an_embedded_explorer_may_be_framed_by_another_site(client, page):
    embedded = await client.get(f"{page[0]}?embed=1")
    assert directives(embedded)["frame-ancestors"] == "*"
    assert "x-frame-options" not in embedded.headers
    for path in (page[0], f"{page[0]}?embed=0", f"{page[0]}?embed=1&embed=0", "/?embed=1", "/docs?embed=1"):
        answer = await client.get(path)
        assert directives(answer)["frame-ancestors"] == "'self'", path
        assert answer.headers["x-frame-options"] == "SAMEORIGIN"


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://giclab.test"},
        {"Origin": "http://evil.test"},
        {"Origin": "http://giclab.test.evil.test"},
        {"Origin": "http://giclab.test:8080"},
        {"Origin": "null"},
    ],
)
@pytest.mark.parametrize("path", ["/sessions", "/api/v1/sessions", "/api/v1/play"])
async def test_a_change_that_another_site_asks_for_is_refused(app, client, path, headers):
    answer = await client.post(path, data=SESSION, headers=headers)
    assert answer.status_code == 403
    assert "Another site" in answer.text
    assert await app.state.sessions._store.count() == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://giclab.test"},
        {"Origin": "https://giclab.test"},
        {},
    ],
)
async def test_our_own_pages_and_programs_may(client, headers):
    assert (await client.post("/sessions", data=SESSION, headers=headers)).status_code == 303
    assert (await client.post("/api/v1/sessions", json={}, headers=headers)).status_code == 201


async def test_a_token_passes_from_anywhere_but_only_under_the_api(client):
    new = (await client.post("/api/v1/sessions", json={})).json()
    foreign = {"Authorization": f"Bearer {new['edit_key']}", "Sec-Fetch-Site": "cross-site"}
    path = f"/sessions/{new['id']}/ops"
    assert (await client.post(f"/api/v1{path}", json={"op": "read GICD_CTLR"}, headers=foreign)).status_code == 200
    assert (await client.post(f"/s/{new['id']}/ops", data={"op": "read GICD_CTLR"}, headers=foreign)).status_code == 403


async def test_reading_is_open_to_links_from_anywhere(client, page):
    assert (await client.get(page[0], headers={"Sec-Fetch-Site": "cross-site"})).status_code == 200


async def test_no_other_site_may_read_through_a_browser(client, page):
    answer = await client.get(page[0], headers={"Origin": "http://evil.test"})
    assert not any(name.startswith("access-control") for name in answer.headers)
    assert (await client.options("/api/v1/sessions", headers={"Origin": "http://evil.test"})).status_code == 405


async def test_the_cookie_is_out_of_reach_of_scripts_of_other_sites_and_of_other_sessions(page):
    key, *attributes = page[1].split("; ")
    assert re.fullmatch(r"giclab=[A-Za-z0-9_-]{43}", key)
    assert {flag.lower() for flag in attributes} == {"httponly", "samesite=lax", "path=/", "max-age=34560000"}


async def test_one_cookie_is_for_all_sessions_of_a_browser_and_opens_no_others(client, app):
    mine = [(await client.post("/sessions", data=SESSION)) for _ in range(2)]
    assert mine[0].headers["set-cookie"] == mine[1].headers["set-cookie"]
    form, headers = {"op": "read GICD_CTLR"}, {"HX-Request": "true"}
    for answer in mine:
        assert (await client.post(f"{answer.headers['location']}/ops", data=form, headers=headers)).status_code == 200
    opened = [await app.state.sessions.open(answer.headers["location"].removeprefix("/s/")) for answer in mine]
    assert opened[0]._head.key_hash != opened[1]._head.key_hash, "the database does not tell that one browser has both"
    assert not any(session.may_edit(client.cookies["giclab"]) for session in opened)


async def test_over_https_the_cookie_stays_there(app):
    import httpx2

    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="https://giclab.test") as client:
        answer = await client.post("/sessions", data=SESSION)
        cookie = answer.headers["set-cookie"]
        assert re.match(
            r"__Host-giclab=[A-Za-z0-9_-]{43}; HttpOnly; Max-Age=\d+; Path=/; SameSite=lax; Secure\Z", cookie
        )
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        form, headers = {"op": "read GICD_CTLR"}, {"HX-Request": "true"}
        path = f"{answer.headers['location']}/ops"
        assert (await client.post(path, data=form, headers=headers)).status_code == 200
        plain = {**headers, "Cookie": f"giclab={client.cookies['__Host-giclab']}"}
        client.cookies.clear()
        assert (await client.post(path, data=form, headers=plain)).status_code == 401, "one that http could have set"


async def test_who_holds_the_cookie_changes_the_session_and_who_has_the_link_does_not(client, page):
    address, cookie = page
    form = {"op": "read GICD_CTLR"}
    client.cookies.clear()
    refused = await client.post(f"{address}/ops", data=form, headers={"HX-Request": "true"})
    assert refused.status_code == 401
    mine = {"HX-Request": "true", "Cookie": cookie.partition(";")[0]}
    assert (await client.post(f"{address}/ops", data=form, headers=mine)).status_code == 200
    other = await client.post("/sessions", data=SESSION)
    theirs = {"HX-Request": "true", "Cookie": other.headers["set-cookie"].partition(";")[0]}
    assert (await client.post(f"{address}/ops", data=form, headers=theirs)).status_code == 403


async def test_the_key_is_on_no_page(client, page):
    address, cookie = page
    key = cookie.partition(";")[0].partition("=")[2]
    shown = await client.get(address, headers={"Cookie": f"giclab={key}"})
    assert key not in shown.text
    assert key not in str(shown.headers)
