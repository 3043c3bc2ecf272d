"""A scenario whose every text is hostile: title, note, comment, a register's name; on every page, in every file."""

import re
from html.parser import HTMLParser
from urllib.parse import quote
from xml.etree import ElementTree as ET

import pytest

pytestmark = pytest.mark.anyio
EVIL = "\"><script>alert(1)</script><img src=x onerror=alert(2)>'{{7*7}}</title></textarea><svg onload=alert(3)>"
SCENARIO = f"title {EVIL}\nmachine implementation=kvm cpus=2\n# {EVIL}\nnote {EVIL}\npoke 0x40000000 3c736372697074\n"
ALLOWED_SCRIPT = re.compile(r"/static/js/[\w.-]+\.js\?v=[0-9a-f]+\Z|/static/vendor/[\w./-]+\.js(\?v=[0-9a-f]+)?\Z")


class Tags(HTMLParser):
    """What a browser would make of a page: each tag with its attributes."""

    def __init__(self, html):
        super().__init__()
        self.found = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    handle_startendtag = handle_starttag


def check(html):
    """AssertionError where the page would run, load or send anything that is not ours."""
    for tag, attributes in Tags(html).found:
        handlers = [name for name in attributes if name.startswith("on")]
        assert not handlers, (tag, handlers)
        assert "style" not in attributes, tag
        for name in ("href", "src", "action", "formaction", "hx-get", "hx-post"):
            address = (attributes.get(name) or "").strip().lower()
            assert not address.startswith(("javascript:", "data:text", "//", "vbscript:")), (tag, address)
        if tag == "script":
            assert ALLOWED_SCRIPT.match(attributes.get("src") or ""), attributes
        assert not (tag == "img" and attributes.get("src") == "x")
    assert "49</title>" not in html


@pytest.fixture
async def places(client):
    """The addresses of one hostile scenario: a session, a link, a short link."""
    new = (await client.post("/api/v1/sessions", json={"scenario": SCENARIO})).json()
    made = (await client.post("/api/v1/links", json={"scenario": SCENARIO, "short": True})).json()
    return {"session": f"/s/{new['id']}", "link": made["link"], "short": made["short"]}


@pytest.mark.parametrize("place", ["session", "link", "short"])
@pytest.mark.parametrize("page", ["", "?embed=1", "?step=1", "/share", "?on=architecture"])
async def test_a_hostile_text_is_only_text_on_every_page(client, places, place, page):
    answer = await client.get(places[place] + page)
    assert answer.status_code == 200
    check(answer.text)
    assert "alert(1)" in answer.text, "the title is shown, as text"


@pytest.mark.parametrize("path", ["/text", "/compare", "/migrate"])
async def test_on_the_pages_beside_the_explorer_too(client, places, path):
    answer = await client.get(places["session"] + path)
    assert answer.status_code == 200
    check(answer.text)


@pytest.mark.parametrize("suffix", ["gic", "txt", "json"])
async def test_files_are_of_a_type_that_no_browser_runs(client, places, suffix):
    for place in places.values():
        answer = await client.get(f"{place}.{suffix}")
        assert answer.status_code == 200
        assert answer.headers["content-type"].split(";")[0] in ("text/plain", "application/json")
        assert answer.headers["x-content-type-options"] == "nosniff"
        name = answer.headers.get("content-disposition", "")
        assert "<" not in name
        assert "\n" not in name


async def test_the_picture_is_sound_and_holds_nothing_active(client, places):
    answer = await client.get(f"{places['session']}.svg")
    tree = ET.fromstring(answer.text)
    tags = {element.tag.rpartition("}")[2] for element in tree.iter()}
    assert not tags & {"script", "foreignObject", "image", "iframe", "animate", "set"}
    assert not [name for element in tree.iter() for name in element.attrib if name.startswith("on")]
    assert (
        "script-src" in answer.headers["content-security-policy"]
        or "default-src 'none'" in answer.headers["content-security-policy"]
    )


@pytest.mark.parametrize("path", ["?register={}", "?find={}", "?tab={}", "?on={}", "?why={}", "?step={}", "?lpi={}"])
async def test_what_an_address_says_is_only_text(client, places, path):
    answer = await client.get(places["session"] + path.format(quote(EVIL)))
    assert answer.status_code in (200, 404, 422)
    check(answer.text)


@pytest.mark.parametrize("path", ["/s/{}", "/x/{}", "/l/{}", "/registers/{}", "/lessons/{}", "/exercise/{}", "/{}"])
async def test_an_error_page_tells_the_address_as_text(client, path):
    answer = await client.get(path.format(quote(EVIL, safe="")))
    assert answer.status_code >= 400
    check(answer.text)


async def test_a_hostile_line_is_told_as_text_to_htmx_too(client, places):
    new = await client.post("/sessions", data={"implementation": "kvm", "cpus": "1"})
    for op in (f"write {EVIL} 1", f"bogus {EVIL}", f"its {EVIL}", EVIL):
        answer = await client.post(f"{new.headers['location']}/ops", data={"op": op}, headers={"HX-Request": "true"})
        assert answer.status_code == 422
        check(answer.text)


@pytest.mark.parametrize("elsewhere", ["https://evil.test/", "//evil.test/", "/\\evil.test", "javascript:alert(1)"])
async def test_no_answer_leads_to_another_site(client, places, elsewhere):
    """No parameter is a place to go to: every redirect is to a path of this site."""
    asked = quote(elsewhere, safe="")
    new = await client.post(
        "/sessions", data={"implementation": "kvm", "cpus": "1", "next": elsewhere, "url": elsewhere}
    )
    own = new.headers["location"]
    for answer in (
        new,
        await client.post(f"{own}/ops?next={asked}&tab={asked}", data={"op": "read GICD_CTLR", "tab": elsewhere}),
        await client.post(f"{own}/move", data={"do": "undo", "tab": elsewhere}),
        await client.post(f"{places['link']}/share?x={asked}", data={"register": elsewhere}),
        await client.get(f"{places['short']}/compare?next={asked}"),
        await client.get(f"//evil.test/{asked}"),
    ):
        location = answer.headers.get("location", "/")
        assert re.match(r"/(?![/\\])", location), location
