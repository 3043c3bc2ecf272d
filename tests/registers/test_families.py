"""Arrays of registers and repeated fields, each as one."""

import pytest

from app.registers import IMPLEMENTATION_NAMES, Access, register_map
from app.registers.families import accesses, families, family_name, field_runs

MAP = register_map("kvm")
FAMILIES = families(MAP)


def span_names(stem: str) -> list[tuple[str, str, bool]]:
    return [(span.first.name, span.last.name, span.first.present) for span in FAMILIES[stem].spans]


@pytest.mark.parametrize("implementation", IMPLEMENTATION_NAMES)
def test_every_register_is_in_one_family_in_order(implementation: str) -> None:
    map_ = register_map(implementation)
    for frame in map_.frames.values():
        members = [
            register
            for family in families(map_).values()
            if family.frame is frame
            for span in family.spans
            for register in span.registers
        ]
        assert sorted(members, key=lambda register: register.offset) == list(frame.registers)


@pytest.mark.parametrize(
    ("register", "name"),
    [
        ("GICD_IPRIORITYR254", "GICD_IPRIORITYR<n>"),
        ("GICD_IROUTER32", "GICD_IROUTER<n>"),
        ("GICD_IROUTER1023E", "GICD_IROUTER<n>E"),
        ("GITS_BASER0", "GITS_BASER<n>"),
        ("ICC_AP1R1_EL1", "ICC_AP1R<n>_EL1"),
        ("ICC_AP0R0_EL1", "ICC_AP0R<n>_EL1"),
        ("GICD_PIDR2", "GICD_PIDR2"),
        ("GICR_CTLR", "GICR_CTLR"),
    ],
)
def test_the_number_becomes_n(register: str, name: str) -> None:
    assert family_name(MAP.registers[register]) == name


def test_an_array_of_one_keeps_its_number() -> None:
    assert FAMILIES["GICR_ISENABLER"].name == "GICR_ISENABLER0"


def test_spans_part_where_elements_differ() -> None:
    assert span_names("GICD_ISENABLER") == [
        ("GICD_ISENABLER0", "GICD_ISENABLER0", False),
        ("GICD_ISENABLER1", "GICD_ISENABLER2", True),
        ("GICD_ISENABLER3", "GICD_ISENABLER31", False),
    ]
    assert span_names("GITS_BASER") == [
        ("GITS_BASER0", "GITS_BASER0", True),
        ("GITS_BASER1", "GITS_BASER1", True),
        ("GITS_BASER2", "GITS_BASER7", False),
    ]


def test_a_family_knows_its_stride_its_implemented_and_its_typical_element() -> None:
    family = FAMILIES["GICD_IROUTER"]
    assert family.stride == 8
    assert [register.name for register in (family.present[0], family.present[-1])] == [
        "GICD_IROUTER32",
        "GICD_IROUTER95",
    ]
    assert FAMILIES["GICD_IPRIORITYR"].typical.name == "GICD_IPRIORITYR8"
    assert FAMILIES["GICD_NSACR"].typical.name == "GICD_NSACR0"
    assert FAMILIES["GICD_CTLR"].stride == 0


@pytest.mark.parametrize(
    ("register", "kinds"),
    [
        ("GICR_PENDBASER", (Access.WO, Access.RW)),
        ("GICD_CTLR", (Access.RO, Access.RES1, Access.RW)),
        ("GICR_INVALLR", (Access.RES0,)),
        ("GICR_WAKER", (Access.RO, Access.RW)),  # absent on KVM
    ],
)
def test_accesses_of_a_register(register: str, kinds: tuple[Access, ...]) -> None:
    assert accesses(MAP.registers[register]) == kinds


def test_repeated_fields_are_one_run() -> None:
    [run] = field_runs(MAP.registers["GICD_IPRIORITYR8"].fields)
    assert (run.name, run.msb, run.lsb, run.numbers) == ("Priority_offset_<x>B", 31, 0, (0, 3))


def test_a_run_ends_where_the_reset_value_changes() -> None:
    runs = field_runs(MAP.registers["GICR_ISENABLER0"].fields)
    assert [(run.msb, run.lsb, run.first.reset) for run in runs] == [(31, 16, 0), (15, 0, 1)]


def test_fields_that_only_look_alike_are_apart() -> None:
    fields = MAP.registers["GICD_IROUTER32"].fields
    assert [run.name for run in field_runs(fields)] == [field.name for field in fields]
