"""QEMU's trace logs as scenarios: what each line becomes, what is inferred, and what of a log is not understood."""

import gzip
from pathlib import Path

import pytest

from app.engines.qtest import Qtest
from app.exchange.imports.pieces import CannotImport
from app.exchange.imports.window import Room, window, windows
from app.gic.commands import encode
from tests.exchange.importing import imported, played, scenario, spoken
from tests.exchange.test_qemu_trace import LINES

CORPUS = Path(__file__).resolve().parent.parent / "corpora" / "linux-6.1-boot-qemu-7.2.trace.gz"
DIST_READ = "gicv3_dist_read GICv3 distributor read: offset 0x4 data 0x37a0007 size 4 secure 0"
SET_UP = """\
gicv3_its_write GICv3 ITS write: offset 0x100 data 0x8000000042180600 size 8
gicv3_its_write GICv3 ITS write: offset 0x108 data 0x8000000042190600 size 8
gicv3_its_write GICv3 ITS write: offset 0x80 data 0x800000004217040f size 8
gicv3_its_write GICv3 ITS write: offset 0x0 data 0x1 size 4
gicv3_redist_write GICv3 redistributor 0x0 write: offset 0x70 data 0x421a078f size 8 secure 0
gicv3_redist_write GICv3 redistributor 0x0 write: offset 0x78 data 0x421b0780 size 8 secure 0
gicv3_redist_write GICv3 redistributor 0x0 write: offset 0x0 data 0x1 size 4 secure 0
"""


@pytest.fixture(scope="module")
def boot(tmp_path_factory):
    return imported(tmp_path_factory.mktemp("boot"), CORPUS.read_bytes())


def test_the_linux_boot_is_imported_whole(boot):
    assert (boot.lines, boot.understood, boot.steps) == (154_473, 154_473, 34_881)
    assert (boot.bad.count, boot.others.count, boot.differences.count) == (0, 0, 0)
    assert boot.checked == 32_489
    assert boot.spec.cpus == 2


def test_the_scenario_of_the_linux_boot_holds(boot):
    found = scenario(boot)
    assert len(found.operations) == boot.steps
    assert not played(found)[1]


def test_each_part_of_the_linux_boot_goes_on_where_the_one_before_it_ended(boot):
    room = Room(9_001, characters=2 << 20)
    parts = list(windows(boot, room))
    assert [part.first for part in parts[1:]] == [part.last + 1 for part in parts[:-1]]
    assert (parts[0].first, parts[-1].last) == (1, boot.steps)
    for part in parts:
        assert not played(scenario(boot, part.first, steps=9_001))[1], part.first
    whole, rest = played(scenario(boot))[0], played(scenario(boot, parts[-1].first))[0]
    assert whole.machine.snapshot().values == rest.machine.snapshot().values


def test_a_line_of_the_log_leads_to_its_step(boot):
    with gzip.open(CORPUS, "rt") as lines:
        number, _ = next((at, text) for at, text in enumerate(lines, 1) if "cmd_mapd" in text)
    step = boot.step_of(number)
    assert boot.line_of[step - 1] == number
    part = window(boot, step, Room(100))
    rows = parse_rows(part.text)[part.step(step) - 1 :]
    assert rows[0].endswith("does not tell its address")
    assert rows[1].startswith("its    MAPD")


def parse_rows(text):
    return [row for row in text.splitlines() if row.split()[0] not in ("title", "machine", "#")]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ""),
        ("4711@1700000000.123456:", ""),
        ("2026-01-01T10:00:00.000001Z ", "\r"),
        (" qemu-system-aar-4711    [001] .....   123.456789: tracing_mark_write: ", ""),
        ("Jan  1 10:00:00 host qemu-system-aarch64[4711]: ", ""),
    ],
)
def test_whatever_stands_before_an_event_is_passed_over(tmp_path, before, after):
    found = imported(tmp_path, f"{before}{DIST_READ}{after}\n")
    assert spoken(found) == ["read GICD_TYPER", "expect value == 0x37a0007"]
    assert not found.differences.count


