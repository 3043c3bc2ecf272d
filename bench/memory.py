"""What sessions cost: in memory while they are used, nothing but disk while they are not, and a moment to come back.

A server of its own is measured with 100,000 sessions in its database: how soon it starts, how soon one that nobody has
in memory is there again, what 1,000 live ones take, and how much one turn of expiry does.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import insert

from app import __version__, limits
from app.scenario import parse
from app.sessions import database, keys, log
from app.sessions.store import Store
from app.sessions.tables import operations, sessions
from bench.rate import Row, table
from bench.server import running
from bench.steps import scenario

STORED = 100_000
LIVE = 1_000
LIVE_SECONDS = 40.0
TRIES = 40
REBUILT = 1_000
LIVE_OPERATIONS = 40
ROWS = 5_000
WANTED_REBUILD_MS = 100.0
WANTED_LIVE_MIB = 1_536.0
WANTED_TURN_MS = 50.0
WANTED_SLOWER = 1.5
APP = "app.web.app:create_app"
OP = json.dumps({"op": "write GICR_PENDBASER@0 PTZ=1"})
KEY = keys.new_key()
NOW = 1_800_000_000


@dataclass(frozen=True, slots=True)
class Session:
    """One to be stored."""

    id: str
    used: int
    text: str


def memory_rows() -> list[Row]:
    """Two servers in turn: one on an empty database, one on 100,000 sessions."""
    with tempfile.TemporaryDirectory(prefix="giclab-bench-") as directory:
        empty, full = (f"sqlite:///{directory}/{name}.db" for name in ("empty", "full"))
        long, *some = asyncio.run(_fill(full))
        (alone,) = asyncio.run(_fill(empty, 1))
        start = time.perf_counter()
        with _server(empty) as (port, _):
            start_empty, write_empty = time.perf_counter() - start, _writes(port, alone)
        start = time.perf_counter()
        with _server(full, live=1) as (port, _):
            start_full, write_full = time.perf_counter() - start, _writes(port, some[0])
            rebuilds = _rebuilds(port, long, some[1])
        with _server(full, live=LIVE) as (port, pid):
            before = _mib(pid)
            count = _use(port, some)
            after = _mib(pid)
        turns, most = asyncio.run(_expire(full))
    p50, p95 = statistics.median(rebuilds), _p95(rebuilds)
    told = f"p50 {p50:.0f} ms, {TRIES} times, each by a request for a register"
    return [
        _row(f"an evicted session, {REBUILT:,} operations, p95 ms", p95, WANTED_REBUILD_MS, told),
        _row(
            f"RAM with {count:,} live sessions, MiB",
            after,
            WANTED_LIVE_MIB,
            f"{before:.0f} MiB before, {1024 * (after - before) / max(1, count):.0f} KiB each, "
            f"{LIVE_OPERATIONS} operations in each",
        ),
        _row(
            f"start with {STORED:,} stored, % of an empty one",
            100 * start_full / start_empty,
            100 * WANTED_SLOWER,
            f"{start_full:.1f} s",
        ),
        _row(
            "a write there, p50, % of an empty one",
            100 * statistics.median(write_full) / statistics.median(write_empty),
            100 * WANTED_SLOWER,
            f"p50 {statistics.median(write_full):.1f} / {statistics.median(write_empty):.1f} ms, "
            f"p95 {_p95(write_full):.1f} / {_p95(write_empty):.1f} ms",
        ),
        _row("a turn of expiry there, p95 ms", _p95(turns), WANTED_TURN_MS, f"{most} sessions at most"),
    ]


def _row(what: str, found: float, most: float, told: str) -> Row:
    verdict = "holds" if found <= most else "MISSED"
    return Row(what, found, remark=f"  (at most {most:,.0f}: {verdict}; {told})")


def _server(url: str, live: int = limits.LIVE_SESSIONS) -> AbstractContextManager[tuple[int, int]]:
    environment = {"GICLAB_DATABASE_URL": url, "GICLAB_RATE_FACTOR": "0", "GICLAB_LIVE_SESSIONS": str(live)}
    return running(APP, environment)


async def _fill(url: str, count: int = STORED) -> list[str]:
    """The ids of a long session, where there are many, and of 1,000 as a class has them; all others have two lines."""
    made = [Session(keys.new_id(), NOW - number, "") for number in range(count)]
    store = Store(url)
    await store.start()
    try:
        async with store.engine.connect() as connection, database.transaction(connection):
            for start in range(0, count, ROWS):
                some = made[start : start + ROWS]
                await connection.execute(insert(sessions), [_head(each) for each in some])
                rows = [row for number, each in enumerate(some, start) for row in _log(each.id, number)]
                await connection.execute(insert(operations), rows)
    finally:
        await store.stop()
    return [each.id for each in made[: LIVE + 1]]


def _head(session: Session) -> dict[str, object]:
    return {
        "id": session.id,
        "title": "",
        "header": "machine implementation=kvm cpus=2",
        "key_hash": keys.key_hash(KEY),
        "created": session.used,
        "model": __version__,
        "origin": 0,
        "used": session.used,
    }


def _texts() -> dict[int, tuple[str, ...]]:
    texts = {length: scenario(length) for length in (2, LIVE_OPERATIONS, REBUILT)}
    return {length: log.cut(text, parse(text)).operations for length, text in texts.items()}


BLOCKS = _texts()


def _log(session: str, number: int) -> Iterator[dict[str, object]]:
    blocks = BLOCKS[REBUILT if number == 0 else LIVE_OPERATIONS if number <= LIVE else 2]
    for seq, text in enumerate(blocks, 1):
        yield {"session": session, "seq": seq, "text": text, "follows": seq - 1, "kind": "op"}


def _timed(port: int, ask: Callable[[http.client.HTTPConnection], None], tries: int) -> list[float]:
    """Milliseconds of each."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    times = []
    for _ in range(tries):
        start = time.perf_counter()
        ask(connection)
        answer = connection.getresponse()
        answer.read()
        times.append(1000 * (time.perf_counter() - start))
        if answer.status != 200:
            raise RuntimeError(f"{answer.status} instead of an answer")
    connection.close()
    return times


