"""The JSON API as programs use it."""

import pytest

from app import limits

pytestmark = pytest.mark.anyio
TWO_STATES = "machine implementation=architecture security=2\nread GICD_CTLR\n"
PENDBASER = "write GICR_PENDBASER@0 PTZ=1 Physical_Address=0x40210000"
MAPPED = [
    "its MAPD device=2 itt=0x40300000 size=5",
    "its MAPC collection=1 target=0",
    "its MAPTI device=2 event=20 intid=8195 collection=1",
]


class Api:
    """A session under /api/v1 and its key."""

    def __init__(self, client, new):
        self.client = client
        self.id = new["id"]
        self.mine = {"Authorization": f"Bearer {new['edit_key']}"}

    async def do(self, *lines):
        for line in lines:
            answer = await self.client.post(f"/api/v1/sessions/{self.id}/ops", json={"op": line}, headers=self.mine)
            assert answer.status_code == 200, answer.text
        return answer.json()

    async def get(self, path):
        answer = await self.client.get(f"/api/v1/sessions/{self.id}/{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
async def api(client):
    answer = await client.post("/api/v1/sessions", json={"implementation": "qemu", "cpus": 2})
    assert answer.status_code == 201
    return Api(client, answer.json())


async def test_a_new_session_is_told_with_its_key_and_kept_from_caches(client):
    answer = await client.post("/api/v1/sessions", json={"implementation": "kvm", "cpus": 2})
    assert answer.status_code == 201
    assert set(answer.json()) == {"id", "edit_key"}
    assert answer.headers["location"] == f"/s/{answer.json()['id']}"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("request_body", "machine"),
    [
        ({}, ("kvm", 2)),
        ({"implementation": "qemu", "cpus": 4}, ("qemu", 4)),
        ({"scenario": "machine implementation=architecture cpus=1\nread GICD_CTLR\n"}, ("architecture", 1)),
        ({"implementation": "qemu", "scenario": "machine implementation=kvm cpus=3\nread GICD_CTLR\n"}, ("qemu", 3)),
        ({"cpus": 4, "scenario": "title T\nread GICD_CTLR\n"}, ("kvm", 4)),
        ({"implementation": "qemu", "scenario": TWO_STATES}, ("qemu", 2)),
        ({"cpus": 4, "scenario": "---\ntitle: T\n---\nProse.\n---\nread GICD_CTLR\n"}, ("kvm", 4)),
    ],
)
async def test_what_is_said_beside_a_scenario_replaces_its_machine_line(client, request_body, machine):
    new = (await client.post("/api/v1/sessions", json=request_body)).json()
    log = await Api(client, new).get("log")
    assert (log["machine"]["implementation"], log["machine"]["cpus"]) == machine
    assert len(log["operations"]) == ("scenario" in request_body)


async def test_two_security_states_are_asked_for(client):
    answer = await client.post("/api/v1/sessions", json={"implementation": "architecture", "security": 2})
    api = Api(client, answer.json())
    await api.do("write GICD_CTLR EnableGrp1S=1 secure=1")
    assert (await api.do("read GICD_CTLR secure=1"))["hex"] == "0x34"
    assert (await api.do("read GICD_CTLR"))["hex"] == "0x10"
    assert (await api.get("log"))["machine"]["security"] == 2
    refused = await client.post("/api/v1/sessions", json={"implementation": "qemu", "security": 2})
    assert (refused.status_code, "one Security state" in refused.json()["detail"]) == (422, True)


async def test_an_operation_answers_with_its_step(api):
    step = await api.do(PENDBASER)
    assert step["seq"] == 1
    assert step["op"].split() == PENDBASER.split()
    assert "value" not in step
    assert "refused" not in step
    written = next(effect for effect in step["effects"] if effect["kind"] == "register-written")
    assert written["register"] == "GICR_PENDBASER"
    assert "GICR_PENDBASER@0" in written["words"]
    read = await api.do("read GICR_PENDBASER@0")
    assert (read["seq"], read["value"], read["hex"]) == (2, 0x4000_0000_4021_0000, "0x4000000040210000")
    assert await api.get("ops/2") == read


