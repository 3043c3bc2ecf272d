"""One scenario on several machines: what differs, where first, and the named behaviour that parts them."""

import itertools

import pytest

from app.engines import explain
from app.engines.compare import compare
from app.engines.explain import How
from app.engines.matrix import rows
from app.engines.model import LIVE_QEMU
from app.registers import IMPLEMENTATION_NAMES
from app.scenario import parse

PTZ = """machine implementation=kvm cpus=2
read   GICR_PENDBASER@1
write  GICR_PENDBASER@0 0x4000000040210780
read   GICR_PENDBASER@0
read   GICD_TYPER2
"""
READY = """machine implementation=kvm cpus=2
poke   0x40200003 a1a1
write  GICR_PROPBASER@0 Physical_Address=0x40200000 IDbits=15
write  GICR_PENDBASER@0 Physical_Address=0x40210000
write  GICR_PROPBASER@1 Physical_Address=0x40200000 IDbits=15
write  GICR_PENDBASER@1 Physical_Address=0x40220000
its    MAPD device=2 itt=0x40300000 size=5
its    MAPC collection=0 target=0
its    MAPC collection=1 target=1
its    MAPTI device=2 event=20 intid=8195 collection=0
write  GICD_CTLR EnableGrp1=1
write  ICC_PMR_EL1@0 0xff
write  ICC_IGRPEN1_EL1@0 1
write  ICC_PMR_EL1@1 0xff
write  ICC_IGRPEN1_EL1@1 1
write  GICR_CTLR@0 EnableLPIs=1
write  GICR_CTLR@1 EnableLPIs=1
"""

BUSY = """its INT device=2 event=20
write GICR_CTLR@0 EnableLPIs=0
its MAPTI device=2 event=21 intid=8196 collection=1
poke 0x40220400 18
write GICR_CTLR@1 EnableLPIs=1
its INVALL collection=0
its MOVI device=2 event=21 collection=0
write GICD_CTLR EnableGrp1=0
write GICD_CTLR EnableGrp1=1
write GICR_CTLR@0 EnableLPIs=1
its DISCARD device=2 event=21
read GITS_CTLR
ack @0
ack @1
"""


def told(text, *names, **settings):
    return compare(parse(text), names or IMPLEMENTATION_NAMES, **settings)


def keys(step, name):
    return [row.key for row in step.reasons[name].rows]


def test_what_differs_is_told_step_by_step():
    found = told(PTZ, "architecture", "kvm", "kvm-before-5.6")
    assert [sorted(step.differs) for step in found.steps] == [["kvm", "kvm-before-5.6"], [], ["kvm-before-5.6"], []]
    assert [step.seq for step in found.divergences] == [1, 3]
    assert found.first().seq == 1
    assert found.first("kvm-before-5.6").seq == 1
    assert found.count("kvm-before-5.6") == 2
    assert found.steps[2].answers["kvm"].value == 0x4021_0780
    assert found.steps[2].answers["kvm-before-5.6"].value == 0x4000_0000_4021_0780


def test_each_difference_has_the_behaviour_that_caused_it_with_its_source():
    found = told(PTZ, "architecture", "kvm", "kvm-before-5.6")
    assert keys(found.steps[0], "kvm") == ["gicr_pendbaser_reset"]
    reason = found.steps[2].reasons["kvm-before-5.6"]
    assert (reason.how, [row.key for row in reason.rows]) == (How.ALONE, ["ptz"])
    assert reason.shown
    assert "Linux 5.6" in reason.rows[0].values["kvm-before-5.6"].cite


def test_all_agree():
    found = told("read GICD_CTLR\nits MAPC collection=0 target=0\nread GICD_TYPER2\n")
    assert found.divergences == ()
    assert found.first() is None
    assert not any(step.reasons for step in found.steps)


def test_another_reference_turns_it_round():
    found = told(PTZ, "architecture", "kvm", "kvm-before-5.6", reference="kvm-before-5.6")
    assert found.steps[2].differs == {"architecture", "kvm"}
    assert keys(found.steps[2], "kvm") == ["ptz"]


