"""The migration laboratory as a browser without a script gets it: what real KVM did, reproduced by following links."""

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import anyio
import pytest

from app import limits
from app.scenario import links, parse
from tests.web.reading import shown, words

pytestmark = pytest.mark.anyio
SOURCE = """\
title LPIs on the move
machine implementation={name} cpus=2
poke  0x40200000 a1a9b1b9
write GICR_PROPBASER@0 Physical_Address=0x40200000 IDbits=15
write GICR_PROPBASER@1 Physical_Address=0x40200000 IDbits=15
write GICR_PENDBASER@0 Physical_Address=0x40210000
write GICR_PENDBASER@1 Physical_Address=0x40220000
write GICD_CTLR EnableGrp1=1
write ICC_PMR_EL1@0 0xf0
write ICC_PMR_EL1@1 0xf0
write ICC_IGRPEN1_EL1@0 1
write ICC_IGRPEN1_EL1@1 1
write GICR_CTLR@0 EnableLPIs=1
write GICR_CTLR@1 EnableLPIs=1
its   MAPD device=2 itt=0x40300000 size=5
its   MAPC collection=0 target=0
its   MAPC collection=1 target=1
its   MAPTI device=2 event=0 intid=8192 collection=0
its   MAPTI device=2 event=1 intid=8193 collection=1
its   MAPTI device=2 event=3 intid=8195 collection=0
msi   device=2 event=0
msi   device=2 event=1
"""
ALL_BACK = "All 2 pending LPIs came back."
NONE_BACK = "None of 2 pending LPIs came back."


def at(name="kvm", more=""):
    return f"/x/{links.pack(parse(SOURCE.format(name=name) + more))}/migrate"


def verdict(html):
    return words(re.search(r'<p class="vd [^>]*>(.*?)</p>', html, re.DOTALL)[1])


def href(html, name):
    return unescape(re.search(rf'<a[^>]* id="{re.escape(name)}" href="([^"]+)"', html)[1])


def card(html, name):
    return words(re.search(rf'<li class="lc [^>]*id="card-{re.escape(name)}".*?\n</li>', html, re.DOTALL)[0])


async def test_a_session_has_its_laboratory(client):
    made = await client.post("/sessions", data={"scenario": SOURCE.format(name="kvm")})
    page = await shown(client, made.headers["location"])
    lab = unescape(re.search(r'href="(/s/[^"]+/migrate)"', page)[1])
    html = await shown(client, lab)
    assert verdict(html) == ALL_BACK
    assert "Migrate LPIs on the move" in words(html)
    assert verdict(await shown(client, f"{lab}?step=12")) == "No LPI was pending at the source."


async def test_by_hand_enabling_last_loses_all_and_ptz_written_by_userspace_saves_them(client):
    """Documented order, then GICR_CTLR moved down card by card until it is last, then PTZ."""
    html = await shown(client, at())
    assert verdict(html) == ALL_BACK
    for _ in range(20):
        if not re.search(r'id="down-gicr-ctlr" href', html):
            break
        html = await shown(client, href(html, "down-gicr-ctlr"))
    assert verdict(html) == NONE_BACK
    assert "2 LPIs lost here" in card(html, "gicr-ctlr")
    assert "2 LPIs latched 2 LPIs taken out of RAM" in card(html, "its-tables")
    assert "vgic_enable_lpis" in html
    with_ptz = await shown(client, href(html, "ptz-1"))
    assert verdict(with_ptz) == ALL_BACK
    assert verdict(await shown(client, href(with_ptz, "ptz-saved"))) == NONE_BACK


@pytest.mark.parametrize(
    ("query", "seen", "card_name", "on_card"),
    [
        ("?order=documented&edit=GICR_PENDBASER@0.PTZ=1,GICR_PENDBASER@1.PTZ=1", ALL_BACK, "pendbaser", "as saved"),
        ("?order=its-first", NONE_BACK, "its-tables", "RESTORE_TABLES -EFAULT"),
        ("?order=documented&save=its", NONE_BACK, "its-tables", "3 LPIs mapped"),
        ("?order=documented&without=its-base", NONE_BACK, "cbaser", "GITS_CBASER -ENXIO"),
        ("?order=documented&edit=GITS_CREADR=0xfffe0", ALL_BACK, "creadr", "GITS_CREADR -EINVAL"),
        ("?order=documented&edit=GICD_IIDR=0", ALL_BACK, "gicd-ctlr", "GICD_IIDR -EINVAL"),
        ("?order=its-base,cbaser,basers,gits-ctlr,creadr&at=5", "So far, none", "creadr", "GITS_CREADR -EBUSY"),
    ],
)
async def test_errors_and_effects_are_on_the_card_that_had_them(client, query, seen, card_name, on_card):
    html = await shown(client, at() + query)
    assert verdict(html).startswith(seen.removeprefix("So far, ")) or seen.startswith("So far")
    assert on_card in card(html, card_name)


