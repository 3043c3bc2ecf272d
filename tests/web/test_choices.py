"""Choices taken during a run: on the session's page, to its watchers, and in the API."""

import re

import pytest

from app.scenario import links, parse
from tests.web.reading import shown, words

pytestmark = pytest.mark.anyio
BAD = "its    INT device=9 event=0\n"
TEXT = f"machine implementation=architecture cpus=2\n{BAD}read   GICD_TYPER\n{BAD}"


def panel(html):
    return re.search(r'<details class="choices".*?</details>', html, re.DOTALL)[0]


async def test_a_scenario_lists_step_rule_and_alternatives(client):
    html = await shown(client, f"/x/{links.pack(parse(TEXT))}")
    told = words(panel(html))
    assert told.startswith("Choices taken 1 ")
    assert "A command with a bad operand, or an unknown command (CONSTRAINED UNPREDICTABLE)" in told
    assert "ignored, the queue goes on" in told
    assert "Also allowed: the queue stalls at the command; the operand is taken as another, valid value" in told
    assert told.endswith("Steps 1 , 3")
    assert 'href="/implementations#command_errors"' in panel(html)


async def test_only_what_was_taken_up_to_the_step_on_view_is_listed(client):
    address = f"/x/{links.pack(parse(TEXT))}"
    assert words(panel(await shown(client, f"{address}?step=2"))).endswith("Step 1")
    nothing = panel(await shown(client, f"{address}?step=0"))
    assert '<ul id="choices-list"></ul>' in nothing  # the style sheet hides a panel with an empty list


async def test_a_long_list_shows_the_newest_steps(client):
    text = "machine implementation=architecture\n" + BAD * 12
    assert words(panel(await shown(client, f"/x/{links.pack(parse(text))}"))).endswith(
        "Steps 4 earlier, 5 , 6 , 7 , 8 , 9 , 10 , 11 , 12"
    )


async def test_the_api_lists_them_with_the_log(client):
    made = (await client.post("/api/v1/sessions", json={"scenario": TEXT})).json()
    log = (await client.get(f"/api/v1/sessions/{made['id']}/log")).json()
    [choice] = log["choices"]
    assert choice["behaviour"] == "command_errors"
    assert choice["steps"] == [1, 3]
    assert choice["count"] == 2
    assert choice["alternatives"]
    assert choice["cite"]


async def test_a_step_tells_watchers_when_the_list_changes(app, client):
    made = (await client.post("/api/v1/sessions", json={"scenario": TEXT})).json()
    session = await app.state.sessions.open(made["id"])
    sent = []
    app.state.live.room(session).watchers += 1
    original = session.publish

    def heard(name, data, **settings):
        sent.append(data() if callable(data) else data)
        original(name, data, **settings)

    session.publish = heard
    key = {"Authorization": f"Bearer {made['edit_key']}"}
    for op in ("read GICD_TYPER", "read GICD_IIDR", "its INT device=9 event=0"):
        answer = await client.post(f"/api/v1/sessions/{made['id']}/ops", json={"op": op}, headers=key)
        assert answer.status_code == 200, answer.text
    steps = [html for html in sent if html.startswith("<hx-step")]
    first, second, third = (re.search(r'<hx-step n="(\d+)"[^>]*? choices="(\d+)"', html) for html in steps)
    assert first is None
    assert second is None
    assert third.groups() == ("6", "1")
