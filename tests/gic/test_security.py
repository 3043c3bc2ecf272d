"""Two Security states on `architecture`: what Non-secure software sees, and what stays Secure (IHI 0069)."""

import pytest

from app.gic import Machine
from app.gic.effects import RegisterWritten

GICD, RD0, SGI0 = 0x0800_0000, 0x080A_0000, 0x080B_0000
CTLR, IGROUPR1, ISENABLER1, ISPENDR1 = GICD, GICD + 0x84, GICD + 0x104, GICD + 0x204
IPRIORITYR8, NSACR2, IROUTER32, IGRPMODR1 = GICD + 0x420, GICD + 0xE08, GICD + 0x6100, GICD + 0xD04


@pytest.fixture
def machine() -> Machine:
    return Machine("architecture", cpus=2, security=2)


def secure_group1_spi(machine: Machine, intid: int) -> None:
    """Make the SPI Secure Group 1, enabled, priority 0x40."""
    word, bit = intid // 32, intid % 32
    machine.write(GICD + 0xD00 + 4 * word, 1 << bit, 4, secure=True)
    machine.write(GICD + 0x100 + 4 * word, 1 << bit, 4, secure=True)
    machine.write(GICD + 0x400 + intid, 0x40, 1, secure=True)


@pytest.mark.parametrize("implementation", ["kvm", "kvm-before-5.6", "qemu"])
def test_only_architecture_can_have_two_states(implementation: str) -> None:
    with pytest.raises(ValueError, match="security=2"):
        Machine(implementation, security=2)


def test_typer_tells_of_two_states(machine: Machine) -> None:
    assert machine.read(GICD + 4, 4) >> 10 & 1 == 1
    assert Machine("architecture").read(GICD + 4, 4) >> 10 & 1 == 0


def test_each_state_has_its_view_of_gicd_ctlr(machine: Machine) -> None:
    machine.write(CTLR, 0b111, 4, secure=True)
    assert machine.read(CTLR, 4, secure=True) == 0x37
    assert machine.read(CTLR, 4) == 0x12, "EnableGrp1A and ARE_NS"
    machine.write(CTLR, 0, 4)
    assert machine.read(CTLR, 4, secure=True) == 0x35, "only EnableGrp1NS is Non-secure software's to change"


def test_groups_are_secure_softwares_to_set(machine: Machine) -> None:
    machine.write(IGROUPR1, 0xFFFF_FFFF, 4)
    assert machine.read(IGROUPR1, 4, secure=True) == 0
    machine.write(IGROUPR1, 0b10, 4, secure=True)
    assert machine.read(IGROUPR1, 4) == 0


def test_bits_of_secure_interrupts_are_raz_wi(machine: Machine) -> None:
    machine.write(IGROUPR1, 0b10, 4, secure=True)
    machine.write(ISENABLER1, 0b11, 4)
    assert machine.read(ISENABLER1, 4) == 0b10
    assert machine.read(ISENABLER1, 4, secure=True) == 0b10
    machine.write(ISENABLER1, 0b01, 4, secure=True)
    assert machine.read(ISENABLER1, 4) == 0b10


@pytest.mark.parametrize(("access", "pends", "routes"), [(0, False, False), (1, True, False), (3, True, True)])
def test_nsacr_opens_a_secure_interrupt(machine: Machine, access: int, pends: bool, routes: bool) -> None:
    machine.write(NSACR2, access, 4, secure=True)
    machine.write(ISPENDR1, 1, 4)
    assert machine.read(ISPENDR1, 4, secure=True) == int(pends)
    machine.write(IROUTER32, 1, 8)
    assert machine.read(IROUTER32, 8, secure=True) == int(routes)


def test_nonsecure_priorities_are_the_lower_half(machine: Machine) -> None:
    machine.write(IGROUPR1, 1, 4, secure=True)
    machine.write(IPRIORITYR8, 0x4040, 4)
    assert machine.read(IPRIORITYR8, 4, secure=True) == 0xA0, "0x80 | 0x40 >> 1, and INTID 33 is Secure"
    assert machine.read(IPRIORITYR8, 4) == 0x40
    machine.write(IPRIORITYR8 + 1, 0x20, 1, secure=True)
    assert machine.read(IPRIORITYR8, 4) == 0x40


def test_waker_is_secure(machine: Machine) -> None:
    machine.write(RD0 + 0x14, 0, 4)
    assert machine.read(RD0 + 0x14, 4) == 0
    assert machine.read(RD0 + 0x14, 4, secure=True) == 6


def test_group1_registers_are_banked(machine: Machine) -> None:
    machine.icc_write("ICC_IGRPEN1_EL1", 1, secure=True)
    assert machine.icc_read("ICC_IGRPEN1_EL1") == 0
    machine.icc_write("ICC_CTLR_EL1", 2)
    assert machine.icc_read("ICC_CTLR_EL1", secure=True) & 2 == 0
    machine.icc_write("ICC_BPR1_EL1", 5, secure=True)
    assert (machine.icc_read("ICC_BPR1_EL1"), machine.icc_read("ICC_BPR1_EL1", secure=True)) == (3, 5)


