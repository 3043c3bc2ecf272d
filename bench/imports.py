"""A 100 MB trace imported: lines a second beside reading and splitting them, and how long others wait meanwhile."""

import gzip
import http.client
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from app.exchange.imports.pieces import Options
from app.exchange.imports.run import run
from app.exchange.imports.source import Source
from bench.rate import Row
from bench.server import serving

CORPUS = Path(__file__).resolve().parent.parent / "tests" / "corpora" / "linux-6.1-boot-qemu-7.2.trace.gz"
BYTES = 100_000_000
WANTED_LINES = 50_000
WANTED_STALL_MS = 50.0


def import_rows() -> list[Row]:
    """Lines a second, and how many pages a second are answered while the server imports the same."""
    with _trace() as path:
        lines, floor = _floor(path)
        start = time.perf_counter()
        found = run(Source(path), path.with_name("steps"), Options())
        taken = time.perf_counter() - start
        told = f"  {taken:.1f} s, {found.steps:,} steps, {found.text_bytes / 1e6:.0f} MB of them"
        rows = [Row("a trace of 100 MB, lines", lines / taken, floor, rate_wanted=WANTED_LINES, remark=told)]
        return [*rows, _meanwhile(path)]


@contextmanager
def _trace() -> Iterator[Path]:
    """The recorded boot, again and again."""
    boot = gzip.decompress(CORPUS.read_bytes())
    with tempfile.TemporaryDirectory(prefix="giclab-bench-") as directory:
        path = Path(directory, "trace")
        with path.open("wb") as out:
            for _ in range(-(-BYTES // len(boot))):
                out.write(boot)
        yield path


def _floor(path: Path) -> tuple[int, float]:
    """Lines, and how many a second are read and split into words."""
    start = time.perf_counter()
    with path.open(encoding="utf-8") as lines:
        count = sum(1 for line in lines if line.split())
    return count, count / (time.perf_counter() - start)


def _meanwhile(path: Path) -> Row:
    """How long /healthz takes while the trace is uploaded and imported: longer than alone by what the loop is kept."""
    environment = {"GICLAB_DATABASE_URL": f"sqlite:///{path.with_name('bench.db')}"}
    with serving("app.web.app:create_app", environment) as port:
        alone = _asked(port, lambda: False, 200)
        worker = threading.Thread(target=_upload, args=(port, path))
        worker.start()
        times = _asked(port, worker.is_alive, 1)
        worker.join()
    p50, p95 = statistics.median(times), times[len(times) * 95 // 100]
    told = f"  p50 {p50:.1f} ms, p95 {p95:.1f} ms, longest {times[-1]:.1f} ms (wanted: {WANTED_STALL_MS:g} ms)"
    return Row("a page while it is imported", 1000 / statistics.mean(times), 1000 / statistics.mean(alone), remark=told)


def _upload(port: int, path: Path) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    with path.open("rb") as body:
        connection.request("POST", "/api/v1/import", body, {"Content-Length": str(path.stat().st_size)})
        answer = connection.getresponse()
        if answer.status != 201:
            raise RuntimeError(f"{answer.status}: {answer.read(500)!r}")
        answer.read()
    connection.close()


def _asked(port: int, more: Callable[[], bool], least: int) -> list[float]:
    """What each of the requests took, in ms, ascending."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    times: list[float] = []
    while len(times) < least or more():
        start = time.perf_counter()
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        times.append(1000 * (time.perf_counter() - start))
        time.sleep(0.002)
    connection.close()
    return sorted(times)
