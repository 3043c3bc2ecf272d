"""Looking registers up: by address, by name, by search; and what holds for every register of every implementation."""

import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.registers import (
    IMPLEMENTATION_NAMES,
    Access,
    Field,
    Register,
    RegisterMap,
    UnknownField,
    UnknownName,
    register_map,
)
from app.registers.families import families
from tests.registers.storage import Storage

MAP = register_map("kvm", cpus=2)
MAPS = [
    *(
        register_map(name, cpus=3, spis=spis, its=its)
        for name in IMPLEMENTATION_NAMES
        for spis in (64, 224)
        for its in (True, False)
    )
]


def shape(chart: RegisterMap) -> str:
    return f"{chart.implementation}-{chart.spis}-{'its' if chart.its else 'bare'}"


LOOKED_UP_ONLY = ("VLPI", "VLPI_4_1", "GITS_VSGI", "GICM")
# Every name of IHI 0069's register summaries, <n> as the manual writes it; those of GICv2 legacy operation apart.
MANUAL = """
    GICD_CTLR GICD_TYPER GICD_IIDR GICD_TYPER2 GICD_STATUSR GICD_SETSPI_NSR GICD_CLRSPI_NSR GICD_SETSPI_SR
    GICD_CLRSPI_SR GICD_IGROUPR<n> GICD_ISENABLER<n> GICD_ICENABLER<n> GICD_ISPENDR<n> GICD_ICPENDR<n>
    GICD_ISACTIVER<n> GICD_ICACTIVER<n> GICD_IPRIORITYR<n> GICD_ITARGETSR<n> GICD_ICFGR<n> GICD_IGRPMODR<n>
    GICD_NSACR<n> GICD_SGIR GICD_CPENDSGIR<n> GICD_SPENDSGIR<n> GICD_INMIR<n> GICD_IGROUPR<n>E GICD_ISENABLER<n>E
    GICD_ICENABLER<n>E GICD_ISPENDR<n>E GICD_ICPENDR<n>E GICD_ISACTIVER<n>E GICD_ICACTIVER<n>E GICD_IPRIORITYR<n>E
    GICD_ICFGR<n>E GICD_IGRPMODR<n>E GICD_NSACR<n>E GICD_INMIR<n>E GICD_IROUTER<n> GICD_IROUTER<n>E GICM_TYPER
    GICM_SETSPI_NSR GICM_CLRSPI_NSR GICM_SETSPI_SR GICM_CLRSPI_SR GICM_IIDR GICR_CTLR GICR_IIDR GICR_TYPER
    GICR_STATUSR GICR_WAKER GICR_MPAMIDR GICR_PARTIDR GICR_SETLPIR GICR_CLRLPIR GICR_PROPBASER GICR_PENDBASER
    GICR_INVLPIR GICR_INVALLR GICR_SYNCR GICR_IGROUPR0 GICR_IGROUPR<n>E GICR_ISENABLER0 GICR_ISENABLER<n>E
    GICR_ICENABLER0 GICR_ICENABLER<n>E GICR_ISPENDR0 GICR_ISPENDR<n>E GICR_ICPENDR0 GICR_ICPENDR<n>E GICR_ISACTIVER0
    GICR_ISACTIVER<n>E GICR_ICACTIVER0 GICR_ICACTIVER<n>E GICR_IPRIORITYR<n> GICR_IPRIORITYR<n>E GICR_ICFGR0
    GICR_ICFGR1 GICR_ICFGR<n>E GICR_IGRPMODR0 GICR_IGRPMODR<n>E GICR_NSACR GICR_INMIR0 GICR_INMIR<n>E
    GICR_VPROPBASER GICR_VPENDBASER GICR_VSGIR GICR_VSGIPENDR GITS_CTLR GITS_IIDR GITS_TYPER GITS_MPAMIDR
    GITS_PARTIDR GITS_MPIDR GITS_STATUSR GITS_UMSIR GITS_CBASER GITS_CWRITER GITS_CREADR GITS_BASER<n>
    GITS_TRANSLATER GITS_SGIR ICC_PMR_EL1 ICC_IAR0_EL1 ICC_EOIR0_EL1 ICC_HPPIR0_EL1 ICC_BPR0_EL1 ICC_AP0R<n>_EL1
    ICC_AP1R<n>_EL1 ICC_NMIAR1_EL1 ICC_DIR_EL1 ICC_RPR_EL1 ICC_SGI1R_EL1 ICC_ASGI1R_EL1 ICC_SGI0R_EL1 ICC_IAR1_EL1
    ICC_EOIR1_EL1 ICC_HPPIR1_EL1 ICC_BPR1_EL1 ICC_CTLR_EL1 ICC_SRE_EL1 ICC_IGRPEN0_EL1 ICC_IGRPEN1_EL1 ICC_SRE_EL2
    ICC_SRE_EL3 ICC_CTLR_EL3 ICC_IGRPEN1_EL3 ICH_AP0R<n>_EL2 ICH_AP1R<n>_EL2 ICH_HCR_EL2 ICH_VTR_EL2 ICH_MISR_EL2
    ICH_EISR_EL2 ICH_ELRSR_EL2 ICH_VMCR_EL2 ICH_LR<n>_EL2
"""
IDENTIFICATION = [f"PIDR{n}" for n in range(8)] + [f"CIDR{n}" for n in range(4)]

