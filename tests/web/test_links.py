"""Scenarios in links as visitors and programs get them: pages, drift, files by suffix, sharing, frames, bad links."""

import json
import re
from html import unescape
from xml.etree import ElementTree as ET

import pytest

from app import __version__, limits
from app.exchange.mail import COLUMNS
from app.exchange.writers import FORMATS, write
from app.scenario import links, parse
from app.scenario.lessons import LESSONS
from app.scenario.record import Record, record
from app.sessions import shortlinks
from app.web.opened import Openings
from app.web.views.embed import FLAGS, PANELS, THEMES

pytestmark = pytest.mark.anyio
TEXT = """\
title PTZ & a <b>first</b> LPI
machine implementation=kvm cpus=2
# the tables, as <i>drivers</i> set them up
poke 0x40200003 a1
write GICR_PROPBASER@0 Physical_Address=0x40200000 IDbits=15
write GICR_PENDBASER@0 PTZ=1 Physical_Address=0x40210000
write GICR_CTLR@0 EnableLPIs=1
its MAPD device=2 itt=0x40300000 size=5
its MAPC collection=0 target=0
its MAPTI device=2 event=20 intid=8195 collection=0
msi device=2 event=20
read GICR_PENDBASER@0
expect pending(8195)@0 == 1
note A long note, which has to go over more than one line in a mail, because mails have no more than 72 columns.
"""
SCENARIO = parse(TEXT)
STEPS = len(SCENARIO.operations)


def packed(told=None, **more):
    return links.pack(SCENARIO, record=told, **more)


async def make_short(client, text=TEXT):
    made = await client.post("/api/v1/links", json={"scenario": text, "short": True})
    assert made.status_code == 201, made.text
    return made.json()["short"]


@pytest.fixture
async def session(client):
    made = await client.post("/sessions", data={"scenario": TEXT})
    return made.headers["location"]


@pytest.fixture
async def places(client, session):
    """The same scenario at its three kinds of address."""
    return [f"/x/{packed()}", await make_short(client), session]


def shown_step(html):
    return int(re.search(r"Step <b>(\d+)</b>", html)[1])


# -- pages


async def test_a_link_opens_with_its_step_and_view(client):
    path = f"/x/{packed(step=3, view={'register': 'GICD_CTLR', 'tab': 'devices', 'on': 'qemu'})}"
    html = (await client.get(path)).text
    assert shown_step(html) == 3
    assert 'id="reg-h">GICD_CTLR<' in html
    assert re.search(r'id="t-devices"[^>]*aria-selected="true"', html)
    assert "as QEMU would do it" in html
    # An address that says something says all: a visitor who has chosen is not drawn back to the link's view.
    html = (await client.get(f"{path}?step=5")).text
    assert shown_step(html) == 5
    assert "as QEMU would do it" not in html
    assert re.search(r'id="t-lpis"[^>]*aria-selected="true"', html)


async def test_a_short_link_is_a_page_and_can_be_copied(client):
    path = await make_short(client)
    html = (await client.get(f"{path}?step=4")).text
    assert shown_step(html) == 4
    assert "Kept under a short link" in html
    slug = re.search(r'name="slug" value="([^"]+)"', html)[1]
    copy = await client.post("/sessions", data={"slug": slug, "step": "4"})
    assert shown_step((await client.get(copy.headers["location"])).text) == 4


@pytest.mark.parametrize("tool", ["compare", "migrate"])
async def test_a_short_link_leads_to_what_else_is_done_with_it(client, tool):
    path = await make_short(client)
    assert f'href="{path}/{tool}?step=' in (await client.get(f"{path}?step=4")).text
    led = await client.get(f"{path}/{tool}?step=4")
    assert led.status_code == 303
    assert led.headers["location"].endswith(f"/{tool}?step=4")
    answer = await client.get(led.headers["location"])
    assert answer.status_code == 200
    assert "PTZ &amp; a &lt;b&gt;first&lt;/b&gt; LPI" in answer.text


