"""The tools for assistants, called by the protocol's own client over a real server."""

import json
import subprocess
import sys

import httpx2
import pytest
from mcp import Client

from app import limits
from app.registers import IMPLEMENTATION_NAMES
from app.settings import Settings
from app.web import tools
from app.web.app import create_app
from app.web.tools import TOOLS

pytestmark = pytest.mark.anyio
SCENARIO = """machine implementation=kvm cpus=2
write GICR_PENDBASER@0 PTZ=1 Physical_Address=0x40210000
read  GICR_PENDBASER@0
its   MAPD device=2 itt=0x40300000 size=5
its   MAPC collection=1 target=0
its   MAPTI device=2 event=20 intid=8195 collection=1
msi   device=2 event=20
"""
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
HEADERS = {"Accept": "application/json, text/event-stream"}


@pytest.fixture(params=["auto", "legacy"])
async def assistant(served, request):
    async with Client(f"{served}/mcp", mode=request.param) as client:
        yield client


@pytest.fixture
async def modern(served):
    async with Client(f"{served}/mcp") as client:
        yield client


async def answer(client, tool, /, **arguments):
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content[0].text
    return json.loads(result.content[0].text)


async def refusal(client, tool, /, **arguments):
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    problem = result.structured_content
    assert problem["detail"] in result.content[0].text
    return problem


async def test_the_tools_are_listed_with_what_they_take(assistant):
    listed = {tool.name: tool for tool in (await assistant.list_tools()).tools}
    assert list(listed) == list(TOOLS)
    for tool in listed.values():
        assert tool.description
        assert tool.annotations.read_only_hint
        assert tool.input_schema["type"] == "object"
    assert "scenario" in listed["play"].input_schema["required"]


async def test_each_tool_answers(assistant, client):
    played = await answer(assistant, "play", scenario=SCENARIO, on=["kvm", "qemu"])
    told = await client.post("/api/v1/play", json={"scenario": SCENARIO, "on": ["kvm", "qemu"]})
    assert played == told.json()
    explained = await answer(assistant, "explain", scenario=SCENARIO, intid=8195)
    assert not explained["why"]["signalled"]
    assert explained["why"]["links"]
    assert explained["did"]["op"].split()[0] == "msi"
    register = await answer(assistant, "register", name="GICR_PENDBASER@0.PTZ")
    assert (register["fields"][0]["msb"], register["fields"][0]["access"]) == (62, "WO")
    differs = await answer(assistant, "diff", a={"scenario": SCENARIO, "step": 2}, b={"scenario": SCENARIO})
    assert "GITS_CWRITER" in [row["register"] for row in differs["registers"]["rows"]]
    listed = await answer(assistant, "implementations")
    assert set(listed["implementations"]) == set(IMPLEMENTATION_NAMES)


async def test_a_comparison_tells_what_differs_and_why(modern):
    told = await answer(modern, "compare", scenario="machine cpus=1\nwrite GICD_CTLR 2\nread GICD_IIDR\n")
    assert told["implementations"] == list(IMPLEMENTATION_NAMES)
    assert told["steps_played"] == 2
    assert told["first_difference"] == 2
    [step] = told["steps"]
    assert step["reasons"]
    assert set(
        (await answer(modern, "compare", scenario="read GICD_IIDR\n", on=["kvm", "qemu"]))["steps"][0]["on"]
    ) == {
        "kvm",
        "qemu",
    }


async def test_a_session_is_compared_with_a_scenario_by_its_address(modern, served):
    async with httpx2.AsyncClient(base_url=served) as http:
        made = (await http.post("/api/v1/sessions", json={"scenario": SCENARIO})).json()
    told = await answer(modern, "diff", a={"address": f"/s/{made['id']}"}, b={"scenario": SCENARIO})
    assert (told["same"], told["a"]["step"], told["b"]["name"]) == (True, 6, "b")
    other = await answer(
        modern, "diff", a={"address": f"/s/{made['id']}?step=2"}, b={"scenario": SCENARIO, "on": "qemu"}
    )
    assert (other["a"]["step"], other["b"]["implementation"]) == (2, "qemu")


async def test_a_step_is_explained_as_it_was_then(modern):
    before = await answer(modern, "explain", scenario=SCENARIO, step=1)
    assert before["did"]["op"].split()[:2] == ["write", "GICR_PENDBASER@0"]
    assert before["did"]["effects"]
    assert "why" not in before
    address = "GICR_PENDBASER@0.Physical_Address"
    at_reset = await answer(modern, "register", name=address, scenario=SCENARIO, step=0)
    later = await answer(modern, "register", name=address, scenario=SCENARIO, on="qemu")
    assert at_reset["fields"][0]["value"] == 0
    assert later["fields"][0]["value"] == 0x4021


async def test_behaviours_are_narrowed(modern):
    every = (await answer(modern, "implementations"))["behaviours"]
    two = (await answer(modern, "implementations", between=["kvm", "qemu"]))["behaviours"]
    found = (await answer(modern, "implementations", words="PENDING"))["behaviours"]
    assert 0 < len(two) < len(every)
    assert 0 < len(found) < len(every)
    assert all("pending" in json.dumps(each).lower() for each in found)
    assert all(each["on"]["kvm"]["cite"] for each in two)


