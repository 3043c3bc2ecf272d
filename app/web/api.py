"""The JSON API, /api/v1: sessions, what is done to them, and their logs; and what all of the API goes by."""

from dataclasses import asdict, replace
from functools import partial
from typing import Annotated, Any

import anyio
import anyio.to_thread
from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import JSONResponse, Response

from app import limits
from app.registers import IMPLEMENTATION_NAMES
from app.scenario import MachineSpec, Step, parse
from app.scenario.format import format_content
from app.scenario.state_read import StateError, scenario_of_state
from app.sessions import Session, Sessions, moves
from app.sessions.moves import Change
from app.web import answers, shapes
from app.web.description import KEYED, Tag
from app.web.play import unknown_implementation
from app.web.problems import KINDS, Problem
from app.web.security import admit_session, presented_key
from app.web.sse import event_stream

CHANNEL = "api"

PROBLEM_RESPONSE: dict[str, Any] = {
    "description": "A problem (RFC 9457)",
    "content": {
        "application/problem+json": {
            "schema": {
                "type": "object",
                "required": ["type", "title", "status", "detail"],
                "properties": {
                    "type": {"type": "string", "examples": [f"/docs#problem-{next(iter(KINDS))}"]},
                    "title": {"type": "string"},
                    "status": {"type": "integer"},
                    "detail": {"type": "string"},
                },
            }
        }
    },
}
router = APIRouter(prefix="/api/v1", tags=[Tag.SESSIONS], responses={"4XX": PROBLEM_RESPONSE, "5XX": PROBLEM_RESPONSE})


async def all_sessions(request: Request) -> Sessions:
    sessions: Sessions = request.app.state.sessions
    return sessions


AllSessions = Annotated[Sessions, Depends(all_sessions)]


async def one_session(sessions: AllSessions, id: str) -> Session:  # noqa: A002
    return await sessions.open(id)


OneSession = Annotated[Session, Depends(one_session)]


async def step_on_view(
    session: OneSession,
    step: Annotated[int | None, Query(description="The machine after this step; without it the newest.")] = None,
) -> int | None:
    if step is not None and not 0 <= step <= session.seq:
        raise _no_step(session, step, 0)
    return step


OnView = Annotated[int | None, Depends(step_on_view)]


@router.post("/sessions", status_code=201, response_model=shapes.NewSessionAnswer)
async def create_session(request: Request, sessions: AllSessions, new: shapes.NewSession) -> JSONResponse:
    """Start a session, empty or with a scenario's operations as its first steps."""
    text = new.scenario
    if not text or any(item is not None for item in (new.implementation, new.cpus, new.security)):
        text = await anyio.to_thread.run_sync(_with_machine, new)
    admit_session(request, text)
    created = await sessions.create(text, title=new.title)
    headers = {"Location": f"/s/{created.id}", "Cache-Control": "no-store"}
    return JSONResponse({"id": created.id, "edit_key": created.edit_key}, 201, headers)


@router.post("/sessions/{id}/ops", response_model=shapes.StepAnswer, openapi_extra=KEYED)
async def append_operation(request: Request, id: str, new: shapes.NewOperation) -> Response:  # noqa: A002
    """Do one operation. Answered once it is on disk; refused as a whole if anything is wrong with it."""
    sessions: Sessions = request.app.state.sessions  # and not OneSession: a StraightRoute leads here too
    session = await sessions.open(id, to_append=True)
    if new.after is not None and new.after > session.seq:
        session = await sessions.open(id)  # it may be a step that another server did
        if new.after > session.seq:
            raise _no_step(session, new.after, 0)
    step = await session.append(new.op, edit_key=presented_key(request, session), after=new.after)
    return Response(answers.encode(answers.step_json(step)), media_type="application/json")


async def _moved(request: Request, session: Session, change: Change) -> JSONResponse:
    await session.move(change, edit_key=presented_key(request, session))
    return JSONResponse(answers.place_json(session))