def test_group0_registers_are_out_of_reach(machine: Machine) -> None:
    machine.icc_write("ICC_IGRPEN0_EL1", 1, secure=True)
    machine.icc_write("ICC_IGRPEN0_EL1", 0)
    assert machine.icc_read("ICC_IGRPEN0_EL1") == 0
    assert machine.icc_read("ICC_IGRPEN0_EL1", secure=True) == 1


def test_priority_mask_views(machine: Machine) -> None:
    machine.icc_write("ICC_PMR_EL1", 0xF0)
    assert machine.icc_read("ICC_PMR_EL1", secure=True) == 0, "Non-secure software cannot raise a Secure mask"
    machine.icc_write("ICC_PMR_EL1", 0xF8, secure=True)
    assert machine.icc_read("ICC_PMR_EL1") == 0xF0
    machine.icc_write("ICC_PMR_EL1", 0x80)
    assert machine.icc_read("ICC_PMR_EL1", secure=True) == 0xC0


def test_a_secure_interrupt_is_acknowledged_by_its_own_state(machine: Machine) -> None:
    secure_group1_spi(machine, 40)
    machine.write(CTLR, 0b111, 4, secure=True)
    machine.icc_write("ICC_PMR_EL1", 0xF8, secure=True)
    machine.icc_write("ICC_IGRPEN1_EL1", 1, secure=True)
    machine.spi(40, True)
    assert machine.irq(0)
    assert machine.icc_read("ICC_IAR1_EL1") == 1023
    assert machine.icc_read("ICC_IAR1_EL1", secure=True) == 40
    assert machine.icc_read("ICC_RPR_EL1", secure=True) == 0x40
    assert machine.icc_read("ICC_RPR_EL1") == 0, "a Secure priority shows as the highest"
    machine.icc_write("ICC_EOIR1_EL1", 40)
    assert machine.icc_read("ICC_RPR_EL1", secure=True) == 0x40, "the other state cannot end it"
    machine.icc_write("ICC_EOIR1_EL1", 40, secure=True)
    assert machine.icc_read("ICC_RPR_EL1", secure=True) == 0xFF


def test_sgis_need_nsacr(machine: Machine) -> None:
    to_cpu1 = 1 << 1 | 3 << 24
    machine.icc_write("ICC_SGI1R_EL1", to_cpu1)
    assert machine.read(SGI0 + 0x20200, 4, secure=True) == 0, "SGI 3 is Group 0 at reset"
    machine.write(SGI0 + 0x20E00, 1 << 6, 4, secure=True)
    machine.icc_write("ICC_SGI0R_EL1", to_cpu1)
    assert machine.read(SGI0 + 0x20200, 4, secure=True) == 8


def test_lpis_are_nonsecure_and_in_the_lower_half(machine: Machine) -> None:
    machine.memory.write(0x4020_0000, b"\x41")
    machine.memory.write(0x4021_0400, b"\x01")
    machine.write(RD0 + 0x70, 0x4020_000F, 8)
    machine.write(RD0 + 0x78, 0x4021_0000, 8)
    machine.write(RD0, 1, 4)
    machine.write(CTLR, 0b010, 4, secure=True)
    assert machine.hppi(0) == (8192, 2, 0xA0)


def test_setting_ds_leaves_one_state(machine: Machine) -> None:
    machine.write(CTLR, 0b111 | 1 << 6, 4, secure=True)
    assert machine.read(CTLR, 4) == 0x53
    machine.write(IGROUPR1, 5, 4)
    assert machine.read(IGROUPR1, 4) == 5
    machine.write(CTLR, 0, 4, secure=True)
    assert machine.read(CTLR, 4) >> 6 & 1 == 1, "only a reset clears DS"


def test_snapshot_keeps_the_number_of_states(machine: Machine) -> None:
    two = machine.snapshot()
    machine.write(CTLR, 1 << 6, 4, secure=True)
    one = machine.snapshot()
    machine.restore(two)
    machine.write(IGROUPR1, 1, 4)
    assert machine.read(IGROUPR1, 4, secure=True) == 0
    machine.restore(one)
    machine.write(IGROUPR1, 1, 4)
    assert machine.read(IGROUPR1, 4) == 1


@pytest.mark.parametrize(
    ("address", "value", "says"),
    [
        (0x0800_0084, 0xFFFF_FFFF, "GICD_IGROUPR1 is Secure: what Non-secure software writes is ignored"),
        (0x0800_0000, 5, "Non-secure software reaches EnableGrp1A only"),
        (0x0800_0104, 1, "Non-secure software reaches its own interrupts only"),
        (0x0800_6140, 1 << 31, "Non-secure software reaches its own interrupts only"),
    ],
)
def test_a_write_that_is_withheld_says_so(machine: Machine, address: int, value: int, says: str) -> None:
    with machine.listen() as told:
        machine.write(address, value, 4)
    [written] = [effect for effect in told if isinstance(effect, RegisterWritten)]
    assert written.reads & value == 0
    assert says in written.words
    with machine.listen() as told:
        machine.write(address, value, 4, secure=True)
    assert not any(says in effect.words for effect in told)
