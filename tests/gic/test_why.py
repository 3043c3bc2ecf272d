"""Why an interrupt is not signalled: each link is the first broken one, and what it says mends it."""

import random

import pytest

from app.gic import Machine
from app.registers import IMPLEMENTATION_NAMES
from app.scenario import MachineSpec, Player, parse_line

DIRECT = ("architecture", "qemu")
KVM = ("kvm", "kvm-before-5.6")
EVERYWHERE = IMPLEMENTATION_NAMES
OPEN = (
    "write GICD_CTLR EnableGrp1=1",
    *(f"write ICC_PMR_EL1@{cpu} 0xf8" for cpu in (0, 1)),
    *(f"write ICC_IGRPEN1_EL1@{cpu} 1" for cpu in (0, 1)),
)
TABLES = (
    *(f"poke {0x4020_0000 + intid - 8192:#x} a1" for intid in (8195, 8196, 8197, 8198, 8199, 20000)),
    *(f"write GICR_PROPBASER@{cpu} Physical_Address=0x40200000 IDbits=15" for cpu in (0, 1)),
    *(f"write GICR_PENDBASER@{cpu} Physical_Address={0x4021_0000 + 0x10000 * cpu:#x}" for cpu in (0, 1)),
)
LPIS_ON = tuple(f"write GICR_CTLR@{cpu} EnableLPIs=1" for cpu in (0, 1))
DEVICE = ("its MAPD device=2 itt=0x40300000 size=5", "its MAPC collection=1 target=0", "its MAPC collection=2 target=1")
EVENT = ("its MAPTI device=2 event=20 intid=8195 collection=1",)
MSI = ("msi device=2 event=20",)
MAPPED = (*OPEN, *TABLES, *LPIS_ON, *DEVICE, *EVENT)
LPI = (*MAPPED, *MSI)
SPI = (
    *OPEN,
    "write GICD_IGROUPR1 0xffffffff",
    "write GICD_IPRIORITYR10 0xa0a0a0a0",
    "write GICD_ISENABLER1 0x300",
    "write GICD_ICFGR2 0xffffffff",
    "write GICD_ISPENDR1 0x100",
)
SGI = (
    *OPEN,
    "write GICR_IGROUPR0@1 0xffffffff",
    "write GICR_IPRIORITYR0@1 0xa0a0a0a0",
    "write GICR_ISENABLER0@1 0x8",
    "write ICC_SGI1R_EL1@0 0x3000002",
)
PRUNED = (
    "write GICD_ICENABLER1 0x100",
    "write GICD_CTLR EnableGrp1=0",
    "write GICD_ISENABLER1 0x100",
    "write GICD_CTLR EnableGrp1=1",
)
OTHERS = tuple(
    line
    for intid in range(8196, 8200)
    for line in (
        f"its MAPTI device=2 event={intid - 8175} intid={intid} collection=1",
        f"msi device=2 event={intid - 8175}",
    )
)


def play(name, lines, **spec):
    player = Player(MachineSpec(name, **spec))
    do(player, lines)
    return player


def do(player, lines):
    for line in lines:
        step = player.apply(parse_line(line, player.spec))
        assert not step.refused, (line, step.refused)


def without(lines, start):
    left = tuple(line for line in lines if not line.startswith(start))
    assert left != tuple(lines)
    return left


def taken(chain, machine):
    """Whether the CPU interface signals this very interrupt."""
    found = None if chain.cpu is None else machine.cpu_interfaces[chain.cpu].signalled()
    return found is not None and found.intid == chain.intid


def check_consistent(machine, intid, cpu):
    chain = machine.why(intid, cpu)
    assert chain.signalled is taken(chain, machine), chain.words
    for link in chain.links:
        assert link.name
        assert link.says
        assert bool(link.mend) is not link.holds
    return chain


