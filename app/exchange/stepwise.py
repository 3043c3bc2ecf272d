"""A scenario access by access, for tools that load and store and know nothing of registers' fields."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from app.exchange.accesses import Access, DeviceWrite, Load, Store, Told, Wire, told
from app.exchange.writers import Written
from app.scenario.format import format_content
from app.scenario.operations import Expect, LoadState, Migrate, Note, Operation, Save, Uread, Uwrite
from app.scenario.scenario import Scenario


def written(scenario: Scenario, head: str, row: Callable[[str, Access], str | None], tool: str) -> Written:
    """`head`, then each operation as a comment and the rows of its accesses; `row` gives None for what `tool` cannot.

    The first argument of `row` is the operation in words. Both tools have `#` for comments.
    """
    rows: list[str] = []
    remarks: list[str] = []
    for item in told(scenario):
        if item.operation is None:
            continue
        said = " ".join(format_content(item.operation, scenario.machine, compact=True).split())
        rows += ["", f"# {said}"]
        for access in item.accesses if not _hypervisors(item.operation) else ():
            made = row(said, access)
            if made is None:
                remarks.append(f"line {item.line.number}: {_why_not(access, tool)}")
            else:
                rows.append(made)
        remarks.extend(_dropped(item, tool))
        if isinstance(item.operation, Migrate | LoadState):
            remarks.append(f"line {item.line.number}: the export ends here")
            break
    return Written(head + "".join(f"{each}\n" for each in rows), tuple(remarks))


def chunks(address: int, data: bytes) -> Iterator[tuple[int, int, int]]:
    """(address, bytes, value) of aligned little-endian stores that together write `data`."""
    at = 0
    while at < len(data):
        size = next(each for each in (8, 4, 2, 1) if (address + at) % each == 0 and at + each <= len(data))
        yield address + at, size, int.from_bytes(data[at : at + size], "little")
        at += size


def _hypervisors(operation: Operation) -> bool:
    return isinstance(operation, Save | Migrate | LoadState | Uread | Uwrite)


def _why_not(access: Access, tool: str) -> str:
    match access:
        case Load(secure=True) | Store(secure=True):
            return f"{tool} makes Non-secure accesses"
        case DeviceWrite(device, _):
            return f"the device with DeviceID {device:#x} has to make this write"
        case Wire(intid, _, _):
            return f"{tool} cannot drive the wire of INTID {intid}"
    return f"{tool} reaches no system registers"


def _dropped(item: Told, tool: str) -> Iterator[str]:
    operation = item.operation
    assert operation is not None
    if isinstance(operation, Expect):
        yield f"line {item.line.number}: {tool} checks nothing, the expectation is left out"
    elif _hypervisors(operation):
        yield f"line {item.line.number}: {operation.verb} is a hypervisor's, {tool} has no such door"
    elif not isinstance(operation, Note) and item.step is not None and item.step.refused and not item.accesses:
        yield f"line {item.line.number}: refused, {item.step.refused}"
