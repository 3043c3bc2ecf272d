"""Each verb on a real machine: what it does, what it returns, and what it says about it."""

import pytest

from app.gic import Machine
from app.scenario import MachineSpec, Player, parse, parse_line
from app.scenario.runner import answer, run

FIXTURE = """\
machine implementation=kvm cpus=2
poke  0x40200003 a1
write GICR_PROPBASER@0 Physical_Address=0x40200000 IDbits=15
write GICR_PENDBASER@0 Physical_Address=0x40210000
write GICD_CTLR EnableGrp1=1
write ICC_PMR_EL1@0 0xff
write ICC_IGRPEN1_EL1@0 1
write GICR_CTLR@0 EnableLPIs=1
its   MAPD device=2 itt=0x40300000 size=5
its   MAPC collection=1 target=0
its   MAPTI device=2 event=20 intid=8195 collection=1
"""


def played(text, implementation="kvm"):
    """A player that has done all of a text."""
    scenario = parse(text.replace("implementation=kvm", f"implementation={implementation}"))
    player = Player(scenario.machine)
    for op in scenario.operations:
        player.apply(op)
    return player


def do(player, line):
    return player.apply(parse_line(line, player.spec))


def value(player, line):
    return do(player, line).value


def test_a_poke_is_guest_ram():
    player = Player(MachineSpec())
    step = do(player, "poke 0x40210400 08 ff")
    assert player.machine.memory.read(0x4021_0400, 2) == b"\x08\xff"
    assert [effect.kind for effect in step.effects] == ["memory-written"]


def test_fields_are_laid_over_what_a_read_returns():
    player = Player(MachineSpec("architecture"))
    do(player, "write GICR_PROPBASER@0 0x40200000")
    step = do(player, "write GICR_PROPBASER@0 IDbits=15 Shareability=InnerShareable")
    assert [effect.kind for effect in step.effects] == ["register-read", "register-written"]
    assert player.machine.peek("GICR_PROPBASER", 0) == 0x4020_040F
    assert player.machine.peek("GICR_PROPBASER", 1) == 0


def test_a_read_modify_write_loses_what_reads_as_zero():
    outcomes = {}
    for name in ("architecture", "kvm", "kvm-before-5.6", "qemu"):
        player = Player(MachineSpec(name))
        do(player, "write GICR_PENDBASER@0 0x4000000040210000")
        do(player, "write GICR_PENDBASER@0 Shareability=InnerShareable")
        outcomes[name] = player.machine.pendbaser(0) >> 62
    assert outcomes == {"architecture": 0, "kvm": 0, "kvm-before-5.6": 1, "qemu": 1}


def test_halves_reach_their_32_bits():
    player = Player(MachineSpec("qemu"))
    do(player, "write GICR_PENDBASER@1 0x40000000 half=hi")
    do(player, "write GICR_PENDBASER@1 Physical_Address=0x40210000 half=lo")
    assert value(player, "read GICR_PENDBASER@1") == 0x4000_0000_4021_0000
    assert value(player, "read GICR_PENDBASER@1 half=hi") == 0x4000_0000
    assert value(player, "read GICR_PENDBASER@1.PTZ") == 1
    do(player, "write GICR_PENDBASER@1 PTZ=0 half=hi")
    assert value(player, "read GICR_PENDBASER@1") == 0x4021_0000


def test_an_access_by_address_and_width():
    player = Player(MachineSpec("qemu"))
    do(player, "write 0x080a0078 0x40210000 width=32")
    step = do(player, "read 0x080a0078")
    assert (step.value, step.width) == (0x4021_0000, 64)
    assert value(player, "read 0x080a0078 width=8") == 0
    assert answer(step) == "0x0000000040210000"


def test_the_first_its_line_sets_up_a_queue_and_says_so():
    player = Player(MachineSpec())
    first = do(player, "its MAPC collection=0 target=0")
    second = do(player, "its MAPC collection=1 target=1")
    assert "queue-set-up" in [effect.kind for effect in first.effects]
    assert "queue-set-up" not in [effect.kind for effect in second.effects]
    assert player.machine.queue().creadr == 0x40


