"""How long the event loop stands still for the worst that a stranger may send: `python -m bench.stalls [CASE]`.

Each case is sent over HTTP to a server in this process, whose loop is watched from inside. `loop` is the longest that
one callback kept the loop's thread busy, in CPU time: nobody else was served for so long, however busy the machine is.
`late` is how late a heartbeat was, which other programs on the machine make later too.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import threading
import time
from asyncio import events
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import httpx2
import uvicorn

from app.settings import Settings
from app.web.app import create_app

MOST_MS = 50.0
BEAT_SECONDS = 0.005
QUEUE, CONFIG, PENDING = 0x4120_0000, 0x4160_0000, 0x4170_0000
POKE = 65_536


@dataclass(slots=True)
class Watched:
    """The longest callback (CPU) and the latest heartbeat (wall) since `clear`, in milliseconds, and whose it was."""

    loop: float = 0.0
    late: float = 0.0
    whose: str = ""

    def clear(self) -> None:
        self.loop, self.late, self.whose = 0.0, 0.0, ""


@contextmanager
def watching(watched: Watched) -> Iterator[None]:
    """Time every callback of every loop."""
    original = events.Handle._run

    def run(handle: Any) -> None:  # noqa: ANN401 - asyncio's own
        start = time.thread_time()
        try:
            original(handle)
        finally:
            took = 1000 * (time.thread_time() - start)
            if took > watched.loop:
                watched.loop, watched.whose = took, repr(handle)[:120]

    events.Handle._run = run  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        events.Handle._run = original  # type: ignore[method-assign]


async def beat(watched: Watched) -> None:
    while True:
        due = time.perf_counter() + BEAT_SECONDS
        await asyncio.sleep(BEAT_SECONDS)
        watched.late = max(watched.late, 1000 * (time.perf_counter() - due))


class Server:
    """The application behind a socket, on a loop in a thread of its own."""

    def __init__(self, database_url: str) -> None:
        self.watched = Watched()
        self._app = create_app(Settings(database_url=database_url, rate_factor=0))
        config = uvicorn.Config(self._app, host="127.0.0.1", port=0, log_level="error", loop="asyncio")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        async def main() -> None:
            beating = asyncio.create_task(beat(self.watched))
            await self._server.serve()
            beating.cancel()

        with watching(self.watched):
            asyncio.run(main())

    def __enter__(self) -> httpx2.Client:
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        return httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=300)

    def __exit__(self, *_: object) -> None:
        self._app.state.sessions.close_streams()
        self._server.should_exit = True
        self._thread.join()


def poke(address: int, data: bytes) -> Iterator[str]:
    """Lines that put data into RAM."""
    for at in range(0, len(data), POKE):
        yield f"poke {address + at:#x} {data[at : at + POKE].hex()}"


def many_lpis(implementation: str, *more: str) -> str:
    """A scenario with a full pending table of every LPI there is, and all of them configured as enabled."""
    rows = [
        f"machine implementation={implementation} cpus=2",
        *poke(CONFIG, b"\xa3" * (65536 - 8192)),
        *poke(PENDING + 1024, b"\xff" * 7168),
        "its MAPC collection=0 target=0",
        "its MAPC collection=1 target=1",
    ]
    for cpu in range(2):
        rows.append(f"write GICR_PROPBASER@{cpu} Physical_Address={CONFIG:#x} IDbits=15")
        rows.append(f"write GICR_PENDBASER@{cpu} Physical_Address={PENDING + cpu * 0x1_0000:#x}")
    return "\n".join([*rows, *more]) + "\n"


def mapped(implementation: str, count: int, *more: str) -> str:
    """A scenario with a full queue that maps `count` LPIs, in as many batches as its text needs."""
    from app.gic.commands import encode

    commands = [
        encode("MAPD", device=0, itt=0x4140_0000, size=16),
        encode("MAPC", collection=0, target=0),
        *(encode("MAPTI", device=0, event=n, intid=8192 + n, collection=0) for n in range(count)),
    ]
    data = b"".join(commands)
    return many_lpis(
        implementation,
        "write GITS_CTLR Enabled=0",
        f"write GITS_CBASER {1 << 63 | QUEUE | 255:#x}",
        *poke(QUEUE, data),
        "write GITS_CTLR Enabled=1",
        f"write GITS_CWRITER {len(data):#x}",
        "write GICR_CTLR@0 EnableLPIs=1",
        "write GICR_CTLR@1 EnableLPIs=1",
        *more,
    )


class Visitor:
    """A stranger with a session of their own."""

    def __init__(self, client: httpx2.Client, scenario: str) -> None:
        self.client = client
        answer = client.post("/api/v1/sessions", json={"scenario": scenario})
        answer.raise_for_status()
        self.id = answer.json()["id"]
        self.mine = {"Authorization": f"Bearer {answer.json()['edit_key']}"}

    def op(self, line: str) -> int:
        path = f"/api/v1/sessions/{self.id}/ops"
        return self.client.post(path, json={"op": line}, headers=self.mine).status_code

    def post(self, path: str, **body: object) -> int:
        return self.client.post(f"/api/v1/sessions/{self.id}/{path}", headers=self.mine, **body).status_code  # type: ignore[arg-type]

    def get(self, path: str) -> int:
        return self.client.get(path.replace("ID", self.id)).status_code


PAGES = (
    "/s/ID", "/s/ID?step=5", "/s/ID?on=architecture", "/s/ID/text", "/s/ID.gic", "/s/ID.txt", "/s/ID.svg", "/s/ID.json",
    "/s/ID/share", "/s/ID/migrate", "/s/ID?embed=1", "/api/v1/sessions/ID/log", "/api/v1/sessions/ID/state",
    "/api/v1/sessions/ID/lpis?count=4096", "/api/v1/sessions/ID/tables/itt?device=0",
    "/api/v1/sessions/ID/tables/queue", "/api/v1/sessions/ID/tables/device",
    "/api/v1/sessions/ID/tables/collection", "/api/v1/sessions/ID/why/8195",
    "/api/v1/sessions/ID/memory?address=0x41600000&length=65536", "/api/v1/sessions/ID/ops/3",
    "/s/ID/complete?line=its%20MAPTI%20device=", "/s/ID/compare", "/api/v1/sessions/ID/branches",
)  # fmt: skip
Steps = Iterator[tuple[str, Callable[[], int]]]


def operations(visitor: Visitor, *lines: str) -> Steps:
    for line in lines:
        yield line[:60], lambda line=line: visitor.op(line)  # type: ignore[misc]


def pages(visitor: Visitor, paths: tuple[str, ...] = PAGES) -> Steps:
    for path in paths:
        yield path, lambda path=path: visitor.get(path)  # type: ignore[misc]


def full_tables(client: httpx2.Client) -> Steps:
    """Every LPI pending, and what goes through them all."""
    for name in ("architecture", "qemu", "kvm"):
        visitor = Visitor(client, many_lpis(name))
        yield name, lambda: 200
        yield from operations(
            visitor, "write GICR_CTLR@0 EnableLPIs=1", "write GICR_CTLR@1 EnableLPIs=1", "read GICD_TYPER",
            "its MOVALL source=0 target=1", "its INVALL collection=1", "its MOVALL source=1 target=0", "ack @0",
            "expect pending(8195)@0 == 1", "write GICR_CTLR@0 EnableLPIs=0", "save pending-tables", "migrate",
        )  # fmt: skip
        yield from pages(visitor)


def full_queue(client: httpx2.Client) -> Steps:
    """32,767 commands by one write, then what the ITS has left by whatever comes next."""
    for name in ("architecture", "qemu", "kvm"):
        visitor = Visitor(client, f"machine implementation={name}\nits MAPC collection=0 target=0\n")
        yield name, lambda: 200
        yield from operations(
            visitor, "write GITS_CTLR Enabled=0", f"write GITS_CBASER {1 << 63 | 0x4800_0000 | 255:#x}",
            "write GITS_CTLR Enabled=1", "write GITS_CWRITER 0xfffe0", "read GITS_CREADR", "read GICD_TYPER",
        )  # fmt: skip
        yield from pages(visitor, PAGES[:1])
        heavy = Visitor(client, mapped(name, 20_000))
        line = "poke 0x41200000 " + b"".join(_invalls()).hex()
        yield from operations(heavy, line, "write GITS_CWRITER 0x0", "write GITS_CWRITER 0x8000", "read GICD_TYPER",
                              "read GICD_CTLR", "irq 40 level=1", "note nothing", "ack @0", "expect GICD_CTLR == 0",
                              "msi device=0 event=1", "uread GICD_CTLR", "save its-tables", "migrate")  # fmt: skip
        yield from pages(heavy)


def _invalls() -> list[bytes]:
    from app.gic.commands import encode

    return [encode("MOVALL", source=n % 2, target=1 - n % 2) for n in range(512)] + [
        encode("INVALL", collection=0) for _ in range(512)
    ]


def absurd_sizes(client: httpx2.Client) -> Steps:
    """IDbits, table sizes and ITTs of which there is no RAM."""
    for name in ("architecture", "qemu", "kvm"):
        visitor = Visitor(client, f"machine implementation={name}\nits MAPC collection=0 target=0\n")
        yield name, lambda: 200
        yield from operations(
            visitor, "write GICR_PROPBASER@0 Physical_Address=0x40200000 IDbits=31",
            "write GICR_PENDBASER@0 Physical_Address=0x40210000", "write GICR_CTLR@0 EnableLPIs=1",
            "write GITS_CTLR Enabled=0", "write GITS_BASER0 0xffffffffffffffff", "write GITS_BASER1 0xffffffffffffffff",
            "write GITS_CBASER 0xffffffffffffffff", "write GITS_CTLR Enabled=1", "write GITS_CWRITER 0xfffe0",
            "its MAPD device=0xffffffff itt=0x4140000000 size=32", "its MAPTI device=1 event=0xffffffff intid=8192 "
            "collection=65535", "save its-tables", "migrate",
        )  # fmt: skip
        yield from pages(visitor)


def long_logs(client: httpx2.Client) -> Steps:
    """The longest session, its pages, and going about in it."""
    visitor = Visitor(client, "".join(f"write GICD_IPRIORITYR{8 + n % 8} {n}\n" for n in range(9_990)))
    yield from pages(visitor, ("/s/ID", *PAGES))
    yield from operations(visitor, "read GICD_CTLR")
    for path in ("undo", "redo", "undo"):
        yield path, lambda path=path: visitor.post(path)  # type: ignore[misc]
    yield from operations(visitor, "note another branch")
    yield "reset", lambda: visitor.post("reset", json={"to": "power-on"})
    text = "".join(f"write GICD_IPRIORITYR{8 + n % 8} {n + 1}\n" for n in range(9_990))
    rewrite = {"json": {"scenario": text}, "headers": visitor.mine}
    yield "rewrite", lambda: client.put(f"/api/v1/sessions/{visitor.id}/log", **rewrite).status_code  # type: ignore[arg-type]
    yield "check", lambda: client.post(f"/s/{visitor.id}/text/check", data={"scenario": text}).status_code
    yield "fork", lambda: client.post("/sessions", data={"session": visitor.id}).status_code
    yield "link", lambda: client.post("/api/v1/links", json={"scenario": text}).status_code
    link = client.post("/api/v1/links", json={"scenario": text}).json().get("link", "/x/")
    for path in (link, f"{link}.txt", f"{link}.json", f"{link}/share", f"{link}/migrate", f"{link}.svg"):
        yield path[:20] + path[-8:], lambda path=path: client.get(path).status_code  # type: ignore[misc]


def large_bodies(client: httpx2.Client) -> Steps:
    """The largest that may be sent, and what is in it."""
    notes = "note " + "x" * 100 + "\n"
    bodies = {
        "comments": "# words of a comment\n" * 99_000,
        "notes": notes * 9_000,
        "pokes": "poke 0x40000000 " + "00" * 65_000 + "\n" + "poke 0x40010000 " + "00" * 65_000 + "\n",
        "not a line": "bogus words\n" * 100_000,
        "bad pokes": ("poke 0x40000000 " + "zz" * 60_000 + "\n") * 16,
    }
    for name, text in bodies.items():
        yield f"session: {name}", lambda text=text: client.post("/api/v1/sessions", json={"scenario": text}).status_code  # type: ignore[misc]
        yield f"form: {name}", lambda text=text: client.post("/sessions", data={"scenario": text}).status_code  # type: ignore[misc]
        yield f"play: {name}", lambda text=text: client.post("/api/v1/play", json={"scenario": text}).status_code  # type: ignore[misc]
        yield f"link: {name}", lambda text=text: client.post("/api/v1/links", json={"scenario": text}).status_code  # type: ignore[misc]
    deep = "[" * 2_000_000
    yield "state: deep", lambda: client.post("/api/v1/states", content=deep.encode()).status_code
    yield "JSON: deep", lambda: client.post("/api/v1/play", content=deep.encode()).status_code
    wide = '{"scenario": "", "on": [' + ",".join(['"kvm"'] * 500_000) + "]}"
    yield "JSON: wide", lambda: client.post("/api/v1/play", content=wide.encode()).status_code
    fields = "&".join(f"f{n}=1" for n in range(300_000))
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    yield "form: wide", lambda: client.post("/sessions", content=fields.encode(), headers=form).status_code
    payload = "A" * 1_000_000
    yield "exercise", lambda: client.post("/api/v1/exercises", json={"payload": payload, "lines": ""}).status_code
    yield "link page", lambda: client.get(f"/x/{payload[:60_000]}").status_code
    queues = {"scenario": "machine cpus=32\n" + "write GITS_CWRITER 0xfffe0\n" * 500, "on": ["qemu", "kvm"]}
    yield (
        "play: queues",
        lambda: client.post("/api/v1/play", json=queues).status_code,
    )


def watched(client: httpx2.Client) -> Steps:
    """Full tables on a page that somebody follows, and writes to: what each step changed is rendered for both."""
    for name in ("architecture", "qemu", "kvm"):
        scenario = many_lpis(name, "write GICR_CTLR@0 EnableLPIs=1", "write GICR_CTLR@1 EnableLPIs=1")
        page = client.post("/sessions", data={"scenario": scenario}).headers["location"]
        following = threading.Thread(target=_follow, args=(client, f"{page}/events"), daemon=True)
        following.start()
        yield name, lambda page=page: client.get(page).status_code  # type: ignore[misc]
        for line in ("read GICD_CTLR", "its INVALL collection=0", "its MOVALL source=0 target=1", "read GICD_CTLR"):
            form = {"op": line, "kind": "console", "actor": "me"}
            yield line, lambda page=page, form=form: _act(client, page, form)  # type: ignore[misc]


def _act(client: httpx2.Client, page: str, form: dict[str, str]) -> int:
    return client.post(f"{page}/ops", data=form, headers={"HX-Request": "true"}).status_code


def _follow(client: httpx2.Client, path: str) -> None:
    """Read an event stream until the server ends it."""
    with (
        suppress(httpx2.HTTPError),
        httpx2.Client(base_url=client.base_url, timeout=None) as other,
        other.stream("GET", path) as answer,
    ):
        for _ in answer.iter_bytes():
            pass


CASES: dict[str, Callable[[httpx2.Client], Steps]] = {
    "tables": full_tables, "queue": full_queue, "absurd": absurd_sizes, "logs": long_logs, "bodies": large_bodies,
    "watched": watched,
}  # fmt: skip


def tried(server: Server, what: str, act: Callable[[], int]) -> bool:
    """Do it and tell what the loop did meanwhile; whether it stood still."""
    seen = server.watched
    seen.clear()
    start = time.perf_counter()
    status = act()
    took = 1000 * (time.perf_counter() - start)
    stalls = seen.loop > MOST_MS
    mark = f"STALLS in {seen.whose}" if stalls else ""
    print(
        f"  {what:60} {status} {took:7.0f} ms  loop {seen.loop:6.1f}  late {seen.late:6.1f} {mark}".rstrip(), flush=True
    )
    return stalls


def main() -> int:
    chosen = sys.argv[1:] or list(CASES)
    stalls = 0
    with tempfile.TemporaryDirectory(prefix="giclab-stalls-") as directory:
        server = Server(f"sqlite:///{directory}/stalls.db")
        with server as client:
            client.get("/s/nobody")
            time.sleep(5)  # the templates are compiled on a thread
            for name in chosen:
                print(f"{name}: {CASES[name].__doc__}")
                stalls += sum(tried(server, what, act) for what, act in CASES[name](client))
    print(f"{stalls} kept the event loop for more than {MOST_MS:.0f} ms")
    return 1 if stalls else 0


if __name__ == "__main__":
    sys.exit(main())