async def test_an_expectation_and_a_refusal_are_told(api):
    expect = await api.do("expect GICR_PENDBASER@0.PTZ == 1")
    assert expect["expectation"] == {"asked": True, "passed": False, "got": "0", "wanted": "== 1"}
    assert (await api.do("uread its:0x7"))["refused"].startswith("E")


async def test_a_register_is_told_with_its_fields(api):
    await api.do(PENDBASER)
    register = await api.get("registers/GICR_PENDBASER@0")
    assert register["value"] == 0x4000_0000_4021_0000
    assert register["hex"] == "0x4000000040210000"
    assert register["address"] == 0x080A_0078
    fields = {field["name"]: field for field in register["fields"]}
    assert (fields["PTZ"]["msb"], fields["PTZ"]["value"]) == (62, 1)
    assert fields["Physical_Address"]["value"] == 0x40210000 >> 16
    one = await api.get("registers/GICR_PENDBASER@0.PTZ")
    assert [field["name"] for field in one["fields"]] == ["PTZ"]
    assert (await api.get("registers/GICD_CTLR"))["cpu"] is None
    assert (await api.get("registers/ICC_PMR_EL1@1"))["address"] is None


async def test_looking_has_no_side_effects(api):
    await api.do("write ICC_PMR_EL1@0 0xff", "write ICC_IGRPEN1_EL1@0 1")
    before = await api.get("log")
    for _ in range(2):
        await api.get("registers/ICC_IAR1_EL1@0")
    assert await api.get("log") == before


async def test_an_earlier_step_is_told_as_it_was(api):
    await api.do(PENDBASER)
    assert (await api.get("registers/GICR_PENDBASER@0?step=0"))["value"] != 0x4000_0000_4021_0000
    assert (await api.get("registers/GICR_PENDBASER@0?step=1"))["value"] == 0x4000_0000_4021_0000


async def test_why_an_interrupt_is_not_signalled(api):
    await api.do("poke 0x40200003 a0", "write GICR_PROPBASER@0 Physical_Address=0x40200000 IDbits=15")
    await api.do("write GICR_PENDBASER@0 Physical_Address=0x40210000", "write GICR_CTLR@0 EnableLPIs=1", *MAPPED)
    await api.do("msi device=2 event=20")
    chain = await api.get("why/8195")
    assert (chain["intid"], chain["cpu"], chain["signalled"], chain["broken"]) == (8195, 0, False, "configuration byte")
    broken = next(link for link in chain["links"] if not link["holds"])
    assert broken["name"] == "configuration byte"
    assert broken["mend"] == "Set bit 0 of the byte at 0x40200003, then issue INV"
    assert broken["cite"].startswith("IHI 0069")
    assert chain["words"] == f"INTID 8195 is not signalled: {broken['says']}. {broken['mend']}"
    await api.do("poke 0x40200003 a1", "its INV device=2 event=20", "write GICD_CTLR EnableGrp1=1")
    await api.do("write ICC_PMR_EL1@0 0xff", "write ICC_IGRPEN1_EL1@0 1")
    after = await api.get("why/0x2003")
    assert (after["signalled"], after["broken"], after["words"]) == (True, None, "INTID 8195 is signalled to CPU 0")
    assert all(link["holds"] and not link["mend"] for link in after["links"])
    assert await api.get(f"why/8195?step={(await api.get('log'))['seq'] - 5}") == chain


async def test_why_of_an_sgi_is_asked_per_cpu(api):
    await api.do("write GICR_ISENABLER0@1 8", "write GICR_ISPENDR0@1 8")
    assert (await api.get("why/3?cpu=0"))["broken"] == "GICR_ISPENDR0@0"
    assert (await api.get("why/3?cpu=1"))["broken"] == "GICD_CTLR.EnableGrp0"


