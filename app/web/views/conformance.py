"""The conformance report as a page shows it; `make conformance` writes the report."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from app.gic import IMPLEMENTATIONS
from app.web.views.words import number, plural

REPORT = Path(__file__).resolve().parent.parent / "conformance.json"
COMMAND = "make conformance"
MODEL = (("gic", "*.py"), ("registers", "*.py"), ("registers", "*.rdl"), ("scenario", "*.py"), ("behaviours", "*.gic"))


@dataclass(frozen=True, slots=True)
class Corpus:
    """A recording of a real GIC, played again on our model."""

    title: str
    recorded_on: str
    scenarios: str
    operations: str
    answers: str
    matched: str
    all_match: bool


@dataclass(frozen=True, slots=True)
class Side:
    """The scenarios of /implementations on one implementation."""

    title: str
    scenarios: str
    expectations: str
    held: str
    all_hold: bool


@dataclass(frozen=True, slots=True)
class TestFile:
    name: str
    passed: str
    failed: str
    seconds: str
    fine: bool


@dataclass(frozen=True, slots=True)
class ConformancePage:
    """`missing` says what to do when there is no report; `changed`: the model is not the one that was checked.

    `partly` says which tests alone were run, "" if all; `facts` are name and value, as versions and the date.
    """

    missing: str
    headline: str
    fine: bool
    changed: bool = False
    partly: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    corpora: tuple[Corpus, ...] = ()
    sides: tuple[Side, ...] = ()
    tests: tuple[TestFile, ...] = ()


def conformance_page(path: Path = REPORT) -> ConformancePage:
    """The page of the report at `path`, or one that says how to make it."""
    try:
        return _page(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return _missing("This copy of giclab was not checked.")
    except (ValueError, LookupError, TypeError):
        return _missing("The report cannot be read: another version of giclab wrote it, or it is damaged.")


def _missing(what: str) -> ConformancePage:
    return ConformancePage(f"{what} {COMMAND} checks everything and writes the report.", "", False)


def _page(report: Mapping[str, Any]) -> ConformancePage:
    corpora = tuple(_corpus(each) for each in report["corpora"])
    sides = tuple(_side(each) for each in report["matrix"])
    tests = tuple(_test(each) for each in report["tests"]["files"])
    fine = all(each.all_match for each in corpora) and all(each.all_hold for each in sides)
    fine = fine and not report["tests"]["failed"] and not report["tests"]["ended"]
    answers = sum(each["answers"] for each in report["corpora"])
    matched = sum(each["matched"] for each in report["corpora"])
    headline = f"{number(matched)} of {plural(answers, 'recorded answer')} of real GICs match"
    changed = report["model"] != model_digest()
    partly = report["tests"]["selection"]
    return ConformancePage("", headline, fine, changed, partly, _facts(report), corpora, sides, tests)


@lru_cache(maxsize=1)
def model_digest() -> str:
    """A hash of everything that decides what a machine answers, and of the scenarios that show it."""
    digest = hashlib.sha256()
    package = Path(__file__).resolve().parents[2]
    for folder, pattern in MODEL:
        for path in sorted((package / folder).rglob(pattern)):
            digest.update(f"{path.relative_to(package).as_posix()}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _facts(report: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    tests = report["tests"]
    told = f"{plural(tests['passed'], 'test')} passed, {tests['failed']} failed, {tests['skipped']} not run"
    return (
        ("Date", report["date"]),
        ("giclab", report["giclab"]),
        ("Source", report["source"]),
        ("Python", report["python"]),
        ("QEMU beside it", report["qemu"]),
        ("Tests", f"{told}, in {tests['seconds']:.0f} s"),
    )


def _corpus(each: Mapping[str, Any]) -> Corpus:
    return Corpus(
        title=IMPLEMENTATIONS[each["implementation"]].title,
        recorded_on=each["recorded_on"],
        scenarios=number(each["scenarios"]),
        operations=number(each["operations"]),
        answers=number(each["answers"]),
        matched=number(each["matched"]),
        all_match=each["matched"] == each["answers"],
    )


def _side(each: Mapping[str, Any]) -> Side:
    return Side(
        title=IMPLEMENTATIONS[each["implementation"]].title,
        scenarios=number(each["scenarios"]),
        expectations=number(each["expectations"]),
        held=number(each["held"]),
        all_hold=each["held"] == each["expectations"],
    )


def _test(each: Mapping[str, Any]) -> TestFile:
    return TestFile(
        each["name"], number(each["passed"]), number(each["failed"]), f"{each['seconds']:.1f}", not each["failed"]
    )