# what breaks the chain; the link; what it says; what it says would mend it; what mends it
LPI_BREAKS = [
    (EVERYWHERE, without(MAPPED, EVENT[0]), "ITS mapping", "no event maps to it", "MAPTI", (*EVENT, *MSI)),
    (
        DIRECT,
        (*MAPPED, "its MAPC collection=1 valid=0"),
        "collection",
        "its collection is not mapped",
        "Map collection 1 with MAPC",
        ("its MAPC collection=1 target=0", *MSI),
    ),
    (
        KVM,
        (*MAPPED, "its MAPC collection=1 valid=0"),
        "collection",
        "it belongs to no collection any more",
        "Map the device again: MAPD, MAPC, then MAPTI",
        ("its MAPD device=2 valid=0", *DEVICE, *EVENT, *MSI),
    ),
    (
        DIRECT,
        (*LPI, "write GICR_CTLR@0 EnableLPIs=0"),
        "GICR_CTLR@0.EnableLPIs",
        "EnableLPIs is 0 on CPU 0",
        "Write GICR_CTLR@0 EnableLPIs=1",
        ("write GICR_CTLR@0 EnableLPIs=1",),
    ),
    (
        KVM,
        without(MAPPED, "write GICR_CTLR@0"),
        "GICR_CTLR@0.EnableLPIs",
        "EnableLPIs is 0",
        "EnableLPIs=1",
        ("write GICR_CTLR@0 EnableLPIs=1", *MSI),
    ),
    (EVERYWHERE, MAPPED, "pending", "it is not pending", "an MSI, or INT", MSI),
    (EVERYWHERE, MAPPED, "pending", "it is not pending", "an MSI, or INT", ("its INT device=2 event=20",)),
    (KVM, (*LPI, "ack @0", *MSI), "active state", "it is active already", "8195 to ICC_EOIR1_EL1", ("eoi @0 8195",)),
    (
        EVERYWHERE,
        ("poke 0x40200003 a0", *without(LPI, "poke 0x40200003")),
        "configuration byte",
        "its configuration byte says disabled",
        "Set bit 0 of the byte at 0x40200003, then issue INV",
        ("poke 0x40200003 a1", "its INV device=2 event=20"),
    ),
    (
        ("architecture", *KVM),
        ("poke 0x40200003 a0", *without(LPI, "poke 0x40200003"), "poke 0x40200003 a1"),
        "configuration byte",
        "the cached configuration byte says disabled, RAM says enabled",
        "Issue INV",
        ("its INV device=2 event=20",),
    ),
    (
        ("qemu",),
        ("poke 0x40200003 a0", *without(LPI, "poke 0x40200003"), "poke 0x40200003 a1"),
        "best LPI of CPU 0",
        "has not read the tables since",
        "Issue INV or INVALL",
        ("its INV device=2 event=20",),
    ),
    (
        DIRECT,
        (*LPI, "write GICD_CTLR EnableGrp1=0"),
        "GICD_CTLR.EnableGrp1",
        "the Distributor does not forward Group 1",
        "Write GICD_CTLR EnableGrp1=1",
        ("write GICD_CTLR EnableGrp1=1",),
    ),
    (
        KVM,
        (*without(LPI, "write GICD_CTLR"), "write GICD_CTLR EnableGrp1=0"),
        "GICD_CTLR.EnableGrp1",
        "does not forward",
        "EnableGrp1=1",
        ("write GICD_CTLR EnableGrp1=1", *MSI),
    ),
    (
        KVM,
        (*LPI, "write GICD_CTLR EnableGrp1=0", "read GICR_CTLR@0", "write GICD_CTLR EnableGrp1=1"),
        "list of vCPU 0",
        "it left the list of vCPU 0 and nothing queued it again",
        "INV, another MSI",
        ("its INV device=2 event=20",),
    ),
    (
        KVM,
        (*MAPPED, "its MOVI device=2 event=20 collection=2", *MSI, "its MOVI device=2 event=20 collection=1"),
        "list of vCPU 0",
        "it is still on the list of vCPU 1, which has not run since it moved",
        "Let vCPU 1 run",
        ("read GICR_CTLR@1",),
    ),
    (
        KVM,
        (*MAPPED, "poke 0x40200003 f1", "its INV device=2 event=20", *MSI, *OTHERS),
        "list registers of vCPU 0",
        "4 others are in the list registers",
        "End or take one of those",
        tuple(line for intid in range(8196, 8200) for line in ("ack @0", f"eoi @0 {intid}")),
    ),
    (
        EVERYWHERE,
        (*LPI, "write ICC_IGRPEN1_EL1@0 0"),
        "ICC_IGRPEN1_EL1@0",
        "the CPU interface does not take Group 1",
        "Write ICC_IGRPEN1_EL1@0 1",
        ("write ICC_IGRPEN1_EL1@0 1",),
    ),
    (
        EVERYWHERE,
        (*LPI, "write ICC_PMR_EL1@0 0xa0"),
        "ICC_PMR_EL1@0",
        "its priority 0xa0 is not higher than the mask 0xa0",
        "Write a larger value to ICC_PMR_EL1@0",
        ("write ICC_PMR_EL1@0 0xa8",),
    ),
    (
        EVERYWHERE,
        (*MAPPED, *OTHERS[:2], "ack @0", *MSI),
        "ICC_RPR_EL1@0",
        "the running priority 0xa0 is as high or higher",
        "ICC_EOIR",
        ("eoi @0 8196",),
    ),
    (
        EVERYWHERE,
        ("poke 0x40200004 81", *without(LPI, "poke 0x40200004"), *OTHERS[:2]),
        "highest priority pending",
        "INTID 8196 (priority 0x80) comes before it",
        "Acknowledge INTID 8196 first",
        ("ack @0", "eoi @0 8196"),
    ),
]
WIRED_BREAKS = [
    (
        EVERYWHERE,
        without(SPI, "write GICD_ISPENDR1"),
        "GICD_ISPENDR1",
        "it is not pending",
        "Raise its wire, or write its bit in GICD_ISPENDR1",
        ("write GICD_ISPENDR1 0x100",),
    ),
    (
        EVERYWHERE,
        without(SPI, "write GICD_ISENABLER1"),
        "GICD_ISENABLER1",
        "it is not enabled",
        "Write its bit in GICD_ISENABLER1",
        ("write GICD_ISENABLER1 0x100",),
    ),
    (
        EVERYWHERE,
        (*SPI, "ack @0", "write GICD_ISPENDR1 0x100"),
        "GICD_ISACTIVER1",
        "it is active already",
        "write 40 to ICC_EOIR1_EL1",
        ("eoi @0 40",),
    ),
    (
        DIRECT,
        (*SPI, "write GICD_CTLR EnableGrp1=0"),
        "GICD_CTLR.EnableGrp1",
        "does not forward Group 1",
        "Write GICD_CTLR EnableGrp1=1",
        ("write GICD_CTLR EnableGrp1=1",),
    ),
    (
        DIRECT,
        (*SPI, "write GICD_IGROUPR1 0", "write ICC_IGRPEN0_EL1@0 1"),
        "GICD_CTLR.EnableGrp0",
        "does not forward Group 0",
        "Write GICD_CTLR EnableGrp0=1",
        ("write GICD_CTLR EnableGrp0=1",),
    ),
    (
        KVM,
        (
            "write GICD_IGROUPR1 0",
            *without(SPI, ("write GICD_IGROUPR1", "write GICD_CTLR")),
            "write ICC_IGRPEN0_EL1@0 1",
        ),
        "GICD_CTLR.EnableGrp1",
        "does not forward Group 0",
        "Write GICD_CTLR EnableGrp1=1",
        ("write GICD_CTLR EnableGrp1=1", "write GICD_ISPENDR1 0x100"),
    ),
    (
        EVERYWHERE,
        ("write GICD_IROUTER40 0x7", *SPI),
        "GICD_IROUTER40",
        "its affinity names no CPU",
        "Write the affinity of a CPU to GICD_IROUTER40",
        ("write GICD_IROUTER40 0", "write GICD_ISPENDR1 0x100"),
    ),
    (
        ("architecture",),
        ("write GICD_IROUTER40 Interrupt_Routing_Mode=AnyPE", *SPI),
        "GICD_IROUTER40",
        "none takes part: each sleeps, has ICC_IGRPEN1_EL1 0, or its DPG bit 1",
        "write GICR_WAKER@0 ProcessorSleep=0",
        ("write GICR_WAKER@0 ProcessorSleep=0",),
    ),
    (
        KVM,
        (*SPI, *PRUNED),
        "list of vCPU 0",
        "it left the list of vCPU 0",
        "another write of its ISPENDR bit",
        ("write GICD_ISPENDR1 0x100",),
    ),
    (
        EVERYWHERE,
        (*SPI, "write ICC_IGRPEN1_EL1@0 0"),
        "ICC_IGRPEN1_EL1@0",
        "does not take Group 1",
        "ICC_IGRPEN1_EL1@0 1",
        ("write ICC_IGRPEN1_EL1@0 1",),
    ),
    (
        EVERYWHERE,
        (*SPI, "write ICC_PMR_EL1@0 0x80"),
        "ICC_PMR_EL1@0",
        "0xa0 is not higher than the mask 0x80",
        "larger value",
        ("write ICC_PMR_EL1@0 0xf0",),
    ),
    (
        EVERYWHERE,
        (*without(SPI, "write GICD_ISPENDR1"), "write GICD_ISPENDR1 0x200", "ack @0", "write GICD_ISPENDR1 0x100"),
        "ICC_RPR_EL1@0",
        "the running priority 0xa0",
        "ICC_EOIR",
        ("eoi @0 41",),
    ),
    (
        EVERYWHERE,
        (*SPI, "write GICD_IPRIORITYR10 0xa0a080a0", "write GICD_ISPENDR1 0x200"),
        "highest priority pending",
        "INTID 41 (priority 0x80) comes before it",
        "Acknowledge INTID 41 first",
        ("ack @0", "eoi @0 41"),
    ),
]