async def test_the_same_scenario_has_one_short_link_and_another_has_another(client):
    first = await make_short(client)
    assert await make_short(client, TEXT.replace("read ", "read   ")) == first
    assert await make_short(client, TEXT.replace("8195", "8196")) != first


async def test_a_link_made_by_the_api_is_what_the_page_opens(client):
    wanted = {"scenario": TEXT, "step": 2, "register": "GICD_CTLR"}
    answer = (await client.post("/api/v1/links", json=wanted)).json()
    assert answer["characters"] == len(answer["link"])
    assert answer["operations"] == STEPS
    assert "short" not in answer
    link = links.unpack(answer["link"].removeprefix("/x/"))
    assert (link.step, dict(link.view), link.scenario()) == (2, {"register": "GICD_CTLR"}, SCENARIO)
    assert link.record == record(SCENARIO, __version__)


# -- drift


async def test_a_link_that_answers_as_it_did_says_nothing(client):
    assert 'id="drift"' not in (await client.get(f"/x/{packed(record(SCENARIO, '0.0.1'))}")).text


async def test_a_step_that_answers_otherwise_is_named_and_both_answers_are_shown(client):
    told = record(SCENARIO, "0.0.1")
    answers = ["4000000040210580" if text == "40210580" else text for text in told.answers]
    html = (await client.get(f"/x/{packed(Record('0.0.1', tuple(answers), told.states))}")).text
    section = re.search(r'<section class="drift".*?</section>', html, re.DOTALL)[0]
    assert "Step 9 no longer does what it did" in section
    assert f"made with giclab 0.0.1; this is giclab {__version__}" in section
    cells = re.findall(r"<td[^>]*>(.*?)</td>", section)
    assert cells == ["read GICR_PENDBASER@0", "0x4000000040210580", "0x40210580"]
    assert re.search(r'href="[^"]*step=9[^"]*">9</a>', section)
    assert 'id="drift"' not in (await client.get(f"/x/{packed(told)}?on=qemu")).text


async def test_another_state_that_no_answer_shows_is_placed(client):
    told = record(SCENARIO, "0.0.1")
    states = told.states[:4] + bytes([told.states[4] ^ 0xFF]) + told.states[5:]
    html = (await client.get(f"/x/{packed(Record('0.0.1', told.answers, states))}")).text
    assert "Step 5 no longer does what it did" in html
    assert "comes into another state, though it answers as it did" in html
    assert f"hash {states[4]:02x}" in html


async def test_what_a_stranger_writes_into_a_link_s_record_is_text(client):
    told = record(SCENARIO, "0.0.1")
    nasty = "<img src=x onerror=alert(1)>"
    answers = (nasty, f"~{nasty}", f"-{nasty}", *told.answers[3:])
    view = {"embed": "1", "theme": "dark", "register": nasty}
    answer = await client.get(f"/x/{packed(Record(nasty, answers, told.states), view=view)}")
    assert "no longer does what it did" in answer.text
    assert "<img" not in answer.text
    assert "data-theme" not in answer.text
    assert 'id="console"' in answer.text


async def test_a_counterfactual_model_is_noticed_by_whoever_opens_the_link(client, monkeypatch):
    from dataclasses import replace

    from app.gic import IMPLEMENTATIONS, Machine
    from app.scenario import Player
    from app.web import opened

    path = f"/x/{packed(record(SCENARIO, '0.0.1'))}"
    changed = replace(IMPLEMENTATIONS["kvm"], registers="kvm-before-5.6")
    newer = lambda scenario, model: record(scenario, model, Player(scenario.machine, Machine(changed, cpus=2)))  # noqa: E731
    monkeypatch.setattr(opened, "record", newer)
    html = (await client.get(path)).text
    assert "Step 3 no longer does what it did" in html
    assert "reads 0x40210580 afterwards" in html


# -- files


