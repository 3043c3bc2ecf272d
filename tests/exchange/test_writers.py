"""What goes out to other tools says what the scenario says, and remarks on what it cannot."""

import json
import re

import pytest

from app.exchange import writers
from app.exchange.accesses import Load, RamWrite, Store, told
from app.gic import Machine
from app.registers import IMPLEMENTATION_NAMES
from app.scenario import Player, links, parse
from app.scenario.lessons import LESSONS
from tests.scenario.looks import look

EVERYTHING = """\
title  Everything "quoted" \\ once
machine implementation=kvm cpus=2
# a comment */ with the end of one
poke   0x40200003 a1
write  GICR_PROPBASER@0 Physical_Address=0x40200000 IDbits=15
write  GICR_PENDBASER@0 0x40210000
write  GICR_PENDBASER@0 PTZ=1 half=hi
write  0x08000000 0x2 width=32
write  ICC_PMR_EL1@0 Priority=0xff
write  ICC_PMR_EL1@1 0xff
write  ICC_IGRPEN1_EL1@0 1
write  GICR_CTLR@0 EnableLPIs=1 by=1
its    MAPD device=2 itt=0x40300000 size=5
its    MAPC collection=0 target=0
its    MAPTI device=2 event=20 intid=8195 collection=0
expect mapped(2, 20) == 1
expect config(8195) == 0xa1
expect memory(0x40200002, 2) == 00a1
expect memory(0x40200003).5 == 1
write  GICD_ICFGR2 0
irq    40 level=1
irq    23@1 level=1
expect pending(40) == 1
expect pending(23)@1 == 1
irq    40 level=0
msi    device=2 event=20
expect irq@0 == 1
ack    @0                                        # the LPI
expect value == 8195
eoi    @0 8195
read   ICC_RPR_EL1@0
read   GICR_TYPER@1.Last
expect value == 1
read   0x080a0078 width=64
expect creadr == 0x60
expect stalled == 0
expect GICR_PENDBASER@0.PTZ == 1 on=qemu
uread  GICR_PENDBASER@0
uwrite GICR_ISENABLER0@1 0x0000ffff
uwrite ICC_PMR_EL1@1 Priority=0xf0
uread  level:32
its    INT device=2 event=20
save   pending-tables
save   its-tables
migrate order=documented
expect pending(8195)@0 == 1
note   the end
"""


def in_python(scenario):
    """The machine that the exported script leaves behind."""
    names = {}
    exec(compile(writers.write(scenario, "python").text, "exported.py", "exec"), names)
    return names["machine"]


def in_player(scenario):
    player = Player(scenario.machine)
    for op in scenario.operations:
        player.apply(op)
    return player.machine


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.slug)
@pytest.mark.parametrize("name", IMPLEMENTATION_NAMES)
def test_exported_python_does_what_the_scenario_does(lesson, name):
    scenario = parse(lesson.text.replace("implementation=kvm", f"implementation={name}"))
    assert look(in_python(scenario)) == look(in_player(scenario))


def test_exported_python_knows_every_verb():
    scenario = parse(EVERYTHING)
    assert look(in_python(scenario)) == look(in_player(scenario))
    assert writers.write(scenario, "python").remarks == ()


def test_exported_python_fails_where_the_scenario_fails():
    with pytest.raises(AssertionError, match=re.escape("GICR_PENDBASER@0.PTZ == 1: it is 0")):
        in_python(parse("write GICR_PENDBASER@0 PTZ=1\nexpect GICR_PENDBASER@0.PTZ == 1\n"))


def test_exported_qtest_holds_the_same_stores():
    scenario = parse("machine implementation=qemu\n" + EVERYTHING.split("\n", 2)[2].split("uread", maxsplit=1)[0])
    written = writers.write(scenario, "qtest")
    machine = Machine("qemu")
    for row in written.text.splitlines():
        verb, address, *rest = row.split()
        if verb in ("#", "memset"):
            continue
        if verb == "write":
            machine.memory.write(int(address, 16), bytes.fromhex(rest[1][2:]))
            assert int(rest[0]) == len(rest[1]) // 2 - 1
        elif verb.startswith("write"):
            machine.write(int(address, 16), int(rest[0], 16), {"b": 1, "w": 2, "l": 4, "q": 8}[verb[-1]])
        else:
            machine.read(int(address, 16), {"b": 1, "w": 2, "l": 4, "q": 8}[verb[-1]])
    played = in_player(scenario)
    for name in ("GICR_PROPBASER", "GICR_PENDBASER", "GITS_CREADR", "GITS_CBASER", "GICD_CTLR"):
        assert machine.peek(name) == played.peek(name), name
    assert machine.memory.read(0x4100_0000, 96) == played.memory.read(0x4100_0000, 96)
    assert any("qtest stores carry DeviceID 0, not 2" in remark for remark in written.remarks)
    assert any("system registers need a running CPU" in remark for remark in written.remarks)
    assert any("set_irq_in" in remark for remark in written.remarks)


