"""Formatting: one spelling for each operation, and nothing lost on the way through text."""

from hypothesis import given, settings

from app.scenario import format_scenario, parse
from app.scenario.links import shortest
from tests.scenario.strategies import scenarios


@settings(max_examples=300, deadline=None)
@given(scenarios())
def test_a_formatted_scenario_parses_to_itself(scenario):
    text = format_scenario(scenario)
    assert parse(text) == scenario
    assert format_scenario(parse(text)) == text


@settings(max_examples=100, deadline=None)
@given(scenarios())
def test_the_shortest_spelling_parses_to_the_same_scenario(scenario):
    assert parse(shortest(scenario)) == scenario


def test_formatting_aligns_the_verb_and_the_comment():
    text = "read   GICR_PENDBASER@0   #   what now?\n\n# alone\nnote What?  # not a comment\n"
    assert format_scenario(parse(text)) == (
        "read   GICR_PENDBASER@0                          # what now?\n\n# alone\nnote   What?  # not a comment\n"
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
