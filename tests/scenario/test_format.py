"""Formatting: one spelling for each operation, and nothing lost on the way through text."""

import dataclasses
import typing

from hypothesis import Phase, given, settings

from app.scenario import Operation, format_scenario, operations, parse
from app.scenario.links import shortest
from tests.scenario import strategies
from tests.scenario.strategies import scenarios


@settings(max_examples=200, deadline=None)
@given(scenarios())
def test_a_formatted_scenario_parses_to_itself(scenario):
    text = format_scenario(scenario)
    assert parse(text) == scenario
    assert format_scenario(parse(text)) == text


@settings(max_examples=100, deadline=None)
@given(scenarios())
def test_the_shortest_spelling_parses_to_the_same_scenario_without_a_lesson_s_prose(scenario):
    assert parse(shortest(scenario)) == dataclasses.replace(scenario, preamble="")


def drawn(strategy, count):
    """The same `count` values in every run."""
    found = []

    @settings(max_examples=count, deadline=None, derandomize=True, database=None, phases=[Phase.generate])
    @given(strategy)
    def draw(value):
        found.append(value)

    draw()
    return found


def test_the_scenarios_above_hold_every_operation_term_and_everything_that_one_can_say():
    """So that a verb, a term or an operand that is new is not left out of the round trip."""
    expectations = drawn(strategies.expectations(), 400)
    seen = [op for each in strategies.EACH_OPERATION for op in drawn(each, 80)]
    seen += expectations + drawn(strategies.secure_accesses(), 80)
    said = {(type(op), field.name) for op in seen for field in dataclasses.fields(op) if getattr(op, field.name)}
    possible = {(kind, field.name) for kind in typing.get_args(Operation) for field in dataclasses.fields(kind)}
    assert possible == said
    terms = {type(op.term) for op in expectations}
    assert terms == set(typing.get_args(operations.Term))


def test_comments_and_notes_survive_byte_for_byte():
    written = [
        "#!not a space after the sign",
        "#\ttab, and two blanks at the end  ",
        "read   GICR_PENDBASER@0                          #   three before, one after ",
        "note   What?  # not a comment, ¿שלום? e\u0301 \u00a0\u200d  ",
        "note   \u00a0begins with a no-break space",
        "#",
        "",
    ]
    text = "\n".join(written)
    assert format_scenario(parse(text)) == text
    assert [line.comment for line in parse(shortest(parse(text))).lines] == [line.comment for line in parse(text).lines]


def test_formatting_aligns_the_verb_and_the_comment():
    text = "read   GICR_PENDBASER@0   #   what now?\n\n# alone\nnote What?  # not a comment\n"
    assert format_scenario(parse(text)) == (
        "read   GICR_PENDBASER@0                          #   what now?\n\n# alone\nnote   What?  # not a comment\n"
    )


def test_each_operation_has_one_spelling():
    written = (
        "machine cpus=2 implementation=qemu ram_mib=1024\n"
        "poke 0x4020_0000 0A 0b0C\n"
        "write GICR_PENDBASER@0 1073741824 width=32 half=hi\n"
        "write GICR_PROPBASER@1 IDbits=0xf Physical_Address=1075838976\n"
        "read ICC_HPPIR1@0\n"
        "its mapti collection=1 intid=0x2003 event=20 device=0x102\n"
        "expect memory( 0x40200000 ) == 0A\n"
        "expect mapped(2,20)==1\n"
        "expect ICC_HPPIR1_EL1@0 == 0x2003\n"
        "irq 0x28 level=1\n"
        "migrate\n"
    )
    assert format_scenario(parse(written)).splitlines() == [
        "machine implementation=qemu cpus=2 ram_mib=1024",
        "poke   0x40200000 0a0b0c",
        "write  GICR_PENDBASER@0 0x40000000 width=32 half=hi",
        "write  GICR_PROPBASER@1 IDbits=15 Physical_Address=0x40200000",
        "read   ICC_HPPIR1_EL1@0",
        "its    MAPTI collection=1 intid=8195 event=20 device=0x102",
        "expect memory(0x40200000, 1) == 0a",
        "expect mapped(2, 20) == 1",
        "expect ICC_HPPIR1_EL1@0 == 8195",
        "irq    40 level=1",
        "migrate order=documented",
    ]


def test_a_lesson_keeps_its_prose():
    text = "---\ntitle: A\n---\nProse, *all* of it.\n---\ntitle  A\nread   GICD_TYPER\n"
    scenario = parse(text)
    assert scenario.title == "A"
    assert format_scenario(scenario) == text
