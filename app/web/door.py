"""The outermost layer: who asks, under which id a request is known, and what is counted and logged of its answer."""

from __future__ import annotations

import logging
import random
import re
import secrets
import time

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from app.settings import Settings
from app.web.metrics import count_request, route_of, within

log = logging.getLogger(__name__)
REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}\Z")
ID_BYTES = 8
# Names that do not repeat, and no secrets: asking the system for each is a third of what a small answer takes.
NAMES = random.Random(secrets.randbits(128))  # noqa: S311
FORWARDED = frozenset({b"x-forwarded-for", b"x-forwarded-proto"})
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})


class Door:
    """Every request passes here first.

    `scope["giclab.peer"]` is who holds the connection, `scope["client"]` whom trusted proxies say they ask for.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self._proxies = settings.trusted_proxies
        self._addresses = settings.log_addresses
        self._behind: ASGIApp = app
        if self._proxies:
            self._behind = ProxyHeadersMiddleware(app, [str(each) for each in self._proxies])  # type: ignore[arg-type,assignment]
        self._told = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        peer = scope["client"][0] if scope.get("client") else ""
        scope["giclab.peer"] = peer
        trusted = bool(self._proxies) and within(peer, self._proxies)
        name = self._request_id(scope, trusted=trusted)
        scope["giclab.request_id"] = name
        if not trusted and not self._told:
            self._warn(scope)
        start = time.perf_counter()

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", name.encode())]
                self._note(scope, int(message["status"]), time.perf_counter() - start)
            await send(message)

        known = structlog.contextvars.bind_contextvars(request=name)
        try:
            await (self._behind if trusted else self.app)(scope, receive, watched)
        finally:
            structlog.contextvars.reset_contextvars(**known)

    def _request_id(self, scope: Scope, *, trusted: bool) -> str:
        if trusted:
            for header, value in scope["headers"]:
                if header == b"x-request-id" and REQUEST_ID.match(value):
                    return str(value.decode())
        return f"{NAMES.getrandbits(8 * ID_BYTES):0{2 * ID_BYTES}x}"

    def _warn(self, scope: Scope) -> None:
        """Behind a proxy that is not trusted all visitors look like one, and share what one may ask for."""
        if any(name in FORWARDED for name, _ in scope["headers"]):
            self._told = True
            log.warning("a proxy's headers were ignored: name the proxy in GICLAB_TRUSTED_PROXIES if it is yours")

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = route_of(scope)
        method = scope["method"] if scope["method"] in METHODS else "other"
        count_request(method, route, status, seconds)
        if log.isEnabledFor(logging.INFO):
            seen = {"method": method, "route": route, "status": status, "ms": round(1000 * seconds, 1)}
            if self._addresses and scope.get("client"):
                seen["address"] = scope["client"][0]
            log.info("request", extra=seen)
