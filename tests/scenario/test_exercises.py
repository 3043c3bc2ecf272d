"""Exercises: what reaches a goal, what breaks a rule, and what a link of one carries."""

import pytest

from app.scenario import ScenarioError, links, parse
from app.scenario.exercises import MOST_ADDED, added_lines, added_since, attempt, exercise_from
from app.scenario.lessons import LESSONS, lesson

EXERCISES = [item.exercise for item in LESSONS if item.exercise is not None]
START = "machine implementation=kvm cpus=1\nwrite GITS_CTLR 0\n"


def made(goal="GICD_CTLR.EnableGrp1 == 1", most="1 operations", only="", start=START):
    view = {"task": "Do it.", "goal": goal, "most": most} | ({"only": only} if only else {})
    return exercise_from(links.unpack(links.pack(parse(start), view=view)))


def tried(exercise, text):
    return attempt(exercise, added_lines(text, exercise.machine))


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.task[:20])
def test_a_link_carries_the_exercise_and_not_its_answer(exercise):
    link = links.unpack(exercise.payload())
    again = exercise_from(link)
    assert (again.task, again.goals, again.most, again.what, again.only) == (
        exercise.task,
        exercise.goals,
        exercise.most,
        exercise.what,
        exercise.only,
    )
    assert again.start.operations == exercise.start.operations
    assert again.answer == ""
    last = exercise.answer.strip().split("\n")[-1].split()
    assert " ".join(last) not in link.text + "".join(link.view.values())
    assert attempt(again, added_lines(exercise.answer, again.machine)).reached


def test_reading_and_words_are_free_and_writes_count():
    verdict = tried(made(), "# a thought\nread GICD_CTLR\nnote b\n\nwrite GICD_CTLR EnableGrp1=1\n")
    assert (verdict.reached, verdict.used, verdict.against) == (True, 1, ())


def test_a_goal_reached_with_too_much_is_not_reached():
    verdict = tried(made(), "write GITS_CTLR 0\nwrite GICD_CTLR EnableGrp1=1\n")
    assert verdict.goals[0].reached
    assert not verdict.reached
    assert verdict.against == ("2 operations are more than 1",)


def test_a_goal_that_is_missed_says_what_it_is_instead():
    verdict = tried(made(), "write GITS_CTLR 0\n")
    assert verdict.goals[0].got == "GICD_CTLR.EnableGrp1 is 0"
    assert not verdict.reached


def test_only_the_verbs_named_may_be_used():
    exercise = made(only="its")
    assert tried(exercise, "write GICD_CTLR EnableGrp1=1").against == (
        "write GICD_CTLR EnableGrp1=1 is not allowed here",
    )


def test_commands_are_counted_where_commands_are_bounded():
    exercise = lesson("movi-of-a-pending-lpi").exercise
    five = "its SYNC target=0\n" * 2 + exercise.answer
    assert tried(exercise, five).against == ("5 commands are more than 4",)


@pytest.mark.parametrize(
    "text", ["machine implementation=qemu", "title x", "wirte GITS_CTLR 0", "read GITS_CTLR\nits INT"]
)
def test_an_answer_that_cannot_be_read_says_where(text):
    with pytest.raises(ScenarioError, match=r"answer:\d:\d+: "):
        added_lines(text, made().machine)


def test_an_answer_is_bounded():
    with pytest.raises(ScenarioError, match=f"more than {MOST_ADDED} operations"):
        added_lines("read GITS_CTLR\n" * (MOST_ADDED + 1), made().machine)


@pytest.mark.parametrize(
    ("view", "said"),
    [
        ({}, "no goal"),
        ({"goal": "irq@0 == 1"}, "most: ''"),
        ({"goal": "irq@0 == 1", "most": "4 commands"}, "a task of 0 characters"),
        ({"goal": "\n".join(["irq@0 == 1"] * 9), "most": "4 commands", "task": "a"}, "9 goals"),
        ({"goal": "irq@0 = 1", "most": "4 commands", "task": "a"}, "a single = compares nothing"),
    ],
)
def test_a_link_without_a_whole_exercise_is_refused(view, said):
    with pytest.raises((links.LinkError, ScenarioError), match=said):
        exercise_from(links.unpack(links.pack(parse(START), view=view)))


def test_a_start_is_bounded():
    with pytest.raises(links.LinkError, match="a start of 201 operations"):
        made(start="machine implementation=kvm cpus=1\n" + "read GITS_CTLR\n" * 201)


def test_what_a_session_adds_is_what_follows_the_start():
    exercise = made()
    assert len(added_since(exercise, parse(START + "read GITS_CTLR\n"))) == 1
    assert added_since(exercise, parse("machine implementation=kvm cpus=1\nread GITS_CTLR\n")) is None
    assert added_since(exercise, parse(START.replace("kvm", "qemu"))) is None
