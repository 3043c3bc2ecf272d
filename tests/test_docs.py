"""The guide tells the truth: every block in it runs, every link leads somewhere, every chapter is on the site."""

import html
import json
import re
import shlex
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from typer.testing import CliRunner

from app import limits
from app.cli import cli
from app.exchange import writers
from app.exchange.imports import registry
from app.scenario import parse
from app.scenario.runner import run
from app.settings import PREFIX, Settings
from app.web.views import guide
from app.web.views.embed import FLAGS

ROOT = Path(__file__).resolve().parent.parent
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [*DOCS, ROOT / "app" / "scenario" / "LANGUAGE.md"]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SERVER = "http://127.0.0.1:8000"
# Indented ones are Markdown about Markdown; `text` is what a program prints or a form of words.
PLAYED = {"gic", "python", "sh", "html", "systemrdl", "json"}


def blocks(*languages):
    """(file:line, text) of each block in one of the languages."""
    found = []
    for path in DOCS:
        text = path.read_text()
        for match in FENCE.finditer(text):
            if match[1] in languages:
                line = text[: match.start()].count("\n") + 1
                found.append(pytest.param(match[2], id=f"{path.name}:{line}"))
    return found


def test_every_block_is_of_a_kind_that_is_tried():
    for path in DOCS:
        kinds = {match[1] for match in FENCE.finditer(path.read_text())}
        assert kinds <= PLAYED | {"text"}, path.name


@pytest.mark.parametrize("text", blocks("gic"))
def test_a_scenario_holds_on_its_own_machine(text):
    scenario = parse(text)
    result = run(scenario, scenario.machine.implementation)
    assert result.failed == 0, text


@pytest.mark.parametrize("text", blocks("python"))
def test_a_program_runs(text, request):
    if SERVER in text:
        text = text.replace(SERVER, request.getfixturevalue("server").url)
    exec(compile(text, "docs", "exec"), {})


@pytest.mark.anyio
@pytest.mark.parametrize("text", blocks("json"))
async def test_a_configuration_names_what_answers(client, text):
    [server] = json.loads(text)["mcpServers"].values()
    assert server["url"].startswith(SERVER)
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    answer = await client.post(urlsplit(server["url"]).path, json=asked, headers={"Accept": "application/json"})
    chapter = (ROOT / "docs" / "assistants.md").read_text()
    assert [tool["name"] for tool in answer.json()["result"]["tools"]] == re.findall(
        r"^\| `(\w+)`", chapter, re.MULTILINE
    )


def commands(*programs):
    return [
        pytest.param(line, id=line)
        for block in blocks("sh")
        for line in block.values[0].splitlines()
        if line.split(" ")[0] in programs
    ]


def test_every_command_is_of_a_program_that_is_tried():
    for block in blocks("sh"):
        for line in filter(None, block.values[0].splitlines()):
            assert line.split(" ")[0] in ("giclab", "make", "curl"), line


@pytest.mark.parametrize("line", commands("giclab"))
def test_a_giclab_command_works(line, tmp_path, monkeypatch):
    scenario = next(match[2] for match in FENCE.finditer((ROOT / "README.md").read_text()) if match[1] == "gic")
    (tmp_path / "ptz.gic").write_text(scenario)
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, shlex.split(line.partition("  #")[0])[1:])
    assert result.exit_code in (0, 1), result.output
    assert result.output.strip() or any(path.suffix != ".gic" for path in tmp_path.iterdir())


