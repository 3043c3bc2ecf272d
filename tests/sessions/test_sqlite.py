"""A SQLite file that refuses: locked, read-only, full, damaged. Each is said, changes nothing, and reading goes on."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from app.sessions import StorageFailed
from app.sessions.store import Head, Store
from app.sessions.tree import Entry

pytestmark = pytest.mark.anyio
HEAD = Head(
    id="s" * 22, title="A title", header="machine cpus=2", key_hash=bytes(32), created=1_800_000_000, model="0.1.0"
)


@pytest.fixture
def database_url(sqlite_url):
    return sqlite_url


async def lines(store):
    return [(entry.seq, entry.text) for entry in await store.entries(HEAD.id)]


@pytest.fixture
async def store(database_url):
    made = Store(database_url)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def file(database_url):
    return Path(make_url(database_url).database or "")


async def test_a_locked_database_is_a_clear_refusal_and_the_next_append_works(store, file):
    await store.create(HEAD, [])
    await store.append(HEAD.id, Entry(1, "note before"))
    blocker = sqlite3.connect(file, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    await store._connection.exec_driver_sql("PRAGMA busy_timeout=10")
    with pytest.raises(StorageFailed, match=r"database is locked.*Nothing was changed"):
        await store.append(HEAD.id, Entry(2, "note refused"))
    blocker.execute("ROLLBACK")
    blocker.close()
    await store.append(HEAD.id, Entry(2, "note taken"))
    assert await lines(store) == [(1, "note before"), (2, "note taken")]


async def test_a_read_only_database_refuses_writes_and_goes_on_reading(store, file, tmp_path, monkeypatch):
    await store.create(HEAD, ["note one"])
    await store.stop()
    monkeypatch.chdir(tmp_path)
    reader = Store(f"sqlite:///file:{file}?mode=ro&uri=true")
    with pytest.raises(StorageFailed, match="readonly"):
        await reader.append(HEAD.id, Entry(2, "note two"))
    assert await lines(reader) == [(1, "note one")]
    await reader.stop()
    assert not (tmp_path / "file:").exists(), "a folder was made of the URI's scheme"


async def test_a_full_disk_is_a_clear_refusal_that_changes_nothing(store):
    await store.create(HEAD, ["note one"])
    await store.append(HEAD.id, Entry(2, "note two"))
    pages = await store._connection.exec_driver_sql("PRAGMA page_count")
    await store._connection.exec_driver_sql(f"PRAGMA max_page_count={pages.scalar()}")
    with pytest.raises(StorageFailed, match="full"):
        await store.append(HEAD.id, Entry(3, "note " + "x" * 20_000))
    assert [seq for seq, _ in await lines(store)] == [1, 2]


async def test_a_file_that_is_no_database_is_a_clear_refusal(tmp_path):
    (tmp_path / "text.db").write_bytes(b"not a database" * 100)
    store = Store(f"sqlite:///{tmp_path / 'text.db'}")
    with pytest.raises(StorageFailed, match=r"sqlite:///.*text.db cannot be opened: .*not a database"):
        await store.start()
    await store.stop()
