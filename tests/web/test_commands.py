"""ITS commands on the page and in the API: the form by fields and by words, and the queue as a ring."""

import re

import pytest

from app import limits
from app.gic.commands import COMMANDS, WORDS, encode
from tests.web.reading import words

pytestmark = pytest.mark.anyio
HX = {"HX-Request": "true"}
MAPTI = "0x20000000a 0x200300000014 1 0"
STALLING = [
    "its MAPC collection=1 target=0",
    "write GITS_CTLR 0",
    "write GITS_BASER0 0x8007000090000000",
    "write GITS_CTLR Enabled=1",
    "its MAPD device=3 itt=0x40300000 size=5",
]


@pytest.fixture
def start(client):
    async def started(implementation="kvm", lines=()):
        made = await client.post("/sessions", data={"implementation": implementation, "cpus": "2"})
        path = made.headers["location"]
        for line in lines:
            answer = await client.post(f"{path}/ops", data={"kind": "console", "op": line}, headers=HX)
            assert answer.status_code == 200, answer.text
        return path

    return started


def shown(html):
    """The encoding on the form."""
    found = re.findall(r'<dd class="hex" data-word="\d">(.*?)</dd>', html)
    return [int(re.sub(r"<[^>]+>", "", each), 16) for each in found]


async def test_the_api_lists_every_command(client):
    listed = (await client.get("/api/v1/commands")).json()["commands"]
    assert [each["name"] for each in listed] == list(COMMANDS)
    size = next(each for each in listed[0]["operands"] if each["name"] == "size")
    assert (size["smallest"], size["largest"], size["word"], size["msb"], size["lsb"]) == (1, 32, 1, 4, 0)


@pytest.mark.parametrize("name", COMMANDS)
async def test_what_the_api_encodes_it_decodes(client, name):
    operands = " ".join(f"{each.name}={each.largest:#x}" for each in COMMANDS[name].operands)
    encoded = (await client.get("/api/v1/commands/encode", params={"line": f"{name} {operands}"})).json()
    packet = encode(name, **{each.name: each.largest for each in COMMANDS[name].operands})
    assert (encoded["hex"], encoded["reserved"]) == (packet.hex(), "")
    decoded = (await client.get("/api/v1/commands/decode", params={"words": " ".join(encoded["words"])})).json()
    assert decoded == encoded


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("encode?line=MAPC", "MAPC needs collection"),
        ("encode?line=MAPX", "MAPX is not an ITS command"),
        ("encode", ""),
        ("decode?words=1", "1 number found"),
        ("decode?words=0x77+0+0+0", "an opcode that no command has"),
        ("decode?words=" + "8+" * 600, ""),
    ],
)
async def test_what_is_no_command_is_a_problem(client, path, told):
    answer = await client.get(f"/api/v1/commands/{path}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert told in answer.json()["detail"]


async def test_the_form_follows_what_is_typed(client, start):
    path = await start()
    query = {"command": "MAPTI", "operand.device": "0x7", "operand.intid": "8200", "operand.itt": "0x40400000"}
    html = (await client.get(f"{path}/command", params=query, headers=HX)).text
    assert shown(html) == list(WORDS.unpack(encode("MAPTI", device=7, event=20, intid=8200, collection=1)))
    assert "its MAPTI device=0x7 event=0x14 intid=8200 collection=1" in words(html)
    assert '<input type="hidden" name="operand.itt" value="0x40400000">' in html
    assert "0 to 0xffff, 16 bits by GITS_TYPER.Devbits: the device that sends the event" in words(html)
    refused = (await client.get(f"{path}/command", params={**query, "operand.collection": "0x10000"}, headers=HX)).text
    assert "ICID 0x10000 does not fit: 0 to 0xffff" in words(refused)
    assert shown(refused)[2] == 0
    assert 'aria-invalid="true"' in refused


async def test_every_command_says_what_the_machine_makes_of_it(client, start):
    path = await start()
    for name, spec in COMMANDS.items():
        html = (await client.get(f"{path}/command", params={"command": name}, headers=HX)).text
        assert f"<option selected>{name}</option>" in html
        assert ("this ITS has no" in html) is (spec.version == 4)
        assert re.findall(r'data-operand="(\w+)"', html) == [each.name for each in spec.operands]


@pytest.mark.parametrize("scripted", [True, False])
async def test_pasted_words_fill_the_form(client, start, scripted):
    path = await start()
    address = f"{path}/command" if scripted else path
    query = {"words": f"{MAPTI[:-1]}0x8000000000000000", "command": "MAPD"}
    html = (await client.get(address, params=query, headers=HX if scripted else {})).text
    html = html[html.index('id="its-both"') :]
    assert "its MAPTI device=0x2 event=0x14 intid=8195 collection=1" in words(html)
    assert "RES0 bits were set in what you pasted: DW3[63]" in words(html)
    assert f'name="words" value="{query["words"]}"' in html


async def test_words_that_are_no_command_lose_nothing(client, start):
    path = await start()
    query = {"words": "0x77 0 0 0", "command": "INT", "operand.device": "0x9"}
    html = (await client.get(f"{path}/command", params=query, headers=HX)).text
    assert "This is no command. DW0[7:0] is 0x77" in words(html)
    assert "its INT device=0x9 event=0x14" in words(html)


async def test_a_text_that_is_no_command_s_length_says_so(client, start):
    query = {"words": "8 " * limits.COMMAND_CHARACTERS}
    assert "It has more than 1024 characters" in words(
        (await client.get(f"{await start()}/command", params=query)).text
    )


async def test_a_command_of_gicv4_is_ignored(client, start):
    path = await start("qemu")
    form = {"kind": "its", "command": "VMAPP", **{f"operand.{name}": "1" for name in ("vpe", "target", "valid")}}
    form |= {"operand.vpt": "0x40340000", "operand.vpt_size": "14"}
    assert (await client.post(f"{path}/ops", data=form)).status_code == 303
    html = words((await client.get(f"{path}?tab=queue")).text)
    assert "VMAPP" in html
    assert "GICv3 has no such command" in html


@pytest.mark.parametrize(
    ("implementation", "restart"),
    [("architecture", "a write to GITS_CWRITER with Retry=1"), ("qemu", "any write to GITS_CWRITER")],
)
async def test_a_stalled_queue_names_the_error_and_how_to_go_on(client, start, implementation, restart):
    path = await start(implementation, STALLING)
    html = (await client.get(path)).text
    told = words(html)
    assert "Stalled: no RAM at 0x90000018 for the Device table entry." in told
    assert f"{restart} restarts the queue" in told
    assert '<circle class="bad"' in html
    assert "CREADR at slot 1, offset 0x20; CWRITER at slot 2, offset 0x40; 1 command between them" in html


async def test_a_queue_that_goes_round_says_so(client, start):
    lines = [
        "write GITS_CBASER 0x8000000041000000",
        "write GITS_CTLR 0",
        *["note round"],
        "uwrite GITS_CREADR 0xfc0",
        "write GITS_CWRITER 0x40",
    ]
    path = await start("kvm", lines)
    html = (await client.get(path)).text
    assert "CREADR at slot 126, offset 0xfc0; CWRITER at slot 2, offset 0x40; 4 commands between them" in html
    assert "across the end of the queue" in html
    wait = re.search(r'<circle class="wait" r="40" pathLength="128" stroke-dasharray="(\S+) (\S+)"', html)
    assert (wait[1], wait[2]) == ("4", "124")
