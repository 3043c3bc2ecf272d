"""The least that FastAPI does to answer a POST: reads a form, returns a fragment of a given size. It stores nothing."""

import os

from fastapi import FastAPI, Request
from starlette.responses import HTMLResponse


def create_app() -> FastAPI:
    """BENCH_FRAGMENT_BYTES says how large the fragment is."""
    app = FastAPI(docs_url=None, redoc_url=None)
    fragment = "x" * int(os.environ["BENCH_FRAGMENT_BYTES"])

    @app.post("/ops")
    async def act(request: Request) -> HTMLResponse:
        await request.form()
        return HTMLResponse(fragment)

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    return app