def cases(rows):
    return [pytest.param(name, *rest, id=f"{name}: {rest[1]}") for names, *rest in rows for name in names]


def check_break(name, lines, intid, link, says, mend, mending):
    player = play(name, lines)
    chain = check_consistent(player.machine, intid, None)
    broken = chain.broken
    assert broken is not None
    assert (broken.name, says in broken.says, mend in broken.mend) == (link, True, True), broken
    assert chain.words == f"INTID {intid} is not signalled: {broken.says}. {broken.mend}"
    assert broken.cite
    do(player, mending)
    mended = check_consistent(player.machine, intid, None)
    assert mended.signalled, mended.words


@pytest.mark.parametrize(("name", "lines", "link", "says", "mend", "mending"), cases(LPI_BREAKS))
def test_each_link_of_an_lpi_can_break_and_be_mended(name, lines, link, says, mend, mending):
    check_break(name, lines, 8195, link, says, mend, mending)


@pytest.mark.parametrize(("name", "lines", "link", "says", "mend", "mending"), cases(WIRED_BREAKS))
def test_each_link_of_an_spi_can_break_and_be_mended(name, lines, link, says, mend, mending):
    check_break(name, lines, 40, link, says, mend, mending)


@pytest.mark.parametrize("name", EVERYWHERE)
def test_every_link_of_every_chain_was_broken_above(name):
    """All but GICR_WAKER, which holds nothing back, and IDbits, which has its own test."""
    for lines, intid, rows in ((LPI, 8195, LPI_BREAKS), (SPI, 40, WIRED_BREAKS)):
        chain = check_consistent(play(name, lines).machine, intid, None)
        assert chain.signalled
        assert chain.words == f"INTID {intid} is signalled to CPU 0"
        broken = {row[2] for row in rows if name in row[0]}
        if name in KVM and intid == 40:
            broken |= {"list registers of vCPU 0"}
        if name in KVM and intid == 8195:
            broken -= {"GICR_CTLR@0.EnableLPIs"}
        unbroken = {link.name for link in chain.links} - broken
        assert unbroken <= {"GICR_WAKER@0", "GICR_PROPBASER@0.IDbits"}
        assert {link.name for link in chain.links} >= broken - {"GICD_CTLR.EnableGrp0"}


