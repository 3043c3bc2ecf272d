"""Exports over the API: which formats there are, a session or a scenario in each, and what a format cannot say."""

import pytest

from app import limits
from app.exchange import writers
from app.scenario import parse

pytestmark = pytest.mark.anyio
SCENARIO = (
    "title Exported\nmachine implementation=kvm cpus=2\nwrite GICR_PENDBASER@0 PTZ=1\n"
    "read GICR_PENDBASER@0\nexpect GICR_PENDBASER@0.PTZ == 0\nack @0\n"
)


@pytest.fixture
async def base(client):
    made = (await client.post("/api/v1/sessions", json={"scenario": SCENARIO})).json()
    return f"/api/v1/sessions/{made['id']}"


async def test_the_list_names_every_format_with_its_file_and_media_type(client):
    told = (await client.get("/api/v1/exports")).json()["formats"]
    assert [each["format"] for each in told] == list(writers.FORMATS)
    by_name = {each["format"]: each for each in told}
    assert by_name["csv"] == {
        "format": "csv",
        "about": writers.FORMATS["csv"].about,
        "file": "giclab.csv",
        "media_type": "text/csv",
        "state": True,
    }
    assert not by_name["qtest"]["state"]


@pytest.mark.parametrize("name", writers.FORMATS)
async def test_a_session_and_a_scenario_are_written_as_by_the_command_line(client, base, name):
    expected = writers.write(parse(SCENARIO), name)
    of_session = (await client.get(f"{base}/export/{name}")).json()
    of_text = (await client.post("/api/v1/export", json={"scenario": SCENARIO, "format": name})).json()
    assert of_session == of_text
    assert (of_text["text"], tuple(of_text["remarks"])) == (expected.text, expected.remarks)
    assert of_text["media_type"] == writers.FORMATS[name].media


async def test_a_step_is_the_one_whose_state_is_written(client, base):
    before = (await client.get(f"{base}/export/vgic-state?step=0")).json()["text"]
    assert before == writers.write(parse(SCENARIO), "vgic-state", 0).text
    assert (await client.get(f"{base}/export/vgic-state?step=9")).status_code == 404


async def test_what_a_format_cannot_say_is_remarked(client, base):
    remarks = (await client.get(f"{base}/export/qtest")).json()["remarks"]
    assert "line 6: system registers need a running CPU" in remarks


async def test_bad_requests_say_what_would_be_right(client, base):
    unknown = await client.get(f"{base}/export/yaml")
    assert unknown.status_code == 422
    assert "kvm-unit-tests" in unknown.text
    bad = await client.post("/api/v1/export", json={"scenario": "sing\n", "format": "c"})
    assert (bad.status_code, bad.json()["line"]) == (422, 1)
    long = "machine\n" + "read GICD_CTLR\n" * (limits.OPERATIONS_PER_PLAY + 1)
    refused = await client.post("/api/v1/export", json={"scenario": long, "format": "c"})
    assert refused.json()["limit"] == "OPERATIONS_PER_PLAY"
