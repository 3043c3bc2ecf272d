"""What surrounds the machine on a page: whose it is, who watches, what may be done with it."""

from __future__ import annotations

from dataclasses import dataclass

from app.gic import IMPLEMENTATIONS
from app.scenario.record import Drift
from app.web.views.branches import History
from app.web.views.look import Look
from app.web.views.presenter import NOBODY, Place


@dataclass(frozen=True, slots=True)
class Room:
    """`session`, `payload` or `slug` say where a copy would come from; `newest` leads back from a look at the past.

    `after` is the last event that the page knows of, `actor` the name of this browser tab.
    """

    live: bool
    mine: bool
    share: str
    fork: str
    session: str = ""
    payload: str = ""
    slug: str = ""
    strip: str = ""
    newest: str = ""
    watching: int = 0
    after: int = 0
    actor: str = ""
    events: str = ""
    presented: Place = NOBODY
    prose: str = ""
    prose_open: bool = False
    history: History | None = None
    lesson: str = ""
    drift: Drift | None = None
    version: str = ""


def strip_of(look: Look, now: int, total: int, own: str, *, mine: bool, stored: bool) -> str:
    """Why nothing can be written here; "" if it can."""
    told: list[str] = []
    if look.on and look.on != own:
        told.append(f"as {IMPLEMENTATIONS[look.on].title} would do it")
    if look.step is not None and (now < total or not look.pinned):
        told.append(f"at step {now} of {total}")
    if mine and look.step is not None and not (look.on and look.on != own):
        if now == total:
            return ""
        kept = f"step {total} is" if now + 1 == total else f"steps {now + 1} to {total} are"
        return f"Step {now} of {total}: what you do here goes on from it, {kept} kept as another branch."
    if told:
        return f"You are looking {', '.join(told)}. To write from here, make a copy."
    if not stored:
        return "You are looking at a scenario in a link: step through it, or make it yours and write."
    return "" if mine else "You are watching. To write, make a copy: it is yours."