async def test_the_other_findings_on_real_kvm(client):
    movall = await shown(client, at(more="its MOVALL source=0 target=1\n"))
    assert verdict(movall) == "1 of 2 pending LPIs came back."
    assert "MOVALL retargets LPIs, not collections" in words(movall)
    unsaved = await shown(client, href(await shown(client, at()), "save-pending-tables"))
    assert verdict(unsaved) == NONE_BACK
    assert "2 LPIs never saved" in words(unsaved)
    fired = "its INT device=2 event=3\nack @0\neoi @0 8192\nack @0\neoi @0 8195\n"
    html = await shown(client, at(more=fired))
    again = await shown(client, href(html, "out-creadr"))
    assert "1 pending, was not" in words(again)
    zeroed = await shown(client, at() + "?order=ram,creadr,cwriter,cbaser")
    assert re.search(r"<dt>GITS_CREADR</dt><dd class=\"n\">0x0</dd>", zeroed.split('id="dest-h"')[1])


async def test_cards_are_run_one_at_a_time(client):
    html = await shown(client, at() + "?at=0")
    assert "0 of 16 cards run" in words(html)
    assert verdict(html).startswith("So far, none")
    for done in range(1, 17):
        html = await shown(client, href(html, "t-next"))
        assert f"{done} of 16 cards run" in words(html)
    assert verdict(html) == ALL_BACK
    assert 'id="t-next" aria-disabled' in html
    assert "15 of 16" in words(await shown(client, href(html, "t-back")))


async def test_what_a_card_writes_is_edited_in_a_form_and_taken_back(client):
    html = await shown(client, at())
    form = dict(
        re.findall(
            r'<input type="hidden" name="([^"]+)" value="([^"]*)"', html.split('id="ed-creadr"')[1].split("</form>")[0]
        )
    )
    answer = await client.get(at(), params={**form, "set.GITS_CREADR": "0x0"})
    assert answer.status_code == 303
    there = unescape(answer.headers["location"])
    assert parse_qs(urlsplit(there).query)["edit"] == ["GITS_CREADR=0x0"]
    edited = await shown(client, there)
    assert "as saved" in card(edited, "creadr")
    refused = await client.get(at(), params={**form, "set.GITS_CREADR": "soon"})
    assert refused.status_code == 422
    same = await client.get(at(), params={**form, "set.GITS_CREADR": "0xc0"})
    assert "edit=" not in same.headers["location"]


async def test_a_card_per_cpu(client):
    html = await shown(client, href(await shown(client, at() + "?order=bases-its-ctlr"), "split-gicr-ctlr"))
    for _ in range(3):
        html = await shown(client, href(html, "up-gicr-ctlr@0"))
    assert verdict(html) == "1 of 2 pending LPIs came back."
    joined = await shown(client, href(html, "split-gicr-ctlr@1"))
    assert 'id="card-gicr-ctlr"' in joined


@pytest.mark.parametrize("name", ["architecture", "qemu", "kvm-before-5.6"])
async def test_each_implementation_in_its_own_way(client, name):
    html = await shown(client, at(name))
    assert verdict(html) == ALL_BACK
    text = words(html)
    if name == "qemu":
        assert "vmstate_gicv3" in text
        assert verdict(await shown(client, href(html, "down-ram"))) == NONE_BACK
    if name == "architecture":
        assert "its_save_disable" in text
        assert verdict(await shown(client, href(html, "save-wb"))) == NONE_BACK


async def test_an_experiment_opens_as_a_scenario_that_ends_the_same(client):
    html = await shown(client, at() + "?order=bases-its-ctlr&without=gicr&edit=GICR_PENDBASER@0.PTZ=1")
    scenario = links.unpack(re.search(r'href="/x/([\w-]+)" hx-boost="false"', html)[1]).scenario()
    lines = [operation.verb for operation in scenario.operations[-3:]]
    assert lines == ["save", "save", "migrate"]
    assert "migrate order=bases-its-ctlr without=gicr GICR_PENDBASER@0.PTZ=1" in words(html)
    alone = unescape(re.search(r'href="(/x/[^"]+)" hx-boost="false" title="The source', html)[1])
    assert verdict(await shown(client, alone)) == verdict(html) == "1 of 2 pending LPIs came back."


