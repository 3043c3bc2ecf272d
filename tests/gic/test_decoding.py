"""What lies where in guest RAM and what its bytes mean, on every implementation."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.gic import COMMANDS, Machine
from app.gic.commands import encode, layout_of
from app.gic.decoding import Decoder
from app.gic.lpi import CONFIG, CONFIG_ENABLE, CONFIG_PRIORITY, pending_byte
from app.gic.regions import Kind, region_at, regions
from app.gic.tables import KVM_LAYOUTS, LEVEL1, PLAIN_LAYOUTS, QEMU_LAYOUTS
from tests.gic.rig import COLLECTIONS, DEVICES, EVERYWHERE, ITT, KVM, PAGE_64K, PEND, PROP, QUEUE, VALID, Rig

ANYWHERE = range(1 << 52)
INDIRECT = 1 << 62


def mapped(implementation):
    """A machine with LPI 8195 mapped and pending on CPU 0; KVM's tables saved."""
    rig = Rig(implementation).its_on()
    rig.config(8195)
    rig.lpis(True)
    commands = [
        encode("MAPD", device=2, itt=ITT, size=5),
        encode("MAPC", collection=1, target=0),
        encode("MAPTI", device=2, event=20, intid=8195, collection=1),
        encode("INT", device=2, event=20),
    ]
    for slot, packet in enumerate(commands):
        rig.m.memory.write(QUEUE + 32 * slot, packet)
    rig.put("GITS_CWRITER", 32 * len(commands))
    if implementation in KVM:
        rig.m.userspace.save_its_tables()
    return rig


def entry(machine, address):
    region = region_at(regions(machine, range(address, address + 1), 0), address)
    return Decoder(machine).entry(region, address)


@pytest.mark.parametrize("implementation", EVERYWHERE)
def test_every_region_is_decoded(implementation):
    machine = mapped(implementation).m
    ite = machine.its.translation.layouts.ite.length
    assert entry(machine, PROP + 3).sentence == "LPI 8195: priority 0xa0, enabled"
    assert entry(machine, PROP + 4).sentence == "LPI 8196: priority 0x00, disabled"
    device = entry(machine, DEVICES + 2 * 8 + 5)
    assert device.sentence == f"DTE of DeviceID 0x2: valid, ITT {ITT:#x}, 5 EventID bits"
    assert device.start == DEVICES + 16
    assert entry(machine, DEVICES + 24).says == "not valid"
    assert entry(machine, ITT + 20 * ite + 1).sentence == "ITE of DeviceID 0x2 EventID 0x14: INTID 8195, ICID 1"
    assert entry(machine, ITT).says == "not valid"
    listed = machine.its.translation.layouts.listed
    collection = entry(machine, COLLECTIONS + (0 if listed else 8))
    assert collection.says == ("valid, ICID 1, CPU0" if listed else "valid, CPU0")
    assert collection.title == ("CTE 0 of the list" if listed else "CTE of ICID 1")
    assert entry(machine, QUEUE + 3 * 32 + 9).sentence == "command slot 3: INT DeviceID 0x2 EventID 0x14 · done"
    assert entry(machine, QUEUE + 4 * 32).sentence == "command slot 4: empty"


