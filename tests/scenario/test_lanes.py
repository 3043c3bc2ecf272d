"""What a step caused where: alike effects together, and only the lanes that some steps need."""

import pytest

from app.gic.effects import LpiPending
from app.scenario import MachineSpec, Step, Timeline, parse
from app.scenario.lane_rules import Lane
from app.scenario.lanes import FEW_CPUS, OPERATION, marks_of, places_of

SCENARIO = """\
machine implementation=qemu cpus=2
write GICD_CTLR EnableGrp1=1
write ICC_PMR_EL1@1 0xff
write ICC_IGRPEN1_EL1@1 1
poke  0x40200003 a1
write GICR_PROPBASER@1 Physical_Address=0x40200000 IDbits=15
write GICR_PENDBASER@1 Physical_Address=0x40210000
write GICR_CTLR@1 EnableLPIs=1
its   MAPD device=2 itt=0x40300000 size=5
its   MAPC collection=1 target=1
its   MAPTI device=2 event=20 intid=8195 collection=1
its   INT device=2 event=20
ack   @1
uread GICR_CTLR@0
"""


@pytest.fixture(scope="module")
def timeline():
    scenario = parse(SCENARIO)
    return Timeline(scenario.machine, scenario.operations)


def told(step):
    return [(mark.lane.value, mark.cpu, mark.mark) for mark in marks_of(step, 3)]


def test_a_command_goes_from_software_through_the_its_to_the_cpu(timeline):
    marks = told(timeline.step(11))
    wanted = [
        ("software", None, "its"),
        ("its", None, "translated"),
        ("redistributor", 1, "pending"),
        ("cpu", 1, "signalled"),
    ]
    assert [mark for mark in marks if mark in wanted] == wanted
    assert {(lane, cpu) for lane, cpu, _ in marks} == {(lane, cpu) for lane, cpu, _ in wanted}


def test_the_operation_comes_first_in_its_own_words(timeline):
    first = marks_of(timeline.step(12), 3)[0]
    assert (first.lane, first.kind, first.mark, first.words) == (Lane.SOFTWARE, OPERATION, "ack", ["ack @1"])


def test_what_was_refused_says_so(timeline):
    first = marks_of(timeline.step(13), 3)[0]
    assert first.mark == "refused"
    assert first.words[0].startswith("uread GICR_CTLR@0, refused: ENXIO")


def test_alike_effects_are_one_mark_with_their_number():
    many = tuple(LpiPending(8192 + number, 0, "latched") for number in range(1000))
    step = Step(1, "note many", parse("note many\n").operations[0], effects=many)
    operation, pending = marks_of(step, 3)
    assert (operation.count, pending.count, len(pending.words), pending.about) == (1, 1000, 3, "8192")
    assert pending.as_dict()["words"] == [effect.words for effect in many[:3]]


def test_few_cpus_have_all_their_lanes_and_many_only_those_they_need(timeline):
    shared = [(Lane.SOFTWARE, None), (Lane.ITS, None)]
    few, quiet = places_of([], MachineSpec(cpus=FEW_CPUS))
    assert list(few[:2]) == shared
    assert (len(few), quiet) == (2 + 2 * FEW_CPUS, 0)
    steps = [{(Lane.CPU, 30), (Lane.REDISTRIBUTOR, 2)}, {(Lane.REDISTRIBUTOR, 30), (Lane.DISTRIBUTOR, None)}]
    many, quiet = places_of(steps, MachineSpec(cpus=32))
    assert many == (
        (Lane.SOFTWARE, None),
        (Lane.DISTRIBUTOR, None),
        (Lane.ITS, None),
        (Lane.REDISTRIBUTOR, 2),
        (Lane.REDISTRIBUTOR, 30),
        (Lane.CPU, 30),
    )
    assert quiet == 30


def test_a_machine_without_an_its_has_no_lane_for_it():
    places, _ = places_of([], MachineSpec(cpus=1, its=False))
    assert [lane for lane, _ in places] == [Lane.SOFTWARE, Lane.REDISTRIBUTOR, Lane.CPU]
