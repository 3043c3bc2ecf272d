"""How the implementations differ: the matrix of behaviours, and what was last checked against the real ones."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse

from app.gic import IMPLEMENTATIONS
from app.web.views.conformance import conformance_page
from app.web.views.implementations import LONGEST_QUERY, SHOWS, Filter, matrix_page
from app.web.views.render import render

router = APIRouter(include_in_schema=False)
# The pages change with the program only, but their address does not name its version.
HEADERS = {"Cache-Control": "no-cache", "Vary": "HX-Request, HX-Target"}
MATRIX = "matrix"
Name = Annotated[str, Query(max_length=LONGEST_QUERY)]


@router.get("/implementations")
async def implementations(request: Request, q: str = "", show: Name = "", a: Name = "", b: Name = "") -> HTMLResponse:
    """The matrix; `q` looks for words, `a` and `b` leave the rows in which these two differ. htmx asks for it alone."""
    one, other = (name if name in IMPLEMENTATIONS else "" for name in (a, b))
    wanted = Filter(q.strip()[:LONGEST_QUERY], show if show in SHOWS else "", one, other)
    page = await anyio.to_thread.run_sync(partial(matrix_page, wanted))
    alone = request.headers.get("hx-request") == "true" and not request.headers.get("hx-history-restore-request")
    wants_part = alone and request.headers.get("hx-target", "").partition("#")[2] == MATRIX
    return HTMLResponse(
        render("compare/matrix.html" if wants_part else "implementations.html", page=page), headers=HEADERS
    )


@router.get("/conformance")
async def conformance() -> HTMLResponse:
    """The report of the last conformance run, which is shipped with the program."""
    return HTMLResponse(render("compare/conformance.html", page=conformance_page()), headers=HEADERS)