@router.post("/sessions/{id}/undo", response_model=shapes.PlaceAnswer, openapi_extra=KEYED)
async def undo_operation(request: Request, session: OneSession) -> JSONResponse:
    """Go back by one operation, for all who watch; redo does it again."""
    return await _moved(request, session, moves.undo)


@router.post("/sessions/{id}/redo", response_model=shapes.PlaceAnswer, openapi_extra=KEYED)
async def redo_operation(request: Request, session: OneSession) -> JSONResponse:
    """Do again what was undone last."""
    return await _moved(request, session, moves.redo)


@router.patch("/sessions/{id}", response_model=shapes.TitleAnswer, openapi_extra=KEYED)
async def rename_session(request: Request, session: OneSession, new: shapes.NewTitle) -> JSONResponse:
    """Call the session otherwise, for all who watch."""
    await session.rename(new.title, edit_key=presented_key(request, session))
    return JSONResponse({"id": session.id, "title": session.title})


@router.post("/sessions/{id}/reset", response_model=shapes.PlaceAnswer, openapi_extra=KEYED)
async def reset_session(request: Request, session: OneSession, reset: shapes.Reset) -> JSONResponse:
    """Go to step 0, or to what the session began with. Nothing is lost: what was done is kept as a branch."""
    return await _moved(request, session, moves.restart if reset.to is shapes.ResetTo.LINK else moves.power_on)


@router.get("/sessions/{id}/branches", response_model=shapes.PlaceAnswer)
async def read_branches(session: OneSession) -> JSONResponse:
    """The branches beside the one that the session is on: what was ahead when somebody acted in the past."""
    return JSONResponse(answers.place_json(session))


@router.post("/sessions/{id}/branches/{branch}/switch", response_model=shapes.PlaceAnswer, openapi_extra=KEYED)
async def switch_branch(request: Request, session: OneSession, branch: int) -> JSONResponse:
    """Go to the end of another branch; the one that the session was on is kept."""
    return await _moved(request, session, partial(moves.switch, branch=branch))


@router.delete("/sessions/{id}/branches/{branch}", response_model=shapes.PlaceAnswer, openapi_extra=KEYED)
async def drop_branch(request: Request, session: OneSession, branch: int) -> JSONResponse:
    """Drop a branch: the operations that no other branch has are gone."""
    return await _moved(request, session, partial(moves.drop, branch=branch))


@router.put("/sessions/{id}/log", response_model=shapes.PlaceAnswer, openapi_extra=KEYED)
async def rewrite_log(request: Request, session: OneSession, new: shapes.NewText) -> JSONResponse:
    """Put a whole scenario in the place of the session's, which is kept as a branch."""
    await session.rewrite(new.scenario, edit_key=presented_key(request, session))
    return JSONResponse(answers.place_json(session))


@router.get("/sessions/{id}/ops/{seq}", response_model=shapes.StepAnswer)
async def read_operation(session: OneSession, seq: Annotated[int, Path(examples=[1])]) -> JSONResponse:
    """What one operation did."""
    if not 1 <= seq <= session.seq:
        raise _no_step(session, seq, 1)
    return JSONResponse(answers.step_json(await session.step(seq)))


@router.get("/sessions/{id}/lanes", response_model=shapes.LanesAnswer)
async def read_lanes(
    session: OneSession,
    start: Annotated[int | None, Query(alias="from", description="The first step; without it the last ones.")] = None,
    count: Annotated[int, Query(ge=1, le=limits.LANE_STEPS)] = 12,
) -> JSONResponse:
    """What steps caused where: in software, the Distributor, the ITS, each Redistributor and each CPU."""
    total = session.seq
    first = max(1, total - count + 1) if start is None else start
    if start is not None and not 1 <= first <= total:
        raise _no_step(session, first, 1)
    last = min(first + count - 1, total)
    steps = await session.steps(first, last) if first <= last else []
    return JSONResponse(answers.lanes_json(steps, session.spec, total))


