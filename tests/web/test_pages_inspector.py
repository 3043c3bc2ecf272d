"""The register inspector: numbers as one likes them, meanings in full, the register on other CPUs and elsewhere."""

import re

import pytest

from app import limits
from app.registers import IMPLEMENTATION_NAMES, register_map
from app.web.elsewhere import Elsewhere
from tests.web.reading import words

pytestmark = pytest.mark.anyio
PENDBASER = "write GICR_PENDBASER@0 PTZ=1 Physical_Address=0x40210000\n"
HX = {"HX-Request": "true", "HX-Target": "div#elsewhere"}


async def session(client, text):
    answer = await client.post("/sessions", data={"scenario": text})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def shown(client, address, **headers):
    answer = await client.get(address, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.text


def value_of(html, element):
    return re.search(rf'id="{element}"[^>]*\svalue="([^"]*)"', html)[1]


@pytest.mark.parametrize(
    ("radix", "address", "whole", "listed"),
    [
        ("hex", "0x40210000", "0x0000000040210580", "0b01  InnerShareable"),
        ("dec", "1075904512", "1075905920", "1  InnerShareable"),
        ("bin", f"{0x40210000:#b}", f"0b{0x40210580:064b}", "0b01  InnerShareable"),
    ],
)
async def test_values_are_told_in_the_radix_that_is_asked_for(client, radix, address, whole, listed):
    path = await session(client, f"machine implementation=kvm\n{PENDBASER}")
    html = await shown(client, f"{path}?radix={radix}")
    assert value_of(html, "f-Physical_Address") == address
    assert value_of(html, "wval") == whole
    assert re.search(rf'<option value="0x1" selected>{re.escape(listed)}</option>', html)
    assert 'data-base="0x0000000040210580"' in html, "the script counts with the same number whatever is shown"
    current = re.findall(r'<a id="radix-(\w+)"[^>]* aria-current="true"', html)
    assert current == [radix]


async def test_a_browser_keeps_its_radix_and_links_do_not_carry_it(client):
    path = await session(client, f"machine implementation=kvm\n{PENDBASER}")
    html = await shown(client, f"{path}?radix=dec")
    others = [href for href in re.findall(r'href="([^"]*)"', html) if "radix=" in href]
    assert len(others) == 3, "only the switch itself"
    html = await shown(client, path)
    assert value_of(html, "wval") == "1075905920"
    assert value_of(await shown(client, f"{path}?radix=hex"), "wval") == "0x0000000040210580"
    assert value_of(await shown(client, f"{path}?radix=octal"), "wval") == "0x0000000040210580"


async def test_the_answer_to_a_write_has_the_radix_too(client):
    path = await session(client, f"machine implementation=kvm\n{PENDBASER}")
    await client.get(f"{path}?radix=bin")
    form = {"kind": "console", "op": "read GICR_PENDBASER@0", "register": "GICR_PENDBASER@0"}
    made = await client.post("/sessions", data={"implementation": "kvm", "cpus": "1"})
    answer = await client.post(f"{made.headers['location']}/ops", data=form, headers={"HX-Request": "true"})
    assert 'data-radix="2"' in answer.text


@pytest.mark.parametrize("typed", ["0b100000000", "256", "0x100"])
async def test_a_field_is_written_in_any_radix_without_a_script(client, typed):
    made = await client.post("/sessions", data={"implementation": "kvm", "cpus": "1"})
    path = made.headers["location"]
    html = await shown(client, f"{path}?register=GITS_CWRITER")
    was = re.search(r'name="was" value="([^"]*)"', html)[1]
    form = {"kind": "register", "register": "GITS_CWRITER", "was": was, "value": was, "field.Offset": typed}
    await client.post(f"{path}/ops", data=form)
    log = (await client.get(f"/api/v1/sessions/{path.removeprefix('/s/')}/log")).json()
    assert log["operations"][-1]["text"] in ("write GITS_CWRITER Offset=0x100", "write GITS_CWRITER Offset=256")


@pytest.mark.parametrize("typed", [f"0b{1 << 62:064b}", str(1 << 62), f"{1 << 62:#x}"])
async def test_a_whole_value_is_written_in_any_radix(client, typed):
    made = await client.post("/sessions", data={"implementation": "qemu", "cpus": "1"})
    path = made.headers["location"]
    form = {"kind": "register", "register": "GICR_PENDBASER@0", "was": "0x0", "value": typed}
    await client.post(f"{path}/ops", data=form)
    html = await shown(client, f"{path}?register=GICR_PENDBASER@0")
    assert 'data-value="0x4000000000000000"' in html


async def test_meanings_can_be_read_in_full(client):
    path = await session(client, f"machine implementation=kvm\n{PENDBASER}")
    register = register_map("kvm", 2).registers["GICR_PENDBASER"]
    brief = await shown(client, path)
    assert 'class="full"' not in brief
    for html in (await shown(client, f"{path}?meanings=full"), await shown(client, path)):
        full = [words(each) for each in re.findall(r'<tr class="full">.*?</tr>', html, re.DOTALL)]
        assert len(full) == len(register.fields)
        assert all(told.startswith(field.meaning) for told, field in zip(full, register.fields, strict=True))


async def test_the_cpus_beside_are_eight_at_a_time_and_lead_on(client):
    path = await session(client, "machine implementation=kvm cpus=20\nwrite GICR_CTLR@9 EnableLPIs=1\n")
    html = await shown(client, f"{path}?register=GICR_CTLR@9")
    siblings = re.search(r"<b>Same register</b>.*?</p>", html, re.DOTALL)[0]
    assert re.findall(r">CPU(\d+) <span", siblings) == [str(cpu) for cpu in range(8, 16)]
    assert re.findall(r"register=GICR_CTLR@(\d+)", siblings) == ["7", *map(str, range(8, 16)), "16"]
    assert "of 20 CPUs" in siblings
    last = await shown(client, f"{path}?register=GICR_CTLR@19")
    assert "and those after" not in last
    assert "To CPU15 and those before" in last
    one = await shown(client, f"{path}?register=GICD_CTLR")
    assert "Same register" not in one


def rows(html):
    """Implementation, value, and whether it differs from the one on view."""
    table = re.search(r"on every implementation</caption>.*?</table>", html, re.DOTALL)[0]
    found = re.findall(r"<tr><th.*?>([^<]+)</a></th><td>(.*?)</td><td>(.*?)</td></tr>", table, re.DOTALL)
    return [(name, words(value).replace(" ", ""), "differs" in mark) for name, value, mark in found]


PTZ = [
    ("Architecture", "0x0000000040210000", True),
    ("KVM", "0x0000000040210580", False),
    ("KVM before 5.6", "0x4000000040210580", True),
    ("QEMU", "0x4000000040210000", True),
]


async def test_every_implementation_tells_what_it_makes_of_the_same_log(client):
    path = await session(client, f"machine implementation=kvm\n{PENDBASER}")
    html = await shown(client, f"{path}?elsewhere=on", **HX)
    assert html.startswith('<div class="else" id="elsewhere"')
    assert rows(html) == PTZ
    assert "<mark>4</mark>" in html
    assert rows(await shown(client, f"{path}?elsewhere=on")) == PTZ, "without a script it comes with the page"
    earlier = await shown(client, f"{path}?elsewhere=on&step=0&register=GICR_PENDBASER@0", **HX)
    assert {value[:3] for _, value, _ in rows(earlier)} == {"0x0"}, "before PTZ was written"


async def test_the_page_does_not_wait_for_the_others(client, app):
    path = await session(client, f"machine implementation=kvm\n{PENDBASER}")
    assert 'hx-trigger="load"' not in await shown(client, path)
    await client.get(f"{path}?elsewhere=on", headers=HX)
    asked = []
    app.state.elsewhere.values = asked.append
    html = await shown(client, path)
    assert re.search(r'id="elsewhere"[^>]* hx-get="[^"]*elsewhere=on"[^>]* hx-trigger="load"', html)
    assert not asked
    off = await shown(client, f"{path}?elsewhere=off", **HX)
    assert "<table" not in off
    assert 'hx-trigger="load"' not in await shown(client, path)


async def test_a_look_at_another_implementation_compares_with_that(client):
    path = await session(client, f"machine implementation=kvm\n{PENDBASER}")
    html = await shown(client, f"{path}?elsewhere=on&on=qemu", **HX)
    assert [name for name, _, differs in rows(html) if not differs] == ["QEMU"]


async def test_a_link_has_it_too(client):
    path = await session(client, f"machine implementation=kvm\n{PENDBASER}")
    text = (await client.get(f"/api/v1/sessions/{path.removeprefix('/s/')}/log")).json()["scenario"]
    link = (await client.post("/api/v1/links", json={"scenario": text})).json()["link"]
    assert rows(await shown(client, f"{link}?elsewhere=on", **HX)) == PTZ
    assert rows(await shown(client, f"{link}?elsewhere=on")) == PTZ


async def test_what_is_played_goes_on_as_the_log_grows(app, client, monkeypatch):
    path = await session(client, f"machine implementation=kvm\n{PENDBASER}")
    opened = await app.state.sessions.open(path.removeprefix("/s/"))
    elsewhere: Elsewhere = app.state.elsewhere
    register = opened.timeline.machine.map.registers["GICR_PENDBASER"]
    ops = list(opened.timeline.ops)

    async def values(ops, step):
        return await elsewhere.values("here", opened.spec, ops, step, register, 0)

    assert list(await values(ops, 1)) == list(IMPLEMENTATION_NAMES)
    [log] = elsewhere._logs.values()
    before = dict(log.timelines)
    await values(ops * 2, 2)
    assert log.timelines == before, "the same machines went on"
    assert {len(each.ops) for each in log.timelines.values()} == {2}
    await values([], 0)
    assert not set(map(id, log.timelines.values())) & set(map(id, before.values())), "another branch begins anew"
    monkeypatch.setattr(limits, "LOGS_PLAYED_ELSEWHERE", 1)
    await elsewhere.values("there", opened.spec, ops, 1, register, 0)
    assert list(elsewhere._logs) == ["there"]
