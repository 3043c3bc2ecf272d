"""The register map as aligned text: a line for each register or array of them, frame by frame."""

from __future__ import annotations

from collections.abc import Iterable

from app.registers import Frame, RegisterMap
from app.registers.families import Family, accesses, families, field_runs

HEADS = ("where", "register", "bits", "access", "reset", "meaning")
RIGHT = frozenset({"bits"})
NOTHING = "-"
SEVERAL = "depends on n"


def table(map_: RegisterMap, chosen: Iterable[Family] | None = None) -> str:
    """The map for reading in a terminal, columns aligned; only `chosen`, with their fields, if given."""
    shown = list(families(map_).values() if chosen is None else chosen)
    members: dict[str, list[tuple[Family, tuple[str, ...]]]] = {}
    for family in shown:
        members.setdefault(family.frame.key, []).append((family, _row(family)))
    rows = [row for of_frame in members.values() for _, row in of_frame]
    widths = [max(len(text) for text in column) for column in zip(HEADS, *rows, strict=True)]
    its = "with an ITS" if map_.its else "without an ITS"
    states = ", two Security states" if map_.security == 2 else ""
    lines = [f"GICv3 registers of {map_.implementation}: {map_.cpus} CPUs, {map_.spis} SPIs, {its}{states}"]
    for key, of_frame in members.items():
        lines += ["", frame_line(map_.frames[key]), _aligned(HEADS, widths)]
        for family, row in of_frame:
            lines.append(_aligned(row, widths))
            if chosen is not None:
                lines += _field_lines(family)
    return "\n".join(lines) + "\n"


def frame_line(frame: Frame) -> str:
    """What a frame is and where."""
    if frame.reference:
        return f"{frame.title}: {frame.reference}"
    if not frame.size:
        return f"{frame.title}: no addresses, MRS and MSR reach them"
    every = f" + n*{frame.stride:#x} for CPU n" if frame.stride else ""
    return f"{frame.title}: {frame.base:#010x}{every}, {frame.size // 1024} KiB"


def numbers(family: Family) -> str:
    """The numbers of an array's elements, and which there are: "n = 0-31, here 1-2"; "" for a single register."""
    if len(family.registers) == 1:
        return ""
    told = f"n = {family.first.index}-{family.last.index}"
    spans = [span for span in family.spans if span.first.present]
    if not spans or len(family.present) == len(family.registers):
        return told
    # Spans that touch differ in their fields only.
    ranges: list[list[int]] = []
    for span in spans:
        first, last = span.first.index or 0, span.last.index or 0
        if ranges and ranges[-1][1] + 1 == first:
            ranges[-1][1] = last
        else:
            ranges.append([first, last])
    here = ", ".join(f"{first}-{last}" if first != last else str(first) for first, last in ranges)
    return f"{told}, here {here}"


def _row(family: Family) -> tuple[str, ...]:
    register = family.typical
    which = numbers(family)
    absent = "" if register.present else f"; not there: {register.why_absent}"
    return (
        register.encoding or f"{family.first.offset:#06x}",
        family.name,
        str(register.width),
        " ".join(accesses(register)),
        _reset(family),
        register.title + (f" ({which})" if which else "") + absent,
    )


def _reset(family: Family) -> str:
    values = {register.reset for register in family.present}
    if not values:
        return NOTHING
    return SEVERAL if len(values) > 1 else f"{values.pop():#0{family.first.width // 4 + 2}x}"


def _field_lines(family: Family) -> list[str]:
    """The fields of the first element that there is."""
    rows = [
        (
            f"{run.msb}:{run.lsb}" if run.msb != run.lsb else str(run.lsb),
            run.first.access.value,
            f"{run.first.reset:#x}",
            run.name,
            " ".join((run.first.meaning, *(f"{each.value}={each.name}" for each in run.first.values))),
        )
        for run in field_runs(family.typical.declared)
    ]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(4)]
    return [
        "    " + "  ".join([*(text.ljust(width) for text, width in zip(row, widths, strict=False)), row[4]])
        for row in rows
    ]


def _aligned(cells: tuple[str, ...], widths: list[int]) -> str:
    padded = [
        text.rjust(width) if head in RIGHT else text.ljust(width)
        for head, text, width in zip(HEADS, cells, widths, strict=True)
    ]
    return "  ".join(padded).rstrip()
