"""A session as text in the browser: edited, checked, saved as a branch; and what the console may complete."""

import re

import pytest

from tests.web.reading import shown, words

pytestmark = pytest.mark.anyio
TEXT = "title Mine <b>\nmachine implementation=kvm cpus=2\n# why\nread GICD_CTLR\nread GICD_TYPER\n"
BAD = "read GICD_CTLR\nraed GICD_CTLR\nwrite GICR_PENDBASER@0 PZT=1\n"


@pytest.fixture
async def path(client):
    return (await client.post("/sessions", data={"scenario": TEXT})).headers["location"]


def content(html):
    """What the textarea holds, as a browser reads it: the first line end after the tag does not count."""
    inside = re.search(r'<textarea id="text"[^>]*>\n(.*?)</textarea>', html, re.DOTALL)[1]
    return inside.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


async def test_the_text_is_there_as_it_was_written(client, path):
    assert content(await shown(client, f"{path}/text")) == TEXT


async def test_saving_puts_it_in_the_place_of_the_log_and_keeps_the_old_one(client, path):
    text = TEXT.replace("GICD_TYPER", "GICD_IIDR")
    answer = await client.post(f"{path}/text", data={"scenario": text.replace("\n", "\r\n")})
    assert (answer.status_code, answer.headers["location"]) == (303, path)
    assert content(await shown(client, f"{path}/text")) == text
    assert "1 other step after step 1 read GICD_TYPER" in words(await shown(client, path))


async def test_what_is_wrong_stands_beside_the_text_and_nothing_is_lost(client, path):
    answer = await client.post(f"{path}/text", data={"scenario": BAD})
    assert answer.status_code == 422
    assert content(answer.text) == BAD
    told = words(answer.text)
    assert "line 2, column 1 Unknown verb raed." in told
    assert "Did you mean read" in told
    assert "line 3, column 24 Unknown field of GICR_PENDBASER PZT." in told
    assert "Did you mean PTZ" in told
    assert content(await shown(client, f"{path}/text")) == TEXT


async def test_a_text_is_checked_while_it_is_typed(client, path):
    answer = await client.post(f"{path}/text/check", data={"scenario": BAD}, headers={"HX-Request": "true"})
    assert re.findall(r'data-line="(\d+)" data-column="(\d+)"', answer.text) == [("2", "1"), ("3", "24")]
    answer = await client.post(f"{path}/text/check", data={"scenario": TEXT})
    assert "Every line can be read." in answer.text


async def test_who_only_watches_reads_and_saves_nothing(client, path):
    client.cookies.clear()
    html = await shown(client, f"{path}/text")
    assert re.search(r'<textarea id="text"[^>]* readonly', html)
    assert "Save as a new branch" not in html
    answer = await client.post(f"{path}/text", data={"scenario": "note mine now\n"})
    assert answer.status_code == 401
    assert content(answer.text) == "note mine now\n"
    assert content(await shown(client, f"{path}/text")) == TEXT


@pytest.mark.parametrize(
    ("scenario", "status", "says"),
    [
        ("\x00\x01PNG", 422, "Control character"),
        ("# " + "x" * (3 << 20), 422, "too long to keep"),
        ("note x\n" * 10_001, 422, "operations are too many"),
        ("---\nno end\n", 422, "not closed"),
    ],
)
async def test_a_text_that_is_no_scenario_is_answered_clearly(client, path, scenario, status, says):
    answer = await client.post(f"{path}/text", data={"scenario": scenario})
    assert answer.status_code == status
    assert says in words(answer.text)


async def test_the_console_is_told_what_may_come_next(client, path):
    await client.post(f"{path}/ops", data={"kind": "console", "op": "its MAPD device=7 itt=0x40300000 size=5"})
    answer = await client.get(f"{path}/complete", params={"line": "its INV device="})
    assert answer.json() == {"start": 8, "options": [["device=7", ""]]}
    answer = await client.get(f"{path}/complete", params={"line": "read GICR_CTLR@"})
    assert [text for text, _ in answer.json()["options"]] == ["GICR_CTLR@0", "GICR_CTLR@1"]
    answer = await client.get(f"{path}/complete", params={"line": "ack ", "machine": "machine cpus=1"})
    assert [text for text, _ in answer.json()["options"]] == ["@0"]
    answer = await client.get(f"{path}/complete", params={"line": "ack ", "machine": "machine cpus=none"})
    assert answer.status_code == 200


async def test_without_a_script_the_console_offers_whole_lines(client, path):
    html = await shown(client, path)
    assert re.search(r'<input id="con"[^>]* list="con-lines"', html)
    listed = re.findall(r'<option value="([^"]+)">', re.search(r'<datalist id="con-lines">.*?</datalist>', html)[0])
    assert "its MAPTI device= event= intid= collection=" in listed
