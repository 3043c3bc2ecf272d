"""Boot logs, debugfs files, test logs, dumps and images as machines; samples are in data/."""

from pathlib import Path

import pytest

from app.exchange.imports.pieces import CannotImport
from app.exchange.imports.registry import FORMATS, recognise
from tests.exchange.importing import imported, played, scenario, spoken

DATA = Path(__file__).resolve().parent / "data"
SAMPLES = {
    "linux-boot.log": "linux-boot",
    "vgic-state.txt": "vgic-state",
    "vgic-its-state.txt": "vgic-state",
    "kvm-unit-tests.log": "kvm-unit-tests",
    "devmem.txt": "devmem",
    "io.txt": "words",
    "regmap.txt": "words",
    "config.xxd": "hexdump",
    "gicd.hexdump": "hexdump",
}


def sample(name):
    return (DATA / name).read_text()


def machine(found):
    player, _ = played(scenario(found))
    return player.machine


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_recognised(name):
    assert recognise(sample(name).splitlines()).name == SAMPLES[name]


@pytest.mark.parametrize("form", [form for form in FORMATS.values() if not form.binary], ids=lambda form: form.name)
def test_the_example_of_a_format_is_of_it_alone(form):
    assert recognise([form.example]) is form


@pytest.mark.parametrize("name", SAMPLES)
def test_what_comes_of_a_sample_can_be_played(tmp_path, name):
    found = imported(tmp_path, sample(name), base=None if name[0] in "lvkdic" else 0x0800_0000)
    assert found.steps == len(scenario(found).operations)
    assert list(found.line_of) == sorted(found.line_of)


def test_a_linux_boot_log_is_a_machine_with_its_tables(tmp_path):
    found = imported(tmp_path, sample("linux-boot.log"))
    assert (found.spec.implementation, found.spec.cpus, found.spec.spis) == ("kvm", 2, 224)
    assert (found.others.count, found.bad.count) == (5, 0)
    made = machine(found)
    assert made.peek("GICR_PENDBASER", 0) & 0xFFFF_FFFF_F000 == 0x421B_0000
    assert made.peek("GICR_PENDBASER", 1) & 0xFFFF_FFFF_F000 == 0x421C_0000
    assert made.peek("GICR_PROPBASER", 1) & 0xFFFF_FFFF_FFFF == 0x421A_078F
    assert made.peek("GICR_CTLR", 1) & 1
    assert made.peek("GITS_BASER0") & 0xFFFF_FFFF_FFFF == 0x4218_0600
    assert made.peek("GITS_BASER0") >> 62 == 3
    assert made.peek("GITS_BASER1") & 0xFFFF_FFFF_FFFF == 0x4219_0600
    assert made.queue().enabled


def test_where_a_log_has_its_frames_elsewhere_it_is_said(tmp_path):
    moved = (
        sample("linux-boot.log")
        .replace("0x00000000080c0000", "0x00000000fd4c0000")
        .replace("0x08080000-", "0xfd480000-")
    )
    told = [each.text for each in imported(tmp_path, moved).facts.kept]
    assert "GICR of CPU 1 at 0xfd4c0000; here it is at 0x80c0000" in told
    assert "GITS at 0xfd480000; here it is at 0x8080000" in told


def test_tables_high_in_ram_have_ram_behind_them(tmp_path):
    high = sample("linux-boot.log").replace("@0x00000000421b0000", "@0x0000000883210000")
    found = imported(tmp_path, high)
    assert machine(found).peek("GICR_PENDBASER", 0) & 0xFFFF_FFFF_F000 == 0x8_8321_0000
    assert found.spec.ram_mib << 20 > 0x8_8321_0000 - 0x4000_0000


def test_vgic_state_is_the_state_of_every_wired_interrupt(tmp_path):
    found = imported(tmp_path, sample("vgic-state.txt"))
    assert (found.spec.cpus, found.spec.spis) == (2, 32)
    made = machine(found)
    assert made.peek("GICR_ISENABLER0", 0) == 0x0800_007F
    assert made.peek("GICR_ISPENDR0", 0) >> 27 & 1
    assert made.peek("GICR_ISPENDR0", 1) == 1 << 3
    assert made.peek("GICR_IPRIORITYR6", 1) == 0xA0A0_A0A0
    assert made.peek("GICR_IGROUPR0", 1) == 0xFFFF_FFFF
    assert made.peek("GICD_ISPENDR1") == 1 << 1 | 1 << 8
    assert made.peek("GICD_ISACTIVER1") == 1 << 9
    assert made.peek("GICD_ICFGR2") >> 16 & 3 == 2
    assert made.peek("GICD_ICFGR2") >> 18 & 3 == 0
    assert made.peek("GICD_IROUTER40") == 1
    assert made.peek("GICD_CTLR") & 2
    assert [each.text[:17] for each in found.facts.kept] == ["LPI 8192 has no e", "LPI 8193 has no e"]