def test_pending_bits_are_those_of_eight_intids():
    rig = Rig("qemu").its_on()
    rig.set_bit(8195)
    rig.set_bit(8199)
    bits = entry(rig.m, PEND[0] + 8195 // 8)
    assert bits.sentence == "pending bits of 8192 to 8199: 8195, 8199 pending"
    assert [each.field_name for each in bits.layout.bits] == [str(8192 + n) for n in range(8)]
    assert "no LPIs" in entry(rig.m, PEND[0]).note


def test_a_slot_written_since_its_command_ran_says_so():
    rig = mapped("qemu")
    rig.m.memory.write(QUEUE, encode("SYNC", target=1))
    slot = entry(rig.m, QUEUE)
    assert slot.sentence == "command slot 0: SYNC RDbase 1 · written again"
    rig.m.memory.write(QUEUE + 32 * 60, bytes([0x77]) + bytes(31))
    assert "no command has the opcode 0x77" in entry(rig.m, QUEUE + 32 * 60).says


def test_regions_have_the_sizes_that_the_registers_say():
    rig = Rig("architecture").its_on()
    rig.put("GICR_PROPBASER", PROP | 13, cpu=0)
    rig.put("GICR_PROPBASER", PROP | 14, cpu=1)
    rig.put("GITS_CTLR", 0, 4)
    rig.put("GITS_BASER0", VALID | PAGE_64K | DEVICES | 1)
    found = {each.label: each for each in regions(rig.m, ANYWHERE, 0)}
    assert found["LPI config"].length == (1 << 14) - 8192
    assert found["LPI config CPU1"].length == (1 << 15) - 8192
    assert found["LPI pending CPU0"].length == (1 << 14) // 8
    assert found["LPI pending CPU1"].length == (1 << 15) // 8
    assert found["Devices"].length == 2 * 65536
    assert found["Collections"].length == 65536
    assert (found["Command queue"].length, found["Command queue"].entry_bytes) == (16 * 4096, 32)


@pytest.mark.parametrize("implementation", EVERYWHERE)
def test_an_itt_is_as_long_as_its_eventid_bits_say(implementation):
    machine = mapped(implementation).m
    itt = next(each for each in regions(machine, ANYWHERE, 0) if each.kind is Kind.ITT)
    assert itt.length == machine.its.translation.layouts.ite.length << 5
    assert (itt.start, itt.owner) == (ITT, 2)
    assert not [each for each in regions(machine, range(16), 0) if each.kind is Kind.ITT]
    assert [each.kind for each in regions(machine, range(16), 1)].count(Kind.ITT) == 1


@pytest.mark.parametrize("implementation", EVERYWHERE)
def test_a_two_level_table_has_a_region_for_each_page(implementation):
    rig = Rig(implementation)
    page = DEVICES + 0x40000
    rig.m.memory.write(DEVICES + 8, (VALID | page).to_bytes(8, "little"))
    rig.put("GITS_BASER0", VALID | INDIRECT | PAGE_64K | DEVICES)
    found = [each for each in regions(rig.m, ANYWHERE, 0) if each.kind is Kind.DEVICES]
    assert [(each.level, each.start, each.first) for each in found] == [(1, DEVICES, 0), (2, page, 8192)]
    assert found[1].length == 65536
    assert entry(rig.m, DEVICES + 8).sentence == f"level 1 entry 1 of the devices: valid, level 2 page at {page:#x}"
    assert entry(rig.m, page + 8).title == "DTE of DeviceID 0x2001"


def test_the_smaller_of_two_regions_says_what_a_byte_is():
    rig = mapped("qemu")
    rig.put("GITS_BASER1", VALID | PAGE_64K | QUEUE & ~0xFFFF)
    assert region_at(regions(rig.m, ANYWHERE, 1), ITT).kind is Kind.ITT
    assert region_at(regions(rig.m, ANYWHERE, 1), 0x4100_0000) is None


def test_an_entry_that_is_not_all_ram_is_not_decoded():
    machine = Machine("qemu", ram_mib=1)
    machine.write(machine.map.address(machine.map.registers["GITS_CBASER"], 0), VALID | 0x4010_0000, 8)
    queue = next(each for each in regions(machine, ANYWHERE, 0) if each.kind is Kind.QUEUE)
    assert Decoder(machine).entry(queue, 0x4010_0000) is None


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(EVERYWHERE),
    st.lists(st.integers(0, (1 << 64) - 1), min_size=5, max_size=5),
    st.binary(min_size=64, max_size=64),
    st.lists(st.integers(0, 1 << 20), max_size=8),
)
def test_whatever_registers_and_ram_hold_every_byte_can_be_asked_about(implementation, values, data, places):
    machine = Machine(implementation)
    near = [value & ~0x000F_FFFF_FFFF_0000 | 0x4000_0000 | value & 0xF_0000 for value in values]
    names = ("GICR_PROPBASER", "GICR_PENDBASER", "GITS_BASER0", "GITS_BASER1", "GITS_CBASER")
    for name, value in zip(names, near, strict=True):
        machine.write(machine.map.address(machine.map.registers[name], 0), value, 8)
    machine.memory.write(0x4000_0000, data * 1024)
    for place in places:
        address = 0x4000_0000 + place
        found = regions(machine, range(address, address + 256), 6)
        region = region_at(found, address)
        decoded = region and Decoder(machine).entry(region, address)
        if decoded:
            assert decoded.sentence
            assert decoded.start <= address < decoded.start + len(decoded.data)


def test_the_configuration_byte_is_declared_once():
    assert (CONFIG_ENABLE, CONFIG_PRIORITY) == (1, 0xFC)
    assert CONFIG.values(b"\xa3") == {"enabled": 1, "priority": 0xA0}


EVERY_LAYOUT = [
    *(
        each
        for layouts in (QEMU_LAYOUTS, PLAIN_LAYOUTS, KVM_LAYOUTS)
        for each in (layouts.dte, layouts.cte, layouts.ite)
    ),
    LEVEL1,
    CONFIG,
    pending_byte(8192),
    *(layout_of(name) for name in COMMANDS),
]


@pytest.mark.parametrize("layout", EVERY_LAYOUT, ids=lambda each: each.name)
def test_fields_do_not_overlap_and_keep_what_is_put_into_them(layout):
    ones = b"\xff" * layout.length
    seen = 0
    for bits in layout.bits:
        mask = ((1 << bits.width) - 1) << bits.word * 64 + bits.lsb
        assert not seen & mask, bits.name
        seen |= mask
        for value in (bits.bias, bits.largest):
            assert layout.values(layout.replaced(ones, {bits.name: value}))[bits.name] == value
        cleared = int.from_bytes(layout.replaced(ones, {bits.name: bits.bias}), "little")
        assert cleared == int.from_bytes(ones, "little") & ~mask
        with pytest.raises(ValueError, match="does not fit"):
            layout.replaced(ones, {bits.name: bits.largest + 1})
    assert layout.used == seen < 1 << 8 * layout.length
