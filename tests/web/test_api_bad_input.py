"""Bad input: what, where, and what would be right; nothing changed, and never a server error."""

import pytest

from app import limits

pytestmark = pytest.mark.anyio


@pytest.fixture
async def session(client):
    return (await client.post("/api/v1/sessions", json={"cpus": 2})).json()


def is_problem(answer, status, kind):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert problem["type"] == (f"/docs#problem-{kind}" if kind else "about:blank")
    return problem


async def log_of(client, session):
    return (await client.get(f"/api/v1/sessions/{session['id']}/log")).json()


@pytest.mark.parametrize(
    ("line", "column", "says"),
    [
        ("write GICR_PENDBASR@0 1", 7, "GICR_PENDBASER"),  # a misspelt register
        ("write GICR_CTLR@0 0x1_0000_0001", 19, "32 bits"),  # a value too wide
        ("write GICR_PENDBASER@0 PZT=1", 24, "PTZ"),  # a field that does not exist
        ("write GICR_PENDBASER@0 PTZ=2", 28, "1 bit"),  # a field's value too wide
        ("its MAPTI device=2 event=20 intid=8195", None, "collection"),  # a missing operand
        ("its MAPTY device=2 event=20 intid=8195 collection=1", 5, "MAPTI"),  # an unknown command
        ("read GICR_CTLR@7", 16, "@0 to @1"),  # a CPU that does not exist
        ("poke 0x1000 00", 6, "0x40000000"),  # an address that is no RAM
    ],
)
async def test_a_line_that_cannot_be_read(client, session, line, column, says):
    before = await log_of(client, session)
    path, mine = f"/api/v1/sessions/{session['id']}/ops", {"Authorization": f"Bearer {session['edit_key']}"}
    problem = is_problem(await client.post(path, json={"op": line}, headers=mine), 422, "scenario-error")
    assert problem["line"] == 1
    assert column is None or problem["column"] == column
    assert problem["text"] == line
    assert says in f"{problem['detail']} {problem.get('expected', '')} {problem.get('nearest', '')}"
    assert await log_of(client, session) == before


@pytest.mark.parametrize(
    ("body", "line", "column"),
    [
        (b"", 1, 1),
        (b"op=read GICD_CTLR", 1, 1),
        (b'{"op": read}', 1, 8),
        (b'{\n  "op": "read GICD_CTLR",\n}', 3, 1),
        (b"{'op': 'read GICD_CTLR'}", 1, 2),
        (b'{"op": "read', 1, 8),
    ],
)
async def test_json_that_is_not_json(client, session, body, line, column):
    path = f"/api/v1/sessions/{session['id']}/ops"
    headers = {"Authorization": f"Bearer {session['edit_key']}", "Content-Type": "application/json"}
    answer = await client.post(path, content=body, headers=headers)
    if not body:
        is_problem(answer, 422, "invalid-request")
        return
    problem = is_problem(answer, 400, "malformed-json")
    assert (problem["line"], problem["column"]) == (line, column)
    assert "Expected" in problem["advice"]
    assert (await log_of(client, session))["seq"] == 0


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"cpus": ' + b"9" * 5000 + b"}",
        b'{"scenario": "\\ud800"}',
        b'{"scenario": "\\u0000"}',
    ],
)
async def test_json_made_to_break_things(client, body):
    answer = await client.post("/api/v1/sessions", content=body, headers={"Content-Type": "application/json"})
    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "#/op"),
        ({"op": 5}, "#/op"),
        ({"op": "read GICD_CTLR", "opp": 1}, "#/opp"),
        (["read GICD_CTLR"], "#/"),
    ],
)
async def test_json_of_another_shape(client, session, body, pointer):
    mine = {"Authorization": f"Bearer {session['edit_key']}"}
    answer = await client.post(f"/api/v1/sessions/{session['id']}/ops", json=body, headers=mine)
    problem = is_problem(answer, 422, "invalid-request")
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