@pytest.mark.parametrize("order", [("vgic-state.txt", "vgic-its-state.txt"), ("vgic-its-state.txt", "vgic-state.txt")])
def test_both_debugfs_files_together_are_the_lpis_too_in_any_order(tmp_path, order):
    found = imported(tmp_path, "".join(map(sample, order)))
    assert (found.bad.count, found.others.count, found.facts.count) == (0, 0, 0)
    made = machine(found)
    assert {intid: (event.device_id, event.event_id, cpu) for intid, (event, cpu) in made.mapped_lpis().items()} == {
        8192: (0x10, 0, 0),
        8193: (0x10, 5, 1),
    }
    assert made.pending_lpis() == {8192: 0}
    assert made.lpi(8193).priority == 0xA0
    assert made.lpi(8193).enabled


def test_the_first_kernels_that_told_device_ids_told_them_in_decimal(tmp_path):
    found = imported(tmp_path, sample("vgic-its-state.txt").replace("0x10", "16"))
    assert spoken(found)[6].startswith("its MAPD device=16 ")


def test_vgic_state_of_before_groups_has_six_flags(tmp_path):
    head = "VCPU 0 TYP   ID TGT_ID PLAEHC     HWID   TARGET SRC PRI VCPU_ID\n"
    old = f"{head}       PPI   27      0 000100        0        1   0 160      -1 \n"
    assert machine(imported(tmp_path, old)).peek("GICR_ISENABLER0", 0) >> 16 == 1 << 11


def test_kvm_unit_tests_commands_are_run_with_lpis_on(tmp_path):
    found = imported(tmp_path, sample("kvm-unit-tests.log"))
    assert found.spec.cpus == 4
    assert [row for row in spoken(found) if row.startswith("its ")] == [
        "its MAPD device=2 size=8 itt=0x40430000",
        "its MAPD device=7 size=8 itt=0x40440000",
        "its MAPC collection=3 target=3",
        "its MAPC collection=2 target=2",
        "its INVALL collection=2",
        "its INVALL collection=3",
        "its MAPTI device=2 event=20 intid=8195 collection=3",
        "its MAPTI device=7 event=255 intid=8196 collection=2",
        "its INT device=2 event=20",
        "its INV device=2 event=20",
        "its MOVI device=2 event=20 collection=2",
        "its SYNC target=2",
        "its CLEAR device=7 event=255",
        "its DISCARD device=7 event=255",
        "its MAPD device=7 valid=0",
    ]
    player, bad = played(scenario(found, steps=found.steps))
    assert not bad
    assert player.machine.pending_lpis() == {8195: 2}
    assert "PASS: gicv3: its-trigger" in found.facts.kept[1].text


def test_registers_read_with_devmem_become_the_machines(tmp_path):
    found = imported(tmp_path, sample("devmem.txt"))
    made = machine(found)
    assert made.peek("GICR_PROPBASER") & 0xFFFF_FFFF == 0x4021_078F
    assert made.peek("GICR_PENDBASER") & 0xFFFF_FFFF == 0x4022_0780
    assert made.peek("GICR_CTLR") & 1
    assert made.peek("GICD_ISENABLER1") == 0x100
    assert spoken(found)[-2:] == ["write GICR_CTLR@0 1", "expect GICR_CTLR@0 == 1"]
    [bad] = found.bad.kept
    assert (bad.line, bad.reason.split(" (")[0]) == (16, "nothing of this machine is at 0x9000000")
    assert ("expect GICD_TYPER == 0x780001", "here it is 0x7a0002") in [
        (each.text, each.reason) for each in found.differences.kept
    ]


def test_words_of_io_are_registers_and_the_its_is_enabled_last(tmp_path):
    found = imported(tmp_path, sample("io.txt"))
    made = machine(found)
    assert made.peek("GITS_CBASER") & 0xFFFF_FFFF_F0FF == 0x4017_000F
    assert made.peek("GITS_BASER0") & 0xFFFF_FFFF_FFFF == 0x4018_0600
    assert made.queue().enabled
    assert made.queue().cwriter == 0, "writing GITS_CWRITER would run commands that RAM does not hold"


@pytest.mark.parametrize("name", ["regmap.txt", "gicd.hexdump"])
def test_a_dump_that_counts_from_zero_needs_a_base(tmp_path, name):
    text = sample(name)
    assert machine(imported(tmp_path, text, base=0x0800_0000)).peek("GICD_CTLR") & 2
    with pytest.raises(CannotImport, match="no line of it"):
        imported(tmp_path, text)