def _writes(port: int, session: str) -> list[float]:
    return _timed(port, lambda connection: _write(connection, session), TRIES + 5)[5:]


def _write(connection: http.client.HTTPConnection, session: str) -> None:
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    connection.request("POST", f"/api/v1/sessions/{session}/ops", OP, headers)


def _rebuilds(port: int, long: str, other: str) -> list[float]:
    """Of a server that keeps one session: each look at another has it forget the long one."""
    times: list[float] = []
    for _ in range(TRIES + 1):
        _timed(port, lambda connection: _look(connection, other), 1)
        times += _timed(port, lambda connection: _look(connection, long), 1)
    return times[1:]


def _look(connection: http.client.HTTPConnection, session: str) -> None:
    connection.request("GET", f"/api/v1/sessions/{session}/registers/GICR_PENDBASER@0")


def _use(port: int, ids: list[str]) -> int:
    """One write in each, as far as there is time; how many."""
    end = time.monotonic() + LIVE_SECONDS
    for count, session in enumerate(ids):
        if time.monotonic() > end:
            return count
        _timed(port, lambda connection: _write(connection, session), 1)  # noqa: B023 - called at once
    return len(ids)


async def _expire(url: str) -> tuple[list[float], int]:
    """Milliseconds of turns of expiry, and how many sessions one deleted at most."""
    store = Store(url)
    times, most = [], 0
    try:
        await store.start()
        for _ in range(TRIES):
            start = time.perf_counter()
            most = max(most, await store.delete_unused(NOW + 1, limits.EXPIRED_PER_BATCH))
            times.append(1000 * (time.perf_counter() - start))
    finally:
        await store.stop()
    return times, most


def _p95(times: list[float]) -> float:
    return sorted(times)[len(times) * 95 // 100]


def _mib(pid: int) -> float:
    """What a process holds in RAM."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / limits.MIB


if __name__ == "__main__":
    print(table("Memory and storage", "giclab", "", memory_rows()))
