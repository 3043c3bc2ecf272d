"""The lanes: what steps caused where, on the page and in the API, a window of the log at a time."""

import re

import pytest

from app import limits
from tests.web.reading import words

pytestmark = pytest.mark.anyio
HX = {"HX-Request": "true", "HX-Target": "section#lanes"}
SCENARIO = """\
machine implementation=kvm cpus={cpus}
write GICR_PROPBASER@0 Physical_Address=0x40200000 IDbits=15
write GICR_PENDBASER@0 PTZ=1 Physical_Address=0x40210000
poke  0x40200003 a1
write GICR_CTLR@0 EnableLPIs=1
its   MAPD device=2 itt=0x40300000 size=5
its   MAPC collection=1 target=0
its   MAPTI device=2 event=20 intid=8195 collection=1
write GICD_CTLR 0x12
write ICC_PMR_EL1@0 0xff
write ICC_IGRPEN1_EL1@0 1
its   INT device=2 event=20
ack   @0
irq   40 level=1
irq   23@1 level=1
"""


async def session(client, text=SCENARIO, cpus=2):
    answer = await client.post("/sessions", data={"scenario": text.format(cpus=cpus)})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def shown(client, address, **headers):
    answer = await client.get(address, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.text


class Lanes:
    """The table on a page."""

    def __init__(self, html):
        table = re.search(r'<table id="lanes-t">.*?</table>', html, re.DOTALL)[0]
        head, *rows = re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)
        self.caption = words(re.search(r"<caption.*?</caption>", table)[0])
        self.steps = [int(step) for step in re.findall(r"</span>(\d+)</th>", head)]
        self.rows = {
            words(re.search(r'<th scope="row">(.*?)</th>', row)[1]): re.findall(r"<td.*?</td>", row, re.DOTALL)
            for row in rows
        }

    def cell(self, title, step):
        return self.rows[title][self.steps.index(step)]

    def label(self, title, step):
        return re.search(r'aria-label="([^"]*)"', self.cell(title, step))[1]

    def href(self, title, step):
        return re.search(r'href="([^"]*)"', self.cell(title, step))[1].replace("&amp;", "&")


async def test_closed_lanes_play_nothing(client, app):
    path = await session(client)
    opened = await app.state.sessions.open(path.removeprefix("/s/"))
    opened.steps = None
    html = await shown(client, path)
    assert 'id="lanes-t"' not in html
    assert re.search(r'id="lanes-go" href="[^"]*lanes=on" aria-expanded="false"', html)


async def test_each_step_has_a_column_and_each_lane_a_row(client):
    path = await session(client)
    lanes = Lanes(await shown(client, f"{path}?lanes=on"))
    assert lanes.caption == "What steps 3 to 14 caused where"
    assert lanes.steps == list(range(3, 15))
    assert list(lanes.rows) == [
        "Software, devices",
        "Distributor",
        "ITS",
        "Redistributor 0",
        "CPU 0",
        "Redistributor 1",
        "CPU 1",
    ]
    assert {len(cells) for cells in lanes.rows.values()} == {12}


async def test_a_cell_tells_what_happened_there_and_leads_to_it(client):
    path = await session(client)
    lanes = Lanes(await shown(client, f"{path}?lanes=on"))
    assert lanes.label("Software, devices", 11) == "Step 11, Software, devices: its; written 0x41000060"
    assert lanes.label("ITS", 11).startswith("Step 11, ITS: run INT; ")
    assert lanes.label("Redistributor 0", 11).startswith("Step 11, Redistributor 0: pending 8195")
    assert lanes.label("CPU 0", 11).startswith("Step 11, CPU 0: signalled 8195")
    assert lanes.label("CPU 0", 12).startswith("Step 12, CPU 0: acknowledged 8195")
    assert lanes.label("Distributor", 13).startswith("Step 13, Distributor: ")
    assert lanes.label("Redistributor 1", 14).startswith("Step 14, Redistributor 1: ")
    assert "INTID 8195 on CPU 0: pending, latched" in lanes.cell("Redistributor 0", 11)
    assert lanes.href("CPU 0", 11) == f"{path}?step=11&why=8195"
    assert lanes.href("Redistributor 1", 14) == f"{path}?why=23@1", "the newest step stays the newest"
    assert lanes.href("Distributor", 8) == f"{path}?step=8&register=GICD_CTLR"
    for title, step in [("CPU 0", 11), ("Redistributor 1", 14), ("Distributor", 8)]:
        assert "Step <b>" + str(step) in await shown(client, lanes.href(title, step))


async def test_a_cause_passes_through_the_lanes_that_it_does_not_concern(client):
    path = await session(client)
    lanes = Lanes(await shown(client, f"{path}?lanes=on"))

    def kind(title, step):
        return set(re.match(r'<td class="([^"]*)"', lanes.cell(title, step))[1].split()) - {"done", "now"}

    assert kind("Software, devices", 9) == {"leaves"}
    assert kind("ITS", 9) == {"passes"}
    assert kind("CPU 0", 9) == {"enters"}
    assert kind("CPU 1", 9) == set()
    assert kind("Redistributor 0", 11) == {"enters", "leaves"}


