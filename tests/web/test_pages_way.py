"""The way of an MSI on the page and in the API: the same facts, editable, live, and at any step."""

import re
from html import unescape

import pytest

from app.web.views.lines import lines_of
from tests.web.pending import LINES, session

pytestmark = pytest.mark.anyio
PENDING = LINES + "poke   0x40200003 a1\n"
NAMES = ["architecture", "kvm", "kvm-before-5.6", "qemu"]
HX = {"HX-Request": "true", "HX-Target": "section#way"}


@pytest.fixture
async def path(client):
    return await session(client, PENDING.format(name="kvm"))


def section(html):
    return re.search(r'<section class="way" id="way".*?</section>', html, re.DOTALL)[0]


def text_of(html):
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def stops(html):
    """(name, state, words) of each stop, its forms left out."""
    found = re.split(r'<li class="stop stop--', section(html))[1:]
    return [
        (
            re.search(r'id="way-([\w-]+)"', each)[1],
            each.split('"')[0],
            text_of(re.sub(r"<details.*?</details>", "", each, flags=re.DOTALL)[each.index(">") + 1 :]),
        )
        for each in found
    ]


def forms(html, name):
    """The forms of a stop, each as the fields that a browser would send, and its buttons."""
    part = next(each for each in re.split(r'<li class="stop ', section(html)) if f'id="way-{name}"' in each)
    found = []
    for form in re.findall(r"<form method=\"post\".*?</form>", part, re.DOTALL):
        fields = dict(re.findall(r'<input[^>]* name="([^"]+)" value="([^"]*)"', form))
        for select, options in re.findall(r'<select[^>]* name="(\w+)">(.*?)</select>', form, re.DOTALL):
            fields[select] = re.search(r"selected>(\w+)", options)[1]
        buttons = [
            (unescape(re.search(r'value="([^"]*)"', button)[1]) if "value=" in button else "", label)
            for button, label in re.findall(r"<button([^>]*)>([^<]*)</button>", form)
        ]
        found.append((fields, buttons))
    return found


async def test_no_way_is_shown_that_was_not_asked_for(client, path):
    html = (await client.get(path)).text
    assert "hidden" in section(html).split(">")[0]
    assert stops(html) == []
    assert "data-refresh" not in section(html)


@pytest.mark.parametrize("name", NAMES)
async def test_the_page_and_the_chain_break_at_the_same_condition(client, name):
    path = await session(client, PENDING.format(name=name))
    html = (await client.get(f"{path}?way=8195")).text
    chain = (await client.get(f"/api/v1/sessions/{path.removeprefix('/s/')}/why/8195")).json()
    broken = [words for _, state, words in stops(html) if state == "broken"]
    [told] = broken
    link = next(each for each in chain["links"] if not each["holds"])
    assert link["says"] in re.sub(r"\s+([,.:;])", r"\1", told)
    assert "To mend it:" in told
    assert html.count("To mend it:") == 1


async def test_ram_and_the_cached_value_stand_side_by_side(client, path):
    html = (await client.get(f"{path}?way=8195")).text
    [config] = [words for name, _, words in stops(html) if name == "configuration"]
    assert "0x40200003 a1 kept inside: a0 disabled, priority 0xa0 ≠ needs INV" in config
    assert "Read when the LPI is mapped, cached until INV or INVALL." in config
    assert "the cached configuration byte says disabled, RAM says enabled" in config
    assert "Issue INV (or INVALL)." in config


async def test_what_an_implementation_does_not_keep_is_drawn_as_absent(client):
    path = await session(client, PENDING.format(name="qemu").replace("msi    device=2 event=20\n", ""))
    html = (await client.get(f"{path}?way=8195")).text
    config = next(words for name, _, words in stops(html) if name == "configuration")
    assert "nothing kept Read at each evaluation" in config
    kept = section((await client.get(f"{path}?way=8195&on=kvm")).text)
    assert "nothing kept" not in kept
    assert "In lists of its own; RAM is written by SAVE_TABLES" in text_of(kept)


@pytest.mark.parametrize(
    ("asked", "headline", "at"),
    [
        ("0x2:0x14", "The way of INTID 8195: not signalled", "configuration"),
        ("2:20", "The way of INTID 8195: not signalled", "configuration"),
        ("0x2:", "The way of INTID 8195: not signalled", "configuration"),
        ("0x2:0x15", "Event 0x2:0x15 maps to no LPI", "itt-entry"),
        ("0x2:0x99", "Event 0x2:0x99 maps to no LPI", "event"),
        ("0x7:", "Event 0x7:0x0 maps to no LPI", "device-entry"),
        ("0x2003", "The way of INTID 8195: not signalled", "configuration"),
        ("8200", "The way of INTID 8200: not signalled", "itt-entry"),
    ],
)
async def test_a_way_has_an_address(client, path, asked, headline, at):
    html = (await client.get(path, params={"way": asked})).text
    assert headline in text_of(section(html))
    assert [name for name, state, _ in stops(html) if state == "broken"] == [at]


