"""One side of a comparison as a form sends it: an address, a pasted text or a file, and the machine it leads to."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import anyio.to_thread
from fastapi import Request
from starlette.datastructures import FormData, UploadFile

from app import limits
from app.diff.files import machine_in
from app.diff.side import Sided
from app.exchange.files import Unreadable
from app.registers import IMPLEMENTATION_NAMES
from app.scenario import LinkError, links
from app.web.addresses import STEP, Address, Found, address_of, machine_at
from app.web.play import unknown_implementation
from app.web.problems import HANDLED, Problem, problem_of
from app.web.views.diff_form import Given, trouble_of, troubles_of
from app.web.views.trouble import Trouble

LONGEST_NAME = 120
PASTED = "Pasted text"


class Refused(Exception):
    """A side leads to no machine; `troubles` say why, each beside its field; `status` and `headers` of the answer."""

    def __init__(self, *troubles: Trouble, status: int = 422, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(troubles[0].headline)
        self.troubles = troubles
        self.status = status
        self.headers = headers or {}


async def given_in(form: FormData, letter: str) -> Given:
    """The side of that letter. Of a text and a file the file counts, as the text may be that of one sent before."""
    typed = {name: value for name in ("", "_text", "_name", "_step", "_on") if (value := _value(form, letter + name))}
    text = typed.get("_text", "").replace("\r\n", "\n")
    given = Given(
        letter,
        address=typed.get("", "").strip(),
        text=text if text.strip() else "",
        name=typed.get("_name", "")[:LONGEST_NAME],
        step=typed.get("_step", "").strip(),
        on=typed.get("_on", "").strip(),
    )
    upload = form.get(f"{letter}_file")
    if not isinstance(upload, UploadFile) or not upload.filename:
        return given
    data = await upload.read()
    name = upload.filename[:LONGEST_NAME]
    try:
        read = data.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError:
        read = ""
    kept = "" if "\0" in read or not read.strip() else read
    return replace(given, text=kept, name=name, data=b"" if kept else data)


def _value(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value if isinstance(value, str) else ""


async def side_of(request: Request, given: Given) -> Found:
    """The machine that a side leads to, read and played in a thread. Raises Refused."""
    step = _step(given)
    if given.address:
        address = address_in(request, given)
        try:
            return await machine_at(request, address)
        except HANDLED as error:
            raise _refused(error, "step" if given.step else "address") from error
    if not given.content:
        missing = "Nothing is given here." if not given.name else f"There is nothing in {given.name}."
        remedy = "Type an address, paste a text, or choose a file."
        raise Refused(Trouble(missing, "", "", remedy, "file" if given.name else "address"))
    work = partial(_read, given, step)
    try:
        return await anyio.to_thread.run_sync(work, limiter=request.app.state.players)
    except Unreadable as error:
        raise Refused(*troubles_of(error, given)) from error
    except HANDLED as error:
        raise _refused(error, given.place) from error


def address_in(request: Request, given: Given) -> Address:
    """The address of a side that has one, at the step and on the implementation of its own fields. Raises Refused."""
    step = _step(given)
    if given.content:
        remedy = f"Leave one of them: empty this field, or the {given.place}."
        raise Refused(Trouble(f"There is an address and a {given.place}.", "", "", remedy, "address"))
    try:
        address = address_of(request, given.address, given.letter)
    except Problem as problem:
        raise _refused(problem, "address") from problem
    return replace(address, step=address.step if step is None else step, on=given.on or address.on)


def _step(given: Given) -> int | None:
    if given.on and given.on not in IMPLEMENTATION_NAMES:
        raise _refused(unknown_implementation(given.letter, given.on), "on")
    if given.step and not STEP.match(given.step):
        remedy = "Expected is a number: 3 is the machine after step 3, -1 the one before the last step."
        raise Refused(Trouble(f"{given.step[:40]!r} is no step.", "", "", remedy, "step"))
    return int(given.step) if given.step else None


def _read(given: Given, step: int | None) -> Found:
    with tempfile.TemporaryDirectory(prefix="giclab-diff-") as directory:
        path = Path(directory, "input")
        path.write_bytes(given.content)
        side = machine_in(path, given.name or "the text", step, given.on, limits.REQUEST_BYTES)
    title = (side.scenario.title if side.scenario else "") or given.name or PASTED
    return Found(_shown_at(side), title, side)


def _shown_at(side: Sided) -> Address | None:
    """A short scenario can be looked at by a link that carries it."""
    if side.scenario is None:
        return None
    try:
        payload = links.pack(side.scenario)
    except LinkError:
        return None
    if len(payload) > limits.DIFFERENCE_LINK_CHARACTERS:
        return None
    own = side.scenario.machine.implementation == side.origin.implementation
    return Address("x", payload, side.origin.step, "" if own else side.origin.implementation)


def _refused(error: Exception, where: str) -> Refused:
    problem = problem_of(error)
    return Refused(trouble_of(problem, where), status=problem.status, headers=problem.headers)
