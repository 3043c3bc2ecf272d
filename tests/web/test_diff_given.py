"""Two machines compared on /diff that were pasted or uploaded, alone or beside an address."""

import gzip
import json
import re
from html import unescape

import anyio.to_thread
import pytest
from typer.testing import CliRunner

from app import limits
from app.cli import cli
from app.diff.side import compared
from app.scenario import links, parse
from app.web import given
from tests.web.reading import words
from tests.web.test_diff import STEPS, TEXT

pytestmark = pytest.mark.anyio
SMALL = "machine implementation=kvm-before-5.6 cpus=2\nwrite GICR_PENDBASER@0 PTZ=1\nwrite GICD_ISENABLER1 0x100\n"
OTHER = SMALL.replace("0x100", "0x300")
TRACE = """gicv3_dist_write GICv3 distributor write: offset 0x104 data 0x2 size 4 secure 0
gicv3_dist_read GICv3 distributor read: offset 0x104 data 0x2 size 4 secure 0
"""
WRONG = "machine implementation=kvm\n  write GICD_NOTHING <1>\nread GICD_TYPER\nexpct GICD_CTLR == 0\n"


@pytest.fixture
async def session(client):
    """The path of a session with these steps."""
    return f"/s/{(await client.post('/api/v1/sessions', json={'scenario': TEXT})).json()['id']}"


@pytest.fixture
def state():
    """The machine after SMALL, as a saved state."""
    done = CliRunner().invoke(cli, ["export", "-", "--to", "state"], input=SMALL)
    assert done.exit_code == 0, done.output
    return done.stdout


async def sent(client, status=200, files=None, **fields):
    """The page that answers the form."""
    answer = await client.post("/diff", data=fields, files=files)
    assert answer.status_code == status, words(answer.text)
    return answer.text


def area(html, letter):
    """What the text field of a side holds, as a browser reads it."""
    found = re.search(rf'<textarea[^>]* name="{letter}_text"[^>]*>(.*?)</textarea>', html, re.DOTALL)
    return unescape(found[1].removeprefix("\n"))


def error(html, letter, field):
    """What is said beside a field, "" if nothing."""
    name = f"err-{letter}" if field == "address" else f"err-{letter}-{field}"
    found = re.search(rf'<div class="dif__err" id="{name}">(.*?)</div></div>', html, re.DOTALL)
    if found is None:
        return ""
    assert f'aria-describedby="{name}"' in html
    return words(found[1])


# -- what is compared


async def test_two_pasted_scenarios_are_compared_as_the_command_line_compares_files(client, tmp_path):
    html = words(await sent(client, a_text=SMALL, b_text=OTHER))
    one, other = tmp_path / "one.gic", tmp_path / "other.gic"
    one.write_text(SMALL)
    other.write_text(OTHER)
    done = CliRunner().invoke(cli, ["diff", str(one), str(other), "--json"])
    told = json.loads(done.stdout)
    assert told["says"].capitalize() in html
    [register] = told["registers"]["rows"]
    assert register["register"] in html
    for field in register["fields"]:
        assert f"{field['name']} {field['note']}" in html
        assert f"A {field['a_text']} B {field['b_text']}" in html


@pytest.mark.parametrize("form", ["multipart", "urlencoded"])
async def test_the_form_may_be_sent_either_way(client, form):
    files = {"a_file": ("", b""), "b_file": ("", b"")} if form == "multipart" else {}
    html = await sent(client, files=files, a_text=SMALL, b_text=OTHER)
    assert "1 difference" in words(html)


async def test_two_files_are_compared_and_their_text_is_kept(client):
    files = {"a_file": ("one.gic", SMALL.encode()), "b_file": ("other.gic", OTHER.replace("\n", "\r\n").encode())}
    html = await sent(client, files=files)
    assert "1 difference" in words(html)
    assert (area(html, "a"), area(html, "b")) == (SMALL, OTHER)
    assert 'name="b_name" value="other.gic"' in html
    assert "B other.gic step 2 of 2, on kvm-before-5.6" in words(html)


async def test_a_saved_state_is_compared_with_the_scenario_that_it_is_of(client, state):
    html = words(await sent(client, a_text=state, b_text=SMALL))
    assert "Nothing differs" in html
    assert "A Pasted text a saved state, on kvm-before-5.6" in html
    html = words(await sent(client, files={"a_file": ("state.json", state.encode())}, b_text=OTHER))
    assert "Set_enable_bit9" in html


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
async def test_a_log_is_imported(client, pack):
    html = await sent(
        client, files={"b_file": ("trace.log", pack(TRACE.encode()))}, a_text="machine implementation=qemu"
    )
    assert "Set_enable_bit1" in words(html)
    assert "B trace.log" in words(html)


async def test_a_lesson_is_a_scenario_also_when_its_text_comes_back(client):
    lesson = (await client.get("/lessons/ptz-reads-as-zero")).status_code
    assert lesson == 200
    from app.scenario.lessons import FOLDER

    text = (FOLDER / "ptz-reads-as-zero.md").read_text()
    html = await sent(client, files={"a_file": ("ptz.md", text.encode())}, b_text=SMALL)
    again = await sent(client, a_text=area(html, "a"), a_name="ptz.md", b_text=SMALL)
    assert words(again).partition("Compare others")[0] == words(html).partition("Compare others")[0]


