"""What one request may have played, and whose account it goes to."""

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from app import limits
from app.scenario.work import Allowance, Allowed, TooMuch
from app.web.metrics import REFUSED, WORK
from app.web.problems import Problem, problem_of
from app.web.rates import Kind, rates_of

WORK_PER_MILLISECOND = 1_000


class Effort:
    """Gives each request its allowance, and counts what it took against the address that asked."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        def admit() -> None:
            connection = HTTPConnection(scope)
            rates_of(connection).check(connection, Kind.WORK)

        allowance = Allowance(limits.WORK_PER_REQUEST, limits.PAGES_PER_REQUEST, limits.FREE_WORK, admit)
        try:
            with Allowed(allowance):
                await self.app(scope, receive, send)
        finally:
            WORK.inc(allowance.worked / 1_000_000)
            if allowance.worked > limits.FREE_WORK:
                connection = HTTPConnection(scope)
                rates_of(connection).charge(connection, Kind.WORK, allowance.worked // WORK_PER_MILLISECOND)


@problem_of.register
def _(error: TooMuch) -> Problem:
    name = "WORK_PER_REQUEST" if error.work else "PAGES_PER_REQUEST"
    REFUSED.labels(name).inc()
    advice = "Play less at once: fewer operations that go through all LPIs, or fewer implementations."
    members = {"limit": name, "maximum": error.most}
    return Problem(
        422, "limit-reached", "A limit was reached", f"{error}: the limit is {error.most:,}.", advice, members
    )
