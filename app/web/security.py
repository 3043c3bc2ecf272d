"""What keeps other sites out: response headers, the origin check, the size limit of bodies, and the edit key's cookie.

The origin check follows Filippo Valsorda's "Cross-Site Request Forgery" (2025), as datasette and Go 1.25 do: browsers
say where a request comes from, so no token is needed.
"""

import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import limits
from app.sessions import Created, Session, Sessions, keys
from app.web.metrics import REFUSED
from app.web.problems import API, Problem, answer, problem_of
from app.web.rates import Kind, rates_of

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors {frames}"
)
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # the address of a session is its read key: it is not told to other sites
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "cross-origin-opener-policy": "same-origin",
}
# As they go over the wire, for every answer.
GIVEN = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
ALONE, EMBEDDED = (POLICY.format(frames=frames).encode() for frames in ("'self'", "*"))
STAY_SECURE = b"max-age=31536000"
# Pages made to be embedded. Embedded, they get no cookie (SameSite), so they only show.
EMBEDDABLE = re.compile(r"/(s|x|l)/[^/.]+/?\Z")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# Who holds it may change the sessions that were started with it. `__Host-`: no other host and no plain http can set it.
COOKIE, SECURE_COOKIE = "giclab", "__Host-giclab"
# Before there was that, each session had a cookie of its own with its key.
SESSION_COOKIE = "giclab_edit"
COOKIE_SECONDS = 400 * 24 * 3600  # the longest that browsers keep one


def may_embed(scope: Scope) -> bool:
    """Whether other sites may show this page in a frame: an explorer page asked for with `?embed=1`."""
    if scope["method"] != "GET" or not scope["query_string"] or not EMBEDDABLE.match(scope["path"]):
        return False
    return parse_qs(scope["query_string"].decode("latin-1")).get("embed") == ["1"]


class SecurityHeaders:
    """Puts the security headers on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        embed = may_embed(scope)
        secure = scope["scheme"] == "https"

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message.setdefault("headers", [])
                # A picture brings a stricter policy of its own.
                if all(name != b"content-security-policy" for name, _ in headers):
                    headers.append((b"content-security-policy", EMBEDDED if embed else ALONE))
                headers += GIVEN
                if not embed:
                    headers.append((b"x-frame-options", b"SAMEORIGIN"))
                if secure:
                    headers.append((b"strict-transport-security", STAY_SECURE))
            await send(message)

        await self.app(scope, receive, with_headers)


class SameOrigin:
    """Refuses changes that another site's page asks for.

    A request with a bearer token passes under /api: no site can make a browser send one that it does not hold itself.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in SAFE_METHODS:
            headers = Headers(scope=scope)
            by_token = scope["path"].startswith(API) and bearer(headers) is not None
            if not by_token and (sender := _foreign_sender(headers)):
                problem = Problem(
                    403,
                    "cross-site",
                    "Another site sent this",
                    f"Changes are not taken from {sender}.",
                    "Open giclab itself and do it there; programs use the API.",
                )
                await answer(Request(scope), problem)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def _foreign_sender(headers: Headers) -> str:
    """Who sent a request that is not our own page's, or "". Programs send neither header: no browser is misused."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return "" if site in ("same-origin", "none") else f"a {site} page"
    origin = headers.get("origin")
    # Only the host is compared: behind a proxy that ends TLS, we see http where the browser sees https.
    if origin is None or urlsplit(origin).netloc == headers.get("host"):
        return ""
    return f"the origin {origin}"


# Whose bodies may be larger than REQUEST_BYTES: what is uploaded there goes to a file.
LARGE_BODIES = dict.fromkeys(("/import", "/api/v1/import"), ("IMPORT_BYTES", limits.IMPORT_BYTES))


class BodyLimit:
    """Refuses bodies above REQUEST_BYTES, or the path's of LARGE_BODIES, by what they announce or by what comes."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = LARGE_BODIES.get(scope["path"], ("REQUEST_BYTES", limits.REQUEST_BYTES))
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdigit() and int(announced) > limit[1]:
            await answer(Request(scope), _too_large(*limit))(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit[1]:
                raise BodyTooLarge(*limit)
            return message

        await self.app(scope, counted, send)


class BodyTooLarge(HTTPException):
    """Raised to whoever reads the body; as an HTTPException, FastAPI lets it pass."""

    def __init__(self, limit: str, maximum: int) -> None:
        super().__init__(413)
        self.limit = limit
        self.maximum = maximum


@problem_of.register
def _(error: BodyTooLarge) -> Problem:
    return _too_large(error.limit, error.maximum)


def _too_large(limit: str, maximum: int) -> Problem:
    REFUSED.labels(limit).inc()
    return Problem(
        413,
        "limit-reached",
        "The request is too large",
        f"A request body may have {maximum:,} bytes.",
        members={"limit": limit, "maximum": maximum},
        headers={"Connection": "close"},
    )


def bearer(headers: Headers) -> str | None:
    """The token of `Authorization: Bearer`, None without one."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def presented_key(request: Request, session: Session) -> str | None:
    """The edit key that a request carries for a session: the bearer token, else what the browser's cookie stands for.

    Raises Problem (429) where too many tokens from this address did not fit.
    """
    token = bearer(request.headers) or request.cookies.get(SESSION_COOKIE)
    if token is None:
        owner = owner_of(request)
        return None if owner is None else keys.derived(owner, session.id)
    rates = rates_of(request)
    rates.check_keys(request)
    if not session.may_edit(token):
        rates.wrong_key(request)
    return token


def owner_of(request: Request) -> str | None:
    """The secret of the browser that asks, from which the keys of its sessions are derived; None if it has none yet."""
    return request.cookies.get(SECURE_COOKIE if request.url.scheme == "https" else COOKIE)


async def start_in_browser(
    request: Request, text: str, *, title: str = ""
) -> tuple[Created, Callable[[Response], None]]:
    """A new session that the asking browser may change; what is returned with it puts the cookie onto the answer.

    Raises ScenarioError, LimitReached or Problem (429).
    """
    owner = owner_of(request) or keys.new_key()
    admit_session(request, text)
    sessions: Sessions = request.app.state.sessions
    created = await sessions.create(text, title=title, owner=owner)

    def give(response: Response) -> None:
        secure = request.url.scheme == "https"
        response.set_cookie(
            SECURE_COOKIE if secure else COOKIE,
            owner,
            max_age=COOKIE_SECONDS,
            path="/",
            secure=secure,
            httponly=True,
            samesite="lax",
        )

    return created, give


def admit_session(request: Request, text: str) -> None:
    """Count a new session, a long one as several. Raises Problem (429) where this address started too many."""
    rates_of(request).take(request, Kind.SESSIONS, 1 + len(text) // limits.CHARACTERS_PER_START)