async def test_an_address_is_compared_with_a_pasted_text(client, session):
    assert "Nothing differs" in words(await sent(client, a=session, b_text=TEXT))
    html = await sent(client, a_text=TEXT, b=f"{session}?step=7")
    assert "INTID 8195" in words(html)
    assert f'href="{session}?step=7&amp;from=8195"' in html
    assert f'name="b" value="{session}?step=7"' in html


async def test_the_step_and_the_implementation_of_a_side_count(client, session):
    html = words(await sent(client, a_text=SMALL, a_step="1", b_text=SMALL, b_on="kvm"))
    assert "A Pasted text step 1 of 2, on kvm-before-5.6" in html
    assert "B Pasted text step 2 of 2, on kvm" in html
    assert "step 1 of 2" in words(await sent(client, a_text=SMALL, a_step="-1", b_text=SMALL))
    answer = await client.post("/diff", data={"a": session, "a_step": "3", "b": f"{session}?step=2", "b_on": "qemu"})
    assert answer.headers["location"] == f"/diff?a={session}%3Fstep%3D3&b={session}%3Fstep%3D2%26on%3Dqemu"


async def test_two_addresses_have_a_page_of_their_own(client, session):
    answer = await client.post("/diff", data={"a": session, "b": f"{session}?step=2"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/diff?a={session}&b={session}%3Fstep%3D2")


async def test_short_scenarios_lead_into_the_explorer_and_to_a_page_of_their_own(client):
    html = await sent(client, a_text=SMALL, b_text=OTHER)
    payload = links.pack(parse(OTHER))
    href = f"/x/{payload}?step=2&register=GICD_ISENABLER1"
    assert href.replace("&", "&amp;") in html
    assert "Set_enable_bit9" in (await client.get(href)).text
    link = unescape(re.search(r'href="(/diff[^"]+)">Link to this comparison', html)[1])
    assert "1 difference" in words((await client.get(link)).text)


async def test_what_no_link_can_show_leads_nowhere(client, state, monkeypatch):
    html = await sent(
        client, a_text=SMALL, b_text=state.replace('"GICD_ISENABLER1": "0x100"', '"GICD_ISENABLER1": "0x1"')
    )
    assert "/x/" not in html.partition('id="registers"')[2]
    assert "Swap" not in html
    monkeypatch.setattr(limits, "DIFFERENCE_LINK_CHARACTERS", 10)
    assert "/x/" not in await sent(client, a_text=SMALL, b_text=OTHER)


async def test_nothing_of_it_is_stored(app, client):
    await sent(client, a_text=SMALL, b_text=OTHER)
    assert await app.state.sessions._store.count() == 0


# -- what cannot be read


async def test_lines_that_cannot_be_read_are_told_beside_the_text_which_is_kept(client):
    for wrong, right in (("a", "b"), ("b", "a")):
        html = await sent(client, 422, **{f"{wrong}_text": WRONG, f"{right}_text": SMALL})
        told = error(html, wrong, "text")
        assert "Line 2, column 9: unknown register GICD_NOTHING" in told
        assert "Line 4, column 1: unknown verb expct" in told
        assert "Did you mean expect?" in told
        assert error(html, right, "text") == ""
        assert (area(html, wrong), area(html, right)) == (WRONG, SMALL)
        assert f'<a href="#in-{wrong}-text">' in html


async def test_both_are_told_of_where_both_are_wrong(client):
    html = await sent(client, 404, a="/s/nothing", b_text=WRONG)
    assert "no session 'nothing'" in error(html, "a", "address")
    assert "Line 2" in error(html, "b", "text")
    assert 'value="/s/nothing"' in html


async def test_a_long_list_of_bad_lines_is_cut(client):
    html = await sent(client, 422, a_text="read GICD_NO\n" * 9, b_text=SMALL)
    told = error(html, "a", "text")
    assert "Line 5, column 6" in told
    assert "Line 6" not in told
    assert "And 4 more lines." in told


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"a": 1}', 'Format: not a machine\'s state: "format" is not "giclab-state"'),
        ('{"format": "giclab-state"\n ,,', "at line 2 column 3"),
        ("wrte GICD_CTLR 1\n", "Line 1, column 1: unknown verb wrte. Expected a known verb."),
        ("hello\n", "Neither a scenario nor something to import"),
        ("machine implementation=vax", "Line 1, column 24"),
        ('<script>alert("1")</script>', "Neither a scenario"),
    ],
)
async def test_a_text_that_is_something_else_is_said_to_be(client, content, says):
    html = await sent(client, 422, a_text=SMALL, b_text=content)
    assert says in error(html, "b", "text")
    assert area(html, "b") == content
    assert "<script>alert" not in html


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("image.bin", b"\0\1\2", "this is no text"),
        ("cut.log.gz", gzip.compress(TRACE.encode())[:-9], "the gzip file is damaged"),
        ("latin.gic", "note äöü".encode("latin-1"), "is not UTF-8"),
        ("empty.gic", b"", "There is nothing in empty.gic"),
    ],
)
async def test_a_file_that_is_no_text_is_told_of_beside_the_file(client, name, data, says):
    html = await sent(client, 422, files={"b_file": (name, data)}, a_text=SMALL)
    assert says in error(html, "b", "file")
    assert area(html, "a") == SMALL
    assert area(html, "b") == ""
    assert (f"{name} is no text" in html) == bool(data)


