"""The dock of a step that is made from the one before: the same as one that is made anew."""

from dataclasses import replace

import pytest

from app.scenario import Timeline, parse
from app.sessions.tree import Branch
from app.web.views.look import Look
from app.web.views.stage import Place
from app.web.views.timeline import dock

LINES = (
    "write GICR_PENDBASER@0 PTZ=1",
    "read GICR_PENDBASER@0",
    "expect GICR_PENDBASER@0.PTZ == 0",
    "expect GICR_PENDBASER@0.PTZ == 1",
    "its MAPD device=2 itt=0x40300000 size=5",
    "uread GICR_PENDBASER@0 half=hi",
)
PLACE = Place(turns=3, branches=(Branch(9, 12, 4, ahead=False), Branch(11, 7, 4, ahead=False)))


@pytest.mark.parametrize("implementation", ["kvm", "architecture"])
def test_each_step_is_shown_as_if_it_were_shown_alone(implementation):
    scenario = parse(f"machine implementation={implementation}\n" + "\n".join(LINES * 6))
    timeline = Timeline(scenario.machine, scenario.operations)
    old = None
    for now in range(1, len(timeline) + 1):
        asked = (timeline.ops[:now], timeline.verdicts, now, scenario.machine, Look("/s/x"), PLACE)
        old = dock(*asked, old)
        assert old == dock(*asked)
    assert {cell.mark for cell in old.cells} == {"", "ok", "no"}


def test_branches_that_left_meanwhile_are_shown():
    scenario = parse("\n".join(LINES))
    timeline = Timeline(scenario.machine, scenario.operations)
    seen = [scenario.machine, Look("/s/x")]
    old = dock(timeline.ops[:5], timeline.verdicts, 5, *seen, PLACE)
    new = replace(PLACE, turns=4, branches=PLACE.branches[:1])
    found = dock(timeline.ops, timeline.verdicts, 6, *seen, new, old)
    assert found == dock(timeline.ops, timeline.verdicts, 6, *seen, new)
    assert found.cells[3].fork != old.cells[3].fork
