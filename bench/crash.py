"""Nothing acknowledged is lost: a server under load is killed again and again, and its log compared with its answers.

`python -m bench.crash --kills 50`, on SQLite or with `--on postgresql`. Each client sends one operation at a time, so
at a kill each has at most one that was sent and not answered. After every restart, of every session:

* what was answered stands in the log at the very place that the answer named;
* everything else in the log is one that was under way at a kill, and is there once;
* the machine is the one that the log gives when it is played in this process, by the hash of its whole state.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.scenario import parse, parse_line
from app.scenario.player import Player
from app.scenario.state import state_text
from bench.postgres import Postgres

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 180.0
CLIENTS_PER_SESSION = 2
EVENTS = 16
LONGEST_WAIT = 1.0
START = "".join(
    f"{line}\n"
    for line in (
        "machine implementation=kvm cpus=2",
        "write GICR_PROPBASER@0 Physical_Address=0x40200000 IDbits=15",
        "write GICR_PENDBASER@0 PTZ=1 Physical_Address=0x40210000",
        "write GICR_CTLR@0 EnableLPIs=1",
        "its MAPD device=2 itt=0x40300000 size=10",
        "its MAPC collection=1 target=0",
        *(f"its MAPTI device=2 event={event} intid={8192 + event} collection=1" for event in range(EVENTS)),
    )
)


class Lost(AssertionError):
    """The log is not what the answers said."""


class Server:
    """`giclab serve` on a port of its own, to be killed."""

    def __init__(self, database_url: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._environment = os.environ | {"GICLAB_DATABASE_URL": database_url}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [sys.executable, "-m", "app", "serve", "--port", str(self.port)]
        self._process = subprocess.Popen(command, cwd=ROOT, env=self._environment, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.get("/healthz")
            except (OSError, http.client.HTTPException):
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("the server did not start") from None
                time.sleep(0.05)
            else:
                return

    def kill(self) -> None:
        """SIGKILL: no handler runs, nothing is flushed."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def get(self, path: str) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=START_SECONDS)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise RuntimeError(f"GET {path}: {answer.status} {body[:500]!r}")
        return body


@dataclass(slots=True)
class Written:
    """What the clients of one session know: `answered` by its place in the log, `under_way` at some kill."""

    id: str
    key: str
    player: Player
    first: int
    answered: dict[int, str] = field(default_factory=dict)
    under_way: set[str] = field(default_factory=set)
    checked: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


class Client(threading.Thread):
    """Sends one operation after the other until it is told to stop; waits while the server is down."""

    def __init__(self, number: int, port: int, session: Written, up: threading.Event, over: threading.Event) -> None:
        super().__init__(daemon=True)
        self._number = number
        self._port = port
        self._session = session
        self._up = up
        self._over = over
        self._chosen = random.Random(number)
        self.fault: str = ""
        self.idle = threading.Event()

    def run(self) -> None:
        count = 0
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=START_SECONDS)
        while not self._over.is_set() and not self.fault:
            self.idle.clear()  # first: who clears `up` and then sees this one idle knows that nothing more is sent
            if not self._up.is_set():
                connection.close()  # to a server that was killed meanwhile
                self.idle.set()
                self._up.wait(0.05)
                continue
            count += 1
            line = f"{_operation(self._chosen)}  # {self._number}.{count}"
            try:
                connection.request("POST", f"/api/v1/sessions/{self._session.id}/ops", *self._request(line))
                answer = connection.getresponse()
                body = answer.read()
            except (OSError, http.client.HTTPException):
                connection.close()
                with self._session.lock:
                    self._session.under_way.add(line)
                self._up.clear()
                continue
            self._note(line, answer.status, body)
        connection.close()
        self.idle.set()

    def _request(self, line: str) -> tuple[str, dict[str, str]]:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._session.key}"}
        return json.dumps({"op": line}), headers

    def _note(self, line: str, status: int, body: bytes) -> None:
        if status != 200:
            self.fault = f"{line}: {status} {body[:500]!r}"
            return
        seq = json.loads(body)["seq"]
        with self._session.lock:
            if self._session.answered.setdefault(seq, line) != line:
                self.fault = f"{line}: answered as step {seq}, which is {self._session.answered[seq]}"


def _operation(chosen: random.Random) -> str:
    event = chosen.randrange(EVENTS)
    return chosen.choice(
        (
            f"msi device=2 event={event}",
            f"its CLEAR device=2 event={event}",
            f"write GICD_IPRIORITYR{8 + event} {chosen.randrange(256):#x}",
            f"poke {0x4020_0000 + event:#x} {chosen.choice(('a1', 'a0'))}",
            f"its INV device=2 event={event}",
            "read GICR_PENDBASER@0",
        )
    )


