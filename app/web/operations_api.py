"""`POST /api/v1/sessions/{id}/ops`, what is asked for most: looked for first, and straight."""

from fastapi import FastAPI, Request
from pydantic_core import to_json
from starlette.responses import Response

from app.sessions import Sessions
from app.web import shapes
from app.web.api import no_step, router
from app.web.security import presented_key
from app.web.straight import StraightRoute


async def append_operation(request: Request, id: str, new: shapes.NewOperation) -> Response:  # noqa: A002
    """Do one operation. Answered once it is on disk; refused as a whole if anything is wrong with it."""
    sessions: Sessions = request.app.state.sessions
    session = await sessions.open(id)
    if new.after is not None and new.after > session.seq:
        raise no_step(session, new.after, 0)
    step = await session.append(new.op, edit_key=presented_key(request, session), after=new.after)
    return Response(to_json(shapes.step_json(step)), media_type="application/json")


def install(app: FastAPI) -> None:
    """Give the app this route; the sooner, the fewer others are asked before it."""
    app.router.add_api_route(
        f"{router.prefix}/sessions/{{id}}/ops",
        append_operation,
        methods=["POST"],
        response_model=shapes.StepAnswer,
        responses=router.responses,
        route_class_override=StraightRoute,
    )