async def test_every_scenario_answers_by_suffix(client, places):
    for place in places:
        gic = await client.get(f"{place}.gic")
        assert gic.headers["content-type"].startswith("text/plain")
        assert parse(gic.text) == SCENARIO
        document = (await client.get(f"{place}.json")).json()
        assert (document["format"], document["title"]) == ("giclab scenario 1", SCENARIO.title)
        assert parse("\n".join(line.get("text", "") for line in document["lines"])).operations == SCENARIO.operations
        for name in FORMATS.keys() - {"json", "link"}:
            got = await client.get(f"{place}.{name}?step=3")
            assert got.text == write(SCENARIO, name, 3).text, name
            assert got.headers["content-type"].startswith(FORMATS[name].media)
            assert got.headers["content-disposition"] == f'inline; filename="giclab.{FORMATS[name].ending}"'
        assert (await client.get(f"{place}.pdf")).status_code == 422
    assert (await client.get("/l/no-such-link-aaaa.gic")).status_code == 404
    assert (await client.get("/x/nope.svg")).status_code == 400
    assert (await client.get("/s/nope.txt")).status_code == 404


async def test_the_text_for_a_mailing_list_has_72_columns(client, places):
    for place in places:
        rows = (await client.get(f"{place}.txt?step=9")).text.splitlines()
        assert max(map(len, rows)) <= COLUMNS == 72
        assert rows[0] == SCENARIO.title
        assert ">   9  read GICR_PENDBASER@0" in rows
        assert any(row.strip() == "-> 0x0000000040210580" for row in rows)
        assert any(row.strip() == "-> holds" for row in rows)
        whole = "".join(rows[-8:]).replace("<", "").replace(">", "")
        assert whole.endswith(f"http://giclab.test{place}")


async def test_every_lesson_fits_72_columns(client):
    for lesson in LESSONS:
        text = (await client.get(f"/x/{links.pack(parse(lesson.text))}.txt")).text
        assert max(map(len, text.splitlines())) <= 72, lesson.slug


async def test_the_picture_is_a_svg_of_its_own_with_everything_escaped(client, places):
    for place in places:
        answer = await client.get(f"{place}.svg")
        assert answer.headers["content-type"].startswith("image/svg+xml")
        assert "sha256-" in answer.headers["content-security-policy"]
        root = ET.fromstring(answer.text)
        words = " ".join(root.itertext())
        assert "PTZ & a <b>first</b> LPI" in words
        for part in ("DeviceID 0x2", "ITT 0x40300000", "EventID 0x14 → INTID 8195", "ICID 0 → CPU 0", "pending"):
            assert part in words, part
        assert "prefers-color-scheme:dark" in answer.text
        assert not re.search(r"<script|href=|<image|on\w+=", answer.text)
        before = " ".join(ET.fromstring((await client.get(f"{place}.svg?step=4")).text).itertext())
        assert "No device is mapped" in before


async def test_a_picture_of_very_many_is_bounded(client):
    lines = [f"its MAPD device={n} itt={0x40400000 + n * 256:#x} size=5" for n in range(60)]
    lines += [f"its MAPC collection={n} target=0" for n in range(40)]
    text = "machine implementation=qemu\n" + "\n".join(lines) + "\n"
    root = ET.fromstring((await client.get(f"/x/{links.pack(text)}.svg")).text)
    words = " ".join(root.itertext())
    assert "36 more devices not shown" in words
    assert "16 more collections not shown" in words
    assert int(root.get("height")) < 2000


# -- sharing


async def test_the_dialog_has_links_that_open_what_is_looked_at(client, session):
    html = (await client.get(f"{session}/share?step=4&register=GICD_CTLR&tab=queue")).text
    permalink = unescape(re.search(r'id="permalink"[^>]*>([^<]*)<', html)[1])
    assert f"<b>{len(permalink)}</b> characters" in html
    link = links.unpack(permalink.removeprefix("http://giclab.test/x/"))
    assert (link.step, dict(link.view)) == (4, {"register": "GICD_CTLR", "tab": "queue"})
    assert link.record == record(SCENARIO, __version__)
    assert "Open at step 4 of 11" in html
    assert "What becomes public" in html
    assert "also the steps after the one that it opens at" in html
    assert f"http://giclab.test{session}" in html
    assert 'id="short"' not in html
    assert "stores the scenario on this server for good" in html