every_map = pytest.mark.parametrize("chart", MAPS, ids=shape)


class TestAt:
    @pytest.mark.parametrize(
        ("address", "name", "cpu"),
        [
            (0x0800_0000, "GICD_CTLR", 0),
            (0x0800_0003, "GICD_CTLR", 0),
            (0x0800_6144, "GICD_IROUTER40", 0),
            (0x080A_0078, "GICR_PENDBASER", 0),
            (0x080C_007F, "GICR_PENDBASER", 1),
            (0x080B_040D, "GICR_IPRIORITYR3", 0),
            (0x080D_0100, "GICR_ISENABLER0", 1),
            (0x0808_0100, "GITS_BASER0", 0),
            (0x0809_0040, "GITS_TRANSLATER", 0),
        ],
    )
    def test_finds_the_register_around_a_byte(self, address: int, name: str, cpu: int) -> None:
        found = MAP.at(address)
        assert found is not None
        assert (found[0].name, found[1]) == (name, cpu)

    @pytest.mark.parametrize("address", [0, 0x0800_0014, 0x080A_0080, 0x080E_0000, 0x0809_0044, 0x4000_0000, -4])
    def test_finds_nothing_where_nothing_is(self, address: int) -> None:
        assert MAP.at(address) is None

    @every_map
    def test_is_the_inverse_of_address(self, chart: RegisterMap) -> None:
        for frame in chart.frames.values():
            for register in frame.registers if frame.size else ():
                for cpu in range(chart.cpus if register.per_cpu else 1):
                    assert chart.at(chart.address(register, cpu)) == (register, cpu)

    def test_the_gicv4_frame_is_not_decoded(self) -> None:
        assert "GICR_VPENDBASER" in MAP.registers
        with pytest.raises(ValueError, match="GICv4: its fields are here to look up"):
            MAP.address(MAP.registers["GICR_VPENDBASER"])

    def test_system_registers_have_no_address(self) -> None:
        with pytest.raises(ValueError, match="system register"):
            MAP.address(MAP.registers["ICC_PMR_EL1"])

    def test_a_cpu_that_does_not_exist_has_no_address(self) -> None:
        with pytest.raises(ValueError, match="no CPU 2: this machine has CPUs 0-1"):
            MAP.address(MAP.registers["GICR_CTLR"], 2)


