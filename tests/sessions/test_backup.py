"""Everything that is kept, as one file and back: of either database, for either, under load, or refused as a whole."""

import asyncio
import gzip
import json
from contextlib import asynccontextmanager

import pytest
from typer.testing import CliRunner

from app import limits
from app.cli import cli
from app.scenario import links, parse
from app.sessions import Sessions, StorageFailed, moves
from app.sessions import backup as backups
from app.sessions.backup import NoBackup, backup, restore
from app.settings import settings

pytestmark = pytest.mark.anyio
SHORT = parse("title Short\nread GITS_TYPER\n")


@pytest.fixture
async def filled(sessions):
    """A session with a branch, prose, and something that is no ASCII; its key. A short link."""
    created = await sessions.create("title Über\nmachine cpus=2\n# Why “so”?\nread GICD_CTLR\n")
    session = await sessions.open(created.id)
    for line in ("write GICR_PENDBASER@0 PTZ=1", "note zwei"):
        await session.append(line, edit_key=created.edit_key)
    await session.move(moves.undo, edit_key=created.edit_key)
    await session.append("note drei", edit_key=created.edit_key)
    await sessions.short_links.keep(SHORT, links.pack(SHORT))
    return session, created.edit_key


def everything(sql):
    return [sql(f"SELECT * FROM {table} ORDER BY 1, 2") for table in ("sessions", "operations", "short_links")]


@pytest.mark.parametrize("name", ["all.jsonl", "all.jsonl.gz"])
async def test_what_was_kept_is_back_in_either_database(filled, database_url, tmp_path, name, postgres):
    session, key = filled
    counts = await backup(database_url, tmp_path / name)
    assert counts == {"sessions": 1, "operations": 5, "short_links": 1}
    for target in (f"sqlite:///{tmp_path / 'other.db'}", postgres.new_database()):
        assert await restore(target, tmp_path / name) == counts
        other = Sessions(target)
        await other.start()
        again = await other.open(session.id)
        assert again.scenario_text() == session.scenario_text()
        assert again.branches() == session.branches()
        assert (await again.machine()).snapshot() == (await session.machine()).snapshot()
        assert (await other.short_links.find(SHORT)) == (await other.short_links.get("short-flq2mrv3c5"))
        assert (await again.append("note vier", edit_key=key)).seq == 4
        await other.stop()


async def test_under_load_all_that_was_answered_before_it_began_is_in_it(sessions, database_url, tmp_path, monkeypatch):
    made = [await sessions.create("") for _ in range(4)]
    answered = {created.id: 0 for created in made}
    over = asyncio.Event()

    async def write(created):
        session = await sessions.open(created.id)
        while not over.is_set():
            await session.append(f"note {session.seq + 1}", edit_key=created.edit_key)
            answered[created.id] = session.seq

    writers = [asyncio.create_task(write(created)) for created in made]
    while min(answered.values()) < 20:  # noqa: ASYNC110 - the writers have no event for it
        await asyncio.sleep(0.01)
    before = dict(answered)
    snapshot = backups._snapshot

    @asynccontextmanager
    async def written_to(connection):
        async with snapshot(connection), asyncio.timeout(60):
            yield
            read = sum(answered.values())
            while sum(answered.values()) == read:  # noqa: ASYNC110 - who writes goes on meanwhile
                await asyncio.sleep(0.01)

    monkeypatch.setattr(backups, "_snapshot", written_to)
    counts = await backup(database_url, tmp_path / "all.jsonl")
    over.set()
    await asyncio.gather(*writers)
    await restore(f"sqlite:///{tmp_path / 'other.db'}", tmp_path / "all.jsonl")
    other = Sessions(f"sqlite:///{tmp_path / 'other.db'}")
    await other.start()
    total = 0
    for created in made:
        session = await other.open(created.id)
        assert session.damaged is None
        assert session.seq >= before[created.id]
        assert [line for _, line in session.lines()] == [f"note {number}" for number in range(1, session.seq + 1)]
        total += session.seq
    assert counts["operations"] == total
    await other.stop()


async def test_many_rows_go_through_a_few_at_a_time(sessions, database_url, tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "ROWS_PER_INSERT", 7)
    created = await sessions.create("".join(f"note {number}\n" for number in range(100)))
    await backup(database_url, tmp_path / "all.jsonl")
    await restore(f"sqlite:///{tmp_path / 'other.db'}", tmp_path / "all.jsonl")
    other = Sessions(f"sqlite:///{tmp_path / 'other.db'}")
    assert (await other.open(created.id)).seq == 100
    await other.stop()


def cut(lines):
    return lines[:-1]