async def test_the_window_is_around_the_step_on_view_and_short_logs_leave_columns_free(client):
    path = await session(client)
    lanes = Lanes(await shown(client, f"{path}?lanes=on&step=2"))
    assert lanes.steps == list(range(1, 13))
    assert 'class="now' in lanes.cell("Software, devices", 2)
    assert 'class="todo' in lanes.cell("Software, devices", 3)
    few = await session(client, "machine cpus=1\nread GICD_TYPER\n")
    lanes = Lanes(await shown(client, few))
    assert lanes.steps == [1]
    assert lanes.rows["ITS"] == ['<td class="now"></td>', '<td colspan="11"></td>']
    none = await session(client, "machine cpus=1\n")
    assert Lanes(await shown(client, none)).steps == []


async def test_of_many_cpus_only_those_have_lanes_where_something_happened(client):
    path = await session(client, cpus=32)
    lanes = Lanes(await shown(client, f"{path}?lanes=on"))
    assert list(lanes.rows) == [
        "Software, devices",
        "Distributor",
        "ITS",
        "Redistributor 0",
        "CPU 0",
        "Redistributor 1",
        "and 30 quiet CPUs",
    ]


async def test_a_window_of_a_long_log_plays_that_window_only(client, app):
    path = await session(client, "machine cpus=1\n" + "read GICD_TYPER\n" * 2000)
    opened = await app.state.sessions.open(path.removeprefix("/s/"))
    played = []
    apply = opened.timeline.step
    opened.timeline.step = lambda number: played.append(number) or apply(number)
    lanes = Lanes(await shown(client, f"{path}?lanes=on&step=1000", **HX))
    assert lanes.steps == played == list(range(995, 1007))


async def test_they_are_asked_for_alone_and_stay_open(client):
    path = await session(client)
    html = await shown(client, f"{path}?lanes=on", **HX)
    assert html.strip().startswith('<section class="lanes" id="lanes"')
    assert html.count("<section") == 1
    assert re.search(r'id="lanes"[^>]* data-refresh="[^"]+"', html)
    assert 'id="lanes-t"' in await shown(client, path)
    closed = await shown(client, f"{path}?lanes=off", **HX)
    assert "data-refresh" not in closed
    assert 'id="lanes-t"' not in await shown(client, path)


async def test_a_link_has_lanes_and_a_frame_has_none(client):
    link = (await client.post("/api/v1/links", json={"scenario": SCENARIO.format(cpus=2)})).json()["link"]
    lanes = Lanes(await shown(client, f"{link}?lanes=on"))
    assert lanes.label("CPU 0", 11).startswith("Step 11, CPU 0: signalled 8195")
    assert 'id="lanes' not in await shown(client, f"{link}?lanes=on&embed=1")


async def api(client, path, query="", status=200):
    answer = await client.get(f"/api/v1/sessions/{path.removeprefix('/s/')}/lanes{query}")
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_the_api_tells_the_same(client):
    path = await session(client)
    told = await api(client, path, "?from=11&count=2")
    assert [step["seq"] for step in told["steps"]] == [11, 12]
    assert told["next"] == 13
    assert told["lanes"][:2] == [{"lane": "software", "cpu": None}, {"lane": "its", "cpu": None}]
    assert told["quiet_cpus"] == 0
    first = told["steps"][0]
    assert first["op"] == "its    INT device=2 event=20"
    assert {(mark["lane"], mark["cpu"]) for mark in first["marks"]} == {
        ("software", None),
        ("its", None),
        ("redistributor", 0),
        ("cpu", 0),
    }
    [signalled] = [mark for mark in first["marks"] if mark["mark"] == "signalled"]
    assert signalled == {
        "lane": "cpu",
        "cpu": 0,
        "mark": "signalled",
        "about": "8195",
        "kind": "signalled",
        "words": ["CPU 0: INTID 8195 is signalled (priority 0xa0)"],
        "count": 1,
    }


async def test_without_a_start_the_api_tells_the_last_steps(client):
    path = await session(client)
    told = await api(client, path)
    assert [step["seq"] for step in told["steps"]] == list(range(3, 15))
    assert told["next"] is None
    assert (await api(client, await session(client, "machine cpus=1\n")))["steps"] == []


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("?from=15", 404),
        ("?from=0", 404),
        ("?count=0", 422),
        (f"?count={limits.LANE_STEPS + 1}", 422),
        ("?from=x", 422),
    ],
)
async def test_a_window_that_there_is_not_is_refused(client, query, status):
    problem = await api(client, await session(client), query, status)
    assert problem["detail"]