async def test_without_a_script_the_dialog_is_a_page_that_makes_a_short_link(client, session):
    page = (await client.get(f"{session}/share?step=4")).text
    form = re.search(r'<form class="row-in" method="post" action="([^"]+)".*?</form>', page, re.DOTALL)
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form[0]))
    made = await client.post(form[1], data=fields)
    assert made.status_code == 303
    page = (await client.get(made.headers["location"])).text
    short = unescape(re.search(r'id="short" readonly value="([^"]+)"', page)[1])
    assert re.fullmatch(r"http://giclab\.test/l/ptz-a-b-first-b-lpi-[a-z2-7]{10}\?step=4", short)
    assert shown_step((await client.get(short)).text) == 4
    frame = unescape(re.search(r'id="frame"[^>]*>([^<]*)<', page)[1])
    address = unescape(re.search(r'src="([^"]*)"', frame)[1])
    answer = await client.get(address)
    assert "frame-ancestors *" in answer.headers["content-security-policy"]
    assert shown_step(answer.text) == 4


async def test_the_options_of_the_dialog_change_the_links(client):
    base = f"/x/{packed(step=3)}"
    html = (await client.get(f"{base}/share?set=1&step=3&on=qemu&copies=1")).text
    link = links.unpack(re.search(r"/x/([\w-]+)</textarea>", html)[1])
    assert (link.step, dict(link.view)) == (None, {})
    assert "readonly=0" in html
    html = (await client.get(f"{base}/share?set=1&at=1&as=1&step=3&on=qemu")).text
    link = links.unpack(re.search(r"/x/([\w-]+)</textarea>", html)[1])
    assert (link.step, dict(link.view)) == (3, {"on": "qemu"})
    assert "readonly=0" not in html
    assert "Behave like: QEMU" in html


async def test_the_dialog_alone_is_what_a_script_gets(client, session):
    headers = {"HX-Request": "true", "HX-Target": "div#share-body"}
    part = await client.post(f"{session}/share", data={"set": "1"}, headers=headers)
    assert part.status_code == 200
    assert "<html" not in part.text
    assert 'id="short"' in part.text
    assert "<svg" in part.text
    assert not re.search(r"<style|\sstyle=|\son\w+=", part.text)


async def test_too_many_short_links_are_refused_and_say_when(client, monkeypatch):
    monkeypatch.setattr(limits, "SHORT_LINKS_PER_HOUR", 0)
    answer = await client.post("/api/v1/links", json={"scenario": TEXT, "short": True})
    assert (answer.status_code, answer.json()["limit"]) == (429, "SHORT_LINKS_PER_HOUR")
    assert answer.headers["retry-after"]
    assert (await client.post("/api/v1/links", json={"scenario": TEXT})).status_code == 201


# -- frames


async def test_a_page_for_a_frame_shows_the_player_and_the_way_out(client, places):
    for place in places:
        answer = await client.get(f"{place}?embed=1&step=8")
        html = answer.text
        assert "frame-ancestors *" in answer.headers["content-security-policy"]
        assert shown_step(html) == 8
        assert re.search(rf'<a class="btn" target="_blank" href="{place}\?step=8">Open in giclab', html)
        assert "Make it mine" not in html
        assert 'id="console"' not in html
        for href in re.findall(r'<a (?![^>]*target="_blank")[^>]*href="([^"]+)"', html):
            assert href.startswith((f"{place}?", "#", "?")), href
        steps = re.findall(r'<li class="step[^>]*><a href="([^"]+)"', html)
        assert steps
        assert all("embed=1" in href for href in steps)


async def test_a_session_in_a_frame_is_read_only_even_for_who_may_write(client, session):
    assert re.search(r"<fieldset class=\"plain\">", (await client.get(session)).text)
    html = (await client.get(f"{session}?embed=1")).text
    assert '<fieldset class="plain">' not in html
    assert 'id="events"' not in html


async def test_only_a_page_for_a_frame_may_be_framed(client, places):
    for place in places:
        for path in (place, f"{place}?embed=0", f"{place}/share?embed=1", f"{place}.svg?embed=1", "/?embed=1"):
            answer = await client.get(path)
            assert "frame-ancestors 'self'" in answer.headers["content-security-policy"], path
            assert answer.headers["x-frame-options"] == "SAMEORIGIN"