@pytest.mark.parametrize("wrong", ["unknown", "A" * 22, "A" * 65, "%00", "..%2f..%2fetc"])
@pytest.mark.parametrize("path", ["log", "lpis", "registers/GICD_CTLR", "events", "memory?address=0"])
async def test_an_unknown_session(client, wrong, path):
    answer = await client.get(f"/api/v1/sessions/{wrong}/{path}")
    if "%2f" in wrong:
        assert answer.status_code == 404
        return
    problem = is_problem(answer, 404, "unknown-session")
    assert "start a new session" in problem["advice"]


async def test_an_operation_on_an_unknown_session(client):
    answer = await client.post(f"/api/v1/sessions/{'A' * 22}/ops", json={"op": "read GICD_CTLR"})
    is_problem(answer, 404, "unknown-session")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"cpus": 0}, "cpus=0"),
        ({"cpus": 100_000}, "cpus=100000"),
        ({"scenario": "machine implementation=kvm\nraed GICD_CTLR\n"}, "scenario:2:1"),
        ({"implementation": "qemu", "scenario": "read GICD_CTLR\n\nraed GICD_CTLR\n"}, "scenario:3:1"),
        ({"title": "x" * 300}, "300"),
    ],
)
async def test_a_session_that_cannot_be_made(client, body, says):
    problem = is_problem(await client.post("/api/v1/sessions", json=body), 422, "scenario-error")
    assert says in problem["detail"]


@pytest.mark.parametrize(
    ("name", "says"),
    [("kvn", "Did you mean kvm?"), ("kvm\nread GICD_CTLR", "architecture, kvm"), ("vax", "architecture, kvm")],
)
async def test_an_implementation_that_does_not_exist(client, name, says):
    made = is_problem(await client.post("/api/v1/sessions", json={"implementation": name}), 422, "invalid-request")
    played = is_problem(
        await client.post("/api/v1/play", json={"scenario": "", "on": ["kvm", name]}), 422, "invalid-request"
    )
    for problem, pointer in ((made, "#/implementation"), (played, "#/on/1")):
        assert says in problem["advice"]
        assert problem["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("GICR_PENDBASR@0", "GICR_PENDBASER"),
        ("PENDBASER@0", "GICR_PENDBASER"),
        ("GICR_PENDBASER", "GICR_PENDBASER@0"),
        ("GICR_PENDBASER@0.PZT", "PTZ"),
        ("GICD_CTLR@0", "GICD_CTLR"),
    ],
)
async def test_a_register_that_does_not_exist(client, session, name, nearest):
    answer = await client.get(f"/api/v1/sessions/{session['id']}/registers/{name}")
    assert nearest in is_problem(answer, 404, "unknown-name")["nearest"]


@pytest.mark.parametrize("name", ["GICR_CTLR@99", "%00", "@", "GICR_CTLR@-1", "x" * 99])
async def test_a_name_that_is_no_name(client, session, name):
    is_problem(await client.get(f"/api/v1/sessions/{session['id']}/registers/{name}"), 404, "unknown-name")


@pytest.mark.parametrize(
    "path",
    [
        "lpis?from=0",
        "lpis?from=x",
        "lpis?count=0",
        f"lpis?count={limits.LPIS_PER_PAGE + 1}",
        "tables/devices",
        "tables/itt",
        "tables/itt?device=0x1_0000_0000",
        "tables/itt?device=x",
        "memory",
        "memory?address=zzz",
        "memory?address=-1",
        "memory?address=0x10",
        f"memory?address=0x40000000&length={limits.MEMORY_BYTES_PER_READ + 1}",
        "memory?address=0x5fffffff&length=2",
        "lpis?step=x",
        "why/3",
        "why/3?cpu=9",
        "why/3?cpu=x",
        "why/1023",
        "why/x",
        "why/-1",
        "why/65536",
        "why/0x1_0000_0000",
    ],
)
async def test_a_query_out_of_range(client, session, path):
    is_problem(await client.get(f"/api/v1/sessions/{session['id']}/{path}"), 422, "invalid-request")


@pytest.mark.parametrize(
    "path",
    [
        "lpis?step=1",
        "why/40?step=2",
        "registers/GICD_CTLR?step=-1",
        "memory?address=0x40000000&step=9",
        "ops/1",
        "ops/0",
    ],
)
async def test_a_step_that_does_not_exist(client, session, path):
    is_problem(await client.get(f"/api/v1/sessions/{session['id']}/{path}"), 404, "unknown-step")


