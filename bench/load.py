"""Many at once on one server: operations a second, how long the slowest waits, how soon a lecture hall sees a step.

Beside ours stands what a bare FastAPI route makes of as many users with answers of equal size, in the same run. Users
are counted from their second operation on: the first plays their session from the log. Each phase has its time, and
tells what it got in it.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count, repeat

from bench.postgres import Postgres, PostgresMissing
from bench.rate import Row
from bench.server import serving

USERS = (1, 16, 200)
SOME_USERS = 16
# More than one server can serve at once, so that a second one has something to do.
USERS_OF_TWO = 64
# A server compiles its templates after its start, beside the first requests.
SETTLE_SECONDS = 3.0
SECONDS = 3.0
PATIENCE_SECONDS = 6.0
CONNECT_SECONDS = 20.0
TOTAL_SECONDS = 120.0
WATCHERS = 1_000
STEPS = 20
STEP_EVERY_SECONDS = 0.25
WANTED_SHARE = 0.4
WANTED_FANOUT_MS = 150.0
OP = json.dumps({"op": "write GICR_PENDBASER@0 PTZ=1"}).encode()
APP = "app.web.app:create_app"
MARK = b"<hx-step"


@dataclass(frozen=True, slots=True)
class Loaded:
    """`rate` in answers a second, the median and 99th percentile in ms, and how many were not 2xx."""

    rate: float
    median: float
    worst: float
    errors: int
    size: int


@dataclass(frozen=True, slots=True)
class FanOut:
    """Milliseconds from sending an operation to its event at each of the watchers, and how many events did not come."""

    watchers: int
    seen: list[float]
    missed: int


class Line:
    """One connection that is kept open, as little of HTTP as a POST takes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> Line:
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=1 << 20))

    async def post(self, path: str, body: bytes, headers: str = "") -> tuple[int, bytes]:
        """Status and body of the answer."""
        head = f"POST {path} HTTP/1.1\r\nHost: giclab\r\n{headers}"
        self._writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        told = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(told.partition("content-length:")[2].split("\r\n")[0])
        return int(told.split(" ", 2)[1]), await self._reader.readexactly(length)

    def close(self) -> None:
        self._writer.close()


class Watcher(asyncio.Protocol):
    """An event stream, of which no more is looked at than shows when a step came: this process has a thousand."""

    def __init__(self, path: str, sent: Sequence[float], seen: list[float]) -> None:
        self._request = f"GET {path} HTTP/1.1\r\nHost: giclab\r\n\r\n".encode()
        self._sent = sent
        self._seen = seen
        self._steps = 0
        self._rest = b""
        self._transport: asyncio.BaseTransport | None = None
        self.answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @classmethod
    async def open(cls, port: int, path: str, sent: Sequence[float], seen: list[float]) -> Watcher:
        loop = asyncio.get_running_loop()
        _, made = await loop.create_connection(lambda: cls(path, sent, seen), "127.0.0.1", port)
        return made

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if not self.answered.done():
            self.answered.set_result(None)
        for _ in range((self._rest + data).count(MARK)):
            self._seen.append(1000 * (time.perf_counter() - self._sent[self._steps]))
            self._steps += 1
        self._rest = data[1 - len(MARK) :]

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def load_rows() -> list[Row]:
    """One server on SQLite; two beside one on PostgreSQL, where that is installed and time is left."""
    end = time.monotonic() + TOTAL_SECONDS
    with tempfile.TemporaryDirectory(prefix="giclab-bench-") as directory:
        environment = {"GICLAB_DATABASE_URL": f"sqlite:///{directory}/bench.db", "GICLAB_RATE_FACTOR": "0"}
        with serving(APP, environment) as port:
            time.sleep(SETTLE_SECONDS)
            ours = {users: _users([port], users) for users in USERS}
            new = _users([port], SOME_USERS, new_lines())
            fan_out = asyncio.run(_fan_out(port))
        size = str(ours[USERS[0]].size)
        database = {"BENCH_FRAGMENT_BYTES": size, "BENCH_DATABASE_URL": f"sqlite:///{directory}/bare.db"}
        with serving("bench.bare:create_app", database) as port:
            bare = {users: _bare(port, "/ops", users) for users in USERS}
            stored = {users: _bare(port, "/stored", users) for users in USERS}
    rows = []
    for users in USERS:
        what = _operations(users)
        # Who is alone waits for the disk, which a route without a database does not: half of the time is gone there.
        rows.append(_row(what, ours[users], bare[users], wanted=WANTED_SHARE if users > 1 else None))
        rows.append(_row(f"{what}, bare with a commit", ours[users], stored[users], wanted=WANTED_SHARE))
    rows.append(_row(f"{_operations(SOME_USERS)}, every line a new one", new, bare[SOME_USERS]))
    rows.append(_fan_out_row(fan_out))
    if time.monotonic() > end - 4 * SECONDS:
        return [*rows, Row("two servers: there was no time left", 0)]
    return rows + _two_servers()


