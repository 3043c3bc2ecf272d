"""The CPU interface on every implementation: masking, pre-emption, acknowledge, end of interrupt, SGIs (IHI 0069)."""

import pytest

from tests.gic.rig import EVERYWHERE, KVM, NONE, Rig

IDLE = 0xFF
EOIMODE = 2
everywhere = pytest.mark.parametrize("implementation", EVERYWHERE)
SPIS = range(32, 40)


@pytest.fixture
def rig(request):
    """SPIs 32 to 39: edge-triggered, Group 1, enabled, routed to CPU 0, priority 0x80."""
    made = Rig(request.getfixturevalue("implementation"))
    made.put("GICD_ICFGR2", 0xAAAA_AAAA, 4)
    made.put("GICD_IGROUPR1", 0xFFFF_FFFF, 4)
    for intid in SPIS:
        priority(made, intid, 0x80)
    made.put("GICD_ISENABLER1", 0xFF, 4)
    return made


def priority(rig, intid, value):
    rig.put("GICD_IPRIORITYR8", value, 1, offset=intid - 32)


def icc(rig, name, value=None, cpu=0):
    if value is None:
        return rig.m.icc_read(f"ICC_{name}_EL1", cpu=cpu)
    rig.m.icc_write(f"ICC_{name}_EL1", value, cpu=cpu)
    return None


def edge(rig, intid):
    rig.m.spi(intid, True)
    rig.m.spi(intid, False)


@everywhere
def test_only_a_higher_priority_than_the_mask_is_signalled(rig, implementation):
    edge(rig, 32)
    for mask, signalled in ((0x80, False), (0x88, True), (0x00, False), (0xFF, True)):
        icc(rig, "PMR", mask)
        assert rig.m.irq() is signalled
        assert icc(rig, "HPPIR1") == 32, "the mask does not hide it there"
    icc(rig, "PMR", 0x80)
    assert rig.ack() == NONE


@everywhere
def test_the_mask_has_five_bits(rig, implementation):
    icc(rig, "PMR", 0xFF)
    assert icc(rig, "PMR") == 0xF8
    icc(rig, "PMR", 0x187)
    assert icc(rig, "PMR") == 0x80


@everywhere
def test_the_highest_priority_goes_first(rig, implementation):
    for intid, value in ((33, 0x60), (34, 0x20), (35, 0xA0)):
        priority(rig, intid, value)
    for intid in (32, 33, 34, 35):
        edge(rig, intid)
    assert rig.drain() == [34, 33, 32, 35]


@everywhere
def test_only_a_higher_priority_pre_empts(rig, implementation):
    priority(rig, 33, 0x40)
    edge(rig, 32)
    assert rig.ack() == 32
    assert icc(rig, "RPR") == 0x80
    edge(rig, 34)
    assert not rig.m.irq(), "equal"
    edge(rig, 33)
    assert rig.ack() == 33
    assert icc(rig, "RPR") == 0x40
    rig.eoi(33)
    assert icc(rig, "RPR") == 0x80
    assert not rig.m.irq()
    rig.eoi(32)
    assert icc(rig, "RPR") == IDLE
    assert rig.drain() == [34]


@everywhere
def test_the_binary_point_groups_priorities(rig, implementation):
    icc(rig, "BPR1", 5)  # group priority: bits 7:5
    priority(rig, 32, 0x98)
    priority(rig, 33, 0x88)
    priority(rig, 34, 0x78)
    edge(rig, 32)
    assert rig.ack() == 32
    edge(rig, 33)
    assert not rig.m.irq(), "of the same group priority"
    edge(rig, 34)
    assert rig.ack() == 34
    rig.eoi(34)
    rig.eoi(32)
    assert rig.drain() == [33]


@everywhere
def test_the_least_binary_points(rig, implementation):
    for group, least in ((0, 2), (1, 3)):
        icc(rig, f"BPR{group}", 0)
        assert icc(rig, f"BPR{group}") == least
        icc(rig, f"BPR{group}", 7)
        assert icc(rig, f"BPR{group}") == 7


@everywhere
def test_active_priorities_are_bits(rig, implementation):
    edge(rig, 32)
    rig.ack()
    assert icc(rig, "AP1R0") == 1 << 16
    rig.eoi(32)
    assert icc(rig, "AP1R0") == 0


@everywhere
def test_nothing_pending_reads_1023(rig, implementation):
    assert (rig.ack(), icc(rig, "HPPIR1"), icc(rig, "IAR0"), icc(rig, "HPPIR0")) == (NONE,) * 4
    assert icc(rig, "RPR") == IDLE


@everywhere
def test_a_group_that_is_off_is_not_signalled(rig, implementation):
    edge(rig, 32)
    icc(rig, "IGRPEN1", 0)
    assert not rig.m.irq()
    assert icc(rig, "IAR1") == NONE
    icc(rig, "IGRPEN1", 1)
    assert rig.drain() == [32]


