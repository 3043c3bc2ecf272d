"""The language: what it reads, and for every kind of mistake the place, what was expected, and the nearest name."""

import sys

import pytest

from app.scenario import ScenarioError, parse, parse_line, problems
from app.scenario.operations import (
    Ack,
    Eoi,
    Expect,
    FieldValue,
    Half,
    Its,
    Memory,
    Note,
    Read,
    RegisterRef,
    Relation,
    Write,
)
from app.scenario.scenario import MachineSpec
from app.scenario.words import SourceLine

reading = sys.modules["app.scenario.parse"]


def error_of(line, machine=None):
    with pytest.raises(ScenarioError) as caught:
        parse_line(line, machine)
    return caught.value


def test_a_write_with_fields_takes_addresses_and_named_values():
    op = parse_line("write GICR_PENDBASER@0 PTZ=1 Physical_Address=0x4021_0000 Shareability=InnerShareable")
    assert op == Write(
        RegisterRef("GICR_PENDBASER", 0),
        fields=(
            FieldValue("PTZ", 1),
            FieldValue("Physical_Address", 0x4021),
            FieldValue("Shareability", 1, "InnerShareable"),
        ),
    )


def test_a_half_is_written_with_32_bits():
    op = parse_line("write GICR_PENDBASER@1 0x40000000 width=32 half=hi")
    assert op == Write(RegisterRef("GICR_PENDBASER", 1), 0x4000_0000, width=32, half=Half.HI)
    assert error_of("write GICR_PENDBASER@1 0x100000000 half=lo").expected == "at most 0xffffffff"


def test_operands_may_stand_in_any_order_and_keep_it():
    assert parse_line("its MAPTI collection=1 intid=8195 event=20 device=2") == Its(
        "MAPTI", (("collection", 1), ("intid", 8195), ("event", 20), ("device", 2))
    )


def test_blanks_in_an_expectation_do_not_matter():
    wanted = Expect(Memory(0x4021_0400, 2), Relation.EQUAL, b"\x00\xa1", on=("kvm", "qemu"))
    for line in (
        "expect memory(0x40210400, 2) == 00a1 on=kvm,qemu",
        "expect memory( 0x40210400 ,2 )==00 a1 on=kvm,qemu # bytes",
    ):
        assert parse_line(line) == wanted


def test_a_note_is_the_rest_of_the_line():
    assert parse_line("note   a # b = c") == Note("a # b = c")


def test_defaults_of_the_machine():
    assert parse("").machine == MachineSpec("kvm", 2, 64, True, 512, 16)
    spec = parse("machine implementation=qemu cpus=8 its=0 spis=224\n").machine
    assert spec == MachineSpec("qemu", 8, 224, False)


TWO_STATES = MachineSpec("architecture", security=2)


def test_two_security_states_are_asked_for_in_the_machine_line():
    assert parse("machine implementation=architecture security=2\n").machine == TWO_STATES
    assert parse("machine implementation=kvm security=1\n").machine == MachineSpec()


@pytest.mark.parametrize(
    ("line", "op"),
    [
        ("read GICD_CTLR secure=1", Read(RegisterRef("GICD_CTLR"), secure=True)),
        ("read GICD_CTLR secure=0", Read(RegisterRef("GICD_CTLR"))),
        ("read ICC_PMR_EL1@1 secure=1", Read(RegisterRef("ICC_PMR_EL1", 1), secure=True)),
        ("write ICC_PMR_EL1@0 0xf0 secure=1", Write(RegisterRef("ICC_PMR_EL1", 0), 0xF0, secure=True)),
        (
            "write GICD_CTLR secure=1 EnableGrp1S=1 by=1",
            Write(RegisterRef("GICD_CTLR"), fields=(FieldValue("EnableGrp1S", 1),), by=1, secure=True),
        ),
        ("ack @1 secure=1", Ack(1, True)),
        ("eoi @1 40 secure=1", Eoi(1, 40, True)),
        (
            "expect GICD_CTLR.EnableGrp1S == 1 secure=1 on=architecture",
            Expect(RegisterRef("GICD_CTLR", None, "EnableGrp1S"), Relation.EQUAL, 1, on=("architecture",), secure=True),
        ),
    ],
)
def test_an_access_may_be_a_secure_one(line, op):
    assert parse_line(line, TWO_STATES) == op


