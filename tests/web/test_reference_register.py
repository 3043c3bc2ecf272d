"""A register's page: its fields, what it reads back on each implementation, its doors, and links to try it."""

import json
import re
from pathlib import Path

import pytest

from app.registers import IMPLEMENTATION_NAMES, register_map
from app.registers.families import families
from app.scenario import Player, links
from app.web.views.reference import register_page
from app.web.views.reference_answers import MOST_SPIS, USERSPACE, USUAL_SPIS, Way, guest_ways, replies, shape_for
from tests.web.reading import shown, told, words

pytestmark = pytest.mark.anyio
DATA = Path(__file__).parent.parent / "registers" / "data"
FAMILIES = list(families(register_map("architecture")).values())
every_implementation = pytest.mark.parametrize("on", IMPLEMENTATION_NAMES)
KVM_ROW = re.compile(r"\s+(G\w+)\s+(g32|g64|u)\s+\|\s+(.*)")


# -- what a register reads back


def recorded_qemu():
    frames = {"GICD": "GICD", "GICR0_RD": "RD", "GICR0_SGI": "SGI", "GITS": "GITS"}
    recorded = json.loads((DATA / "registers-qemu-7.2.json").read_text())["frames"]
    for name, key in frames.items():
        for offset, reply in recorded[name]["regs"].items():
            yield key, int(offset, 16), reply


def test_qemu_reads_back_what_a_real_one_did():
    """Every register that QEMU 7.2 answered: reset, after all ones, after zero, 64 and 32 bits at a time."""
    registers = {(register.frame, register.offset): register for register in register_map("qemu").registers.values()}
    seen = 0
    for frame, offset, reply in recorded_qemu():
        register = registers.get((frame, offset))
        if register is None:  # the upper half of a 64-bit register
            continue
        for size in sorted(register.sizes & {4, 8}):
            way = Way("", size)
            got = replies("qemu", register.name, 256, way)
            expected = reply.get(f"w{register.width}")
            if expected is None or size * 8 > register.width:
                continue
            values = [got.reset.value, got.ones.value, got.zero.value]
            assert values == [int(expected[when], 16) for when in ("reset", "ones", "zero")], (register.name, size)
            seen += 1
    assert seen > 600


def kvm_rows():
    for line in (DATA / "registers-kvm-6.1.txt").read_text().splitlines():
        match = KVM_ROW.match(line)
        if match:
            replies_ = re.findall(r"0x[0-9a-f]+(?:\(err \w+\))?", match[3])
            yield pytest.param(match[1], match[2], replies_, id=f"{match[1]}-{match[2]}")


@pytest.mark.parametrize(("name", "door", "recorded"), list(kvm_rows()))
def test_kvm_reads_back_what_a_real_one_did(name, door, recorded):
    way = Way(USERSPACE, 0) if door == "u" else Way("", {"g32": 4, "g64": 8}[door])
    if door == "g64" and register_map("kvm").registers[name].width == 32:
        pytest.fail("recorded at a width that the register does not have")
    got = replies("kvm", name, USUAL_SPIS, way)
    for reply, text in zip((got.reset, got.ones, got.zero), recorded, strict=False):
        value, _, error = text.rstrip(")").partition("(err ")
        assert reply.value == int(value, 16)
        assert reply.refused.startswith(f"{error}: ") if error else door != "u" or not reply.refused.startswith("E")


def test_a_register_beyond_the_usual_spis_is_tried_on_a_machine_that_has_it():
    registers = register_map("architecture").registers
    assert shape_for(registers["GICD_IROUTER95"]) == USUAL_SPIS
    assert shape_for(registers["GICD_IROUTER96"]) == MOST_SPIS
    assert shape_for(registers["GICD_IGROUPR0"]) == USUAL_SPIS
    assert shape_for(registers["GICD_IROUTER5E"]) == USUAL_SPIS
    assert replies("kvm", "GICD_IROUTER500", MOST_SPIS, Way("", 8)).ones.value == 0xFF_FFFF


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("GICR_PENDBASER", ["64-bit", "two 32-bit"]),
        ("GICD_IPRIORITYR8", ["32-bit", "four 8-bit"]),
        ("GICD_CTLR", ["32-bit"]),
        ("GITS_TRANSLATER", ["32-bit", "two 16-bit"]),
        ("ICC_PMR_EL1", ["MSR, MRS"]),
        ("GICR_VPENDBASER", []),
    ],
)
def test_the_ways_of_a_guest_follow_from_the_access_sizes(name, labels):
    assert [way.label for way in guest_ways(register_map("architecture").registers[name])] == labels


