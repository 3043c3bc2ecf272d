"""How many event streams are open in this process, in all and by address, by the sums in `app.limits`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.requests import HTTPConnection

from app import limits
from app.sessions import LimitReached
from app.web.metrics import REFUSED
from app.web.problems import Problem
from app.web.rates import subscriber

AGAIN_SECONDS = 30


class Seats:
    """`taken` is how many there are. `factor` multiplies what an address may have; 0: as many as there are."""

    def __init__(self, factor: float = 1.0) -> None:
        self._most = max(1, round(limits.WATCHERS_PER_ADDRESS * factor)) if factor else 0
        self._by_address: Counter[str] = Counter()
        self.taken = 0

    def check(self, connection: HTTPConnection) -> None:
        """Raise Problem (429) where this address has too many, LimitReached where there are too many in all."""
        most = limits.WATCHERS_PER_SERVER
        if self.taken >= most:
            raise LimitReached("WATCHERS_PER_SERVER", most, "Too many are watching on this server")
        if self._most and self._by_address[address_of(connection)] >= self._most:
            raise _refusal(self._most)

    @contextmanager
    def take(self, connection: HTTPConnection) -> Iterator[None]:
        """One more inside the block."""
        address = address_of(connection)
        self._by_address[address] += 1
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1
            self._by_address[address] -= 1
            if not self._by_address[address]:
                del self._by_address[address]


def address_of(connection: HTTPConnection) -> str:
    """Whom a stream counts for."""
    return subscriber(connection.client.host if connection.client else "")


def _refusal(most: int) -> Problem:
    REFUSED.labels("WATCHERS_PER_ADDRESS").inc()
    return Problem(
        429,
        "limit-reached",
        "Too much from one address",
        f"Too many follow sessions from this address: the limit is {most:,} event streams at a time.",
        "Close some, or try again when others have left.",
        {"limit": "WATCHERS_PER_ADDRESS", "maximum": most},
        {"Retry-After": str(AGAIN_SECONDS)},
    )


def seats_of(connection: HTTPConnection) -> Seats:
    """The streams of the application that answers."""
    seats: Seats = connection.app.state.seats
    return seats
