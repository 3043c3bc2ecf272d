"""`POST /play`: a scenario on several implementations, nothing stored."""

import pytest

from app import limits

pytestmark = pytest.mark.anyio
PTZ = """\
title  PTZ reads as zero
write  GICR_PENDBASER@0 PTZ=1 Physical_Address=0x40210000
read   GICR_PENDBASER@0
expect GICR_PENDBASER@0.PTZ == 0
"""


async def play(client, scenario, *on):
    answer = await client.post("/api/v1/play", json={"scenario": scenario, "on": list(on)})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_each_step_is_told_for_each_implementation(app, client):
    told = await play(client, PTZ, "architecture", "kvm", "kvm-before-5.6", "qemu")
    assert told["title"] == "PTZ reads as zero"
    assert told["implementations"] == ["architecture", "kvm", "kvm-before-5.6", "qemu"]
    written, read, expected = told["steps"]
    assert [step["seq"] for step in told["steps"]] == [1, 2, 3]
    assert {name: step["value"] >> 62 & 1 for name, step in read["on"].items()} == {
        "architecture": 0,
        "kvm": 0,
        "kvm-before-5.6": 1,
        "qemu": 1,
    }
    assert {name: step["expectation"]["passed"] for name, step in expected["on"].items()} == {
        "architecture": True,
        "kvm": True,
        "kvm-before-5.6": False,
        "qemu": False,
    }
    assert [step["differs"] for step in told["steps"]] == [False, True, True]
    assert written["on"]["kvm"]["effects"]
    assert told["passed"] is False
    assert await app.state.sessions._store.count() == 0


async def test_without_names_it_is_played_where_it_says(client):
    told = await play(client, f"machine implementation=architecture cpus=1\n{PTZ}")
    assert told["implementations"] == ["architecture"]
    assert told["passed"] is True


async def test_a_name_given_twice_is_played_once(client):
    assert (await play(client, PTZ, "kvm", "kvm"))["implementations"] == ["kvm"]


async def test_an_empty_scenario_is_an_empty_play(client):
    assert (await play(client, "", "kvm"))["steps"] == []


async def test_a_line_that_cannot_be_read_is_told_with_its_place(client):
    answer = await client.post("/api/v1/play", json={"scenario": "read GICD_CTLR\nread GICD_CTRL\n"})
    problem = answer.json()
    assert (answer.status_code, problem["line"], problem["column"]) == (422, 2, 6)
    assert "GICD_CTLR" in problem["nearest"]


async def test_a_play_is_bounded(client, monkeypatch):
    monkeypatch.setattr(limits, "OPERATIONS_PER_PLAY", 2)
    answer = await client.post("/api/v1/play", json={"scenario": "read GICD_CTLR\n" * 3})
    assert (answer.status_code, answer.json()["limit"]) == (422, "OPERATIONS_PER_PLAY")
    many = ["kvm"] * (limits.IMPLEMENTATIONS_PER_PLAY + 1)
    assert (await client.post("/api/v1/play", json={"scenario": "", "on": many})).status_code == 422


async def test_effects_are_bounded_over_all_steps(client, monkeypatch):
    monkeypatch.setattr(limits, "EFFECTS_PER_PLAY", 3)
    told = await play(client, "its MAPD device=2 itt=0x40300000 size=5\nread GICD_CTLR\n", "kvm", "qemu")
    results = [result for step in told["steps"] for result in step["on"].values()]
    assert sum(len(result["effects"]) for result in results) == 3
    assert all("effects_omitted" in result for result in results)
    assert told["steps"][1]["on"]["qemu"]["hex"] == "0x50"
