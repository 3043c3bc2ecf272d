"""The review on its page, in the explorer and in the API."""

import pytest

from app.review.rules import RULES, example
from app.scenario import links, parse
from tests.web.reading import shown, words

pytestmark = pytest.mark.anyio
TEXT = example("pendbaser-while-enabled")
PART = {"hx-request": "true", "hx-target": "div#review-list"}


async def test_the_explorer_offers_a_review_of_what_is_on_view(client):
    address = f"/x/{links.pack(parse(TEXT))}"
    assert f'href="{address}/review"' in await shown(client, address)
    assert f'href="{address}/review?step=2&amp;on=qemu"' in (await shown(client, f"{address}?step=2&on=qemu"))


async def test_a_finding_leads_to_its_step_and_register(client):
    address = f"/x/{links.pack(parse(TEXT))}"
    html = await shown(client, f"{address}/review")
    told = words(html)
    assert "1 finding in 5 steps on kvm" in told
    assert "GICR_PENDBASER@0 is written while GICR_CTLR.EnableLPIs is 1 on CPU 0" in told
    assert f'href="{address}?step=5&amp;register=GICR_PENDBASER@0"' in html


async def test_only_the_list_is_asked_for_by_the_explorer(client):
    html = await shown(client, f"/x/{links.pack(parse(TEXT))}/review?step=4", **PART)
    assert "<main" not in html
    assert words(html).startswith("Nothing found in 4 steps on kvm")


async def test_the_session_is_reviewed_at_any_step(client):
    made = (await client.post("/api/v1/sessions", json={"scenario": TEXT})).json()
    address = f"/api/v1/sessions/{made['id']}/review"
    [finding] = (await client.get(address)).json()["findings"]
    assert (finding["rule"], finding["step"], finding["count"]) == ("pendbaser-while-enabled", 5, 1)
    assert (await client.get(f"{address}?step=4")).json()["findings"] == []
    assert (await client.get(f"{address}?step=6")).status_code == 404
    assert "1 finding" in words(await shown(client, f"/s/{made['id']}/review"))


async def test_a_scenario_is_reviewed_and_not_stored(client):
    sent = {"scenario": example("answer-differs")}
    assert (await client.post("/api/v1/review", json=sent)).json()["findings"][0]["rule"] == "answer-differs"
    there = await client.post("/api/v1/review", json={**sent, "on": "kvm-before-5.6"})
    assert there.json()["findings"] == []
    refused = await client.post("/api/v1/review", json={**sent, "on": "nothing"})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "#/on"


async def test_the_guide_lists_every_rule(client):
    told = words(await shown(client, "/guide/reference"))
    assert all(rule.name in told for rule in RULES.values())


async def test_an_import_is_opened_and_reviewed(client):
    log = "gicv3_dist_read GICv3 distributor read: offset 0x4 data 0x1 size 4 secure 0\n"
    there = (await client.post("/import", data={"text": log})).headers["location"]
    assert "Open it and review" in await shown(client, there)
    sent = {"line": "1", "review": "1"}
    first = await client.post(f"{there}/sessions", data=sent)
    again = await client.post(f"{there}/sessions", data=sent)
    assert first.headers["location"] == again.headers["location"]
    assert "Recorded answer that is another here" in words(await shown(client, first.headers["location"]))


async def test_a_review_that_finds_nothing_says_what_that_means(client):
    made = (await client.post("/sessions", data={"implementation": "kvm"})).headers["location"]
    assert "There is nothing to review yet" in (await client.get(f"{made}/review")).text
    await client.post(f"{made}/ops", data={"kind": "console", "op": "read GICD_TYPER"})
    assert "That is no proof" in (await client.get(f"{made}/review")).text
