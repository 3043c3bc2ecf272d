"""What is empty says why, and the one next step: for who may write, and for who watches."""

import re

import pytest

pytestmark = pytest.mark.anyio
TABLES = {"lpis": "No LPIs are mapped", "devices": "No device is mapped", "collections": "No collection is mapped"}


def panel(html, name):
    return re.search(rf'id="p-{name}".*?(?=role="tabpanel"|</section>)', html, re.DOTALL)[0]


@pytest.mark.parametrize("name", TABLES)
async def test_an_empty_table_offers_the_next_step(client, name):
    made = (await client.post("/sessions", data={"implementation": "kvm"})).headers["location"]
    shown = panel((await client.get(f"{made}?tab={name}")).text, name)
    assert TABLES[name] in shown
    assert 'name="kind" value="first-lpi"' in shown
    assert re.search(r'class="if-watch">[^<]*Fork', shown)
    done = await client.post(f"{made}/ops", data={"kind": "first-lpi"})
    assert done.status_code == 303
    shown = panel((await client.get(f"{made}?tab={name}")).text, name)
    assert "first-lpi" not in shown
    assert 'scope="row"' in shown


async def test_a_watcher_is_told_what_he_sees_and_how_to_do_something(client):
    made = (await client.post("/sessions", data={"implementation": "kvm"})).headers["location"]
    client.cookies.clear()
    html = (await client.get(made)).text
    assert 'data-mine="false"' in html
    trace = re.search(r'<div[^>]* id="trace.*?</section>|id="trace".*?</section>', html, re.DOTALL)[0]
    assert re.search(r'class="if-watch">[^<]*Fork', trace)
