"""Runs all measurements and prints one table each."""

import os
import platform
import time
from pathlib import Path

from app.engines.qemu import QemuMachine
from app.engines.qtest import QemuMissing
from app.engines.recorded import replay
from app.exchange.qtest import SPIS
from app.gic import Machine
from bench.imports import import_rows
from bench.load import load_rows
from bench.machines import command_rows, register_rows
from bench.memory import memory_rows
from bench.page import page_rows
from bench.rate import Row, table
from bench.server import server_rows
from bench.startup import startup_rows
from bench.steps import step_rows

CORPORA = Path(__file__).resolve().parent.parent / "tests" / "corpora"


def main() -> None:
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    print(f"Python {platform.python_version()}, {platform.machine()}, load {load}; all rates are per second\n")
    print(table("Start-up", "ours", "", startup_rows()), end="\n\n")
    _against_qemu()
    print(table("Recorded corpora, operations", "ours", "", _corpora()), end="\n\n")
    print(table("The server, one connection", "giclab", "bare FastAPI", server_rows()), end="\n\n")
    print(table("Any step of a log, on its page", "giclab", "", step_rows()), end="\n\n")
    print(table("Memory and storage", "giclab", "", memory_rows()), end="\n\n")
    print(table("Many at once", "giclab", "bare FastAPI", load_rows()), end="\n\n")
    print(table("Imports", "giclab", "line.split()", import_rows()), end="\n\n")
    _in_chromium()


def _against_qemu() -> None:
    try:
        qemu = QemuMachine(cpus=2)
    except QemuMissing as missing:
        print(f"Not measured against a real QEMU: {missing}\n")
        return
    with qemu:
        other = f"QEMU {qemu.qtest.version}"
        ours = Machine("qemu", cpus=2, spis=SPIS)
        print(table("Register accesses", "Machine", other, register_rows(qemu, ours)), end="\n\n")
    print(table("ITS commands, batches of 4096", "Machine", other, command_rows()), end="\n\n")


def _in_chromium() -> None:
    try:
        print(table("The explorer in Chromium", "giclab", "bare page", page_rows()))
    except FileNotFoundError as missing:
        print(f"Not measured in a browser: {missing}")


def _corpora() -> list[Row]:
    rows = []
    for file, name in (("qemu-7.2.jsonl.gz", "qemu"), ("kvm-6.1.jsonl.gz", "kvm")):
        start = time.perf_counter()
        report = replay(CORPORA / file, name)
        taken = time.perf_counter() - start
        rows.append(Row(f"{file} on {name}", report.operations / taken, remark=f"  {taken:.2f} s: {report}"))
    return rows


if __name__ == "__main__":
    main()