@dataclass(frozen=True, slots=True)
class Report:
    """`answered` operations all found again; `under_way` at a kill, of which `stored` were in the log."""

    kills: int
    answered: int
    under_way: int
    stored: int
    seconds: float

    def __str__(self) -> str:
        return (
            f"{self.kills} kills in {self.seconds:.0f} s: {self.answered:,} operations answered, all in the log at "
            f"their place; {self.under_way} under way at a kill, {self.stored} of them stored, each once; "
            "every session's state hash is that of its log"
        )


def crash(database_url: str, *, kills: int, clients: int, seed: int = 1) -> Report:
    """Kill a server on this database so often under the load of so many clients. Raises Lost."""
    chosen, server, start = random.Random(seed), Server(database_url), time.monotonic()
    server.start()
    written = [new_session(server) for _ in range(max(1, clients // CLIENTS_PER_SESSION))]
    up, over = threading.Event(), threading.Event()
    crew = [Client(number, server.port, written[number % len(written)], up, over) for number in range(clients)]
    try:
        for one in crew:
            one.start()
        for _ in range(kills):
            before = sum(len(session.answered) for session in written)
            while sum(len(session.answered) for session in written) < before + clients and not _faults(crew):
                up.set()  # again where a client took a lost connection for the server's end
                time.sleep(0.005)
            time.sleep(chosen.uniform(0, LONGEST_WAIT))
            server.kill()
            up.clear()
            for one in crew:
                one.idle.wait()
            if faults := _faults(crew):
                raise Lost("; ".join(faults))
            server.start()
            for session in written:
                check(server, session)
    finally:
        over.set()
        for one in crew:
            one.join()
        server.kill()
    doubtful = [line for session in written for line in session.under_way]
    if len(doubtful) > kills * clients:
        raise Lost(f"{len(doubtful)} operations without an answer, more than one a client and kill")
    answered = sum(len(session.answered) for session in written)
    stored = sum(session.checked for session in written) - sum(session.first for session in written) - answered
    return Report(kills, answered, len(doubtful), stored, time.monotonic() - start)


def _faults(crew: list[Client]) -> list[str]:
    return [one.fault for one in crew if one.fault]


def new_session(server: Server) -> Written:
    """A session to be written to, and what is known of it."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=START_SECONDS)
    body = json.dumps({"scenario": START})
    connection.request("POST", "/api/v1/sessions", body, {"Content-Type": "application/json"})
    told = json.loads(connection.getresponse().read())
    connection.close()
    scenario = parse(START)
    player = Player(scenario.machine)
    for operation in scenario.operations:
        player.advance(operation)
    first = len(scenario.operations)
    return Written(told["id"], told["edit_key"], player, first, checked=first)


def check(server: Server, session: Written) -> None:
    """Compare the log and the state of a session with what its clients know. Raises Lost."""
    log: dict[str, Any] = json.loads(server.get(f"/api/v1/sessions/{session.id}/log"))
    lines = [row["text"] for row in log["operations"]]
    if log["damaged"]:
        raise Lost(log["damaged"])
    for seq, line in session.answered.items():
        if seq > len(lines) or lines[seq - 1] != line:
            raise Lost(f"step {seq} was answered as {line}, and is {lines[seq - 1] if seq <= len(lines) else 'lost'}")
    others = [line for seq, line in enumerate(lines, 1) if seq > session.first and seq not in session.answered]
    if unknown := set(others) - session.under_way:
        raise Lost(f"in the log, and never sent so: {', '.join(sorted(unknown))}")
    mine = lines[session.first :]
    if len(set(mine)) != len(mine):
        raise Lost("an operation is in the log twice")
    for line in lines[session.checked :]:
        session.player.advance(parse_line(line, session.player.spec))
    session.checked = len(lines)
    state = server.get(f"/api/v1/sessions/{session.id}/state")
    ours = state_text(session.player.machine, session.player.spec).encode()
    if hashlib.sha256(state).digest() != hashlib.sha256(ours).digest():
        raise Lost(f"the machine of {session.id} is not the one that its log gives")


@contextmanager
def database(kind: str) -> Iterator[str]:
    """A new database, `sqlite` or `postgresql`, each commit durable; its URL."""
    if kind == "postgresql":
        with Postgres(durable=True) as postgres:
            yield postgres.new_database()
    else:
        with tempfile.TemporaryDirectory(prefix="giclab-crash-") as folder:
            yield f"sqlite:///{folder}/giclab.db"


def main() -> None:
    """Parse the command line, kill, report. Exit 1 when anything was lost."""
    parser = argparse.ArgumentParser(prog="python -m bench.crash", description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=50, help="how often (default: %(default)s)")
    parser.add_argument("--clients", type=int, default=8, help="two of them on each session (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="chooses the moments (default: %(default)s)")
    parser.add_argument("--on", choices=("sqlite", "postgresql"), default="sqlite")
    chosen = parser.parse_args()
    with database(chosen.on) as url:
        try:
            print(f"{chosen.on}: {crash(url, kills=chosen.kills, clients=chosen.clients, seed=chosen.seed)}")
        except Lost as lost:
            raise SystemExit(f"{chosen.on}: {lost}") from lost


if __name__ == "__main__":
    main()