@pytest.mark.parametrize(
    ("line", "column", "said"),
    [
        ("read GICD_CTLR secure=2", 23, "secure 2 is too large"),
        ("read GICD_CTLR secure=", 23, "secure is missing"),
        ("read GICD_CTLR secur=1", 16, "did you mean secure"),
        ("ack @0 secure", 8, "operand of ack as key=value: secure"),
        ("eoi @0 40 secure=1 secure=1", 20, "given twice"),
        ("expect pending(40) == 1 secure=1", 32, "only a register is read as Secure or Non-secure"),
        ("write GICD_CTLR EnableGrp1=1", 17, "did you mean EnableGrp1S"),
    ],
)
def test_mistakes_with_two_security_states(line, column, said):
    error = error_of(line, TWO_STATES)
    assert said in str(error)
    assert error.column == column


# (line, column, what the message must say)
MISTAKES = [
    ("raed GICR_PENDBASER@0", 1, "did you mean read"),
    ("read GICR_PENDBASE@0", 6, "GICR_PENDBASER"),
    ("read PENDBASER@0", 6, "GICR_PENDBASER"),
    ("read GICR_PENDBASER", 20, "@cpu is missing; expected GICR_PENDBASER@0"),
    ("read GICR_PENDBASER@2", 21, "there is no CPU 2, the machine has cpus=2; expected @0 to @1"),
    ("read GICR_PENDBASER@x", 21, "not a number"),
    ("read GICD_CTLR@0", 15, "GICD_CTLR exists once"),
    ("read", 6, "the register is missing"),
    ("read GICD_CTLR now", 16, "one word too many"),
    ("read GICD_CTLR width=12", 22, "one of 8, 16, 32, 64"),
    ("read GICD_CTLR widht=32", 16, "did you mean width"),
    ("read GICD_CTLR half=hi", 21, "no halves"),
    ("read GICR_PENDBASER@0.PTS", 23, "did you mean PTZ"),
    ("write GICR_PENDBASER@0", 24, "what to write is missing"),
    ("write GICR_PENDBASER@0 PTX=1", 24, "did you mean PTZ"),
    ("write GICR_PENDBASER@0 PTZ=2", 28, "2 needs 2 bits, GICR_PENDBASER.PTZ has 1 bit; expected at most 0x1"),
    ("write GICR_PENDBASER@0 PTZ=", 28, "is missing"),
    ("write GICR_PENDBASER@0 PTZ=1 PTZ=0", 30, "given twice"),
    ("write GICR_PENDBASER@0 Physical_Address=0x40210001", 41, "a multiple of 0x10000, as 0x40210000"),
    ("write GICR_PENDBASER@0 Shareability=InerShareable", 37, "did you mean InnerShareable"),
    ("write GICR_PENDBASER@0 0x1_0000_0000_0000_0000", 24, "needs 65 bits, GICR_PENDBASER@0 has 64 bits"),
    ("write GICR_CTLR@0 1 EnableLPIs=1", 19, "a whole value and single fields"),
    ("write GICR_PENDBASER@0 PTZ=1 half=lo", 24, "PTZ is bit 62, outside this half"),
    ("write GICR_CTLR@0 12ab", 19, "0x12ab if it is hexadecimal"),
    ("write GICR_CTLR@0 0x12g4", 23, "'g' in 0x12g4 is not a hex digit"),
    ("write GICR_CTLR@0 -1", 19, "negative"),
    ("write GITS_TRANSLATER 20", 26, "device= is missing"),
    ("write GICD_CTLR 1 device=2", 26, "only GITS_TRANSLATER"),
    ("write 0x080a0078 PTZ=1", 18, "no named fields"),
    ("write ICC_PMR_EL1@0 0xff width=32", 32, "system register"),
    ("poke 0x40210400 0", 17, "half a byte; expected two hex digits"),
    ("poke 0x40210400 0g", 18, "'g' is not a hex digit"),
    ("poke 0x40210400", 17, "the data is missing"),
    ("poke 0x10 00", 6, "0x10 is not RAM; expected an address in 0x40000000 to 0x5fffffff"),
    ("poke 0x5fffffff 0000", 6, "beyond the RAM"),
    ("its MAPT device=2", 5, "MAPTI"),
    ("its MAPTI device=2 event=20 collection=1", 42, "intid"),
    ("its MAPTI device=2 events=20 intid=8195 collection=1", 20, "did you mean event"),
    ("its MAPD device=2 itt=0x40300001 size=5", 23, "multiple of 0x100"),
    ("its MAPTI device=2 event=20 intid=8195 collection=0x10000", 51, "does not fit"),
    ("msi device=2", 14, "event= is missing"),
    ("msi device=2 event=0x100000000", 20, "too large"),
    ("irq 40", 8, "level= is missing"),
    ("irq 40 level=2", 14, "at most 0x1"),
    ("irq 3 level=1", 5, "SGI"),
    ("irq 23 level=1", 7, "23@0"),
    ("irq 40@1 level=1", 7, "belongs to no CPU"),
    ("irq 8195 level=1", 5, "no wire"),
    ("ack 0", 5, "expected @0"),
    ("ack @7", 6, "there is no CPU 7"),
    ("eoi @0", 8, "the INTID is missing"),
    ("expect", 8, "nothing to expect"),
    ("expect GICR_PENDBASER@0.PTZ = 0", 29, "expected =="),
    ("expect GICR_PENDBASER@0.PTZ", 29, "the comparison is missing"),
    ("expect GICR_PENDBASER@0.PTZ ==", 32, "the value is missing"),
    ("expect GICR_PENDBASER@0.PTZ == 2", 32, "2 needs 2 bits"),
    ("expect GICR_PENDBASER@0.PTZ == 0 1", 34, "one word too many"),
    ("expect GICR_PENDBASER@0.PTZ == 0 on=kvn", 37, "did you mean kvm"),
    ("expect GICR_PENDBASER@0.PTZ == 0 on=kvm,kvm", 41, "named twice"),
    ("expect penfing(8195)@0 == 1", 8, "did you mean pending"),
    ("expect pending(8195) == 1", 21, "@cpu is missing"),
    ("expect pending(1021)@0 == 1", 16, "is no interrupt"),
    ("expect config(40) == 1", 15, "not an LPI"),
    ("expect mapped(2) == 1", 8, "mapped takes 2 numbers"),
    ("expect memory(0x40210400, 2) == 00", 33, "1 bytes for memory of 2"),
    ("expect memory(0x40210400).8 == 0", 27, "too large"),
    ("expect memory(0x40210400) < 00", 29, "no order"),
    ("expect irq == 1", 11, "irq@0"),
    ("expect stalld == 0", 8, "did you mean stalled"),
    ("uread GITS_CTLR half=lo", 22, "no halves"),
    ("uread redist:0x78@9", 19, "there is no CPU 9"),
    ("uread redis:0x78", 7, "did you mean redist"),
    ("uwrite dist:0 0x100000000", 15, "needs 33 bits"),
    ("save pending-table", 6, "did you mean pending-tables"),
    ("migrate order=documentd", 15, "did you mean documented"),
    ("migrate order=gicd,documented", 20, "whole order"),
    ("read GICD_CTLR secure=1", 23, "this machine has one Security state; expected no secure=, or machine"),
    ("expect GICD_CTLR == 1 secure=1", 30, "one Security state"),
    ("ack @0 secure=1", 15, "one Security state"),
    ("write GICD_CTLR EnableGrp1S=1", 17, "did you mean EnableGrp1"),
    ("title A", 1, "head of a scenario"),
    ("", 1, "no operation"),
]


