"""The pages as a browser without a script gets them, and the links and forms on them."""

import re
from html import unescape

import pytest

from app.scenario import links, parse
from app.scenario.lessons import LESSONS
from app.web.views.lessons import payload_of

pytestmark = pytest.mark.anyio
MAPPED = [
    "write GICR_PROPBASER@0 Physical_Address=0x40200000 IDbits=15",
    "write GICR_PENDBASER@0 PTZ=1 Physical_Address=0x40210000",
    "its MAPD device=2 itt=0x40300000 size=5",
    "its MAPC collection=1 target=0",
    "its MAPTI device=2 event=20 intid=8195 collection=1",
]


class Visitor:
    """A browser without a script: follows redirects, keeps cookies, posts forms."""

    def __init__(self, client, path):
        self.client = client
        self.path = path

    async def page(self, query=""):
        answer = await self.client.get(self.path + query)
        assert answer.status_code == 200, answer.text
        return answer.text

    async def send(self, **form):
        return await self.client.post(f"{self.path}/ops", data=form)

    async def lines(self, *lines):
        for line in lines:
            answer = await self.send(kind="console", op=line)
            assert answer.status_code == 303, answer.text


@pytest.fixture
async def visitor(client):
    answer = await client.post("/sessions", data={"implementation": "kvm", "cpus": "2"})
    assert answer.status_code == 303
    return Visitor(client, answer.headers["location"])


def shown_step(html):
    return int(re.search(r"Step <b>(\d+)</b>", html)[1])


async def test_the_first_page_offers_every_implementation_and_every_lesson(client):
    html = (await client.get("/")).text
    for name in ("architecture", "kvm", "kvm-before-5.6", "qemu"):
        assert f'value="{name}"' in html
    for lesson in LESSONS:
        assert lesson.title in html


async def test_no_page_has_inline_script_or_style(client, visitor):
    await visitor.lines(*MAPPED)
    for html in [(await client.get("/")).text, await visitor.page(), (await client.get("/docs")).text]:
        assert not re.search(r"<style|\sstyle=|\son\w+=|hx-on|javascript:", html)
        assert re.findall(r"<script(?![^>]*\ssrc=)", html) == []


async def test_every_lesson_opens_as_a_link_on_every_implementation(client):
    for lesson in LESSONS:
        href = f"/x/{payload_of(lesson, named=True)}"
        for implementation in ("architecture", "kvm", "kvm-before-5.6", "qemu"):
            answer = await client.get(f"{href}?on={implementation}&step=1000")
            assert answer.status_code == 200
            assert "does not hold" not in answer.text
            assert "About this lesson" in answer.text


async def test_a_link_opens_at_the_step_it_was_made_for(client):
    text = "machine implementation=qemu cpus=2\nread GICD_CTLR\nread GICR_CTLR@0\n"
    answer = await client.get(f"/x/{links.pack(parse(text), step=1)}")
    assert shown_step(answer.text) == 1
    assert "GICD_CTLR" in answer.text


async def test_a_copy_of_a_link_up_to_a_step_on_another_implementation(client):
    text = "title Mine\nmachine implementation=qemu cpus=2\n# first\nread GICD_CTLR\nread GICR_CTLR@0\n"
    form = {"payload": links.pack(parse(text)), "step": "1", "on": "kvm"}
    answer = await client.post("/sessions", data=form)
    assert answer.status_code == 303
    session = answer.headers["location"].removeprefix("/s/")
    log = (await client.get(f"/api/v1/sessions/{session}/log")).json()
    assert log["machine"]["implementation"] == "kvm"
    assert [one["text"] for one in log["operations"]] == ["read   GICD_CTLR"]
    assert "# first" in log["scenario"]
    assert log["title"] == "Mine"


async def test_a_copy_of_a_session_is_ones_own(client, visitor):
    await visitor.lines(*MAPPED)
    client.cookies.clear()
    answer = await visitor.send(kind="console", op="read GICD_CTLR")
    assert answer.status_code == 401
    assert "fork it" in answer.text
    session = visitor.path.removeprefix("/s/")
    copy = await client.post("/sessions", data={"session": session, "step": "2"})
    mine = Visitor(client, copy.headers["location"])
    assert shown_step(await mine.page()) == 2
    await mine.lines("read GICD_CTLR")
    assert shown_step(await visitor.page()) == len(MAPPED)


async def test_the_past_is_a_page_of_its_own(visitor):
    await visitor.lines(*MAPPED)
    now, past = await visitor.page(), await visitor.page("?step=4")
    assert "8195" in now
    assert 'id="lpi-8195"' not in past
    assert "Step 4 of 5: what you do here goes on from it, step 5 is kept as another branch." in past
    assert not re.search(r'<fieldset class="plain con__in" disabled>', past)
    assert shown_step(await visitor.page("?step=99")) == len(MAPPED)


async def test_the_same_log_as_another_implementation_would_do_it(visitor):
    await visitor.lines(MAPPED[1])
    assert 'data-value="0x0000000040210580"' in await visitor.page()
    other = await visitor.page("?on=qemu")
    assert 'data-value="0x4000000040210000"' in other
    assert "as QEMU would do it" in other
    assert (await visitor.client.get(f"{visitor.path}?on=gem5")).status_code == 404