def test_a_queue_of_the_scenario_s_own_is_used():
    player = Player(MachineSpec())
    do(player, "write GITS_BASER0 Valid=1 Physical_Address=0x40300000")
    do(player, "write GITS_BASER1 Valid=1 Physical_Address=0x40310000")
    do(player, "write GITS_CBASER Valid=1 Physical_Address=0x40320000")
    do(player, "write GITS_CTLR Enabled=1")
    do(player, "its MAPC collection=0 target=1")
    assert player.machine.memory.read(0x4032_0000, 1) == b"\x09"


@pytest.mark.parametrize(
    "line", ["msi device=2 event=20", "its INT device=2 event=20", "write GITS_TRANSLATER 20 device=2"]
)
def test_an_interrupt_is_acknowledged_and_ended(line):
    player = played(FIXTURE)
    do(player, line)
    assert do(player, "expect pending(8195)@0 == 1").expectation.passed
    assert do(player, "expect irq@0 == 1").expectation.passed
    assert value(player, "ack @0") == 8195
    assert do(player, "expect value == 8195").expectation.passed
    do(player, "eoi @0 8195")
    assert do(player, "expect irq@0 == 0").expectation.passed
    assert value(player, "ack @0") == 1023


def test_pending_is_asked_of_one_cpu():
    for name in ("architecture", "kvm", "qemu"):
        player = played(FIXTURE + "msi device=2 event=20\n", name)
        assert do(player, "expect pending(8195)@0 == 1").expectation.passed
        assert do(player, "expect pending(8195)@1 == 0").expectation.passed


def test_an_access_is_made_by_the_cpu_that_is_named():
    class Noting(Machine):
        def read(self, address, size, cpu=0, secure=False):
            seen.append(cpu)
            return super().read(address, size, cpu, secure)

    seen = []
    player = Player(MachineSpec(), Noting())
    for line in (
        "read GICR_CTLR@1",
        "read GICR_CTLR@1 by=0",
        "read GICD_CTLR",
        "read GICD_CTLR by=1",
        "read 0x08000000 by=1",
    ):
        do(player, line)
    assert seen == [1, 0, 0, 1, 1]


def test_wires_of_spis_and_ppis():
    player = Player(MachineSpec())
    do(player, "write GICD_ICFGR2 Int_config8=Level")
    do(player, "irq 40 level=1")
    do(player, "irq 23@1 level=1")
    assert do(player, "expect pending(40) == 1").expectation.passed
    assert do(player, "expect pending(23)@1 == 1").expectation.passed
    assert do(player, "expect pending(23)@0 == 0").expectation.passed
    do(player, "irq 40 level=0")
    assert not do(player, "expect pending(40) == 1").expectation.passed


def test_what_an_expectation_sees():
    player = played(FIXTURE)
    do(player, "poke 0x40200003 c1")
    for line in (
        "expect config(8195) == 0xa1",
        "expect memory(0x40200003, 1) == c1",
        "expect memory(0x40200003).0 == 1",
        "expect mapped(2, 20) == 1",
        "expect mapped(2, 21) == 0",
        "expect mapped(3, 20) == 0",
        "expect creadr == 0x60",
        "expect creadr > 0x40",
        "expect creadr >= 0x60",
        "expect creadr != 0x61",
        "expect creadr < 0x61",
        "expect creadr <= 0x60",
        "expect stalled == 0",
        "expect GICR_CTLR@0.EnableLPIs == Enabled",
        "expect GICR_CTLR@1.EnableLPIs == 0",
    ):
        assert do(player, line).expectation.passed, line
    do(player, "its INV device=2 event=20")
    assert do(player, "expect config(8195) == 0xc1").expectation.passed


def test_what_is_not_there_fails_whatever_is_expected():
    player = Player(MachineSpec())
    for relation in ("==", "!="):
        outcome = do(player, f"expect value {relation} 0").expectation
        assert not outcome.passed
        assert outcome.got_text == "nothing"


