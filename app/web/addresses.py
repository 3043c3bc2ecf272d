"""A session or a link named by its address on this site, as a machine of one's own. Nothing is fetched for it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, urlencode, urlsplit

from fastapi import Request

from app.diff.side import Origin, Sided, step_meant
from app.gic import Machine
from app.registers import IMPLEMENTATION_NAMES
from app.scenario import MachineSpec, Scenario, links
from app.scenario.migration import build
from app.sessions import Session
from app.web.opened import Opened
from app.web.pages import play_of
from app.web.play import unknown_implementation
from app.web.problems import Problem
from app.web.views.stage import PlayedStage
from app.web.views.words import UNTITLED

LONGEST_ADDRESS = links.LONGEST_PAYLOAD + 1024
SHOWN = 80
MOST_SETTINGS = 64
PATH = re.compile(r"/(?P<room>[sxl])/(?P<name>[A-Za-z0-9_-]+)(?:/(?:compare|migrate|review|share|text))?/?\Z")
STEP = re.compile(r"-?[0-9]{1,7}\Z")
EXPECTED = (
    "Expected is the address of a session, /s/ID, or of a link, /x/… or /l/…, with ?step= and ?on= where wanted: "
    "as it stands in the browser's address bar."
)


@dataclass(frozen=True, slots=True)
class Address:
    """A session (`room` s) or a link (x, l) by name.

    `step` None is as it opens; one below 0 counts back: -1 is the one before the newest. `on` "": its own.
    """

    room: str
    name: str
    step: int | None = None
    on: str = ""

    @property
    def base(self) -> str:
        return f"/{self.room}/{self.name}"

    @property
    def text(self) -> str:
        """The shortest way to write it."""
        asked = {"step": self.step, "on": self.on}
        query = urlencode({name: value for name, value in asked.items() if value not in (None, "")})
        return f"{self.base}?{query}" if query else self.base


def address_of(request: Request, text: str, pointer: str) -> Address:
    """An address as people paste it: a path, or a whole URL of this site. Problem for any other.

    `pointer` names the place in the request, for who made it.
    """
    said = text.strip()
    here = request.url.netloc
    try:
        parts = urlsplit(f"//{said}" if said.startswith(f"{here}/") else said)
        asked = dict(parse_qsl(parts.query, max_num_fields=MOST_SETTINGS))
    except ValueError:
        raise _refused(pointer, said, "is no address") from None
    if parts.scheme not in ("", "http", "https"):
        raise _refused(pointer, said, "is no address of a page")
    if parts.netloc and parts.netloc != here:
        raise _refused(pointer, said, f"is on another site than this, {here}; only what is here can be opened")
    path = parts.path if parts.path.startswith("/") else f"/{parts.path}"
    found = PATH.match(path)
    if found is None:
        raise _refused(pointer, said, "names no session and no link")
    on = asked.get("on", "")
    if on and on not in IMPLEMENTATION_NAMES:
        raise unknown_implementation(pointer, on)
    return Address(found["room"], found["name"], _step(pointer, said, asked.get("step", "")), on)


def _step(pointer: str, said: str, step: str) -> int | None:
    if step and not STEP.match(step):
        raise _refused(pointer, said, f"has a step that is no number: {step[:SHOWN]!r}")
    return int(step) if step else None


def _refused(pointer: str, said: str, why: str) -> Problem:
    shown = f"{said[:SHOWN]!r}{'…' if len(said) > SHOWN else ''}"
    detail = f"{shown} {why}." if said else "There is no address."
    errors = {"errors": [{"pointer": pointer, "detail": detail}]}
    return Problem(422, "bad-address", "This cannot be compared", detail, EXPECTED, errors)


@dataclass(frozen=True, slots=True)
class Found:
    """What an address leads to, or what was sent; `title` is the scenario's.

    `address` is that with the step that it means now, None for what can be shown by none.
    """

    address: Address | None
    title: str
    side: Sided


async def machine_at(request: Request, address: Address) -> Found:
    """The machine there, copied: whoever goes on in the session does not move it.

    Raises UnknownSession, UnknownShortLink, LinkError, ScenarioError, LimitReached, DamagedLog, TooMuch or Problem.
    """
    if address.room == "s":
        session: Session = await request.app.state.sessions.open(address.name)
        return await _of_session(request, address, session)
    openings = request.app.state.openings
    opened: Opened = await (
        openings.slug(request, address.name) if address.room == "l" else openings.payload(address.name)
    )
    link, scenario = opened.link, opened.scenario
    step = link.step if address.step is None else address.step
    on = address.on or link.view.get("on", "")
    return await _played(request, address, scenario, scenario.title, step, on if on in IMPLEMENTATION_NAMES else "")


async def _of_session(request: Request, address: Address, session: Session) -> Found:
    if address.on and address.on != session.spec.implementation:
        scenario = await request.app.state.openings.parsed(session.scenario_text(), "session")
        return await _played(request, address, scenario, session.title, address.step, address.on, session)
    spec = session.spec
    step = _within(address, address.step, session.seq)
    try:
        machine = await session.look(lambda machine: copy_of(machine, spec), step)
    except ValueError:  # it was undone meanwhile
        raise _no_step(address, step, session.seq) from None
    return _found(address, session.title, spec, step, session.seq, machine)


async def _played(
    request: Request,
    address: Address,
    scenario: Scenario,
    title: str,
    step: int | None,
    on: str,
    session: Session | None = None,
) -> Found:
    key, end = (address.base, 0) if session is None else (session.id, session.tree.here)
    timeline = await play_of(request, key, scenario, on or scenario.machine.implementation, end)
    steps = len(timeline.ops)
    step = _within(address, step, steps)
    machine = copy_of(await PlayedStage(address.base, title, timeline).machine(step), timeline.spec)
    return _found(address, title, timeline.spec, step, steps, machine)


def copy_of(machine: Machine, spec: MachineSpec) -> Machine:
    """A machine of that make in the same state; the pages of RAM are shared until one of the two writes them."""
    made = build(spec)
    made.restore(machine.snapshot())
    return made


def _within(address: Address, step: int | None, steps: int) -> int:
    now = step_meant(step, steps)
    if now is None:
        raise _no_step(address, step, steps)
    return now


def _no_step(address: Address, step: int | None, steps: int) -> Problem:
    detail = f"There is no step {step}: {address.base[:SHOWN]} has {steps}."
    return Problem(404, "unknown-step", "No such step", detail, f"Its steps are 0 to {steps}.")


def _found(address: Address, title: str, spec: MachineSpec, step: int, steps: int, machine: Machine) -> Found:
    at = replace(address, step=step)
    origin = Origin(at.text, spec.implementation, spec.cpus, step, steps)
    return Found(at, title or UNTITLED, Sided(origin, machine))