async def test_a_path_and_a_method_that_do_not_exist(client, session):
    is_problem(await client.get("/api/v1/nothing"), 404, "")
    answer = await client.get(f"/api/v1/sessions/{session['id']}/ops")
    is_problem(answer, 405, "")
    assert answer.headers["allow"] == "POST"


async def test_a_limit_names_itself(client, session, monkeypatch):
    monkeypatch.setattr(limits, "OPERATIONS_PER_SESSION", 0)
    mine = {"Authorization": f"Bearer {session['edit_key']}"}
    answer = await client.post(f"/api/v1/sessions/{session['id']}/ops", json={"op": "read GICD_CTLR"}, headers=mine)
    problem = is_problem(answer, 422, "limit-reached")
    assert (problem["limit"], problem["maximum"]) == ("OPERATIONS_PER_SESSION", 0)


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_that_is_too_large(client, announced):
    async def chunks():
        for _ in range(limits.REQUEST_BYTES // 65536 + 2):
            yield b" " * 65536

    headers = {"Content-Type": "application/json"}
    content = b" " * (limits.REQUEST_BYTES + 1) if announced else chunks()
    problem = is_problem(await client.post("/api/v1/sessions", content=content, headers=headers), 413, "limit-reached")
    assert problem["maximum"] == limits.REQUEST_BYTES


async def test_a_body_that_announces_too_much_is_not_even_read(client):
    async def chunks():
        pytest.fail("read")
        yield b""

    headers = {"Content-Type": "application/json", "Content-Length": str(limits.REQUEST_BYTES + 1)}
    is_problem(await client.post("/api/v1/sessions", content=chunks(), headers=headers), 413, "limit-reached")


async def test_the_largest_body_is_still_read(client):
    body = b'{"cpus": 2}'.ljust(limits.REQUEST_BYTES)
    answer = await client.post("/api/v1/sessions", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 201


async def test_a_fault_of_our_own_is_told_as_one_and_gives_nothing_away(app, client, session, monkeypatch):
    def fail(*_):
        raise RuntimeError("/secret/path")

    monkeypatch.setattr(app.state.sessions, "open", fail)
    problem = is_problem(await client.get(f"/api/v1/sessions/{session['id']}/log"), 500, "internal")
    assert "secret" not in str(problem)


async def test_a_database_that_is_gone_is_told_as_such(app, client, session, monkeypatch):
    from app.sessions import StorageFailed

    async def fail(*_):
        raise StorageFailed("The database did not take or give the data (disk full). Nothing was changed; try again.")

    monkeypatch.setattr(app.state.sessions._store, "append", fail)
    mine = {"Authorization": f"Bearer {session['edit_key']}"}
    answer = await client.post(f"/api/v1/sessions/{session['id']}/ops", json={"op": "read GICD_CTLR"}, headers=mine)
    assert "disk full" in is_problem(answer, 503, "storage")["detail"]
    assert answer.headers["retry-after"]


@pytest.mark.parametrize("path", ["/s/unknown", "/nothing", f"/s/{'A' * 22}"])
async def test_outside_the_api_a_problem_is_a_page_or_a_fragment(client, path):
    page = await client.get(path)
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert page.text.lstrip().startswith("<!doctype html>")
    fragment = await client.get(path, headers={"HX-Request": "true"})
    assert fragment.status_code == 404
    assert "<html" not in fragment.text
    assert 'role="alert"' in fragment.text


async def test_the_error_page_is_told_even_if_its_template_fails(client, monkeypatch):
    from app.web import problems

    monkeypatch.setattr(problems, "render", lambda *_, **__: 1 / 0)
    answer = await client.get("/s/%3Cb%3Eunknown")
    assert answer.status_code == 404
    assert "&lt;b&gt;unknown" in answer.text
    assert "<b>unknown" not in answer.text


async def test_what_a_stranger_wrote_is_escaped_in_the_error_page(client):
    answer = await client.get("/s/%3Cscript%3Ealert(1)%3C%2Fscript%3E")
    assert "<script>alert" not in answer.text
