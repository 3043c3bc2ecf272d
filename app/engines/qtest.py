"""A real `qemu-system-aarch64` with no CPU running, driven over QEMU's qtest protocol on a private Unix socket.

The protocol is lines of text, one answer a request: `readl 0x8000004` is answered by `OK 0x00000000037a0007` (QEMU's
`softmmu/qtest.c`). The machine is `-M virt` with a GICv3 and its ITS; it has no network, no disk and no display.
"""

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from app.exchange.qtest import PROGRAM, WIDTHS, machine_arguments

START_SECONDS = 20.0
ANSWER_SECONDS = 10.0
CLOSE_SECONDS = 2.0
MEMORY_CHUNK = 1 << 16  # bytes in one `write`: as hex 128 KiB a line, well below what QEMU buffers for one

# The shell outlives nobody: its standard input is our pipe, which closes however we end (even by SIGKILL), and then it
# kills QEMU. A parent-death signal would follow the thread that forked instead, and threads come and go in a server.
# Closing the shell's own output leaves QEMU as the only holder of the pipe, so its end of file says that QEMU ended.
WATCHDOG = '"$@" </dev/null & exec 1>&- 2>&-; read -r _; kill -KILL $!; wait'


class QemuError(RuntimeError):
    """QEMU did not start, refused a request, or ended."""


class QemuMissing(QemuError):
    """There is no `qemu-system-aarch64` on this machine."""


class QemuTimeout(QemuError):
    """QEMU did not answer in time; it has been ended."""


def program() -> str | None:
    """The path of the installed QEMU, or None."""
    return shutil.which(PROGRAM)