def test_what_simpletrace_prints_is_the_same(tmp_path):
    text = """\
gicv3_dist_read 0.000 pid=4711 offset=0x4 data=0x37a0007 size=0x4 secure=0x0
gicv3_icc_bpr_write 1.250 pid=4711 grp=0x1 cpu=0x0 val=0x3
gicv3_its_write 2.000 pid=4711 offset=0x80 data=0x800000004217040f size=0x8
gicv3_its_process_command 2.000 pid=4711 rd_offset=0x0 cmd=0x8
gicv3_its_cmd_mapd 0.500 pid=4711 devid=0x8 size=0x1 ittaddr=0x4313f0 valid=0x1
"""
    found = imported(tmp_path, text)
    assert spoken(found) == [
        "read GICD_TYPER",
        "expect value == 0x37a0007",
        "write ICC_BPR1_EL1@0 3",
        "write GITS_CBASER 0x800000004217040f",
        "its MAPD device=8 size=2 itt=0x4313f000",
    ]


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.split()[0])
def test_every_event_is_understood(tmp_path, line):
    found = imported(tmp_path, f"{SET_UP}{line}\n")
    assert (found.lines, found.understood) == (8, 8)


@pytest.mark.parametrize(
    "line",
    [
        "gicv3_icc_nmiar1_read GICv3 ICC_NMIAR1 read cpu 0x0 value 0x3ff",
        "gicv3_icv_iar_read GICv3 ICV_IAR1 read cpu 0x0 value 0x1b",
        "gicv3_ich_lr_write GICv3 ICH_LR0_EL2 write cpu 0x0 value 0x0",
        "gicv3_cpuif_virt_update GICv3 CPU i/f 0x0 virt HPPI update LR index 0 HPPVLPI 0 grp 0 prio 0",
        "gicv3_its_vte_read_fault GICv3 ITS: vPE Table read for vPEID 0x0: faulted",
        "gicv3_its_ite_read_fault GICv3 ITS: Interrupt Table read for ITTaddr 0x0 EventID 0x0: faulted",
    ],
)
def test_events_of_what_this_machine_has_not_are_told_as_such(tmp_path, line):
    found = imported(tmp_path, f"{DIST_READ}\n{line}\n")
    assert found.understood == 2
    assert found.facts.kept[0].line == 2


def test_lines_of_something_else_are_kept_where_they_stood(tmp_path):
    noise = "".join(f"virtio_queue_notify vdev 0x{each:x}\n" for each in range(25))
    found = imported(tmp_path, f"{DIST_READ}\nqemu-system-aarch64: \x1b[1mwarning\n{noise}{DIST_READ}\n")
    assert found.others.count == 26
    assert (found.others.kept[0].line, found.others.kept[0].step) == (2, 3)
    rows = found.path.read_text().splitlines()
    assert rows[2] == "# line 2: qemu-system-aarch64: \N{REPLACEMENT CHARACTER}[1mwarning"
    assert rows[22] == "# and 6 more lines"
    assert len(scenario(found).operations) == 4


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("gicv3_dist_read GICv3 distributor read: offset 0x4 da", "cut off"),
        (
            "gicv3_dist_read GICv3 distributor read: offset 0x40000 data 0x0 size 4 secure 0",
            "outside of the GICD frame",
        ),
        (
            "gicv3_dist_write GICv3 distributor write: offset 0x0 data 0x100000000 size 4 secure 0",
            "an access of 4 bytes",
        ),
        ("gicv3_redist_read GICv3 redistributor 0x900 read: offset 0x0 data 0x0 size 4 secure 0", "at most 32"),
        ("gicv3_icc_pmr_read GICv3 ICC_XYZ read cpu 0x0 value 0x0", "there is no ICC_XYZ_EL1"),
        ("gicv3_dist_set_irq GICv3 distributor interrupt 5000 level changed to 1", "no wire"),
        ("gicv3_its_cmd_mapti GICv3 ITS: command MAPTI DeviceID 0x1 EventID 0x0 ICID 0xfffff pINTID 0x1", "collection"),
    ],
)
def test_a_line_that_cannot_be_read_is_said_and_changes_nothing(tmp_path, line, reason):
    found = imported(tmp_path, f"{DIST_READ}\n{line}\n{DIST_READ}\n")
    [bad] = found.bad.kept
    assert bad.line == 2
    assert reason in bad.reason
    assert len(spoken(found)) == 4
    assert scenario(found)