# -- a register


class TestRegister:
    @pytest.mark.parametrize("on", IMPLEMENTATION_NAMES)
    async def test_every_register_has_a_page_with_its_fields(self, client, on):
        for family in families(register_map(on)).values():
            for register in {family.typical, family.spans[-1].first}:
                page = await shown(client, f"/registers/{register.name}?on={on}")
                read = words(page)
                assert re.search(rf"<h1[^>]*>{register.name}</h1>", page)
                for field in register.declared:
                    assert f'id="f-{field.name}"' in page
                    assert " ".join(field.meaning.split()) in read
                assert " ".join(register.cite.split()) in read
                absent = not register.present and shape_for(register) == USUAL_SPIS
                assert ("does not have it" in read) is absent
                assert not absent or register.why_absent in read

    async def test_tells_where_it_is_for_each_cpu(self, client):
        page = words(await shown(client, "/registers/GICR_PENDBASER"))
        assert "CPU 0: 0x080a0078 CPU 1: 0x080c0078 CPU n: 0x080a0078 + n* 0x20000" in page
        assert "64 bits, accesses of 64, 32 bits" in page

    async def test_tells_the_encoding_of_a_system_register(self, client):
        assert "S3_0_C12_C12_0 attribute number 0xc660" in words(await shown(client, "/registers/ICC_IAR1_EL1"))

    async def test_a_reset_that_depends_on_the_cpu_is_told_for_each(self, client):
        page = words(await shown(client, "/registers/GICR_TYPER"))
        assert "CPU 0: 0x0000000000000021 CPU 1: 0x0000000100000131" in page

    def test_repeated_fields_are_one_line_that_names_the_interrupts(self):
        lines = register_page("GICD_IPRIORITYR9", "").fields
        assert [(line.name, line.bits, line.each) for line in lines] == [
            ("Priority_offset_<x>B", "31:0", "x = 0-3, a byte each: INTID 36+x")
        ]
        lines = register_page("GICR_ISENABLER0", "kvm").fields
        assert [(line.bits, line.reset, line.each) for line in lines] == [
            ("31:16", "0x0", "x = 16-31, a bit each: INTID x"),
            ("15:0", "0x1", "x = 0-15, a bit each: INTID x"),
        ]

    def test_the_diagram_names_interrupts_or_the_parts_of_one(self):
        def labels(name):
            return [
                segment.label for half in register_page(name, "").halves for segment in half if not segment.reserved
            ]

        assert labels("GICD_IPRIORITYR9") == ["INTID 39", "INTID 38", "INTID 37", "INTID 36"]
        assert labels("GICD_IROUTER40") == ["Aff3", "IRM", "Aff2", "Aff1", "Aff0"]

    def test_names_the_registers_that_show_the_same_state(self):
        facts = {fact.term: fact for fact in register_page("GICD_ISENABLER2", "qemu").facts}
        assert [(hit.label, hit.href) for hit in facts["Same state"].hits] == [
            ("GICD_ICENABLER2", "/registers/GICD_ICENABLER2?on=qemu")
        ]

    async def test_says_that_the_usual_machine_has_too_few_spis(self, client):
        page = words(await shown(client, "/registers/GICD_IROUTER500?on=kvm"))
        assert "A machine with 64 SPIs, as giclab starts one, has no INTID 500" in page
        assert "does not have it" not in page

    async def test_the_gicv4_frame_is_there_to_look_up(self, client):
        page = words(await shown(client, "/registers/GICR_VPENDBASER"))
        assert "A vPE is scheduled on this PE." in page
        assert "its behaviour is not modelled, no implementation here has it" in page

    async def test_arrays_have_a_way_through_them(self, client):
        page = await shown(client, "/registers/GICD_IROUTER40?on=qemu")
        assert 'rel="prev" href="/registers/GICD_IROUTER39?on=qemu"' in page
        assert 'rel="next" href="/registers/GICD_IROUTER41?on=qemu"' in page
        answer = await client.get("/registers/GICD_IROUTER40?on=qemu&n=1019")
        assert (answer.status_code, answer.headers["location"]) == (307, "/registers/GICD_IROUTER1019?on=qemu")
        ends = register_page("GICD_IROUTER32", "").elements
        assert ends is not None
        assert (ends.before, ends.after.label) == (None, "GICD_IROUTER33")


