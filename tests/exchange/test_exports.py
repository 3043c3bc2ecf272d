"""What is exported runs where it is meant to run, or is read back as what it was."""

import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.exchange import writers
from app.exchange.registers_header import header
from app.exchange.stepwise import chunks
from app.gic import Machine
from app.registers import IMPLEMENTATION_NAMES, register_map
from app.scenario import format_scenario, parse
from app.scenario.lessons import LESSONS
from tests.exchange.importing import imported, scenario
from tests.exchange.test_writers import EVERYTHING

STUB = Path(__file__).parent / "unit_tests" / "stub.h"
STATE = """\
machine implementation=kvm cpus=2
write  GICD_CTLR 0x12
write  GICD_IPRIORITYR10 0x000000a0
write  GICD_ISENABLER1 0x100
write  GICD_ICFGR2 0xaaa2aaaa
write  GICR_IPRIORITYR5@1 0x40
irq    40 level=1
irq    41 level=1
poke   0x42000003 a1
write  GICR_PROPBASER@0 0x4200078f
write  GICR_PENDBASER@0 0x42100780
write  GICR_CTLR@0 1
write  GICR_PROPBASER@1 0x4200078f
write  GICR_PENDBASER@1 0x42110780
write  GICR_CTLR@1 1
its    MAPD device=2 itt=0x43000000 size=5
its    MAPC collection=3 target=1
its    MAPTI device=2 event=20 intid=8195 collection=3
its    MAPTI device=2 event=21 intid=8196 collection=3
its    INT device=2 event=20
"""


def ran(*words, **options):
    done = subprocess.run([str(each) for each in words], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("form", writers.FORMATS)
def test_every_lesson_can_be_written_in_every_format(form):
    for lesson in LESSONS:
        assert writers.write(parse(lesson.text), form).text, lesson.slug


def test_exported_c_compiles_for_a_freestanding_board(tmp_path):
    source = tmp_path / "scenario.c"
    for text in (EVERYTHING, *(lesson.text for lesson in LESSONS)):
        source.write_text(writers.write(parse(text), "c").text)
        flags = ["-ffreestanding", "-Wall", "-Wextra", "-Werror", "-O2", "-c", source, "-o", tmp_path / "scenario.o"]
        ran("aarch64-linux-gnu-gcc", *flags)


def test_an_exported_test_function_compiles_against_the_functions_of_kvm_unit_tests(tmp_path):
    source = tmp_path / "test.c"
    for text in (EVERYTHING, *(lesson.text for lesson in LESSONS)):
        written = writers.write(parse(text), "kvm-unit-tests").text
        [function] = re.findall(r"^static void (\w+)\(void\)", written, re.MULTILINE)
        source.write_text(f'#include "{STUB}"\n{written}\nvoid used(void);\nvoid used(void) {{ {function}(); }}\n')
        flags = ["-Wall", "-Wextra", "-Werror", "-ffreestanding", "-Wno-unused-variable", "-fsyntax-only"]
        ran("aarch64-linux-gnu-gcc", *flags, source)


def test_an_exported_test_function_sends_the_commands_and_fills_the_frameworks_tables():
    written = writers.write(parse(STATE), "kvm-unit-tests")
    for row in (
        " * [giclab-scenario]",
        "struct its_collection *col_3_1 = its_create_collection(3, 1);",
        "struct its_device *dev_2 = its_create_device(0x2, 32);",
        "gicv3_lpi_rdist_enable(1);",
        "its_send_mapti(dev_2, 8195, 20, col_3_1);",
        "its_send_int(dev_2, 20);",
        "writel(0x100, gicv3_dist_base() + 0x104);",
    ):
        assert row in written.text, row
    late = parse(STATE + "poke 0x42000004 a5\nexpect GICR_CTLR@0.EnableLPIs == 1\n")
    text = writers.write(late, "kvm-unit-tests").text
    assert "gicv3_lpi_set_config(8196, 0xa5);" in text
    assert "report((readl(gicv3_data.redist_base[0] + 0x0) >> 0 & 0x1) == 0x1" in text
    assert any("sets GICR_PENDBASER up itself" in each for each in written.remarks)


def test_an_exported_shell_script_is_one_and_does_the_same(tmp_path):
    text = writers.write(
        parse("write GICD_ISENABLER1 0x100\npoke 0x40200003 a1a2\nread GICD_ISENABLER1\n"), "devmem"
    ).text
    script = tmp_path / "scenario.sh"
    script.write_text(text)
    # A devmem that notes how it is called.
    (tmp_path / "devmem").write_text('#!/bin/sh\necho "$@" >> "$NOTED"\necho 0x00000100\n')
    (tmp_path / "devmem").chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "NOTED": str(tmp_path / "noted")}
    said = ran("sh", script, env=environment)
    assert "read GICD_ISENABLER1: 0x00000100, model 0x100" in said
    called = (tmp_path / "noted").read_text().splitlines()
    assert called == ["0x8000104 32 0x100", "0x40200003 8 0xa1", "0x40200004 8 0xa2", "0x8000104 32"]


def test_stores_of_bytes_are_aligned_and_make_the_same_bytes():
    data = bytes(range(1, 24))
    machine = Machine()
    for address, size, value in chunks(0x4020_0003, data):
        assert address % size == 0
        machine.write(address, value, size)
    assert machine.memory.read(0x4020_0003, len(data)) == data
    assert max(size for _, size, _ in chunks(0x4020_0003, data)) == 8


