"""What htmx asks for and gets: one part of the page, or all parts that a step changed."""

import re
from html import unescape

import pytest

from app import limits
from app.gic import IMPLEMENTATIONS
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

    async def send(self, line, register="GICR_PENDBASER@0", **more):
        form = {"kind": "console", "op": line, "register": register, "actor": "tab", **more}
        return await self.client.post(f"{self.path}/ops", data=form, headers=HX)

    async def part(self, target, query=""):
        answer = await self.client.get(self.path + query, headers={**HX, "HX-Target": target})
        assert answer.status_code == 200
        return answer.text


@pytest.fixture
async def tab(client):
    made = await client.post("/sessions", data={"implementation": "kvm", "cpus": "2"})
    return Tab(client, made.headers["location"])


def partials(html):
    """Target to content of the answer's fragments."""
    return dict(re.findall(r'<hx-partial hx-target="([^"]+)"[^>]*>(.*?)</hx-partial>', html, re.DOTALL))


def changes(html):
    """Attributes of the last step that an answer or event tells, and what it puts where, by selector."""
    head, body = re.findall(r"<hx-step([^>]*)>(.*?)</hx-step>", html, re.DOTALL)[-1]
    told = {name: unescape(text) for name, text in re.findall(r' (\w+)="([^"]*)"', head)}
    place = (
        r'<(?:div data-in="([^"]+)"|\w+(?: [^>]*?)? ?id="((?:v|cnt)-[^"]+|what|ram|facts|queue-now|verdicts)")[^>]*>'
    )
    found = list(re.finditer(place, body))
    ends = [*(match.start() for match in found[1:]), len(body)]
    return told, {match[1] or f"#{match[2]}": body[match.end() : end] for match, end in zip(found, ends, strict=True)}


async def test_an_action_is_answered_with_what_it_changed(tab):
    await tab.send("read GICD_CTLR")
    answer = await tab.send("write GICR_PENDBASER@0 PTZ=1 Physical_Address=0x40210000")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    own = partials(answer.text)
    assert own.keys() == {"#inspector", "#con"}
    assert 'data-value="0x0000000040210580"' in own["#inspector"]
    told, changed = changes(answer.text)
    assert told == {"n": "2", "turn": "0", "text": "write GICR_PENDBASER@0 PTZ=1 Physical_Address=0x40210000"}
    assert changed.keys() == {"#what", "#v-GICR_PENDBASER-0", "#ram"}
    assert "40210580" in changed["#v-GICR_PENDBASER-0"]
    assert "PTZ is write-only and reads as zero" in words(changed["#what"])


def register_parts(html):
    """Numbers and parts of the inspector that an answer changes, by selector within it."""
    head, body = re.search(r"<hx-register([^>]*)>(.*?)</hx-register>", html, re.DOTALL).groups()
    parts = re.findall(r'<template data-at="([^"]+)">(.*?)</template>', body, re.DOTALL)
    return dict(re.findall(r' (\w+)="([^"]*)"', head)), {unescape(at): html for at, html in parts}


async def test_a_tab_that_shows_the_register_gets_what_changed_of_it(tab):
    await tab.send("write GICR_PENDBASER@0 Physical_Address=0x40210000")
    answer = await tab.send("write GICR_PENDBASER@0 Physical_Address=0x40220000", shown="1")
    assert "#inspector" not in partials(answer.text)
    rest = re.sub(r"<hx-(register|step|partial).*?</hx-\1>", "", answer.text, flags=re.DOTALL)
    assert rest == "", "what is left over is put where a refusal stands"
    numbers, parts = register_parts(answer.text)
    value = "0x0000000040220580"
    told = {"value": value, "base": value, "draft": value}
    assert numbers == {"name": "GICR_PENDBASER@0", "from": "1", "step": "2"} | told
    assert parts.keys() == {".half:nth-child(3)", ".wr", 'tr[data-field="Physical_Address"]', ".doors", "#siblings"}
    assert "bit 17, Physical_Address, 1" in parts[".half:nth-child(3)"]
    numbers, parts = register_parts((await tab.send("read GICD_TYPER", shown="2")).text)
    assert numbers["step"] == "3"
    assert parts.keys() == {".half:nth-child(3)"}, "its mark of change is gone"
    assert register_parts((await tab.send("read GICD_TYPER", shown="3")).text)[1] == {}