@pytest.mark.parametrize("name", EVERYWHERE)
def test_an_sgi_is_asked_for_on_its_cpu(name):
    player = play(name, SGI)
    assert check_consistent(player.machine, 3, 1).signalled
    other = check_consistent(player.machine, 3, 0).broken
    assert (other.name, "write ICC_SGI1R_EL1" in other.mend) == ("GICR_ISPENDR0@0", True)
    do(player, ("write GICR_ICENABLER0@1 0x8",))
    broken = check_consistent(player.machine, 3, 1).broken
    assert (broken.name, broken.mend) == ("GICR_ISENABLER0@1", "Write its bit in GICR_ISENABLER0@1")


@pytest.mark.parametrize("name", DIRECT)
def test_an_intid_beyond_idbits_is_not_taken(name):
    lines = [line.replace("IDbits=15", "IDbits=13") for line in MAPPED]
    player = play(name, (*lines, "its MAPTI device=2 event=1 intid=20000 collection=1", "msi device=2 event=1"))
    broken = check_consistent(player.machine, 20000, None).broken
    assert broken.name == "GICR_PROPBASER@0.IDbits"
    assert "below 16384" in broken.says
    assert "IDbits=15 while EnableLPIs is 0" in broken.mend


@pytest.mark.parametrize("name", KVM)
def test_kvm_does_not_map_an_intid_beyond_idbits(name):
    lines = [line.replace("IDbits=15", "IDbits=13") for line in MAPPED]
    player = play(name, (*lines, "its MAPTI device=2 event=1 intid=20000 collection=1"))
    broken = check_consistent(player.machine, 20000, None).broken
    assert broken.name == "ITS mapping"
    assert "below 16384" in broken.mend
    assert "MAPTI" in broken.mend


