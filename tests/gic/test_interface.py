"""Every line of the Python API that other people's programs rely on, and what it does with mistakes."""

import inspect

import pytest

from app.gic import COMMANDS, IMPLEMENTATIONS, GuestMemory, Machine, UserspaceError, effects
from app.gic.commands import encode
from app.gic.effects import ControlChanged
from app.registers import IMPLEMENTATION_NAMES
from tests.gic.rig import COLLECTIONS, CONFIG, DEVICES, EVERYWHERE, ITT, KVM, NONE, PEND, PROP, QUEUE, Rig

RD0, SGI0, GICD, GITS, TRANSLATER = 0x080A_0000, 0x080B_0000, 0x0800_0000, 0x0808_0000, 0x0809_0040
STRIDE = 0x20000
everywhere = pytest.mark.parametrize("implementation", EVERYWHERE)
on_kvm = pytest.mark.parametrize("implementation", KVM)
elsewhere = pytest.mark.parametrize("implementation", ["architecture", "qemu"])


# -- construction


def test_the_four_implementations_have_their_names():
    assert tuple(IMPLEMENTATIONS) == EVERYWHERE == IMPLEMENTATION_NAMES


def test_machine_takes_these_keywords_with_these_defaults():
    parameters = inspect.signature(Machine).parameters
    wanted = {
        "implementation": "kvm",
        "cpus": 2,
        "spis": 64,
        "its": True,
        "ram_mib": 512,
        "lpi_id_bits": 16,
        "memory": None,
    }
    assert {name: parameters[name].default for name in wanted} == wanted


@pytest.mark.parametrize(
    "mistake",
    [
        {"implementation": "kmv"},
        {"cpus": 0},
        {"cpus": -1},
        {"spis": -1},
        {"spis": 989},
        {"ram_mib": 0},
        {"lpi_id_bits": 13},
    ],
)
def test_a_machine_that_cannot_be_is_a_callers_error(mistake):
    with pytest.raises(ValueError):
        Machine(**mistake)


def test_an_unknown_implementation_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match="did you mean kvm"):
        Machine("kvm-new")


