"""The least that FastAPI does to answer a POST: reads a form, returns a fragment of a given size.

`/ops` stores nothing, and is what others are measured against. `/stored` commits one row first, as durably as we do: an
application that answers after its commit is no faster, however little else it does.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from sqlalchemy import text
from starlette.responses import HTMLResponse

from app.sessions import database


def create_app() -> FastAPI:
    """BENCH_FRAGMENT_BYTES says how large the fragment is, BENCH_DATABASE_URL where `/stored` stores."""
    fragment = "x" * int(os.environ["BENCH_FRAGMENT_BYTES"])
    engine = database.create_engine(os.environ.get("BENCH_DATABASE_URL", "sqlite://"))

    @asynccontextmanager
    async def with_table(_: FastAPI) -> AsyncIterator[None]:
        async with engine.connect() as connection:
            await connection.execute(text("CREATE TABLE operations (seq INTEGER PRIMARY KEY, text TEXT)"))
        yield
        await engine.dispose()

    app = FastAPI(docs_url=None, redoc_url=None, lifespan=with_table)

    @app.post("/ops")
    async def act(request: Request) -> HTMLResponse:
        await request.form()
        return HTMLResponse(fragment)

    @app.post("/stored")
    async def store(request: Request) -> HTMLResponse:
        form = await request.form()
        async with engine.connect() as connection:
            await connection.execute(text("INSERT INTO operations (text) VALUES (:op)"), {"op": form["op"]})
        return HTMLResponse(fragment)

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    return app