@pytest.mark.parametrize("name", DIRECT)
def test_an_lpi_that_stayed_behind_is_asked_for_where_it_is(name):
    player = play(name, (*LPI, "its MAPC collection=1 target=1"))
    chain = check_consistent(player.machine, 8195, None)
    assert (chain.cpu, chain.signalled) == (0, True)
    assert "it is pending on CPU 0, though its collection targets CPU 1" in [link.says for link in chain.links]
    asked = check_consistent(player.machine, 8195, 1).broken
    assert (asked.name, asked.says) == ("pending", "it is not pending")
    do(player, ("its MAPC collection=1 target=0",))
    asked = check_consistent(player.machine, 8195, 1).broken
    assert (asked.name, asked.says) == ("collection", "its collection targets CPU 0")
    assert asked.mend == "Move it with MOVI, or collection 1 with MAPC"


@pytest.mark.parametrize("name", DIRECT)
def test_waker_is_said_and_breaks_nothing(name):
    player = play(name, SPI)
    [asleep] = [link for link in player.machine.why(40).links if link.name == "GICR_WAKER@0"]
    assert asleep.says == "ProcessorSleep is 1, and interrupts are forwarded all the same"
    do(player, ("write GICR_WAKER@0 0",))
    [awake] = [link for link in player.machine.why(40).links if link.name == "GICR_WAKER@0"]
    assert (asleep.holds, awake.holds, awake.says) == (True, True, "ProcessorSleep is 0")


def test_qemu_signals_what_it_remembers():
    player = play("qemu", (*LPI, "poke 0x40200003 a0", "poke 0x40210400 00"))
    chain = check_consistent(player.machine, 8195, None)
    assert chain.signalled
    says = [link.says for link in chain.links]
    assert "its bit in RAM is 0, but the Redistributor remembers it as pending" in says
    assert "it is enabled: RAM says disabled, but nothing has read it since" in says


