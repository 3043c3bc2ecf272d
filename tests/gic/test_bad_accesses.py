"""Accesses that no register takes: answered as the implementation's bus does, and said in words."""

import pytest

from app.gic import Machine
from app.gic.effects import AccessIgnored, RegisterRead, RegisterWritten
from app.registers import IMPLEMENTATION_NAMES, register_map
from app.scenario import MachineSpec, Player, ScenarioError, parse_line

GICD, RD1 = 0x0800_0000, 0x080C_0000
ALIGNED_ONLY = ("architecture", "kvm", "kvm-before-5.6")
NOBODY = "no device and no RAM answers there"
SIZES = (1, 2, 4, 8)
HALVED = ("architecture", "GITS_TRANSLATER", 8)
everywhere = pytest.mark.parametrize("name", IMPLEMENTATION_NAMES)


def play(name, line, **spec):
    """What a line of a scenario does on a fresh machine: (value read, effects)."""
    player = Player(MachineSpec(name, **spec))
    step = player.apply(parse_line(line, player.spec))
    assert not step.refused
    return step.value, step.effects


def ignored(name, address, width, **spec):
    """The words of a read and of a write of all ones that are both ignored, and that neither changes anything."""
    value, effects = play(name, f"read {address:#x} width={width}", **spec)
    assert value == 0
    [read] = effects
    player = Player(MachineSpec(name, **spec))
    before = player.machine.snapshot()
    step = player.apply(parse_line(f"write {address:#x} {(1 << width) - 1:#x} width={width}", player.spec))
    [write] = step.effects
    assert player.machine.snapshot() == before
    assert isinstance(read, AccessIgnored)
    assert isinstance(write, AccessIgnored)
    assert (read.write, write.write, read.why, read.cite) == (False, True, write.why, write.cite)
    assert read.words == f"The read of {read.where} gave 0: {read.why}"
    assert write.words == f"The write to {read.where} was ignored: {read.why}"
    return read


@everywhere
@pytest.mark.parametrize("width", [8, 16, 32, 64])
@pytest.mark.parametrize(
    ("address", "why"),
    [
        (0x0700_0000, NOBODY),
        (0x0801_0000, NOBODY),
        (0x080E_0000, NOBODY),  # a third Redistributor would be here
        (0x6000_0000, NOBODY),  # RAM ends before it
        (0xF_FFFF_FFFF_FFF8, NOBODY),
        (GICD + 0x78, "reserved in the Distributor frame"),
        (0x0808_0200, "reserved in the ITS, control frame"),
        (0x0809_0080, "reserved in the ITS, translation frame"),
        (RD1 + 0x90, "reserved in the Redistributor, RD_base frame of CPU 1"),
        (RD1 + 0x1_0020, "reserved in the Redistributor, SGI_base frame of CPU 1"),
    ],
)
def test_nothing_answers(name, address, why, width):
    found = ignored(name, address, width)
    assert (found.where, found.why) == (hex(address), why)


@everywhere
def test_without_an_its_its_frames_are_empty(name):
    assert ignored(name, 0x0808_0000, 32, its=False).why == NOBODY
    assert ignored(name, 0x0809_0040, 32, its=False).why == NOBODY


@everywhere
@pytest.mark.parametrize(
    ("address", "width", "register", "why"),
    [
        (GICD, 8, "GICD_CTLR", "it takes aligned accesses of 32 bits, not 8 at 0x8000000"),
        (GICD, 16, "GICD_CTLR", "it takes aligned accesses of 32 bits, not 16 at 0x8000000"),
        (GICD, 64, "GICD_CTLR", "it takes aligned accesses of 32 bits, not 64 at 0x8000000"),
        (GICD + 2, 16, "GICD_CTLR", "it takes aligned accesses of 32 bits, not 16 at 0x8000002"),
        (GICD + 0x420, 16, "GICD_IPRIORITYR8", "it takes aligned accesses of 8, 32 bits, not 16 at 0x8000420"),
        (GICD + 0x420, 64, "GICD_IPRIORITYR8", "it takes aligned accesses of 8, 32 bits, not 64 at 0x8000420"),
        (RD1 + 0x78, 8, "GICR_PENDBASER@1", "it takes aligned accesses of 32, 64 bits, not 8 at 0x80c0078"),
        (RD1 + 0x7E, 16, "GICR_PENDBASER@1", "it takes aligned accesses of 32, 64 bits, not 16 at 0x80c007e"),
    ],
)
def test_a_width_that_the_register_does_not_take(name, address, width, register, why):
    found = ignored(name, address, width)
    assert (found.where, found.why) == (register, why)
    assert found.cite.startswith("IHI 0069")


