"""Whether this process answers, `/healthz`, and whether requests are to be sent to it, `/readyz`."""

import anyio
from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from app import __version__, limits
from app.sessions import Sessions, StorageFailed

router = APIRouter(include_in_schema=False)
NO_STORE = {"Cache-Control": "no-store"}


@router.get("/healthz")
async def healthz() -> JSONResponse:
    """Whether this process answers; whatever else is wrong, starting it again would not mend it."""
    return JSONResponse({"status": "ok", "version": __version__}, headers=NO_STORE)


@router.get("/readyz")
async def readyz(request: Request) -> JSONResponse:
    """Whether the database answers and the process is not about to end: 200, else 503 with what is the matter."""
    matter = "it is going down" if request.app.state.closing.is_set() else await _matter(request.app.state.sessions)
    if matter:
        return JSONResponse({"status": "not ready", "reason": matter}, 503, {**NO_STORE, "Retry-After": "5"})
    return JSONResponse({"status": "ok", "version": __version__}, headers=NO_STORE)


async def _matter(sessions: Sessions) -> str:
    """Why not, in words that give no name of a file or a host away; "" if all is well."""
    try:
        with anyio.fail_after(limits.READY_SECONDS):
            await sessions.check()
    except StorageFailed:
        return "the database does not answer"
    except TimeoutError:
        return f"the database has not answered for {limits.READY_SECONDS:g} s"
    return ""
