"""The built-in lessons: every expectation holds on every implementation, every question and goal has its answer."""

import re
from itertools import pairwise

import pytest

from app.registers import IMPLEMENTATION_NAMES
from app.scenario import ScenarioError, parse
from app.scenario.exercises import added_lines, attempt
from app.scenario.format import format_line
from app.scenario.lesson_parts import Prose, Question, Steps
from app.scenario.lessons import FOLDER, LESSONS, UnknownLesson, lesson, read_lesson
from app.scenario.operations import Save
from app.scenario.runner import answer, run

EACH = pytest.mark.parametrize("item", LESSONS, ids=lambda item: item.slug)
HEAD = "---\ntitle: A\nsummary: B\nregister: GITS_CTLR\nabout: c\ndiagram: d\n---\n"
STEPS = "```gic\nmachine implementation=kvm cpus=1\nread GITS_CTLR\nexpect GITS_CTLR.Enabled == 0\n```\n"


def test_the_lessons_there_are():
    assert [item.slug for item in LESSONS][:2] == ["ptz-reads-as-zero", "the-high-half"]
    assert len(LESSONS) == 20
    assert sum(item.slug.startswith("story-") for item in LESSONS) == 5
    assert lesson("ptz-reads-as-zero").title == "PTZ reads as zero"
    with pytest.raises(UnknownLesson, match="did you mean why-inv"):
        lesson("why-in")


@EACH
def test_every_expectation_holds_on_every_implementation(item):
    for name in IMPLEMENTATION_NAMES:
        played = run(item.scenario, name)
        assert played.failed == 0, [answer(one.step) for one in played.played]
        assert len(played.asked) >= 3, name
        # Only KVM has the VMM's calls; all else that a lesson does must be possible everywhere.
        refused = [one.step.text for one in played.played if one.step.refused and not isinstance(one.step.op, Save)]
        assert refused == []
        assert not [one for one in played.played if one.step.refused and name.startswith("kvm")]


@EACH
def test_a_lesson_explains_asks_and_says_what_differs(item):
    questions = [part for part in item.parts if isinstance(part, Question)]
    assert questions
    assert all(len(question.choices) >= 2 for question in questions)
    assert isinstance(item.parts[0], Prose)
    assert item.parts[0].text == item.prose
    assert re.search(r"IHI 0069", "".join(part.text for part in item.parts if isinstance(part, Prose)))
    assert "; " not in item.about
    title = next(line.content.text for line in item.scenario.lines if hasattr(line.content, "text"))
    assert title == item.title


@EACH
def test_steps_are_kept_as_the_formatter_writes_them(item):
    rows = (FOLDER / f"{item.slug}.md").read_text(encoding="utf-8").split("\n")
    spec = item.scenario.machine
    for line in item.scenario.lines:
        if line.content is not None or line.comment is not None:
            assert rows[line.number - 1] == format_line(line, spec)
    assert parse(item.text).operations == item.scenario.operations


@EACH
def test_steps_cover_the_scenario_without_gap(item):
    steps = [part for part in item.parts if isinstance(part, Steps)]
    assert steps[0].first == 1
    assert steps[-1].last == len(item.scenario.operations)
    assert all(one.last + 1 == two.first for one, two in pairwise(steps))


def test_the_answer_of_a_question_is_what_the_machine_does():
    """KVM 6.1 (recorded, section a1) and the manual read zero; before 5.6, and in QEMU 7.2 (recorded), as written."""
    question = next(part for part in lesson("ptz-reads-as-zero").parts if isinstance(part, Question))
    assert question.answers == {"architecture": "0", "kvm": "0", "kvm-before-5.6": "1", "qemu": "1"}
    scenario = lesson("ptz-reads-as-zero").scenario
    for name, told in question.answers.items():
        step = run(scenario, name).played[question.seq - 1].step
        got = step.expectation.got_text if step.expectation.asked else None
        assert got in (told, None)


EXERCISES = [item for item in LESSONS if item.exercise is not None]


