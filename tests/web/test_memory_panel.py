"""The memory panel: what a byte is part of, what it means, and forms that write bytes or meaning."""

import re

import pytest

from tests.web.reading import words

pytestmark = pytest.mark.anyio
HX = {"HX-Request": "true"}
LINES = [
    "write GICR_PROPBASER@0 Physical_Address=0x40200000 IDbits=15",
    "write GICR_PENDBASER@0 PTZ=1 Physical_Address=0x40210000",
    "poke 0x40200003 a1",
    "its MAPD device=2 itt=0x40300000 size=5",
    "its MAPC collection=1 target=0",
    "its MAPTI device=2 event=20 intid=8195 collection=1",
]


@pytest.fixture
def start(client):
    async def started(implementation="qemu", lines=LINES):
        made = await client.post("/sessions", data={"implementation": implementation, "cpus": "2"})
        path = made.headers["location"]
        for line in lines:
            answer = await client.post(f"{path}/ops", data={"kind": "console", "op": line}, headers=HX)
            assert answer.status_code == 200, answer.text
        return path

    return started


async def panel(client, path, address):
    answer = await client.get(f"{path}?tab=memory&address={address}")
    assert answer.status_code == 200
    return answer.text[answer.text.index('id="p-memory"') : answer.text.index('id="queue"')]


async def send(client, path, address, **fields):
    """The form of the entry at an address, as a browser without a script posts it."""
    form = {"kind": "meaning", "entry": address, **fields}
    return await client.post(f"{path}/ops?tab=memory&address={address}", data=form)


async def newest(client, path):
    log = (await client.get(f"/api/v1{path.replace('/s/', '/sessions/')}/log")).json()
    return log["operations"][-1]["text"].split()


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("0x40200003", "LPI 8195: priority 0xa0, enabled"),
        ("0x40210400", "pending bits of 8192 to 8199: none pending"),
        ("0x403000f4", "ITE of DeviceID 0x2 EventID 0x14: INTID 8195, ICID 1"),
        ("0x41010012", "DTE of DeviceID 0x2: valid, ITT 0x40300000, 5 EventID bits"),
        ("0x41000041", "command slot 2: MAPTI DeviceID 0x2 EventID 0x14 pINTID 8195 ICID 1 · done"),
        ("0x4fff0000", "no table lies here"),
    ],
)
async def test_a_byte_says_what_it_is_part_of(client, start, address, told):
    html = await panel(client, await start(), address)
    under = re.search(r'id="under">([^<]*)', html)[1]
    assert under == f"{address} · {told}"
    assert f'title="{address} · {told}"' in html


async def test_regions_are_told_by_a_sign_and_a_caption(client, start):
    path = await start()
    html = await panel(client, path, "0x40300000")
    assert "0x40300000 to 0x4030017f, 384 bytes: 32 entries of 12 bytes" in words(html)
    assert html.count('<td class="z r0 e0') == 21  # all that begin here but EventID 0x14's
    html = await panel(client, path, "0x40300170")
    assert html.count(" r0") + html.count('"r0') == 128 + 1  # the caption's sign too
    assert "0x40200000 to 0x4020dfff, 56 KB: a byte for each LPI" in words(await panel(client, path, "0x40200000"))


async def test_the_panel_comes_when_its_tab_opens(client, start):
    path = await start()
    html = (await client.get(path)).text
    assert 'id="dump"' not in html
    assert re.search(r'id="p-memory"[^>]* data-stale="true" hidden', html)
    answer = await client.get(f"{path}?tab=memory", headers={**HX, "HX-Target": "div#p-memory"})
    assert 'id="dump"' in answer.text
    assert "data-stale" not in answer.text


