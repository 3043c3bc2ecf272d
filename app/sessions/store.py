"""The log in the database: what a session began with and, one row each, what was done since.

On PostgreSQL each append tells every process that listens how far the session is (`app.sessions.news`), in the same
statement: it is told if it is stored, and only then.
"""

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import lru_cache

import aiosqlite
from sqlalchemy import Executable, Text, cast, delete, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app import limits
from app.sessions import database
from app.sessions.errors import StorageFailed
from app.sessions.news import CHANNEL
from app.sessions.tables import operations, sessions
from app.sessions.tree import Entry

Row = dict[str, object]
COLUMNS = ("session", "seq", "text", "follows", "kind")
TOLD = f" RETURNING pg_notify('{CHANNEL}', json_build_object('session', session, 'at', seq)::text)"
# What says that a row is there already: SQLAlchemy's error, and that of a driver that was asked itself.
TAKEN = (IntegrityError, sqlite3.IntegrityError)


class SeqTaken(Exception):
    """Another process has appended to this session since we read it."""


@dataclass(frozen=True, slots=True)
class Head:
    """A session's row; `created` is in seconds since 1970, UTC, `origin` the last entry of what it began with.

    `used` is when it was used last, as `created` but to a day.
    """

    id: str
    title: str
    header: str
    key_hash: bytes
    created: int
    model: str
    origin: int = 0
    used: int = 0


