"""Many at once on one server: operations a second, how long the slowest waits, how soon a lecture hall sees a step.

Beside ours stands what a bare FastAPI route makes of as many users with answers of equal size, in the same run.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass

from bench.postgres import Postgres, PostgresMissing
from bench.rate import Row
from bench.server import serving

USERS = (1, 16, 200)
SECONDS = 4.0
PATIENCE_SECONDS = 60.0
WATCHERS = 1_000
STEPS = 30
STEP_EVERY_SECONDS = 0.25
WANTED_SHARE = 0.4
WANTED_FANOUT_MS = 150.0
OP = json.dumps({"op": "write GICR_PENDBASER@0 PTZ=1"}).encode()
APP = "app.web.app:create_app"


@dataclass(frozen=True, slots=True)
class Loaded:
    """`rate` in answers a second, the median and 99th percentile in ms, and how many were not 2xx."""

    rate: float
    median: float
    worst: float
    errors: int
    size: int


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


def load_rows() -> list[Row]:
    """One server on SQLite; two beside one on PostgreSQL, where that is installed."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="giclab-bench-") as directory:
        environment = {"GICLAB_DATABASE_URL": f"sqlite:///{directory}/bench.db", "GICLAB_RATE_FACTOR": "0"}
        with serving(APP, environment) as port:
            ours = {users: _users([port], users) for users in USERS}
            seen, errors = asyncio.run(_fan_out(port))
    size = ours[USERS[0]].size
    with serving("bench.bare:create_app", {"BENCH_FRAGMENT_BYTES": str(size)}) as port:
        bare = {users: asyncio.run(_posts([(port, "/ops", "")] * users, b"op=write")) for users in USERS}
    rows += [_row(users, ours[users], bare[users]) for users in USERS]
    rows.append(_fan_out_row(seen, errors))
    return rows + _two_servers()


def _row(users: int, ours: Loaded, bare: Loaded) -> Row:
    told = f"  p50 {ours.median:.1f} / {bare.median:.1f} ms, p99 {ours.worst:.1f} / {bare.worst:.1f} ms"
    failed = f", {ours.errors} errors" if ours.errors else ", no errors"
    what = f"operations of {users} user{'s' if users > 1 else ''}"
    return Row(what, ours.rate, bare.rate, ratio_wanted=WANTED_SHARE, remark=told + failed)


def _fan_out_row(seen: Sequence[float], missed: int) -> Row:
    told = sorted(seen)
    worst = told[len(told) * 99 // 100] if told else float("inf")
    verdict = "holds" if worst <= WANTED_FANOUT_MS and not missed else "MISSED"
    remark = f"  p50 {told[len(told) // 2]:.0f} ms, p99 {worst:.0f} ms after the operation was sent"
    wanted = f" (wanted: p99 {WANTED_FANOUT_MS:g} ms: {verdict}); {missed} of {WATCHERS * STEPS:,} events missed"
    return Row(f"events to {WATCHERS:,} watchers", len(told) / (STEPS * STEP_EVERY_SECONDS), remark=remark + wanted)


def _two_servers() -> list[Row]:
    try:
        cluster = Postgres(durable=True)
        with cluster:
            environment = {"GICLAB_DATABASE_URL": cluster.new_database(), "GICLAB_RATE_FACTOR": "0"}
            with serving(APP, environment) as first:
                one = _users([first], 16)
                with serving(APP, environment) as second:
                    two = _users([first, second], 16)
    except PostgresMissing as missing:
        return [Row(f"two servers: {missing}", 0)]
    told = f"  of one server on PostgreSQL; p99 {two.worst:.1f} / {one.worst:.1f} ms, {two.errors + one.errors} errors"
    return [Row("operations of 16 users, two servers", two.rate, one.rate, remark=told)]


def _users(ports: Sequence[int], users: int) -> Loaded:
    """So many users, each with a session of their own and one operation under way at a time."""
    places = []
    for number in range(users):
        port = ports[number % len(ports)]
        made = _session(port)
        places.append((port, f"/api/v1/sessions/{made['id']}/ops", f"Authorization: Bearer {made['edit_key']}\r\n"))
    return asyncio.run(_posts(places, OP))


def _session(port: int) -> dict[str, str]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/v1/sessions",
        json.dumps({"implementation": "kvm", "cpus": 2}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        found: dict[str, str] = json.load(answer)
    return found


async def _posts(places: Sequence[tuple[int, str, str]], body: bytes) -> Loaded:
    times: list[float] = []
    errors = 0
    size = 0
    end = time.perf_counter() + SECONDS
    kind = "json" if body.startswith(b"{") else "x-www-form-urlencoded"

    async def user(port: int, path: str, headers: str) -> None:
        nonlocal errors, size
        line = await Line.open(port)
        while (start := time.perf_counter()) < end:
            status, answer = await line.post(path, body, f"{headers}Content-Type: application/{kind}\r\n")
            times.append(1000 * (time.perf_counter() - start))
            errors += not 200 <= status < 300
            size = len(answer)
        line.close()

    async with asyncio.timeout(SECONDS + PATIENCE_SECONDS), asyncio.TaskGroup() as group:
        for place in places:
            group.create_task(user(*place))
    times.sort()
    return Loaded(len(times) / SECONDS, times[len(times) // 2], times[len(times) * 99 // 100], errors, size)


async def _fan_out(port: int) -> tuple[list[float], int]:
    """Milliseconds from sending an operation to its event at each watcher, and how many events did not come."""
    made = _session(port)
    sent: list[float] = []
    seen: list[float] = []
    ready = asyncio.Semaphore(0)

    async def watch() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        writer.write(f"GET /s/{made['id']}/events HTTP/1.1\r\nHost: giclab\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        ready.release()
        count = 0
        while count < STEPS and (row := await reader.readline()):
            if b"<hx-step" in row:
                seen.append(1000 * (time.perf_counter() - sent[count]))
                count += 1
        writer.close()

    watchers = [asyncio.create_task(watch()) for _ in range(WATCHERS)]
    async with asyncio.timeout(PATIENCE_SECONDS):
        for _ in watchers:
            await ready.acquire()
    await asyncio.sleep(2)
    line = await Line.open(port)
    headers = f"Authorization: Bearer {made['edit_key']}\r\nContent-Type: application/json\r\n"
    for _ in range(STEPS):
        sent.append(time.perf_counter())
        await line.post(f"/api/v1/sessions/{made['id']}/ops", OP, headers)
        await asyncio.sleep(STEP_EVERY_SECONDS)
    _, waiting = await asyncio.wait(watchers, timeout=10)
    for task in waiting:
        task.cancel()
    return seen, WATCHERS * STEPS - len(seen)