@pytest.mark.parametrize("asked", ["40", "70000", "0x2:0x", "x", "0x100000000:1", "8195@0", "-1", "<b>"])
async def test_a_question_that_makes_no_sense_gets_a_clear_answer(client, path, asked):
    answer = await client.get(path, params={"way": asked})
    assert answer.status_code == 200
    assert "No such way." in text_of(section(answer.text))
    assert '<b>"' not in section(answer.text)


async def test_lpis_devices_and_events_lead_to_their_ways(client, path):
    html = (await client.get(f"{path}?tab=devices")).text
    row = re.search(r'<tr[^>]* id="lpi-8195">.*?</tr>', html, re.DOTALL)[0]
    targets = [unescape(href) for href in re.findall(r'href="([^"]*way=[^"]*)"', html)]
    assert any("way=8195" in href for href in re.findall(r'href="([^"]+)"', row))
    assert {href.partition("way=")[2] for href in targets} == {"8195#way", "0x2:#way", "0x2:0x14#way"}
    why = (await client.get(f"{path}?why=8195")).text
    assert "See its way" in why
    for href in set(targets):
        assert "The way of INTID 8195" in (await client.get(href)).text


async def test_the_part_alone_is_what_the_page_shows(client, path):
    part = await client.get(f"{path}?way=8195", headers=HX)
    assert part.text.strip().startswith('<section class="way" id="way"')
    whole = (await client.get(f"{path}?way=8195")).text
    assert stops(part.text) == stops(whole)
    assert 'data-refresh="' in section(whole)


async def test_the_past_and_a_link_have_their_ways(client, path):
    past = (await client.get(f"{path}?way=8195&step=6")).text
    assert [name for name, state, _ in stops(past) if state == "broken"] == ["itt-entry"]
    assert "after step 6" in text_of(section(past))
    made = await client.post("/api/v1/links", json={"scenario": PENDING.format(name="kvm")})
    link = (await client.get(f"{made.json()['link']}?way=0x2:0x14")).text
    assert [name for name, state, _ in stops(link) if state == "broken"] == ["configuration"]
    assert 'fieldset class="plain" aria-label="Configuration byte: In RAM" disabled' in section(link)


EDITS = [
    ("device", 0, 0, "write GITS_CTLR Enabled=0", None),
    ("device", 1, 0, "msi device=0x2 event=0x14", None),
    ("device-entry", 0, 0, "poke 0x41010010 00 00 00 00 00 00 00 00", {}),
    ("device-entry", 1, 0, "its MAPD device=0x2 size=7 itt=0x40300000", {"operand.size": "7"}),
    ("device-entry", 1, 1, "its MAPD device=0x2 valid=0", None),
    ("itt-entry", 1, 0, "its MAPTI device=0x2 event=0x14 intid=8200 collection=1", {"operand.intid": "8200"}),
    ("itt-entry", 1, 1, "its DISCARD device=0x2 event=0x14", None),
    ("itt-entry", 2, 0, "its MOVI device=0x2 event=0x14 collection=2", {"operand.collection": "2"}),
    ("collection", 1, 0, "its MAPC collection=1 target=1", {"operand.target": "1"}),
    ("collection", 1, 1, "its MAPC collection=1 valid=0", None),
    ("redistributor", 0, 0, "write GICR_CTLR@0 EnableLPIs=0", None),
    ("configuration", 0, 0, "poke 0x40200003 b1", {"bytes": "b1"}),
    ("configuration", 1, 0, "poke 0x40200003 80", {"priority": "0x80", "enable": "0"}),
    ("configuration", 2, 0, "its INV device=0x2 event=0x14", None),
    ("configuration", 2, 1, "its INVALL collection=1", None),
    ("pending", 0, 0, "poke 0x40210400 08", {"bytes": "08"}),
    ("pending", 1, 1, "its INT device=0x2 event=0x14", None),
    ("pending", 1, 2, "its CLEAR device=0x2 event=0x14", None),
    ("cpu", 0, 0, "write ICC_PMR_EL1@0 0xf8", {"value": "0xf8"}),
    ("cpu", 1, 0, "write GICD_CTLR EnableGrp1=1", None),
    ("cpu", 1, 1, "write ICC_IGRPEN1_EL1@0 1", None),
    ("cpu", 1, 2, "ack @0", None),
]


