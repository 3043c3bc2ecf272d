"""What differs between two machines: each kind of difference, nothing where there is none, and never too much."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import limits
from app.diff import diff
from app.diff.told import Side, Table
from app.gic import IMPLEMENTATIONS, Machine
from app.scenario import parse
from app.scenario.player import Player, played
from app.scenario.work import Allowance, Allowed, TooMuch

ON = """
poke  0x40200003 a1a1
write GICR_PROPBASER@0 Physical_Address=0x40200000 IDbits=15
write GICR_PENDBASER@0 Physical_Address=0x40210000
write GICD_CTLR EnableGrp1=1
write ICC_PMR_EL1@0 0xff
write ICC_IGRPEN1_EL1@0 1
write GICR_CTLR@0 EnableLPIs=1
its   MAPC collection=1 target=0
its   MAPD device=2 itt=0x40300000 size=5
its   MAPTI device=2 event=20 intid=8195 collection=1
"""


def machine(lines="", make="implementation=kvm cpus=2"):
    return played(parse(f"machine {make}\n{lines}")).machine


def between(before, after, make="implementation=kvm cpus=2"):
    """What the lines of `after` change, done after those of `before`."""
    return diff(machine(before, make), machine(f"{before}\n{after}", make))


def told(section):
    """Rows by name: of each change its name, and both values as they are written."""
    return {row.name: [(each.name, *each.texts) for each in row.changes] for row in section.rows}


# -- nothing


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_a_machine_does_not_differ_from_itself_or_from_one_that_did_the_same(implementation):
    make = f"implementation={implementation} cpus=2"
    one = machine(ON + "msi device=2 event=20", make)
    assert diff(one, one).same
    found = diff(one, machine(ON + "msi device=2 event=20", make))
    assert (found.same, found.count, found.hidden) == (True, 0, False)


def test_looking_changes_nothing():
    one, other = machine(ON), machine(ON + "msi device=2 event=20")
    before = one.snapshot(), other.snapshot()
    diff(one, other)
    assert (one.snapshot(), other.snapshot()) == before


def test_what_nobody_is_shown_is_said_to_differ_all_the_same():
    one, other = machine(ON), machine(ON)
    other.lpi_home.state(8195, 0)
    other.its_placed = False
    found = diff(one, other)
    assert (found.count, found.hidden, found.same) == (0, True, False)


# -- registers


def test_a_field_is_told_by_its_name_and_an_address_as_one():
    found = between("", "write GICR_PROPBASER@1 Physical_Address=0x40200000 IDbits=15", "implementation=architecture")
    assert told(found.registers) == {
        "GICR_PROPBASER@1": [("Physical_Address", "0x0", "0x40200000"), ("IDbits", "0", "0xf")]
    }
    assert found.count == 1
    [row] = found.registers.rows
    assert (row.width, row.a, row.b) == (64, 0, 0x4020_000F)


def test_registers_that_show_one_state_are_told_once():
    found = between("", "write GICD_ISENABLER1 0x100")
    [row] = found.registers.rows
    assert (row.name, row.also) == ("GICD_ISENABLER1", ("GICD_ICENABLER1",))
    [change] = row.changes
    assert (change.name, change.texts, change.note) == (
        "Set_enable_bit8",
        ("0 (Disabled)", "1 (Enabled)"),
        "INTID 40",
    )


def test_a_register_that_is_kept_once_for_all_cpus_is_told_once():
    found = between("", "write GICR_PROPBASER@0 Physical_Address=0x40200000")
    assert [(row.name, row.also) for row in found.registers.rows] == [("GICR_PROPBASER@0", ("GICR_PROPBASER@1",))]


def test_registers_of_each_cpu_are_told_each():
    found = between("", "write GICR_ISENABLER0@0 0x10000\nwrite GICR_ISENABLER0@1 0x10000")
    assert [row.name for row in found.registers.rows] == ["GICR_ISENABLER0@0", "GICR_ISENABLER0@1"]


def test_neighbours_in_an_array_that_change_alike_are_told_together():
    found = between("", "write GICD_IPRIORITYR8 0xa0a000a0")
    [row] = found.registers.rows
    assert [(each.name, each.texts, each.note) for each in row.changes] == [
        ("Priority_offset_0B", ("0", "0xa0"), "INTID 32"),
        ("Priority_offset_2B to Priority_offset_3B", ("0", "0xa0"), "INTIDs 34 to 35"),
    ]


def test_a_bit_that_no_read_shows_is_told_as_what_it_is():
    found = between("", "write GICR_PENDBASER@0 PTZ=1", "implementation=architecture")
    [row] = found.registers.rows
    [change] = row.changes
    assert (change.name, change.a, change.b, change.note) == ("PTZ", 0, 1, "no read shows it")


def test_a_bit_that_only_one_implementation_shows_is_told_as_it_reads():
    written = "write GICR_PENDBASER@0 PTZ=1"
    before, after = machine(written, "implementation=kvm-before-5.6"), machine(written, "implementation=kvm")
    found = diff(before, after)
    [row] = found.registers.rows
    [change] = row.changes
    assert (row.name, change.name, change.a, change.b) == ("GICR_PENDBASER@0", "PTZ", 1, 0)
    assert "kept as 1 in both" in change.note


def test_a_register_that_is_a_command_keeps_nothing():
    assert between("", "write GICR_INVLPIR@0 8195", "implementation=architecture").registers.count == 0


def test_system_registers_are_told_and_what_follows_from_them_is_not():
    found = between(ON + "msi device=2 event=20", "write ICC_PMR_EL1@0 0\nack @0")
    assert told(found.registers) == {"ICC_PMR_EL1@0": [("Priority", "0xf8", "0")]}


def test_with_two_security_states_each_bank_is_told():
    make = "implementation=architecture security=2"
    one = between("", "write ICC_IGRPEN1_EL1@0 1 secure=1", make)
    assert [row.name for row in one.registers.rows] == ["ICC_IGRPEN1_EL1@0 (Secure)"]
    other = between("", "write ICC_IGRPEN1_EL1@0 1", make)
    assert [row.name for row in other.registers.rows] == ["ICC_IGRPEN1_EL1@0 (Non-secure)"]


def test_the_pointers_of_the_command_queue_are_registers():
    found = between(ON, "its SYNC target=0")
    assert told(found.registers) == {
        "GITS_CWRITER": [("Offset", "0x60", "0x80")],
        "GITS_CREADR": [("Offset", "0x60", "0x80")],
    }


PLAIN = ("GICD_IROUTER40", "GICR_PENDBASER", "GICR_PROPBASER", "GITS_BASER0", "GITS_CBASER", "GICD_CTLR")


@settings(deadline=None)
@given(
    implementation=st.sampled_from(sorted(IMPLEMENTATIONS)),
    name=st.sampled_from(PLAIN),
    value=st.integers(0, (1 << 64) - 1),
)
def test_a_write_of_a_register_shows_the_fields_that_it_changed_and_no_others(implementation, name, value):
    one, other = Machine(implementation, cpus=1), Machine(implementation, cpus=1)
    register = one.map.registers[name]
    other.write(other.map.address(register, 0), value & register.mask, register.width // 8)
    slot = one.layout.slot(name)
    before, after = (
        each.peek(name) | each.values[slot] & ~register.readable & register.writable for each in (one, other)
    )
    expected = {field.name for field in register.fields if field.extract(before) != field.extract(after)}
    found = diff(one, other)
    expected |= {"reserved bits"} if (before ^ after) & ~sum(field.mask for field in register.fields) else set()
    assert {row.name.partition("@")[0] for row in found.registers.rows} == ({name} if expected else set())
    assert {change.name for row in found.registers.rows for change in row.changes} == expected


# -- LPIs


def test_an_lpi_is_told_in_ram_and_cached():
    found = between(ON, "poke 0x40200003 a0", "implementation=architecture")
    assert told(found.lpis) == {"INTID 8195": [("enabled", "yes", "no"), ("configuration in RAM", "0xa1", "0xa0")]}
    kvm = between(ON, "poke 0x40200003 a0")
    assert told(kvm.lpis) == {"INTID 8195": [("configuration in RAM", "0xa1", "0xa0")]}
    taken = between(f"{ON}\npoke 0x40200003 80", "its INV device=2 event=20")
    assert told(taken.lpis) == {
        "INTID 8195": [("enabled", "yes", "no"), ("priority", "0xa0", "0x80"), ("cached configuration", "0xa1", "0x80")]
    }


def test_an_lpi_that_becomes_pending_is_told_by_where_it_is_pending():
    kvm = told(between(ON, "msi device=2 event=20").lpis)["INTID 8195"]
    assert kvm == [("state", "not pending", "signalled"), ("pending", "no", "yes"), ("pending latch", "no", "yes")]
    qemu = told(between(ON, "msi device=2 event=20", "implementation=qemu").lpis)["INTID 8195"]
    assert ("pending bit in RAM", "no", "yes") in qemu


def test_an_lpi_that_is_moved_is_told_by_its_cpu():
    moved = "its MAPC collection=2 target=1\nits MOVI device=2 event=20 collection=2"
    assert {("CPU", "0", "1"), ("ICID", "0x1", "0x2")} <= set(told(between(ON, moved).lpis)["INTID 8195"])


def test_an_lpi_that_is_only_in_one_is_told_whichever_that_is():
    mapped, bare = machine(ON + "its MAPTI device=2 event=21 intid=8196 collection=1"), machine(ON)
    there, gone = told(diff(bare, mapped).lpis)["INTID 8196"], told(diff(mapped, bare).lpis)["INTID 8196"]
    assert ("EventID", "none", "0x15") in there
    assert ("EventID", "0x15", "none") in gone
    assert [(name, b, a) for name, a, b in there] == gone


# -- tables


def test_entries_of_every_table_are_told():
    found = between(
        ON,
        "its MAPC collection=2 target=1\nits MAPD device=3 itt=0x40310000 size=4\n"
        "its MAPTI device=3 event=1 intid=8200 collection=1\n"
        "its DISCARD device=2 event=20\nits MAPTI device=2 event=20 intid=8197 collection=1",
    )
    assert told(found.entries) == {
        "ICID 0x2": [("mapped", "none", "yes"), ("CPU", "none", "1")],
        "DeviceID 0x2 EventID 0x14": [("INTID", "8195", "8197")],
        "DeviceID 0x3": [("mapped", "none", "yes"), ("EventID bits", "none", "4"), ("ITT", "none", "0x40310000")],
        "DeviceID 0x3 EventID 0x1": [("INTID", "none", "8200"), ("ICID", "none", "0x1")],
    }
    assert [row.table for row in found.entries.rows] == [Table.COLLECTION, Table.ITT, Table.DEVICE, Table.ITT]


@pytest.mark.parametrize("implementation", ["architecture", "qemu"])
def test_entries_that_are_in_ram_are_told_as_entries_too(implementation):
    found = between(ON, "its DISCARD device=2 event=20", f"implementation={implementation}")
    assert told(found.entries) == {"DeviceID 0x2 EventID 0x14": [("INTID", "8195", "none"), ("ICID", "0x1", "none")]}
    assert "the ITT of DeviceID 0x2" in {row.where for row in found.memory.rows}


# -- RAM


def test_ranges_of_ram_are_told_with_their_bytes_and_the_table_around():
    found = between(ON, "poke 0x40200003 a0\npoke 0x48000ffe 01020304")
    assert [(row.address, row.length, row.a, row.b, row.where) for row in found.memory.rows] == [
        (0x4020_0003, 1, b"\xa1", b"\xa0", "the configuration table"),
        (0x4800_0FFE, 4, bytes(4), b"\1\2\3\4", ""),
    ]


def test_bytes_that_lie_near_are_one_range_and_those_apart_are_two():
    found = between("", "poke 0x48000000 01\npoke 0x48000010 01\npoke 0x48000021 01")
    assert [(row.address, row.length) for row in found.memory.rows] == [(0x4800_0000, 17), (0x4800_0021, 1)]


def test_a_range_goes_on_over_the_end_of_a_page():
    found = between("", "poke 0x48000ffe 01\npoke 0x48001008 01\npoke 0x48001ff0 01\npoke 0x48002000 01")
    assert [(row.address, row.length) for row in found.memory.rows] == [(0x4800_0FFE, 11), (0x4800_1FF0, 17)]


def test_of_a_long_range_the_first_bytes_are_shown():
    found = between("", f"poke 0x48000000 {'55' * 200}")
    [row] = found.memory.rows
    assert (row.length, len(row.a), row.b) == (200, limits.DIFFERENCE_BYTES, b"\x55" * limits.DIFFERENCE_BYTES)


def test_ram_that_was_written_with_zeros_is_no_difference():
    assert between("", "poke 0x48000000 00").same


def test_the_command_queue_is_named():
    assert [row.where for row in between(ON, "its SYNC target=0").memory.rows] == ["the command queue"]


# -- what they are, and what is inside


def test_machines_of_another_make_are_told_by_what_only_one_has():
    found = diff(machine("", "cpus=1"), machine("", "cpus=3 spis=96 implementation=qemu"))
    assert [(each.name, *each.texts) for each in found.machine] == [
        ("implementation", "kvm", "qemu"),
        ("CPUs", "1", "3"),
        ("SPIs", "64", "96"),
    ]
    only = {(each.side, each.what): each.count for each in found.only}
    assert only[Side.B, "GICD_IROUTER<n>"] == 32
    assert only[Side.B, "all registers of CPU 2"] == only[Side.B, "all registers of CPU 1"] > 30
    assert (Side.A, "all registers of CPU 0") not in only


def test_a_machine_without_an_its_can_be_compared():
    found = diff(machine("", "its=0"), machine())
    assert [each.name for each in found.machine] == ["ITS"]
    assert (Side.B, "GITS_CTLR") in {(each.side, each.what) for each in found.only}


def test_wires_and_what_is_signalled_are_told():
    before = "write GICD_ICFGR2 0\n"
    inside = {each.name: each.texts for each in between(before, "irq 40 level=1\nirq 23@1 level=1").inside.rows}
    assert inside["wire of INTID 40"] == ("low", "high")
    assert inside["wire of INTID 23 on CPU 1"] == ("low", "high")
    signalled = {each.name: each.texts for each in between(ON, "msi device=2 event=20").inside.rows}
    assert signalled["INTID signalled to CPU 0"] == ("none", "8195")
    assert signalled["queued for CPU 0"] == ("none", "INTID 8195")
    assert signalled["ITS translation cache"] == ("none", "DeviceID 0x2 EventID 0x14: INTID 8195")


# -- bounds


def many(count):
    events = "".join(f"its MAPTI device=4 event={n} intid={9000 + n} collection=1\n" for n in range(count))
    return machine(ON + "its MAPD device=4 itt=0x40320000 size=10\n" + events)


def test_no_more_is_told_than_the_limit_and_the_rest_is_counted():
    count = 200
    found = diff(machine(ON), many(count))
    assert found.lpis.count == count
    assert sum(len(row.changes) for row in found.lpis.rows) < limits.DIFFERENCES_TOLD + 20
    assert found.lpis.left_out == count - len(found.lpis.rows) > 0
    assert found.entries.count == count + 1
    every = diff(machine(ON), many(count), None)
    assert (every.lpis.left_out, len(every.lpis.rows), every.count) == (0, count, found.count)


def test_ranges_of_ram_are_bounded_too():
    pokes = "".join(f"poke {0x4800_0000 + 32 * n:#x} 01\n" for n in range(limits.DIFFERENCES_TOLD + 5))
    found = between("", pokes)
    assert (len(found.memory.rows), found.memory.left_out) == (limits.DIFFERENCES_TOLD, 5)


def test_the_work_counts_against_the_allowance():
    one, other = machine(ON), many(200)
    allowance = Allowance(work=10_000_000, pages=100)
    with Allowed(allowance):
        diff(one, other)
    assert allowance.worked > 200 * 20
    with Allowed(Allowance(work=0, pages=100)), pytest.raises(TooMuch):
        diff(one, other)


OPERATIONS = st.lists(
    st.sampled_from(
        [
            *filter(None, ON.split("\n")),
            "msi device=2 event=20",
            "ack @0",
            "its CLEAR device=2 event=20",
            "irq 40 level=1",
        ]
    ),
    max_size=14,
)


@settings(deadline=None)
@given(implementation=st.sampled_from(sorted(IMPLEMENTATIONS)), lines=OPERATIONS)
def test_a_machine_taken_back_to_an_earlier_state_does_not_differ_from_it(implementation, lines):
    scenario = parse("\n".join([f"machine implementation={implementation}", *lines]) + "\n")
    player, other = Player(scenario.machine), Player(scenario.machine)
    half = len(lines) // 2
    for operation in scenario.operations[:half]:
        player.advance(operation)
        other.advance(operation)
    position = player.position()
    for operation in scenario.operations[half:]:
        player.advance(operation)
    there, back = diff(other.machine, player.machine, None), diff(player.machine, other.machine, None)
    assert (there.count, there.same) == (back.count, back.same)
    player.restore(position)
    assert diff(other.machine, player.machine).same
