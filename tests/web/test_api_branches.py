"""Time travel over the API: acting in the past, undo, redo, resets, branches and a whole new text."""

import pytest

pytestmark = pytest.mark.anyio
SCENARIO = "machine implementation=kvm cpus=2\nnote one\nnote two\n"


class Api:
    def __init__(self, client, new):
        self.client = client
        self.base = f"/api/v1/sessions/{new['id']}"
        self.mine = {"Authorization": f"Bearer {new['edit_key']}"}

    async def ask(self, method, path, status=200, headers=None, **json):
        wanted = {"json": json} if json else {}
        answer = await self.client.request(
            method, f"{self.base}/{path}", headers=self.mine if headers is None else headers, **wanted
        )
        assert answer.status_code == status, answer.text
        return answer.json()

    async def lines(self):
        return [operation["text"] for operation in (await self.ask("GET", "log"))["operations"]]


@pytest.fixture
async def api(client):
    made = Api(client, (await client.post("/api/v1/sessions", json={"scenario": SCENARIO})).json())
    await made.ask("POST", "ops", op="note three")
    return made


async def test_an_operation_in_the_past_makes_a_branch_to_switch_to_and_to_drop(api):
    assert (await api.ask("POST", "ops", op="note other", after=1))["seq"] == 2
    place = await api.ask("GET", "branches", headers={})
    (branch,) = place["branches"]
    assert {key: branch[key] for key in ("steps", "shared", "ahead", "began")} == {
        "steps": 3,
        "shared": 1,
        "ahead": False,
        "began": False,
    }
    assert branch["operations"] == ["note two", "note three"]
    await api.ask("POST", f"branches/{branch['id']}/switch")
    assert await api.lines() == ["note one", "note two", "note three"]
    (left,) = (await api.ask("GET", "branches"))["branches"]
    assert (await api.ask("DELETE", f"branches/{left['id']}"))["branches"] == []
    gone = await api.ask("POST", f"branches/{left['id']}/switch", 404)
    assert gone["type"].endswith("unknown-branch")


async def test_undo_redo_and_both_resets(api):
    place = await api.ask("POST", "undo")
    assert (place["seq"], place["can_redo"]) == (2, True)
    assert (await api.ask("POST", "redo"))["seq"] == 3
    assert (await api.ask("POST", "redo", 409))["type"].endswith("no-move")
    assert (await api.ask("POST", "reset", to="power-on"))["seq"] == 0
    assert (await api.ask("POST", "undo", 409))["detail"].startswith("There is nothing to undo")
    assert (await api.ask("POST", "reset", to="link"))["seq"] == 2
    assert await api.lines() == ["note one", "note two"]
    await api.ask("POST", "reset", 422, to="yesterday")


async def test_a_whole_text_takes_the_place_of_the_log(api):
    text = "title Other\nmachine implementation=qemu cpus=4\nread GICR_TYPER@3\n"
    assert (await api.ask("PUT", "log", scenario=text))["seq"] == 1
    told = await api.ask("GET", "log")
    assert (told["title"], told["machine"]["implementation"], told["scenario"]) == ("Other", "qemu", text)
    refused = await api.ask("PUT", "log", 422, scenario="read GICD_CTLR\nraed GICD_CTLR\n")
    assert (refused["line"], refused["column"], refused["nearest"][0]) == (2, 1, "read")
    assert (await api.ask("GET", "log"))["scenario"] == text


async def test_only_the_edit_key_moves_a_session(api):
    asked = (
        ("POST", "undo", {}),
        ("POST", "redo", {}),
        ("POST", "reset", {"to": "link"}),
        ("POST", "branches/3/switch", {}),
        ("DELETE", "branches/3", {}),
        ("PUT", "log", {"scenario": "note x\n"}),
        ("POST", "ops", {"op": "note x", "after": 0}),
    )
    for method, path, json in asked:
        await api.ask(method, path, 401, headers={}, **json)
    assert await api.lines() == ["note one", "note two", "note three"]


async def test_a_step_that_is_not_there_cannot_be_gone_on_from(api):
    assert (await api.ask("POST", "ops", 404, op="note x", after=9))["type"].endswith("unknown-step")
    await api.ask("POST", "ops", 422, op="note x", after=-1)
