"""The README tells the truth: its examples run, its tables are the current ones, its links lead somewhere."""

import json
import re
import shlex
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from typer.testing import CliRunner

from app.cli import cli
from app.exchange.imports.image import KINDS
from app.exchange.imports.registry import FORMATS
from app.settings import settings_table

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def commands(program):
    return [
        shlex.split(line) for block in blocks("sh") for line in block.splitlines() if line.startswith(f"{program} ")
    ]


def test_the_first_commands_exist():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"make (\w+)", README):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.mark.parametrize("block", blocks("python"))
def test_the_python_example_runs(block, capsys):
    exec(compile(block, "README.md", "exec"), {})
    assert "EnableLPIs" in capsys.readouterr().out


@pytest.mark.parametrize("command", commands("giclab"), ids=" ".join)
def test_a_command_line_example_runs(command, tmp_path, monkeypatch):
    [scenario] = blocks("gic")
    (tmp_path / "ptz.gic").write_text(scenario)
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, command[1:])
    assert result.exit_code == (1 if command[1] in ("diff", "why") else 0), result.output
    assert result.output.strip()


@pytest.mark.anyio
async def test_the_http_examples_are_answered(client):
    values = {"ID": "", "EDIT_KEY": ""}
    for command in commands("curl"):
        words = [word.replace("EDIT_KEY", values["EDIT_KEY"]) for word in command[1:]]
        body = words[words.index("-d") + 1] if "-d" in words else None
        headers = dict(words[at + 1].split(": ") for at, word in enumerate(words) if word == "-H")
        path = urlsplit(words[-1]).path.replace("/ID/", f"/{values['ID']}/")
        method = words[words.index("-X") + 1] if "-X" in words else "POST" if body else "GET"
        answer = await client.request(method, path, content=body, headers=headers)
        assert answer.status_code in (200, 201), (path, answer.text)
        told = json.loads(answer.text)
        if path.endswith("/sessions"):
            values = {"ID": told["id"], "EDIT_KEY": told["edit_key"]}


def test_the_settings_table_is_the_current_one():
    assert settings_table() in README


def test_every_link_and_picture_leads_somewhere():
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert (ROOT / target).is_file(), target


def test_every_room_of_the_architecture_is_described():
    for room in (path for path in (ROOT / "app").iterdir() if path.is_dir() and not path.name.startswith("_")):
        assert f"`app/{room.name}/`" in README, room.name


def test_every_format_that_is_imported_is_named():
    section = README[README.index("## Importing") : README.index("## The migration laboratory")]
    for name in (*FORMATS, *KINDS):
        assert f"`{name}`" in section or f"--kind {name}" in section, name