def test_an_answer_that_this_machine_does_not_give_is_a_difference(tmp_path):
    found = imported(tmp_path, DIST_READ.replace("0x37a0007", "0x37a0008"))
    [difference] = found.differences.kept
    assert (difference.line, difference.step) == (1, 2)
    assert difference.text == "read GICD_TYPER expect value == 0x37a0008"
    assert difference.reason == "here it is 0x37a0007"


def test_the_machine_grows_with_the_log(tmp_path):
    late = "gicv3_redist_read GICv3 redistributor 0x101 read: offset 0x8 data 0x0 size 8 secure 0\n"
    high = "gicv3_redist_write GICv3 redistributor 0x0 write: offset 0x78 data 0x883210000 size 8 secure 0\n"
    found = imported(tmp_path, f"{DIST_READ}\n" * 2_100 + late + high)
    assert found.spec.cpus == 18
    assert found.spec.ram_mib << 20 > 0x883210000 - 0x40000000
    assert found.lines == 2_102


COMMANDS = """\
gicv3_its_process_command GICv3 ITS: processing command at offset 0x0: 0x9
gicv3_its_cmd_mapc GICv3 ITS: command MAPC ICID 0x0 RDbase 0x0 V 1
gicv3_its_process_command GICv3 ITS: processing command at offset 0x1: 0x5
gicv3_its_cmd_sync GICv3 ITS: command SYNC
gicv3_its_process_command GICv3 ITS: processing command at offset 0x2: 0x7f
gicv3_its_cmd_unknown GICv3 ITS: unknown command 0x7f
gicv3_its_process_command GICv3 ITS: processing command at offset 0x3: 0xd
gicv3_its_cmd_invall GICv3 ITS: command INVALL
gicv3_its_write GICv3 ITS write: offset 0x88 data 0x80 size 4
gicv3_its_read GICv3 ITS read: offset 0x90 data 0x80 size 4
"""


def test_commands_go_into_the_slots_that_they_were_read_from(tmp_path):
    found = imported(tmp_path, SET_UP + COMMANDS)
    assert spoken(found)[7:] == [
        "its MAPC collection=0 target=0",
        "its SYNC target=0",
        f"poke 0x42170040 7f{'00' * 31}",
        "write GITS_CWRITER 0x60",
        "its INVALL collection=0",
        "write GITS_CWRITER 0x80 half=lo",
        "read GITS_CREADR half=lo",
        "expect value == 0x80",
    ]
    assert not found.differences.count


def test_a_log_that_begins_after_the_queue_was_set_up_uses_the_default_one(tmp_path):
    found = imported(tmp_path, "\n".join(COMMANDS.splitlines()[:4]) + "\n")
    assert spoken(found) == ["its MAPC collection=0 target=0", "its SYNC target=0"]
    assert not found.bad.count


ROOT = 0x4200_0000


@pytest.mark.live
def test_the_trace_of_a_real_qemu_is_imported_and_agrees(tmp_path):
    """Drives a QEMU, imports what it traced of it, and plays that: every answer and interrupt is the same."""
    with Qtest(cpus=2, trace=True, events="gicv3_*") as qemu:
        drive(qemu)
        trace = qemu.trace_path.read_text()
    found = imported(tmp_path, trace)
    assert found.understood == found.lines
    assert found.differences.kept == []
    assert {"MAPD", "MAPTI", "INT", "DISCARD", "MOVI"} <= {row.split()[1] for row in spoken(found) if row[:4] == "its "}
    assert found.checked > 30
    assert not played(scenario(found))[1]