@everywhere
def test_active_and_pending_bits_follow(rig, implementation):
    edge(rig, 32)
    assert rig.get("GICD_ISPENDR1", 4) == 1
    rig.ack()
    assert (rig.get("GICD_ISPENDR1", 4), rig.get("GICD_ISACTIVER1", 4)) == (0, 1)
    edge(rig, 32)
    assert (rig.get("GICD_ISPENDR1", 4), rig.get("GICD_ISACTIVER1", 4)) == (1, 1)
    rig.eoi(32)
    assert rig.get("GICD_ISACTIVER1", 4) == 0
    assert rig.drain() == [32]


@everywhere
def test_eoimode_splits_priority_drop_and_deactivation(rig, implementation):
    icc(rig, "CTLR", EOIMODE)
    assert icc(rig, "CTLR") & EOIMODE
    edge(rig, 32)
    rig.ack()
    rig.eoi(32)
    assert icc(rig, "RPR") == IDLE
    assert rig.get("GICD_ISACTIVER1", 4) == 1
    edge(rig, 32)
    assert not rig.m.irq(), "still active"
    icc(rig, "DIR", 32)
    assert rig.get("GICD_ISACTIVER1", 4) == 0
    assert rig.m.irq()


@everywhere
def test_disabled_interrupts_stay_pending(rig, implementation):
    rig.put("GICD_ICENABLER1", 1, 4)
    edge(rig, 32)
    assert not rig.m.irq()
    assert rig.get("GICD_ISPENDR1", 4) == 1
    rig.put("GICD_ISENABLER1", 1, 4)
    assert rig.drain() == [32]


@everywhere
def test_an_spi_goes_where_its_router_says(rig, implementation):
    rig.put("GICD_IROUTER32", 1)
    edge(rig, 32)
    assert (rig.drain(0), rig.drain(1)) == ([], [32])
    rig.put("GICD_IROUTER32", 9)
    edge(rig, 32)
    assert (rig.drain(0), rig.drain(1)) == ([], []), "no such CPU"
    assert rig.get("GICD_ISPENDR1", 4) == 1


ANY_PE = 1 << 31


@pytest.mark.parametrize("implementation", [*KVM, "qemu"])
def test_without_1_of_n_the_affinity_decides(rig, implementation):
    """KVM has no Interrupt_Routing_Mode, though its GICD_TYPER.No1N is 0; QEMU keeps it, and its No1N is 1."""
    rig.put("GICD_IROUTER32", ANY_PE | 1)
    edge(rig, 32)
    assert (rig.drain(0), rig.drain(1)) == ([], [32])
    assert rig.get("GICD_IROUTER32") == (ANY_PE | 1 if implementation == "qemu" else 1)
    assert rig.get("GICD_TYPER", 4) >> 25 & 1 == (implementation == "qemu")


@pytest.mark.parametrize("implementation", ["architecture"])
def test_a_1_of_n_spi_goes_to_the_first_pe_that_takes_part(rig, implementation):
    assert rig.get("GICD_TYPER", 4) >> 25 & 1 == 0, "No1N"
    assert rig.get("GICR_TYPER") >> 5 & 1, "DPGS"
    for cpu in range(2):
        rig.put("GICR_WAKER", 0, 4, cpu)
    rig.put("GICD_IROUTER32", ANY_PE | 1)
    edge(rig, 32)
    assert (rig.m.irq(0), rig.m.irq(1)) == (True, False), "the affinity does not matter"
    withheld = [
        lambda: rig.put("GICR_CTLR", 1 << 25, 4),  # DPG1NS
        lambda: rig.put("GICR_WAKER", 2, 4),  # ProcessorSleep
        lambda: icc(rig, "IGRPEN1", 0),
    ]
    back = [
        lambda: rig.put("GICR_CTLR", 0, 4),
        lambda: rig.put("GICR_WAKER", 0, 4),
        lambda: icc(rig, "IGRPEN1", 1),
    ]
    for leave, come in zip(withheld, back, strict=True):
        leave()
        assert (rig.m.irq(0), rig.m.irq(1)) == (False, True)
        come()
        assert (rig.m.irq(0), rig.m.irq(1)) == (True, False)
    rig.put("GICR_CTLR", 1 << 24, 4)  # DPG0
    assert rig.m.irq(0), "a Group 1 interrupt"
    for cpu in range(2):
        rig.put("GICR_WAKER", 2, 4, cpu)
    assert (rig.m.irq(0), rig.m.irq(1)) == (False, False), "none takes part"
    rig.put("GICR_WAKER", 0, 4, 1)
    assert rig.ack(1) == 32
    rig.put("GICR_WAKER", 0, 4, 0)
    assert not rig.m.irq(0), "it is active on CPU 1"


