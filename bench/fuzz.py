"""Damaged, foreign and hostile input against everything that reads some: `python -m bench.fuzz --count N --seed S`.

Inputs are drawn in blocks of 1,000 from a seed of their own, so that a finding is found again with `--only TARGET
--block B`. A finding is an exception that the reader does not document, or work beyond what is bounded.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.fuzz_machines import QUEUES, REGISTERS
from bench.fuzz_texts import IMPORTS, LINKS, SCENARIOS, STATES, TRACES
from bench.fuzzing import BLOCK, Target

TARGETS = (SCENARIOS, LINKS, TRACES, IMPORTS, STATES, QUEUES, REGISTERS)
SLOW_SECONDS = 5.0
MOST_TOLD = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """An input that did what none should."""

    target: str
    block: int
    place: int
    given: str
    what: str


@dataclass(slots=True)
class Report:
    """What was tried on one target; `taken` the inputs that were accepted, `slowest` in seconds of CPU."""

    name: str
    tried: int = 0
    taken: int = 0
    slowest: float = 0.0
    seconds: float = 0.0
    findings: list[Finding] = field(default_factory=list)


def fuzz(target: Target, count: int, seed: int, first: int = 0) -> Report:
    """Try `count` inputs, from a block on."""
    report = Report(target.name)
    start = time.perf_counter()
    block = first
    while report.tried < count:
        chance = random.Random(f"{seed}:{target.name}:{block}")
        attempt = target.start(chance)
        for place in range(min(BLOCK, count - report.tried)):
            given = attempt.draw()
            before = time.thread_time()
            try:
                report.taken += attempt.run(given)
            except Exception:  # noqa: BLE001 - whatever it is, it is what we look for
                report.findings.append(Finding(target.name, block, place, repr(given)[:400], traceback.format_exc()))
                attempt = target.start(chance)
            took = time.thread_time() - before
            if took > SLOW_SECONDS:
                what = f"it took {took:.1f} s"
                report.findings.append(Finding(target.name, block, place, repr(given)[:400], what))
            report.slowest = max(report.slowest, took)
            report.tried += 1
        block += 1
    report.seconds = time.perf_counter() - start
    return report


def shares(count: int, targets: Sequence[Target]) -> dict[str, int]:
    """How many inputs each target gets of `count`."""
    whole = sum(target.weight for target in targets)
    return {target.name: -(-count * target.weight // whole) for target in targets}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="inputs, over all targets")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=[target.name for target in TARGETS], help="one target")
    parser.add_argument("--block", type=int, default=0, help="the first block of 1,000")
    asked = parser.parse_args(arguments)
    targets = [target for target in TARGETS if asked.only in (None, target.name)]
    reports = []
    for name, count in shares(asked.count, targets).items():
        target = next(each for each in targets if each.name == name)
        report = fuzz(target, count, asked.seed, asked.block)
        reports.append(report)
        print(
            f"{report.name:10} {report.tried:9,} inputs, {report.taken:9,} accepted, {len(report.findings)} findings, "
            f"slowest {1000 * report.slowest:.0f} ms, {report.seconds:.0f} s",
            flush=True,
        )
        for finding in report.findings[:MOST_TOLD]:
            print(f"  block {finding.block}, input {finding.place}: {finding.given}\n{finding.what}", flush=True)
    findings = sum(len(report.findings) for report in reports)
    print(f"{sum(report.tried for report in reports):,} inputs, seed {asked.seed}: {findings} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
