"""What a link remembers of its scenario, and what is said when a later model does something else."""

from dataclasses import replace

import pytest

from app.gic import IMPLEMENTATIONS, Machine
from app.gic.lpi_behaviours import MappingPending
from app.scenario import MachineSpec, Player, links, parse
from app.scenario.record import MOST_STATES, Record, drift, record, words

TEXT = """\
title What this shows
machine implementation=kvm cpus=2
# the tables
poke 0x40200003 a1
write GICR_PROPBASER@0 Physical_Address=0x40200000 IDbits=15
write GICR_PENDBASER@0 PTZ=1 Physical_Address=0x40210000
write GICD_CTLR EnableGrp1=1
write ICC_PMR_EL1@0 0xff
write ICC_IGRPEN1_EL1@0 1
write GICR_CTLR@0 EnableLPIs=1
its MAPD device=2 itt=0x40300000 size=5
its MAPC collection=0 target=0
its MAPTI device=2 event=20 intid=8195 collection=0
msi device=2 event=20
expect irq@0 == 1
ack @0
read GICR_PENDBASER@0
expect value == 0x40210180 on=kvm
uread its:0x7
"""
SCENARIO = parse(TEXT)


def on(implementation, spec=SCENARIO.machine):
    """A player of a machine that behaves otherwise."""
    return Player(spec, Machine(implementation=implementation, cpus=spec.cpus, spis=spec.spis))


def compared(implementation, scenario=SCENARIO):
    """What a link made now says where the model has become `implementation`."""
    link = links.unpack(links.pack(scenario, record=record(scenario, "0.1.0")))
    read = link.scenario()
    return drift(read, link.record, record(read, "0.2.0", on(implementation)))


def test_a_record_keeps_what_shows_outside_and_nobody_would_expect():
    told = record(SCENARIO, "0.1.0")
    assert told.model == "0.1.0"
    assert [(seq, words(text)) for seq, text in enumerate(told.answers, 1) if text] == [
        (3, "reads 0x40210580 afterwards"),
        (5, "reads 0xf8 afterwards"),
        (11, "CPU 0: INTID 8195 signalled"),
        (12, "held"),
        (13, "8195, CPU 0: nothing signalled"),
        (14, "0x40210580"),
        (15, "did not hold (it is 0x40210580)"),
        (16, "refused with EINVAL"),
    ]
    assert record(SCENARIO, "0.1.0") == told


def test_the_same_model_answers_the_same():
    assert compared(IMPLEMENTATIONS["kvm"]) is None


def test_a_read_that_gives_another_value_is_shown_with_both():
    found = compared(replace(IMPLEMENTATIONS["kvm"], registers="kvm-before-5.6"))
    assert (found.model, found.first.seq, found.first.line) == ("0.1.0", 3, 6)
    assert found.first.text == "write GICR_PENDBASER@0 PTZ=1 Physical_Address=0x40210000"
    assert (found.first.then, found.first.now) == (
        "reads 0x40210580 afterwards",
        "reads back as it was written",
    )
    assert [step.seq for step in found.steps] == [3, 14, 15]
    assert (found.steps[1].then, found.steps[1].now) == ("0x40210580", "0x4000000040210580")


def test_a_counterfactual_behaviour_is_noticed_where_it_first_shows():
    """`kvm` as it would be if MAPTI left a pending bit in RAM alone."""
    text = TEXT.replace("poke 0x40200003 a1\n", "poke 0x40200003 a1\npoke 0x40210400 08\n")
    found = compared(replace(IMPLEMENTATIONS["kvm"], mapping_pending=MappingPending.LEAVES), parse(text))
    assert found.first.text == "its MAPTI device=2 event=20 intid=8195 collection=0"
    assert (found.first.then, found.first.now) == ("CPU 0: INTID 8195 signalled", "was carried out")
    assert [step.text for step in found.steps[1:]] == ["msi device=2 event=20"]


def test_another_state_that_no_answer_shows_is_placed_too():
    """What `qemu` writes to the ITS tables in RAM is not what `kvm` keeps: no line above reads it."""
    lines = ["its MAPD device=2 itt=0x40300000 size=5", "note nobody looks", "its MAPC collection=0 target=0"]
    scenario = parse("machine implementation=kvm\n" + "\n".join(lines) + "\n")
    then = record(scenario, "0.1.0")
    changed = Record("0.2.0", then.answers, bytes([then.states[0] ^ 1]) + then.states[1:])
    found = drift(scenario, then, changed)
    assert found.steps == ()
    assert (found.state.seq, found.state_after, found.first) == (1, 0, found.state)
    assert f"{then.states[0]:02x}" in found.state.then
    last = Record("0.2.0", then.answers, then.states[:-1] + bytes([then.states[-1] ^ 1]))
    assert (drift(scenario, then, last).state.seq, drift(scenario, then, last).state_after) == (3, 1)
    assert record(scenario, "", on(IMPLEMENTATIONS["qemu"], scenario.machine)).states[0] != then.states[0]


def test_every_observable_part_of_the_machine_is_hashed():
    def states(*lines):
        return record(parse("\n".join(lines) + "\n"), "").states

    setup = ["its MAPD device=2 itt=0x40300000 size=5", "its MAPC collection=0 target=0"]
    same = states(*setup, "poke 0x40000000 00")
    for last in (
        "poke 0x40000000 01",
        "poke 0x40000001 01",
        "write GICD_ISENABLER1 1",
        "write ICC_PMR_EL1@1 0xff",
        "irq 40 level=1",
        "its MAPC collection=1 target=0",
        "its MAPTI device=2 event=1 intid=8195 collection=0",
        "its MAPTI device=2 event=2 intid=8195 collection=0",
    ):
        assert states(*setup, last)[-4:] != same[-4:], last


def test_a_long_scenario_is_hashed_now_and_then_and_always_at_its_end():
    scenario = parse("poke 0x40000000 01\nexpect irq@0 == 0\n" * 300)
    told = record(scenario, "")
    assert len(told.states) < MOST_STATES + 4
    other = parse("poke 0x40000000 01\nexpect irq@0 == 0\n" * 299 + "poke 0x40000000 02\nexpect irq@0 == 0\n")
    assert record(other, "").states[:-4] == told.states[:-4]
    assert record(other, "").states[-4:] != told.states[-4:]


@pytest.mark.parametrize("foreign", [Record("9", (), b""), Record("9", ("",) * 3, b"x"), Record("9", ("",) * 16, b"")])
def test_a_record_of_another_scenario_says_nothing(foreign):
    assert drift(SCENARIO, foreign, record(SCENARIO, "")) is None


def test_a_scenario_of_no_operations_has_an_empty_record():
    told = record(parse("title A\n"), "1")
    assert links.unpack(links.pack("title A\n", record=told)).record == told
    assert record(parse("machine cpus=1\nnote a\n"), "1") == Record("1", ("",), b"")
    assert MachineSpec() == parse("").machine
