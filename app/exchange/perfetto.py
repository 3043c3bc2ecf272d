"""A scenario as Chrome trace events (JSON), which Perfetto and chrome://tracing show: a track for each lane.

The GIC here has no clock: a step takes 1 ms, and what it did in a lane shares that evenly.
"""

from __future__ import annotations

import json
from typing import Any

from app.exchange.writers import Written
from app.scenario.lane_rules import Lane
from app.scenario.lanes import Marked, marks_of, places_of
from app.scenario.player import Player
from app.scenario.scenario import Scenario

STEP_US = 1000
WORDS = 4
NAMES = {Lane.SOFTWARE: "Software", Lane.DISTRIBUTOR: "Distributor", Lane.ITS: "ITS"}


def write(scenario: Scenario) -> Written:
    """One process, its threads the lanes from cause to result. Alike effects of a step in a lane are one slice."""
    player = Player(scenario.machine)
    steps = [marks_of(player.apply(each), WORDS) for each in scenario.operations]
    places, _ = places_of([{(each.lane, each.cpu) for each in marks} for marks in steps], scenario.machine)
    tracks = {place: number for number, place in enumerate(places, 1)}
    events: list[dict[str, Any]] = [_named("process_name", 0, scenario.title or "giclab")]
    events += [_named("thread_name", track, _words(*place)) for place, track in tracks.items()]
    events += [_sorted(track) for track in tracks.values()]
    for number, marks in enumerate(steps, 1):
        events += _step(number, marks, tracks)
    return Written(json.dumps({"displayTimeUnit": "ms", "traceEvents": events}, indent=None) + "\n")


def _step(number: int, marks: list[Marked], tracks: dict[tuple[Lane, int | None], int]) -> list[dict[str, Any]]:
    share = STEP_US / max(1, len(marks))
    return [
        {
            "ph": "X",
            "pid": 1,
            "tid": tracks[mark.lane, mark.cpu],
            "ts": (number - 1) * STEP_US + at * share,
            "dur": share,
            "name": " ".join(filter(None, (mark.mark, mark.about))) + (f" x {mark.count}" if mark.count > 1 else ""),
            "cat": mark.kind,
            "args": {"step": number, "words": mark.words},
        }
        for at, mark in enumerate(marks)
    ]


def _named(kind: str, track: int, name: str) -> dict[str, Any]:
    return {"ph": "M", "pid": 1, "tid": track, "name": kind, "args": {"name": name}}


def _sorted(track: int) -> dict[str, Any]:
    return {"ph": "M", "pid": 1, "tid": track, "name": "thread_sort_index", "args": {"sort_index": track}}


def _words(lane: Lane, cpu: int | None) -> str:
    return NAMES.get(lane, f"{'CPU' if lane is Lane.CPU else 'Redistributor'} {cpu}")
