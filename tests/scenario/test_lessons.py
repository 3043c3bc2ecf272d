"""The built-in lessons: every expectation holds on every implementation that a lesson names."""

import re

import pytest

from app.registers import IMPLEMENTATION_NAMES
from app.scenario import ScenarioError, format_scenario, parse
from app.scenario.lessons import FOLDER, LESSONS, UnknownLesson, lesson, read_lesson
from app.scenario.operations import Expect, Note
from app.scenario.runner import answer, run

EACH = pytest.mark.parametrize("item", LESSONS, ids=lambda item: item.slug)


def test_the_first_two_lessons():
    assert [item.slug for item in LESSONS][:2] == ["ptz-reads-as-zero", "pending-bits-come-back"]
    assert lesson("ptz-reads-as-zero").title == "PTZ reads as zero"
    with pytest.raises(UnknownLesson, match="ptz-reads-as-zero"):
        lesson("ptz")


@EACH
def test_every_expectation_holds_where_the_lesson_says_so(item):
    scenario = parse(item.text)
    for name in item.on:
        played = run(scenario, name)
        assert played.failed == 0, [answer(one.step) for one in played.played]
        assert len(played.asked) >= 3, name
        assert not [one.step.text for one in played.played if one.step.refused]


@EACH
def test_the_file_as_a_whole_is_a_scenario(item):
    text = (FOLDER / f"{item.slug}.gic").read_text(encoding="utf-8")
    whole = parse(text)
    assert whole.lines == parse(item.text).lines
    assert whole.title == item.title
    assert format_scenario(whole) == text, "a lesson is kept as the formatter writes it"


@EACH
def test_a_lesson_explains_and_asks(item):
    operations = parse(item.text).operations
    assert len([op for op in operations if isinstance(op, Note)]) >= 3
    assert any(isinstance(op, Expect) for op in operations)
    assert len(item.prose) > 400
    assert re.search(r"IHI 0069", item.prose)
    assert set(item.on) <= set(IMPLEMENTATION_NAMES)


def test_ptz_differs_where_it_did_in_the_world():
    """KVM 6.1 (recorded, section a1) and the manual read zero; before 5.6, and in QEMU 7.2 (recorded), as written."""
    scenario = parse(lesson("ptz-reads-as-zero").text)
    reads = {}
    for name in IMPLEMENTATION_NAMES:
        steps = [one.step for one in run(scenario, name).played]
        reads[name] = next(step.value for step in steps if step.text == "read   GICR_PENDBASER@0") >> 62
    assert reads == {"architecture": 0, "kvm": 0, "kvm-before-5.6": 1, "qemu": 1}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("title A\n", "no front matter"),
        ("---\ntitle: A\n---\n", "not closed"),
        ("---\ntitle: A\n---\nprose\n---\nnote\n", "no summary"),
        ("---\nttl: A\n---\nprose\n---\nnote\n", "x.gic:2:1: 'ttl: A' in the front matter"),
    ],
)
def test_front_matter_that_cannot_be_read(text, said):
    with pytest.raises(ScenarioError, match=said):
        read_lesson("x", text)
