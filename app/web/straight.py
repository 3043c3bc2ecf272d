"""A route for what is asked for most: described by FastAPI from its signature, answered without its solver."""

from __future__ import annotations

from typing import Any, cast

from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

JSON = b"application/json"


class StraightRoute(APIRoute):
    """For an endpoint `(request, <path parameters: str>, <body: a pydantic model>) -> Response`, and no other.

    To solve these few parameters takes FastAPI longer than to play an operation. A JSON body that fits the model goes
    to the endpoint at once; any other goes FastAPI's own way, which says what is wrong with it.
    """

    def __init__(self, path: str, endpoint: Any, **described: Any) -> None:  # noqa: ANN401 - FastAPI's own
        super().__init__(path, endpoint, **described)
        assert self.body_field is not None
        self._body = self.body_field.name
        self._model = cast("type[BaseModel]", self.body_field.field_info.annotation)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in (self.methods or ()) or not _is_json(scope):
            await super().handle(scope, receive, send)
            return
        body = await _read(receive)
        if body is None:
            return
        try:
            given = self._model.model_validate_json(body)
        except ValidationError:
            await super().handle(scope, _again(body, receive), send)
            return
        response: Response = await self.endpoint(Request(scope), **scope["path_params"], **{self._body: given})
        await response(scope, receive, send)


def _is_json(scope: Scope) -> bool:
    return any(name == b"content-type" and value.partition(b";")[0] == JSON for name, value in scope["headers"])


async def _read(receive: Receive) -> bytes | None:
    """The whole body; None if its sender is gone, and there is nobody to be answered."""
    parts = []
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """`receive` with a body that was read already in front."""
    read: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def first() -> Message:
        return read.pop() if read else await receive()

    return first