@pytest.mark.parametrize(
    ("secure", "link", "mend"),
    [
        ("GICD_IGRPMODR1 0x100", "GICD_CTLR.EnableGrp1S", "Write GICD_CTLR EnableGrp1S=1"),
        ("GICD_IGROUPR1 0x100", "GICD_CTLR.EnableGrp1NS", "Write GICD_CTLR EnableGrp1NS=1"),
        ("GICD_IGROUPR1 0", "GICD_CTLR.EnableGrp0", "Write GICD_CTLR EnableGrp0=1"),
    ],
)
def test_two_security_states_have_three_groups(secure, link, mend):
    lines = (
        f"write {secure} secure=1",
        "write GICD_ISENABLER1 0x100 secure=1",
        "write GICD_IPRIORITYR10 0x20 secure=1",
        "write GICD_ISPENDR1 0x100 secure=1",
        "write ICC_PMR_EL1@0 0xf8 secure=1",
    )
    player = play("architecture", lines, security=2)
    broken = check_consistent(player.machine, 40, None).broken
    assert (broken.name, broken.mend) == (link, mend)
    do(player, ("write GICD_CTLR 7 secure=1",))
    broken = check_consistent(player.machine, 40, None).broken
    register = "ICC_IGRPEN0_EL1" if link.endswith("0") else "ICC_IGRPEN1_EL1"
    assert broken.name == f"{register}@0"
    as_secure = not link.endswith("NS")
    assert broken.mend.endswith(" as Secure software") is as_secure
    do(player, (f"write {register}@0 1{' secure=1' if as_secure else ''}",))
    assert check_consistent(player.machine, 40, None).signalled


def test_lpis_of_two_security_states_have_nonsecure_priorities():
    lines = tuple(line for line in LPI if "GICD_CTLR" not in line and "ICC" not in line)
    opening = (
        "write GICD_CTLR EnableGrp1NS=1 secure=1",
        "write ICC_PMR_EL1@0 0xd0 secure=1",
        "write ICC_IGRPEN1_EL1@0 1",
    )
    player = play("architecture", (*opening, *lines), security=2)
    broken = check_consistent(player.machine, 8195, None).broken
    assert broken.says == "its priority 0xd0 is not higher than the mask 0xd0", "0xa0 as Non-secure software says it"
    do(player, ("write ICC_PMR_EL1@0 0xd8 secure=1",))
    assert check_consistent(player.machine, 8195, None).signalled


def test_a_machine_without_an_its_has_no_lpis():
    chain = Machine("kvm", its=False).why(8192)
    assert [link.name for link in chain.links] == ["ITS"]
    assert "this machine has no ITS" in chain.words


def test_without_an_its_a_bit_in_the_pending_table_is_enough_on_qemu():
    spec = MachineSpec("qemu", its=False)
    player = Player(spec)
    lines = (
        "poke 0x40210400 08",
        "poke 0x40200003 a1",
        "write GICR_PROPBASER@0 Physical_Address=0x40200000 IDbits=15",
        "write GICR_PENDBASER@0 Physical_Address=0x40210000",
        "write GICD_CTLR EnableGrp1=1",
        "write ICC_PMR_EL1@0 0xff",
        "write ICC_IGRPEN1_EL1@0 1",
        "write GICR_CTLR@0 EnableLPIs=1",
    )
    for line in lines:
        player.apply(parse_line(line, spec))
    assert check_consistent(player.machine, 8195, 0).signalled
    chain = check_consistent(player.machine, 8196, 0)
    assert not chain.signalled
    assert chain.broken is not None
    assert "no ITS" in chain.broken.says


@pytest.mark.parametrize(
    ("intid", "cpu", "said"),
    [
        (3, None, "INTID 3 exists once per CPU: say which CPU"),
        (3, 2, "no CPU 2: 0 to 1"),
        (8195, -1, "no CPU -1"),
        (96, None, "INTID 96 is no interrupt here: 0 to 95, or LPIs 8192 to 65535"),
        (1023, 0, "INTID 1023 is no interrupt"),
        (65536, 0, "INTID 65536 is no interrupt"),
        (-1, 0, "INTID -1 is no interrupt"),
    ],
)
def test_what_cannot_be_asked_is_said(intid, cpu, said):
    with pytest.raises(ValueError, match=said.replace("(", r"\(")):
        Machine("kvm").why(intid, cpu)


