"""A machine with all 57,344 LPIs mapped: its page, its windows, and what a step of it sends."""

import gzip
import random
import re
from html import unescape

import pytest

from app.gic.lpi_map import ENABLED, MAPPED, OFF, PENDING, ROW, SHOWN, STALE, Row
from app.web.views.look import Look
from app.web.views.lpi_map import map_panel
from app.web.views.render import component
from bench.many import LPIS, scenario
from tests.web.reading import words

pytestmark = pytest.mark.anyio
EVERYWHERE = ("architecture", "kvm", "kvm-before-5.6", "qemu")
HX = {"HX-Request": "true"}
FIRST, LAST = 8192, 65_535


class Visitor:
    def __init__(self, client, path):
        self.client = client
        self.path = path

    async def page(self, query=""):
        answer = await self.client.get(self.path + query)
        assert answer.status_code == 200, answer.text
        return answer.text

    async def step(self, line):
        form = {"kind": "console", "op": line, "register": "GICD_CTLR", "actor": "tab"}
        answer = await self.client.post(f"{self.path}/ops", data=form, headers=HX)
        assert answer.status_code == 200, answer.text
        return answer.text.partition("<hx-step")[2]


async def started(client, implementation, lpis=LPIS):
    made = await client.post("/sessions", data={"scenario": scenario(implementation, lpis)})
    assert made.status_code == 303, made.text
    return Visitor(client, made.headers["location"])


def panel(html, name):
    return re.search(rf'id="p-{name}".*?(?=role="tabpanel"|</section>)', html, re.DOTALL)[0]


def intids(html):
    return [int(each) for each in re.findall(r'id="lpi-(\d+)"', html)]


def packed(html):
    return len(gzip.compress(html.encode()))


@pytest.mark.parametrize("implementation", EVERYWHERE)
async def test_a_full_machine_has_a_page_as_small_as_an_empty_one(client, implementation):
    full = await (await started(client, implementation)).page()
    empty = await (await started(client, implementation, 0)).page()
    assert "57\u2009344" in full
    assert packed(full) < packed(empty) + 6_000  # a window of 32 rows, each with the way there, and the map
    assert len(intids(full)) == 32
    assert len(re.findall(r'id="lm-\d+"', full)) == LPIS // ROW
    assert packed(panel(empty, "lpis")) < 1000


@pytest.mark.parametrize("implementation", ["kvm", "qemu"])
async def test_a_step_sends_only_what_it_changed_of_a_full_machine(client, implementation):
    visitor = await started(client, implementation)
    await visitor.step("note first")
    sent = await visitor.step("msi device=2 event=5")
    assert re.findall(r'id="(l[mz]-\d+)"', sent) == ["lm-8192"]
    assert intids(sent) == [8197]
    assert packed(sent) < 2000
    sent = await visitor.step("msi device=2 event=0x4000")
    assert re.findall(r'id="(l[mz]-\d+)"', sent) == ["lm-24576"]
    assert intids(sent) == []
    assert "lpi-sums" in sent
    quiet = await visitor.step("note nothing")
    assert not re.findall(r'lpi-sums|id="(l[mz]-\d+)"', quiet)


async def test_the_map_leads_to_a_row_to_a_strip_and_to_the_table(client):
    visitor = await started(client, "qemu")
    overview = panel(await visitor.page(), "lpis")
    link = unescape(re.search(r'id="lm-20480"><th scope="row"><a href="([^"]+)"', overview)[1])
    row = panel(await visitor.page(link.removeprefix(visitor.path)), "lpis")
    assert [int(each) for each in re.findall(r'id="lz-(\d+)"', row)] == list(range(20_480, 20_480 + ROW, 64))
    assert "All LPIs" in row
    link = unescape(re.search(r'id="lz-20544"><th scope="row"><a href="([^"]+)"', row)[1])
    strip = panel(await visitor.page(link.removeprefix(visitor.path)), "lpis")
    assert intids(strip) == list(range(20_544, 20_576))
    assert 'id="lz-20544"' in strip


async def test_the_table_goes_to_an_intid_and_on_from_there(client):
    visitor = await started(client, "kvm")
    here = panel(await visitor.page("?from=0x8000"), "lpis")
    assert intids(here) == list(range(0x8000, 0x8020))
    links = dict(re.findall(r'<a href="([^"]+)">(earlier|later)</a>', here))
    told = {name: unescape(href).partition("?")[2] for href, name in links.items()}
    assert told == {"earlier": "from=32736", "later": "from=32800"}
    last = panel(await visitor.page("?from=99999"), "lpis")
    assert intids(last) == [LAST]
    assert ">later<" not in last


@pytest.mark.parametrize("implementation", EVERYWHERE)
async def test_lpis_are_picked_by_state_and_cpu(client, implementation):
    visitor = await started(client, implementation)
    for line in ("msi device=2 event=7", "msi device=2 event=50000", "its MAPC collection=1 target=1",
                 "its MOVI device=2 event=50000 collection=1"):  # fmt: skip
        await visitor.step(line)
    assert intids(await visitor.page("?show=pending")) == [8199, 58_192]
    assert intids(await visitor.page("?show=pending&cpu=1")) == [58_192]
    assert intids(await visitor.page("?cpu=1")) == [58_192]
    assert intids(await visitor.page("?show=disabled")) == []
    assert "No LPI is disabled on CPU1 from INTID 9000 on." in await visitor.page("?show=disabled&cpu=1&from=9000")
    assert len(intids(await visitor.page("?cpu=99&show=nonsense&zoom=x"))) == 32