@pytest.mark.parametrize("line", commands("make"))
def test_a_make_target_exists(line):
    assert re.search(rf"^{line.split()[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.anyio
async def test_the_curl_commands_are_answered(client):
    values: dict[str, str] = {}
    for param in commands("curl"):
        line = param.values[0]
        for name, value in values.items():
            line = line.replace(name, value)
        words = shlex.split(line)
        body = words[words.index("-d") + 1] if "-d" in words else None
        headers = dict(words[at + 1].split(": ") for at, word in enumerate(words) if word == "-H")
        method = words[words.index("-X") + 1] if "-X" in words else "POST" if body else "GET"
        address = urlsplit(words[-1])
        path = address.path + (f"?{address.query}" if address.query else "")
        answer = await client.request(method, path, content=body, headers=headers)
        assert answer.status_code in (200, 201), (path, answer.text)
        if answer.headers["content-type"].startswith("application/json"):
            told = answer.json()
            values |= {"/ID": f"/{told['id']}", "EDIT_KEY": told["edit_key"]} if "edit_key" in told else {}
            values |= {"SLUG": urlsplit(told["short"]).path.rpartition("/")[2]} if told.get("short") else {}


@pytest.mark.parametrize("text", blocks("html"))
def test_a_frame_asks_for_flags_that_there_are(text):
    [source] = re.findall(r'src="([^"]+)"', text)
    asked = parse_qs(urlsplit(html.unescape(source)).query)
    known = {flag.name: flag.values.split(", ") for flag in FLAGS}
    for name, [value] in asked.items():
        assert value in known[name] or name == "step", name


@pytest.mark.parametrize("text", blocks("systemrdl"))
def test_a_line_of_the_map_stands_in_it(text):
    assert any(text.strip() in path.read_text() for path in (ROOT / "app" / "registers" / "rdl").glob("*.rdl"))


def test_the_flags_of_a_frame_are_all_told():
    told = (ROOT / "docs" / "embedding.md").read_text()
    for flag in FLAGS:
        row = re.search(rf"^\| `{flag.name}` \| (.*) \|$", told, re.MULTILINE)
        assert row, flag.name
        assert all(
            value in row[1] for value in re.findall(r"^[a-z0-9]+$", flag.values.replace(", ", "\n"), re.MULTILINE)
        )


THREATS = (ROOT / "docs" / "threat-model.md").read_text()
SHOWN_BY = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


@pytest.mark.parametrize(("path", "name"), sorted(set(SHOWN_BY.findall(THREATS))))
def test_a_test_that_the_threat_model_names_exists(path, name):
    assert re.search(rf"^(async )?def {name}\(", (ROOT / path).read_text(), re.MULTILINE)


def test_every_attack_has_a_test():
    attacks = THREATS.partition("## A visitor")[2]
    rows = [line for line in attacks.splitlines() if line.startswith("| ") and not line.startswith("| tries to")]
    assert len(rows) > 30
    for row in rows:
        assert SHOWN_BY.search(row.split(" | ")[2]), row
    for name in re.findall(r"`([A-Z_]{5,})`", THREATS):
        assert hasattr(limits, name) or name.removeprefix(PREFIX).lower() in Settings.model_fields, name


@pytest.mark.anyio
@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
async def test_every_link_of_a_file_leads_somewhere(client, path):
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text()):
        if target.startswith("/"):
            assert (await client.get(target)).status_code == 200, target
        else:
            assert (path.parent / target).is_file(), target


@pytest.mark.anyio
async def test_every_file_is_a_chapter_whose_links_lead_somewhere(client):
    assert {f"{name}.md" for name in guide.CHAPTERS} == {path.name for path in DOCS}
    contents = (await client.get("/guide")).text
    for chapter in guide.chapters():
        assert f'href="{chapter.href}"' in contents
        assert chapter.title
        assert chapter.about
        page = await client.get(chapter.href)
        assert page.status_code == 200
        for href in re.findall(r'<a [^>]*href="([^"]+)"', page.text):
            address, _, anchor = html.unescape(href).partition("#")
            if address.startswith("/"):
                answer = await client.get(address)
                assert answer.status_code == 200, address
                assert not anchor or f'id="{anchor}"' in answer.text, href
            elif anchor:
                assert f'id="{anchor}"' in page.text, href


@pytest.mark.anyio
async def test_a_chapter_that_there_is_not(client):
    answer = await client.get("/guide/nothing")
    assert answer.status_code == 404
    assert "first-ten-minutes" in answer.text


def test_the_reference_has_every_limit_with_its_sum_and_every_command():
    from app import limits
    from app.gic.commands import COMMANDS

    names = {name for name in vars(limits) if name.isupper()} - {"KIB", "MIB"}
    assert {name for name, _, _ in guide.limit_rows()} == names
    page = str(guide.chapter("reference").html)
    for name in (*names, *COMMANDS):
        assert f"<code>{name}</code>" in page
    assert json.dumps(limits.OPERATIONS_PER_SESSION) in page.replace(",", "")


def test_the_chapter_on_formats_lists_each_that_is_read_or_written():
    text = (ROOT / "docs" / "formats.md").read_text()
    for name, form in writers.FORMATS.items():
        assert f"| `{name}` | {form.about} | {'a step' if form.state else 'the scenario'} |" in text
    rows = re.findall(r"^\| `([\w-]+)` \|", text, re.MULTILINE)
    assert rows == [*registry.FORMATS, *writers.FORMATS]