def any_line(pick):
    """A line that moves some link of INTIDs 3, 23, 40, 41, 8195 to 8199."""
    cpu, bit, spi = pick.choice((0, 1)), pick.choice((0, 1)), pick.choice((0x100, 0x200, 0x300))
    event, byte = pick.choice((20, 21, 22, 23, 24)), pick.choice(("a1", "81", "a0", "f1"))
    collection = pick.choice((1, 2))
    return pick.choice(
        (
            f"write GICD_CTLR EnableGrp1={bit} EnableGrp0={bit}",
            f"write GICD_IS{pick.choice(('PEND', 'ENABLE', 'ACTIVE'))}R1 {spi}",
            f"write GICD_IC{pick.choice(('PEND', 'ENABLE', 'ACTIVE'))}R1 {spi}",
            f"write GICR_IS{pick.choice(('PEND', 'ENABLE', 'ACTIVE'))}R0@{cpu} 0x800008",
            f"write GICR_IC{pick.choice(('PEND', 'ENABLE', 'ACTIVE'))}R0@{cpu} 0x800008",
            f"write GICD_IPRIORITYR10 {pick.choice((0xA0A0, 0x80A0, 0xA080, 0xFFF0))}",
            f"write GICD_IGROUPR1 {pick.choice((0, 0x100, 0x300))}",
            f"write GICR_IGROUPR0@{cpu} {pick.choice((0, 0xFFFF_FFFF))}",
            f"write GICD_IROUTER40 {pick.choice((0, 1, 7))}",
            f"write ICC_PMR_EL1@{cpu} {pick.choice((0xF8, 0xA0, 0x88))}",
            f"write ICC_IGRPEN1_EL1@{cpu} {bit}",
            f"write ICC_IGRPEN0_EL1@{cpu} {bit}",
            f"write ICC_CTLR_EL1@{cpu} EOImode={bit}",
            f"write ICC_SGI1R_EL1@{cpu} 0x3000003",
            f"irq 23@{cpu} level={bit}",
            f"irq 40 level={bit}",
            f"msi device=2 event={event}",
            f"msi device=2 event={event}",
            f"its INT device=2 event={event}",
            f"its CLEAR device=2 event={event}",
            f"its INV device=2 event={event}",
            f"its DISCARD device=2 event={event}",
            f"its MAPTI device=2 event={event} intid={8175 + event} collection={collection}",
            f"its MOVI device=2 event={event} collection={collection}",
            f"its MAPC collection={collection} target={cpu}",
            f"its MAPC collection={collection} valid=0",
            f"its MOVALL source={cpu} target={1 - cpu}",
            f"its INVALL collection={collection}",
            f"poke {0x4020_0000 + event - 17:#x} {byte}",
            f"poke {0x4021_0400 + 0x10000 * cpu:#x} {pick.choice(('00', '08', 'f8'))}",
            f"write GICR_CTLR@{cpu} EnableLPIs={bit}",
            f"ack @{cpu}",
            f"ack @{cpu}",
            f"eoi @{cpu} {pick.choice((3, 23, 40, 41, 8195, 8196, 8197, 8198, 8199))}",
            f"read GICR_CTLR@{cpu}",
        )
    )


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", EVERYWHERE)
def test_the_chain_and_the_cpu_interface_agree_whatever_happened(name, seed):
    pick = random.Random(seed)
    player = play(name, (*SPI, *TABLES, *LPIS_ON, *DEVICE, *EVENT, *MSI, *OTHERS))
    for _ in range(150):
        player.advance(parse_line(any_line(pick), player.spec))
        machine = player.machine
        for intid in (40, 41, *range(8195, 8200)):
            check_consistent(machine, intid, None)
        for cpu in (0, 1):
            for intid in (3, 23):
                check_consistent(machine, intid, cpu)
            found = machine.cpu_interfaces[cpu].signalled()
            if found is not None:
                assert machine.why(found.intid, cpu).signalled, machine.why(found.intid, cpu).words


def test_what_is_on_another_list_is_not_said_to_wait_for_list_registers():
    """MOVI to a CPU before the one it came from has run: one cause is told, and no full list registers."""
    machine = Machine("kvm", cpus=2)
    player = Player(MachineSpec("kvm", cpus=2), machine)
    to_cpu_1, to_cpu_0 = (f"its MOVI device=2 event=20 collection={collection}" for collection in (2, 1))
    for line in (*MAPPED, to_cpu_1, *MSI, to_cpu_0):
        player.apply(parse_line(line, player.spec))
    broken = [link.says for link in machine.why(8195, 0).links if not link.holds]
    assert any("still on the list of vCPU 1" in says for says in broken)
    assert not any("list registers" in says for says in broken)
