"""What one address may ask for in a time, by the sums in `app.limits`. Counted in this process, kept nowhere."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv6Address, ip_address, ip_network

from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from starlette.requests import HTTPConnection

from app import limits
from app.web.metrics import ADMITTED, REFUSED
from app.web.problems import Problem

IPV6_PREFIX = 64  # what one subscriber has
OTHERS = "others"


class Kind(StrEnum):
    """What is counted."""

    SESSIONS = "sessions"
    LINKS = "links"
    LIVE_QEMU = "live QEMU"
    KEYS = "edit keys"
    WORK = "work"


@dataclass(frozen=True, slots=True)
class Rule:
    """`limit` is its name in `app.limits`, `most` its value there; `told` ends "Too many …"."""

    limit: str
    most: int
    every: type[RateLimitItem]
    told: str


RULES = {
    Kind.SESSIONS: Rule(
        "SESSIONS_PER_ADDRESS_HOUR", limits.SESSIONS_PER_ADDRESS_HOUR, RateLimitItemPerHour, "sessions started"
    ),
    Kind.LINKS: Rule(
        "SHORT_LINKS_PER_ADDRESS_HOUR", limits.SHORT_LINKS_PER_ADDRESS_HOUR, RateLimitItemPerHour, "short links made"
    ),
    Kind.LIVE_QEMU: Rule(
        "LIVE_QEMUS_PER_ADDRESS_MINUTE",
        limits.LIVE_QEMUS_PER_ADDRESS_MINUTE,
        RateLimitItemPerMinute,
        "plays on a real QEMU",
    ),
    Kind.KEYS: Rule(
        "WRONG_KEYS_PER_ADDRESS_MINUTE", limits.WRONG_KEYS_PER_ADDRESS_MINUTE, RateLimitItemPerMinute, "wrong edit keys"
    ),
    Kind.WORK: Rule("WORK_PER_ADDRESS_MINUTE", limits.WORK_PER_ADDRESS_MINUTE, RateLimitItemPerMinute, "long plays"),
}


class Rates:
    """The counts of this process. `factor` multiplies what is allowed; 0: everything is."""

    def __init__(self, factor: float = 1.0) -> None:
        self._storage = MemoryStorage()
        self._limiter = SlidingWindowCounterRateLimiter(self._storage)
        self._items = {
            kind: rule.every(max(1, round(rule.most * factor)), namespace=kind.name) for kind, rule in RULES.items()
        }
        self._off = factor == 0
        self._wrong_keys = False

    def take(self, connection: HTTPConnection, kind: Kind, cost: int = 1) -> None:
        """Count it. Raises Problem (429) where the address has had too much."""
        if self._off:
            return
        item = self._items[kind]
        address = self._address(connection, item)
        if not self._limiter.hit(item, address, cost=min(cost, item.amount)):
            raise self._refusal(kind, address)
        ADMITTED.labels(kind.name.lower()).inc(cost)

    def check(self, connection: HTTPConnection, kind: Kind) -> None:
        """Raise Problem (429) where the address has had too much, without counting."""
        if self._off:
            return
        item = self._items[kind]
        address = self._address(connection, item)
        if not self._limiter.test(item, address):
            raise self._refusal(kind, address)

    def charge(self, connection: HTTPConnection, kind: Kind, cost: int) -> None:
        """Count what was done already, up to all that is left."""
        if self._off or cost < 1:
            return
        item = self._items[kind]
        address = self._address(connection, item)
        left = self._limiter.get_window_stats(item, address).remaining
        if left > 0:
            self._limiter.hit(item, address, cost=min(cost, left))

    def wrong_key(self, connection: HTTPConnection) -> None:
        """Count an edit key that did not fit. Raises Problem (429) where there were too many."""
        self._wrong_keys = True
        self.take(connection, Kind.KEYS)

    def check_keys(self, connection: HTTPConnection) -> None:
        """Raise Problem (429) where too many keys did not fit: then none is looked at."""
        if self._wrong_keys:
            self.check(connection, Kind.KEYS)

    def _address(self, connection: HTTPConnection, item: RateLimitItem) -> str:
        address = subscriber(connection.client.host if connection.client else "")
        counts = self._storage.storage
        if len(counts) < limits.ADDRESSES_COUNTED:
            return address
        # Full of addresses: those that are not known share one account until others are forgotten.
        keys = self._storage.sliding_window_keys(item.key_for(address), item.get_expiry(), time.time())
        return address if any(key in counts for key in keys) else OTHERS

    def _refusal(self, kind: Kind, address: str) -> Problem:
        rule, item = RULES[kind], self._items[kind]
        REFUSED.labels(rule.limit).inc()
        wait = max(1, math.ceil(self._limiter.get_window_stats(item, address).reset_time - time.time()))
        return Problem(
            429,
            "limit-reached",
            "Too much from one address",
            f"Too many {rule.told} from this address: the limit is {item.amount:,} {_every(item)}.",
            f"Try again in {_told(wait)}.",
            {"limit": rule.limit, "maximum": item.amount},
            {"Retry-After": str(wait)},
        )


def subscriber(address: str) -> str:
    """Whose an address is: an IPv4 address stands for itself, an IPv6 address for its /64."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address or "unknown"
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is None:
            return str(ip_network((parsed, IPV6_PREFIX), strict=False))
        return str(parsed.ipv4_mapped)
    return address


def _every(item: RateLimitItem) -> str:
    return "an hour" if item.get_expiry() >= 3600 else "a minute"


def _told(seconds: int) -> str:
    return f"{seconds} seconds" if seconds < 120 else f"{math.ceil(seconds / 60)} minutes"


def rates_of(connection: HTTPConnection) -> Rates:
    """The counts of the application that answers."""
    rates: Rates = connection.app.state.rates
    return rates
