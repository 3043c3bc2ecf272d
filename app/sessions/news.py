"""What the processes on one PostgreSQL tell each other, carried by its LISTEN and NOTIFY.

Two kinds of message, each a JSON object. `{"session": ID, "at": N}` says that entry N of a session's log is stored: who
has that session in memory reads on from where it is. `{"session": ID, "from": NAME, "event": …, "data": …}` carries an
event for those who watch the session, which is kept nowhere. What is not in a log may get lost while a connection is
down; what is in a log is read again as soon as it is up.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

import psycopg
from sqlalchemy.ext.asyncio import AsyncEngine

from app import limits

CHANNEL = "giclab"
RECONNECT_SECONDS = 0.5
# A peer that vanished without a word is noticed after 10 + 3 x 5 seconds.
KEEPALIVE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Stored:
    """Entry `at` of the session's log is stored."""

    session: str
    at: int


@dataclass(frozen=True, slots=True)
class Said:
    """An event for those who watch a channel of the session."""

    session: str
    channel: str
    event: str
    data: str
    not_to: str = ""


def written(said: Said, name: str) -> str | None:
    """The message from a server of that name, None if it is larger than PostgreSQL carries."""
    payload = json.dumps({"from": name, **asdict(said)}, separators=(",", ":"), ensure_ascii=False)
    return payload if len(payload.encode()) <= limits.NOTIFY_BYTES else None


def read(payload: str, name: str) -> Stored | Said | None:
    """The message; None for one that the server `name` sent itself, and for what is no message of ours."""
    try:
        told: dict[str, Any] = json.loads(payload)
        if "at" in told:
            return Stored(str(told["session"]), int(told["at"]))
        sender = told.pop("from")
        said = Said(**{name: str(value) for name, value in told.items()})
    except (ValueError, TypeError, KeyError, AttributeError):
        logger.warning("a notification on channel %s is not giclab's: %.80r", CHANNEL, payload)
        return None
    return None if sender == name else said


class Listener:
    """Hears what is told on the database, on a connection of its own, which it makes again when it is lost.

    `name` is this server's in its messages: its own are not heard.
    `connected` is awaited each time, before anything is heard: what was told in between is to be looked up then.
    """

    def __init__(
        self, engine: AsyncEngine, hear: Callable[[Stored | Said], None], connected: Callable[[], Awaitable[None]]
    ) -> None:
        _, self._options = engine.dialect.create_connect_args(engine.url)
        self.name = secrets.token_urlsafe(6)
        self._hear = hear
        self._connected = connected
        self._task: asyncio.Task[None] | None = None
        self.listening = asyncio.Event()

    def start(self) -> None:
        """Listen from now on, until `stop`."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Hear no more."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            try:
                await self._listen()
            except Exception as error:  # noqa: BLE001 - whatever it was, without this no other process is heard again
                logger.warning("not listening to the other processes: %s", error)
            self.listening.clear()
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _listen(self) -> None:
        options = {"connect_timeout": 5, **KEEPALIVE, **self._options}
        async with await psycopg.AsyncConnection.connect(autocommit=True, **options) as connection:
            await connection.execute(f"LISTEN {CHANNEL}".encode())
            await self._connected()
            self.listening.set()
            async for notice in connection.notifies():
                message = read(notice.payload, self.name)
                if message is not None:
                    self._hear(message)