async def test_stale_ones_are_found_among_all(client):
    visitor = await started(client, "kvm")
    await visitor.step("poke 0x40204e20 a2")
    shown = panel(await visitor.page("?show=stale"), "lpis")
    assert intids(shown) == [28_192]
    assert "needs INV" in words(shown)
    assert "1 stale" in words(shown)


async def test_devices_and_events_are_windows_too(client):
    visitor = await started(client, "qemu")
    for device in range(3, 40):
        await visitor.step(f"its MAPD device={device} itt={0x4200_0000 + device * 0x1000:#x} size=2")
    here = panel(await visitor.page("?tab=devices"), "devices")
    assert "32 of 38 devices" in words(here)
    assert "32 of 57 344 events" in words(here).replace("\u2009", " ")
    there = panel(await visitor.page("?tab=devices&device=0x25"), "devices")
    assert "ITT of device 0x25" in words(there)
    assert ">0x25<" in there
    missing = panel(await visitor.page("?tab=devices&device=0x1"), "devices")
    assert "Device 0x1 is not mapped. The next one is 0x2." in words(missing)
    events = panel(await visitor.page("?tab=devices&device=2&event=0xdfe0"), "devices")
    assert re.findall(r"title=\"The way of this event\">(0x\w+)</a></th>", events) == [
        hex(event) for event in range(0xDFE0, 0xE000)
    ]


async def test_collections_are_a_window(client):
    visitor = await started(client, "kvm", 1)
    for icid in range(1, 40):
        await visitor.step(f"its MAPC collection={icid} target=0")
    here = panel(await visitor.page("?tab=collections&icid=36"), "collections")
    assert re.findall(r'scope="row" class="n">(\d+)<', here) == ["36", "37", "38", "39"]
    assert "4 of 40 collections" in words(here)
    assert ">earlier<" in here


async def test_ram_and_what_is_inside_are_side_by_side(client):
    visitor = await started(client, "kvm", 0)
    await visitor.step("its MAPTI device=2 event=0 intid=8195 collection=0")
    devices = words(panel(await visitor.page(), "devices"))
    assert devices.count("as saved") == devices.count("not in RAM until saved") == 1
    assert "What is in force is inside the ITS" in devices
    await visitor.step("save its-tables")
    await visitor.step("its MAPC collection=1 target=1")
    sent = await visitor.step("its MOVI device=2 event=0 collection=1")
    assert "differs until saved" in sent
    devices = panel(await visitor.page(), "devices")
    assert "≠ stale: differs until saved" in words(devices)
    assert "in RAM: INTID 8195, ICID 0" in unescape(devices)


@pytest.mark.parametrize("implementation", ["architecture", "qemu"])
async def test_a_cache_that_is_not_there_is_said_to_be_absent(client, implementation):
    visitor = await started(client, implementation, 1)
    html = await visitor.page()
    assert "No cache of entries: they are in guest RAM" in words(panel(html, "devices"))
    assert ("No cache of configuration:" in words(panel(html, "lpis"))) is (implementation == "qemu")


def full_map(flags_of, look):
    rows = [
        Row(first, bytes(flags_of() for _ in range(ROW)), b"\1" * ROW, 0, 0, 0, 0) for first in range(FIRST, LAST, ROW)
    ]
    return map_panel(rows, look, None)


def test_the_map_of_any_machine_is_small():
    chance = random.Random(1)
    flags = [SHOWN, SHOWN | OFF, *(SHOWN | MAPPED | each for each in (0, PENDING, ENABLED, STALE, PENDING | ENABLED))]
    for look in (Look("/s/0123456789"), Look("/s/0123456789", zoom=FIRST)):
        for pick in (lambda: SHOWN | MAPPED | ENABLED, lambda: chance.choice([0, *flags])):
            drawn = "".join(component("lpis", "map_row", row) for row in full_map(pick, look).rows)
            assert packed(drawn) <= 8000


def test_a_row_of_the_map_says_what_it_draws():
    flags = bytearray(ROW)
    flags[0:4] = SHOWN | MAPPED | ENABLED, SHOWN | MAPPED | PENDING, SHOWN | MAPPED | STALE | ENABLED, SHOWN | PENDING
    rows = [
        Row(FIRST, bytes(flags), b"\1" * ROW, 3, 2, 2, 1),
        Row(FIRST + ROW, b"\x21" * ROW, b"\2" * ROW, ROW, 0, 0, 0),
    ]
    overview = map_panel(rows, Look("/s/x"), None)
    assert [row.words for row in overview.rows] == [
        "To 10239: 3 mapped, 1 stale",
        "To 12287: 2\u2009048 mapped",
    ]
    assert dict(overview.rows[0].paths) == {"e": "m1 2h6v6h-6z", "p": "m1 5h6v3h-6z", "s": "m0 1h8v8h-8z"}
    assert [row.first for row in map_panel(rows, Look("/s/x"), 1).rows] == [FIRST + ROW]
    (strip,) = map_panel(rows[:1], Look("/s/x"), None).rows
    drawn = dict(strip.paths)
    assert drawn["m"].count("z") == 1
    assert drawn["e"].count("z") == 2
    assert drawn["p"].count("z") == 2
    assert drawn["u"].count("z") == 60