@pytest.mark.parametrize("panel", PANELS)
async def test_a_frame_shows_the_panel_that_is_asked_for(client, panel):
    html = (await client.get(f"/x/{packed()}?embed=1&panel={panel}")).text
    assert ('id="inspector"' in html) == (panel in ("all", "register"))
    assert ('id="trace"' in html) == (panel in ("all", "trace"))
    tab = re.search(r'id="t-(\w+)"[^>]*aria-selected="true"', html)
    assert (tab and tab[1]) == (None if panel in ("register", "trace") else "lpis" if panel == "all" else panel)


async def test_the_other_flags_of_a_frame(client):
    path = f"/x/{packed()}?embed=1"
    for theme in THEMES:
        html = (await client.get(f"{path}&theme={theme}")).text
        assert (f'<html lang="en" data-theme="{theme}">' in html) == (theme != "auto")
    html = (await client.get(f"{path}&readonly=0")).text
    assert re.search(r'<form method="post" action="/sessions" target="_blank">.*?Make it mine', html, re.DOTALL)
    nonsense = await client.get(f"{path}&theme=%22%3E&panel=x&readonly=x&step=x")
    assert nonsense.status_code == 200
    assert "data-theme" not in nonsense.text


async def test_the_flags_are_documented_in_one_table(client):
    page = (await client.get("/docs")).text
    section = re.search(r'<section id="embed">.*?</section>', page, re.DOTALL)[0]
    rows = re.findall(r"<tr><th scope=\"row\"><code>(\w+)</code>", section)
    assert rows == [flag.name for flag in FLAGS] == ["embed", "step", "panel", "readonly", "theme"]


# -- bad links


def damaged(form):
    whole = packed(record(SCENARIO, "9.9"))
    return {
        "cut": whole[: len(whole) // 2],
        "changed": whole[:40] + ("A" if whole[40] != "A" else "B") + whole[41:],
        "future": "Aw" + whole[2:],
        "junk": "x" * 3000,
        "blank": whole[:20] + "%20" + whole[20:],
        "bomb": bomb(),
    }[form]


def bomb():
    import base64
    import zlib

    deflate = zlib.compressobj(9, zlib.DEFLATED, -15, 9)
    data = deflate.compress(b"\0" * (30 << 20)) + deflate.flush()
    return base64.urlsafe_b64encode(b"\1\0\0" + data).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ("cut", "cut off"),
        ("changed", "link"),
        ("future", "this giclab reads formats 1 and 2: a newer one made it"),
        ("junk", "link"),
        ("blank", "does not belong in it"),
        ("bomb", "unpacks to more than"),
    ],
)
async def test_a_bad_link_is_a_clear_page_everywhere(client, form, says):
    payload = damaged(form)
    for path in ("", "/share", "/compare", ".gic", ".json", ".svg", "?embed=1"):
        answer = await client.get(f"/x/{payload}{path}")
        assert answer.status_code == 400, path
        assert says in unescape(answer.text), (path, answer.text)
    answer = await client.post("/sessions", data={"payload": payload.replace("%20", " ")})
    assert answer.status_code == 400


async def test_a_future_link_is_not_said_to_be_cut(client):
    html = (await client.get(f"/x/{damaged('future')}")).text
    assert "mail programs cut" not in html
    assert "Open it with the giclab that made it" in html


async def test_a_link_that_names_a_register_that_is_gone_shows_the_line_and_the_text_to_mend(client, app):
    text = TEXT.replace("GICR_PENDBASER@0\n", "GICR_PENDBASER9@0\n")
    path = f"/x/{links.pack(text, record=Record('9.9', (), b''))}"
    answer = await client.get(path)
    assert answer.status_code == 422
    html = unescape(answer.text)
    assert "This giclab does not know all that the link says" in html
    assert f"made with giclab 9.9; this is giclab {__version__}" in html
    assert "Unknown register GICR_PENDBASER9" in html
    assert "Did you mean GICR_PENDBASER" in html
    shown = re.search(r'<textarea[^>]*name="scenario"[^>]*>\n?(.*?)</textarea>', answer.text, re.DOTALL)[1]
    assert unescape(shown) == text
    assert "<b>first</b>" not in answer.text
    kept = shortlinks.ShortLink("a-removed-register-aaaaaaaaaa", path.removeprefix("/x/"), 1)
    await app.state.sessions.short_links._add(kept)
    assert (await client.get("/l/a-removed-register-aaaaaaaaaa")).status_code == 422
    assert (await client.get(f"{path}.svg")).status_code == 422