def test_a_dump_of_another_board_is_moved_to_its_base(tmp_path):
    text = "fd400100:  00000000 00000100\nfd400420:  a0a0a0a0 00000000\n"
    made = machine(imported(tmp_path, text, base=0x0800_0000))
    assert made.peek("GICD_ISENABLER1") == 0x100
    assert made.peek("GICD_IPRIORITYR8") == 0xA0A0_A0A0
    assert "its base says" in imported(tmp_path, text).facts.kept[0].text


def test_repeated_lines_of_a_hexdump_are_there_as_often(tmp_path):
    text = "00000000  a2 a2 a2 a2 a2 a2 a2 a2  a2 a2 a2 a2 a2 a2 a2 a2  |................|\n*\n00000040\n"
    made = machine(imported(tmp_path, text, base=0x4020_0000))
    assert made.memory.read(0x4020_0000, 0x41) == b"\xa2" * 0x40 + b"\0"
    assert machine(imported(tmp_path, sample("config.xxd"))).memory.read(0x4020_0000, 6) == bytes.fromhex(
        "a3a2a2a2a1a0"
    )
    assert machine(imported(tmp_path, "0000000 a3a2 a1a0\n0000004\n", base=0x4020_0000)).memory.read(
        0x4020_0000, 4
    ) == bytes.fromhex("a2a3a0a1")


def test_a_configuration_table_is_what_the_redistributors_use(tmp_path):
    found = imported(tmp_path, b"\xa1\xa2" * 0x4000, base=0x4020_0000, kind="config")
    made = machine(found)
    assert made.memory.read(0x4020_0000, 0x8000) == b"\xa1\xa2" * 0x4000
    assert made.peek("GICR_PROPBASER", 1) & 0xFFFF_FFFF == 0x4020_078F


def test_a_pending_table_is_cpu_0s(tmp_path):
    made = machine(imported(tmp_path, bytes(0x400) + b"\x08" + bytes(0x1000), base=0x4021_0000, kind="pending"))
    assert made.peek("GICR_PENDBASER") & 0xFFFF_FFFF == 0x4021_0780
    assert made.memory.read(0x4021_0400, 1) == b"\x08"


def test_an_itt_is_told_entry_by_entry(tmp_path):
    entry = (0 << 48 | 8195 << 16 | 3).to_bytes(8, "little")
    found = imported(tmp_path, bytes(8 * 20) + entry, base=0x4030_0000, kind="itt")
    assert [each.text for each in found.facts.kept][-1] == "EventID 20: INTID 8195, ICID 3"
    qemu = (8195 << 2 | 3 | 3 << 32).to_bytes(12, "little")
    found = imported(tmp_path, bytes(12 * 2) + qemu, base=0x4030_0000, kind="itt", implementation="qemu")
    assert [each.text for each in found.facts.kept][-1] == "EventID 2: INTID 8195, ICID 3"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"kind": "config"}, "needs an address"),
        ({"kind": "config", "base": 0x4020_0001}, "cannot begin at"),
        ({"kind": "memory", "base": 0x1000}, "cannot begin at"),
        ({"kind": "tables", "base": 0x4020_0000}, "no kind of image 'tables'"),
    ],
)
def test_an_image_without_its_place_is_refused(tmp_path, settings, said):
    with pytest.raises(CannotImport, match=said):
        imported(tmp_path, b"\1" * 64, **settings)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Device ID: 0x10, Event ID Range: [0 - 30]\n", "events 0 to 30"),
        ("       LPI    5     0 1001001        0        0  0 160      -1 \n", "5 is no LPI"),
        ("       SGI    5     0 1001001        0        0  0 160      -1 \n", "says whose"),
        ("MAPTI dev_id=2 event_id=20 -> phys_id=8195\n", "needs collection"),
        ("MAPC col_id=3 target_addr = 0x900000 valid=1\n", "at most 32"),
        ("ITS@0x0000000008080000: allocated 8 Devices @42180000 (flat, esz 8, psz 7K, shr 1)\n", "pages of 7K"),
        ("[    0.0] GICv3: CPU99: using allocated LPI pending table @0x00000000421b0000\n", "at most 32"),
    ],
)
def test_a_line_of_a_format_that_does_not_fit_is_said(tmp_path, text, reason):
    kept = "Device ID: 0x1, Event ID Range: [0 - 31]\n" if "ID" in text else ""
    base = {"M": "MAPC col_id=1 target_addr = 0x0 valid=1\n", "D": "", " ": kept}.get(
        text[0], "GICv3: 64 SPIs implemented\n"
    )
    found = imported(tmp_path, text + base + "Device ID: 0x1, Event ID Range: [0 - 31]\n" * (text[0] in " D"))
    assert reason in found.bad.kept[0].reason
