"""What htmx asks for and gets: one part of the page, or all parts that a step changed."""

import re

import pytest

from app.sessions import keys
from tests.web.reading import words

pytestmark = pytest.mark.anyio
HX = {"HX-Request": "true"}
MAPPED = [
    "write GICR_PROPBASER@0 Physical_Address=0x40200000 IDbits=15",
    "write GICR_PENDBASER@0 PTZ=1 Physical_Address=0x40210000",
    "its MAPD device=2 itt=0x40300000 size=5",
    "its MAPC collection=1 target=0",
    "its MAPTI device=2 event=20 intid=8195 collection=1",
]


class Tab:
    """A browser tab with htmx."""

    def __init__(self, client, path):
        self.client = client
        self.path = path

    async def send(self, line, register="GICR_PENDBASER@0"):
        form = {"kind": "console", "op": line, "register": register, "actor": "tab"}
        return await self.client.post(f"{self.path}/ops", data=form, headers=HX)

    async def part(self, target, query=""):
        answer = await self.client.get(self.path + query, headers={**HX, "HX-Target": target})
        assert answer.status_code == 200
        return answer.text


@pytest.fixture
async def tab(client):
    made = await client.post("/sessions", data={"implementation": "kvm", "cpus": "2"})
    return Tab(client, made.headers["location"])


def parts(html):
    """Target to content of the answer's fragments."""
    return dict(re.findall(r'<hx-partial hx-target="([^"]+)"[^>]*>(.*?)</hx-partial>', html, re.DOTALL))


async def test_an_action_is_answered_with_what_it_changed(tab):
    await tab.send("read GICD_CTLR")
    answer = await tab.send("write GICR_PENDBASER@0 PTZ=1 Physical_Address=0x40210000")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    changed = parts(answer.text)
    assert changed.keys() == {
        "#inspector",
        "#con",
        "#v-GICR_PENDBASER-0",
        "#trace",
        "#timeline",
        "#con-hint",
        "#announce",
        "#seen",
        "#ram",
        "#p-lpis[data-shared]",
    }
    assert 'data-value="0x0000000040210580"' in changed["#inspector"]
    assert "40210580" in changed["#v-GICR_PENDBASER-0"]
    assert re.sub(r"hx-partial[^>]*>", "", answer.text).strip()


async def test_tables_come_along_when_they_change(tab):
    for line in MAPPED:
        answer = await tab.send(line)
    changed = parts(answer.text)
    assert "8195" in changed["#p-lpis[data-shared]"]
    assert words(changed["#cnt-lpis"]) == "1 changed"
    quiet = parts((await tab.send("note nothing")).text)
    assert words(quiet["#cnt-lpis"]) == "1"
    assert "MAPTI" in changed["#queue-now"]
    assert "8195" in changed["#p-devices[data-shared]"]
    assert "#p-collections" not in quiet


async def test_several_operations_of_one_press_are_all_told(tab):
    form = {"kind": "first-lpi", "register": "GICR_CTLR@0", "actor": "tab"}
    answer = await tab.client.post(f"{tab.path}/ops", data=form, headers=HX)
    seen = re.findall(r'id="seen" data-step="(\d+)"', answer.text)
    assert seen == ["1", "2", "3", "4", "5"]
    assert 'id="lpi-8195"' in answer.text


async def test_a_change_through_the_api_reaches_the_pages(tab, app):
    session = await app.state.sessions.open(tab.path.removeprefix("/s/"))
    await tab.send(MAPPED[0])
    room = app.state.live.room(session)
    room.watchers = 1
    key = keys.derived(tab.client.cookies["giclab"], session.id)
    await session.append("read GICD_CTLR", edit_key=key)
    assert "Step 2" in app.state.live.update(session, 2)


async def test_a_refusal_is_a_fragment_for_the_form(tab):
    answer = await tab.send("write GICR_PENDBASR@0 1")
    assert answer.status_code == 422
    assert answer.text.strip().startswith('<div class="err" role="alert">')
    assert "GICR_PENDBASER" in answer.text


@pytest.mark.parametrize(
    ("target", "query", "starts"),
    [
        ("section#inspector", "?register=GICR_CTLR@1", '<section class="reg" id="inspector"'),
        ("div#p-lpis", "?tab=lpis&from=8200", '<div class="panel" role="tabpanel" id="p-lpis"'),
        ("div#p-memory", "?tab=memory&address=0x40200000", '<div class="panel" role="tabpanel" id="p-memory"'),
        ("div#found", "?find=PROPBASER", '<div id="found">'),
        ("div#app", "?step=0", "<title>"),
    ],
)
async def test_htmx_gets_the_part_it_asks_for(tab, target, query, starts):
    await tab.send(MAPPED[0])
    html = await tab.part(target, query)
    assert html.strip().startswith(starts)
    assert "<html" not in html


async def test_a_window_of_ones_own_is_not_replaced_by_broadcasts(tab):
    assert "data-shared" in await tab.part("div#p-lpis", "?tab=lpis")
    assert "data-refresh" in await tab.part("div#p-lpis", "?tab=lpis&from=8200")


async def test_an_answer_for_one_part_is_not_cached_as_the_page(tab):
    answer = await tab.client.get(tab.path)
    assert answer.headers["cache-control"] == "no-store"
    assert "HX-Request" in answer.headers["vary"]