async def test_a_long_address_is_not_repeated_by_each_link_of_its_page(client):
    short, long = (
        links.pack(
            parse(
                "".join(f"poke {0x4000_0000 + 64 * n:#x} {n * 0x9E3779B97F4A7C15 % 2**64:016x}\n" for n in range(count))
            )
        )
        for count in (1, 1_000)
    )
    pages = [(await client.get(f"/x/{payload}")).text for payload in (short, long)]
    assert len(long) > 8_000
    assert [page.count(f"/x/{payload}") > 100 for page, payload in zip(pages, (short, long), strict=True)] == [
        True,
        False,
    ]
    first = [
        re.search(r'href="([^"]*)"[^>]*id="step-first"|id="step-first"[^>]*href="([^"]*)"', page) for page in pages
    ]
    assert [found[1] or found[2] for found in first] == [f"/x/{short}?step=0", "?step=0"]


async def test_a_view_that_names_a_register_that_is_gone_still_shows_the_scenario(client):
    answer = await client.get(f"/x/{packed(view={'register': 'GICR_PENDBASE@0'})}")
    assert "No such register" in answer.text
    assert shown_step(answer.text) == STEPS


# -- bad input


HUGE = {
    "lines": "read GICD_CTLR\n" * 100_000,
    "operations": "read GICD_CTLR\n" * 20_000,
    "megabyte": "note " + "x" * 1_000_000,
    "nul": "note a\0b\n",
    "bidi": "note \u202eevil\u202c\n",
    "number": "write GICR_CTLR@0 " + "9" * 150_000,
    "escape": "read \x1b[31mGICD_CTLR\n",
}


@pytest.mark.parametrize("name", HUGE)
async def test_a_text_made_to_break_things_is_a_clear_refusal_by_form_and_by_api(client, name):
    text = HUGE[name]
    page = await client.post("/sessions", data={"scenario": text})
    answers = [page]
    for path, body in (
        ("sessions", {"scenario": text}),
        ("play", {"scenario": text}),
        ("links", {"scenario": text, "short": True}),
    ):
        answer = await client.post(f"/api/v1/{path}", json=body)
        assert answer.headers["content-type"] == "application/problem+json", path
        assert answer.json()["detail"]
        answers.append(answer)
    assert [answer.status_code for answer in answers] == [422] * 4
    assert max(len(answer.text) for answer in answers) < 5_000


async def test_a_long_text_is_not_read_on_the_event_loop(client, monkeypatch):
    """Whatever takes a text hands it to a thread: the loop goes on meanwhile."""
    import threading

    from app.web import opened

    loop, seen = threading.get_ident(), []
    real = opened.parse
    monkeypatch.setattr(
        opened, "parse", lambda text, source: (seen.append(threading.get_ident()), real(text, source))[1]
    )
    text = TEXT + "read GICD_CTLR\n" * 2_000
    path = f"/x/{links.pack(text)}"
    for work in (path, f"{path}/share", f"{path}.gic"):
        assert (await client.get(work)).status_code == 200
    assert (await client.post("/api/v1/links", json={"scenario": text})).status_code == 201
    made = await client.post("/sessions", data={"scenario": text})
    assert (await client.get(f"{made.headers['location']}/share")).status_code == 200
    assert seen
    assert loop not in seen


async def test_what_was_opened_last_is_kept_and_no_more(app, client):
    openings: Openings = app.state.openings
    for number in range(20):
        await client.get(f"/x/{links.pack(f'note {number}')}.gic")
    assert len(openings._opened) == 16
    assert json.dumps(list(openings._opened)[-1])
