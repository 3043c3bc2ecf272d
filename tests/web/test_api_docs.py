"""The API's reference: complete, and served without anybody else's help."""

import re

import pytest

from app.web.docs import endpoints
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
        section = re.search(rf'<section id="{endpoint.anchor}">.*?</section>', page, re.DOTALL)[0]
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
