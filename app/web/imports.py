"""What engineers already have, uploaded or pasted: read beside the event loop, shown, and opened as a session."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
from fastapi import APIRouter, FastAPI, Request
from starlette.datastructures import FormData, UploadFile
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app import limits
from app.exchange.imports.pieces import CannotImport, Options
from app.exchange.imports.registry import FORMATS
from app.gic import IMPLEMENTATIONS
from app.web.dropped import brings_scenario, text_of
from app.web.effort import WORK_PER_MILLISECOND
from app.web.forms import form_of
from app.web.importing import DONE, Asked, Imports, Job
from app.web.pages import NO_STORE, open_text, part_asked_for
from app.web.problems import Problem
from app.web.rates import Kind, rates_of
from app.web.security import start_in_browser
from app.web.views.imports import MIB, choices, import_page
from app.web.views.render import render
from app.web.views.trouble import Trouble

router = APIRouter(include_in_schema=False)
CHUNKS_AT_ONCE = 1 << 20
GUESTS = ("", "linux", "other")


def install(app: FastAPI) -> None:
    """Put the pages into the app."""
    app.state.imports = Imports()
    app.include_router(router)


@router.get("/import")
async def import_form() -> HTMLResponse:
    return _form({}, None)


@router.post("/import")
async def start_import(request: Request) -> Response:
    """Import a pasted text or an uploaded file, and go where it is shown; a scenario becomes a session at once."""
    form = await request.form(max_files=1, max_fields=16, max_part_size=limits.REQUEST_BYTES)
    given = {name: value.strip() for name, value in form.items() if isinstance(value, str) and name != "text"}
    if not given.get("format") and await brings_scenario(form):
        return await open_text(request, await text_of(form))
    try:
        job = await started(request, form, given)
    except CannotImport as error:
        return _form(given, error)
    imports: Imports = request.app.state.imports
    await imports.wait(job, limits.IMPORT_INLINE_SECONDS)
    return RedirectResponse(f"/import/{job.id}", 303)


@router.get("/import/{id}")
async def show_import(request: Request, id: str) -> HTMLResponse:  # noqa: A002 - the path says id
    """How far it is, or what was understood."""
    return _page(request, _job(request, id))


@router.post("/import/{id}/stop")
async def stop_import(request: Request, id: str) -> Response:  # noqa: A002
    job = _job(request, id)
    request.app.state.imports.stop(job)
    return RedirectResponse(f"/import/{id}", 303)


@router.post("/import/{id}/sessions")
async def open_import(request: Request, id: str) -> Response:  # noqa: A002
    """Start a session with a part of the import, or go to the one that was started with it; form field `line`."""
    job = _job(request, id)
    if job.phase != DONE or job.imported is None:
        return RedirectResponse(f"/import/{id}", 303)
    form = await form_of(request)
    step = job.imported.step_of(_line(str(form.get("line", ""))))
    tool = "/review" if form.get("review") else ""
    for session, part in job.opened.values():
        if part.first <= step <= part.last:
            return RedirectResponse(f"/s/{session}{tool or f'?step={part.step(step)}'}", 303)
    first = step // limits.IMPORT_WINDOW * limits.IMPORT_WINDOW + 1 if form.get("within") else step
    try:
        part = await request.app.state.imports.window(job, first)
        if not part.first <= step <= part.last:
            part = await request.app.state.imports.window(job, step)
    except CannotImport as error:
        raise problem(error) from error
    created, give_cookie = await start_in_browser(request, part.text)
    job.opened[part.first] = (created.id, part)
    at = f"?step={part.step(step)}" if step > part.first else ""
    response = RedirectResponse(f"/s/{created.id}{tool or at}", 303)
    give_cookie(response)
    return response


async def started(request: Request, form: FormData, given: Mapping[str, str]) -> Job:
    """The import of a form's file or text. Raises CannotImport where there is neither, or a setting that is none."""
    rates_of(request).check(request, Kind.WORK)
    imports: Imports = request.app.state.imports
    upload, text = form.get("file"), form.get("text")
    options = options_from(given)
    async with imports.place() as directory:
        name = ""
        if isinstance(upload, UploadFile) and (upload.filename or upload.size):
            name = (upload.filename or "")[:120]
            await anyio.to_thread.run_sync(partial(_kept, upload, directory / "input"))
        elif isinstance(text, str) and text.strip():
            await anyio.to_thread.run_sync(partial((directory / "input").write_text, text, "utf-8", "replace"))
        else:
            raise CannotImport("there is nothing to import", "Paste a log, or choose a file.")
        title = f"Import of {name}" if name else ""
        return imports.start(Asked(directory, title, given.get("format", ""), options), account(request))


def account(request: Request) -> Callable[[int], None]:
    """Where an import's work is counted: with the address that asked for it."""
    return lambda worked: rates_of(request).charge(request, Kind.WORK, worked // WORK_PER_MILLISECOND)


def options_from(given: Mapping[str, str]) -> Options:
    """The settings of an import. CannotImport for one that is none."""
    base, on, guest = given.get("base", ""), given.get("on", ""), given.get("guest", "")
    try:
        address = int(base.replace("_", ""), 0) if base else None
    except ValueError:
        raise CannotImport(f"the base {base[:40]!r} is not an address", "A number such as 0x40200000.") from None
    if on and on not in IMPLEMENTATIONS:
        raise CannotImport(f"there is no implementation {on[:40]!r}", f"There are {', '.join(IMPLEMENTATIONS)}.")
    if guest not in GUESTS:
        raise CannotImport(f"there is no guest {guest[:40]!r}", "linux, other, or nothing.")
    return Options(address, given.get("kind", ""), on, guest)


def problem(error: CannotImport) -> Problem:
    """What cannot be imported, as an answer."""
    said = str(error)
    return Problem(422, "cannot-import", "This cannot be imported", f"{said[:1].upper()}{said[1:]}.", error.advice)


def _kept(upload: UploadFile, path: Path) -> None:
    with path.open("wb") as out:
        shutil.copyfileobj(upload.file, out, CHUNKS_AT_ONCE)


def _line(text: str) -> int:
    return int(text) if text.isdigit() and len(text) < 10 else 1


def _job(request: Request, id: str) -> Job:  # noqa: A002
    imports: Imports = request.app.state.imports
    job = imports.look(id)
    if job is None:
        raise Problem(
            404, "unknown-import", "No such import",
            f"Imports are kept for a while, the last {limits.IMPORTS_KEPT}; this is none of them. "
            "A session that was opened from it is still there.",
            "Import it again at /import.",
        )  # fmt: skip
    return job


def _form(given: Mapping[str, str], error: CannotImport | None) -> HTMLResponse:
    trouble = None if error is None else Trouble("This cannot be imported.", f"{error}.", "", error.advice)
    html = render(
        "import/form.html",
        given=given,
        trouble=trouble,
        formats=FORMATS.values(),
        choices=choices(given),
        most=limits.IMPORT_BYTES // MIB,
    )
    return HTMLResponse(html, 422 if error else 200, NO_STORE)


def _page(request: Request, job: Job) -> HTMLResponse:
    page = import_page(job)
    template = "import/part.html" if part_asked_for(request) == "import" else "import/page.html"
    return HTMLResponse(render(template, page=page), headers=NO_STORE)
