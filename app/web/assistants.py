"""`/mcp`: the tools for assistants, by the Model Context Protocol. Each request stands alone, nothing is kept."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import anyio.to_thread
from fastapi import APIRouter, Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from app import limits
from app.web.problems import ASSISTANTS

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server

router = APIRouter(include_in_schema=False)


@router.post(ASSISTANTS)
async def exchange(request: Request) -> Response:
    """One message and its answer."""
    # Read here: what refuses a large body is then told as everywhere.
    body = await request.body()
    # The protocol's package takes as long to import as all the rest, so it waits until somebody asks.
    return Exchange(await anyio.to_thread.run_sync(_server), body)


@cache
def _server() -> Server[Any]:
    from app.web.assistants_server import make_server

    return make_server()


class Exchange(Response):
    """Hands the request to the protocol, whose tasks end with it."""

    def __init__(self, server: Server[Any], content: bytes) -> None:
        super().__init__()
        self.server = server
        self.content = content

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

        waiting = [self.content]

        async def once() -> Message:
            if waiting:
                return {"type": "http.request", "body": waiting.pop(), "more_body": False}
            return await receive()

        manager = StreamableHTTPSessionManager(
            self.server, json_response=True, stateless=True, max_request_body_size=limits.REQUEST_BYTES
        )
        async with manager.run():
            await manager.handle_request(scope, once, send)
