"""Databases of every schema that giclab has had are brought up to date at start, and what they hold still plays.

`schemas/DATABASE-REVISION.sql` is what the giclab of that schema had written: `.dump` of SQLite, `pg_dump --inserts` of
PostgreSQL. The day a revision is added, the one before it gets its two files here.
"""

import hashlib
import sqlite3
from pathlib import Path

import psycopg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy.engine import make_url

from app.exchange.writers import write
from app.scenario import parse
from app.sessions import Sessions, moves
from app.sessions.database import MIGRATIONS
from app.sessions.migrations import HEAD

pytestmark = pytest.mark.anyio
SCHEMAS = Path(__file__).parent / "schemas"
KEY = "the key of the fixture"
STRAIGHT, BRANCHED = "straight-log-of-ops-00", "log-that-has-branches0"
LINES = [
    "write    GICR_PROPBASER@0 Physical_Address=0x40200000 IDbits=15",
    "write    GICR_PENDBASER@0 PTZ=1 Physical_Address=0x40210000",
    "write    GICR_CTLR@0 EnableLPIs=1",
    "its MAPD device=2 itt=0x40300000 size=5",
    "its MAPC collection=1 target=0",
    "its MAPTI device=2 event=20 intid=8195 collection=1",
    "poke 0x40200003 a1",
    "its INV device=2 event=20",
    "msi device=2 event=20",
]


def revisions():
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return [
        script.revision for script in ScriptDirectory.from_config(config).walk_revisions() if script.revision != HEAD
    ]


def restore(database_url, revision):
    url = make_url(database_url)
    dump = (SCHEMAS / f"{url.get_backend_name()}-{revision}.sql").read_text()
    if url.get_backend_name() == "sqlite":
        with sqlite3.connect(url.database) as connection:
            connection.executescript(dump)
    else:
        with psycopg.connect(database_url) as connection:
            connection.execute(dump.encode())


@pytest.fixture(params=revisions())
async def upgraded(request, database_url):
    restore(database_url, request.param)
    sessions = Sessions(database_url)
    await sessions.start()
    yield sessions
    await sessions.stop()


async def test_a_log_of_that_time_plays_and_goes_on(upgraded):
    session = await upgraded.open(STRAIGHT)
    assert session.damaged is None
    assert [line for _, line in session.lines()] == LINES
    assert session.title.startswith("Kept since schema 00")
    assert "# With a remark above.\n" in session.scenario_text()
    machine = await session.machine()
    assert machine.lpis(8192, 65535)[0].pending
    state = write(parse(session.scenario_text()), "state").text
    assert hashlib.sha256(state.encode()).hexdigest() == hashlib.sha256(played(LINES).encode()).hexdigest()
    step = await session.append("its CLEAR device=2 event=20", edit_key=KEY)
    assert step.seq == len(LINES) + 1
    await session.move(moves.undo, edit_key=KEY)
    assert session.seq == len(LINES)


def played(lines):
    text = "\n".join(["machine implementation=kvm cpus=2", *lines])
    return write(parse(text), "state").text


@pytest.mark.parametrize("revision", [revision for revision in revisions() if revision != "0001"])
async def test_its_branches_are_still_there(database_url, revision):
    restore(database_url, revision)
    sessions = Sessions(database_url)
    await sessions.start()
    session = await sessions.open(BRANCHED)
    assert (session.title, session.spec.implementation, session.seq) == ("Another", "qemu", 2)
    ends = [session.branch_lines(branch, 20) for branch in session.branches()]
    assert [lines[-1] for lines in ends] == ["its CLEAR device=2 event=20", "msi device=2 event=20"]
    await session.move(lambda tree: moves.switch(tree, tree.branches()[-1].id), edit_key=KEY)
    assert [line for _, line in session.lines()] == LINES
    await sessions.stop()


async def test_a_short_link_of_that_time_leads_to_its_scenario(database_url):
    restore(database_url, "0003")
    sessions = Sessions(database_url)
    await sessions.start()
    found = await sessions.short_links.find(parse("title Short\nread GITS_TYPER\n"))
    assert found is not None
    assert found.slug == "short-flq2mrv3c5"
    await sessions.stop()


async def test_what_was_there_before_its_last_use_was_noted_counts_as_used_now(upgraded):
    session = await upgraded.open(STRAIGHT)
    assert session.used > session.created