@pytest.mark.parametrize(
    ("query", "part"),
    [
        ("?tab=memory&address=0x40300000", "ITT 0x2"),
        ("?tab=devices&device=0x2", "0x40300000"),
        ("?tab=lpis&from=8196", "No LPI is mapped from INTID 8196 on"),
        ("?find=CWRITER", "GITS_CWRITER"),
        ("?find=GICR_PENDBASER@1", "<span>GICR_PENDBASER@1</span>"),
        ("?register=GICR_CTLR@1", "CPU1"),
        ("?tab=nonsense&from=x&device=y&address=z&step=", "8195"),
        ("?tab=memory&address=0xffffffffffff", "is not RAM"),
    ],
)
async def test_what_is_on_view_is_in_the_address(visitor, query, part):
    await visitor.lines(*MAPPED)
    assert part in await visitor.page(query)


async def test_an_unknown_register_names_the_nearest(visitor):
    answer = await visitor.client.get(f"{visitor.path}?register=GICR_PENDBASR@0")
    assert answer.status_code == 404
    assert re.search(r'href="[^"]*register=GICR_PENDBASER[^"]*"', answer.text)


async def test_every_register_of_every_implementation_has_its_page(client):
    for implementation in ("architecture", "qemu"):
        made = await client.post("/sessions", data={"implementation": implementation, "cpus": "1"})
        visitor = Visitor(client, made.headers["location"])
        html = await visitor.page()
        names = set(re.findall(r'href="[^"]*register=([A-Z0-9_a-z]+(?:@0)?)"', html))
        assert len(names) > 150
        for name in sorted(names)[::7]:
            assert f'id="reg-h">{name.removesuffix("@0")}<' in await visitor.page(f"?register={name}")


async def test_form_fields_become_a_line_of_the_scenario(visitor):
    forms = [
        ({"kind": "register", "do": "write", "value": "0x580", "was": "0x580", "field.PTZ": "1"}, "PTZ=1"),
        ({"kind": "register", "do": "write", "value": "0x40210580", "was": "0x580"}, "Physical_Address=0x40210000"),
        ({"kind": "register", "do": "write", "value": "0x40210580", "was": "0x1"}, "0x40210580"),
        ({"kind": "register", "do": "write", "value": "0x4021058000000000", "was": "0x0", "width": "hi"}, "half=hi"),
        ({"kind": "register", "do": "read"}, "read GICR_PENDBASER@0"),
        ({"kind": "its", "command": "MAPC", "operand.collection": "1", "operand.target": "1"}, "MAPC collection=1"),
        ({"kind": "poke", "address": "0x40200000", "bytes": "a1 c1"}, "0x40200000 a1 c1"),
        ({"op": "msi device=2 event=20"}, "msi device=2 event=20"),
    ]
    for form, part in forms:
        answer = await visitor.send(register="GICR_PENDBASER@0", **form)
        assert answer.status_code == 303, answer.text
        log = (await visitor.client.get(f"/api/v1{visitor.path.replace('/s/', '/sessions/')}/log")).json()
        assert part in log["operations"][-1]["text"], form


@pytest.mark.parametrize(
    ("form", "place", "part"),
    [
        ({"kind": "console", "op": "wriet GICR_CTLR@0 1"}, "console", "Did you mean write"),
        ({"kind": "console", "op": ""}, "console", "Expected"),
        ({"kind": "console", "op": "read GICR_CTLR@0\nread GICD_CTLR"}, "console", "one word too many"),
        (
            {"kind": "register", "register": "GICR_CTLR@0", "do": "write", "value": "0x1g", "was": "0x0"},
            "inspector",
            "hex",
        ),
        (
            {"kind": "register", "register": "GICR_CTLR@0", "do": "write", "value": "", "was": "0x0"},
            "inspector",
            "number",
        ),
        ({"kind": "register", "register": "GICR_CTLR@9", "do": "read"}, "inspector", "CPU 9"),
        ({"kind": "its", "command": "MAPTI", "operand.device": "2"}, "its", "event"),
        ({"kind": "its", "command": "MAPX"}, "its", "MAPX"),
        ({"kind": "poke", "address": "0x0", "bytes": "00"}, "poke", "not RAM"),
        ({"kind": "poke", "address": "0x40000000", "bytes": "0"}, "poke", "half a byte"),
    ],
)
async def test_a_form_that_is_wrong_says_so_in_its_place_and_changes_nothing(visitor, form, place, part):
    answer = await visitor.send(**form)
    assert answer.status_code == 422
    alerts = re.findall(r'role="alert">.*?</div>', answer.text, re.DOTALL)
    assert len(alerts) == 1 or place == "inspector"
    assert part in unescape(alerts[0])
    assert shown_step(await visitor.page()) == 0


async def test_bad_starts_are_refused(client):
    for form, part in [
        ({"implementation": "gem5"}, "gem5"),
        ({"cpus": "0"}, "cpus"),
        ({"cpus": "many"}, "many"),
        ({"scenario": "frobnicate 1"}, "frobnicate"),
        ({"payload": "!"}, "link"),
        ({"session": "nope"}, "nope"),
        ({"payload": links.pack(parse("read GICD_CTLR\n")), "on": "gem5"}, "gem5"),
    ]:
        answer = await client.post("/sessions", data=form)
        assert 400 <= answer.status_code < 500, (form, answer.status_code)
        assert part in answer.text
    assert (await client.get("/s/nope")).status_code == 404
    assert (await client.get("/x/nope")).status_code == 400


async def test_titles_and_names_are_text_not_markup(client):
    nasty = "<img src=x onerror=alert(1)>"
    made = await client.post("/sessions", data={"scenario": f"title {nasty}\nnote {nasty}\n"})
    html = (await client.get(made.headers["location"])).text
    assert nasty not in html
    assert "&lt;img" in html