@pytest.mark.parametrize(
    ("address", "fields", "line"),
    [
        ("0x40200003", {"bits.enabled": "0", "bits.priority": "0xa0"}, ["poke", "0x40200003", "a0"]),
        ("0x40200003", {"bits.priority": "0xc0"}, ["poke", "0x40200003", "c0"]),
        ("0x40200003", {"bits.enabled": "1", "bits.priority": "192"}, ["poke", "0x40200003", "c1"]),
        ("0x40210400", {"bits.p8195": "1", "bits.p8199": "1"}, ["poke", "0x40210400", "88"]),
        (
            "0x403000f0",
            {
                "bits.valid": "1",
                "bits.intid": "8200",
                "bits.icid": "1",
                "bits.physical": "1",
                "bits.vpeid": "0",
                "bits.doorbell": "1023",
            },
            ["poke", "0x403000f0", "23"],
        ),
        ("0x41010010", {"bits.size": "6", "bits.itt": "0x40300000", "bits.valid": "1"}, ["poke", "0x41010010", "0b"]),
    ],
)
async def test_an_edited_field_becomes_one_poke_of_the_bytes_that_differ(client, start, address, fields, line):
    path = await start()
    answer = await send(client, path, address, **fields)
    assert answer.status_code == 303, answer.text
    assert await newest(client, path) == line


async def test_only_what_was_edited_is_laid_over_bytes_that_changed_meanwhile(client, start):
    path = await start()
    await client.post(f"{path}/ops", data={"kind": "console", "op": "poke 0x40200003 c0"}, headers=HX)
    answer = await send(client, path, "0x40200003", was="a1", **{"bits.enabled": "1", "bits.priority": "0xb0"})
    assert answer.status_code == 303
    assert await newest(client, path) == ["poke", "0x40200003", "b0"]


@pytest.mark.parametrize(
    ("address", "fields", "told"),
    [
        ("0x40200003", {"bits.priority": "hot"}, "Priority 'hot' is not a number"),
        ("0x40200003", {"bits.priority": "0xa1"}, "must be a multiple of 0x4"),
        ("0x40200003", {"bits.priority": "0x100"}, "0 to 0xfc, a multiple of 0x4, 6 bits"),
        ("0x40200003", {"bits.enabled": "1", "bits.priority": "0xa0", "was": "a1"}, "No field was edited"),
        ("0x41010011", {"bits.valid": "1"}, "No entry of a table begins at 0x41010011"),
        ("0x4fff0000", {}, "No entry of a table begins at 0x4fff0000"),
        ("nowhere", {}, "names no entry"),
        ("0x403000f0", {"bits.intid": "9" * 60}, "is not a number"),
    ],
)
async def test_a_field_that_does_not_fit_says_what_would_and_nothing_is_lost(client, start, address, fields, told):
    path = await start()
    answer = await send(client, path, address, **fields)
    assert answer.status_code == 422
    assert told in words(answer.text)
    assert (await newest(client, path))[0] == "its"
    if address == "0x40200003" and "hot" in fields.values():
        assert re.search(r'name="bits.priority" value="hot"', answer.text)


async def test_a_refused_poke_keeps_what_was_typed(client, start):
    path = await start()
    form = {"kind": "poke", "address": "0x40200008", "bytes": "a1 zz"}
    answer = await client.post(f"{path}/ops?tab=memory", data=form)
    assert answer.status_code == 422
    assert 'name="address" value="0x40200008"' in answer.text
    assert 'name="bytes" value="a1 zz"' in answer.text


async def test_who_may_not_write_sees_the_meaning_too(client, start):
    path = await start()
    client.cookies.clear()
    html = await panel(client, path, "0x40200003")
    assert 'id="m-40200003-priority"' in html
    assert len(re.findall("<fieldset[^>]* disabled>", html)) == 2
    assert "data-write" not in html


@pytest.mark.parametrize("implementation", ["kvm", "kvm-before-5.6"])
async def test_what_kvm_only_saved_says_so(client, start, implementation):
    path = await start(implementation, [*LINES, "save its-tables"])
    html = words(await panel(client, path, "0x41010010"))
    assert "DTE of DeviceID 0x2: valid, ITT 0x40300000, 5 EventID bits" in html
    assert "what the last SAVE_TABLES left here" in html
