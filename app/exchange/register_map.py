"""The register map as text: a table, JSON, its own SystemRDL, or a page of HTML."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict
from html import escape
from pathlib import Path

from app import registers as package
from app.registers import Field, Register, RegisterMap, register_map

INCLUDE = re.compile(r'^\s*`include "([^"]+)"\s*$')
SOURCES = Path(package.__file__).parent / "rdl"


def write_map(implementation: str, cpus: int, form: str) -> str:
    """The map of an implementation as table, json, rdl or html. ValueError for any other form."""
    writer = FORMS.get(form)
    if writer is None:
        raise ValueError(f"no format {form!r}: {', '.join(FORMS)}")
    return writer(register_map(implementation, cpus=cpus))


def _table(chart: RegisterMap) -> str:
    rows: list[str] = []
    for frame in chart.frames.values():
        place = "system registers" if frame.key == "ICC" else f"{frame.base:#010x}, {frame.size:#x} bytes"
        stride = f", every {frame.stride:#x} for each CPU" if frame.stride else ""
        rows += ["", f"{frame.title} ({place}{stride})"]
        for register in frame.registers:
            where = register.encoding or f"{register.offset:#06x}"
            absent = "" if register.present else f"  (not here: {register.why_absent or 'reserved'})"
            rows.append(f"  {where:<16} {register.name:<22} {register.width:>2}  {register.meaning}{absent}")
            rows += [f"  {'':<16}   {_field_row(field)}" for field in register.fields if register.present]
    return f"{chart.implementation}, {chart.cpus} CPUs\n" + "\n".join(rows) + "\n"


def _field_row(field: Field) -> str:
    return f"{bit_range(field):<7} {field.access.value:<4} {field.name} = {field.reset:#x}"


def bit_range(field: Field) -> str:
    """`62`, or `51:16`."""
    return str(field.lsb) if field.width == 1 else f"{field.msb}:{field.lsb}"


def _json(chart: RegisterMap) -> str:
    document = {
        "implementation": chart.implementation,
        "cpus": chart.cpus,
        "frames": [
            {
                "key": frame.key,
                "title": frame.title,
                "base": frame.base,
                "size": frame.size,
                "stride": frame.stride,
                "registers": [_register_dict(register) for register in frame.registers],
            }
            for frame in chart.frames.values()
        ],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _register_dict(register: Register) -> dict[str, object]:
    return {
        "name": register.name,
        "offset": register.offset,
        "width": register.width,
        "sizes": sorted(register.sizes),
        "per_cpu": register.per_cpu,
        "present": register.present,
        "why_absent": register.why_absent,
        "encoding": register.encoding,
        "reset": register.reset,
        "readable": register.readable,
        "writable": register.writable,
        "sets": register.sets,
        "clears": register.clears,
        "meaning": register.meaning,
        "cite": register.cite,
        "fields": [asdict(field) for field in register.fields],
    }


def _rdl(chart: RegisterMap) -> str:
    """The SystemRDL sources with their includes put in place, each once: one file that compiles by itself."""
    seen: set[str] = set()
    return _flattened(f"{chart.implementation.replace('-', '_').replace('.', '_')}.rdl", seen)


def _flattened(name: str, seen: set[str]) -> str:
    if name in seen:
        return ""
    seen.add(name)
    rows = []
    for row in (SOURCES / name).read_text(encoding="utf-8").splitlines(keepends=True):
        include = INCLUDE.match(row)
        rows.append(row if include is None else _flattened(include[1], seen))
    return "".join(rows)


def _html(chart: RegisterMap) -> str:
    rows: list[str] = []
    for frame in chart.frames.values():
        rows.append(f"<h2>{escape(frame.title)}</h2>")
        for register in frame.registers:
            where = register.encoding or f"{frame.base + register.offset:#010x}"
            rows.append(f'<h3 id="{register.name}">{register.name} <small>{where}, {register.width} bits</small></h3>')
            rows.append(f"<p>{escape(register.meaning)} ({escape(register.cite)})</p>")
            if not register.present:
                rows.append(f"<p>Not here: {escape(register.why_absent or 'reserved')}.</p>")
            elif register.fields:
                rows.append("<table><tr><th>Bits<th>Field<th>Access<th>Reset<th>Meaning</tr>")
                rows += [_html_row(field) for field in register.fields]
                rows.append("</table>")
    title = escape(f"Registers of {chart.implementation}")
    return f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{title}</title>\n<h1>{title}</h1>\n' + (
        "\n".join(rows) + "\n</html>\n"
    )


def _html_row(field: Field) -> str:
    cells = (bit_range(field), field.name, field.access.value, f"{field.reset:#x}", field.meaning)
    return "<tr>" + "".join(f"<td>{escape(cell)}" for cell in cells) + "</tr>"


FORMS: dict[str, Callable[[RegisterMap], str]] = {"table": _table, "json": _json, "rdl": _rdl, "html": _html}