@pytest.mark.parametrize("shown", ["", "1", "x", "9" * 5000])
async def test_a_tab_that_shows_another_step_gets_the_whole_register(tab, shown):
    for line in ("read GICD_TYPER", "write GICR_PENDBASER@0 PTZ=1"):
        await tab.send(line)
    answer = await tab.send("write GICR_PENDBASER@0 Physical_Address=0x40220000", shown=shown)
    assert 'data-step="3"' in partials(answer.text)["#inspector"]


async def test_after_an_undo_the_whole_register_is_sent(tab):
    """A step 2 of another branch was on view before."""
    for line in ("write GICR_PENDBASER@0 PTZ=1", "write GICR_PENDBASER@0 Physical_Address=0x40210000"):
        await tab.send(line)
    moved = await tab.client.post(f"{tab.path}/move", data={"do": "undo"}, headers=HX)
    assert moved.status_code == 200
    whole_page = await tab.send("write GICR_PENDBASER@0 Physical_Address=0x40220000", shown="1")
    assert partials(whole_page.text).keys() >= {"#app"}
    answer = await tab.send("read GICR_PENDBASER@0", shown="2")
    assert "<hx-register" not in answer.text


@pytest.mark.parametrize(
    ("register", "line"),
    [("GICR_PENDBASER@0", "write GICR_CTLR@0 EnableLPIs=1"), ("GICD_IPRIORITYR8", "write GICD_IPRIORITYR8 0xa0")],
)
async def test_what_has_no_part_of_its_own_is_sent_with_the_whole(tab, register, line):
    """A caution that comes or goes."""
    await tab.send("read GICD_TYPER", register=register)
    answer = await tab.send(line, register=register, shown="1")
    caution = register == "GICR_PENDBASER@0"
    assert ("#inspector" in partials(answer.text)) == caution
    assert ("UNPREDICTABLE" in answer.text) == caution


async def test_a_full_session_says_so_where_it_was_asked_and_where_to_go_on(tab, monkeypatch):
    await tab.send("write GICR_PENDBASER@0 PTZ=1")
    monkeypatch.setattr(limits, "OPERATIONS_PER_SESSION", 1)
    answer = await tab.send("read GICD_TYPER")
    assert answer.status_code == 422
    assert answer.text.startswith('<div class="err" role="alert">')
    told = words(answer.text)
    assert "the limit is 1" in told
    assert "go on from an earlier step, or in a copy of one" in told
    assert "hx-step" not in answer.text, "nothing was done"


async def test_tables_come_along_when_they_change(tab):
    for line in MAPPED:
        answer = await tab.send(line)
    _, changed = changes(answer.text)
    assert "8195" in changed["#p-lpis[data-shared]"]
    assert words(changed["#cnt-lpis"]) == "1 changed"
    assert "MAPTI" in changed["#queue-now"]
    assert "8195" in changed["#p-devices[data-shared]"]
    told, quiet = changes((await tab.send("note nothing")).text)
    assert quiet.keys() == {"#what"}
    assert told["touched"] == ""


async def test_marks_of_the_step_before_send_nothing_again(tab):
    for line in (*MAPPED, "poke 0x40200003 a1", "write GICR_CTLR@0 EnableLPIs=1", "its INT device=2 event=20"):
        await tab.send(line)
    _, marked = changes((await tab.send("its INV device=2 event=20")).text)
    assert "is-now" in marked["#p-queue"]
    _, next_one = changes((await tab.send("read GICR_CTLR@0")).text)
    assert next_one.keys() == {"#what"}


