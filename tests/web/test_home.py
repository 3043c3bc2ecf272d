"""The first page: an empty machine, opening what one has."""

import re
from html import unescape

import pytest

from app import limits
from app.gic import IMPLEMENTATIONS
from tests.web.reading import words

pytestmark = pytest.mark.anyio
PTZ = "machine implementation=qemu cpus=1\nwrite GICR_PENDBASER@0 PTZ=1\nexpect GICR_PENDBASER@0.PTZ == 1\n"


async def log_of(client, started):
    assert started.status_code == 303, started.text
    answer = await client.get(f"/api/v1{started.headers['location'].replace('/s/', '/sessions/')}/log")
    return answer.json()


async def test_it_says_what_giclab_is_and_what_one_can_do(client):
    told = words((await client.get("/")).text)
    assert "giclab is an explorer of the GICv3" in told
    for part in ("Start with an empty machine", "Open what you have", "Recent sessions", "Lessons", "Privacy"):
        assert part in told


@pytest.mark.parametrize("bits", [14, 15, 16])
@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
async def test_a_machine_with_lpi_tables_for_so_many_bits(client, implementation, bits):
    form = {"implementation": implementation, "cpus": "2", "lpi_bits": str(bits)}
    started = await client.post("/sessions", data=form)
    log = await log_of(client, started)
    assert [operation["text"].split()[1] for operation in log["operations"]] == [
        f"GICR_{name}@{cpu}" for cpu in range(2) for name in ("PROPBASER", "PENDBASER")
    ]
    base = f"/api/v1{started.headers['location'].replace('/s/', '/sessions/')}/registers"
    for cpu in range(2):
        propbaser = (await client.get(f"{base}/GICR_PROPBASER@{cpu}")).json()
        assert propbaser["value"] & 0x1F == bits - 1
    pending = [(await client.get(f"{base}/GICR_PENDBASER@{cpu}")).json()["value"] & ~0xFFFF for cpu in range(2)]
    assert pending[0] & 0xFFFF_FFFF != pending[1] & 0xFFFF_FFFF, "each CPU has a pending table of its own"


async def test_no_lpi_bits_is_the_machine_at_reset(client):
    log = await log_of(client, await client.post("/sessions", data={"implementation": "kvm", "lpi_bits": ""}))
    assert log["operations"] == []


@pytest.mark.parametrize("form", [{"lpi_bits": "13"}, {"lpi_bits": "x"}, {"lpi_bits": "16", "cpus": "9" * 3}])
async def test_a_machine_that_there_is_not_is_refused(client, form):
    answer = await client.post("/sessions", data=form)
    assert answer.status_code == 422
    assert next(iter(form)) in answer.text or "cpus" in answer.text


async def test_a_pasted_scenario_is_opened(client):
    log = await log_of(client, await client.post("/import", data={"text": PTZ.replace("\n", "\r\n")}))
    assert log["machine"]["implementation"] == "qemu"
    assert len(log["operations"]) == 2


async def test_a_file_is_opened_and_counts_more_than_what_was_pasted(client):
    files = {"file": ("ptz.gic", PTZ.encode(), "text/plain")}
    log = await log_of(client, await client.post("/import", data={"text": "read GICD_TYPER"}, files=files))
    assert len(log["operations"]) == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("read GICD_CTLR\nwriet GICR_CTLR@0 1\n", "Line 2"),
        ("# <script>alert(1)</script>\nread", "Line 2"),
    ],
)
async def test_what_cannot_be_opened_is_told_beside_the_form_and_kept(client, text, says):
    answer = await client.post("/import", data={"text": text})
    assert answer.status_code == 422
    [alert] = re.findall(r'role="alert">.*?</div>', answer.text, re.DOTALL)
    assert says in unescape(alert)
    assert unescape(re.search(r"<textarea[^>]*>(.*?)</textarea>", answer.text, re.DOTALL)[1]).strip() == text.strip()
    assert "<script>alert" not in answer.text


async def test_a_trace_goes_the_way_of_imports(client):
    trace = "gicv3_redist_write GICv3 redistributor 0x0 write: offset 0x78 data 0x40210000 size 8 secure 0\n" * 3
    answer = await client.post("/import", data={"text": trace})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/import/")


async def test_bytes_that_are_no_text_do_no_harm(client):
    files = {"file": ("x.gic", bytes(range(256)) * 8, "application/octet-stream")}
    answer = await client.post("/import", data={"text": ""}, files=files)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text


async def test_too_much_is_refused_with_its_limit(client):
    text = "read GICD_TYPER\n" * (limits.OPERATIONS_PER_SESSION + 1)
    answer = await client.post("/import", data={"text": text})
    assert 400 <= answer.status_code < 500
    assert f"{limits.OPERATIONS_PER_SESSION:,}" in answer.text
