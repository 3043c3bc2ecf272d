"""The rules: each finds its example and nothing else; lessons have what they mean to show; a good boot has nothing."""

from dataclasses import replace
from pathlib import Path

import pytest

from app.review.review import review, review_of
from app.review.rules import EXAMPLES, MARK, RULES, example
from app.scenario import parse
from app.scenario.lessons import LESSONS
from app.scenario.scenario import line_operation
from tests.exchange.importing import imported, scenario
from tests.review.intended import INTENDED

ROOT = Path(__file__).resolve().parents[2]
BEHAVIOURS = sorted((ROOT / "app" / "behaviours").glob("*.gic"))
CORPUS = ROOT / "tests" / "corpora" / "linux-6.1-boot-qemu-7.2.trace.gz"
TABLES = (
    "write GICR_PROPBASER@0 Physical_Address=0x40200000 IDbits=15\nwrite GICR_PENDBASER@0 Physical_Address=0x40210000\n"
)
MAPPED = (
    f"machine cpus=2\n{TABLES}write GICR_CTLR@0 EnableLPIs=1\nits MAPC collection=1 target=0\n"
    "its MAPD device=2 itt=0x40300000 size=5\nits MAPTI device=2 event=20 intid=8195 collection=1\n"
    "its MAPTI device=2 event=21 intid=8196 collection=1\nits SYNC target=0\n"
)


def found(text):
    """(step, slug) of each finding in a text."""
    return [(each.step, each.rule.slug) for each in review(parse(text)).findings]


def slugs(text):
    return [slug for _, slug in found(text)]


def test_every_rule_has_an_example_and_every_example_a_rule():
    assert {path.stem for path in EXAMPLES.glob("*.gic")} == set(RULES)


@pytest.mark.parametrize("slug", RULES)
def test_the_example_of_a_rule_has_that_one_finding_where_it_says(slug):
    story = parse(example(slug))
    assert story.title == RULES[slug].name
    operations = [line for line in story.lines if line_operation(line) is not None]
    [marked] = [at for at, line in enumerate(operations, 1) if (line.comment or "").strip() == MARK]
    assert found(example(slug)) == [(marked, slug)]


@pytest.mark.parametrize("slug", RULES)
def test_without_its_fault_nothing_is_found(slug):
    story = parse(example(slug))
    mended = replace(story, lines=tuple(line for line in story.lines if (line.comment or "").strip() != MARK))
    assert not review(mended).findings


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.slug)
def test_every_rule_says_what_is_wrong_and_what_would_be_right(rule):
    assert all((rule.name, rule.cite, rule.why, rule.mend))
    assert rule.why.endswith(".")
    assert rule.mend.endswith(".")


@pytest.mark.parametrize("path", BEHAVIOURS, ids=lambda path: path.stem)
def test_a_behaviour_has_the_findings_that_it_is_about(path):
    assert found(path.read_text()) == INTENDED.get(path.stem, [])


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.slug)
def test_a_lesson_has_the_findings_that_it_is_about(lesson):
    told = [(each.step, each.rule.slug) for each in review(lesson.scenario).findings]
    assert told == INTENDED.get(lesson.slug, [])


def test_nothing_is_wrong_in_a_boot_of_linux(tmp_path):
    """A log of a kernel that works, on the implementation it ran on: whatever is found there would be a false alarm."""
    story = scenario(imported(tmp_path, CORPUS.read_bytes()), steps=1 << 30, characters=1 << 30)
    told = review(story)
    assert told.steps == 34_881
    assert not told.findings


def test_the_same_again_is_told_once():
    [finding] = review(parse(f"machine cpus=2\n{TABLES}write GICR_CTLR@0 EnableLPIs=1\n"
                             + "write GICR_PENDBASER@0 Physical_Address=0x40220000\n" * 30)).findings  # fmt: skip
    assert (finding.step, finding.count, finding.again) == (4, 30, "and at 29 more steps")
    assert finding.steps == tuple(range(4, 20))


def test_findings_of_many_objects_are_counted_not_listed(monkeypatch):
    monkeypatch.setattr("app.limits.FINDINGS_PER_REVIEW", 3)
    told = review(parse("machine\n" + "".join(f"msi device=1 event={n}\n" for n in range(10))))
    assert (len(told.findings), told.left_out) == (3, 7)


@pytest.mark.parametrize(
    "after",
    [
        "its INV device=2 event=20\n",
        "its INVALL collection=1\n",
        "its DISCARD device=2 event=20\n",
        "poke 0x40200003 00\nits INV device=2 event=20\n",
    ],
)
def test_what_makes_a_changed_configuration_known(after):
    assert slugs(f"{MAPPED}poke 0x40200003 a1\n") == ["configuration-without-inv"]
    assert not slugs(f"{MAPPED}poke 0x40200003 a1\n{after}")


def test_inv_of_another_event_leaves_it_stale():
    assert slugs(f"{MAPPED}poke 0x40200003 a1\nits INV device=2 event=21\n") == ["configuration-without-inv"]


def test_the_configuration_of_an_lpi_that_nobody_uses_may_change():
    assert not slugs(f"{MAPPED}poke 0x40200007 a1\n")
    assert not slugs(f"machine cpus=2\n{TABLES}poke 0x40200003 a1\n")


def test_a_pending_table_of_two_cpus_overlaps():
    text = TABLES + TABLES.replace("@0", "@1")
    [finding] = review(
        parse(f"machine cpus=2\n{text}write GICR_CTLR@0 EnableLPIs=1\nwrite GICR_CTLR@1 EnableLPIs=1\n")
    ).findings
    assert (finding.step, finding.rule.slug) == (6, "tables-overlap")
    assert finding.says == "the pending table of CPU 0 and the pending table of CPU 1 overlap at 0x40210000"


def test_a_review_goes_on_from_a_state_that_was_moved():
    assert not slugs(f"{MAPPED}save its-tables\nmigrate\nmsi device=2 event=20\n")
    assert slugs(f"{MAPPED}migrate\nmsi device=2 event=20\n") == ["unmapped-event"]  # the tables were not saved


def test_nothing_at_all_is_reviewed():
    story = parse("machine\n")
    assert review_of(story.machine, story.operations).steps == 0


def test_a_recorded_answer_is_compared_on_the_implementation_asked_for():
    story = parse(example("answer-differs"))
    assert not review(story, "kvm-before-5.6").findings
    [finding] = review(story, "kvm").findings
    assert finding.says == "recorded == 1, on kvm read GICR_PENDBASER@0.PTZ gave 0"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((0x0B | 5 << 32, 20, 1, 0), []),
        ((0x0B | 5 << 32, 20 | 8195 << 32, 1, 0), ["[45] [33:32]"]),
        ((0x0B | 5 << 32 | 1 << 8, 20, 1, 1), ["[8], DW3 [0]"]),
        ((0x29, 1 << 5, 0, 0), []),
    ],
)
def test_which_bits_of_a_command_are_reserved(words, told):
    packet = b"".join(word.to_bytes(8, "little") for word in words).hex()
    lines = example("command-res0").split("poke", 1)[0] + f"poke 0x41000000 {packet}\nwrite GITS_CWRITER 0x20\n"
    findings = [each for each in review(parse(lines)).findings if each.rule.slug == "command-res0"]
    assert len(findings) == len(told)
    assert all(part in each.says for each, part in zip(findings, told, strict=True))