async def test_many_lpis_come_in_windows(client):
    maps = "".join(
        f"its MAPTI device=2 event={n} intid={8300 + n} collection=0\nmsi device=2 event={n}\n" for n in range(4, 32)
    )
    more = (
        "its MAPD device=3 itt=0x40310000 size=6\n"
        + maps
        + maps.replace("device=2", "device=3").replace("intid=8", "intid=9")
    )
    more += "".join(f"its MAPTI device=3 event={n} intid={9400 + n} collection=0\n" for n in range(32, 64))
    html = await shown(client, at(more=more) + "?order=bases-its-ctlr")
    rows = re.findall(r'<tr><th scope="row" class="n">(\d+)</th>', html)
    assert len(rows) == limits.LPIS_PER_OUTCOME
    later = await shown(client, unescape(re.search(r'<a href="([^"]+)">Later</a>', html)[1]))
    assert int(re.findall(r'<tr><th scope="row" class="n">(\d+)</th>', later)[0]) > int(rows[-1])
    lost = await shown(client, unescape(re.search(r'<a class="tag tag--fail" href="([^"]+)"', html)[1]))
    assert set(re.findall(r'<span class="tag tag--fail">.*?</svg>(lost)</span></td>', lost)) == {"lost"}


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("?order=nonsense", "unknown restore step nonsense"),
        ("?order=ram,ram", "ram is in the order twice"),
        ("?order=" + "ram," * 300, "more than"),
        ("?edit=GICR_WAKER@0=1", "GICR_WAKER is in no restore step"),
        ("?edit=%00", ""),
        ("?on=riscv", "unknown implementation riscv"),
        ("?without=documented", "a whole order"),
    ],
)
async def test_an_address_that_is_no_experiment_says_what_is_wrong(client, query, said):
    answer = await client.get(at() + query)
    assert answer.status_code == 422
    assert said in words(answer.text)


@pytest.mark.parametrize("query", ["?at=99", "?at=-1", "?step=99999", "?from=x", "?show=nothing", "?save=all"])
async def test_other_oddities_in_an_address_are_passed_over(client, query):
    await shown(client, at() + query)


async def test_a_machine_without_its_has_nothing_to_migrate(client):
    payload = links.pack(parse("machine its=0\nwrite GICD_CTLR EnableGrp1=1\n"))
    answer = await client.get(f"/x/{payload}/migrate")
    assert answer.status_code == 422
    assert "no ITS" in answer.text


# -- every order


async def finished(client, address):
    with anyio.fail_after(60):
        while True:
            html = await shown(client, address)
            if "<progress" not in html:
                return html
            await anyio.sleep(0.05)


async def test_which_orders_lose_lpis(client):
    address = at() + "?order=its-base,ram,propbaser,pendbaser,basers,its-tables,gicr-ctlr,gicd-ctlr,icc"
    lab = await shown(client, address)
    html = await shown(client, unescape(re.search(r'<a href="([^"]+/orders[^"]*)"', lab)[1]))
    assert 'http-equiv="refresh"' in html
    html = await finished(client, address.replace("/migrate", "/migrate/orders"))
    text = words(html)
    assert "of 720 orders bring every pending LPI back" in text
    assert "all lost, mappings fine" in text
    assert "RESTORE_TABLES -EFAULT" in text
    see = [unescape(link) for link in re.findall(r'<a href="([^"]+)">See it happen</a>', html)]
    seen = {verdict(await shown(client, link)) for link in see}
    assert {ALL_BACK, NONE_BACK} <= seen


async def test_a_search_can_be_stopped_and_started_again(client):
    address = at().replace("/migrate", "/migrate/orders") + "?all=1"
    html = await shown(client, address)
    assert "<progress" in html
    stopped = await shown(client, unescape(re.search(r'<a class="btn" href="([^"]+stop=1)"', html)[1]))
    assert "Stopped." in words(stopped)
    assert "<progress" in await shown(
        client, unescape(re.search(r'<a class="btn" href="([^"]+)">Start again', stopped)[1])
    )
    await shown(client, address + "&stop=1")


async def test_no_inline_script_or_style(client):
    for address in (at(), at().replace("/migrate", "/migrate/orders") + "?order=ram,its-tables"):
        html = await shown(client, address)
        assert not re.search(r"<style|\sstyle=|\son\w+=|hx-on|javascript:", html)
        assert re.findall(r"<script(?![^>]*\ssrc=)", html) == []
