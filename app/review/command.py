"""`giclab review`: a file in, a scenario or something that can be imported, and what is wrong in it out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.exchange.files import STDIN, Unreadable, imported, is_scenario, on_disk, operations_of, scenario_in
from app.review.finding import Finding, Review
from app.review.review import review, review_of
from app.scenario.scenario import line_operation

__all__ = ["Reviewed", "Unreadable", "as_json_text", "lines", "reviewed"]


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A review, and the line of the file that each step comes from."""

    source: str
    review: Review
    lines: tuple[int, ...]


def reviewed(file: Path, on: str | None) -> Reviewed:
    """Read a file (`-`: standard input) and review it, on another implementation than it names where `on` is given.

    Raises Unreadable, or OSError.
    """
    with on_disk(file) as path:
        source = "stdin" if str(file) == STDIN else str(file)
        if is_scenario(path, source):
            scenario = scenario_in(path, source)
            numbers = tuple(line.number for line in scenario.lines if line_operation(line) is not None)
            return Reviewed(source, review(scenario, on), numbers)
        with imported(path, source, on or "") as found:
            return Reviewed(source, review_of(found.spec, operations_of(found)), tuple(found.line_of))


def lines(found: Reviewed) -> Iterator[str]:
    """The findings as people read them."""
    told = found.review
    for each in told.findings:
        yield f"{found.source}:{found.lines[each.step - 1]}: {each.rule.name} ({each.rule.slug})"
        yield f"  step {each.step}: {each.text}"
        yield f"  {each.says}" + (f"; {each.again}" if each.again else "")
        yield f"  {each.rule.mend} [{each.rule.cite}]"
    if told.left_out:
        yield f"and {told.left_out:,} more findings"
    yield _summary(told.findings, told)


def _summary(findings: tuple[Finding, ...], told: Review) -> str:
    where = f"in {told.steps:,} steps on {told.implementation}"
    count = len(findings) + told.left_out
    return f"{count:,} finding{'' if count == 1 else 's'} {where}" if count else f"nothing found {where}"


def as_json_text(found: Reviewed) -> str:
    """The same as one JSON document; each finding has its line of the file too."""
    document = found.review.as_dict()
    document["findings"] = [{"line": found.lines[each.step - 1], **each.as_dict()} for each in found.review.findings]
    return json.dumps({"file": found.source, **document}, indent=2)
