"""Looking registers up: what each kind of text finds, and what is shown first."""

import pytest

from app.registers import register_map
from app.registers.families import families
from app.registers.search import address_of, search

MAP = register_map("kvm")


def found(text: str) -> list[str]:
    return [match.family.name for match in search(MAP, text)]


def test_nothing_finds_everything() -> None:
    assert len(search(MAP, " ")) == len(families(MAP))
    assert all(match.whole for match in search(MAP, ""))


@pytest.mark.parametrize(
    ("text", "families_", "register", "cpu"),
    [
        ("0x080a0078", ["GICR_PENDBASER"], "GICR_PENDBASER", 0),
        ("080C007C", ["GICR_PENDBASER"], "GICR_PENDBASER", 1),
        ("0x0800_6144", ["GICD_IROUTER<n>"], "GICD_IROUTER40", None),
        (" 0x80C007C", ["GICR_PENDBASER"], "GICR_PENDBASER", 1),
        ("0x78", ["GICR_PENDBASER", "GICR_VPENDBASER", "GICR_VPENDBASER_4_1"], "GICR_PENDBASER", None),
        ("+0x78", ["GICR_PENDBASER", "GICR_VPENDBASER", "GICR_VPENDBASER_4_1"], "GICR_PENDBASER", None),
        ("S3_0_C12_C12_0", ["ICC_IAR1_EL1"], "ICC_IAR1_EL1", None),
        ("s3_0_c4", ["ICC_PMR_EL1"], "ICC_PMR_EL1", None),
        ("GICR_PENDBASER@1", ["GICR_PENDBASER"], "GICR_PENDBASER", 1),
        ("ICC_IAR1", ["ICC_IAR1_EL1"], "ICC_IAR1_EL1", None),
        ("GICD_IROUTER40", ["GICD_IROUTER<n>"], "GICD_IROUTER40", None),
    ],
)
def test_a_place_finds_what_is_there(text: str, families_: list[str], register: str, cpu: int | None) -> None:
    matches = search(MAP, text)
    assert [match.family.name for match in matches] == families_
    assert (matches[0].registers[0].name, matches[0].cpu) == (register, cpu)


@pytest.mark.parametrize("text", ["0x08000014", "0x40000000", "zzz", "8192", "GICR_PENDBASER@7", "99999999999"])
def test_what_is_not_there_finds_nothing(text: str) -> None:
    assert search(MAP, text) == []


def test_a_field_is_named() -> None:
    [match] = search(MAP, "ptz")
    assert (match.family.name, match.fields) == ("GICR_PENDBASER", ("PTZ",))
    [match] = search(MAP, "GICR_PENDBASER@0.Shareability")
    assert match.fields == ("Shareability",)


def test_a_field_of_an_absent_register_is_found_too() -> None:
    assert found("ProcessorSleep") == ["GICR_WAKER"]


def test_names_that_start_so_come_first_then_those_that_do_after_their_frame() -> None:
    assert found("IAR1") == ["ICC_IAR1_EL1", "ICC_NMIAR1_EL1"]
    assert found("pendbaser") == ["GICR_PENDBASER", "GICR_VPENDBASER", "GICR_VPENDBASER_4_1"]


@pytest.mark.parametrize("text", ["GICD_IPRIORITYR", "GICD_IPRIORITYR<n>", "gicd_ipriorityr<N>"])
def test_an_array_is_found_by_its_family_name_as_a_whole(text: str) -> None:
    match = search(MAP, text)[0]
    assert (match.family.name, match.whole) == ("GICD_IPRIORITYR<n>", True)


def test_words_of_the_title_are_found() -> None:
    assert "GICD_IROUTER<n>" in found("interrupt routing")


@pytest.mark.parametrize(
    ("intid", "first"),
    [
        (40, [("GICD_IGROUPR1", "Group_status_bit8"), ("GICD_ISENABLER1", "Set_enable_bit8")]),
        (5, [("GICR_IGROUPR0", "Group_status_bit5"), ("GICR_ISENABLER0", "Set_enable_bit5")]),
    ],
)
def test_an_intid_finds_its_bits_those_implemented_first(intid: int, first: list[tuple[str, str]]) -> None:
    matches = search(MAP, str(intid))
    assert [(match.registers[0].name, match.fields[0]) for match in matches[:2]] == first
    present = [match.registers[0].present for match in matches]
    assert present == sorted(present, reverse=True)
    assert all(intid in match.registers[0].intids for match in matches)


@pytest.mark.parametrize(
    ("text", "name", "fields"),
    [
        ("gicr_pendbaser@1", "GICR_PENDBASER", ()),
        ("PENDBASER@1", "GICR_PENDBASER", ()),
        ("GICR_PENDBASER 1", "GICR_PENDBASER", ()),
        ("pmr @cpu1", "ICC_PMR_EL1", ()),
        ("PMR cpu 1", "ICC_PMR_EL1", ()),
        ("ptz@1", "GICR_PENDBASER", ("PTZ",)),
    ],
)
def test_a_part_of_a_name_and_a_cpu_find_the_register_of_that_cpu(text: str, name: str, fields: tuple[str]) -> None:
    match = search(MAP, text)[0]
    assert (match.registers[0].name, match.cpu, match.fields) == (name, 1, fields)


@pytest.mark.parametrize("text", ["pendbaser@2", "GICD_CTLR@1", "gicd_ctlr 1", "PENDBASER@", "@1", "zzz 1"])
def test_a_cpu_or_register_that_is_not_there_finds_nothing(text: str) -> None:
    assert search(MAP, text) == []


@pytest.mark.parametrize(("text", "name"), [("0x10080", "GICR_IGROUPR0"), ("+0x10040", "GITS_TRANSLATER")])
def test_an_offset_is_counted_from_the_first_frame_too(text: str, name: str) -> None:
    assert [match.registers[0].name for match in search(MAP, text)] == [name]


def test_an_intid_finds_its_byte_its_two_bits_and_its_route() -> None:
    fields = {match.registers[0].name: match.fields for match in search(MAP, "42")}
    assert fields["GICD_IPRIORITYR10"] == ("Priority_offset_2B",)
    assert fields["GICD_ICFGR2"] == ("Int_config10",)
    assert fields["GICD_IROUTER42"] == ()


def test_each_family_is_found_once() -> None:
    for text in ("pend", "gicd", "1", "Offset", "e"):
        names = found(text)
        assert len(names) == len(set(names)) > 0


@pytest.mark.parametrize(("text", "number"), [("0x78", 0x78), ("+0x7_8", 0x78), ("080a0078", 0x80A0078), ("40", None)])
def test_which_texts_are_addresses(text: str, number: int | None) -> None:
    assert address_of(text) == number