@everywhere
def test_cpu_n_has_affinity_n_mod_16_and_n_div_16(implementation):
    machine = Machine(implementation, cpus=18)
    for cpu in (0, 1, 15, 16, 17):
        typer = machine.read(RD0 + cpu * STRIDE + 8, 8)
        assert typer >> 32 == (cpu // 16) << 8 | cpu % 16
        assert typer >> 8 & 0xFFFF == cpu
        assert typer >> 4 & 1 == (cpu == 17), "Last"


@everywhere
def test_the_default_address_map(implementation):
    frames = Machine(implementation).map.frames
    assert frames["GICD"].base == GICD
    assert frames["GITS"].base == GITS
    assert frames["GITS_TRANSLATION"].base == GITS + 0x10000
    assert (frames["RD"].base, frames["RD"].stride, frames["SGI"].base) == (RD0, STRIDE, SGI0)


# -- registers and memory


def test_the_first_example_of_the_interface():
    machine = Machine(implementation="kvm", cpus=2)
    machine.write(0x080A0078, 0x4000_0000_4021_0000, 8)
    assert machine.read(0x080A0078, 8) & ~0x780 == 0x0000_0000_4021_0000


@pytest.mark.parametrize(
    ("implementation", "reads"), [("architecture", 0), ("kvm", 0), ("kvm-before-5.6", 1), ("qemu", 1)]
)
def test_ptz_reads_back_only_where_it_is_stored_for_all_to_see(implementation, reads):
    machine = Machine(implementation)
    machine.write(RD0 + 0x78, 0x4000_0000_4021_0000, 8)
    assert machine.read(RD0 + 0x78, 8) >> 62 == reads
    assert machine.read(RD0 + 0x7C, 4) >> 30 == reads
    assert machine.peek("GICR_PENDBASER") >> 62 == reads
    assert machine.read(RD0 + STRIDE + 0x78, 8) & ~0x780 == 0, "the other CPU has its own"


@everywhere
@pytest.mark.parametrize("size", [1, 2, 4, 8])
def test_read_and_write_reach_ram(implementation, size):
    machine = Machine(implementation)
    machine.write(0x4021_0400, 0x1122_3344_5566_7788 & (1 << 8 * size) - 1, size)
    assert machine.memory.read(0x4021_0400, 8) == 0x1122_3344_5566_7788.to_bytes(8, "little")[:size].ljust(8, b"\0")
    machine.memory.write(0x4021_0400, b"\x08")
    assert machine.memory.read(0x4021_0400, 1) == b"\x08"
    assert machine.read(0x4021_0400, size, cpu=1) & 0xFF == 8


@everywhere
def test_where_nobody_answers_reads_give_zero_and_writes_go_nowhere(implementation):
    machine = Machine(implementation)
    before = machine.snapshot()
    for address in (0, 0x0700_0000, 0x0801_0000, 0x3FFF_FFF8, 0x6000_0000, (1 << 64) - 4, (1 << 64) - 8):
        for size in (1, 2, 4, 8):
            assert machine.read(address, size) == 0
            machine.write(address, (1 << 8 * size) - 1, size)
    assert machine.snapshot() == before


@everywhere
@pytest.mark.parametrize(
    ("address", "size"), [(GICD, 1), (GICD, 2), (GICD, 8), (RD0 + 0x78, 1), (GITS + 0x80, 2), (GICD + 2, 2)]
)
def test_a_size_that_the_register_does_not_take_is_no_error(implementation, address, size):
    machine = Machine(implementation)
    before = machine.snapshot()
    machine.write(address, (1 << 8 * size) - 1, size)
    assert machine.snapshot() == before
    assert machine.read(address, size) == 0


def test_misaligned_accesses_are_split_by_qemus_bus_alone():
    for implementation in EVERYWHERE:
        machine = Machine(implementation, spis=256 if implementation == "qemu" else 64)
        split = machine.read(GICD + 4, 8)
        assert split == (0x043B_037A_0007 if implementation == "qemu" else 0)
        machine.write(SGI0 + 0x402, 0xFF, 4)
        assert machine.read(SGI0 + 0x400, 4) == 0, "a 16-bit half is nothing IPRIORITYR takes"
        machine.write(SGI0 + 0x401, 0xF0E0, 2)
        assert machine.read(SGI0 + 0x400, 4) == (0x00F0_E000 if implementation == "qemu" else 0)


@everywhere
@pytest.mark.parametrize("size", [-1, 0, 3, 5, 16])
def test_a_size_that_no_load_has_is_a_callers_error(implementation, size):
    machine = Machine(implementation)
    for address in (GICD, 0x4000_0000, 0):
        with pytest.raises(ValueError, match="size"):
            machine.read(address, size)
        with pytest.raises(ValueError, match="size"):
            machine.write(address, 0, size)


@everywhere
def test_values_addresses_and_cpus_that_cannot_be_are_a_callers_errors(implementation):
    machine = Machine(implementation)
    for address in (GICD, RD0 + 0x70, 0x4000_0000, 0):
        for value in (-1, 1 << 32):
            with pytest.raises(ValueError):
                machine.write(address, value, 4)
        for cpu in (-1, 2):
            with pytest.raises(ValueError, match="CPU"):
                machine.write(address, 0, 4, cpu=cpu)
            with pytest.raises(ValueError, match="CPU"):
                machine.read(address, 4, cpu=cpu)
    for address in (-4, 1 << 64):
        with pytest.raises(ValueError):
            machine.read(address, 4)
        with pytest.raises(ValueError):
            machine.write(address, 0, 4)


# -- interrupts


@everywhere
def test_an_lpi_from_device_to_end_of_interrupt(implementation):
    rig = Rig(implementation).its_on()
    rig.config(8195)
    rig.its("MAPD", device=2, itt=ITT, size=5)
    rig.its("MAPC", collection=1, target=0)
    rig.lpis(True)
    rig.its("MAPTI", device=2, event=20, intid=8195, collection=1)
    assert rig.m.irq(cpu=0) is False
    rig.m.msi(device_id=2, event_id=20)
    assert rig.m.irq(cpu=0) is True
    assert rig.m.irq(cpu=1) is False
    assert rig.m.icc_read("ICC_HPPIR1_EL1", cpu=0) == 8195
    assert rig.m.icc_read("ICC_IAR1_EL1", cpu=0) == 8195
    assert rig.m.irq(cpu=0) is False
    assert rig.m.icc_read("ICC_RPR_EL1") == 0xA0
    rig.m.icc_write("ICC_EOIR1_EL1", 8195, cpu=0)
    assert rig.m.icc_read("ICC_RPR_EL1") == 0xFF
    assert rig.m.icc_read("ICC_IAR1", cpu=0) == NONE, "the name without _EL1 is taken too"


@everywhere
def test_a_level_sensitive_spi_follows_its_wire(implementation):
    rig = Rig(implementation)
    rig.put("GICD_ICFGR2", 0, 4)
    rig.put("GICD_IGROUPR1", 1 << 8, 4)
    rig.put("GICD_ISENABLER1", 1 << 8, 4)
    rig.put("GICD_IROUTER40", 1)
    rig.m.spi(intid=40, level=True)
    assert (rig.m.irq(0), rig.m.irq(1)) == (False, True)
    rig.m.spi(intid=40, level=False)
    assert not rig.m.irq(1)
    rig.m.spi(40, 1)
    assert rig.ack(1) == 40
    rig.m.spi(40, 0)
    rig.eoi(40, 1)
    assert not rig.m.irq(1)


@everywhere
def test_a_ppi_belongs_to_one_cpu(implementation):
    rig = Rig(implementation)
    for cpu in range(2):
        rig.put("GICR_IGROUPR0", 0xFFFF_FFFF, 4, cpu)
        rig.put("GICR_ISENABLER0", 1 << 23, 4, cpu)
    rig.m.ppi(intid=23, level=True, cpu=1)
    assert (rig.m.irq(0), rig.m.irq(1)) == (False, True)
    assert rig.ack(1) == 23


@everywhere
def test_interrupts_that_cannot_be_are_a_callers_errors(implementation):
    machine = Machine(implementation, spis=64)
    mistakes = [
        lambda: machine.spi(31, True),
        lambda: machine.spi(96, True),
        lambda: machine.ppi(15, True),
        lambda: machine.ppi(32, True),
        lambda: machine.ppi(16, True, cpu=2),
        lambda: machine.irq(2),
        lambda: machine.irq(-1),
        lambda: machine.hppi(2),
        lambda: machine.peek("GICR_CTLR", 2),
        lambda: machine.peek("ICC_PMR_EL1", 2),
        lambda: machine.peek("GICR_CTRL"),
        lambda: machine.msi(-1, 0),
        lambda: machine.msi(0, 1 << 32),
        lambda: machine.icc_read("ICC_IAR1_EL1", cpu=2),
        lambda: machine.icc_read("GICR_CTLR"),
        lambda: machine.icc_read("ICC_IAR9_EL1"),
        lambda: machine.icc_write("ICC_PMR_EL1", -1),
        lambda: machine.icc_write("ICC_PMR_EL1", 1 << 64),
        lambda: machine.command(bytes(31)),
        lambda: machine.command(bytes(32)),  # there is no queue yet
    ]
    before = machine.snapshot()
    for mistake in mistakes:
        with pytest.raises(ValueError):
            mistake()
    assert machine.snapshot() == before


@everywhere
def test_a_machine_without_an_its(implementation):
    machine = Machine(implementation, its=False)
    machine.msi(1, 2)
    assert (machine.read(GITS, 4), machine.lpis(), machine.devices(), machine.collections(), machine.events(0)) == (
        0,
        [],
        [],
        [],
        [],
    )
    assert machine.queue().slots == 0
    assert not machine.its_is_set_up
    with machine.listen() as heard:
        machine.msi(1, 2)
    assert isinstance(heard[0], effects.MsiRefused)
    for mistake in (machine.setup_its, lambda: machine.command(encode("SYNC", target=0))):
        with pytest.raises(ValueError, match="no ITS"):
            mistake()


@everywhere
def test_a_default_queue_makes_commands_work(implementation):
    machine = Machine(implementation)
    assert not machine.its_is_set_up
    with machine.listen() as heard:
        machine.setup_its()
    assert machine.its_is_set_up
    assert any(isinstance(each, effects.QueueSetUp) for each in heard)
    machine.command(encode("MAPC", collection=1, target=1))
    assert [(each.icid, each.cpu) for each in machine.collections()] == [(1, 1)]
    assert machine.queue().creadr == machine.queue().cwriter == 32


@everywhere
def test_a_full_queue_is_said_not_overwritten(implementation):
    rig = Rig(implementation)
    rig.put("GITS_CBASER", 1 << 63 | QUEUE)
    for _ in range(127):
        rig.its("SYNC", target=0)
    with pytest.raises(ValueError, match="full"):
        rig.its("SYNC", target=0)


# -- userspace


def mapped(implementation="kvm", cpus=2):
    rig = Rig(implementation, cpus=cpus).its_on()
    rig.lpis(True)
    rig.map(8192)
    return rig


@on_kvm
def test_registers_through_device_attributes(implementation):
    rig = mapped(implementation)
    user = rig.m.userspace
    assert user.get("redist", 0x78, cpu=0) == PEND[0] | 0x780
    assert user.get("redist", 0x78, cpu=1) == PEND[1] | 0x780
    assert user.get("dist", 0) == 0x52
    assert user.get("its", 0x100) == 0x9907_0000_4030_0200
    user.set("dist", 0, 0)
    assert user.get("dist", 0) == 0x50
    rig.put("GITS_CTLR", 0, 4)
    user.set("its", 0x80, 1 << 63 | QUEUE | 1)
    assert user.get("its", 0x80) & ~(7 << 59) == 1 << 63 | QUEUE | 1
    assert user.get("its", 0) == 0x8000_0000


@on_kvm
def test_cpu_interface_registers_through_device_attributes(implementation):
    rig = Rig(implementation)
    pmr = 3 << 14 | 4 << 7 | 6 << 3  # S3_0_C4_C6_0
    assert rig.m.userspace.get("sysregs", pmr, cpu=1) == 0xF8
    rig.m.userspace.set("sysregs", pmr, 0x80, cpu=1)
    assert (rig.m.icc_read("ICC_PMR_EL1", 0), rig.m.icc_read("ICC_PMR_EL1", 1)) == (0xF8, 0x80)
    with pytest.raises(UserspaceError, match="ENXIO"):
        rig.m.userspace.get("sysregs", 0)


@on_kvm
def test_wire_levels_through_device_attributes(implementation):
    rig = Rig(implementation)
    rig.put("GICD_ICFGR2", 0, 4)
    rig.m.spi(34, 1)
    rig.m.ppi(20, 1, cpu=1)
    user = rig.m.userspace
    assert user.get("level", 32) == 1 << 2
    assert (user.get("level", 0, cpu=0), user.get("level", 0, cpu=1)) == (0, 1 << 20)
    user.set("level", 32, 1 << 3)
    assert (rig.get("GICD_ISPENDR1", 4), user.get("level", 32)) == (1 << 3, 1 << 3)
    for first in (31, 1024):
        with pytest.raises(UserspaceError, match="EINVAL"):
            user.get("level", first)


@on_kvm
def test_signal_msi_says_what_became_of_it(implementation):
    rig = mapped(implementation)
    user = rig.m.userspace
    assert user.signal_msi(device_id=0, event_id=0) == 1
    assert user.signal_msi(device_id=0, event_id=1) == 0
    assert user.signal_msi(device_id=1, event_id=0) == 0
    assert rig.drain() == [8192]
    for mistake in ((-1, 0), (0, -1), (1 << 32, 0)):
        with pytest.raises(ValueError):
            user.signal_msi(*mistake)


def error_of(call):
    with pytest.raises(UserspaceError) as caught:
        call()
    assert str(caught.value).startswith(caught.value.errno_name)
    return caught.value.errno_name


@on_kvm
def test_kvms_errors_by_name(implementation):
    rig = mapped(implementation)
    user = rig.m.userspace
    assert error_of(lambda: user.get("its", 0x20)) == "ENXIO"
    assert error_of(lambda: user.get("its", 0x84)) == "EINVAL"
    assert error_of(lambda: user.get("redist", 0, cpu=5)) == "EINVAL"
    assert error_of(lambda: user.set("dist", 8, 0)) == "EINVAL"
    assert error_of(lambda: user.set("its", 0x90, 0)) == "EBUSY"
    user.save_its_tables()
    assert error_of(user.restore_its_tables) == "EEXIST"
    rig.lpis(False)
    rig.map(8193, event=1)
    rig.pendbaser(0, base=0)
    rig.lpis(True)
    assert error_of(user.save_pending_tables) == "EFAULT"


@on_kvm
def test_attributes_that_cannot_be_are_a_callers_errors(implementation):
    user = Machine(implementation).userspace
    for mistake in (
        lambda: user.get("cpus", 0),
        lambda: user.get("dist", -4),
        lambda: user.set("dist", 0, -1),
        lambda: user.set("dist", 0, 1 << 32),
        lambda: user.set("its", 0x80, 1 << 64),
    ):
        with pytest.raises(ValueError):
            mistake()


@on_kvm
def test_an_attribute_offset_stays_in_its_own_device(implementation):
    rig = Rig(implementation)
    rig.pendbaser(1)
    before = rig.m.snapshot()
    for group, offset in (("redist", 0x20078), ("dist", RD0 + 0x20078 - GICD), ("dist", 0x2), ("redist", 0x72)):
        assert rig.m.userspace.get(group, offset) == 0
        rig.m.userspace.set(group, offset, 0)
    assert rig.m.snapshot() == before


@elsewhere
def test_only_kvm_has_a_userspace_door(implementation):
    user = Machine(implementation).userspace
    for call in (
        lambda: user.get("dist", 0),
        lambda: user.set("its", 0x80, 0),
        lambda: user.signal_msi(0, 0),
        user.save_pending_tables,
        user.save_its_tables,
        user.restore_its_tables,
        user.reset_its,
    ):
        assert error_of(call) == "ENXIO"


@on_kvm
def test_reset_its(implementation):
    rig = mapped(implementation)
    rig.int()
    rig.m.userspace.reset_its()
    assert rig.get("GITS_CTLR", 4) == 0x8000_0000
    assert rig.get("GITS_CBASER") == rig.get("GITS_CREADR") == rig.get("GITS_CWRITER") == 0
    assert rig.get("GITS_BASER0") >> 63 == 0
    assert (rig.m.devices(), rig.m.collections()) == ([], [])
    assert rig.drain() == [8192], "what was pending is still delivered"


# -- somebody else's memory


class Elsewhere:
    """64 KiB pages in a dict; only these exist."""

    def __init__(self, *pages: int) -> None:
        self.pages = {page: bytearray(0x10000) for page in pages}

    def _page(self, address: int, length: int) -> bytearray:
        page = address & ~0xFFFF
        if page not in self.pages or (address + length - 1) & ~0xFFFF != page:
            raise IndexError(hex(address))
        return self.pages[page]

    def read(self, address: int, length: int) -> bytes:
        start = address & 0xFFFF
        return bytes(self._page(address, length)[start : start + length])

    def write(self, address: int, data: bytes) -> None:
        start = address & 0xFFFF
        self._page(address, len(data))[start : start + len(data)] = data


ALL_PAGES = (PROP, *PEND, DEVICES, COLLECTIONS, QUEUE, ITT)


@everywhere
def test_memory_is_any_object_that_reads_and_writes(implementation):
    rig = Rig(implementation, memory=Elsewhere(*ALL_PAGES)).its_on()
    rig.lpis(True)
    rig.map(8195)
    rig.int()
    assert rig.drain() == [8195]
    assert rig.m.read(PROP + 3, 1) == CONFIG
    assert rig.m.read(0x4000_0000, 4) == 0, "no RAM of that object's there"
    state = rig.m.snapshot()
    rig.int()
    rig.m.restore(state)
    assert rig.m.memory.read(PROP + 3, 1) == bytes([CONFIG])


@everywhere
@pytest.mark.parametrize("missing", ALL_PAGES)
def test_what_has_no_ram_behind_it_raises_nothing_out_of_the_machine(implementation, missing):
    memory = Elsewhere(*ALL_PAGES)
    rig = Rig(implementation, memory=memory).its_on()
    rig.lpis(True)
    rig.map(8195)
    rig.map(8196, event=1, collection=1)
    rig.int()
    page = memory.pages.pop(missing)
    for words in ("INT", "CLEAR", "INV", "DISCARD"):
        if missing != QUEUE:
            rig.its(words, device=0, event=1)
    rig.put("GITS_CWRITER", rig.m.queue().cwriter)
    rig.m.msi(0, 0)
    rig.m.msi(0, 1)
    rig.drain()
    rig.lpis(False)
    rig.lpis(True)
    rig.m.lpis(), rig.m.devices(), rig.m.collections(), rig.m.queue(), rig.m.lpi(8195), rig.m.snapshot()
    memory.pages[missing] = page
    assert rig.m.read(missing, 1) == page[0]


@everywhere
def test_a_destination_has_its_own_registers_and_the_same_ram(implementation):
    source = Machine(implementation)
    source.write(RD0 + 0x78, 0x4021_0000, 8)
    source.memory.write(0x4021_0400, b"\x05")
    destination = Machine(implementation, memory=source.memory)
    assert destination.read(RD0 + 0x78, 8) & ~0x780 == 0
    assert destination.memory.read(0x4021_0400, 1) == b"\x05"
    destination.memory.write(0x4021_0400, b"\x06")
    assert source.memory.read(0x4021_0400, 1) == b"\x06"
    assert isinstance(source.memory, GuestMemory)


# -- snapshots and effects


@everywhere
def test_a_snapshot_holds_registers_ram_and_interrupts(implementation):
    rig = Rig(implementation).its_on()
    rig.lpis(True)
    rig.map(8192)
    rig.int()
    rig.m.icc_read("ICC_CTLR_EL1")
    state = rig.m.snapshot()
    assert rig.drain() == [8192]
    rig.its("DISCARD", device=0, event=0)
    rig.m.memory.write(PROP, b"\0" * 8)
    rig.m.restore(state)
    assert rig.m.snapshot() == state
    assert rig.drain() == [8192]
    rig.int()
    assert rig.drain() == [8192]


@everywhere
def test_a_snapshot_restores_into_another_machine_of_the_same_make(implementation):
    rig = mapped(implementation) if implementation in KVM else Rig(implementation).its_on()
    twin = Machine(implementation)
    twin.restore(rig.m.snapshot())
    assert twin.snapshot() == rig.m.snapshot()
    twin.memory.write(PROP, b"\x11")
    assert rig.m.memory.read(PROP, 1) != b"\x11", "the RAM was copied, not shared"


def test_a_snapshot_of_another_machine_is_a_callers_error():
    state = Machine("kvm").snapshot()
    for other in (
        Machine("qemu"),
        Machine("kvm-before-5.6"),
        Machine("kvm", cpus=3),
        Machine("kvm", spis=96),
        Machine("kvm", its=False),
    ):
        with pytest.raises(ValueError, match="snapshot"):
            other.restore(state)


@everywhere
def test_listening_tells_what_happens_and_only_while_it_listens(implementation):
    machine = Machine(implementation)
    with machine.listen() as heard:
        machine.write(RD0 + 0x78, 0x4000_0000_4021_0000, 8)
        assert [type(each) for each in heard] == [effects.RegisterWritten]
        with machine.listen() as inner:
            machine.write(GICD, 2, 4)
        assert [type(each) for each in inner] == [effects.RegisterWritten, ControlChanged]
    assert heard[1:] == inner, "what an inner listener heard, the outer one heard too"
    machine.write(GICD, 0, 4)
    assert len(heard) == 3


def test_commands_are_those_of_gicv3():
    assert {name for name, spec in COMMANDS.items() if spec.version == 3} == {
        "MAPD",
        "MAPC",
        "MAPTI",
        "MAPI",
        "MOVI",
        "MOVALL",
        "INT",
        "CLEAR",
        "DISCARD",
        "INV",
        "INVALL",
        "SYNC",
    }
