"""The same import over the JSON API: one request, whose body is the log, dump or image."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import anyio
from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from app.exchange.imports.pieces import CannotImport
from app.exchange.imports.registry import FORMATS
from app.exchange.imports.result import Import, Remarks
from app.exchange.imports.window import Window
from app.web.api import PROBLEM_RESPONSE
from app.web.description import Tag
from app.web.importing import RUNNING, WAITING, Asked, Imports, Job
from app.web.imports import account, options_from, problem
from app.web.rates import Kind, rates_of
from app.web.security import admit_session
from app.web.shapes import Json

router = APIRouter(prefix="/api/v1", tags=[Tag.FORMATS], responses={"4XX": PROBLEM_RESPONSE, "5XX": PROBLEM_RESPONSE})
POLL_SECONDS = 1.0
BINARY = {"type": "string", "format": "binary"}


class RemarkAnswer(BaseModel):
    line: int
    text: str
    reason: str = ""
    step: int = Field(description="The session's step before or at which it stands; 0 where that is none of it.")


class RemarksAnswer(BaseModel):
    count: int
    shown: list[RemarkAnswer]


class ImportAnswer(BaseModel):
    """What was understood of an import, and the session that begins with it."""

    id: str
    edit_key: str
    format: str
    implementation: str
    cpus: int
    lines: int
    understood: int
    steps: int = Field(description="Of the whole import; the session has those of the lines first_line to last_line.")
    first_line: int
    last_line: int
    compared: int
    differences: RemarksAnswer
    bad: RemarksAnswer = Field(description="Lines of the format that cannot be read.")
    others: RemarksAnswer = Field(description="Lines of something else.")
    facts: RemarksAnswer = Field(description="What lines say that are no steps.")
    inferred: RemarksAnswer = Field(description="Steps that the input does not tell.")


@router.post(
    "/import",
    status_code=201,
    response_model=ImportAnswer,
    openapi_extra={"requestBody": {"required": True, "content": {"application/octet-stream": {"schema": BINARY}}}},
)
async def import_log(
    request: Request,
    format: Annotated[str, Query(description=f"{', '.join(FORMATS)}; without it, it is recognised.")] = "",  # noqa: A002
    on: Annotated[str, Query(description="The implementation to play it on; without it, the format's.")] = "",
    base: Annotated[str, Query(description="Where a dump or an image begins that does not say it.")] = "",
    kind: Annotated[str, Query(description="What a memory image holds.")] = "",
    guest: Annotated[str, Query(description="linux or other: whose writes to RAM to infer in a trace.")] = "",
    line: Annotated[int, Query(ge=1, description="The line that the session begins at.")] = 1,
) -> JSONResponse:
    """Import a log, a dump or a memory image, plain or gzip, as a new session. Refused as a whole if it is none."""
    rates_of(request).check(request, Kind.WORK)
    imports: Imports = request.app.state.imports
    try:
        options = options_from({"base": base, "kind": kind, "on": on, "guest": guest})
        async with imports.place() as directory:
            await _received(request, directory / "input")
            job = imports.start(Asked(directory, "", format, options), account(request))
        await _finished(request, imports, job)
        if job.imported is None:
            raise job.error or CannotImport("the import was stopped", "Send it again.")
        step = job.imported.step_of(line)
        if not step:
            raise CannotImport(f"no step comes from line {line} or after it")
        part = await imports.window(job, step)
    except CannotImport as error:
        raise problem(error) from error
    admit_session(request, part.text)
    created = await request.app.state.sessions.create(part.text)
    job.opened[part.first] = (created.id, part)
    found = job.imported

    answer = {"id": created.id, "edit_key": created.edit_key, **_told(found, part)}
    return JSONResponse(answer, 201, {"Location": f"/s/{created.id}", "Cache-Control": "no-store"})


def _told(found: Import, part: Window) -> Json:
    return {
        "format": found.format.name,
        "implementation": found.spec.implementation,
        "cpus": found.spec.cpus,
        "lines": found.lines,
        "understood": found.understood,
        "steps": found.steps,
        "first_line": part.first_line,
        "last_line": part.last_line,
        "compared": found.checked,
        "differences": _remarks(found.differences, part),
        "bad": _remarks(found.bad, part),
        "others": _remarks(found.others, part),
        "facts": _remarks(found.facts, part),
        "inferred": _remarks(found.inferred, part),
    }


def _remarks(remarks: Remarks, part: Window) -> Json:
    def step(number: int) -> int:
        return part.step(number) if part.first <= number <= part.last else 0

    shown = [
        {"line": each.line, "text": each.text, "reason": each.reason, "step": step(each.step)} for each in remarks.kept
    ]
    return {"count": remarks.count, "shown": shown}


async def _received(request: Request, path: Path) -> None:
    """The body, into a file as it comes."""
    async with await anyio.open_file(path, "wb") as out:
        async for chunk in request.stream():
            await out.write(chunk)


async def _finished(request: Request, imports: Imports, job: Job) -> None:
    """Until the import is over; when its asker has gone, it is stopped."""
    while job.phase in (WAITING, RUNNING):
        await imports.wait(job, POLL_SECONDS)
        if await request.is_disconnected():
            imports.stop(job)
        imports.look(job.id)
