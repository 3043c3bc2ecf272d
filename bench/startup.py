"""How long a program waits before its first register access."""

import subprocess
import sys

from bench.rate import RUNS, Row

PROGRAM = """
import time
start = time.perf_counter()
from app.gic import Machine
Machine("{implementation}")
print(time.perf_counter() - start)
"""


def startup_rows() -> list[Row]:
    """Starts a second, each in a Python of its own: import, compile one register map, make a machine."""
    seconds = {name: _seconds(name) for name in ("kvm", "qemu")}
    return [
        Row(f"import and make a Machine, {name}", 1 / taken, rate_wanted=1, remark=f"  {taken:.2f} s")
        for name, taken in seconds.items()
    ]


def _seconds(implementation: str) -> float:
    command = [sys.executable, "-c", PROGRAM.format(implementation=implementation)]
    return min(float(subprocess.run(command, capture_output=True, check=True).stdout) for _ in range(RUNS))
