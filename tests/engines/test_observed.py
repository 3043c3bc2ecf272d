"""What a real KVM and a real QEMU answered to the lessons, beside what the model answers."""

from dataclasses import replace

import pytest

from app.engines.observed import FOLDER, Observed, Recording, digest, recordings, told_by
from app.scenario import parse
from app.scenario.lessons import LESSONS, lesson
from app.scenario.operations import Expect
from app.scenario.player import Player

EACH = pytest.mark.parametrize("item", LESSONS, ids=lambda item: item.slug)


def played(item, side, recording):
    """The model's steps, and where QEMU told another highest priority pending interrupt than the model."""
    player = Player(item.scenario.machine.on(side))
    steps, parted = [], []
    for seq, op in enumerate(item.scenario.operations, 1):
        steps.append(told_by(player.apply(op)))
        seen = recording.steps.get(seq)
        if seen is not None and seen.hppi is not None:
            best = [player.machine.hppi(cpu) for cpu in range(player.machine.cpus)]
            mine = tuple(None if one is None else one[0] for one in best)
            if mine != seen.hppi:
                parted.append((seq, seen.hppi, mine))
    return steps, parted


@EACH
def test_the_model_answers_as_the_real_ones_did(item):
    real = recordings(item.scenario)
    assert set(real) == {"kvm", "qemu"}, "the steps have changed: record the lesson again (docs/record_lessons.py)"
    for side, recording in real.items():
        steps, parted = played(item, side, recording)
        assert [*recording.differences(steps), *parted] == [], side


@EACH
def test_a_recording_says_of_what_and_when_and_has_what_a_lesson_shows(item):
    real = recordings(item.scenario)
    assert real["kvm"].of == "Linux 6.1.192 KVM"
    assert real["qemu"].of == "QEMU 7.2.22"
    assert all(recording.date >= "2026-11-22" for recording in real.values())
    operations = item.scenario.operations
    assert all(recording.until == len(operations) for recording in real.values())
    asked = [seq for seq, op in enumerate(operations, 1) if isinstance(op, Expect)]
    for side, recording in real.items():
        assert all(recording.steps[seq].got is not None for seq in asked), side


def test_every_recording_is_of_a_lesson_that_there_is():
    assert {path.stem for path in FOLDER.glob("*.json")} == {item.slug for item in LESSONS}


def test_another_answer_is_found():
    item = lesson("ptz-reads-as-zero")
    recording = recordings(item.scenario)["kvm"]
    steps, _ = played(item, "kvm-before-5.6", recording)
    assert [seq for seq, *_ in recording.differences(steps)][:2] == [8, 9]
    wrong = Recording("x", "y", 17, {17: Observed(got="0"), 9: Observed(refused="EBUSY")})
    steps, _ = played(item, "kvm", recording)
    assert list(wrong.differences(steps)) == [(17, "0", "1"), (9, "EBUSY", "done")]


def test_a_scenario_is_known_by_what_it_does():
    scenario = lesson("ptz-reads-as-zero").scenario
    text = lesson("ptz-reads-as-zero").text
    assert digest(parse(text.replace("implementation=kvm", "implementation=qemu"))) == digest(scenario)
    assert digest(parse(text.replace("0xa1", "a1").replace("title  PTZ", "title  Another"))) == digest(scenario)
    assert recordings(parse(text + "read GITS_CTLR\n")) == {}
    assert recordings(parse(text.replace("cpus=2", "cpus=3"))) == {}


def test_a_recording_that_ends_early_says_where():
    recording = recordings(lesson("why-inv").scenario)["qemu"]
    assert recording.words(22) == "QEMU 7.2.22, 2026-11-22"
    assert replace(recording, until=20).words(22) == "QEMU 7.2.22 up to step 20, 2026-11-22"