def drive(qemu):
    gicd, gits, gicr = 0x0800_0000, 0x0808_0000, 0x080A_0000
    qemu.write(gicd, 0x12, 4)
    for cpu in range(2):
        base = gicr + cpu * 0x20000
        qemu.write(base + 0x70, ROOT | 0xF, 8)
        qemu.write(base + 0x78, ROOT + 0x10_0000 + cpu * 0x1_0000, 8)
        qemu.write(base + 0x1_0080, 0xFFFF_FFFF, 4)
        qemu.write(base + 0x1_0100, 0xFFFF_FFFF, 4)
        qemu.write(base, 1, 4)
    qemu.write(gits + 0x100, 1 << 63 | 1 << 62 | 2 << 8 | ROOT + 0x20_0000, 8)
    qemu.write(gits + 0x108, 1 << 63 | 2 << 8 | ROOT + 0x21_0000, 8)
    qemu.write(gits + 0x80, 1 << 63 | ROOT + 0x22_0000 | 15, 8)
    qemu.write(gits, 1, 4)
    qemu.memory_write(ROOT + 0x20_0000, (1 << 63 | ROOT + 0x23_0000).to_bytes(8, "little"))
    qemu.memory_write(ROOT, b"\xa1\x61")
    commands = [
        encode("MAPC", collection=0, target=0),
        encode("MAPC", collection=1, target=1),
        encode("MAPD", device=0, size=4, itt=ROOT + 0x30_0000),
        encode("MAPTI", device=0, event=0, intid=8192, collection=0),
        encode("MAPTI", device=0, event=1, intid=8193, collection=1),
        encode("INT", device=0, event=1),
        encode("SYNC", target=1),
        encode("MOVI", device=0, event=1, collection=0),
        encode("INVALL", collection=0),
        encode("DISCARD", device=0, event=1),
    ]
    qemu.memory_write(ROOT + 0x22_0000, b"".join(commands))
    qemu.write(gits + 0x88, 0x20 * len(commands), 8)
    qemu.read(gits + 0x90, 8)
    qemu.write(gits + 0x1_0040, 0, 4)  # GITS_TRANSLATER: qtest's accesses are DeviceID 0's
    qemu.set_gic_input(8, True)
    qemu.write(gicd + 0x84, 1 << 8, 4)
    qemu.write(gicd + 0x104, 1 << 8, 4)
    qemu.set_gic_input(256 + 32 + 27, True)
    for offset in (0x0, 0x4, 0x8, 0x104, 0x204, 0x428, 0xFFE8):
        qemu.read(gicd + offset, 4)
    for offset, size in ((0x0, 4), (0x8, 8), (0x70, 8), (0x78, 8), (0x1_0200, 4), (0x1_0400, 1)):
        qemu.read(gicr + 0x20000 + offset, size)
    qemu.set_gic_input(8, False)
    qemu.write(gicd + 0xC, 0x5, 4)


def test_an_empty_and_a_foreign_text_are_refused(tmp_path):
    with pytest.raises(CannotImport, match="nothing in it"):
        imported(tmp_path, "")
    with pytest.raises(CannotImport, match="none of the first 2 lines"):
        imported(tmp_path, "hello\nworld\n")
    with pytest.raises(CannotImport, match="zero bytes"):
        imported(tmp_path, b"\x7fELF\0\0\0")
    with pytest.raises(CannotImport, match="no line of it could be read"):
        imported(tmp_path, "hello\n", "qemu-trace")
    with pytest.raises(CannotImport, match="no format 'qemu'") as error:
        imported(tmp_path, DIST_READ, "qemu")
    assert error.value.advice == "Did you mean qemu-trace?"


def test_a_damaged_gzip_file_is_refused(tmp_path):
    packed = gzip.compress(f"{DIST_READ}\n".encode() * 5_000)
    with pytest.raises(CannotImport, match="damaged"):
        imported(tmp_path, packed[: len(packed) // 2])


@pytest.mark.parametrize("cpu", ["0x1111111111111111", "0x40"])
def test_a_state_of_a_cpu_that_no_machine_has_is_told_with_its_line(tmp_path, cpu):
    line = f"gicv3_cpuif_update GICv3 CPU i/f {cpu} HPPI update: irq 0 group 2 prio 255"
    found = imported(tmp_path, f"{DIST_READ}\n{line}\n")
    assert [(each.line, each.text) for each in found.bad.kept] == [(2, line)]


def test_a_value_that_no_register_holds_is_told_with_its_line(tmp_path):
    line = f"gicv3_icc_eoir_write GICv3 ICC_EOIR1 write cpu 0x0 value 0x1{'1' * 16}"
    found = imported(tmp_path, f"{DIST_READ}\n{line}\n")
    assert [(each.line, each.reason) for each in found.bad.kept] == [(2, "ICC_EOIR1_EL1 has 64 bits, not 65")]
    scenario(found)
