"""The register map as JSON, for programs. docs/registers.md describes it.

Addresses, offsets, masks and register values are strings such as "0x0000000040210000": 64 bits are more than a JSON
number keeps in JavaScript. Bit positions, counts and sizes are numbers.
"""

from __future__ import annotations

import json
from collections.abc import Collection

from app.registers import Field, Frame, RegisterMap, UserView
from app.registers.families import Family, Span, families

FORMAT = "giclab-registers"
VERSION = 1


def json_text(map_: RegisterMap, stems: Collection[str] | None = None) -> str:
    """The document as text, indented."""
    return json.dumps(document(map_, stems), indent=1, ensure_ascii=False) + "\n"


def document(map_: RegisterMap, stems: Collection[str] | None = None) -> dict[str, object]:
    """The whole map, or only the families with these stems; frames that are left empty are left out."""
    chosen: dict[str, list[Family]] = {}
    for stem, family in families(map_).items():
        if stems is None or stem in stems:
            chosen.setdefault(family.frame.key, []).append(family)
    return {
        "format": FORMAT,
        "version": VERSION,
        "implementation": map_.implementation,
        "cpus": map_.cpus,
        "spis": map_.spis,
        "its": map_.its,
        "security": map_.security,
        "frames": [_frame(map_.frames[key], members) for key, members in chosen.items()],
    }


def _frame(frame: Frame, members: list[Family]) -> dict[str, object]:
    placed = frame.size > 0
    return {
        "key": frame.key,
        "title": frame.title,
        "cite": frame.cite,
        "base": _hex(frame.base, 32) if placed else None,
        "size": frame.size,
        "cpu_stride": frame.stride,
        "per_cpu": frame.per_cpu,
        "reference": frame.reference or None,
        "registers": [_family(family) for family in members],
    }


def _family(family: Family) -> dict[str, object]:
    register = family.first
    system = bool(register.encoding)
    return {
        "name": family.name,
        "title": register.title,
        "cite": register.cite,
        "width": register.width,
        "access_bytes": sorted(register.sizes),
        "offset": None if system else _hex(register.offset, 16),
        "stride": 0 if system else family.stride,
        "first": register.index,
        "count": len(family.registers),
        "shares_state": register.state,
        "elements": [_elements(span) for span in family.spans],
    }


def _elements(span: Span) -> dict[str, object]:
    register = span.first
    width = register.width
    told: dict[str, object] = {
        "names": [span.first.name, span.last.name],
        "count": len(span.registers),
        "present": register.present,
        "why_absent": register.why_absent,
        "reset": _hex(register.reset, width),
        "reset_per_cpu": [_hex(value, width) for value in register.resets],
        "readable": _hex(register.readable, width),
        "writable": _hex(register.writable, width),
        "sets": _hex(register.sets, width),
        "clears": _hex(register.clears, width),
        "userspace": _userspace(register.user, width),
        "nonsecure": register.nonsecure,
        "fields": [_field(field) for field in register.declared],
    }
    if register.encoding:
        told["encodings"] = [each.encoding for each in span.registers]
    if register.intids:
        told["intids"] = [span.first.intids.start, span.last.intids.stop - 1]
    return told


def _userspace(view: UserView | None, width: int) -> dict[str, str] | None:
    if view is None:
        return None
    masks = {"readable": view.readable, "writable": view.writable, "sets": view.sets, "clears": view.clears}
    return {**{name: _hex(mask, width) for name, mask in masks.items()}, "meaning": view.meaning}


def _field(field: Field) -> dict[str, object]:
    return {
        "name": field.name,
        "msb": field.msb,
        "lsb": field.lsb,
        "access": field.access.value,
        "reset": _hex(field.reset, field.width),
        "meaning": field.meaning,
        "cite": field.cite,
        "values": [{"value": each.value, "name": each.name, "meaning": each.meaning} for each in field.values],
        "kept": [{"written": written, "kept": kept} for written, kept in field.kept],
    }


def _hex(value: int, width: int) -> str:
    """`value` with as many digits as `width` bits take."""
    return f"0x{value:0{-(-width // 4)}x}"
