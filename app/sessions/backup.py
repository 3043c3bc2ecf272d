"""All that is kept as one file, JSON lines, and back: of either database, for either database.

The first line says what the file is, then each row is a line, the last line says how many there were: a file that was
cut off is told from a whole one. Reading is one snapshot, so the server goes on, and what it had answered before the
backup began is in it. Names that end in .gz are compressed.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import IO, Any, cast

from sqlalchemy import LargeBinary, Table, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app import __version__, limits
from app.sessions import database
from app.sessions.migrations import HEAD
from app.sessions.store import Store, explained
from app.sessions.tables import metadata

KIND = "giclab-backup"
Row = dict[str, Any]
# Parents before children, as foreign keys want it.
TABLES: dict[str, Table] = {table.name: table for table in metadata.sorted_tables}


class NoBackup(ValueError):
    """The file cannot be restored; the message says why and that nothing was changed."""


async def backup(database_url: str, path: Path) -> dict[str, int]:
    """Write everything to a file, which is there when it is whole; how many rows of each table.

    Raises StorageFailed or OSError.
    """
    store = Store(database_url)
    part = path.with_name(f".{path.name}.part")
    try:
        await store.start()
        with explained(), _opened(path, part, "wt") as file:
            counts = await _write(store, file)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
        await store.stop()
    return counts


async def restore(database_url: str, path: Path) -> dict[str, int]:
    """Fill an empty database from a file, all or nothing; how many rows of each table.

    Raises NoBackup, StorageFailed or OSError; then nothing was changed.
    """
    store = Store(database_url)
    try:
        with _opened(path, path, "rt") as file:
            lines = _lines(file)
            _check_head(lines)
            await store.start()
            if await store.count():
                raise NoBackup("The database has sessions already: restore into an empty one. Nothing was changed.")
            with explained():
                async with store.engine.connect() as connection, database.transaction(connection):
                    return await _read(connection, lines)
    finally:
        await store.stop()


async def _write(store: Store, file: IO[str]) -> dict[str, int]:
    counts = dict.fromkeys(TABLES, 0)
    _put(file, {"kind": KIND, "giclab": __version__, "schema": HEAD})
    async with store.engine.connect() as connection, _snapshot(connection):
        for name, table in TABLES.items():
            found = await connection.stream(select(table).order_by(*table.primary_key.columns))
            async for row in found.mappings():
                _put(file, {"table": name, "row": _plain(table, dict(row))})
                counts[name] += 1
    _put(file, {"end": counts})
    return counts


async def _read(connection: AsyncConnection, lines: Iterator[Row]) -> dict[str, int]:
    counts = dict.fromkeys(TABLES, 0)
    batch: list[Row] = []
    filling = ""
    for line in lines:
        if "end" in line:
            await _insert(connection, filling, batch)
            if line["end"] != counts:
                raise NoBackup(f"The file has {counts} and not {line['end']}: it is damaged. Nothing was changed.")
            return counts
        name = str(line.get("table"))
        if name not in TABLES or not isinstance(line.get("row"), dict):
            raise NoBackup(f"The file has rows of {name[:80]!r}, which giclab does not know. Nothing was changed.")
        if name != filling or len(batch) >= limits.ROWS_PER_INSERT:
            await _insert(connection, filling, batch)
            batch, filling = [], name
        batch.append(_stored(TABLES[name], line["row"]))
        counts[name] += 1
    raise NoBackup("The file ends before its last line: it was cut off. Nothing was changed.")


async def _insert(connection: AsyncConnection, name: str, batch: list[Row]) -> None:
    if batch:
        await connection.execute(insert(TABLES[name]), batch)


@asynccontextmanager
async def _snapshot(connection: AsyncConnection) -> AsyncIterator[None]:
    """Read as of one moment; writers go on meanwhile."""
    sqlite = connection.dialect.name == "sqlite"
    await connection.execute(text("BEGIN" if sqlite else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"))
    try:
        yield
    finally:
        await connection.execute(text("COMMIT"))


@contextmanager
def _opened(path: Path, at: Path, mode: str) -> Iterator[IO[str]]:
    """The file `at`, written or read as the name of `path` says."""
    if path.suffix == ".gz":
        with gzip.open(at, mode, encoding="utf-8") as packed:
            yield cast("IO[str]", packed)
    else:
        with at.open(mode, encoding="utf-8") as plain:
            yield cast("IO[str]", plain)


def _put(file: IO[str], line: Row) -> None:
    file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")


def _lines(file: IO[str]) -> Iterator[Row]:
    try:
        for number, line in enumerate(file, 1):
            told = json.loads(line)
            if not isinstance(told, dict):
                raise NoBackup(f"Line {number} is not a JSON object. Nothing was changed.")
            yield told
    except (ValueError, EOFError, gzip.BadGzipFile) as error:
        if isinstance(error, NoBackup):
            raise
        raise NoBackup(f"The file cannot be read ({error}). Nothing was changed.") from error


def _check_head(lines: Iterator[Row]) -> None:
    head = next(lines, {})
    if head.get("kind") != KIND:
        raise NoBackup("This is not a backup of giclab. Nothing was changed.")
    if str(head.get("schema")) > HEAD:
        raise NoBackup(f"The backup is of a newer giclab ({head.get('giclab')}). Nothing was changed.")


def _plain(table: Table, row: Row) -> Row:
    return {name: value.hex() if isinstance(table.c[name].type, LargeBinary) else value for name, value in row.items()}


def _stored(table: Table, row: Row) -> Row:
    if unknown := set(row) - set(table.c.keys()):
        raise NoBackup(f"The file has columns that giclab does not know: {sorted(unknown)}. Nothing was changed.")
    try:
        return {
            name: bytes.fromhex(value) if isinstance(table.c[name].type, LargeBinary) else value
            for name, value in row.items()
        }
    except (ValueError, TypeError) as error:
        raise NoBackup(f"A row of {table.name} cannot be read ({error}). Nothing was changed.") from error