class TestFind:
    def test_resolves_register_cpu_and_field(self) -> None:
        place = MAP.find("GICR_PENDBASER@1.PTZ")
        assert place.register is MAP.registers["GICR_PENDBASER"]
        assert place.cpu == 1
        assert place.field is place.register.field("PTZ")

    def test_leaves_out_what_is_not_said(self) -> None:
        place = MAP.find("GICD_CTLR")
        assert (place.register.name, place.cpu, place.field) == ("GICD_CTLR", None, None)

    @pytest.mark.parametrize("name", ["ICC_IAR1_EL1@0", "ICC_IAR1@0"])
    def test_takes_system_registers_with_and_without_el1(self, name: str) -> None:
        assert MAP.find(name).register.name == "ICC_IAR1_EL1"

    @pytest.mark.parametrize(
        ("name", "nearest"),
        [
            ("PENDBASER", "GICR_PENDBASER"),
            ("gicr_pendbaser@0", "GICR_PENDBASER"),
            ("GICR_PENDBASR", "GICR_PENDBASER"),
            ("GICR_PENDBASER@1.PZT", "PTZ"),
            ("GICR_CTLR@0.enablelpis", "EnableLPIs"),
            ("IPRIORITYR3", "GICR_IPRIORITYR3"),
            ("GICD_IPRIORITYR999", "GICD_IPRIORITYR254"),
            ("GICD_CTLR@0.EnableGrp1", "GICD_CTLR.EnableGrp1"),
            ("IAR1", "ICC_IAR1_EL1"),
        ],
    )
    def test_offers_the_nearest_names(self, name: str, nearest: str) -> None:
        with pytest.raises(UnknownName) as error:
            MAP.find(name)
        assert nearest in error.value.nearest
        assert nearest in str(error.value)

    def test_says_where_in_the_name_the_unknown_part_is(self) -> None:
        name = "GICR_PENDBASER@1.PZT"
        with pytest.raises(UnknownName) as error:
            MAP.find(name)
        assert name[error.value.offset :] == "PZT"

    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            ("GICR_CTLR@2", "no CPU 2: this machine has CPUs 0-1"),
            ("GICR_CTLR@", "not a register name"),
            ("GICR CTLR", "not a register name"),
            ("", "not a register name"),
            ("@0", "not a register name"),
            ("GICD_CTLR@0", "exists once"),
        ],
    )
    def test_refuses_what_is_no_place(self, name: str, reason: str) -> None:
        with pytest.raises(UnknownName, match=reason):
            MAP.find(name)

    def test_says_that_there_is_no_its(self) -> None:
        with pytest.raises(UnknownName, match="no ITS"):
            register_map("kvm", its=False).find("GITS_CTLR")

    def test_every_register_is_found_by_its_name(self) -> None:
        assert all(MAP.find(name).register is register for name, register in MAP.registers.items())

    def test_an_unknown_field_is_a_key_error_with_the_nearest_names(self) -> None:
        with pytest.raises(UnknownField) as error:
            MAP.registers["GICR_PENDBASER"].field("Physical_Adress")
        assert isinstance(error.value, KeyError)
        assert error.value.nearest == ("Physical_Address",)


class TestEveryRegister:
    @every_map
    def test_has_title_citation_and_a_meaning_for_each_field(self, chart: RegisterMap) -> None:
        for register in chart.registers.values():
            assert register.meaning, register.name
            assert register.cite, register.name
            assert register.fields, register.name
            assert all(field.meaning and field.cite for field in register.fields), register.name

    @every_map
    def test_says_each_meaning_in_one_line(self, chart: RegisterMap) -> None:
        for register in chart.registers.values():
            for field in register.declared:
                assert "\n" not in field.meaning, (register.name, field.name)
                assert field.meaning.endswith("."), (register.name, field.name)

    @every_map
    def test_names_the_values_of_each_narrow_field(self, chart: RegisterMap) -> None:
        for register in chart.registers.values():
            for field in register.declared:
                named = {each.value for each in field.values}
                if field.width == 1 or (field.width == 2 and field.access is not Access.RES0):
                    # The low bit of an Int_config field is RES0.
                    all_of_it = {0, 2} if field.name.startswith("Int_config") else set(range(1 << field.width))
                    assert named == all_of_it, (register.name, field.name)
                assert all(each.name and each.meaning for each in field.values), (register.name, field.name)

    @every_map
    def test_has_fields_that_do_not_overlap_most_significant_first(self, chart: RegisterMap) -> None:
        for register in chart.registers.values():
            below = register.width
            for field in register.fields:
                assert 0 <= field.lsb <= field.msb < below, (register.name, field.name)
                below = field.lsb

    @every_map
    def test_has_masks_that_agree_with_its_fields(self, chart: RegisterMap) -> None:
        for register in chart.registers.values():
            assert register.sets & register.clears == 0
            assert register.writable & (register.sets | register.clears) == 0
            assert (register.readable | register.writable | register.reset) & ~register.mask == 0
            for field in register.fields:
                check_masks(register, field)

    @every_map
    def test_reads_and_ignores_writes_when_absent(self, chart: RegisterMap) -> None:
        for register in chart.registers.values():
            assert register.present == (register.why_absent == "")
            if not register.present:
                masks = (register.readable, register.writable, register.sets, register.clears, register.reset)
                assert not any(masks), register.name
                assert all(field.access is Access.RES0 for field in register.fields)

    @every_map
    def test_has_values_and_kept_values_that_fit(self, chart: RegisterMap) -> None:
        for register in chart.registers.values():
            for field in register.fields:
                fits = range(1 << field.width)
                names = [named.name for named in field.values]
                assert len(names) == len(set(names))
                assert all(name.isidentifier() for name in names)
                assert all(named.value in fits for named in field.values), (register.name, field.name)
                assert all(written in fits and kept in fits for written, kept in field.kept)
                assert field.reset in fits

    @every_map
    def test_shares_its_reset_with_the_registers_of_the_same_state(self, chart: RegisterMap) -> None:
        resets: dict[tuple[str, str, int | None], set[int]] = {}
        for register in chart.registers.values():
            if register.state and register.present:
                resets.setdefault((register.state, register.frame, register.index), set()).add(register.reset)
        assert {state for state, _, _ in resets} == {"enable", "pending", "active"}
        assert all(len(values) == 1 for values in resets.values())

    @every_map
    def test_speaks_about_the_intids_of_its_index(self, chart: RegisterMap) -> None:
        registers = chart.registers
        assert registers["GICD_ISENABLER2"].intids == range(64, 96)
        assert registers["GICD_IPRIORITYR9"].intids == range(36, 40)
        assert registers["GICD_ICFGR3"].intids == range(48, 64)
        assert registers["GICD_IROUTER40"].intids == range(40, 41)
        assert registers["GICR_IPRIORITYR3"].intids == range(12, 16)
        assert registers["GICD_ISENABLER1E"].intids == range(4128, 4160)
        assert registers["GICR_ISENABLER1E"].intids == range(1056, 1088)
        assert registers["GICR_IPRIORITYR8E"].intids == range(1056, 1060)
        assert registers["GICR_ICFGR5E"].intids == range(1104, 1120)
        assert registers["GICR_PENDBASER"].intids == range(0)