@router.get("/sessions/{id}/log", response_model=shapes.LogAnswer)
async def read_log(session: OneSession) -> JSONResponse:
    """The session as text: the scenario as a whole, and its operations one by one."""
    told = {
        "id": session.id,
        "title": session.title,
        "machine": asdict(session.spec),
        "seq": session.seq,
        "model": session.model,
        "damaged": str(session.damaged or ""),
        "scenario": session.scenario_text(),
        "operations": [{"seq": seq, "text": text} for seq, text in session.lines()],
        "choices": answers.choices_json(session.timeline.choices.taken(session.seq)),
    }
    # A log may have megabytes, which take their time to be encoded.
    return await anyio.to_thread.run_sync(JSONResponse, told)


@router.post(
    "/states",
    status_code=201,
    response_model=shapes.NewSessionAnswer,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/State"}}},
        }
    },
)
async def create_session_of_state(request: Request, sessions: AllSessions) -> JSONResponse:
    """Start a session whose machine is that of a state file. A file that is not one is refused and changes nothing."""
    text = await scenario_of_upload(await request.body())
    admit_session(request, text)
    created = await sessions.create(text, title="Uploaded machine")
    headers = {"Location": f"/s/{created.id}", "Cache-Control": "no-store"}
    return JSONResponse({"id": created.id, "edit_key": created.edit_key}, 201, headers)


async def scenario_of_upload(data: bytes) -> str:
    """The scenario that begins with an uploaded machine; a Problem where it is none."""
    try:
        return await anyio.to_thread.run_sync(scenario_of_state, data)
    except StateError as error:
        advice = "Upload what the download of a machine's state gave, unchanged."
        raise Problem(422, "invalid-request", "This is no machine's state", f"{error}.", advice) from error


def state_file(text: str, name: str) -> Response:
    """A state as a download."""
    headers = {"Content-Disposition": f'attachment; filename="giclab-{name}.json"', "Cache-Control": "no-store"}
    return Response(text, media_type="application/json", headers=headers)


@router.get(
    "/sessions/{id}/events",
    response_class=Response,
    responses={200: {"description": "Server-sent events", "content": {"text/event-stream": {}}}},
)
async def watch_session(request: Request, session: OneSession) -> Response:
    """Follow a session. Event `step` holds what `POST …/ops` answered; `reload` says that some were missed.

    Resumes after `Last-Event-ID`.
    """
    return event_stream(request, session, CHANNEL)


def tell_watchers(session: Session, step: Step, actor: str) -> None:
    """Listener of `Sessions`: the step as the API answered it, encoded only if somebody watches."""
    session.publish("step", lambda: answers.encode(answers.step_json(step)), not_to=actor, channel=CHANNEL)


def _no_step(session: Session, step: int, first: int) -> Problem:
    detail = f"There is no step {step}: the session has {session.seq}."
    return Problem(404, "unknown-step", "No such step", detail, f"Ask for {first} to {session.seq}.")


def _with_machine(new: shapes.NewSession) -> str:
    """The scenario text, its machine line replaced by what the request says besides it."""
    scenario = parse(new.scenario, "scenario")
    spec: MachineSpec = scenario.machine
    if new.implementation is not None:
        if new.implementation not in IMPLEMENTATION_NAMES:
            raise unknown_implementation("#/implementation", new.implementation)
        spec = spec.on(new.implementation)
    if new.cpus is not None:
        spec = replace(spec, cpus=new.cpus)
    if new.security is not None:
        spec = replace(spec, security=new.security)
    line = format_content(spec)
    parse(line, "request")
    rows = new.scenario.split("\n") if new.scenario else []
    at = next((row.number for row in scenario.lines if isinstance(row.content, MachineSpec)), None)
    if at is None:
        rows.insert(scenario.preamble.count("\n"), line)
    else:
        rows[at - 1] = line
    return "\n".join(rows)
