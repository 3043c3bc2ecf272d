"""An exported qtest script runs on a real QEMU as it is: started as it says, fed it, and compared with our model."""

import shlex
import subprocess

import pytest

from app.exchange import writers
from app.gic import Machine
from app.scenario import parse
from app.scenario.lessons import LESSONS
from app.scenario.scenario import make_scenario

SIZES = {"b": 1, "w": 2, "l": 4, "q": 8}
OWN = """title   Commands, tables and a table edited by hand
machine implementation=qemu cpus=3 spis=256
poke    0x40200000 a1 b1 c0
write   GICR_PROPBASER@0 Physical_Address=0x40200000 IDbits=15
write   GICR_PENDBASER@0 PTZ=1 Physical_Address=0x40210000
write   GICR_CTLR@0 EnableLPIs=1
its     MAPD device=0 itt=0x40300000 size=5
its     MAPC collection=1 target=2
its     MAPTI device=0 event=3 intid=8193 collection=1
msi     device=0 event=3
its     MOVI device=0 event=3 collection=9
read    GITS_CREADR
write   GICD_IPRIORITYR9 0x12345678
read    GICD_IPRIORITYR9
read    GICD_TYPER
read    GICR_PENDBASER@0
read    GICR_CTLR@2
read    GITS_BASER0
"""
LESSON_SLUGS = ("ptz-reads-as-zero", "an-msi-the-whole-way", "queue-wraps")


def scenarios():
    own = parse(OWN)
    lessons = {each.slug: each.scenario for each in LESSONS}
    told = [lessons[slug] for slug in LESSON_SLUGS]
    spec = own.machine
    return [own, *(make_scenario(each.title, spec, each.operations) for each in told)]


def by_our_model(rows, spec):
    """What our model of QEMU answers to each line of a script, in the words of the protocol."""
    machine = Machine("qemu", cpus=spec.cpus, spis=spec.spis)
    for row in rows:
        verb, *rest = row.split()
        size = SIZES.get(verb[-1], 0)
        if verb == "#":
            yield "FAIL"
        elif verb.startswith("read"):
            yield f"OK {machine.read(int(rest[0], 0), size):#018x}"
        elif verb == "write":
            machine.memory.write(int(rest[0], 0), bytes.fromhex(rest[2][2:]))
            yield "OK"
        elif verb.startswith("write"):
            machine.write(int(rest[0], 0), int(rest[1], 0), size)
            yield "OK"
        else:
            assert verb == "memset"
            yield "OK"


def by_qemu(text, path):
    """What the QEMU that the script names answers to it, line by line."""
    path.write_text(text)
    command = shlex.split(next(row for row in text.splitlines() if "qemu-system" in row).removeprefix("# "))
    assert command[-2:] == ["<", "FILE"]
    with path.open() as script:
        qemu = subprocess.Popen(command[:-2], stdin=script, stdout=subprocess.PIPE, text=True)
    try:
        return [qemu.stdout.readline().strip() for _ in text.splitlines()]
    finally:
        qemu.kill()
        qemu.wait()
        qemu.stdout.close()


@pytest.mark.live
@pytest.mark.parametrize("story", scenarios(), ids=lambda story: story.title)
def test_a_script_runs_on_qemu_as_it_is_and_reads_what_our_model_reads(story, tmp_path):
    text = writers.write(story, "qtest").text
    rows = text.splitlines()
    assert sum(row.startswith("read") for row in rows) >= 1
    answers = [each if each.startswith("OK") else each.split()[0] for each in by_qemu(text, tmp_path / "script.qtest")]
    assert dict(enumerate(zip(rows, answers, strict=True))) == dict(
        enumerate(zip(rows, by_our_model(rows, story.machine), strict=True))
    )


def test_a_machine_that_qemu_does_not_have_is_said():
    written = writers.write(parse("machine implementation=qemu cpus=5 ram_mib=1024 its=0\nread GICD_TYPER\n"), "qtest")
    assert "-M virt,gic-version=3,its=off " in written.text
    assert " -smp 5 -m 1024M " in written.text
    assert any("256 SPIs, not 64" in remark for remark in written.remarks)