@pytest.mark.parametrize(
    ("fields", "field", "says"),
    [
        ({}, "address", "Nothing is given here"),
        ({"b_text": " \n"}, "address", "Nothing is given here"),
        ({"b": "/s/x", "b_text": SMALL}, "address", "There is an address and a text"),
        ({"b_text": SMALL, "b_step": "two"}, "step", "'two' is no step"),
        ({"b_text": SMALL, "b_step": "3"}, "step", "There is no step 3, it has 2"),
        ({"b_text": SMALL, "b_on": "vax"}, "on", "no implementation 'vax'"),
        ({"b": "https://elsewhere.example/s/x"}, "address", "another site"),
    ],
)
async def test_each_field_has_what_is_wrong_with_it_beside_it(client, fields, field, says):
    html = await sent(client, 422, a_text=SMALL, **fields)
    assert says in error(html, "b", field)
    assert html.count('class="dif__err"') == 1
    assert area(html, "a") == SMALL
    assert area(html, "b").strip() == fields.get("b_text", "").strip()


async def test_a_saved_state_has_no_steps_and_one_implementation(client, state):
    assert "no steps" in error(await sent(client, 422, a_text=state, a_step="1", b_text=SMALL), "a", "step")
    assert "cannot be played on qemu" in error(
        await sent(client, 422, a_text=state, a_on="qemu", b_text=SMALL), "a", "on"
    )


async def test_the_step_of_a_session_that_it_has_not_is_told_beside_the_step(client, session):
    html = await sent(client, 404, a=session, a_step=str(STEPS + 1), b_text=TEXT)
    assert "no step 9" in error(html, "a", "step")


async def test_a_first_empty_line_is_kept(client):
    html = await sent(client, 422, a_text="\n\nread GICD_NO", b_text=SMALL)
    assert area(html, "a") == "\n\nread GICD_NO"


# -- bounds


async def test_another_site_cannot_send_it(client):
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert (await client.post("/diff", data={"a_text": SMALL, "b_text": OTHER}, headers=headers)).status_code == 403


async def test_the_whole_is_bounded(client, monkeypatch):
    monkeypatch.setattr(limits, "REQUEST_BYTES", 1000)
    answer = await client.post("/diff", data={"a_text": "#" * 1000, "b_text": SMALL})
    assert answer.status_code == 413


async def test_what_a_file_unpacks_to_is_bounded(client, monkeypatch):
    monkeypatch.setattr(limits, "REQUEST_BYTES", 50_000)
    packed = gzip.compress(TRACE.encode() + b"nothing of it\n" * 10_000)
    html = await sent(client, 422, files={"b_file": ("trace.gz", packed)}, a_text=SMALL)
    assert "it unpacks to more than 50,000 bytes" in error(html, "b", "file")


async def test_the_work_is_done_beside_the_event_loop(client, monkeypatch):
    asked = []
    run_sync = anyio.to_thread.run_sync

    async def noted(work, *arguments, **options):
        asked.append(getattr(work, "func", work))
        return await run_sync(work, *arguments, **options)

    monkeypatch.setattr(anyio.to_thread, "run_sync", noted)
    await sent(client, a_text=SMALL, b_text=OTHER)
    assert asked.count(given._read) == 2
    assert compared in asked


async def test_the_work_counts_against_the_request(client, monkeypatch):
    monkeypatch.setattr(limits, "WORK_PER_REQUEST", 150)
    html = await sent(client, 422, a_text=SMALL, b_text=OTHER)
    assert "A limit was reached" in error(html, "a", "text") + error(html, "b", "text")
    assert area(html, "a") == SMALL


async def test_lines_that_become_no_step_count_too(client, monkeypatch):
    monkeypatch.setattr(limits, "WORK_PER_REQUEST", 50_000)
    html = await sent(client, 422, a_text=TRACE + "nothing of it\n" * 20_000, b_text=SMALL)
    assert "A limit was reached" in error(html, "a", "text")


async def test_a_comparison_that_is_too_much_keeps_what_was_pasted(client, monkeypatch):
    monkeypatch.setattr(limits, "WORK_PER_REQUEST", 400)
    html = await sent(client, 422, a_text=SMALL, b_text=OTHER)
    assert "A limit was reached" in words(html)
    assert 'class="dif__err"' not in html
    assert (area(html, "a"), area(html, "b")) == (SMALL, OTHER)


async def test_without_a_form_there_is_nothing_given(client):
    answer = await client.post("/diff", content=b"\xff\xfe", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 422
    assert "Nothing is given here" in error(answer.text, "a", "address")