async def test_of_the_tables_in_ram_the_one_that_moved_is_sent(tab):
    for line in MAPPED:
        await tab.send(line)
    answer = await tab.send("write GICR_PENDBASER@0 Physical_Address=0x40220000")
    entry = r'<li id="ram-([^"]+)"(?: data-after="ram-([^"]+)")?>(.*?)</li>'
    [(name, after, text)] = re.findall(entry, answer.text)
    assert (name, after, words(text)) == ("LPI-pending-CPU0", "", "LPI pending CPU0 40220000")
    answer = await tab.send("write GICR_PENDBASER@1 Physical_Address=0x40230000")
    [(name, after, text)] = re.findall(entry, answer.text)
    assert (name, after, words(text)) == ("LPI-pending-CPU1", "LPI-pending-CPU0", "LPI pending CPU1 40230000")
    assert 'id="ram"' not in answer.text


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
async def test_an_event_of_one_register_is_at_most_a_kilobyte(app, client, implementation):
    """Of the whole event on the wire, for the first watcher and for one who watches on."""
    made = (await client.post("/api/v1/sessions", json={"implementation": implementation, "cpus": 2})).json()
    session = await app.state.sessions.open(made["id"])
    before = [*MAPPED[:2], "write GICR_PENDBASER@0 PTZ=1", "write GICR_CTLR@0 EnableLPIs=1"]
    again = ["write GICR_PENDBASER@0 PTZ=1"] * 2
    after = [*again, "write GICR_IPRIORITYR3@0 0xa0a0a0a0", "write GICD_ISENABLER1 0xf", "read GICD_TYPER"]
    elsewhere = [f"write GICR_PENDBASER@1 Physical_Address={base:#x}" for base in (0x4041_0000, 0x4042_0000)]
    sizes = []
    with session.watch(None, "") as watch:
        app.state.live.joined(session)
        await watch.upcoming()
        for line in (*before, *MAPPED[2:], *after, *elsewhere):
            await session.append(line, edit_key=made["edit_key"])
            [event] = await watch.upcoming()
            sizes.append((line, len(event.wire)))
    assert [(line, size) for line, size in sizes if line not in MAPPED[2:] and size > 1024] == []


async def test_who_acts_and_leaves_a_branch_behind_gets_the_whole_page(tab):
    await tab.send("note first")
    await tab.client.post(f"{tab.path}/move", data={"do": "undo"})
    answer = await tab.send("note second")
    assert "#app" in partials(answer.text)
    assert "<hx-step" not in answer.text
    assert "1 other step after step 0" in words(answer.text)


async def test_the_choices_taken_are_fetched_when_they_are_opened(tab):
    for line in (*MAPPED[:2], "write GICR_CTLR@0 EnableLPIs=1"):
        told, _ = changes((await tab.send(line)).text)
        assert "choices" not in told
    told, changed = changes((await tab.send("write GICR_PENDBASER@0 PTZ=1")).text)
    assert told["choices"] == "1"
    assert "#choices-list" not in changed
    assert "while EnableLPIs=1 (UNPREDICTABLE)" in words(await tab.part("details#choices"))


async def test_several_operations_of_one_press_are_all_told(tab):
    form = {"kind": "first-lpi", "register": "GICR_CTLR@0", "actor": "tab"}
    answer = await tab.client.post(f"{tab.path}/ops", data=form, headers=HX)
    assert re.findall(r'<hx-step n="(\d+)"', answer.text) == ["1", "2", "3", "4", "5"]
    assert 'id="lpi-8195"' in answer.text


async def test_a_change_through_the_api_reaches_the_pages(tab, app):
    session = await app.state.sessions.open(tab.path.removeprefix("/s/"))
    await tab.send(MAPPED[0])
    room = app.state.live.room(session)
    room.watchers = 1
    key = keys.derived(tab.client.cookies["giclab"], session.id)
    await session.append("read GICD_CTLR", edit_key=key)
    assert '<hx-step n="2"' in app.state.live.update(session, 2)


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