class Qtest:
    """One running QEMU. Close it, or use it as a context manager; it is also killed when this process ends."""

    def __init__(
        self,
        *,
        cpus: int = 2,
        ram_mib: int = 512,
        its: bool = True,
        trace: bool = False,
        events: str = "gicv3_cpuif_update",
        timeout: float = ANSWER_SECONDS,
    ) -> None:
        """`trace` has QEMU write these `events` to `trace_path`; `timeout` is in seconds, for each answer."""
        path = program()
        if path is None:
            raise QemuMissing(f"{PROGRAM} is not installed (Debian: apt-get install qemu-system-arm)")
        self.timeout = timeout
        self._directory = tempfile.TemporaryDirectory(prefix="giclab-qemu-")  # private: mode 0700
        directory = Path(self._directory.name)
        self.trace_path = directory / "trace.log"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(directory / "qtest"))
            listener.listen(1)
            self._process = _start(
                [path, *machine_arguments(cpus, ram_mib, its), *_channels(directory, events if trace else "")]
            )
            try:
                self._socket = self._accept(listener)
                self._received = bytearray()
                self.version, self.gic_path = self._introduce()
            except BaseException:
                self.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends QEMU and removes its directory. Does nothing the second time."""
        with contextlib.suppress(AttributeError, OSError):
            self._socket.close()
        process = self._process
        if process.stdin is not None and not process.stdin.closed:
            process.stdin.close()
        try:
            process.wait(timeout=CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # the shell leads its own group, QEMU is in it
            process.wait()
        if process.stderr is not None:
            process.stderr.close()
        self._directory.cleanup()

    def read(self, address: int, size: int) -> int:
        """One bus read of 1, 2, 4 or 8 bytes."""
        return int(self.request(f"read{_letter(size)} {address:#x}"), 16)

    def write(self, address: int, value: int, size: int) -> None:
        """One bus write of 1, 2, 4 or 8 bytes."""
        self.request(f"write{_letter(size)} {address:#x} {value:#x}")

    def memory_read(self, address: int, length: int) -> bytes:
        data = bytearray()
        for start in range(0, length, MEMORY_CHUNK):
            count = min(MEMORY_CHUNK, length - start)
            data += bytes.fromhex(self.request(f"read {address + start:#x} {count:#x}")[2:])
        return bytes(data)

    def memory_write(self, address: int, data: bytes) -> None:
        for start in range(0, len(data), MEMORY_CHUNK):
            chunk = data[start : start + MEMORY_CHUNK]
            self.request(f"write {address + start:#x} {len(chunk):#x} 0x{chunk.hex()}")

    def memory_zero(self, address: int, length: int) -> None:
        self.request(f"memset {address:#x} {length:#x} 0")

    def memory_image(self, address: int, length: int) -> bytes:
        """The same as `memory_read`, fast for very much: QEMU writes a file."""
        path = self.trace_path.with_name("memory")
        with self._monitor() as (stream, _):
            _qmp(stream, "pmemsave", val=address, size=length, filename=str(path))
        return path.read_bytes()

    def reset(self) -> None:
        """The machine's reset line: registers as at power-on, RAM as it is but for the device tree at its start."""
        with self._monitor() as (stream, _):
            _qmp(stream, "system_reset", until="RESET")

    def set_gic_input(self, line: int, level: bool) -> None:
        """Drives one input line of the GIC: SPI n is line n - 32, the PPIs follow, 32 lines a CPU."""
        self.request(f"set_irq_in {self.gic_path} unnamed-gpio-in {line} {int(level)}")

    def request(self, line: str) -> str:
        """Sends one request and returns what follows OK. Raises QemuError when QEMU says FAIL or is gone."""
        try:
            self._socket.sendall(line.encode() + b"\n")
            answer = self._line()
        except TimeoutError:
            self.close()
            raise QemuTimeout(f"QEMU did not answer {line[:80]!r} in {self.timeout:g} s, and was ended") from None
        except OSError as error:
            raise QemuError(f"QEMU is gone ({error}); it was asked {line[:80]!r}") from error
        if not answer.startswith("OK"):
            raise QemuError(f"QEMU answered {answer!r} to {line[:80]!r}")
        return answer[3:]

    def _line(self) -> str:
        while (end := self._received.find(b"\n")) < 0:
            received = self._socket.recv(1 << 16)
            if not received:
                raise ConnectionError(self._last_words() or "connection closed")
            self._received += received
        line = self._received[:end].decode()
        del self._received[: end + 1]
        return line

    def _accept(self, listener: socket.socket) -> socket.socket:
        output = self._process.stderr
        assert output is not None
        deadline = time.monotonic() + START_SECONDS
        while (left := deadline - time.monotonic()) > 0:
            ready, _, _ = select.select([listener.fileno(), output.fileno()], [], [], left)
            if listener.fileno() in ready:
                connection, _ = listener.accept()
                connection.settimeout(self.timeout)
                return connection
            if not select.select([listener], [], [], 0.2)[0]:
                raise QemuError(f"QEMU did not start: {self._last_words() or 'it said nothing'}")
        raise QemuTimeout(f"QEMU did not start within {START_SECONDS:g} s")

    def _last_words(self) -> str:
        """What QEMU wrote to its standard error, without waiting for more."""
        output = self._process.stderr
        if output is None or output.closed or not select.select([output], [], [], 0.2)[0]:
            return ""
        return os.read(output.fileno(), 4096).decode(errors="replace").strip()

    def _introduce(self) -> tuple[str, str]:
        """QEMU's version, and where its GIC is in the object tree."""
        with self._monitor() as (stream, number):
            children = _qmp(stream, "qom-list", path="/machine/unattached")
        names = [child["name"] for child in children if child["type"] == "child<arm-gicv3>"]
        if not names:
            raise QemuError("this QEMU's virt machine has no arm-gicv3")
        return "{major}.{minor}.{micro}".format(**number), f"/machine/unattached/{names[0]}"

    @contextlib.contextmanager
    def _monitor(self) -> Iterator[tuple[TextIO, dict[str, int]]]:
        """A conversation over QMP, for what qtest has no request for; and the version that it starts with."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(self.timeout)
            connection.connect(str(self.trace_path.with_name("qmp")))
            with connection.makefile("rw", encoding="utf-8") as stream:
                number = json.loads(stream.readline())["QMP"]["version"]["qemu"]
                _qmp(stream, "qmp_capabilities")
                yield stream, number


def _channels(directory: Path, events: str) -> list[str]:
    channels = ["-qtest", f"unix:{directory}/qtest", "-qtest-log", "none"]
    channels += ["-qmp", f"unix:{directory}/qmp,server=on,wait=off"]
    return channels + (["-trace", events, "-D", f"{directory}/trace.log"] if events else [])


def _start(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["/bin/sh", "-c", WATCHDOG, "giclab-qemu", *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,  # an interrupt from the keyboard is ours to handle, not QEMU's
    )


def _qmp(stream: TextIO, command: str, *, until: str = "", **arguments: Any) -> Any:  # noqa: ANN401 -- JSON
    """The answer to a command; `until` is an event to wait for too."""
    stream.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
    stream.flush()
    answers: list[Any] = []
    while not answers or until:
        line = stream.readline()
        if not line:
            raise QemuError(f"QEMU is gone; it was asked {command!r}")
        told = json.loads(line)
        if "error" in told:
            raise QemuError(f"QMP {command}: {told['error']['desc']}")
        if "return" in told:
            answers.append(told["return"])
        elif told.get("event") == until:
            until = ""
    return answers[0]


def _letter(size: int) -> str:
    try:
        return WIDTHS[size]
    except KeyError:
        raise ValueError(f"size {size}: a bus access has 1, 2, 4 or 8 bytes") from None