@pytest.mark.parametrize(("stop", "form", "button", "line", "typed"), EDITS)
async def test_each_edit_posts_an_operation_without_a_script(client, path, stop, form, button, line, typed):
    html = (await client.get(f"{path}?way=8195")).text
    fields, buttons = forms(html, stop)[form]
    op, _ = buttons[button]
    data = {**fields, **(typed or {}), **({"op": op} if op else {})}
    answer = await client.post(f"{path}/ops?way=8195", data=data)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{path}?way=8195")
    log = (await client.get(f"/api/v1/sessions/{path.removeprefix('/s/')}/log")).json()
    assert " ".join(log["operations"][-1]["text"].split()) == " ".join(line.split()) or same(log, line)


def same(log, line):
    """The log writes numbers in its own way."""

    def numbers(text):
        return [int(word, 0) if re.fullmatch(r"0x[0-9a-f]+|\d+", word) else word for word in re.split(r"[\s=@]+", text)]

    return numbers(log["operations"][-1]["text"]) == numbers(line)


async def test_write_then_inv_is_two_steps_that_mend_the_way(client, path):
    fields, _ = forms((await client.get(f"{path}?way=8195")).text, "configuration")[1]
    before = (await client.get(f"/api/v1/sessions/{path.removeprefix('/s/')}/log")).json()["seq"]
    await client.post(f"{path}/ops?way=8195", data={**fields, "do": "inv"})
    log = (await client.get(f"/api/v1/sessions/{path.removeprefix('/s/')}/log")).json()
    assert log["seq"] == before + 2
    html = (await client.get(f"{path}?way=8195")).text
    assert [name for name, state, _ in stops(html) if state == "broken"] == ["cpu"]


async def test_a_refused_edit_is_told_at_the_way_and_keeps_what_was_typed(client, path):
    fields, _ = forms((await client.get(f"{path}?way=8195")).text, "device-entry")[1]
    answer = await client.post(f"{path}/ops?way=8195", data={**fields, "operand.itt": "0x40300001"})
    assert answer.status_code == 422
    part = section(answer.text)
    assert 'role="alert"' in part
    assert 'value="0x40300001"' in part
    bad, _ = forms((await client.get(f"{path}?way=8195")).text, "configuration")[1]
    for wrong in ("0xa1", "", "zz", "0x1a0"):
        answer = await client.post(f"{path}/ops?way=8195", data={**bad, "priority": wrong})
        assert answer.status_code == 422, wrong
    scripted = await client.post(f"{path}/ops", data={**fields, "operand.itt": "1"}, headers={"HX-Request": "true"})
    assert (scripted.status_code, 'role="alert"' in scripted.text) == (422, True)


def test_a_configuration_byte_is_made_of_its_meaning():
    form = {
        "kind": "lpi-config",
        "address": "0x40200003",
        "priority": "0xa0",
        "enable": "1",
        "event": "device=2 event=1",
    }
    assert lines_of(form, None, None) == ("poke 0x40200003 a1",)
    assert lines_of({**form, "do": "inv"}, None, None) == ("poke 0x40200003 a1", "its INV device=2 event=1")


@pytest.mark.parametrize("name", NAMES)
async def test_the_api_tells_what_the_page_shows(client, name):
    path = await session(client, PENDING.format(name=name))
    api = f"/api/v1/sessions/{path.removeprefix('/s/')}"
    way = (await client.get(f"{api}/way/8195")).json()
    assert (way["device"], way["event"], way["intid"], way["icid"], way["cpu"]) == (2, 20, 8195, 1, 0)
    shown = stops((await client.get(f"{path}?way=8195")).text)
    assert [(each["name"], each["state"]) for each in way["stops"]] == [(stop, state) for stop, state, _ in shown]
    chain = (await client.get(f"{api}/why/8195")).json()
    assert [link for each in way["stops"] for link in each["links"]] == chain["links"]
    assert (way["signalled"], way["broken"], way["words"]) == (chain["signalled"], chain["broken"], chain["words"])
    for each, (_, _, words) in zip(way["stops"], shown, strict=True):
        for cell in each["cells"]:
            assert f"{cell['address']:#x}" in words
    config = next(each for each in way["stops"] if each["name"] == "configuration")
    assert config["cells"] == [{"address": 0x40200003, "hex": "a1", "words": "enabled, priority 0xa0"}]
    assert config["stale"] is (name != "qemu")
    by_event = (await client.get(f"{api}/way/0x2/0x14")).json()
    assert (by_event["words"], by_event["intid"]) == (way["words"], 8195)
    past = (await client.get(f"{api}/way/0x2/0x14?step=5")).json()
    assert (past["intid"], past["broken"]) == (None, "ITT entry")


async def test_the_api_refuses_what_is_no_lpi(client, path):
    api = f"/api/v1/sessions/{path.removeprefix('/s/')}"
    for asked in ("40", "65536", "x", "-1", "0x100000000"):
        answer = await client.get(f"{api}/way/{asked}")
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
    assert (await client.get(f"{api}/way/0x100000000/0")).status_code == 422