def check_masks(register: Register, field: Field) -> None:
    """Each mask lies in the fields whose access grants it."""
    where = (register.name, field.name)
    mask = field.mask
    if field.access in (Access.RO, Access.RES0, Access.RES1):
        assert not mask & (register.writable | register.sets | register.clears), where
    if field.access in (Access.WO, Access.RES0):
        assert not mask & register.readable, where
    if field.access is not Access.W1S:
        assert not mask & register.sets, where
    if field.access is not Access.W1C:
        assert not mask & register.clears, where
    if field.access in (Access.RW, Access.WO):
        assert mask & register.writable, where
    if field.access is Access.RES1:
        assert field.extract(register.reset) == field.extract(mask), where
    assert field.extract(register.reset) == field.reset or register.resets, where


# Offset of element 0 (IHI 0069, Distributor and Redistributor register maps); SGI_base has the Distributor's, and
# numbers its extended PPIs on from there.
PRIVATE_ARRAYS = {
    "IGROUPR": 0x0080,
    "ISENABLER": 0x0100,
    "ICENABLER": 0x0180,
    "ISPENDR": 0x0200,
    "ICPENDR": 0x0280,
    "ISACTIVER": 0x0300,
    "ICACTIVER": 0x0380,
    "IPRIORITYR": 0x0400,
    "ICFGR": 0x0C00,
    "IGRPMODR": 0x0D00,
    "INMIR": 0x0F80,
}
EXTENDED_SPI_ARRAYS = {
    "IGROUPR": 0x1000,
    "ISENABLER": 0x1200,
    "ICENABLER": 0x1400,
    "ISPENDR": 0x1600,
    "ICPENDR": 0x1800,
    "ISACTIVER": 0x1A00,
    "ICACTIVER": 0x1C00,
    "IPRIORITYR": 0x2000,
    "ICFGR": 0x3000,
    "IGRPMODR": 0x3400,
    "NSACR": 0x3600,
    "INMIR": 0x3B00,
}


