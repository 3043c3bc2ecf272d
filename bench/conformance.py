"""Checks everything that can be checked and writes what came of it for the page /conformance.

`python -m bench.conformance [pytest arguments]`: replays the recorded corpora, plays the scenario of every behaviour on
every implementation, runs the tests, and writes app/web/conformance.json. Ends with 1 if anything was wrong. With
arguments only some tests may run: the page says which.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app import __version__
from app.engines.matrix import rows
from app.engines.qtest import program
from app.engines.recorded import replay
from app.gic import IMPLEMENTATIONS
from app.scenario.runner import run
from app.web.views.conformance import REPORT, model_digest

ROOT = Path(__file__).resolve().parent.parent
EVERY_CORE = ("--numprocesses=auto", "--dist=loadfile")  # as `make test` does
CORPORA = (
    ("kvm-6.1.jsonl.gz", "kvm", "Linux KVM 6.1.192"),
    ("qemu-7.2.jsonl.gz", "qemu", "QEMU 7.2.22"),
)


def main(arguments: list[str]) -> int:
    report = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "giclab": __version__,
        "source": _source(),
        "model": model_digest(),
        "python": f"{platform.python_version()}, {platform.system()} {platform.machine()}",
        "qemu": _qemu(),
        "corpora": [_corpus(*each) for each in CORPORA],
        "matrix": _matrix(),
        "tests": _tests(arguments),
    }
    REPORT.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    wrong = _wrong(report)
    print(f"wrote {REPORT.relative_to(ROOT)}: {'; '.join(wrong) or 'everything is right'}")
    return int(bool(wrong))


def _wrong(report: dict[str, Any]) -> list[str]:
    told = [
        f"{each['file']}: {each['answers'] - each['matched']} answers do not match"
        for each in report["corpora"]
        if each["matched"] != each["answers"]
    ]
    told += [
        f"{each['implementation']}: {each['expectations'] - each['held']} expectations fail"
        for each in report["matrix"]
        if each["held"] != each["expectations"]
    ]
    tests = report["tests"]
    if tests["failed"]:
        told.append(f"{tests['failed']} tests failed")
    elif tests["ended"]:
        told.append(f"pytest ended with {tests['ended']}")
    return told


def _corpus(file: str, implementation: str, recorded_on: str) -> dict[str, Any]:
    print(f"replaying {file} on {implementation}")
    told = replay(ROOT / "tests" / "corpora" / file, implementation)
    return {
        "file": file,
        "implementation": implementation,
        "recorded_on": recorded_on,
        "scenarios": told.scenarios,
        "operations": told.operations,
        "answers": told.reads + told.hppi,
        "matched": told.matched + told.hppi_matched,
    }


def _matrix() -> list[dict[str, Any]]:
    """The scenario of each row on each implementation, and how many of its expectations hold."""
    print(f"playing {len(rows())} scenarios on {len(IMPLEMENTATIONS)} implementations")
    told = []
    for name in IMPLEMENTATIONS:
        asked = [answer for row in rows() for answer in run(row.scenario, name).asked]
        held = sum(answer.passed for answer in asked)
        told.append({"implementation": name, "scenarios": len(rows()), "expectations": len(asked), "held": held})
    return told


def _tests(arguments: list[str]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results.xml"
        command = [sys.executable, "-m", "pytest", *EVERY_CORE, f"--junitxml={results}", *arguments]
        status = subprocess.run(command, cwd=ROOT, check=False).returncode
        if not results.is_file():
            sys.exit(f"pytest ended with {status} and wrote no results; the report was left as it is")
        cases = list(ET.parse(results).iter("testcase"))
    files: dict[str, dict[str, Any]] = defaultdict(lambda: {"passed": 0, "failed": 0, "skipped": 0, "seconds": 0.0})
    for case in cases:
        told = files[_file(case.get("classname", ""))]
        bad = case.find("failure") is not None or case.find("error") is not None
        told["failed" if bad else "skipped" if case.find("skipped") is not None else "passed"] += 1
        told["seconds"] += float(case.get("time", 0))
    listed = [{"name": name, **told, "seconds": round(told["seconds"], 1)} for name, told in sorted(files.items())]
    totals = {key: sum(each[key] for each in listed) for key in ("passed", "failed", "skipped")}
    totals["ended"] = status
    return {
        "selection": " ".join(arguments),
        **totals,
        "seconds": round(sum(each["seconds"] for each in listed), 1),
        "files": listed,
    }


def _file(classname: str) -> str:
    """tests.gic.test_state.TestX, as pytest writes it, to tests/gic/test_state.py."""
    parts = classname.split(".")
    module = next((at for at, part in enumerate(parts) if part.startswith("test_")), len(parts) - 1)
    return "/".join(parts[: module + 1]) + ".py"


def _source() -> str:
    """The commit that was checked, and whether anything was changed since."""
    try:
        told = subprocess.run(
            ["git", "describe", "--always", "--dirty=, with changes"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "not from a git checkout"
    return told.stdout.strip()


def _qemu() -> str:
    path = program()
    if path is None:
        return "none"
    told = subprocess.run([path, "--version"], capture_output=True, text=True, check=True)
    return told.stdout.partition("\n")[0].removeprefix("QEMU emulator version ")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
