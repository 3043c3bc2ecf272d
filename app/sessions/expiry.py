"""Sessions that nobody uses any more are deleted, if the setting says so: a few at a time, by any number of servers."""

import asyncio
import logging
import time
from contextlib import suppress

from app import limits
from app.sessions.errors import StorageFailed
from app.sessions.store import Store

DAY = 86_400
USED_TO = DAY
"""Seconds: how exactly the last use is known. One write a day for a session, not one for each click."""

logger = logging.getLogger(__name__)


class Expiry:
    """Deletes what was not used for `days` days, and never before that; 0 keeps everything.

    Several servers may do so at once: each DELETE is a transaction of its own, and who finds nothing left is done.
    """

    def __init__(self, store: Store, days: int) -> None:
        self._store = store
        self._days = days
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Look now and then every hour, until `stop`."""
        if self._days:
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def sweep(self, now: int) -> int:
        """Delete what is due at `now`, a time as in the database; how many these were."""
        before = now - self._days * DAY - USED_TO
        total = 0
        while deleted := await self._store.delete_unused(before, limits.EXPIRED_PER_BATCH):
            total += deleted
            await asyncio.sleep(limits.EXPIRY_PAUSE_SECONDS)
        return total

    async def _run(self) -> None:
        while True:
            try:
                deleted = await self.sweep(int(time.time()))
                if deleted:
                    logger.info("deleted %d sessions that nobody used for %d days", deleted, self._days)
            except StorageFailed as error:
                logger.warning("no sessions deleted: %s", error)
            await asyncio.sleep(limits.EXPIRY_SECONDS)
