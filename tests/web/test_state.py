"""A machine's state down and up again, over the API and from the laboratory's page; what is none changes nothing."""

import json
import re
from html import unescape

import pytest

from app import limits
from app.exchange.writers import write
from app.gic import IMPLEMENTATIONS
from app.scenario import parse
from app.scenario.state_read import read_state
from tests.scenario.test_laboratory import SOURCE
from tests.web.reading import shown, words

pytestmark = pytest.mark.anyio


async def started(client, name="kvm"):
    made = await client.post("/api/v1/sessions", json={"scenario": SOURCE.format(name=name)})
    return made.json()["id"]


@pytest.mark.parametrize("name", sorted(IMPLEMENTATIONS))
async def test_down_and_up_again_is_the_same_machine(client, name):
    first = await started(client, name)
    file = await client.get(f"/api/v1/sessions/{first}/state")
    assert file.headers["content-disposition"].startswith("attachment")
    up = await client.post("/api/v1/states", content=file.content, headers={"Content-Type": "application/json"})
    assert up.status_code == 201, up.text
    second, key = up.json()["id"], up.json()["edit_key"]
    assert (await client.get(f"/api/v1/sessions/{second}/state")).text == file.text
    ops = [{"op": "ack @0"}, {"op": "eoi @0 8192"}, {"op": "ack @0"}]
    answers = [
        (
            await client.post(f"/api/v1/sessions/{second}/ops", json=op, headers={"Authorization": f"Bearer {key}"})
        ).json()
        for op in ops
    ]
    assert [answer.get("value") for answer in answers] == [8192, None, 8194]
    log = (await client.get(f"/api/v1/sessions/{second}/log")).json()
    assert parse(log["scenario"]).machine.implementation == name
    await shown(client, f"/s/{second}")
    await shown(client, f"/s/{second}/compare")


async def test_from_the_page_a_step_is_downloaded_and_uploaded(client):
    id = await started(client)  # noqa: A001
    html = await shown(client, f"/s/{id}/migrate?step=20")
    address = unescape(re.search(r'<a class="btn" href="([^"]+)" hx-boost="false" download>', html)[1])
    text = await shown(client, address)
    assert len(read_state(text)[1].pending_lpis()) == 1
    up = await client.post("/states", files={"state": ("machine.json", text, "application/json")})
    assert up.status_code == 303
    assert "LPIs pending" in words(await shown(client, f"{up.headers['location']}/migrate"))
    wrong = await client.post("/states", files={"state": ("cat.png", b"\x89PNG\r\n", "image/png")})
    assert wrong.status_code == 422
    assert "This is no machine&#39;s state" in wrong.text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not JSON"),
        (b"[1, 2]", '"format" is not "giclab-state"'),
        (b'{"format": "giclab-state", "version": 7}', "version 7"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"[" * 50_000, "not JSON"),
    ],
)
async def test_a_foreign_or_damaged_file_is_refused(client, content, said):
    answer = await client.post("/api/v1/states", content=content)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert said in answer.json()["detail"]


async def test_a_file_that_is_too_large_is_refused(client):
    answer = await client.post("/api/v1/states", content=b" " * (limits.REQUEST_BYTES + 1))
    assert answer.status_code == 413


async def test_a_line_that_holds_no_state_is_refused(client):
    id = await started(client)  # noqa: A001
    made = await client.post("/api/v1/sessions", json={"scenario": "load AAAA\n"})
    assert made.status_code == 422
    assert "this is no machine's state" in made.json()["detail"]
    assert (await client.get(f"/api/v1/sessions/{id}/log")).json()["seq"] == 22


def test_the_command_line_writes_the_same_file():
    scenario = parse(SOURCE.format(name="qemu"))
    written = write(scenario, "state")
    assert json.loads(written.text)["machine"]["implementation"] == "qemu"
    assert read_state(written.text)[0] == scenario.machine
