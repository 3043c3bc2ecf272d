"""What the server counts, and `/metrics`, which shows it to Prometheus: each process for itself, from its start."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from functools import cache
from ipaddress import ip_address

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from app.scenario import Step
from app.sessions import Session, Sessions
from app.settings import Network

router = APIRouter(include_in_schema=False)
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
BEAT_SECONDS = 0.25

REQUESTS = Counter("giclab_requests", "Requests answered.", ("method", "route", "status"))
LATENCY = Histogram("giclab_request_seconds", "Time until an answer began.", ("route",), buckets=SECONDS)
OPERATIONS = Counter("giclab_operations", "Operations stored.")
WORK = Counter("giclab_work", "Work played, about a second each.")
ADMITTED = Counter("giclab_admitted", "What addresses asked for and were given, by kind.", ("kind",))
REFUSED = Counter("giclab_refused", "Requests refused, by the limit that they met.", ("limit",))
LAG = Histogram("giclab_event_loop_lag_seconds", "How late the event loop ran what was due.", buckets=SECONDS)


def count_operation(_session: Session, _step: Step, _actor: str) -> None:
    """Listener of `Sessions`."""
    OPERATIONS.inc()


def count_request(method: str, route: str, status: int, seconds: float) -> None:
    """Count an answer that began after so many seconds; the route by its pattern, of which there are few."""
    counted, timed = _request_series(method, route, status)
    counted.inc()
    timed.observe(seconds)


@cache
def _request_series(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    return REQUESTS.labels(method, route, status), LATENCY.labels(route)


def route_of(scope: Scope) -> str:
    """The pattern of the path that was asked for, as `/s/{id}`: never the path, which may be all it takes to read."""
    path = getattr(scope.get("route"), "path", None)
    if isinstance(path, str):
        return path
    return "/static" if scope.get("path", "").startswith("/static/") else "unknown"


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """The counters in Prometheus' text format, for the addresses that the settings name."""
    if not _may_read(request):
        raise HTTPException(404)
    text = b"".join([generate_latest(REGISTRY), *_levels(request.app.state.sessions)])
    return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST, "Cache-Control": "no-store"})


def _may_read(request: Request) -> bool:
    """Whether it is one of those named, and speaks to us itself: through a proxy, everybody has the proxy's address."""
    peer: str = request.scope.get("giclab.peer", "")
    if "x-forwarded-for" in request.headers or "forwarded" in request.headers:
        return False
    return within(peer, request.app.state.settings.metrics_from)


def within(address: str, networks: Iterable[Network]) -> bool:
    """Whether an address, as text, is in one of the networks."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)


class _Levels:
    """What is counted when it is asked for, in the form that `generate_latest` takes."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def collect(self) -> Iterator[Metric]:
        for name, meaning, value in (
            ("giclab_live_sessions", "Sessions in memory.", self._sessions.in_memory),
            ("giclab_watchers", "Event streams open.", self._sessions.watchers),
        ):
            yield GaugeMetricFamily(name, meaning, value)


def _levels(sessions: Sessions) -> list[bytes]:
    return [generate_latest(_Levels(sessions))]


@asynccontextmanager
async def heartbeat() -> AsyncIterator[None]:
    """Measure inside the block how late the event loop is."""
    beating = asyncio.create_task(_beat())
    try:
        yield
    finally:
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating


async def _beat() -> None:
    while True:
        due = time.perf_counter() + BEAT_SECONDS
        await asyncio.sleep(BEAT_SECONDS)
        LAG.observe(max(0.0, time.perf_counter() - due))
