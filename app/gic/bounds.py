"""Bounds on what one access may cost: each with the sum behind it. `Machine.work` counts what they bound."""

from typing import Final

TOLD_LPIS: Final = 16
"""LPIs that one command tells of one by one; it tells the number of all. A scan or a MOVALL can meet 57,344."""