@pytest.mark.parametrize(("line", "column", "said"), MISTAKES, ids=[line or "blank" for line, _, _ in MISTAKES])
def test_a_mistake_is_placed_and_answered(line, column, said):
    error = error_of(line)
    assert said in str(error)
    assert error.column == column
    assert str(error).startswith(f"line:1:{column}: ")


def test_an_error_names_the_file_and_the_line():
    with pytest.raises(ScenarioError) as caught:
        parse("title  A\n\n# a comment\nread   GICR_PENDBASE@0\n", "a.gic")
    error = caught.value
    assert (error.source, error.line, error.column) == ("a.gic", 4, 8)
    assert error.nearest[0] == "GICR_PENDBASER"
    assert error.caret == "read   GICR_PENDBASE@0\n       ^"
    assert str(error).startswith("a.gic:4:8: unknown register GICR_PENDBASE")


def test_every_wrong_line_is_reported_at_once():
    found = problems("read X\nread GICD_TYPER\nmsi device=2\n")
    assert [(error.line, error.column) for error in found] == [(1, 6), (3, 14)]
    assert problems("read GICD_TYPER\n") == ()


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("machine cpus=2\nmachine cpus=2\n", 2, "a second machine"),
        ("title A\ntitle B\n", 2, "a second title"),
        ("read GICD_TYPER\nmachine cpus=2\n", 2, "before the first operation"),
        ("machine cpus=0\n", 1, "1 to 32"),
        ("machine spis=0\n", 1, "1 to 988"),
        ("machine implementation=kmv\n", 1, "did you mean kvm"),
        ("machine implementation=qemu security=2\n", 1, "qemu has one Security state; expected security=1, or impl"),
        ("machine security=2\n", 1, "kvm has one Security state"),
        ("machine implementation=architecture security=3\n", 1, "security=3 is not possible; expected 1 to 2"),
        ("machine its=0\nits SYNC target=0\n", 2, "no ITS"),
        ("title\n", 1, "the title is missing"),
        ("read GICD_TYPER\n\x00\x01\x02\n", 2, "control character U+0000"),
        ("note a\nnote \u202eread\u202c\n", 2, "control character U+202E (RIGHT-TO-LEFT OVERRIDE)"),
        ("# \u2067a\u2069\n", 1, "control character U+2067"),
        ("\x7fELF\x02\x01", 1, "control character U+007F"),
        ("read GICD_\u200bCTLR\n", 1, "GICD_<U+200B>CTLR"),
        (f"read {'G' * 190_000}\n", 1, "G…"),
        ("---\ntitle: A\n---\nnever closed\n", 4, "not closed"),
    ],
)
def test_mistakes_of_a_whole_text(text, line, said):
    with pytest.raises(ScenarioError) as caught:
        parse(text)
    assert caught.value.line == line
    assert said in str(caught.value)


def test_windows_line_ends_and_a_byte_order_mark_are_no_mistake():
    assert parse("\ufefftitle A\r\nread GICD_TYPER\r\n") == parse("title A\nread GICD_TYPER\n")


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("read GICD_TYPER\n" * 100_000, 0),
        ("x" * (5 << 20), 0),
        ("1" * 200_000, 1),
        ("poke 0x40000000 " + "0" * 199_000, 1),
        ("\n" * 70_000, 0),
    ],
    ids=["too many lines", "too long", "one long word", "a long poke", "blank lines"],
)
def test_too_much_is_refused_before_more_of_it_is_read(text, read, monkeypatch):
    lines = []
    monkeypatch.setattr(reading, "SourceLine", lambda *given: lines.append(given) or SourceLine(*given))
    with pytest.raises(ScenarioError):
        parse(text)
    assert len(lines) == read
