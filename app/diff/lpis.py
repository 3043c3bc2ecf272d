"""LPIs: pending, enabled, of what priority and routed where; each byte in RAM beside what is cached."""

from __future__ import annotations

from functools import partial

from app.diff.told import Change, Form, LpiRow, Section, differing, rows
from app.gic import Machine
from app.gic.shown import LpiView

PARTS = (
    ("state", "state", Form.WORDS),
    ("pending", "pending", Form.FLAG),
    ("pending_ram", "pending bit in RAM", Form.FLAG),
    ("pending_latched", "pending latch", Form.FLAG),
    ("active", "active", Form.FLAG),
    ("enabled", "enabled", Form.FLAG),
    ("priority", "priority", Form.HEX),
    ("config_ram", "configuration in RAM", Form.HEX),
    ("config_cached", "cached configuration", Form.HEX),
    ("cpu", "CPU", Form.DECIMAL),
    ("icid", "ICID", Form.HEX),
    ("device", "DeviceID", Form.HEX),
    ("event", "EventID", Form.HEX),
)
"""Of LpiView: what is compared, what it is called, and how it is written."""


def lpis(a: Machine, b: Machine, most: int | None) -> Section[LpiRow]:
    """The LPIs that are mapped or pending in either machine and not the same in both, by INTID."""
    one, other = ({each.intid: each for each in machine.lpis()} for machine in (a, b))
    _complete(one, a, other)
    _complete(other, b, one)
    found = rows(most, LpiRow)
    for intid in sorted(one):
        if one[intid] != other[intid]:
            found.add(partial(_row, one[intid], other[intid]))
    return found.section()


def _complete(mine: dict[int, LpiView], machine: Machine, others: dict[int, LpiView]) -> None:
    """What there is only in the other machine is something here too: not mapped, and with a byte in RAM."""
    mine.update((each.intid, each) for each in machine.lpis_of(sorted(others.keys() - mine.keys())))


def _row(one: LpiView, other: LpiView) -> LpiRow:
    changes = (Change(name, getattr(one, part), getattr(other, part), form) for part, name, form in PARTS)
    return LpiRow(one.intid, differing(changes))
