"""A PostgreSQL of one's own, for tests and measurements: a new cluster in a folder that goes with it."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg

START_SECONDS = 30.0
# Where Debian keeps the programs, which are not on PATH; the newest version first.
DEBIAN = Path("/usr/lib/postgresql")
OWNER = "postgres"


class PostgresMissing(RuntimeError):
    """There is no PostgreSQL server on this computer."""


def program(name: str) -> str:
    """The path of a program of PostgreSQL's server. PostgresMissing says what to install."""
    found = shutil.which(name)
    if found is None:
        versions = sorted(DEBIAN.glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
        found = next((str(path / name) for path in versions if (path / name).is_file()), None)
    if found is None:
        raise PostgresMissing(f"{name} is not on this computer: install PostgreSQL's server (Debian: postgresql)")
    return found


class Postgres:
    """A server that listens on a socket in its own folder only; as a context manager it runs inside `with`.

    `durable`: it syncs each commit, as one that is used does. Started by root, it runs as somebody else: PostgreSQL
    refuses to be root.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="giclab-pg-", dir="/tmp"))
        self._durable = durable
        self._user: int | None = None
        self._group: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = itertools.count(1)
        if os.geteuid() == 0:
            owner = _nobody_special()
            self._user, self._group = owner.pw_uid, owner.pw_gid
            os.chown(self.folder, self._user, self._group)

    def __enter__(self) -> Self:
        try:
            self._run(
                "initdb", "-D", self._data, "-U", "giclab", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"
            )
            self.start()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()

    def url(self, database: str = "postgres") -> str:
        """A database of it as `GICLAB_DATABASE_URL`."""
        return f"postgresql://giclab@/{database}?host={self.folder}"

    def new_database(self) -> str:
        """The URL of an empty database."""
        name = f"giclab{next(self._databases)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        return self.url(name)

    def execute(self, statement: str, database: str = "postgres") -> None:
        """Have a statement executed."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute(statement.encode())

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = [f"-c{name}" for name in ("listen_addresses=", "max_connections=300", "logging_collector=off")]
        if not self._durable:
            settings.append("-cfsync=off")
        command = [program("postgres"), "-D", self._data, "-k", str(self.folder), *settings]
        self._process = self._begin(command)
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start: {self._said()}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop it at once: connections are ended, what was committed is kept."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(START_SECONDS)
            self._process = None

    def remove(self) -> None:
        """Stop it and remove its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, name: str, *arguments: str) -> None:
        process = self._begin([program(name), *arguments])
        if process.wait():
            raise RuntimeError(f"{name} failed: {self._said()}")

    def _begin(self, command: list[str]) -> subprocess.Popen[bytes]:
        groups = None if self._user is None else ()
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                user=self._user,
                group=self._group,
                extra_groups=groups,
            )

    def _said(self) -> str:
        return (self.folder / "log").read_text()[-2000:]


def _nobody_special() -> pwd.struct_passwd:
    """Whom PostgreSQL runs as when root starts it."""
    try:
        return pwd.getpwnam(OWNER)
    except KeyError:
        return pwd.getpwnam("nobody")
