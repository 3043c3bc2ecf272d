"""Who presents a session, and where that tab looks: told to all who watch, stored nowhere.

One tab presents at a time; the last one that says so. Its place is the query of its address in the explorer, with the
register and the tab that it sees always named, so that a follower sees the same. Watchers decide in their page
(static/js/present.js) whether they go there. A tab that has been gone for PRESENTER_GONE_SECONDS no longer presents.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from app import limits
from app.sessions import Session
from app.web.views.look import TABS, Look

EVENT = "present"
PANELS = dict(zip(TABS, ("LPIs", "Devices & ITTs", "Collections", "Command queue", "Memory"), strict=True))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a presenter looks: `query` as it stands in an address, `says` the same in words. Both "" for nobody."""

    query: str = ""
    says: str = ""

    @property
    def data(self) -> str:
        """The event: the query, then the words."""
        return f"{self.query}\n{self.says}"


NOBODY = Place()


@dataclass(slots=True)
class Presenter:
    """That of one session. Moves that come faster than PRESENTER_INTERVAL_SECONDS are told as one, the last."""

    actor: str = ""
    place: Place = NOBODY
    tabs: dict[str, int] = field(default_factory=dict)
    _told: Place = NOBODY
    _timer: asyncio.TimerHandle | None = None

    def show(self, session: Session, actor: str, look: Look) -> None:
        """The tab `actor` presents, and looks there."""
        self.actor = actor
        self.place = place_of(look)
        if self._timer is None:
            self._tell(session)

    def stop(self, session: Session, actor: str) -> None:
        """The tab presents no longer; nothing, if it is not the one that does."""
        if actor == self.actor and self.place is not NOBODY:
            self.place = NOBODY
            if self._timer is None:
                self._tell(session)

    def heard(self, actor: str, data: str) -> None:
        """The tab `actor` on another server presents, and told this event there."""
        query, _, says = data.partition("\n")
        self.actor, self.place = actor, Place(query, says) if query else NOBODY
        self._told = self.place

    def joined(self, actor: str) -> None:
        """An event stream of the tab is open."""
        self.tabs[actor] = self.tabs.get(actor, 0) + 1

    def left(self, session: Session, actor: str) -> None:
        """One is closed: perhaps the line broke for a moment, perhaps the tab is gone for good."""
        self.tabs[actor] = self.tabs.get(actor, 0) - 1
        if self.tabs[actor] > 0:
            return
        del self.tabs[actor]
        if actor == self.actor and self.place is not NOBODY:
            asyncio.get_running_loop().call_later(limits.PRESENTER_GONE_SECONDS, self._gone, session, actor)

    def _gone(self, session: Session, actor: str) -> None:
        if actor not in self.tabs:
            self.stop(session, actor)

    def _tell(self, session: Session) -> None:
        self._timer = None
        if self.place == self._told:
            return
        self._told = self.place
        session.publish_everywhere(EVENT, self.place.data, not_to=self.actor)
        self._timer = asyncio.get_running_loop().call_later(limits.PRESENTER_INTERVAL_SECONDS, self._tell, session)


def place_of(look: Look) -> Place:
    """A look as a place; what is only on its way there, a search or a half-built command, is left out."""
    tab = PANELS[look.tab]
    told = [look.register or "the register of the step"]
    told.append("the newest step" if look.step is None else f"step {look.step}")
    if look.on:
        told.append(f"as {look.on}")
    query = look.query(command="", find="") or f"?tab={look.tab}"
    return Place(query, f"{', '.join(told)}, {tab}")