def fewer(lines):
    return [line for line in lines if "note zwei" not in line]


def newer(lines):
    return [lines[0].replace('"schema":"', '"schema":"9'), *lines[1:]]


def column(lines):
    return [line.replace('"title":', '"tilte":') for line in lines]


def table(lines):
    return [line.replace('"table":"sessions"', '"table":"secrets"') for line in lines]


def key(lines):
    return [line.replace('"key_hash":"', '"key_hash":"xyz') for line in lines]


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (cut, "cut off"),
        (fewer, "damaged"),
        (newer, "newer giclab"),
        (column, "tilte"),
        (table, "secrets"),
        (key, "sessions cannot be read"),
        (lambda _: ["hello"], "cannot be read"),
        (lambda _: ["[]"], "not a JSON object"),
        (lambda _: [], "not a backup"),
        (lambda _: ['{"kind":"else"}'], "not a backup"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
async def test_a_file_that_is_not_whole_is_refused_and_nothing_is_restored(
    filled, database_url, tmp_path, damage, says
):
    await backup(database_url, tmp_path / "all.jsonl")
    lines = (tmp_path / "all.jsonl").read_text().splitlines()
    (tmp_path / "bad.jsonl").write_text("".join(f"{line}\n" for line in damage(lines)))
    target = f"sqlite:///{tmp_path / 'other.db'}"
    with pytest.raises(NoBackup, match=says):
        await restore(target, tmp_path / "bad.jsonl")
    assert await restore(target, tmp_path / "all.jsonl")


async def test_a_compressed_file_that_was_cut_off_is_refused(filled, database_url, tmp_path):
    await backup(database_url, tmp_path / "all.jsonl.gz")
    whole = (tmp_path / "all.jsonl.gz").read_bytes()
    (tmp_path / "bad.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(NoBackup, match="cannot be read"):
        await restore(f"sqlite:///{tmp_path / 'other.db'}", tmp_path / "bad.jsonl.gz")
    (tmp_path / "bad.jsonl.gz").write_bytes(b"plain")
    with pytest.raises(NoBackup, match="cannot be read"):
        await restore(f"sqlite:///{tmp_path / 'other.db'}", tmp_path / "bad.jsonl.gz")


async def test_a_database_with_sessions_is_not_restored_into(filled, database_url, tmp_path, sql):
    before = everything(sql)
    await backup(database_url, tmp_path / "all.jsonl")
    with pytest.raises(NoBackup, match="into an empty one"):
        await restore(database_url, tmp_path / "all.jsonl")
    assert everything(sql) == before


async def test_a_backup_that_fails_leaves_the_one_before(filled, database_url, tmp_path, monkeypatch):
    await backup(database_url, tmp_path / "all.jsonl")
    before = (tmp_path / "all.jsonl").read_bytes()
    monkeypatch.setattr("app.sessions.backup._plain", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        await backup(database_url, tmp_path / "all.jsonl")
    assert (tmp_path / "all.jsonl").read_bytes() == before
    assert {path.name for path in tmp_path.iterdir() if "jsonl" in path.name} == {"all.jsonl"}


def test_the_commands_say_what_they_did_or_why_not(tmp_path, monkeypatch):
    def giclab(*arguments):
        settings.cache_clear()
        return CliRunner().invoke(cli, [str(argument) for argument in arguments])

    monkeypatch.setenv("GICLAB_DATABASE_URL", f"sqlite:///{tmp_path / 'one.db'}")
    file = tmp_path / "all.jsonl.gz"
    done = giclab("backup", file)
    assert (done.exit_code, done.stdout) == (0, f"0 sessions, 0 short links, 0 operations in {file}\n")
    assert json.loads(gzip.decompress(file.read_bytes()).splitlines()[0])["kind"] == "giclab-backup"
    assert giclab("restore", file).stdout.endswith(f"from {file}\n")
    assert giclab("restore", tmp_path / "none.jsonl").exit_code == 2
    assert "No such file" in giclab("backup", tmp_path / "no" / "folder.jsonl").stderr
    (tmp_path / "bad.jsonl").write_text("hello")
    assert "cannot be read" in giclab("restore", tmp_path / "bad.jsonl").stderr
    monkeypatch.setenv("GICLAB_DATABASE_URL", "nonsense")
    assert giclab("backup", file).exit_code == 2
    settings.cache_clear()


async def test_a_database_that_cannot_be_opened_is_said(tmp_path):
    (tmp_path / "text.db").write_bytes(b"not a database" * 100)
    with pytest.raises(StorageFailed, match="cannot be opened"):
        await backup(f"sqlite:///{tmp_path / 'text.db'}", tmp_path / "all.jsonl")
