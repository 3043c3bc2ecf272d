"""A scenario as a pytest module that drives `app.gic.Machine`: what is read is asserted, as is what is expected."""

from __future__ import annotations

import re

from app.exchange.python_ import Writer
from app.exchange.writers import Written
from app.scenario.format import format_content
from app.scenario.operations import Ack, Expect, Operation, Read
from app.scenario.player import Player, Step
from app.scenario.scenario import Scenario, line_operation

LONGEST_NAME = 60


def write(scenario: Scenario) -> Written:
    """One test. What a read returned is what the model answers now, so it guards against later changes."""
    writer, player = Writer(scenario.machine), Player(scenario.machine)
    body: list[str] = []
    for line in scenario.lines:
        operation = line_operation(line)
        rows = writer.line(line)
        if operation is not None:
            rows = _asserted(writer, operation, player.apply(operation), rows)
        body += rows
    title = scenario.title.replace("\\", "\\\\").replace('"', '\\"') or "A giclab scenario"
    imports = [f"from {module} import {names}" for module, names in sorted(writer.imports.items())]
    head = [f'"""{title}"""', "", *imports, "", "", f"def test_{_name(scenario.title)}():"]
    told = [writer.construction(), "last = None", *body]
    return Written("\n".join([*head, *(f"    {row}".rstrip() for row in told)]) + "\n")


def _asserted(writer: Writer, operation: Operation, step: Step, rows: list[str]) -> list[str]:
    """The rows of an operation, with an assert in place of what is only printed or checked by a function."""
    if isinstance(operation, Expect):
        wanted = repr(operation.wanted) if isinstance(operation.wanted, bytes) else f"{operation.wanted:#x}"
        secure = ", secure=True" if operation.secure else ""
        text = format_content(operation, writer.spec, compact=True)
        claim = f"assert {writer.term(operation.term, secure)} {operation.relation} {wanted}, {text!r}"
        if operation.on:
            return [*rows[:2], f"if machine.implementation in {operation.on!r}:", f"    {claim}"]
        return [*rows[:2], claim]
    if isinstance(operation, Read | Ack) and step.value is not None:
        return [*(row for row in rows if not row.startswith("print(")), f"assert last == {step.value:#x}"]
    return rows


def _name(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")[:LONGEST_NAME] or "scenario"
