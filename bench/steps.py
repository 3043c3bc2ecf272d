"""Any step of a long log as its page: what it takes to show it, by how long the log is."""

import http.client
import json
import random
import statistics
import tempfile
import time

from app import limits
from bench.rate import Row
from bench.server import serving

LOOKS = 200
WANTED_MS = 50.0
LENGTHS = (100, 1_000, limits.OPERATIONS_PER_SESSION)
SEED = 5
HEAD = """machine implementation=kvm cpus=2
write GICR_PROPBASER@0 Physical_Address=0x40200000 IDbits=15
write GICR_PENDBASER@0 PTZ=1 Physical_Address=0x40210000
write GICR_CTLR@0 EnableLPIs=1
its MAPD device=2 itt=0x40300000 size=10
its MAPC collection=1 target=0
"""


def step_rows() -> list[Row]:
    """Steps a second at random places, as a script asks for them, and the 95th percentile of one."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="giclab-bench-") as directory:
        environment = {"GICLAB_DATABASE_URL": f"sqlite:///{directory}/bench.db"}
        with serving("app.web.app:create_app", environment) as port:
            for length in LENGTHS:
                times = _looks(port, length)
                p95 = times[len(times) * 95 // 100]
                told = f"  p50 {statistics.median(times):.1f} ms, p95 {p95:.1f} ms (wanted: {WANTED_MS:g} ms)"
                rows.append(Row(f"a step of {length:,}", 1000 / statistics.mean(times), remark=told))
    return rows


def scenario(length: int) -> str:
    """A log of so many operations: events mapped, sent, expected, acknowledged."""
    lines = HEAD.splitlines()
    events = 0
    while len(lines) <= length:
        event = events % 1024
        intid = 8192 + event
        if events < 1024:
            lines.append(f"poke {0x4020_0000 + event:#x} a1")
            lines.append(f"its MAPTI device=2 event={event} intid={intid} collection=1")
        lines += [
            f"msi device=2 event={event}",
            f"expect pending({intid})@0 == 1",
            f"its CLEAR device=2 event={event}",
            f"write GICD_IPRIORITYR{8 + event % 16} {events % 256:#x}",
            "read GICR_PENDBASER@0",
        ]
        events += 1
    return "\n".join(lines[: length + 1]) + "\n"


def _looks(port: int, length: int) -> list[float]:
    """What the pages of random steps took, in ms, ascending."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    body = json.dumps({"scenario": scenario(length)})
    connection.request("POST", "/api/v1/sessions", body, {"Content-Type": "application/json"})
    page = f"/s/{json.loads(connection.getresponse().read())['id']}"
    chosen = random.Random(SEED)
    times = []
    for number in range(LOOKS + 5):
        step = chosen.randint(0, length)
        start = time.perf_counter()
        connection.request("GET", f"{page}?step={step}", headers={"HX-Request": "true", "HX-Target": "div#app"})
        answer = connection.getresponse()
        html = answer.read()
        if number >= 5:
            times.append(1000 * (time.perf_counter() - start))
        if answer.status != 200 or f'data-step="{step}"'.encode() not in html:
            raise RuntimeError(f"step {step}: {answer.status}")
    connection.close()
    return sorted(times)
