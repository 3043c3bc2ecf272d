"""The API's reference: complete, and served without anybody else's help."""

import json
import re
import shlex
from string import Template

import pytest

from app.scenario.lessons import LESSONS
from app.web.docs import endpoints, groups
from app.web.problems import KINDS

pytestmark = pytest.mark.anyio
DOCUMENTED = {
    "POST /api/v1/sessions",
    "POST /api/v1/sessions/{id}/ops",
    "GET /api/v1/sessions/{id}/ops/{seq}",
    "GET /api/v1/sessions/{id}/lanes",
    "GET /api/v1/sessions/{id}/registers/{name}",
    "GET /api/v1/sessions/{id}/lpis",
    "GET /api/v1/sessions/{id}/why/{intid}",
    "GET /api/v1/sessions/{id}/way/{intid}",
    "GET /api/v1/sessions/{id}/way/{device}/{event}",
    "GET /api/v1/sessions/{id}/tables/{table}",
    "GET /api/v1/sessions/{id}/memory",
    "GET /api/v1/sessions/{id}/log",
    "GET /api/v1/sessions/{id}/state",
    "POST /api/v1/states",
    "GET /api/v1/sessions/{id}/events",
    "POST /api/v1/sessions/{id}/undo",
    "POST /api/v1/sessions/{id}/redo",
    "POST /api/v1/sessions/{id}/reset",
    "GET /api/v1/sessions/{id}/branches",
    "POST /api/v1/sessions/{id}/branches/{branch}/switch",
    "DELETE /api/v1/sessions/{id}/branches/{branch}",
    "PATCH /api/v1/sessions/{id}",
    "PUT /api/v1/sessions/{id}/log",
    "POST /api/v1/play",
    "GET /api/v1/sessions/{id}/review",
    "POST /api/v1/review",
    "GET /api/v1/diff",
    "GET /api/v1/commands",
    "GET /api/v1/commands/encode",
    "GET /api/v1/commands/decode",
    "GET /api/v1/lessons",
    "GET /api/v1/lessons/{slug}",
    "POST /api/v1/exercises",
    "POST /api/v1/import",
    "GET /api/v1/exports",
    "GET /api/v1/sessions/{id}/export/{format}",
    "POST /api/v1/export",
    "POST /api/v1/links",
    "GET /x/{payload}.json",
    "GET /l/{slug}.json",
    "GET /s/{id}.json",
    "GET /x/{payload}.{suffix}",
    "GET /l/{slug}.{suffix}",
    "GET /s/{id}.{suffix}",
}


async def test_the_description_names_every_endpoint(client):
    schema = (await client.get("/openapi.json")).json()
    assert {f"{endpoint.method} {endpoint.path}" for endpoint in endpoints(schema)} == DOCUMENTED


async def test_the_page_shows_every_endpoint_with_what_it_takes_and_gives(client):
    schema, page = (await client.get("/openapi.json")).json(), (await client.get("/docs")).text
    for endpoint in endpoints(schema):
        assert endpoint.meaning
        section = re.search(rf'<section id="{endpoint.anchor}" class="api__o">.*?</section>', page, re.DOTALL)[0]
        assert f"{endpoint.method} {endpoint.path}" in section
        for value in (*endpoint.takes, *endpoint.gives):
            assert f"<code>{value.name}</code>" in section


async def test_every_kind_of_problem_has_its_place_on_the_page(client):
    page = (await client.get("/docs")).text
    for kind, meaning in KINDS.items():
        assert f'id="problem-{kind}"' in page
        assert meaning.split("`")[0].split("'")[0] in page


async def test_the_page_asks_nobody_else_and_runs_no_inline_script(client):
    page = (await client.get("/docs")).text
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", page)


SCENARIO = """\
its MAPD device=2 itt=0x40300000 size=5
its MAPC collection=0 target=0
its MAPTI device=2 event=20 intid=8195 collection=0
its INT device=2 event=20
note the last
"""
EXERCISE = next(lesson.exercise for lesson in LESSONS if lesson.exercise is not None)
TRACE = b"gicv3_redist_write GICv3 redistributor 0x0 write: offset 0x70 data 0x421a078f size 8 secure 0\n"
FOLLOW = 'curl -sN "$GICLAB/api/v1/sessions/$ID/events"'  # never ends, and has tests of its own


async def test_each_operation_is_told_of_once_under_its_tag(client):
    schema = (await client.get("/openapi.json")).json()
    told = [f"{endpoint.method} {endpoint.path}" for group in groups(schema) for endpoint in group.endpoints]
    assert sorted(told) == sorted(DOCUMENTED)
    assert all(group.endpoints and group.about for group in groups(schema))


async def test_what_takes_an_edit_key_says_so_and_nothing_else_does(client):
    schema = (await client.get("/openapi.json")).json()
    for endpoint in ending(schema):
        answer = await asked(client, endpoint.example, await ready(client) | {"KEY": "wrong"})
        assert (answer.status_code == 403) is ("Authorization: Bearer $KEY" in endpoint.example), endpoint.path


async def test_every_example_is_answered_with_what_it_asks_for(client):
    schema = (await client.get("/openapi.json")).json()
    for endpoint in ending(schema):
        answer = await asked(client, endpoint.example, await ready(client))
        assert answer.status_code < 300, (endpoint.example, answer.text)


def ending(schema):
    assert [endpoint.path for endpoint in endpoints(schema) if endpoint.example == FOLLOW]
    return [endpoint for endpoint in endpoints(schema) if endpoint.example != FOLLOW]


async def ready(client):
    """What the examples have variables and files for: a session with a step undone, a branch, and links of it."""
    made = (await client.post("/api/v1/sessions", json={"scenario": SCENARIO})).json()
    key = {"Authorization": f"Bearer {made['edit_key']}"}
    path = f"/api/v1/sessions/{made['id']}"
    await client.post(f"{path}/ops", json={"op": "note another end", "after": 4}, headers=key)
    await client.post(f"{path}/undo", headers=key)
    branches = (await client.get(f"{path}/branches")).json()["branches"]
    link = (await client.post("/api/v1/links", json={"scenario": SCENARIO, "short": True})).json()
    return {
        "GICLAB": "",
        "ID": made["id"],
        "KEY": made["edit_key"],
        "BRANCH": str(branches[0]["id"]),
        "SEQ": "1",
        "PAYLOAD": link["link"].removeprefix("/x/"),
        "SLUG": link["short"].removeprefix("/l/"),
        "/api/v1/states": (await client.get(f"{path}/state")).content,
        "/api/v1/import": TRACE,
        "/api/v1/exercises": json.dumps({"payload": EXERCISE.payload()}).encode(),
    }


async def asked(client, command, known):
    """What curl would do with this command line."""
    words = iter(shlex.split(Template(command.replace("\\\n", "")).safe_substitute(known)))
    assert next(words) == "curl"
    method, url, headers, query, content = "GET", "", {}, {}, None
    for word in words:
        match word:
            case "-s" | "--get":
                pass
            case "-X":
                method = next(words)
            case "-H":
                name, _, value = next(words).partition(": ")
                headers[name] = value
            case "--data-urlencode":
                name, _, value = next(words).partition("=")
                query[name] = value
            case "--json" | "--data-binary":
                data = next(words)
                content = known[url] if data == "@FILE" else data.encode()
                method = "POST" if method == "GET" else method
                headers |= {"Content-Type": "application/json"} if word == "--json" else {}
            case _:
                url = word
    return await client.request(method, url, params=query or None, content=content, headers=headers)
