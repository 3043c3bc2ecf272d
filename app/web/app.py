"""The application: rooms put together, in the order that requests pass through them."""

import gc
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from functools import cache, partial

import anyio
from fastapi import FastAPI
from starlette.middleware import Middleware

from app import __version__, limits
from app.sessions import Sessions
from app.settings import Settings
from app.settings import settings as read_settings
from app.web import (
    api,
    assets,
    assistants,
    commands,
    compare,
    diffs,
    docs,
    exports_api,
    fragments,
    guide,
    health,
    implementations,
    imports,
    imports_api,
    laboratory,
    lessons,
    lessons_api,
    links,
    machine_api,
    metrics,
    pages,
    privacy,
    problems,
    reference,
    reviews,
    scenarios_api,
    thread,
    way_api,
)
from app.web.description import Described
from app.web.door import Door
from app.web.effort import Effort
from app.web.packing import Packing
from app.web.rates import Rates
from app.web.seats import Seats
from app.web.security import BodyLimit, SameOrigin, SecurityHeaders
from app.web.shutdown import on_shutdown_signal
from app.web.straight import StraightJsonRoute, StraightRoute
from app.web.views.render import prepare, prepare_others

DESCRIPTION = (
    "Drive an emulated Arm GICv3 with its ITS. Register values are numbers and, as `hex`, strings, for JavaScript, "
    "whose numbers are exact up to 53 bits only. Errors are problem details (RFC 9457)."
)
# New objects in balance until the youngest are looked through, and how many times until the next older are.
COLLECT_AFTER = (50000, 20, 100)


def create_app(settings: Settings | None = None) -> FastAPI:
    """The ASGI application; without `settings` they come from the environment."""
    chosen = settings or read_settings()
    app = Described(
        title="giclab",
        version=__version__,
        description=DESCRIPTION,
        lifespan=_lifespan,
        docs_url=None,  # FastAPI's own page loads scripts from elsewhere; ours is in app.web.docs
        redoc_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # what is counted and logged is in app.web.door
        middleware=[
            Middleware(Door, settings=chosen),
            Middleware(SecurityHeaders),
            Middleware(Packing),
            Middleware(problems.Boundary),
            Middleware(SameOrigin),
            Middleware(BodyLimit),
            Middleware(Effort),
        ],
    )
    app.state.settings = chosen
    app.state.sessions = Sessions(chosen.database_url, live=chosen.live_sessions, days=chosen.session_days)
    app.state.sessions.listeners.append(api.tell_watchers)
    app.state.sessions.listeners.append(metrics.count_operation)
    app.state.rates = Rates(chosen.rate_factor)
    app.state.seats = Seats(chosen.rate_factor)
    app.state.closing = threading.Event()
    app.state.players = anyio.CapacityLimiter(limits.CONCURRENT_PLAYS)
    problems.install(app)
    # First of all: they are asked for most.
    app.router.routes.append(StraightJsonRoute(api.router, api.append_operation))
    app.router.routes.append(StraightRoute(fragments.router, fragments.act))
    app.include_router(api.router)
    app.include_router(machine_api.router)
    app.include_router(way_api.router)
    app.include_router(scenarios_api.router)
    app.include_router(lessons_api.router)
    app.include_router(commands.router)
    app.include_router(commands.pages)
    app.include_router(assistants.router)
    app.include_router(docs.router)
    app.include_router(reference.router)
    links.install(app)
    pages.install(app)
    reviews.install(app)
    compare.install(app)
    diffs.install(app)
    laboratory.install(app)
    imports.install(app)
    app.include_router(imports_api.router)
    app.include_router(exports_api.router)
    app.include_router(thread.router)
    app.include_router(guide.router)
    app.include_router(implementations.router)
    app.include_router(lessons.router)
    app.include_router(privacy.router)
    app.include_router(health.router)
    app.include_router(metrics.router)
    app.mount(assets.STATIC_PATH, assets.StaticAssets(), "static")
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    sessions: Sessions = app.state.sessions
    await sessions.start()
    _settle()
    try:
        async with metrics.heartbeat() if app.state.settings.metrics_from else nullcontext():
            with on_shutdown_signal(partial(_close, app)):
                yield
    finally:
        await app.state.imports.close()
        await sessions.stop()


def _close(app: FastAPI) -> None:
    """The process is about to end: no more requests, please, and nobody keeps a stream open."""
    app.state.closing.set()
    app.state.sessions.close_streams()


@cache
def _settle() -> None:
    """Have the templates ready, and let the garbage collector leave alone what stays, and what leaves by itself.

    Register maps, templates and logs live long, and a collection visits each of their objects, in the middle of
    somebody's page. What is there at the start is put aside for good: once a process, for an app that is stopped would
    stay too. A page makes some ten thousand objects that reference counting frees: the usual threshold of 700 looks
    through them again and again, for nothing.
    """
    prepare()
    assets.prepare()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
    threading.Thread(target=prepare_others, name="templates", daemon=True).start()
