"""What several test modules share: an application on a database of its own, and a real server to watch and to kill."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI

from app.sessions import Sessions
from app.settings import Settings
from app.web.app import create_app
from bench.postgres import Postgres

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 120.0


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A SQLite file that is not there yet."""
    return f"sqlite:///{tmp_path / 'giclab.db'}"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server of this test run."""
    with Postgres() as started:
        yield started


@pytest.fixture
def postgresql_url(postgres: Postgres) -> str:
    """An empty database on it."""
    return postgres.new_database()


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.fixture
async def sessions(database_url: str) -> AsyncIterator[Sessions]:
    started = Sessions(database_url)
    await started.start()
    yield started
    await started.stop()


@pytest.fixture
async def app(database_url: str) -> AsyncIterator[FastAPI]:
    made = create_app(Settings(database_url=database_url))
    async with made.router.lifespan_context(made):
        yield made


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """A client that talks to the application in this process: no socket, and no streaming."""
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://giclab.test") as made:
        yield made


@pytest.fixture
async def served(app: FastAPI) -> AsyncIterator[str]:
    """The application in this process behind a real socket; its address."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, lifespan="off", log_level="warning"))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.005)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    app.state.sessions.close_streams()
    server.should_exit = True
    await serving


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


class ServerProcess:
    """`giclab serve` as a process of its own, on a free port."""

    def __init__(self, database_url: str, workers: int = 1) -> None:
        self.database_url = database_url
        self.workers = workers
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.begin()
        self.wait()

    def begin(self) -> None:
        command = [sys.executable, "-m", "app", "serve", "--port", str(self.port), "--workers", str(self.workers)]
        environment = os.environ | {"GICLAB_DATABASE_URL": self.database_url, "GICLAB_LOG_LEVEL": "warning"}
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)

    def wait(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + START_SECONDS
        while True:
            with suppress(httpx2.TransportError):
                if httpx2.get(f"{self.url}/healthz").status_code == 200:
                    return
            assert self.process.poll() is None, f"the server ended with {self.process.returncode}"
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.02)

    def kill(self) -> None:
        """SIGKILL: no handler runs, nothing is flushed."""
        self._end(signal.SIGKILL, 10)

    def terminate(self, patience: float = 10) -> int:
        """SIGTERM; the exit status."""
        return self._end(signal.SIGTERM, patience)

    def _end(self, number: signal.Signals, patience: float) -> int:
        assert self.process is not None
        process, self.process = self.process, None
        process.send_signal(number)
        try:
            return process.wait(patience)
        finally:
            process.kill()


@pytest.fixture
def server(database_url: str) -> Iterator[ServerProcess]:
    made = ServerProcess(database_url)
    made.start()
    yield made
    if made.process is not None:
        made.kill()
