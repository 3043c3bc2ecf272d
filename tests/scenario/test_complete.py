"""What may come next in a line: every suggestion leads to a line that the language takes."""

import pytest

from app.scenario import MachineSpec, ScenarioError, parse, parse_line
from app.scenario.complete import LONGEST_LINE, MOST, complete, used_in

SPEC = MachineSpec(implementation="kvm", cpus=2)
SECURE = MachineSpec(implementation="architecture", cpus=2, security=2)


def texts(line, spec=SPEC, **known):
    return [each.text for each in complete(line, spec, **known).suggestions]


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("", ["poke", "write", "read"]),
        ("wr", ["write", "uwrite"]),
        ("write gicr_pendb", ["GICR_PENDBASER@0"]),
        ("write GICR_PENDBASER@", ["GICR_PENDBASER@0", "GICR_PENDBASER@1"]),
        ("write GICR_PENDBASER@0 P", ["PTZ=", "Physical_Address="]),
        ("write GICR_PENDBASER@0 PTZ=1 P", ["Physical_Address="]),
        ("write GICR_PENDBASER@0 Share", ["Shareability="]),
        ("write GICR_CTLR@0 EnableLPIs=E", ["EnableLPIs=Enabled"]),
        ("write GICR_PENDBASER@0 PTZ=1 half=", ["half=lo", "half=hi"]),
        ("read GICR_PENDBASER@0.PT", ["GICR_PENDBASER@0.PTZ"]),
        ("read GICD_CTLR wi", ["width="]),
        ("expect pend", ["pending("]),
        ("expect irq", ["irq@0", "irq@1"]),
        ("expect GICR_PENDBASER@0.PTZ ", ["==", "!=", "<", "<=", ">", ">="]),
        ("expect GICR_CTLR@0.EnableLPIs == ", ["Disabled", "Enabled"]),
        ("expect GICR_CTLR@0 == 1 on=q", ["on=qemu"]),
        ("its ", ["MAPD", "MAPC", "MAPTI"]),
        ("its mapt", ["MAPTI"]),
        ("its MAPTI device=2 ", ["event=", "intid=", "collection="]),
        ("its MAPC collection=1 target=", ["target=0", "target=1"]),
        ("msi d", ["device="]),
        ("irq 40 ", ["level=0", "level=1"]),
        ("ack ", ["@0", "@1"]),
        ("save p", ["pending-tables"]),
        ("migrate order=doc", ["order=documented"]),
        ("migrate order=gicd,pend", ["order=gicd,pendbaser"]),
        ("uread redi", ["redist:"]),
        ("machine implementation=q", ["implementation=qemu"]),
        ("machine cpus=2 imp", ["implementation="]),
    ],
)
def test_what_may_come_next(line, wanted):
    assert texts(line)[: len(wanted)] == wanted


@pytest.mark.parametrize(
    "line", ["note PTZ ", "# wri", "read GICD_CTLR # wi", "nothing ", "its NOTHING dev", "poke 0x4", "title T", "irq 4"]
)
def test_where_nothing_is_known_nothing_is_suggested(line):
    assert texts(line) == []


def test_numbers_that_were_named_before_come_again_the_last_first():
    ops = parse(
        "its MAPD device=2 itt=0x40300000 size=5\nits MAPD device=7 itt=0x40310000 size=5\nmsi device=2 event=3\n"
    )
    used = used_in(ops.operations)
    assert texts("its INV device=", used=used) == ["device=2", "device=7"]
    assert texts("its MAPD device=2 itt=", used=used) == ["itt=0x40310000", "itt=0x40300000"]
    assert texts("eoi @0 ", used={"intid": [8195]}) == ["8195"]


def test_secure_accesses_are_suggested_where_there_are_two_states():
    assert "secure=" in texts("read GICD_CTLR ", SECURE)
    assert "secure=" not in texts("read GICD_CTLR ", SPEC)
    assert "secure=1" in texts("ack @0 ", SECURE)


def test_a_suggestion_takes_the_place_of_the_word_that_was_begun():
    assert complete("write  GICR_PEN", SPEC).start == 7
    assert complete("write ", SPEC).start == 6
    assert complete("", SPEC).start == 0


def test_a_long_line_is_not_looked_at():
    assert texts("read " + "G" * LONGEST_LINE) == []


def reads(line):
    try:
        parse_line(line, SPEC)
    except ScenarioError:
        return False
    return True


def test_whole_lines_can_be_made_of_suggestions_alone():
    """From nothing, taking suggestion after suggestion: each verb that needs no number of the user's own gets done."""
    used = {"device": [2], "event": [20], "intid": [8195], "collection": [1], "itt": [0x4030_0000], "size": [5]}
    done = set()
    for verb in texts(""):
        lines = {f"{verb} "}
        done |= {verb} if reads(verb) else set()
        for _ in range(9):
            longer = set()
            for line in sorted(lines)[:40]:
                found = complete(line, SPEC, used=used)
                assert len(found.suggestions) <= MOST
                for each in found.suggestions[:4]:
                    text = line[: found.start] + each.text
                    if reads(text):
                        done.add(verb)
                    longer.add(text if text.endswith(("=", "(", ":", "@", ".")) else f"{text} ")
            if verb in done:
                break
            lines = longer
    assert done >= {"read", "write", "its", "msi", "ack", "eoi", "save", "migrate"}
