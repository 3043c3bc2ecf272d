"""Every refusal as one answer: problem details (RFC 9457) to who asks for JSON, a page or a fragment elsewhere."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import singledispatch
from html import escape
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.engines.qtest import QemuError
from app.registers import UnknownName
from app.scenario import LinkError, ScenarioError
from app.scenario.work import TooMuch
from app.sessions import (
    DamagedLog,
    LimitReached,
    NoMove,
    NotYours,
    StorageFailed,
    UnknownBranch,
    UnknownSession,
    UnknownShortLink,
)
from app.web.metrics import REFUSED, route_of
from app.web.views.render import render

API = "/api/"
ASSISTANTS = "/mcp"
DATA = ".json"
LONGEST_LINE_TOLD = 1_000
STATUS_OF_LIMIT = {"WATCHERS_PER_SESSION": 503, "WATCHERS_PER_SERVER": 503, "SHORT_LINKS_PER_HOUR": 429}
log = logging.getLogger(__name__)


# Slug -> what it means, for `type` and for the list on /docs.
KINDS = {
    "scenario-error": "A scenario line that cannot be read: line, column, what was expected, the nearest name.",
    "unknown-name": "No register or field has this name; `nearest` lists what looks most like it.",
    "invalid-request": "The request's JSON, form or query does not have the shape the API documents; see `errors`.",
    "malformed-json": "The body is not JSON; `line` and `column` say where reading stopped.",
    "unknown-session": "No session has this id.",
    "unknown-link": "No short link `/l/` has this slug.",
    "unknown-step": "The session has no such step.",
    "unknown-branch": "The session has no such branch beside the one that it is on.",
    "no-move": "There is nothing to undo, to redo or to drop.",
    "unknown-lesson": "No lesson has this name.",
    "unknown-chapter": "The guide has no chapter of this name.",
    "edit-key": "Changing a session takes its edit key.",
    "limit-reached": "A documented limit was met; `limit` names it, `maximum` is its value.",
    "damaged-log": "The stored log cannot be read from operation `seq` on; the session is read-only.",
    "storage": "The database does not answer; nothing was changed.",
    "bad-address": "An address to compare is none of a session or a link of this site; see `errors`.",
    "bad-link": "The characters of a `/x/` link do not hold a scenario.",
    "cannot-import": "An uploaded log, dump or image cannot be imported; nothing was made of it.",
    "unknown-import": "No import that is kept has this id.",
    "live-qemu": "The real QEMU did not start, or did not answer in time; it was ended.",
    "cross-site": "Another site's page sent this; changes are taken from giclab's own pages and from API clients.",
    "internal": "A fault in giclab itself. What was answered before is kept. `request` is its id in the server's log.",
}


@dataclass(eq=False)
class Problem(Exception):
    """An answer that says what is wrong and what would be right. `kind` is a key of KINDS, or "" for plain HTTP."""

    status: int
    kind: str
    title: str
    detail: str
    advice: str = ""
    members: Mapping[str, object] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """The problem details object; empty members are left out."""
        fixed = {
            "type": f"/docs#problem-{self.kind}" if self.kind else "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "advice": self.advice,
        }
        return {key: value for key, value in {**fixed, **self.members}.items() if value not in ("", (), [])}


@singledispatch
def problem_of(_error: Exception) -> Problem:
    """The answer to an exception; one that nobody foresaw gives no detail away."""
    return Problem(
        500,
        "internal",
        "Something is broken here",
        "giclab met a fault of its own. Everything that it had answered before is kept.",
        "Look at the session again before you repeat what you did.",
    )


@problem_of.register
def _(error: Problem) -> Problem:
    return error


@problem_of.register
def _(error: ScenarioError) -> Problem:
    members = {
        "source": error.source,
        "line": error.line,
        "column": error.column,
        "expected": error.expected,
        "nearest": error.nearest,
        "text": error.text[:LONGEST_LINE_TOLD],
    }
    return Problem(422, "scenario-error", "A line cannot be read", str(error), members=members)


@problem_of.register
def _(error: QemuError) -> Problem:
    return Problem(503, "live-qemu", "The real QEMU did not play along", str(error), "The models are not affected.")


@problem_of.register
def _(error: UnknownName) -> Problem:
    advice = f"Did you mean {' or '.join(error.nearest)}?" if error.nearest else ""
    return Problem(404, "unknown-name", "Unknown register", str(error), advice, {"nearest": tuple(error.nearest)})


@problem_of.register
def _(error: UnknownSession) -> Problem:
    advice = "Check that the whole link was copied, or start a new session at /."
    return Problem(404, "unknown-session", "No such session", str(error), advice, {"session": error.session_id})


@problem_of.register
def _(error: UnknownBranch) -> Problem:
    advice = "Its branches are listed with the session's log."
    return Problem(404, "unknown-branch", "No such branch", str(error), advice, {"branch": error.branch})


@problem_of.register
def _(error: NoMove) -> Problem:
    return Problem(409, "no-move", "Nothing to do", str(error))


@problem_of.register
def _(error: UnknownShortLink) -> Problem:
    advice = "Short links are kept for good: check that all of it was copied, and that it is of this server."
    return Problem(404, "unknown-link", "No such short link", str(error), advice, {"slug": error.slug[:80]})


@problem_of.register
def _(error: NotYours) -> Problem:
    advice = (
        "Open the session in the browser that started it, send its key as 'Authorization: Bearer …', or fork it: "
        "the copy is yours."
    )
    if error.given:
        return Problem(403, "edit-key", "Not your session", str(error), advice)
    return Problem(401, "edit-key", "Not your session", str(error), advice, headers={"WWW-Authenticate": "Bearer"})


@problem_of.register
def _(error: LimitReached) -> Problem:
    REFUSED.labels(error.limit).inc()
    members = {"limit": error.limit, "maximum": error.maximum}
    status = STATUS_OF_LIMIT.get(error.limit, 422)
    headers = {"Retry-After": "600"} if status == 429 else {}
    return Problem(status, "limit-reached", "A limit was reached", str(error), members=members, headers=headers)


@problem_of.register
def _(error: DamagedLog) -> Problem:
    advice = "What comes before it can be seen and forked."
    return Problem(409, "damaged-log", "The stored log is damaged", str(error), advice, {"seq": error.seq})


@problem_of.register
def _(error: StorageFailed) -> Problem:
    return Problem(503, "storage", "The database does not answer", str(error), headers={"Retry-After": "5"})


@problem_of.register
def _(error: LinkError) -> Problem:
    said = str(error)
    return Problem(400, "bad-link", "This link cannot be read", f"{said[:1].upper()}{said[1:]}.", error.advice)


@problem_of.register
def _(error: HTTPException) -> Problem:
    status = HTTPStatus(error.status_code)
    detail = error.detail if error.detail != status.phrase else status.description
    return Problem(error.status_code, "", status.phrase, detail, headers=dict(error.headers or {}))


@problem_of.register
def _(error: RequestValidationError) -> Problem:
    errors = error.errors()
    if errors and errors[0]["type"] == "json_invalid":
        return _malformed_json(errors[0], error.body)
    listed = [{"pointer": _pointer(one["loc"]), "detail": one["msg"]} for one in errors]
    detail = "; ".join(f"{one['pointer']}: {one['detail']}" for one in listed)
    return Problem(422, "invalid-request", "The request does not fit", detail, members={"errors": listed})


def _malformed_json(error: Mapping[str, Any], body: object) -> Problem:
    position = int(error["loc"][-1])
    text = body if isinstance(body, str) else ""
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    reason = error["ctx"]["error"]
    return Problem(
        400,
        "malformed-json",
        "The body is not JSON",
        f"line {line}, column {column}: {reason}",
        'Expected a JSON object such as {"op": "read GICD_CTLR"}, strings in double quotes.',
        {"line": line, "column": column, "position": position},
    )


def _pointer(location: tuple[str | int, ...]) -> str:
    where, *path = location
    steps = "/".join(str(step) for step in path)
    return f"#/{steps}" if where == "body" else f"{where} {steps}"


def answer(request: Request, problem: Problem) -> Response:
    """The problem in the form its asker reads."""
    headers = dict(problem.headers)
    path = request.url.path
    if path.startswith((API, ASSISTANTS)) or path.endswith(DATA):
        return JSONResponse(problem.as_json(), problem.status, headers, media_type="application/problem+json")
    # htmx puts what it gets into the page, errors too: it wants the fragment.
    fragment = request.headers.get("hx-request") == "true" and request.headers.get("hx-boosted") != "true"
    try:
        html = render("error.html", problem=problem, fragment=fragment)
    except Exception:
        # The page that tells of a fault must not be stopped by one.
        log.exception("cannot render the error page")
        html = f"<!doctype html><title>{escape(problem.title)}</title><p role=alert>{escape(problem.detail)}"
    return HTMLResponse(html, problem.status, headers)


async def _handle(request: Request, error: Exception) -> Response:
    return answer(request, problem_of(error))


HANDLED = (
    Problem,
    ScenarioError,
    UnknownName,
    UnknownSession,
    UnknownShortLink,
    UnknownBranch,
    NoMove,
    NotYours,
    LimitReached,
    TooMuch,
    DamagedLog,
    StorageFailed,
    LinkError,
    HTTPException,
    RequestValidationError,
)


def install(app: FastAPI) -> None:
    """Have the app answer every foreseen exception with its problem."""
    for kind in HANDLED:
        app.add_exception_handler(kind, _handle)


class Boundary:
    """Innermost middleware: a fault becomes an answer here, where the security headers still get onto it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def watch_start(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watch_start)
        except Exception as error:
            if started:
                raise
            log.exception("fault in %s %s", scope["method"], route_of(scope))
            problem = _traceable(problem_of(error), scope.get("giclab.request_id", ""))
            await answer(Request(scope), problem)(scope, receive, send)


def _traceable(problem: Problem, name: str) -> Problem:
    """The problem with the id under which the log has it."""
    if not name:
        return problem
    advice = f"{problem.advice} To report it, name the request {name}."
    return replace(problem, advice=advice, members={**problem.members, "request": name})
