"""A real QEMU whose CPUs run, so that it can be asked for its CPU interfaces, and that can be migrated.

Each CPU runs a loop of nine instructions in guest RAM: it waits for its mailbox, loads X2 from it, executes one
instruction that was put there (an MRS or MSR of X2), and stores X2 back.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from app.engines import qtest
from app.engines.qemu import QemuMachine
from app.gic import Machine

# Above what any lesson touches. Code of CPU n at CODE + n * PAGE, its mailbox two pages above.
CODE, PAGE = 0x43F0_0000, 0x1000
# PSCI CPU_ON of CPU 1, with its code and its mailbox; then X0 is the mailbox of CPU 0.
BOOT = (
    0xD2B88000, 0xF2800060, 0xD2800021, 0xD2A87E02, 0xF2820002, 0xD2A87E03, 0xF2860003, 0xD4000002, 0xD2A87E00,
    0xF2840000,
)  # fmt: skip
# ldr w1,[x0]; cbz w1,-4; ldr x2,[x0,#8]; nop; isb; str x2,[x0,#8]; dmb sy; str wzr,[x0]; b loop
LOOP = (0xB9400001, 0x34FFFFE1, 0xF9400402, 0xD503201F, 0xD5033FDF, 0xF9000402, 0xD5033FBF, 0xB900001F, 0x17FFFFF8)
SLOT = 3
MRS, MSR, X2 = 0xD520_0000 | 1 << 20, 0xD500_0000 | 1 << 20, 2
ISR_EL1, ISR_IRQ = "S3_0_C12_C1_0", 1 << 7
PATIENCE = 20.0
_SYSTEM = re.compile(r"S(\d)_(\d)_C(\d+)_C(\d+)_(\d)\Z")


class RunningQemu(QemuMachine):
    """The operations of a Machine, the CPU interface's included. MSIs have DeviceID 0, as any CPU's have here."""

    def __init__(self, cpus: int, ram_mib: int, *, incoming: Path | None = None) -> None:
        machine = qtest._machine
        extra = [] if incoming is None else ["-incoming", f"exec:cat {incoming}"]
        with tempfile.NamedTemporaryFile(suffix=".bin") as code:
            code.write(_words(*BOOT, *LOOP).ljust(PAGE, b"\0") + _words(*LOOP))
            code.flush()
            loader = ["-device", f"loader,file={code.name},addr={CODE:#x},cpu-num=0,force-raw=on"]

            def running(*shape: Any) -> list[str]:
                return [word for word in machine(*shape) if word != "-S"] + loader + extra

            with mock.patch.object(qtest, "_machine", running):
                super().__init__(cpus, ram_mib, trace=True)
        if incoming is not None:
            self.qmp_until("query-status", lambda state: state["status"] != "inmigrate")
            self.qmp("cont")

    def icc_read(self, name: str, cpu: int = 0, secure: bool = False) -> int:
        return self._execute(MRS | _encoded(self.map.registers[name].encoding), cpu)

    def icc_write(self, name: str, value: int, cpu: int = 0, secure: bool = False) -> None:
        self._execute(MSR | _encoded(self.map.registers[name].encoding), cpu, value)

    def peek(self, register: Any, cpu: int = 0, secure: bool = False) -> int:
        found = self.map.registers[register] if isinstance(register, str) else register
        return self.icc_read(found.name, cpu) if found.frame == "ICC" else super().peek(found, cpu)

    def irq(self, cpu: int = 0) -> bool:
        """Whether the CPU sees an interrupt: ISR_EL1.I, which looks and takes nothing."""
        return bool(self._execute(MRS | _encoded(ISR_EL1), cpu) & ISR_IRQ)

    def moved(self) -> RunningQemu:
        """This machine in another QEMU, by QEMU's own migration."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "state"
            self.qmp("stop")
            self.qmp("migrate", uri=f"exec:cat > {path}")
            self.qmp_until("query-migrate", lambda state: state.get("status") == "completed")
            self.close()
            return RunningQemu(self.cpus, (self.memory.end - 0x4000_0000) >> 20, incoming=path)

    def snapshot(self) -> Any:
        return Machine("qemu", self.cpus).snapshot()

    def qmp(self, command: str, **arguments: str) -> Any:
        with self._monitor() as stream:
            return qtest._qmp(stream, command, **arguments)

    def qmp_until(self, command: str, done: Any) -> None:
        end = time.monotonic() + PATIENCE
        while not done(self.qmp(command)):
            if time.monotonic() > end:
                raise TimeoutError(command)
            time.sleep(0.05)

    @contextlib.contextmanager
    def _monitor(self) -> Iterator[Any]:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE)
            connection.connect(str(Path(self.qtest._directory.name) / "qmp"))
            with connection.makefile("rw", encoding="utf-8") as stream:
                json.loads(stream.readline())
                qtest._qmp(stream, "qmp_capabilities")
                yield stream

    def _execute(self, instruction: int, cpu: int, value: int = 0) -> int:
        code = CODE + cpu * PAGE + 4 * ((len(BOOT) if cpu == 0 else 0) + SLOT)
        mailbox = CODE + (2 + cpu) * PAGE
        self.qtest.write(code, instruction | X2, 4)
        self.qtest.write(mailbox + 8, value, 8)
        self.qtest.write(mailbox, 1, 4)
        end = time.monotonic() + PATIENCE
        while self.qtest.read(mailbox, 4):
            if time.monotonic() > end:
                raise TimeoutError(f"CPU {cpu} did not execute {instruction:#x}")
            time.sleep(0.001)
        return self.qtest.read(mailbox + 8, 8)


def _words(*words: int) -> bytes:
    return b"".join(word.to_bytes(4, "little") for word in words)


def _encoded(name: str) -> int:
    """op0, op1, CRn, CRm and op2 as they stand in an MRS or MSR."""
    match = _SYSTEM.match(name)
    assert match is not None, name
    op0, op1, crn, crm, op2 = (int(group) for group in match.groups())
    return (op0 & 1) << 19 | op1 << 16 | crn << 12 | crm << 8 | op2 << 5
