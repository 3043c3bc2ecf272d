"""A scenario as JSON: each line as data, with the accesses that it makes in the words of the recorded corpora."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from app.exchange.accesses import Access, DeviceWrite, Load, RamWrite, Store, SystemRead, SystemWrite, Told, Wire, told
from app.exchange.writers import Written
from app.scenario.format import format_content, format_term
from app.scenario.operations import Attribute, Expect, Operation, RawAddress, RegisterRef
from app.scenario.scenario import Scenario

FORMAT = "giclab scenario 1"


def write(scenario: Scenario) -> Written:
    """The scenario's title, machine and lines."""
    document = {
        "format": FORMAT,
        "title": scenario.title,
        "machine": asdict(scenario.machine),
        "lines": [_line(item, scenario) for item in told(scenario)],
    }
    return Written(json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def _line(item: Told, scenario: Scenario) -> dict[str, object]:
    content, comment = item.line.content, item.line.comment
    data: dict[str, object] = {"line": item.line.number}
    if content is not None:
        data["text"] = format_content(content, scenario.machine)
    if comment is not None:
        data["comment"] = comment.strip()
    if item.operation is not None:
        data["operation"] = operation_dict(item.operation)
    if item.accesses:
        data["accesses"] = [access_dict(access) for access in item.accesses]
    return data


def operation_dict(operation: Operation) -> dict[str, object]:
    """An operation's verb and everything it says; registers and terms in the language's spelling."""
    unsaid: tuple[object, ...] = (None, "", [])
    data = {key: value for key, value in asdict(operation, dict_factory=_plain).items() if value not in unsaid}
    if not data.get("secure"):
        data.pop("secure", None)
    target = getattr(operation, "target", None)
    if isinstance(target, RegisterRef | RawAddress | Attribute):
        data["target"] = str(target)
    if isinstance(operation, Expect):
        data["term"] = format_term(operation.term)
    return {"verb": operation.verb, **data}


def access_dict(access: Access) -> dict[str, object]:
    """An access as the corpora write it; `got` is what the model returned. A Secure one says so."""
    secure = {"secure": True} if getattr(access, "secure", False) else {}
    return {**_access(access), **secure}


def _access(access: Access) -> dict[str, object]:
    match access:
        case RamWrite(address, data):
            return {"op": "mw", "addr": address, "hex": data.hex()}
        case Load(address, size, cpu, value):
            return {"op": f"r{size * 8}", "cpu": cpu, "addr": address, "got": value}
        case Store(address, size, cpu, value):
            return {"op": f"w{size * 8}", "cpu": cpu, "addr": address, "value": value}
        case SystemRead(register, cpu, value):
            return {"op": "icc_r", "cpu": cpu, "reg": register, "got": value}
        case SystemWrite(register, cpu, value):
            return {"op": "icc_w", "cpu": cpu, "reg": register, "value": value}
        case DeviceWrite(device, event):
            return {"op": "msi", "dev": device, "event": event}
        case Wire(intid, level, cpu):
            return {"op": "irq", "cpu": cpu or 0, "intid": intid, "level": level}


def _plain(pairs: list[tuple[str, Any]]) -> dict[str, object]:
    return {
        key: value.hex() if isinstance(value, bytes) else list(value) if isinstance(value, tuple) else value
        for key, value in pairs
    }