@everywhere
def test_software_can_pend_and_unpend(rig, implementation):
    rig.put("GICD_ISPENDR1", 0b11, 4)
    rig.put("GICD_ICPENDR1", 0b01, 4)
    assert rig.drain() == [33]


@everywhere
def test_a_level_sensitive_interrupt_stays_pending_while_its_wire_is_high(rig, implementation):
    rig.put("GICD_ICFGR2", 0, 4)
    rig.m.spi(32, True)
    assert rig.ack() == 32
    assert rig.get("GICD_ISPENDR1", 4) == 1
    rig.eoi(32)
    assert rig.m.irq(), "the wire is still high"
    rig.m.spi(32, False)
    assert not rig.m.irq()


# -- SGIs


def sgis_on(rig, cpu):
    rig.put("GICR_IGROUPR0", 0xFFFF, 4, cpu)
    rig.put("GICR_ISENABLER0", 0xFFFF, 4, cpu)


@everywhere
def test_an_sgi_reaches_the_listed_cpus(implementation):
    rig = Rig(implementation, cpus=3)
    for cpu in range(3):
        sgis_on(rig, cpu)
    icc(rig, "SGI1R", 7 << 24 | 0b110, cpu=0)
    assert [rig.drain(cpu) for cpu in range(3)] == [[], [7], [7]]


@everywhere
def test_an_sgi_to_all_others(implementation):
    rig = Rig(implementation, cpus=3)
    for cpu in range(3):
        sgis_on(rig, cpu)
    icc(rig, "SGI1R", 1 << 40 | 3 << 24 | 0b111, cpu=1)
    assert [rig.drain(cpu) for cpu in range(3)] == [[3], [], [3]]


@everywhere
def test_an_sgi_names_its_targets_cluster(implementation):
    rig = Rig(implementation, cpus=18)
    for cpu in range(18):
        sgis_on(rig, cpu)
    icc(rig, "SGI1R", 1 << 16 | 5 << 24 | 0b10)
    assert [cpu for cpu in range(18) if rig.drain(cpu)] == [17]


@everywhere
def test_sgi1r_and_the_group_of_the_sgi(implementation):
    rig = Rig(implementation)
    sgis_on(rig, 1)
    rig.put("GICR_IGROUPR0", 0, 4, 1)
    icc(rig, "SGI1R", 5 << 24 | 0b10)
    assert rig.get("GICR_ISPENDR0", 4, 1) == (1 << 5 if implementation in KVM else 0), "KVM raises SGIs of either group"
    icc(rig, "SGI0R", 6 << 24 | 0b10)
    assert rig.get("GICR_ISPENDR0", 4, 1) & 1 << 6


@pytest.mark.parametrize("implementation", ["architecture", "qemu"])
def test_group_0_has_its_own_registers(implementation):
    rig = Rig(implementation)
    rig.put("GICD_CTLR", 3, 4)
    icc(rig, "IGRPEN0", 1)
    rig.put("GICD_IGROUPR1", 0, 4)
    rig.put("GICD_ISENABLER1", 1, 4)
    priority(rig, 32, 0x40)
    rig.put("GICD_ISPENDR1", 1, 4)
    assert (icc(rig, "HPPIR0"), icc(rig, "HPPIR1"), icc(rig, "IAR1")) == (32, NONE, NONE)
    assert icc(rig, "IAR0") == 32
    assert icc(rig, "AP0R0") == 1 << 8
    icc(rig, "EOIR1", 32)
    assert icc(rig, "RPR") == 0x40, "the other group's register does not end it"
    icc(rig, "EOIR0", 32)
    assert icc(rig, "RPR") == IDLE


@everywhere
def test_peek_acknowledges_nothing(rig, implementation):
    edge(rig, 32)
    assert rig.m.peek("ICC_IAR1_EL1") == rig.m.peek("ICC_IAR1_EL1") == 32
    assert rig.m.peek("ICC_IAR0_EL1") == NONE
    assert rig.ack() == 32


@everywhere
def test_looking_leaves_even_a_long_queue_as_it_is(rig, implementation):
    """More interrupts than KVM has list registers: they are sorted when the guest runs, not when somebody looks."""
    for place, intid in enumerate(SPIS):
        priority(rig, intid, 0x90 - 8 * place)
    for intid in SPIS:
        rig.m.userspace.set("dist", 0x204, 1 << intid - 32) if implementation in KVM else edge(rig, intid)
    before = rig.m.snapshot()
    rig.m.irq(), rig.m.hppi(0), rig.m.peek("ICC_HPPIR1_EL1"), rig.m.lpis()
    with rig.m.listen():
        pass
    assert rig.m.snapshot() == before