class TestManual:
    @pytest.mark.parametrize("implementation", IMPLEMENTATION_NAMES)
    def test_has_every_register(self, implementation: str) -> None:
        chart = register_map(implementation)
        known = set(chart.registers) | {family.name for family in families(chart).values()}
        frames = [f"{frame}_{name}" for frame in ("GICD", "GICR", "GITS") for name in IDENTIFICATION]
        missing = [name for name in MANUAL.split() + frames if name not in known]
        assert missing == []

    @pytest.mark.parametrize("key", [*LOOKED_UP_ONLY, "ICH"])
    def test_what_no_machine_has_is_described_and_says_so(self, key: str) -> None:
        frame = MAP.frames[key]
        assert "no implementation here has it" in frame.reference or "the PEs modelled have no EL2" in frame.reference
        for register in frame.registers:
            assert not register.present
            assert register.reference == frame.reference
            assert register.declared
            assert all(field.access is not Access.RES0 for field in register.declared), register.name

    @pytest.mark.parametrize(
        ("name", "instead"),
        [
            ("ICV_PMR_EL1", {"ICC_PMR_EL1"}),
            ("ICV_AP1R0_EL1", {"ICC_AP0R0_EL1", "ICC_AP1R0_EL1"}),
            ("GICC_AIAR", {"ICC_IAR0_EL1", "ICC_IAR1_EL1"}),
            ("GICC_NSAPR1", {"ICC_AP0R0_EL1", "ICC_AP1R0_EL1"}),
            ("GICH_LR3", {"ICH_LR0_EL2"}),
            ("GICV_EOIR", {"ICC_EOIR0_EL1", "ICC_EOIR1_EL1"}),
            ("GICC_STATUSR", set()),
        ],
    )
    def test_another_interface_s_register_leads_to_its_counterpart(self, name: str, instead: set[str]) -> None:
        with pytest.raises(UnknownName) as error:
            MAP.find(name)
        assert error.value.elsewhere
        assert set(error.value.nearest) == instead
        assert "no register" not in error.value.reason


class TestShape:
    def test_has_every_array_in_full_length(self) -> None:
        counts = {
            "GICD_IGROUPR": 32,
            "GICD_IPRIORITYR": 255,
            "GICD_IROUTER": 988,
            "GICD_IROUTERE": 1024,
            "GITS_BASER": 8,
        }
        for stem, count in counts.items():
            assert sum(register.stem == stem for register in MAP.registers.values()) == count, stem
        assert MAP.registers["GICD_IROUTER1019"].offset == 0x7FD8
        assert MAP.registers["GICD_IROUTER1023E"].offset == 0x9FF8

    @pytest.mark.parametrize(
        ("stem", "base", "stride"),
        [
            *(
                (f"{frame}_{stem}{extended}", base, 4)
                for frame, extended in (("GICD", ""), ("GICR", ""), ("GICR", "E"))
                for stem, base in PRIVATE_ARRAYS.items()
            ),
            *((f"GICD_{stem}E", base, 4) for stem, base in EXTENDED_SPI_ARRAYS.items()),
            ("GICD_NSACR", 0x0E00, 4),
            ("GICD_ITARGETSR", 0x0800, 4),
            ("GICD_IROUTER", 0x6000, 8),
            ("GICD_IROUTERE", 0x8000, 8),
            ("GITS_BASER", 0x0100, 8),
        ],
    )
    def test_arrays_stand_at_the_offsets_of_the_manual(self, stem: str, base: int, stride: int) -> None:
        family = [register for register in MAP.registers.values() if register.stem == stem]
        assert family
        for register in family:
            assert register.index is not None
            assert register.offset == base + stride * register.index, register.name

    def test_encodes_system_registers(self) -> None:
        encodings = {name: MAP.registers[name].encoding for name in ("ICC_PMR_EL1", "ICC_IAR1_EL1", "ICC_SRE_EL3")}
        assert encodings == {
            "ICC_PMR_EL1": "S3_0_C4_C6_0",
            "ICC_IAR1_EL1": "S3_0_C12_C12_0",
            "ICC_SRE_EL3": "S3_6_C12_C12_5",
        }
        # The number by which KVM's CPU_SYSREGS attributes know it.
        assert MAP.registers["ICC_PMR_EL1"].offset == 0xC230

    def test_frames_stand_where_the_virt_board_has_them(self) -> None:
        assert {key: (frame.base, frame.stride) for key, frame in MAP.frames.items()} == {
            "GICD": (0x0800_0000, 0),
            "GITS": (0x0808_0000, 0),
            "GITS_TRANSLATION": (0x0809_0000, 0),
            "RD": (0x080A_0000, 0x2_0000),
            "SGI": (0x080B_0000, 0x2_0000),
            "ICC": (0, 0),
            "ICH": (0, 0),
            **dict.fromkeys(LOOKED_UP_ONLY, (0, 0)),
        }
        assert {frame.size for key, frame in MAP.frames.items() if frame.base} == {0x1_0000}

    def test_without_an_its_its_frames_are_gone(self) -> None:
        chart = register_map("kvm", its=False)
        assert set(chart.frames) == {"GICD", "RD", "SGI", "ICC", "ICH", "VLPI", "VLPI_4_1", "GICM"}
        assert chart.at(0x0808_0000) is None

    def test_spis_need_not_fill_their_last_register(self) -> None:
        registers = register_map("architecture", spis=40).registers
        assert registers["GICD_ISENABLER2"].sets == 0xFF
        assert registers["GICD_IPRIORITYR17"].present
        assert not registers["GICD_IPRIORITYR18"].present

    @pytest.mark.parametrize("spis", [988])
    def test_intids_end_at_1019(self, spis: int) -> None:
        registers = register_map("kvm", spis=spis).registers
        assert registers["GICD_ISENABLER31"].sets == 0x0FFF_FFFF
        assert registers["GICD_IROUTER1019"].present

    @pytest.mark.parametrize(
        ("arguments", "reason"),
        [
            ({"implementation": "xen"}, "architecture, kvm, kvm-before-5.6, qemu"),
            ({"implementation": "kvm", "cpus": 0}, "cpus must be 1 to 512"),
            ({"implementation": "kvm", "cpus": 513}, "cpus must be 1 to 512"),
            ({"implementation": "kvm", "spis": 0}, "spis must be 1 to 988"),
            ({"implementation": "kvm", "spis": 989}, "spis must be 1 to 988"),
        ],
    )
    def test_refuses_machines_that_cannot_be(self, arguments: dict[str, object], reason: str) -> None:
        with pytest.raises(ValueError, match=reason):
            register_map(**arguments)

    def test_is_compiled_once_for_each_shape_of_machine(self) -> None:
        assert register_map("kvm", 2) is register_map("kvm", cpus=2, spis=64, its=True)

    def test_a_cold_compile_takes_less_than_a_second(self) -> None:
        program = (
            "import time; from app.registers import register_map; start = time.process_time();"
            "register_map('kvm'); print(time.process_time() - start)"
        )
        seconds = [
            float(subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout)
            for _ in range(2)
        ]
        assert min(seconds) < 1

    def test_a_look_up_walks_nothing(self) -> None:
        start = time.process_time()
        for _ in range(20_000):
            MAP.at(0x080C_0078)
        assert time.process_time() - start < 0.5

    def test_compiling_leaves_standard_output_alone(self) -> None:
        program = (
            "import sys; before = sys.stdout; from app.registers import register_map; register_map('qemu');"
            "sys.exit(sys.stdout is not before)"
        )
        assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


