"""The kvm overlay against what Linux 6.1's KVM answered, through the guest's accesses and the device attributes."""

import re
from pathlib import Path

import pytest

from app.registers import Register, register_map
from tests.registers.storage import Storage

MAP = register_map("kvm", cpus=2)
TABLE = (Path(__file__).parent / "data" / "registers-kvm-6.1.txt").read_text().splitlines()
PATTERNS = (0xFFFF_FFFF_FFFF_FFFF, 0, 0xAAAA_AAAA_AAAA_AAAA, 0x5555_5555_5555_5555)
# Whether these take a write depends on other registers: on valid tables, or on the size of the queue.
DECIDED_BY_THE_ITS = {"GITS_CTLR", "GITS_CWRITER", "GITS_CREADR"}


def rows() -> list[tuple[str, str, list[str]]]:
    parsed = []
    for line in TABLE:
        match = re.match(r"\s+(G\w+)\s+(g32|g64|u)\s+\|\s+(.*)", line)
        if match and match[1] not in DECIDED_BY_THE_ITS:
            parsed.append((match[1], match[2], re.findall(r"0x[0-9a-f]+(?:\(err \w+\))?", match[3])))
    return parsed


def through(register: Register, door: str) -> list[int]:
    storage = Storage(register, door=register.user if door == "u" else None)
    narrow = door == "g32" and register.width == 64
    replies = [storage.read()]
    for pattern in PATTERNS:
        value = pattern & register.mask
        replies.append(storage.write_halves(value) if narrow else storage.write(value))
    return replies


def test_the_table_was_read_whole() -> None:
    assert len(rows()) == 132


@pytest.mark.parametrize(
    ("name", "door", "recorded"), rows(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_reads_back_as_recorded(name: str, door: str, recorded: list[str]) -> None:
    if any("err" in reply for reply in recorded):
        # Refused values are the userspace API's business: the map says so in words, and what a read returns.
        user = MAP.registers[name].user
        assert user is not None
        assert user.meaning
        recorded = recorded[:1]
    expected = [int(reply.partition("(")[0], 16) for reply in recorded]
    assert through(MAP.registers[name], door)[: len(expected)] == expected


@pytest.mark.parametrize("name", ["GICR_PENDBASER", "GICR_PROPBASER", "GITS_BASER0", "GITS_BASER1", "GITS_CBASER"])
@pytest.mark.parametrize(
    ("field", "kept"),
    [
        ("Shareability", [0, 1, 1, 3]),
        ("InnerCache", [3, 3, 2, 3, 4, 5, 6, 7]),
        ("OuterCache", [0, 1, 0, 0, 0, 0, 0, 0]),
    ],
)
def test_sanitises_memory_attributes_as_seen(name: str, field: str, kept: list[int]) -> None:
    register = MAP.registers[name]
    bits = register.field(field)
    assert [bits.extract(Storage(register).write(bits.insert(0, value))) for value in range(len(kept))] == kept


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("GICD_CTLR", {4}),
        ("GICD_IPRIORITYR8", {1, 4}),
        ("GICD_ITARGETSR8", {1, 4}),
        ("GICD_IROUTER32", {4, 8}),
        ("GICR_CTLR", {4}),
        ("GICR_INVLPIR", {4, 8}),
        ("GICR_PENDBASER", {4, 8}),
        ("GITS_CTLR", {4}),
        ("GITS_TYPER", {4, 8}),
        ("GITS_BASER7", {4, 8}),
    ],
)
def test_takes_the_access_sizes_of_its_register_table(name: str, sizes: set[int]) -> None:
    assert MAP.registers[name].sizes == sizes


def test_ptz_is_stored_and_never_read() -> None:
    pendbaser = Storage(MAP.registers["GICR_PENDBASER"])
    assert pendbaser.write(0x4000_0000_4020_0780) == 0x4020_0780
    assert pendbaser.stored >> 62 & 1


def test_without_an_its_lpis_are_not_advertised() -> None:
    chart = register_map("kvm", cpus=1, its=False)
    resets = {name: chart.registers[name].reset for name in ("GICD_TYPER", "GICR_TYPER", "GICR_CTLR")}
    assert resets == {"GICD_TYPER": 0x48_0002, "GICR_TYPER": 0x10, "GICR_CTLR": 6}
    assert Storage(chart.registers["GICR_CTLR"]).write(1) == 6
    assert chart.registers["GICR_PROPBASER"].reset == 0
    assert chart.registers["GICR_PENDBASER"].reset == 0x580
    assert Storage(chart.registers["GICR_PROPBASER"]).write(0x4010_078F) == 0x4010_078F


def test_tells_each_pe_which_it_is() -> None:
    typer = register_map("kvm", cpus=3).registers["GICR_TYPER"]
    assert [typer.reset_for(cpu) for cpu in range(3)] == [0x1, 0x1_0000_0101, 0x2_0000_0211]


def test_affinity_goes_by_sixteens() -> None:
    typer = register_map("kvm", cpus=20).registers["GICR_TYPER"]
    assert typer.reset_for(17) == 1 << 40 | 1 << 32 | 17 << 8 | 1


def test_attributes_replace_the_pending_latch_where_the_guest_only_sets() -> None:
    register = MAP.registers["GICD_ISPENDR1"]
    assert Storage(register, door=register.user).write(0xAA) == 0xAA
    user = Storage(register, door=register.user)
    user.write(0xFF)
    assert user.write(0) == 0
    cleared = MAP.registers["GICD_ICPENDR1"].user
    assert cleared is not None
    assert (cleared.readable, cleared.writable, cleared.sets, cleared.clears) == (0, 0, 0, 0)


def test_creadr_is_read_only_to_the_guest_and_writable_by_attribute() -> None:
    creadr = MAP.registers["GITS_CREADR"]
    assert creadr.writable == 0
    assert creadr.user is not None
    assert creadr.user.writable == 0xF_FFE0


def test_intids_beyond_the_spis_are_not_there() -> None:
    registers = register_map("kvm", spis=64).registers
    assert [registers[f"GICD_IGROUPR{n}"].present for n in range(4)] == [False, True, True, False]
    assert registers["GICD_IROUTER95"].present
    assert not registers["GICD_IROUTER96"].present
    assert registers["GICD_IROUTER96"].why_absent == "this machine has 64 SPIs: INTIDs 32-95"
    assert registers["GICD_IGROUPR3"].readable == registers["GICD_IGROUPR3"].reset == 0


def test_before_5_6_is_kvm_but_for_ptz() -> None:
    old = register_map("kvm-before-5.6", cpus=2)
    assert Storage(old.registers["GICR_PENDBASER"]).write(0x4000_0000_4020_0780) == 0x4000_0000_4020_0780
    differing = [
        (name, field.name)
        for name, register in old.registers.items()
        for field, now in zip(register.fields, MAP.registers[name].fields, strict=True)
        if field != now
    ]
    assert differing == [("GICR_PENDBASER", "PTZ")]
