"""What the manual leaves open, as a run took it: in a run, in a timeline, in its forks."""

from app.scenario import Timeline, parse
from app.scenario.runner import run

TEXT = """machine implementation=architecture cpus=2
its    INT device=9 event=0
poke   0x40200003 a1
write  GICR_PROPBASER@0 Physical_Address=0x40200000 IDbits=15
write  GICR_PENDBASER@0 Physical_Address=0x40210000
its    MAPD device=2 itt=0x40300000 size=5
its    MAPC collection=0 target=0
its    MAPTI device=2 event=20 intid=8195 collection=0
its    INT device=9 event=0
its    MAPTI device=2 event=20 intid=8196 collection=0
write  GICR_CTLR@0 EnableLPIs=1
its    INT device=9 event=0
"""
SCENARIO = parse(TEXT)
EXPECTED = [("command_errors", (1, 8, 11)), ("remap", (9,))]


def told(choices):
    return [(each.behaviour, each.steps) for each in choices]


def timeline(count=None):
    return Timeline(SCENARIO.machine, SCENARIO.operations[:count])


def test_a_run_lists_each_choice_once_with_its_steps():
    choices = run(SCENARIO).choices
    assert told(choices) == EXPECTED
    remap = choices[1]
    assert remap.taken == "the new mapping replaces the old"
    assert remap.alternatives == ("the old mapping stays", "neither mapping works")
    assert remap.rule == "MAPTI of an event that is mapped already (UNPREDICTABLE)"
    assert remap.cite


def test_another_implementation_lists_what_it_took():
    choices = {each.behaviour: each for each in run(SCENARIO, "kvm").choices}
    assert choices["remap"].taken == "the old mapping stays, the command has no effect"


def test_a_timeline_knows_the_same_without_telling_effects():
    assert told(timeline().choices.taken()) == EXPECTED


def test_a_timeline_that_is_looked_at_and_added_to_knows_the_same():
    line = timeline(4)
    line.at(2)
    line.step(1)
    for operation in SCENARIO.operations[4:]:
        line.append(operation)
    line.step(9)
    assert told(line.choices.taken()) == EXPECTED


def test_the_choices_up_to_a_step():
    line = timeline()
    assert told(line.choices.taken(8)) == [("command_errors", (1, 8))]
    assert told(line.choices.taken(0)) == []


def test_a_fork_goes_on_from_the_choices_of_its_steps():
    line = timeline().fork(8)
    assert told(line.choices.taken()) == [("command_errors", (1, 8))]
    line.append(SCENARIO.operations[8])
    assert told(line.choices.taken()) == [("command_errors", (1, 8)), ("remap", (9,))]
    assert told(timeline().choices.taken()) == EXPECTED


def test_a_long_list_is_cut_and_counted():
    many = parse("machine implementation=architecture\n" + "its INT device=9 event=0\n" * 30)
    [choice] = run(many).choices
    assert choice.as_dict(10)["steps"] == list(range(1, 11))
    assert choice.as_dict(10)["count"] == 30
    assert len(choice.as_dict()["steps"]) == 30