REGISTERS = [register for chart in MAPS for register in chart.registers.values() if register.present]


@given(st.sampled_from(REGISTERS), st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_a_register_reads_what_was_written_and_nothing_that_is_read_only(
    register: Register, one: int, two: int
) -> None:
    storage = Storage(register)
    storage.write(one & register.mask)
    value = storage.write(two & register.mask)
    fixed = register.readable & ~(register.writable | register.sets | register.clears)
    assert value & fixed == register.reset & fixed
    assert value & ~register.readable == 0
    if not any(field.kept for field in register.fields):
        plain = register.readable & register.writable
        assert value & plain == two & plain
    assert value & register.sets & two == register.sets & two
    assert value & register.clears & two == 0


@given(st.sampled_from(REGISTERS), st.integers(0, 2**64 - 1))
def test_decoded_fields_put_together_again_are_the_value(register: Register, value: int) -> None:
    value &= sum(field.mask for field in register.fields)
    again = 0
    for name, part in register.decode(value).items():
        again = register.field(name).insert(again, part)
    assert again == value


def test_a_value_too_wide_for_its_field_is_refused() -> None:
    field = MAP.registers["GICR_PENDBASER"].field("InnerCache")
    for value in (8, -1):
        with pytest.raises(ValueError, match="3 bits"):
            field.insert(0, value)


def test_named_values_have_their_names() -> None:
    field = MAP.registers["GITS_BASER1"].field("Type")
    named = field.enumeration(4)
    assert named is not None
    assert (named.name, named.meaning) == ("Collections", "Collection table")
    assert field.enumeration(3) is None