def new_lines() -> Iterator[bytes]:
    """Operations of which no two are written alike: none was read before."""
    for number in count():
        address = 0x4000_0000 + (number % 0x1_0000 << 16) + (number // 0x1_0000 << 32)
        yield json.dumps({"op": f"write GICR_PENDBASER@0 Physical_Address={address:#x} PTZ=1"}).encode()


def _bare(port: int, path: str, users: int) -> Loaded:
    return asyncio.run(_posts([(port, path, "")] * users, repeat(b"op=write")))


def _operations(users: int) -> str:
    return f"operations of {users} user{'s' if users > 1 else ''}"


def _row(what: str, ours: Loaded, bare: Loaded, wanted: float | None = None) -> Row:
    told = f"  p50 {ours.median:.1f} / {bare.median:.1f} ms, p99 {ours.worst:.1f} / {bare.worst:.1f} ms"
    failed = f", {ours.errors} errors" if ours.errors else ", no errors"
    return Row(what, ours.rate, bare.rate, ratio_wanted=wanted, remark=told + failed)


def _fan_out_row(found: FanOut) -> Row:
    told = sorted(found.seen) or [float("inf")]
    worst = told[len(told) * 99 // 100]
    verdict = "holds" if worst <= WANTED_FANOUT_MS and not found.missed and found.watchers == WATCHERS else "MISSED"
    remark = f"  p50 {told[len(told) // 2]:.0f} ms, p99 {worst:.0f} ms after the operation was sent"
    wanted = f" (wanted: p99 {WANTED_FANOUT_MS:g} ms: {verdict}); {found.missed} events missed"
    what = f"events to {found.watchers:,} watchers"
    return Row(what, len(found.seen) / (STEPS * STEP_EVERY_SECONDS), remark=remark + wanted)


def _two_servers() -> list[Row]:
    try:
        cluster = Postgres(durable=True)
        with cluster:
            environment = {"GICLAB_DATABASE_URL": cluster.new_database(), "GICLAB_RATE_FACTOR": "0"}
            with serving(APP, environment) as first:
                time.sleep(SETTLE_SECONDS)
                one = _users([first], USERS_OF_TWO)
                with serving(APP, environment) as second:
                    time.sleep(SETTLE_SECONDS)
                    two = _users([first, second], USERS_OF_TWO)
    except PostgresMissing as missing:
        return [Row(f"two servers: {missing}", 0)]
    told = f"  of one server on PostgreSQL, all on {os.cpu_count()} cores; p99 {two.worst:.1f} / {one.worst:.1f} ms"
    told += f", {two.errors + one.errors} errors"
    return [Row(f"{_operations(USERS_OF_TWO)}, two servers", two.rate, one.rate, remark=told)]


def _users(ports: Sequence[int], users: int, bodies: Iterator[bytes] | None = None) -> Loaded:
    """So many users, each with a session of their own and one operation under way at a time."""
    places = []
    for number in range(users):
        port = ports[number % len(ports)]
        made = _session(port)
        places.append((port, f"/api/v1/sessions/{made['id']}/ops", f"Authorization: Bearer {made['edit_key']}\r\n"))
    return asyncio.run(_posts(places, bodies or repeat(OP), "json"))


def _session(port: int) -> dict[str, str]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/v1/sessions",
        json.dumps({"implementation": "kvm", "cpus": 2}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        found: dict[str, str] = json.load(answer)
    return found


async def _posts(
    places: Sequence[tuple[int, str, str]], bodies: Iterator[bytes], kind: str = "x-www-form-urlencoded"
) -> Loaded:
    times: list[float] = []
    errors = size = 0
    begins = asyncio.Event()
    ready = 0
    end = float("inf")

    async def user(port: int, path: str, headers: str) -> None:
        nonlocal errors, size, ready
        line = await Line.open(port)
        headers = f"{headers}Content-Type: application/{kind}\r\n"
        await line.post(path, next(bodies), headers)
        ready += 1
        if ready == len(places):
            begins.set()
        await begins.wait()
        while (start := time.perf_counter()) < end:
            status, answer = await line.post(path, next(bodies), headers)
            times.append(1000 * (time.perf_counter() - start))
            errors += not 200 <= status < 300
            size = len(answer)
        line.close()

    tasks = [asyncio.create_task(user(*place)) for place in places]
    with suppress(TimeoutError):
        await asyncio.wait_for(begins.wait(), CONNECT_SECONDS)
    begins.set()
    start = time.perf_counter()
    end = start + SECONDS
    _, late = await asyncio.wait(tasks, timeout=SECONDS + PATIENCE_SECONDS)
    took = min(SECONDS, time.perf_counter() - start)
    errors += len(late) + sum(1 for task in tasks if task.done() and task.exception() is not None)
    for task in late:
        task.cancel()
    times.sort()
    if not times:
        return Loaded(0, float("inf"), float("inf"), max(errors, 1), 0)
    return Loaded(len(times) / took, times[len(times) // 2], times[len(times) * 99 // 100], errors, size)


async def _fan_out(port: int) -> FanOut:
    """Watchers as pages are, and somebody who does one operation after the other."""
    made = _session(port)
    sent: list[float] = []
    seen: list[float] = []
    watchers: list[Watcher] = []
    with suppress(TimeoutError):
        async with asyncio.timeout(CONNECT_SECONDS):
            watchers += [await Watcher.open(port, f"/s/{made['id']}/events", sent, seen) for _ in range(WATCHERS)]
            for watcher in watchers:
                await watcher.answered
    count = sum(watcher.answered.done() for watcher in watchers)
    await asyncio.sleep(2)
    line = await Line.open(port)
    headers = f"Authorization: Bearer {made['edit_key']}\r\nContent-Type: application/json\r\n"
    with suppress(TimeoutError):
        async with asyncio.timeout(STEPS * STEP_EVERY_SECONDS + PATIENCE_SECONDS):
            for _ in range(STEPS):
                sent.append(time.perf_counter())
                await line.post(f"/api/v1/sessions/{made['id']}/ops", OP, headers)
                await asyncio.sleep(STEP_EVERY_SECONDS)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(seen) < count * len(sent) and time.monotonic() < deadline:  # noqa: ASYNC110 - data comes by itself
        await asyncio.sleep(0.1)
    for watcher in watchers:
        watcher.close()
    return FanOut(count, seen, count * STEPS - len(seen))