class Store:
    """Reads and appends logs. What `create` and `append` have returned from is on disk.

    Appends of many sessions that arrive during one commit share the next one, so a disk that syncs 200 times a
    second does not limit the site to 200 operations a second.
    """

    def __init__(self, database_url: str) -> None:
        self._engine = database.create_engine(database_url)
        self.shared = self._engine.dialect.name == "postgresql"
        """Whether other processes may write to it too: of a SQLite file, one server is the only writer."""
        self._append: Executable = _told() if self.shared else insert(operations)
        self._waiting: list[tuple[list[Row], asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None
        self._connection: AsyncConnection | None = None
        self._driver: aiosqlite.Connection | None = None

    @property
    def engine(self) -> AsyncEngine:
        return self._engine

    async def start(self) -> None:
        """Open the database and bring its schema up to date. StorageFailed names the database, without its password."""
        try:
            await database.migrate(self._engine)
        except (SQLAlchemyError, OSError) as error:
            reason = getattr(error, "orig", None) or error
            where = self._engine.url.set(drivername=self._engine.dialect.name).render_as_string(hide_password=True)
            raise StorageFailed(f"The database {where} cannot be opened: {reason}") from error

    async def stop(self) -> None:
        """Finish the writes under way and close the database."""
        if self._writer is not None:
            await self._writer
        await self._let_go()
        await self._engine.dispose()

    async def check(self) -> None:
        """Raise StorageFailed if the database does not answer."""
        with explained():
            async with self._engine.connect() as connection:
                await connection.execute(text("SELECT 1"))

    async def create(self, head: Head, lines: Sequence[str]) -> None:
        """Store a new session with its first operations, all or nothing."""
        rows = [_row(head.id, Entry(seq, line, seq - 1)) for seq, line in enumerate(lines, 1)]
        with explained():
            async with self._engine.connect() as connection, database.transaction(connection):
                await connection.execute(insert(sessions), [asdict(head)])
                if rows:
                    await connection.execute(insert(operations), rows)

    async def head(self, session_id: str) -> Head | None:
        """The session's row, None if there is none."""
        with explained():
            async with self._engine.connect() as connection:
                row = (await connection.execute(select(sessions).where(sessions.c.id == session_id))).one_or_none()
        return None if row is None else Head(**row._asdict())

    async def entries(self, session_id: str, *, after: int = 0) -> list[Entry]:
        """The session's log in order, from the entry after `after` on."""
        columns = operations.c
        query = select(columns.seq, columns.text, columns.follows, columns.kind).where(columns.session == session_id)
        if after:
            query = query.where(columns.seq > after)
        with explained():
            async with self._engine.connect() as connection:
                rows = (await connection.execute(query.order_by(columns.seq))).all()
        return [Entry(*row) for row in rows]

    async def last(self, session_ids: Sequence[str]) -> dict[str, int]:
        """The seq of the last entry of each of these sessions; those with none are left out."""
        columns = operations.c
        query = select(columns.session, func.max(columns.seq)).where(columns.session.in_(session_ids))
        with explained():
            async with self._engine.connect() as connection:
                rows = (await connection.execute(query.group_by(columns.session))).all()
        return {str(session): int(seq) for session, seq in rows}

    async def use(self, session_id: str, now: int) -> bool:
        """Note that the session is used; False if there is none."""
        with explained():
            async with self._engine.connect() as connection:
                done = await connection.execute(update(sessions).where(sessions.c.id == session_id).values(used=now))
        return done.rowcount > 0

    async def delete_unused(self, before: int, most: int) -> int:
        """Delete up to so many sessions that were last used before then, with their logs; how many these were."""
        old = select(sessions.c.id).where(sessions.c.used < before).order_by(sessions.c.used).limit(most)
        # A session that another process is deleting, or that somebody begins to use, is left alone (PostgreSQL).
        chosen = old.with_for_update(skip_locked=True)
        with explained():
            async with self._engine.connect() as connection:
                done = await connection.execute(delete(sessions).where(sessions.c.id.in_(chosen)))
        return done.rowcount

    async def say(self, payload: str) -> None:
        """Tell every process that listens, if there may be any; kept nowhere."""
        if self.shared:
            with explained():
                async with self._engine.connect() as connection:
                    await connection.execute(select(func.pg_notify(CHANNEL, payload)))

    async def count(self) -> int:
        """How many sessions are stored."""
        with explained():
            async with self._engine.connect() as connection:
                return (await connection.execute(select(func.count()).select_from(sessions))).scalar_one()

    async def append(self, session_id: str, *entries: Entry) -> None:
        """Store entries, all or none. SeqTaken: there is one with such a seq already; StorageFailed: none is stored."""
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(([_row(session_id, entry) for entry in entries], stored))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_all())
        await stored

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                await self._write_batch(batch)
        finally:
            self._writer = None

    async def _write_batch(self, batch: list[tuple[list[Row], asyncio.Future[None]]]) -> None:
        try:
            await self._insert([row for rows, _ in batch for row in rows])
        except Exception as error:  # noqa: BLE001 - handed on to whoever waits for it
            if len(batch) == 1:
                _settle(batch[0][1], SeqTaken() if isinstance(error, TAKEN) else _failed(error))
                return
            # One bad row fails the transaction of all: find it by writing each caller's on their own.
            for one in batch:
                await self._write_batch([one])
        else:
            for _, stored in batch:
                _settle(stored, None)

    async def _insert(self, rows: list[Row]) -> None:
        # The writer keeps its connection: taking one from the pool and giving it back costs as much as the INSERT.
        if self._connection is None:
            self._connection = await self._engine.connect()
        try:
            if len(rows) <= limits.ROWS_PER_COMMIT:
                await self._insert_at_once(self._connection, rows)
            else:
                async with database.transaction(self._connection):
                    await self._connection.execute(self._append, rows)
        except TAKEN:
            raise
        except BaseException:
            # What the driver itself was asked for, the pool does not know that it failed.
            with suppress(SQLAlchemyError, OSError):
                await self._connection.invalidate()
            await self._let_go()
            raise

    async def _insert_at_once(self, connection: AsyncConnection, rows: list[Row]) -> None:
        """One statement, and so all or none, in one trip to the driver: BEGIN and COMMIT would be two more."""
        values = tuple(value for row in rows for value in row.values())
        if self.shared:
            await connection.exec_driver_sql(_statement("%s", TOLD, len(rows)), values)
        else:
            if self._driver is None:
                found = (await connection.get_raw_connection()).driver_connection
                assert isinstance(found, aiosqlite.Connection)
                self._driver = found
            # SQLAlchemy's cursor would go to the driver's thread four times for this.
            await self._driver.execute_fetchall(_statement("?", "", len(rows)), values)

    async def _let_go(self) -> None:
        connection, self._connection, self._driver = self._connection, None, None
        if connection is not None:
            with suppress(SQLAlchemyError, OSError):
                await connection.close()


def _told() -> Executable:
    """The INSERT that also says, when it is committed, how far the session is."""
    columns = operations.c
    news = func.json_build_object("session", columns.session, "at", columns.seq)
    return insert(operations).returning(func.pg_notify(CHANNEL, cast(news, Text)))


@lru_cache(maxsize=limits.ROWS_PER_COMMIT)
def _statement(mark: str, told: str, rows: int) -> str:
    """The INSERT of so many rows, each as `_row` makes it; with `mark` where a value goes."""
    row = f"({', '.join([mark] * len(COLUMNS))})"
    return f"INSERT INTO {operations.name} ({', '.join(COLUMNS)}) VALUES {', '.join([row] * rows)}{told}"  # noqa: S608


def _row(session_id: str, entry: Entry) -> Row:
    # Spelt out: `asdict` would take ten times as long, on the way of every click.
    return {
        "session": session_id,
        "seq": entry.seq,
        "text": entry.text,
        "follows": entry.follows,
        "kind": entry.kind,
    }


def _settle(stored: asyncio.Future[None], error: Exception | None) -> None:
    if stored.done():  # whoever waited has given up
        return
    if error is None:
        stored.set_result(None)
    else:
        stored.set_exception(error)


@contextmanager
def explained() -> Iterator[None]:
    """Turn what the database raises inside the block into StorageFailed."""
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        raise _failed(error) from error


def _failed(error: Exception) -> StorageFailed:
    reason = getattr(error, "orig", None) or error
    if getattr(error, "connection_invalidated", False):
        return StorageFailed(f"The database went away ({reason}). Look whether this was done before you do it again.")
    return StorageFailed(f"The database did not take or give the data ({reason}). Nothing was changed; try again.")