def test_a_signalled_interrupt_is_an_answer_too():
    found = told(READY + "its INT device=2 event=20\nits MAPC collection=0 target=1\n", "architecture", "kvm")
    [last] = found.divergences
    assert last.seq == len(found.steps)
    assert last.answers["kvm"].signals == ((0, None), (1, 8195))
    assert last.answers["architecture"].signals == ()
    assert keys(last, "kvm") == ["collection_move"]


def test_a_refusal_differs_by_its_errno_and_not_by_its_words():
    found = told("uread GICR_CTLR@0\n", "architecture", "qemu", "kvm")
    [step] = found.steps
    assert step.differs == {"kvm"}
    assert step.answers["architecture"].refused != step.answers["qemu"].refused
    assert keys(step, "kvm") == ["doors"]


def test_what_follows_from_a_difference_has_the_same_reason():
    text = READY + "its MAPTI device=2 event=20 intid=8196 collection=1\nits INT device=2 event=20\nack @1\nack @0\n"
    found = told(text, "architecture", "kvm")
    assert len(found.divergences) == 3
    assert {tuple(keys(step, "kvm")) for step in found.divergences} == {("remap",)}


def test_two_that_answer_alike_are_explained_once(monkeypatch):
    made = []

    class Counted(explain.Pair):
        def __init__(self, *arguments):
            made.append(arguments[3][0])
            super().__init__(*arguments)

    monkeypatch.setattr("app.engines.compare.Pair", Counted)
    found = told(READY + "its MAPC collection=0 target=1\nread GITS_CTLR\n", "architecture", "kvm", "kvm-before-5.6")
    assert made == ["kvm"]
    assert found.divergences[0].reasons["kvm"] == found.divergences[0].reasons["kvm-before-5.6"]


def test_a_budget_that_is_used_up_names_what_fits_and_does_not_claim_more(monkeypatch):
    monkeypatch.setattr(explain, "MOST_REPLAYED", 0)
    monkeypatch.setattr(explain.Budget, "__init__", lambda self: setattr(self, "left", 0))
    found = told(READY + "its INT device=2 event=20\nits MAPC collection=0 target=1\n", "architecture", "kvm")
    reason = found.divergences[-1].reasons["kvm"]
    assert not reason.shown
    assert "collection_move" in [row.key for row in reason.rows]


def test_without_explanation_nothing_is_played_again():
    found = told(PTZ, "architecture", "kvm", explain=False)
    assert found.divergences
    assert not any(step.reasons for step in found.steps)


def test_choices_are_listed_for_each():
    found = told("machine implementation=kvm\nits INT device=9 event=0\nits INT device=8 event=0\n")
    for name in IMPLEMENTATION_NAMES:
        assert [(each.behaviour, each.steps) for each in found.choices[name]] == [("command_errors", (1, 2))]


@pytest.mark.parametrize("row", [row for row in rows() if row.differs], ids=lambda row: row.key)
def test_comparing_the_scenario_of_a_row_names_that_row(row):
    """For one pair at least: for another pair a neighbour may be the reason, as KVM never stalls."""
    named = set()
    for one, other in itertools.combinations(("kvm", "architecture", "qemu", "kvm-before-5.6"), 2):
        if row.parts(one, other) and row.key not in named:
            found = compare(row.scenario, (one, other))
            named |= {each.key for step in found.divergences for each in step.reasons[other].rows}
    assert row.key in named


def test_nearly_every_difference_of_arbitrary_steps_is_shown_by_playing_again():
    found = told(READY + BUSY, "architecture", "kvm", "qemu")
    reasons = [step.reasons[name] for step in found.divergences for name in step.differs]
    assert len(reasons) > 5
    assert all(reason.rows for reason in reasons)
    assert sum(reason.shown for reason in reasons) > len(reasons) / 2


@pytest.mark.live
def test_a_live_qemu_is_told_what_it_can_and_is_explained_as_the_model():
    text = PTZ + "ack @0\nexpect irq@0 == 1\n"
    found = told(text, "architecture", "qemu", LIVE_QEMU)
    live = [step.answers[LIVE_QEMU] for step in found.steps]
    assert [answer.available for answer in live] == [True, True, True, True, False, False]
    assert found.steps[4].answers[LIVE_QEMU].refused.startswith("not available")
    assert LIVE_QEMU not in found.steps[4].differs
    assert keys(found.steps[2], LIVE_QEMU) == keys(found.steps[2], "qemu") == ["ptz"]
    assert found.missed == 5
