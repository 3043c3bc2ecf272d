"""A scenario as a program for the bare machine: it is booted on a real QEMU, and the trace of that is imported."""

import subprocess

import pytest

from app.engines.qtest import program
from app.exchange import writers
from app.scenario import parse
from tests.exchange.importing import imported, played, scenario, spoken

SCENARIO = """\
machine implementation=qemu cpus=1 spis=256
write GICR_PROPBASER@0 Physical_Address=0x45000000 IDbits=15
write GICR_PENDBASER@0 PTZ=1 Physical_Address=0x45010000
poke 0x45000003 a1
write GICR_CTLR@0 EnableLPIs=1
its MAPD device=2 itt=0x45300000 size=5
its MAPC collection=1 target=0
its MAPTI device=2 event=20 intid=8195 collection=1
its INT device=2 event=20
read GICR_PENDBASER@0
expect GICR_PENDBASER@0.PTZ == 1
read GITS_CREADR
expect value == 0x80
"""
# The least that runs a C function: a stack, a word for each failure, and the power off.
BOARD = """
    .global _start
_start:
    ldr x0, =0x44800000
    mov sp, x0
    bl scenario
    add w0, w0, #'0'
    ldr x1, =0x09000000
    strb w0, [x1]
    ldr x0, =0x84000008
    hvc #0
    b .
    .global printf
printf:
    ret
"""
FLAGS = ("-nostdlib", "-ffreestanding", "-mgeneral-regs-only", "-mstrict-align", "-static", "-Wl,-Ttext=0x44000000")


@pytest.fixture(scope="module")
def booted(tmp_path_factory):
    """What the program said on its serial line, and the log of QEMU's trace events."""
    folder = tmp_path_factory.mktemp("boot")
    (folder / "scenario.c").write_text(writers.write(parse(SCENARIO), "c").text)
    (folder / "board.S").write_text(BOARD)
    image, log = folder / "image", folder / "trace.log"
    build = ["aarch64-linux-gnu-gcc", *FLAGS, folder / "board.S", folder / "scenario.c", "-o", image]
    subprocess.run(build, check=True, capture_output=True)
    machine = ["-M", "virt,gic-version=3,its=on", "-cpu", "cortex-a57", "-nic", "none", "-display", "none"]
    watched = ["-monitor", "none", "-serial", "stdio", "-trace", "gicv3_*", "-D", log, "-kernel", image]
    told = subprocess.run([program(), *machine, *watched], check=True, capture_output=True, text=True, timeout=60)
    return told.stdout, log.read_text()


@pytest.mark.live
def test_the_exported_program_runs_as_it_is_and_its_expectations_hold(booted):
    assert booted[0] == "0", "failed expectations"


@pytest.mark.live
def test_the_trace_of_a_small_boot_is_imported_and_agrees(booted, tmp_path):
    found = imported(tmp_path, booted[1])
    assert found.understood == found.lines
    assert found.differences.kept == []
    rows = spoken(found)
    assert [row.split()[1] for row in rows if row.startswith("its ")] == ["MAPD", "MAPC", "MAPTI", "INT"]
    assert "read GICR_PENDBASER@0" in rows
    assert found.checked > 3
    assert not played(scenario(found))[1]