async def test_a_bad_scenario_is_told_by_line_and_column(modern):
    for name in ("play", "compare", "explain"):
        problem = await refusal(modern, name, scenario="read GICD_CTLR\nwrite GICR_PENDBASE@0 1\n")
        assert problem["type"] == "/docs#problem-scenario-error"
        assert (problem["line"], problem["column"]) == (2, 7)
        assert "GICR_PENDBASER" in problem["nearest"]


@pytest.mark.parametrize(
    ("name", "arguments", "kind", "told"),
    [
        ("register", {"name": "GICR_PENDBASE@0"}, "unknown-name", "GICR_PENDBASER"),
        ("register", {"name": "GICR_PENDBASER"}, "unknown-name", "@cpu is missing"),
        ("register", {"name": "GICD_CTLR", "on": "kwm"}, "invalid-request", "kvm"),
        ("register", {"name": "GICD_CTLR", "step": 1}, "unknown-step", "the scenario has 0"),
        ("register", {}, "invalid-request", "#/name"),
        ("register", {"name": "GICD_CTLR", "nam": 1}, "invalid-request", "#/nam"),
        ("diff", {"a": {}, "b": {"on": "kwm"}}, "invalid-request", "#/b/on"),
        ("diff", {"a": {"step": 1}, "b": {}}, "unknown-step", "the scenario has 0"),
        ("diff", {"a": {"address": "/s/nothing"}, "b": {}}, "unknown-session", "#/a/address"),
        ("diff", {"a": {}, "b": {"address": "https://elsewhere.example/s/x"}}, "bad-address", "another site"),
        ("diff", {"a": {}}, "invalid-request", "#/b"),
        ("explain", {"intid": 1 << 30}, "invalid-request", "no interrupt here"),
        ("explain", {"intid": 3}, "invalid-request", "once per CPU"),
        ("play", {"scenario": "", "on": ["gic"]}, "invalid-request", "no implementation 'gic'"),
        ("implementations", {"between": ["kvm", "x"]}, "invalid-request", "no implementation 'x'"),
        ("plai", {}, "unknown-name", "play"),
    ],
)
async def test_what_does_not_fit_is_told(modern, name, arguments, kind, told):
    problem = await refusal(modern, name, **arguments)
    assert problem["type"] == f"/docs#problem-{kind}"
    assert told in json.dumps(problem)


async def test_the_limits_are_those_of_the_api(modern, client):
    long = "read GICD_CTLR\n" * (limits.OPERATIONS_PER_PLAY + 1)
    for name in ("play", "explain"):
        problem = await refusal(modern, name, scenario=long)
        assert (problem["limit"], problem["maximum"]) == ("OPERATIONS_PER_PLAY", limits.OPERATIONS_PER_PLAY)
    too_large = {**LIST, "params": {"words": "x" * limits.REQUEST_BYTES}}
    refused = await client.post("/mcp", json=too_large, headers=HEADERS)
    assert refused.status_code == 413
    assert refused.json()["limit"] == "REQUEST_BYTES"


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_work_counts_against_the_address(monkeypatch, mode, served):
    monkeypatch.setattr(limits, "WORK_PER_REQUEST", 500)
    async with Client(f"{served}/mcp", mode=mode) as client:
        problem = await refusal(client, "explain", scenario="read GICD_CTLR\n" * 20)
    assert problem["limit"] == "WORK_PER_REQUEST"


async def test_other_sites_and_other_methods_are_refused(client):
    foreign = await client.post("/mcp", json=LIST, headers={**HEADERS, "Origin": "http://elsewhere.test"})
    assert foreign.status_code == 403
    assert foreign.json()["type"] == "/docs#problem-cross-site"
    assert (await client.get("/mcp", headers=HEADERS)).status_code == 405
    assert (await client.post("/mcp", content="{", headers={**HEADERS, "Content-Type": "application/json"})).json()[
        "error"
    ]


async def test_an_answer_has_the_security_headers_and_nothing_is_stored(client, app):
    told = await client.post("/mcp", json=LIST, headers=HEADERS)
    assert told.status_code == 200
    assert told.headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in told.headers
    assert "mcp-session-id" not in told.headers


def test_the_protocol_is_not_imported_at_the_start():
    program = "import sys, app.web.app; print('mcp' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert told.stdout.strip() == "False"


async def test_a_fault_gives_no_detail_away(monkeypatch, tmp_path):
    monkeypatch.setattr(tools, "rows", lambda: 1 / 0)
    app = create_app(Settings(database_url=f"sqlite:///{tmp_path / 'giclab.db'}"))
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://giclab.test") as client:
            call = {**LIST, "method": "tools/call", "params": {"name": "implementations", "arguments": {}}}
            told = (await client.post("/mcp", json=call, headers=HEADERS)).json()["result"]
    assert told["isError"]
    assert "division" not in json.dumps(told)
