"""Short links, `/l/{slug}`: a scenario kept under a name made from what it says, for good.

The slug is the title as far as it can be read in an address, and the beginning of a hash of the scenario's shortest
spelling: the same scenario always has the same slug, and what a slug stands for never changes. What is kept is the
payload of the scenario's `/x/` link, with what came of it when it was first shortened.
"""

import base64
import hashlib
import re
import time
import unicodedata
from dataclasses import dataclass

from anyio import to_thread
from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError

from app import limits
from app.scenario import Scenario, links
from app.sessions.errors import LimitReached, UnknownShortLink
from app.sessions.store import Store, explained
from app.sessions.tables import short_links

SLUG = re.compile(r"[a-z0-9][a-z0-9-]{7,63}\Z")
TITLE_CHARACTERS = 24
# 50 bits: one in a thousand million scenarios meets another one's slug, and then takes a longer one.
HASH_CHARACTERS = (10, 16, 26)
HOUR = 3600


@dataclass(frozen=True, slots=True)
class ShortLink:
    """A stored scenario: `payload` as in `/x/{payload}`, `created` in seconds since 1970, UTC."""

    slug: str
    payload: str
    created: int


class ShortLinks:
    """The short links of one database. What goes through a whole scenario is done beside the event loop."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, slug: str) -> ShortLink:
        """What a slug stands for. Raises UnknownShortLink or StorageFailed."""
        found = await self._read(slug) if SLUG.match(slug) else None
        if found is None:
            raise UnknownShortLink(slug)
        return found

    async def find(self, scenario: Scenario) -> ShortLink | None:
        """The short link that this scenario has already."""
        for slug in await to_thread.run_sync(slugs, scenario):
            found = await self._read(slug)
            if found is None or await to_thread.run_sync(_same, found, scenario):
                return found
        return None

    async def keep(self, scenario: Scenario, payload: str) -> ShortLink:
        """The scenario's short link, stored under its slug unless it is there; `payload` is the scenario as a link.

        Raises LimitReached or StorageFailed; then nothing is stored.
        """
        for slug in await to_thread.run_sync(slugs, scenario):
            found = await self._read(slug) or await self._add(ShortLink(slug, payload, int(time.time())))
            if await to_thread.run_sync(_same, found, scenario):
                return found
        raise AssertionError("two scenarios have the same hash of 130 bits")

    async def _read(self, slug: str) -> ShortLink | None:
        with explained():
            async with self._store.engine.connect() as connection:
                query = select(short_links).where(short_links.c.slug == slug)
                row = (await connection.execute(query)).one_or_none()
        return None if row is None else ShortLink(**row._asdict())

    async def _add(self, link: ShortLink) -> ShortLink:
        if len(link.payload) > limits.SHORT_LINK_CHARACTERS:
            most = limits.SHORT_LINK_CHARACTERS
            raise LimitReached("SHORT_LINK_CHARACTERS", most, f"A link of {len(link.payload):,} characters is too long")
        recent = select(func.count()).select_from(short_links).where(short_links.c.created > link.created - HOUR)
        values = {"slug": link.slug, "payload": link.payload, "created": link.created}
        with explained():
            async with self._store.engine.connect() as connection:
                if (await connection.execute(recent)).scalar_one() >= limits.SHORT_LINKS_PER_HOUR:
                    raise LimitReached("SHORT_LINKS_PER_HOUR", limits.SHORT_LINKS_PER_HOUR, "Too many new short links")
                try:
                    await connection.execute(insert(short_links), values)
                except IntegrityError:
                    taken = await self._read(link.slug)
                    return taken or link
        return link


def slugs(scenario: Scenario) -> list[str]:
    """The slugs that a scenario may have, the usual one first."""
    digest = hashlib.sha256(links.shortest(scenario).encode()).digest()
    code = base64.b32encode(digest).decode().lower()
    plain = unicodedata.normalize("NFKD", scenario.title).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    if len(words) > TITLE_CHARACTERS:
        words = words[: TITLE_CHARACTERS + 1].rpartition("-")[0] or words[:TITLE_CHARACTERS]
    return [f"{words}-{code[:length]}" if words else code[:length] for length in HASH_CHARACTERS]


def _same(link: ShortLink, scenario: Scenario) -> bool:
    return links.unpack(link.payload).text == links.shortest(scenario)
