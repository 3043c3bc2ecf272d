"""The client in one file, copied to where nothing else of giclab is, against a real server."""

import ast
import importlib.util
import sys
from pathlib import Path

import httpx
import pytest

CLIENT = Path(__file__).resolve().parent.parent / "app" / "client.py"
SCENARIO = """title   Begun
machine implementation=kvm cpus=2
poke    0x40200003 a1
write   GICR_PROPBASER@0 Physical_Address=0x40200000 IDbits=15
write   GICR_PENDBASER@0 Physical_Address=0x40210000
write   GICR_CTLR@0 EnableLPIs=1
its     MAPD device=2 itt=0x40300000 size=5
its     MAPC collection=1 target=0
its     MAPTI device=2 event=20 intid=8195 collection=1
msi     device=2 event=20
"""
STEPS = 8


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """The file as another project has it."""
    path = tmp_path_factory.mktemp("elsewhere") / "giclab_client.py"
    path.write_text(CLIENT.read_text())
    spec = importlib.util.spec_from_file_location("giclab_client", path)
    module = sys.modules["giclab_client"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def giclab(copied, server):
    with copied.Client(server.url) as made:
        yield made


def test_it_needs_httpx_and_the_standard_library_only():
    names = set()
    for node in ast.walk(ast.parse(CLIENT.read_text())):
        if isinstance(node, ast.Import):
            names |= {each.name.split(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names.add(node.module.split(".")[0])
    assert names - sys.stdlib_module_names == {"httpx"}


def test_a_session_is_seen_from_all_sides(giclab):
    session = giclab.create(SCENARIO)
    assert giclab.open(session.id).log()["seq"] == STEPS
    assert session.register("GICR_CTLR@0.EnableLPIs")["fields"][0]["value"] == 1
    assert session.register("GICR_CTLR@0.EnableLPIs", step=0)["fields"][0]["value"] == 0
    [lpi] = session.lpis()
    assert (lpi["intid"], lpi["pending"]) == (8195, True)
    assert session.lpi_counts()["pending"] == 1
    assert session.table("device")["rows"][0]["device_id"] == 2
    assert session.table("itt", device=2)["rows"][0]["intid"] == 8195
    assert session.table("queue")["slots"]
    assert session.memory(0x40200003, 1) == b"\xa1"
    assert session.why(8195)["broken"]
    assert session.step(1)["op"].split() == ["poke", "0x40200003", "a1"]
    assert giclab.create_of_state(session.state()).register("GICR_CTLR@0")["value"] & 1 == 1


def test_a_session_is_changed_and_changed_back(giclab):
    session = giclab.create(implementation="qemu", cpus=1, title="Mine")
    assert session.op("write GICR_CTLR@0 EnableLPIs=1")["seq"] == 1
    assert session.undo()["can_redo"]
    assert session.redo()["seq"] == 1
    assert session.reset()["seq"] == 0
    session.op("read GICD_TYPER")
    [branch] = session.branches()["branches"]
    assert session.switch(branch["id"])["seq"] == 1
    session.drop(session.branches()["branches"][0]["id"])
    assert session.rename("Two reads")["title"] == session.log()["title"] == "Two reads"
    assert session.rewrite("machine implementation=qemu cpus=1\nread GICD_TYPER\nread GICD_CTLR\n")["seq"] == 2
    log = session.log()
    assert (log["title"], log["machine"]["implementation"], log["machine"]["cpus"]) == ("Mine", "qemu", 1)
    session.op("read GICD_TYPER", after=1)
    assert [each["text"].split()[1] for each in session.log()["operations"]] == ["GICD_TYPER"] * 2


def test_a_session_and_a_scenario_are_exported(giclab):
    assert "pytest" in {each["format"] for each in giclab.formats()["formats"]}
    assert giclab.create(scenario=SCENARIO).export("csv", step=1)["text"].startswith("intid,")
    written = giclab.export(SCENARIO, "qtest")
    assert written["file"] == "giclab.qtest"
    assert written["remarks"]


def test_many_lpis_come_page_by_page(copied):
    asked = []

    def answer(request):
        asked.append(dict(request.url.params))
        start = int(request.url.params.get("from", 8192))
        rows = [{"intid": start}, {"intid": start + 1}]
        return httpx.Response(200, json={"lpis": rows, "next": start + 2 if start < 8196 else None, "counts": {}})

    http = httpx.Client(base_url="http://giclab.test", transport=httpx.MockTransport(answer))
    found = [each["intid"] for each in copied.Client(http=http).open("ID").lpis(step=3)]
    assert found == list(range(8192, 8198))
    assert asked == [{"step": "3"}, {"step": "3", "from": "8194"}, {"step": "3", "from": "8196"}]


def test_a_play_and_a_link(giclab):
    told = giclab.play("machine cpus=1\nread GICD_IIDR\n", on=["kvm", "qemu"])
    assert told["first_difference"] == 1
    link = giclab.link(SCENARIO, step=2, register="GICR_CTLR@0", short=True)
    assert link["link"].startswith("/x/")
    assert link["short"].startswith("/l/")


def test_two_machines_are_compared(giclab):
    session = giclab.create(SCENARIO)
    told = giclab.diff(f"/s/{session.id}?step=-1", f"/s/{session.id}")
    assert [row["intid"] for row in told["lpis"]["rows"]] == [8195]
    assert giclab.diff(f"/s/{session.id}", giclab.link(SCENARIO)["link"])["same"]


def test_a_refusal_is_an_exception_with_the_problem(copied, giclab):
    session = giclab.create(SCENARIO)
    with pytest.raises(copied.GiclabError) as error:
        session.op("write GICR_PENDBASE@0 1")
    problem = error.value
    assert (problem.status, problem.kind, problem.type) == (422, "scenario-error", "/docs#problem-scenario-error")
    assert problem.title
    assert problem.detail in str(problem)
    assert "GICR_PENDBASER" in problem.members["nearest"]
    with pytest.raises(copied.GiclabError) as error:
        giclab.open(session.id).op("read GICD_CTLR")
    assert (error.value.status, error.value.kind) == (401, "edit-key")
    with pytest.raises(copied.GiclabError) as error:
        giclab.open("none").events().__next__()
    assert error.value.kind == "unknown-session"
    assert session.log()["seq"] == STEPS


def test_an_answer_that_is_no_problem_is_told_by_its_status(copied):
    http = httpx.Client(
        base_url="http://giclab.test",
        transport=httpx.MockTransport(lambda _: httpx.Response(502, text="<h1>Bad Gateway</h1>")),
    )
    with pytest.raises(copied.GiclabError) as error:
        copied.Client(http=http).play("")
    assert (error.value.status, error.value.kind, error.value.type) == (502, "", "about:blank")
    assert "502" in error.value.detail


def test_a_session_is_followed_and_taken_up_again(giclab):
    session = giclab.create(SCENARIO)
    events = session.events()
    first = next(events)
    assert (first.name, first.data) == ("", None)
    session.op("read GICD_TYPER")
    step = next(events)
    assert (step.name, step.data["op"].split(), step.data["seq"]) == ("step", ["read", "GICD_TYPER"], STEPS + 1)
    session.op("read GICD_CTLR")
    again = session.events(step.id)
    assert next(again).id == step.id
    missed = next(again)
    assert (missed.name, missed.data["op"].split()) == ("step", ["read", "GICD_CTLR"])
    again.close()
    events.close()
    old = session.events("1")
    assert "reload" in {next(old).name, next(old).name}
    old.close()


def test_events_are_read_whole(copied):
    lines = [": still here", "", "id: 4", "", "id: 5", "event: step", 'data: {"op":', 'data: "x"}', "", "data: 1"]
    assert [(each.id, each.name, each.data) for each in copied._events(iter(lines), "3")] == [
        ("4", "", None),
        ("5", "step", {"op": "x"}),
    ]