async def test_lpis_come_in_pages(api):
    await api.do(*MAPPED)
    await api.do(*(f"its MAPTI device=2 event={n} intid={8200 + n} collection=1" for n in range(3)))
    first = await api.get("lpis?count=2")
    assert [lpi["intid"] for lpi in first["lpis"]] == [8195, 8200]
    assert first["counts"]["mapped"] == 4
    assert first["next"] == 8201
    second = await api.get(f"lpis?from={first['next']}&count=2")
    assert [lpi["intid"] for lpi in second["lpis"]] == [8201, 8202]
    assert second["next"] is None
    assert (first["lpis"][0]["device"], first["lpis"][0]["event"], first["lpis"][0]["cpu"]) == (2, 20, 0)


async def test_tables_and_the_queue(api):
    await api.do(*MAPPED)
    (device,) = (await api.get("tables/device"))["rows"]
    assert (device["device_id"], device["size"], device["itt_address"], device["events"]) == (2, 5, 0x40300000, 1)
    (collection,) = (await api.get("tables/collection"))["rows"]
    assert (collection["icid"], collection["cpu"]) == (1, 0)
    (event,) = (await api.get("tables/itt?device=0x2"))["rows"]
    assert (event["event_id"], event["intid"], event["icid"]) == (20, 8195, 1)
    queue = await api.get("tables/queue")
    assert [command["name"] for command in queue["commands"]] == ["MAPD", "MAPC", "MAPTI"]
    assert queue["commands"][0]["hex"][0] == "0x0000000200000008"
    assert queue["creadr"] == queue["cwriter"] == 96


async def test_a_long_table_is_cut_and_says_so(api, monkeypatch):
    await api.do(*MAPPED, "its MAPC collection=2 target=1", "its MAPC collection=3 target=1")
    monkeypatch.setattr(limits, "TABLE_ROWS", 1)
    table = await api.get("tables/collection")
    assert (len(table["rows"]), table["omitted"]) == (1, 2)


async def test_memory_is_told_as_bytes(api):
    await api.do("poke 0x40210400 08 ff")
    assert await api.get("memory?address=0x4021_0400&length=3") == {"address": 0x40210400, "length": 3, "hex": "08ff00"}


async def test_the_log_is_the_scenario_again(client, api):
    await api.do(PENDBASER, "note What will it read?")
    log = await api.get("log")
    assert log["seq"] == 2
    assert log["operations"][0] == {"seq": 1, "text": PENDBASER}
    again = (await client.post("/api/v1/sessions", json={"scenario": log["scenario"]})).json()
    assert (await Api(client, again).get("log"))["scenario"] == log["scenario"]


async def test_a_step_of_very_many_effects_is_cut_and_says_so(api, monkeypatch):
    monkeypatch.setattr(limits, "EFFECTS_SHOWN", 1)
    await api.do(*MAPPED)
    step = await api.do("its INT device=2 event=20")
    assert len(step["effects"]) == 1
    assert step["effects_omitted"] > 0


@pytest.mark.parametrize("header", ["", "Basic abc", "Bearer", "Bearer wrong", "bearer  "])
async def test_only_who_holds_the_key_changes_a_session(client, api, header):
    before = await api.get("log")
    headers = {"Authorization": header} if header else {}
    answer = await client.post(f"/api/v1/sessions/{api.id}/ops", json={"op": PENDBASER}, headers=headers)
    assert answer.status_code == (403 if "wrong" in header else 401)
    assert answer.json()["type"] == "/docs#problem-edit-key"
    assert ("www-authenticate" in answer.headers) is (answer.status_code == 401)
    assert await api.get("log") == before


async def test_the_cookie_is_as_good_as_the_token(client, api):
    key = api.mine["Authorization"].removeprefix("Bearer ")
    headers = {"Cookie": f"giclab_edit={key}", "Sec-Fetch-Site": "same-origin"}
    answer = await client.post(f"/api/v1/sessions/{api.id}/ops", json={"op": PENDBASER}, headers=headers)
    assert answer.status_code == 200


async def test_the_server_says_that_it_is_well(client):
    answer = await client.get("/healthz")
    assert answer.json()["status"] == "ok"
