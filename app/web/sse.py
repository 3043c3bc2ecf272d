"""Server-sent events by hand: each event was encoded once, here its bytes go out to one watcher."""

import asyncio
from contextlib import AbstractContextManager, suppress

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app import limits
from app.sessions import Session, SessionError
from app.sessions.broadcast import Watch
from app.web.seats import AGAIN_SECONDS, seats_of

HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store, no-transform"),
    (b"x-accel-buffering", b"no"),
]
HEARTBEAT = b": still here\n\n"


def event_stream(request: Request, session: Session, channel: str) -> Response:
    """The session's events on a channel, for this request: from `Last-Event-ID`, else `?after=`, else now on.

    `?actor=` names the browser tab, whose own changes are left out. LimitReached if too many watch, Problem (429) if
    too many do from this address.
    """
    seats = seats_of(request)
    seats.check(request)
    wanted = request.headers.get("last-event-id") or request.query_params.get("after", "")
    after = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 20 else None
    watch = session.watch(after, request.query_params.get("actor", ""), channel=channel)
    return EventStream(session, watch, seats.take(request))


def refused_stream(told: str) -> Response:
    """For a page, whose browser tells it no status: a stream of one event `full` that says why. It asks again later."""
    body = f"retry: {1000 * AGAIN_SECONDS}\nevent: full\ndata: {told}\n\n".encode()
    return Response(body, headers={name.decode(): value.decode() for name, value in HEADERS})


class EventStream(Response):
    """Sends what `watch` gives until the client leaves or the server goes down."""

    def __init__(self, session: Session, watch: Watch, seat: AbstractContextManager[None]) -> None:
        super().__init__()
        self.session = session
        self.watch = watch
        self.seat = seat

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        with self.watch, self.seat:
            await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
            gone = asyncio.create_task(_wait_until_gone(receive))
            sending = asyncio.create_task(self._send_all(send))
            try:
                await asyncio.wait({gone, sending}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (gone, sending):
                    task.cancel()
                    with suppress(asyncio.CancelledError, OSError):
                        await task

    async def _send_all(self, send: Send) -> None:
        # Told at once, so that a client that reconnects before any event has something to resume from.
        await _send(send, f"id: {self.watch.cursor}\n\n".encode())
        # What another server stored before we were counted as watching was told to nobody here.
        with suppress(SessionError):
            await self.session.refresh()
        while (events := await self.watch.upcoming(limits.HEARTBEAT_SECONDS)) is not None:
            await _send(send, b"".join(event.wire for event in events) or HEARTBEAT)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _send(send: Send, chunk: bytes) -> None:
    await send({"type": "http.response.body", "body": chunk, "more_body": True})


async def _wait_until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
