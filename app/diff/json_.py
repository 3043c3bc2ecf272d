"""A comparison as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from app.diff.lines import summary
from app.diff.side import Compared, Origin
from app.diff.told import Change, EntryRow, LpiRow, RamRow, RegisterRow, Section

Json = dict[str, Any]


def as_dict(told: Compared) -> Json:
    """All of it. A value comes as it is, None where there is none, and as `text`, which is exact in any language."""
    found = told.diff
    return {
        "a": _origin(told.a),
        "b": _origin(told.b),
        "same": found.same,
        "differences": found.count,
        "says": summary(found),
        "machine": [_change(each) for each in found.machine],
        "only": [{"in": each.side.value, "what": each.what, "count": each.count} for each in found.only],
        "registers": _section(found.registers, [_register(each) for each in found.registers.rows]),
        "lpis": _section(found.lpis, [_lpi(each) for each in found.lpis.rows]),
        "entries": _section(found.entries, [_entry(each) for each in found.entries.rows]),
        "memory": _section(found.memory, [_range(each) for each in found.memory.rows]),
        "inside": _section(found.inside, [_change(each) for each in found.inside.rows]),
        "unseen_devices": found.unseen,
        "hidden": found.hidden,
    }


def _origin(origin: Origin) -> Json:
    return asdict(origin)


def _section(section: Section[Any], rows: list[Json]) -> Json:
    return {"rows": rows, "left_out": section.left_out}


def _change(change: Change) -> Json:
    one, other = change.texts
    return {
        "name": change.name,
        "a": change.a,
        "b": change.b,
        "a_text": one,
        "b_text": other,
        "note": change.note,
    }


def _register(row: RegisterRow) -> Json:
    return {
        "register": row.name,
        "width": row.width,
        "a": row.a,
        "b": row.b,
        "a_text": f"{row.a:#x}",
        "b_text": f"{row.b:#x}",
        "also": list(row.also),
        "fields": [_change(each) for each in row.changes],
    }


def _lpi(row: LpiRow) -> Json:
    return {"intid": row.intid, "changes": [_change(each) for each in row.changes]}


def _entry(row: EntryRow) -> Json:
    return {
        "table": row.table.value,
        "device": row.device,
        "event": row.event,
        "icid": row.icid,
        "changes": [_change(each) for each in row.changes],
    }


def _range(row: RamRow) -> Json:
    return {
        "address": row.address,
        "address_text": f"{row.address:#x}",
        "length": row.length,
        "a": row.a.hex(),
        "b": row.b.hex(),
        "where": row.where,
    }
