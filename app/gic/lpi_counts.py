"""How many LPIs are mapped, pending, enabled and stale: of all of them, without a view of each. There may be 57,344."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.gic.lpi_map import Row
from app.gic.shown import LpiView


@dataclass(frozen=True, slots=True)
class LpiCounts:
    mapped: int
    pending: int
    enabled: int
    stale: int


def count_lpis(rows: Sequence[Row], others: Sequence[LpiView]) -> LpiCounts:
    """`others`: those with INTIDs that are in no row."""
    mapped = [each for each in others if each.device is not None]
    return LpiCounts(
        sum(row.mapped for row in rows) + len(mapped),
        sum(row.pending for row in rows) + sum(each.pending for each in others),
        sum(row.enabled for row in rows) + sum(each.enabled for each in mapped),
        sum(row.stale for row in rows) + sum(each.stale for each in others),
    )