def test_an_expectation_is_asked_only_where_it_says():
    player = Player(MachineSpec("qemu"))
    elsewhere = do(player, "expect GICR_PENDBASER@0 == 7 on=kvm,architecture").expectation
    here = do(player, "expect GICR_PENDBASER@0 == 7 on=qemu").expectation
    assert (elsewhere.asked, elsewhere.passed, elsewhere.got) == (False, True, 0)
    assert (here.asked, here.passed) == (True, False)


def test_expecting_acknowledges_nothing():
    player = played(FIXTURE + "msi device=2 event=20\n")
    assert do(player, "expect ICC_HPPIR1_EL1@0 == 8195").expectation.passed
    do(player, "expect ICC_IAR1_EL1@0 == 8195")
    assert value(player, "ack @0") == 8195


def test_userspace_sees_its_own_view():
    player = Player(MachineSpec())
    do(player, "uwrite GICR_PENDBASER@0 0x4000000040210000")
    assert value(player, "uread GICR_PENDBASER@0") == 0x4021_0180
    assert value(player, "uread redist:0x78@0") == 0x4021_0180
    assert value(player, "uread GICR_PENDBASER@0 half=hi") == 0
    do(player, "uwrite its:0x80 0x8000000040320000")
    assert do(player, "uread its:0x80").width == 64
    assert value(player, "read GITS_CBASER") >> 63 == 1
    assert player.machine.pendbaser(0) >> 62 == 1
    do(player, "uwrite ICC_PMR_EL1@1 0xf0")
    assert value(player, "uread ICC_PMR_EL1@1") == 0xF0
    do(player, "uwrite GICR_PROPBASER@1 IDbits=13")
    assert player.machine.peek("GICR_PROPBASER", 0) & 0x1F == 13
    do(player, "write GICD_ICFGR2 0")
    do(player, "irq 40 level=1")
    assert value(player, "uread level:32") == 1 << 8


def test_a_refusal_is_said_and_the_scenario_goes_on():
    player = played(FIXTURE)
    step = do(player, "uwrite GITS_CREADR 0")
    assert step.refused.startswith("EBUSY")
    assert value(player, "read GITS_CREADR") == 0x60
    qemu = Player(MachineSpec("qemu"))
    assert "no userspace door" in do(qemu, "save its-tables").refused
    assert "no userspace door" in do(qemu, "uread GICD_TYPER").refused
    assert qemu.seq == 2


def test_saving_writes_the_pending_bit_and_the_tables_to_ram():
    player = played(FIXTURE + "msi device=2 event=20\n")
    do(player, "save pending-tables")
    do(player, "save its-tables")
    assert player.machine.memory.read(0x4021_0400, 1) == b"\x08"
    assert player.machine.memory.read(0x4030_0000 + 20 * 8, 8).hex() == "0100032000000000"


def test_a_full_queue_is_refused_in_words():
    player = Player(MachineSpec())
    do(player, "write GITS_CBASER Valid=1 Physical_Address=0x40320000")
    for _ in range(127):
        assert not do(player, "its SYNC target=0").refused
    assert "full" in do(player, "its SYNC target=0").refused


def test_playing_on_another_implementation_than_the_text_names():
    scenario = parse("machine implementation=kvm\nwrite GICR_PENDBASER@0 PTZ=1\nread GICR_PENDBASER@0.PTZ\n")
    assert run(scenario).played[-1].step.value == 0
    assert run(scenario, "qemu").played[-1].step.value == 1
    assert [item.line for item in run(scenario).played] == [2, 3]


def test_a_player_takes_a_machine_that_exists():
    machine = Machine("architecture", cpus=1)
    machine.memory.write(0x4000_0000, b"\x01")
    player = Player(MachineSpec("architecture", cpus=1), machine)
    assert do(player, "expect memory(0x40000000) == 01").expectation.passed
