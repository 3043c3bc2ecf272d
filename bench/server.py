"""POST of one operation to the running server, beside a bare FastAPI route that returns a fragment of equal size."""

import http.client
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlencode

from bench.rate import Row

REQUESTS = 1_000
WARM_UP = 50
START_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Served:
    """Requests a second over one connection, and the median and 99th percentile of one, in milliseconds."""

    rate: float
    median: float
    worst: float
    size: int


def server_rows() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="giclab-bench-") as directory:
        database = {"GICLAB_DATABASE_URL": f"sqlite:///{directory}/bench.db"}
        with serving("app.web.app:create_app", database) as port:
            ours = _explorer(port)
    with serving("bench.bare:create_app", {"BENCH_FRAGMENT_BYTES": str(ours.size)}) as port:
        bare = _post(port, "/ops", {"op": "write GICR_PENDBASER@0 PTZ=1"}, {})
    what = f"POST of one operation, {ours.size / 1000:.1f} kB back"
    remark = f"  p50 {ours.median:.2f} / {bare.median:.2f} ms, p99 {ours.worst:.2f} / {bare.worst:.2f} ms"
    return [Row(what, ours.rate, bare.rate, remark=remark)]


def _explorer(port: int) -> Served:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("POST", "/sessions", urlencode({"implementation": "kvm", "cpus": "2"}), _FORM)
    answer = connection.getresponse()
    answer.read()
    page, cookie = answer.getheader("location", ""), answer.getheader("set-cookie", "").partition(";")[0]
    connection.close()
    if answer.status != 303:
        raise RuntimeError(f"no session: {answer.status}")
    fields = {"op": "write GICR_PENDBASER@0 PTZ=1", "register": "GICR_PENDBASER@0", "actor": "bench"}
    return _post(port, f"{page}/ops", fields, {"Cookie": cookie, "HX-Request": "true"})


_FORM = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}


def _post(port: int, path: str, fields: dict[str, str], headers: dict[str, str]) -> Served:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    body, headers = urlencode(fields), {**_FORM, **headers}
    times = []
    size = 0
    for _ in range(WARM_UP + REQUESTS):
        start = time.perf_counter()
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        size = len(answer.read())
        times.append(time.perf_counter() - start)
        if answer.status != 200:
            raise RuntimeError(f"POST {path}: {answer.status}")
    connection.close()
    measured = sorted(times[WARM_UP:])
    return Served(
        rate=len(measured) / sum(measured),
        median=1000 * statistics.median(measured),
        worst=1000 * measured[len(measured) * 99 // 100],
        size=size,
    )


@contextmanager
def serving(factory: str, environment: dict[str, str]) -> Iterator[int]:
    """A uvicorn with one worker on a free port of the loopback interface."""
    with running(factory, environment) as (port, _):
        yield port


@contextmanager
def running(factory: str, environment: dict[str, str]) -> Iterator[tuple[int, int]]:
    """The same, with the id of its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "--factory", factory, "--port", str(port), "--log-level", "warning"]
    process = subprocess.Popen(command, env={**os.environ, **environment})
    try:
        _wait(port, process)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(timeout=10)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
            connection.request("GET", "/healthz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"the server on port {port} did not start")