@pytest.mark.parametrize("form", ["devmem", "gdb"])
def test_what_a_tool_of_addresses_cannot_do_is_said(form):
    written = writers.write(parse(EVERYTHING), form)
    for words in ("DeviceID 0x2", "wire of INTID 40", "no system registers", "checks nothing", "hypervisor's"):
        assert any(words in each for each in written.remarks), words
    assert written.remarks[-1].endswith("the export ends here")


def test_exported_gdb_commands_are_ones_that_gdb_takes(tmp_path):
    gdb = shutil.which("gdb-multiarch") or shutil.which("gdb")
    rows = [
        row
        for row in writers.write(parse(STATE + "read GICD_ISENABLER1\n"), "gdb").text.splitlines()
        if row and not row.startswith("#")
    ]
    assert "x/1wx 0x8000104" in rows
    assert "set {unsigned int}0x8000104 = 0x100" in rows
    assert "set {unsigned char}0x42000003 = 0xa1" in rows
    if gdb:
        commands = [word for row in rows for word in ("-ex", row)]
        done = subprocess.run([gdb, "-nx", "-batch", *commands], capture_output=True, text=True, check=False)
        wrong = [row for row in done.stderr.splitlines() if row and "Cannot access memory" not in row]
        assert wrong == []


@pytest.mark.parametrize("name", IMPLEMENTATION_NAMES)
def test_an_exported_test_module_passes_and_fails_with_the_model(name, tmp_path):
    rows = "write GICR_PENDBASER@0 PTZ=1\nread GICR_PENDBASER@0\nexpect memory(0x40200000, 2) == 0000\n"
    text = writers.write(parse(f"machine implementation={name}\n{rows}"), "pytest").text
    module = tmp_path / "test_scenario.py"
    module.write_text(text)
    said = ran(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", tmp_path, module)
    assert "1 passed" in said
    wrong = re.sub(r"assert last == 0x\w+", "assert last == 0x1", text)
    assert wrong != text
    with pytest.raises(AssertionError):
        run_tests(wrong)


def run_tests(text):
    names = {}
    exec(compile(text, "exported.py", "exec"), names)
    for name, each in names.items():
        if name.startswith("test_"):
            each()


def test_every_lesson_passes_as_a_test_module():
    for lesson in LESSONS:
        run_tests(writers.write(parse(lesson.text), "pytest").text)


def test_exported_vgic_state_is_read_back_as_the_same_state(tmp_path):
    text = writers.write(parse(STATE), "vgic-state").text
    assert "Device ID: 0x2, Event ID Range: [0 - 31]" in text
    assert re.search(r"^ +LPI 8195 +1 1001001 +0 +0 +0 160 +-1 $", text, re.MULTILINE)
    assert re.search(r"^ +SPI +40 +0 1001001 ", text, re.MULTILINE)
    assert re.search(r"^ +SPI +41 +0 0100011 ", text, re.MULTILINE)
    found = imported(tmp_path, text)
    assert not found.bad.count
    again = writers.write(scenario(found), "vgic-state").text
    assert again == text


def test_a_state_is_of_the_step_that_was_asked_for():
    rows = [list(csv.reader(writers.write(parse(STATE), "csv", step).text.splitlines())) for step in (15, 17, 19)]
    assert [[row[0] for row in each[1:]] for each in rows] == [[], ["8195"], ["8195", "8196"]]
    first = dict(zip(rows[2][0], rows[2][1], strict=True))
    assert (first["device"], first["event"], first["pending"], first["priority"]) == ("2", "20", "1", "160")
    assert format_scenario(writers.until(parse(STATE), 99)) == format_scenario(parse(STATE))


def test_an_exported_timeline_has_a_track_for_each_lane():
    trace = json.loads(writers.write(parse(STATE), "perfetto").text)["traceEvents"]
    tracks = {each["tid"]: each["args"]["name"] for each in trace if each["name"] == "thread_name"}
    assert list(tracks.values())[:3] == ["Software", "Distributor", "ITS"]
    assert {"Redistributor 0", "CPU 0", "Redistributor 1", "CPU 1"} <= set(tracks.values())
    events = [each for each in trace if each["ph"] == "X"]
    pending = next(each for each in events if each["name"] == "pending 8195")
    assert (tracks[pending["tid"]], pending["args"]["step"]) == ("Redistributor 1", 19)
    assert 18_000 <= pending["ts"] < 19_000
    assert {each["args"]["step"] for each in events} == set(range(1, 20))


@pytest.mark.parametrize("name", IMPLEMENTATION_NAMES)
def test_the_map_as_a_header_compiles_and_has_the_maps_numbers(name, tmp_path):
    map_ = register_map(name)
    text = header(map_)
    (tmp_path / "map.h").write_text(text)
    program = '#include "map.h"\n_Static_assert(GICR_PENDBASER == 0x78 && GICR_PENDBASER_PTZ_SHIFT == 62, "");\n'
    program += '_Static_assert(GITS_BASER1 == 0x108 && GICD_BASE + GICD_TYPER == 0x08000004, "");\n'
    program += '_Static_assert(GICR_PENDBASER_PTZ_MASK == 1ULL << 62, "");\nint main(void) { return 0; }\n'
    (tmp_path / "map.c").write_text(program)
    ran("gcc", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", tmp_path / "map.c")
    names = re.findall(r"^#define (\w+) ", text, re.MULTILINE)
    assert len(names) == len(set(names))
