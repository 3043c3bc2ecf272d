"""The LPIs after the last step as CSV: a row for each, what is not there is an empty cell."""

from __future__ import annotations

import csv
from dataclasses import astuple, fields
from io import StringIO

from app.exchange.writers import Written
from app.gic.shown import LpiView
from app.scenario.player import played
from app.scenario.scenario import Scenario

COLUMNS = tuple(each.name for each in fields(LpiView))


def write(scenario: Scenario) -> Written:
    """INTIDs ascending. Numbers are decimal, truths are 0 and 1, so that a spreadsheet takes them as they are."""
    text = StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    for lpi in played(scenario).machine.lpis():
        rows.writerow([int(each) if isinstance(each, bool) else each for each in astuple(lpi)])
    return Written(text.getvalue())
