"""Answers made small on their way: Brotli for who takes it (every browser does), gzip for everybody else who packs."""

from __future__ import annotations

import gzip

import anyio.to_thread
import brotli
from starlette.datastructures import Headers
from starlette.middleware.gzip import GZipResponder, IdentityResponder
from starlette.types import ASGIApp, Receive, Scope, Send

# Smaller answers fit one packet anyway.
FROM_BYTES = 1_400
# What is packed at each request: a page of 96 kB takes gzip 0.7 ms for 13.9 kB, Brotli 0.9 ms for 11.0 kB.
BROTLI_QUALITY, GZIP_LEVEL = 5, 4
# What is packed once.
BEST_BROTLI, BEST_GZIP = 11, 9
# Larger chunks are no work for the event loop; Starlette has gzip do the same.
IN_THREAD_FROM_BYTES = 128 * 1024


def packed(body: bytes) -> dict[str, bytes]:
    """The body by each Content-Encoding, the smallest first."""
    return {
        "br": brotli.compress(body, mode=brotli.MODE_TEXT, quality=BEST_BROTLI),
        "gzip": gzip.compress(body, BEST_GZIP, mtime=0),
    }


def taken(headers: Headers) -> frozenset[str]:
    """The encodings that a request's Accept-Encoding takes; one with `q=0` is refused."""
    asked = (part.replace(" ", "").lower().split(";") for part in headers.get("accept-encoding", "").split(","))
    return frozenset(name for name, *weight in asked if not any(map(_refused, weight)))


def _refused(weight: str) -> bool:
    return weight.startswith("q=0") and not weight.strip("q=0.")


class Packing:
    """Packs what the app answers; what is packed already, and event streams, pass as they are."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        encodings = taken(Headers(scope=scope))
        responder: ASGIApp
        if "br" in encodings:
            responder = BrotliResponder(self.app, FROM_BYTES)
        elif "gzip" in encodings:
            responder = GZipResponder(self.app, FROM_BYTES, GZIP_LEVEL, thread_minimum_size=IN_THREAD_FROM_BYTES)
        else:
            responder = IdentityResponder(self.app, FROM_BYTES)
        await responder(scope, receive, send)


class BrotliResponder(IdentityResponder):
    """One answer packed with Brotli, as Starlette's GZipResponder does with gzip."""

    content_encoding = "br"

    def __init__(self, app: ASGIApp, minimum_size: int) -> None:
        super().__init__(app, minimum_size)
        self._compressor: brotli.Compressor | None = None

    async def apply_compression(self, body: bytes, *, more_body: bool) -> bytes:
        if len(body) >= IN_THREAD_FROM_BYTES:
            return await anyio.to_thread.run_sync(self._pack, body, more_body)
        return self._pack(body, more_body)

    def _pack(self, body: bytes, more_body: bool) -> bytes:
        if self._compressor is None:
            self._compressor = brotli.Compressor(mode=brotli.MODE_TEXT, quality=BROTLI_QUALITY)
        start = self._compressor.process(body)
        return bytes(start + (self._compressor.flush() if more_body else self._compressor.finish()))