# -- side by side


def rows_of(name, on=""):
    return {
        f"{told(row.title)} {row.note}".strip(): [
            (cell.hex.text if cell.hex else "", str(cell.access or ""), told(cell.text), cell.same)
            for cell in row.cells
        ]
        for group in register_page(name, on).sides.groups
        for row in group.rows
    }


class TestSides:
    def test_ptz_reads_back_on_two_of_four(self):
        rows = rows_of("GICR_PENDBASER")
        assert [cell[0] for cell in rows["All ones 64-bit"]] == [
            "0x070fffffffff0f80",
            "0x000fffffffff0f80",
            "0x400fffffffff0f80",
            "0xffffffffffffffff",
        ]
        assert [cell[1] for cell in rows["PTZ [62]"]] == ["WO", "WO", "RW", "RW"]
        assert [cell[3] for cell in rows["PTZ [62]"]] == [True, True, False, False]
        assert rows["Shareability [11:10]"][1][2] == "reset 0x1; 2 kept as 1 (InnerShareable)"
        assert rows["Reserved bits"][3][2] == "63, 61:59, 55:52, 15:12, 6:0 keep what is written"

    def test_accesses_that_give_the_same_are_said_in_words(self):
        assert "Accesses as two 32-bit give the same as 64-bit." in register_page("GICR_PENDBASER", "").sides.remarks
        assert "Accesses as four 8-bit give the same as 32-bit." in register_page("GICD_IPRIORITYR8", "").sides.remarks

    def test_differing_digits_are_marked(self):
        [row] = [row for row in register_page("GICD_CTLR", "").sides.groups[0].rows if told(row.title) == "All ones"]
        marked = [[digit.mark for group in cell.hex.groups for digit in group] for cell in row.cells if cell.hex]
        assert [sum(marks) for marks in marked] == [0, 1, 1, 0]

    def test_repeated_fields_that_differ_are_one_row(self):
        assert "Priority_offset_<x>B [31:0]" in rows_of("GICD_IPRIORITYR8")
        assert rows_of("GICD_IPRIORITYR8")["Priority_offset_<x>B [31:0]"][0][2] == "its bits 7:3 only"
        assert "Set_enable_bit<x> [15:0]" in rows_of("GICR_ISENABLER0")

    def test_bits_that_a_write_cannot_change_are_said(self):
        cells = rows_of("GICR_ISPENDR0")["Set_pending_bit30 [30]"]
        assert [cell[2] for cell in cells] == ["", "a write changes nothing", "a write changes nothing", ""]

    def test_a_register_that_is_not_there_differs_in_that_and_not_in_each_field(self):
        rows = rows_of("GICR_WAKER")
        assert [cell[2] for cell in rows["Implemented"]][1:] == ["no: KVM wakes vCPUs without it"] * 2 + ["yes"]
        assert not [title for title in rows if "ProcessorSleep" in title]

    def test_a_refused_write_says_why(self):
        assert rows_of("GITS_CTLR")["All ones 32-bit"][1][2] == (
            "Refused: GITS_CBASER and GITS_BASER0 and GITS_BASER1 not Valid."
        )

    def test_behaviours_that_name_the_register_are_told_with_their_source(self):
        [group] = [group for group in register_page("GITS_CREADR", "").sides.groups if group.title == "Behaviour"]
        rows = {told(row.title): row for row in group.rows}
        row = rows["A guest's write to GITS_CREADR"]
        assert [told(cell.text) for cell in row.cells][3].startswith("taken")
        assert "arm_gicv3_its.c" in row.cells[3].cite
        assert not [group for group in register_page("GICR_IIDR", "").sides.groups if group.title == "Behaviour"]

    def test_nothing_is_written_to_a_frame_that_no_machine_has(self):
        sides = register_page("GICR_VPENDBASER", "").sides
        assert [told(row.title) for group in sides.groups for row in group.rows] == ["Implemented"]
        assert sides.remarks[0].startswith("No implementation here has this frame")

    async def test_the_implementation_on_view_is_marked(self, client):
        page = await shown(client, "/registers/GICD_CTLR?on=qemu")
        assert '<th scope="col" class="on">QEMU' in page