@pytest.mark.parametrize("item", EXERCISES, ids=lambda item: item.slug)
def test_the_model_answer_reaches_the_goal_and_nothing_at_all_does_not(item):
    exercise = item.exercise
    verdict = attempt(exercise, added_lines(exercise.answer, exercise.machine))
    assert verdict.reached, verdict
    assert not attempt(exercise, ()).reached
    # One operation less is too few, unless what is left out is not needed: then the answer is not the shortest.
    shorter = added_lines(exercise.answer, exercise.machine)[:-1]
    assert not attempt(exercise, shorter).reached


def test_there_are_exercises():
    assert len(EXERCISES) >= 4


def whole(text):
    item = read_lesson("x", text)
    return item.parts, item.exercise


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("title A\n", r"x\.md:1:1: no front matter"),
        ("---\ntitle: A\n", r"x\.md:3:1: the front matter is not closed"),
        ("---\ntitle: A\n---\nprose\n", r"x\.md:3:1: the front matter has no summary"),
        ("---\ntitel: A\n---\nprose\n", r"x\.md:2:1: 'titel: A' in the front matter.*did you mean title"),
        ("---\ntitle:\n---\nprose\n", r"x\.md:2:7: title says nothing"),
        (HEAD + "prose\n", r"a lesson without steps"),
        (HEAD + "```gik\n```\n", r"x\.md:8:4: a block of 'gik'.*did you mean gic"),
        (HEAD + "```gic\nread GITS_CTLR\n", r"x\.md:8:1: a block that is not closed"),
        (HEAD + "words\n\n```gic\nnote a\nread GITS_CTRL\n```\n", r"x\.md:12:6: unknown register GITS_CTRL"),
        (HEAD + "```question\nWhat?\nask: GITS_CTLR\n```\n" + STEPS, r"x\.md:10:6: the next steps do not expect"),
        (HEAD + "```question\nWhat?\nask: GITS_CTLR.On\n```\n" + STEPS, r"x\.md:10:16: unknown field of GITS_CTLR On"),
        (HEAD + "```question\nWhat?\n```\n" + STEPS, r"x\.md:9:1: a question that asks nothing; expected ask: TERM"),
        (HEAD + "```question\nask: GITS_CTLR.Enabled\n```\n" + STEPS, "the question in words"),
        (HEAD + "```question\nWhat?\nask: GITS_CTLR.Enabled\nhow: no\n```\n" + STEPS, r"x\.md:11:1: 'how: no' in a"),
        (HEAD + STEPS + "```question\nWhat?\nask: stalled\n```\n", r"x\.md:14:1: a question with no steps after it"),
        (
            HEAD + "```question\nWhat?\nask: GITS_CTLR.Enabled\nchoices: 2, 3, 4, 5\n```\n" + STEPS,
            "6 choices; expected at most 5",
        ),
        (HEAD + STEPS + "```exercise\ntask: a\n```\n", r"x\.md:14:1: an exercise without start"),
        (
            HEAD + STEPS + "```exercise\ntask: a\ngoal: irq@9 == 1\nmost: 4 commands\n```\n```start\nnote a\n```\n"
            "```answer\nnote b\n```\n",
            r"x\.md:15:11: ",
        ),
        (
            HEAD + STEPS + "```exercise\ntask: a\ngoal: irq@0 == 1\nmost: four\n```\n```start\nnote a\n```\n"
            "```answer\nnote b\n```\n",
            "most: 'four'; expected as '4 commands'",
        ),
    ],
)  # fmt: skip
def test_a_lesson_that_cannot_be_read_says_where(text, said):
    with pytest.raises(ScenarioError) as caught:
        whole(text)
    assert re.search(said, str(caught.value)), str(caught.value)


def test_a_line_of_one_implementation_leaves_a_question_without_an_answer_on_the_others():
    text = HEAD + "```question\nWhat?\nask: GITS_CTLR.Enabled\n```\n" + STEPS.replace("== 0", "== 0 on=kvm")
    with pytest.raises(ScenarioError, match=r"do not expect GITS_CTLR.Enabled on architecture, kvm-before-5.6, qemu"):
        assert read_lesson("x", text).parts
