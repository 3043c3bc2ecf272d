"""What `giclab run` tells of the scenarios it has played: as text, as JSON, and as JUnit XML for test runners."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.scenario.errors import ScenarioError
from app.scenario.player import Step
from app.scenario.runner import Played, Run, shown_value, step_dict
from app.scenario.scenario import Scenario

# What XML 1.0 cannot hold, escaped or not; file names may have it.
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Tried:
    """A file: played, or (`scenario` None) why it cannot be read."""

    source: str
    scenario: Scenario | None
    runs: tuple[Run, ...] = ()
    errors: tuple[ScenarioError, ...] = ()
    trouble: str = ""

    @property
    def failed(self) -> bool:
        return any(run.failed for run in self.runs)

    @property
    def complaints(self) -> Iterator[str]:
        """Each line that cannot be read, with a mark under its column; or the one reason."""
        if self.trouble:
            yield self.trouble
        for error in self.errors:
            yield f"{error}\n{_indented(error.caret, 4)}"


def lines(tried: Tried, *, explain: bool) -> Iterator[str]:
    """Everything that one scenario read and expected."""
    if tried.scenario is not None and tried.scenario.title:
        yield tried.scenario.title
    for run in tried.runs:
        yield f"\non {run.implementation}"
        for played in run.played:
            yield from _step(played.line, played.step, explain=explain)
        yield f"{run.implementation}: {_count(run)}"


def summary(all_tried: Sequence[Tried]) -> Iterator[str]:
    """One line for each run, below it the expectations that do not hold; at the end how many files do."""
    for tried in all_tried:
        if tried.scenario is None:
            yield f"ERROR   {tried.source} cannot be read"
        for run in tried.runs:
            yield f"{'FAILED' if run.failed else 'ok':<7} {tried.source} on {run.implementation}: {_count(run)}"
            for played in failures(run):
                yield f"        {tried.source}:{played.line}: {' '.join(played.step.text.split())}"
                yield f"            {_got(played.step)}"
    unread, failed = sum(tried.scenario is None for tried in all_tried), sum(tried.failed for tried in all_tried)
    passed = len(all_tried) - unread - failed
    told = (f"{passed} passed", f"{failed} failed" if failed else "", f"{unread} cannot be read" if unread else "")
    yield f"{len(all_tried)} files: {', '.join(filter(None, told))}"


def as_json(all_tried: Sequence[Tried], *, effects: bool) -> str:
    """One document: of a single file its title and runs; of several, `scenarios` with as much of each."""
    documents = [_document(tried, effects=effects) for tried in all_tried]
    if len(documents) == 1:
        [document] = documents
    else:
        document = {"passed": all(one["passed"] for one in documents), "scenarios": documents}
    return json.dumps(document, indent=2, ensure_ascii=False)


def junit(all_tried: Sequence[Tried]) -> str:
    """JUnit XML as Jenkins, GitLab and GitHub read it: a suite for each file and implementation, a case for each
    expectation. One that is not asked of the implementation is skipped; a file that cannot be read is an error."""
    root = ET.Element("testsuites", name="giclab")
    for tried in all_tried:
        if tried.scenario is None:
            suite = _suite(root, tried.source, tests=1, failures=0, errors=1, skipped=0)
            case = ET.SubElement(suite, "testcase", classname=_xml(tried.source), name="can be read")
            complaints = list(tried.complaints)
            ET.SubElement(case, "error", message=_xml(complaints[0].split("\n")[0])).text = _xml("\n".join(complaints))
        for run in tried.runs:
            _suite_of(root, tried.source, run)
    for count in ("tests", "failures", "errors", "skipped"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in root)))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def failures(run: Run) -> list[Played]:
    """The expectations that do not hold."""
    return [item for item in run.played if (told := item.step.expectation) is not None and not told.passed]


def _suite_of(root: ET.Element, source: str, run: Run) -> None:
    expected = [item for item in run.played if item.step.expectation is not None]
    name = f"{source} on {run.implementation}"
    skipped = len(expected) - len(run.asked)
    suite = _suite(root, name, tests=len(expected), failures=run.failed, errors=0, skipped=skipped)
    for played in expected:
        text = " ".join(played.step.text.split())
        place = {"file": _xml(source), "line": str(played.line)}
        case = ET.SubElement(
            suite, "testcase", {"classname": _xml(name), "name": _xml(f"line {played.line}: {text}"), **place}
        )
        outcome = played.step.expectation
        if outcome is not None and not outcome.asked:
            ET.SubElement(case, "skipped", message=f"not asked on {run.implementation}")
        elif outcome is not None and not outcome.passed:
            failure = ET.SubElement(case, "failure", message=_xml(_got(played.step)), type="expect")
            failure.text = _xml(f"{source}:{played.line}: {text}\n{_got(played.step)}\n")


def _suite(root: ET.Element, name: str, **counts: int) -> ET.Element:
    return ET.SubElement(root, "testsuite", {"name": _xml(name), **{key: str(count) for key, count in counts.items()}})


def _document(tried: Tried, *, effects: bool) -> dict[str, object]:
    if tried.scenario is None:
        return {"file": tried.source, "passed": False, "errors": list(tried.complaints)}
    runs = [
        {
            "implementation": run.implementation,
            "expectations": len(run.asked),
            "failed": run.failed,
            "choices": [choice.as_dict() for choice in run.choices],
            "steps": [{"line": played.line, **step_dict(played.step, effects=effects)} for played in run.played],
        }
        for run in tried.runs
    ]
    return {"file": tried.source, "title": tried.scenario.title, "passed": not tried.failed, "runs": runs}


def _step(line: int, step: Step, *, explain: bool) -> Iterator[str]:
    outcome = step.expectation
    if step.refused:
        shown = f"refused: {step.refused}"
    elif step.value is not None:
        shown = f"= {shown_value(step)}"
    elif outcome is None:
        shown = ""
    elif not outcome.asked:
        shown = f"not asked here (it is {outcome.got_text})"
    else:
        shown = "ok" if outcome.passed else f"FAILED: it is {outcome.got_text}"
    if not shown and not explain:
        return
    yield f"{line:4}  {step.text:<52} {shown}".rstrip()
    if explain:
        for effect in step.effects:
            source = f"  [{effect.cite}]" if effect.cite else ""
            yield f"        {effect.words}{source}"


def _got(step: Step) -> str:
    outcome = step.expectation
    return "" if outcome is None else f"it is {outcome.got_text}, expected {outcome.relation} {outcome.wanted_text}"


def _count(run: Run) -> str:
    asked = len(run.asked)
    return f"{asked - run.failed} of {asked} expectations hold"


def _indented(text: str, columns: int) -> str:
    return "\n".join(f"{'':<{columns}}{row}" for row in text.split("\n"))


def _xml(text: str) -> str:
    return NOT_XML.sub("�", text)