@pytest.mark.parametrize("name", ALIGNED_ONLY)
@pytest.mark.parametrize(
    ("address", "width", "register", "takes"),
    [
        (GICD + 2, 32, "GICD_CTLR", "32"),
        (GICD + 0x421, 32, "GICD_IPRIORITYR8", "8, 32"),
        (RD1 + 0x7C, 64, "GICR_PENDBASER@1", "32, 64"),
        (RD1 + 0x79, 64, "GICR_PENDBASER@1", "32, 64"),
        (0x0808_0081, 32, "GITS_CBASER", "32, 64"),
    ],
)
def test_a_misaligned_access_reaches_no_register(name, address, width, register, takes):
    found = ignored(name, address, width)
    assert found.where == register
    assert found.why == f"it takes aligned accesses of {takes} bits, and {address:#x} is not aligned to {width}"


def test_qemu_splits_a_misaligned_access_into_aligned_ones():
    player = Player(MachineSpec("qemu"))
    write = player.apply(parse_line("write 0x08000421 0x44332211 width=32", player.spec))
    accesses = [effect for effect in write.effects if isinstance(effect, RegisterWritten | AccessIgnored)]
    assert [(effect.kind, getattr(effect, "register", "")) for effect in accesses] == [
        ("register-written", "GICD_IPRIORITYR8"),
        ("access-ignored", ""),
        ("register-written", "GICD_IPRIORITYR9"),
    ]
    assert accesses[1].why == "it takes aligned accesses of 8, 32 bits, not 16 at 0x8000422"
    assert (player.machine.peek("GICD_IPRIORITYR8"), player.machine.peek("GICD_IPRIORITYR9")) == (0x1100, 0x44)
    read = player.apply(parse_line("read 0x08000421 width=32", player.spec))
    assert read.value == 0x4400_0011
    assert sum(isinstance(effect, AccessIgnored) for effect in read.effects) == 1
    assert sum(isinstance(effect, RegisterRead) for effect in read.effects) == 2


@everywhere
def test_an_access_of_a_register_that_is_absent_says_why(name):
    """RAZ/WI, by whatever width and at whatever of its bytes."""
    chart = register_map(name)
    absent = [each for each in chart.registers.values() if not each.present and each.addressed]
    firsts = {(each.stem, each.why_absent): each for each in reversed(absent)}
    assert firsts
    for register in firsts.values():
        for width in (32, 8):
            found = ignored(name, chart.address(register, 0), width)
            assert found.where == (f"{register.name}@0" if register.per_cpu else register.name)
            assert found.why == register.why_absent
            assert len(found.why) > 10


@everywhere
def test_no_register_takes_a_width_that_the_map_does_not_name(name):
    machine = Machine(name, cpus=1, spis=32)
    for register in machine.map.registers.values():
        if not register.addressed:
            continue
        address = machine.map.address(register)
        for size in SIZES:
            if size in register.sizes or address % size or (name, register.name, size) == HALVED:
                continue
            with machine.listen() as effects:
                assert machine.read(address, size) == 0, (register.name, size)
                machine.write(address, (1 << size * 8) - 1, size)
            assert [type(effect) for effect in effects] == [AccessIgnored, AccessIgnored], (register.name, size)
            assert not any(isinstance(effect, RegisterRead | RegisterWritten) for effect in effects)


def test_a_wide_store_to_the_translater_is_halved():
    """The register takes the half that reaches it, the other goes where nobody is."""
    _, effects = play("architecture", "write 0x08090040 0x700000005 width=64")
    [written] = [effect for effect in effects if isinstance(effect, RegisterWritten)]
    assert (written.register, written.asked, written.width) == ("GITS_TRANSLATER", 5, 32)
    assert isinstance(play("architecture", "read 0x08090040 width=64")[1][0], AccessIgnored)


@everywhere
def test_a_cpu_that_does_not_exist_is_the_caller_s_error(name):
    machine = Machine(name)
    before = machine.snapshot()
    for call in (lambda: machine.read(GICD, 4, cpu=2), lambda: machine.write(GICD, 1, 4, cpu=2)):
        with pytest.raises(ValueError, match="no CPU 2: 0 to 1"):
            call()
    for call in (lambda: machine.icc_read("ICC_PMR_EL1", cpu=2), lambda: machine.icc_write("ICC_PMR_EL1", 1, cpu=-1)):
        with pytest.raises(ValueError, match="no CPU"):
            call()
    assert machine.snapshot() == before
    with pytest.raises(ScenarioError, match="there is no CPU 2, the machine has cpus=2; expected @0 to @1"):
        parse_line(f"read {GICD:#x} by=2", MachineSpec(name))