def test_exports_without_a_userspace_door_end_at_a_migration():
    for form in ("qtest", "c"):
        written = writers.write(parse("uread GICD_TYPER\nmigrate\nwrite GICD_CTLR 0\n"), form)
        assert any("line 2" in remark and "ends here" in remark for remark in written.remarks), form
        assert "0x8000000" not in written.text.replace("0x08000000ul", ""), form


def test_exported_json_is_the_scenario_as_data():
    document = json.loads(writers.write(parse(EVERYTHING), "json").text)
    assert document["machine"]["cpus"] == 2
    texts = [line.get("text") for line in document["lines"]]
    assert parse("\n".join(text or "" for text in texts)).operations == parse(EVERYTHING).operations
    by_verb = {line["operation"]["verb"]: line for line in document["lines"] if "operation" in line}
    assert by_verb["poke"]["operation"] == {"verb": "poke", "address": 0x4020_0003, "data": "a1"}
    assert by_verb["ack"]["comment"] == "the LPI"
    assert by_verb["ack"]["accesses"] == [{"op": "icc_r", "cpu": 0, "reg": "ICC_IAR1_EL1", "got": 8195}]
    fields = next(line for line in document["lines"] if line.get("text", "").startswith("write  GICR_PROPBASER"))
    assert [access["op"] for access in fields["accesses"]] == ["r64", "w64"]


def test_exported_c_says_each_step_with_its_line():
    written = writers.write(parse(EVERYTHING), "c")
    for row in (
        '/* Everything "quoted" \\ once */',
        "/* a comment * / with the end of one */",
        'ram_write(0x40200003, "\\xa1", 1);',
        "WRITE(64, GICR(0) + 0x70, (READ(64, GICR(0) + 0x70) & ~0xffffffffff01full) | 0x4020000full);",
        "WRITE(32, GICR(0) + 0x7c, (READ(32, GICR(0) + 0x7c) & ~0x40000000ull) | 0x40000000ull);",
        "MSR(S3_0_C4_C6_0, (MRS(S3_0_C4_C6_0) & ~0xffull) | 0xffull);",
        "WRITE(64, GITS + 0x88, 0x20ull);",
        "board_msi(0x2, 0x14);",
        "board_wire(23, 1, 1);",
        'EXPECT("expect memory(0x40200002, 2) == 00a1", ram_equal(0x40200002, "\\x00\\xa1", 2));',
        'EXPECT("expect irq@0 == 1", (MRS(ISR_EL1) >> 7 & 1) == 0x1ull);',
        "last = MRS(S3_0_C12_C12_0);",
    ):
        assert row in written.text, row
    assert any("ICC_PMR_EL1 of CPU 1" in remark for remark in written.remarks)
    assert written.text.count("{") == written.text.count("}")


def test_exported_link_opens_as_the_scenario():
    scenario = parse(EVERYTHING)
    path = writers.write(scenario, "link").text.strip()
    assert path.startswith("/x/")
    assert links.unpack(path.removeprefix("/x/")).scenario() == scenario


def test_accesses_are_what_a_driver_does():
    lines = list(told(parse("poke 0x40200000 a1\nwrite GICR_CTLR@1 EnableLPIs=1\nits SYNC target=0\nnote a\n")))
    assert lines[0].accesses == (RamWrite(0x4020_0000, b"\xa1"),)
    assert lines[1].accesses == (Load(0x080C_0000, 4, 1, 6), Store(0x080C_0000, 4, 1, 7))
    assert lines[2].accesses[-2] == RamWrite(0x4100_0000, b"\x05" + bytes(31))
    assert lines[2].accesses[-1] == Store(0x0808_0088, 8, 0, 0x20)
    assert lines[3].accesses == ()


def test_an_unknown_format_is_a_value_error():
    with pytest.raises(ValueError, match="json, python, pytest, qtest, c, kvm-unit-tests"):
        writers.write(parse(""), "yaml")