class TestDoors:
    def doors(self, name, on=""):
        doors = register_page(name, on).doors
        lines = {
            line.title: [
                (value.hex.text if value.hex else "", told(value.note), value.differs) for value in line.values
            ]
            for line in doors.lines
        }
        return doors, lines

    def test_userspace_replaces_the_latch_where_a_guest_only_sets(self):
        doors, lines = self.doors("GICD_ISPENDR1", "kvm")
        assert told(doors.words).startswith("Reads the latch without the line level")
        assert lines["Then zero"] == [("0xffffffff", "", False), ("0x00000000", "", True)]

    def test_userspace_is_refused_where_a_guest_is_ignored(self):
        _, lines = self.doors("GICD_IIDR", "kvm")
        assert lines["All ones"][0] == ("0x4b00343b", "", False)
        assert lines["All ones"][1][1].startswith("EINVAL: GICD_IIDR must be")

    def test_a_register_without_an_attribute_says_enxio(self):
        _, lines = self.doors("ICC_IAR1_EL1", "kvm")
        assert lines["After reset"][1][0] == ""
        assert lines["After reset"][1][1].startswith("ENXIO")

    @pytest.mark.parametrize("name", ["GICR_PENDBASER", "GICR_WAKER", "GICD_CTLR", "GITS_BASER0"])
    def test_doors_that_are_alike_are_said_to_be(self, name):
        doors, lines = self.doors(name, "kvm")
        assert told(doors.words) == "Userspace reads and writes what a guest does."
        assert not any(value[2] for line in lines.values() for value in line)

    def test_the_door_of_the_kvm_on_view_is_shown_or_todays(self):
        assert self.doors("GICD_CTLR", "kvm-before-5.6")[0].title.endswith("on KVM before 5.6")
        assert self.doors("GICD_CTLR", "qemu")[0].title.endswith("on KVM")

    def test_says_how_an_attribute_is_named(self):
        doors, _ = self.doors("GICR_PENDBASER")
        assert [told(column.reach) for column in doors.columns] == [
            "0x080a0078 + n*0x20000 for CPU n: 64-bit or two 32-bit",
            "KVM_DEV_ARM_VGIC_GRP_REDIST_REGS, 0x78 and 0x7c: 32 bits each",
        ]

    @pytest.mark.parametrize("name", ["GITS_TRANSLATER", "GICR_VPENDBASER"])
    def test_no_door_is_said_too(self, name):
        doors, lines = self.doors(name)
        assert lines == {}
        assert "o attribute reaches it" in told(doors.words)

    def test_two_security_states_are_shown_where_they_see_different_things(self):
        states = register_page("GICD_IGROUPR1", "").states
        assert states is not None
        assert told(states.words) == "Non-secure accesses: RAZ/WI."
        ones = next(line for line in states.lines if line.title == "All ones")
        assert [value.hex.text for value in ones.values if value.hex] == ["0xffffffff", "0x00000000"]
        assert register_page("GICR_PENDBASER", "").states is None
        assert register_page("GICR_VPENDBASER", "").states is None


# -- trying it


@every_implementation
def test_every_link_to_try_it_shows_what_the_page_says(on):
    tried = 0
    for family in families(register_map(on)).values():
        name = family.typical.name
        page = register_page(name, "" if on == "architecture" else on)
        rows = rows_of(name, "" if on == "architecture" else on)
        column = IMPLEMENTATION_NAMES.index(on)
        for hit in page.tries:
            scenario = links.unpack(hit.href.removeprefix("/x/")).scenario()
            assert scenario.machine.implementation == on
            assert len(scenario.operations) == 2
            player = Player(scenario.machine)
            steps = [player.apply(operation) for operation in scenario.operations]
            if hit.label == "Write all ones, read back":
                [expected] = [cells for title, cells in rows.items() if title.startswith("All ones")][:1]
                assert steps[-1].value == int(expected[column][0], 16), name
                tried += 1
    assert tried == sum(not family.typical.reference for family in FAMILIES)
