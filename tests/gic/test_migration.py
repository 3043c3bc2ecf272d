"""Saving a KVM guest and restoring it in the three orders that were observed, with PTZ written as 0 and as 1."""

import pytest

from app.gic import Machine, UserspaceError
from tests.gic.rig import DEVICES, ITT, KVM, VALID, Rig

CTLR, PROPBASER, PENDBASER = 0x0, 0x70, 0x78
GITS_CTLR, GITS_IIDR, CBASER, CWRITER, CREADR, BASER0, BASER1 = 0x0, 0x4, 0x80, 0x88, 0x90, 0x100, 0x108
PTZ_HIGH = 1 << 30
PENDING = {8192: 0, 8193: 1, 8194: 0}  # INTID to CPU

BASES, ENABLE, ITS, TABLES, ITS_ENABLE = "bases", "GICR_CTLR", "ITS registers", "RESTORE_TABLES", "GITS_CTLR"
DOCUMENTED = (BASES, ENABLE, ITS, TABLES, ITS_ENABLE)
ITS_FIRST = (ITS, TABLES, ITS_ENABLE, BASES, ENABLE)
ENABLE_LAST = (BASES, ITS, TABLES, ITS_ENABLE, ENABLE)

on_kvm = pytest.mark.parametrize("implementation", KVM)


class Saved:
    """What a VMM reads before it stops: LPIs pending as in PENDING, 8195 mapped and idle."""

    def __init__(self, implementation: str, *, pending_tables: bool = True) -> None:
        rig = Rig(implementation).its_on()
        for cpu in range(2):
            rig.lpis(True, cpu)
        for event, (intid, cpu) in enumerate([*PENDING.items(), (8195, 0)]):
            rig.map(intid, event, collection=cpu)
        for event in range(3):
            rig.m.msi(0, event)
        user = rig.m.userspace
        if pending_tables:
            user.save_pending_tables()
        user.save_its_tables()
        self.rig = rig
        self.redist = {
            (cpu, offset): user.get("redist", offset, cpu) for cpu in range(2) for offset in (CTLR, *BASE_HALVES)
        }
        self.its = {
            offset: user.get("its", offset)
            for offset in (GITS_IIDR, CBASER, CREADR, CWRITER, BASER0, BASER1, GITS_CTLR)
        }


BASE_HALVES = (PROPBASER, PROPBASER + 4, PENDBASER, PENDBASER + 4)


class Destination:
    def __init__(self, saved: Saved, order: tuple[str, ...], ptz: int) -> None:
        self.rig = Rig.__new__(Rig)
        self.rig.implementation = saved.rig.implementation
        self.rig.m = Machine(saved.rig.implementation, memory=saved.rig.m.memory)
        self.user = self.rig.m.userspace
        self.saved = saved
        self.refused: dict[str, str] = {}
        self.user.set("dist", 0, 0x52)
        for step in order:
            try:
                self.restore(step, ptz)
            except UserspaceError as error:
                self.refused[step] = error.errno_name
        for cpu in range(2):
            self.rig.open_cpu(cpu)

    def restore(self, step: str, ptz: int) -> None:
        if step == BASES:
            for cpu in range(2):
                for offset in BASE_HALVES:
                    value = self.saved.redist[cpu, offset]
                    if offset == PENDBASER + 4:
                        value = value & ~PTZ_HIGH | ptz * PTZ_HIGH
                    self.user.set("redist", offset, value, cpu)
        elif step == ENABLE:
            for cpu in range(2):
                self.user.set("redist", CTLR, self.saved.redist[cpu, CTLR], cpu)
        elif step == ITS:
            for offset in (GITS_IIDR, CBASER, CREADR, CWRITER, BASER0, BASER1):
                self.user.set("its", offset, self.saved.its[offset])
        elif step == TABLES:
            self.user.restore_its_tables()
        else:
            self.user.set("its", GITS_CTLR, self.saved.its[GITS_CTLR])

    def delivered(self) -> dict[int, int]:
        return {intid: cpu for cpu in range(2) for intid in self.rig.drain(cpu)}


@on_kvm
@pytest.mark.parametrize("ptz", [0, 1])
def test_in_the_documented_order_everything_comes_back_whatever_ptz_is(implementation, ptz):
    there = Destination(Saved(implementation), DOCUMENTED, ptz)
    assert there.refused == {}
    assert [there.rig.bit(intid, cpu) for intid, cpu in PENDING.items()] == [0, 0, 0], "RESTORE_TABLES took the bits"
    assert there.delivered() == PENDING
    assert there.user.signal_msi(0, 3) == 1
    assert there.rig.drain() == [8195]


@on_kvm
def test_gicr_ctlr_touches_no_ram_while_nothing_is_mapped(implementation):
    saved = Saved(implementation)
    there = Destination(saved, (BASES, ENABLE), 0)
    assert [there.rig.bit(intid, cpu) for intid, cpu in PENDING.items()] == [1, 1, 1]
    assert there.user.get("redist", CTLR) == 7


@on_kvm
@pytest.mark.parametrize("ptz", [0, 1])
def test_the_its_first_finds_no_tables_where_pendbaser_does_not_point_yet(implementation, ptz):
    there = Destination(Saved(implementation), ITS_FIRST, ptz)
    assert there.refused == {TABLES: "EFAULT"}
    assert there.rig.m.devices() == []
    assert there.delivered() == {}
    assert there.user.signal_msi(0, 3) == 0


@on_kvm
def test_enabling_last_loses_every_pending_lpi_with_ptz_0(implementation):
    there = Destination(Saved(implementation), ENABLE_LAST, 0)
    assert there.refused == {}
    assert there.delivered() == {}
    assert [there.rig.bit(intid, cpu) for intid, cpu in PENDING.items()] == [0, 0, 0], "nor are they in RAM"
    assert there.user.signal_msi(0, 3) == 1


@on_kvm
def test_enabling_last_keeps_every_pending_lpi_with_ptz_1(implementation):
    assert Destination(Saved(implementation), ENABLE_LAST, 1).delivered() == PENDING


@on_kvm
def test_without_save_pending_tables_pending_lpis_are_lost(implementation):
    there = Destination(Saved(implementation, pending_tables=False), DOCUMENTED, 0)
    assert there.delivered() == {}


@on_kvm
def test_without_creadr_the_queue_runs_again(implementation):
    saved = Saved(implementation)
    saved.rig.int(3)
    saved.its[CWRITER] = saved.rig.m.userspace.get("its", CWRITER)
    saved.its[CREADR] = 0
    there = Destination(saved, DOCUMENTED, 0)
    assert 8195 in there.delivered()


@on_kvm
def test_after_movall_the_pending_state_is_saved_where_the_restored_lpi_does_not_look(implementation):
    saved = Saved(implementation)
    saved.rig.its("MOVALL", source=0, target=1)
    saved.rig.m.userspace.save_pending_tables()
    saved.rig.m.userspace.save_its_tables()
    for intid in PENDING:
        saved.rig.set_bit(intid, 0, cpu=0)
    there = Destination(saved, DOCUMENTED, 0)
    assert there.delivered() == {8193: 1}
    assert [there.rig.bit(intid, 1) for intid in (8192, 8194)] == [1, 1], "stale in the other CPU's table"


@pytest.mark.parametrize(
    ("implementation", "order", "kept"),
    [
        ("kvm-before-5.6", DOCUMENTED, True),
        ("kvm", DOCUMENTED, True),
        ("kvm-before-5.6", ENABLE_LAST, True),
        ("kvm", ENABLE_LAST, False),
    ],
)
def test_what_a_guest_that_wrote_ptz_meets_is_decided_by_whether_a_get_shows_it(implementation, order, kept):
    """E9.1 and E8.3: before 5.6 userspace saved PTZ=1, and the wrong order worked for the wrong reason."""
    saved = Saved(implementation)
    for cpu in range(2):
        saved.rig.lpis(False, cpu)
        saved.rig.pendbaser(cpu, ptz=1)
        saved.redist[cpu, PENDBASER + 4] = saved.rig.m.userspace.get("redist", PENDBASER + 4, cpu)
    shown = bool(saved.redist[0, PENDBASER + 4] & PTZ_HIGH)
    assert shown is (implementation == "kvm-before-5.6")
    assert Destination(saved, order, int(shown)).delivered() == (PENDING if kept else {})


@pytest.mark.parametrize("implementation", ["architecture", "qemu"])
def test_elsewhere_a_snapshot_moves_everything(implementation):
    rig = Rig(implementation).its_on()
    rig.lpis(True)
    rig.its("MAPD", device=0, itt=ITT, size=5)
    rig.map(8192)
    rig.int()
    there = Machine(implementation)
    there.restore(rig.m.snapshot())
    assert there.icc_read("ICC_IAR1_EL1") == 8192


@on_kvm
@pytest.mark.parametrize("device", [0, 1, 8000, 8191])
def test_an_entry_behind_a_long_stretch_of_zeros_is_found(implementation, device):
    rig = Rig(implementation).its_on()
    rig.its("MAPD", device=device, itt=0x4040_0000, size=16)
    rig.its("MAPC", collection=5, target=1)
    for event in (40_000, 65_535):
        rig.its("MAPTI", device=device, event=event, intid=event, collection=5)
    rig.m.userspace.save_its_tables()
    rig.m.userspace.reset_its()
    rig.put("GITS_BASER0", rig.get("GITS_BASER0") | 1 << 63)
    rig.put("GITS_BASER1", rig.get("GITS_BASER1") | 1 << 63)
    rig.m.userspace.restore_its_tables()
    assert [(each.event_id, each.intid) for each in rig.m.events(device)] == [(40_000, 40_000), (65_535, 65_535)]


@on_kvm
def test_a_device_table_that_leaves_ram_is_efault(implementation):
    rig = Rig(implementation)
    rig.put("GITS_BASER1", 1 << 63 | 0x4031_0000)
    rig.put("GITS_BASER0", 1 << 63 | 0x5FFF_0000 | 1)  # 64 KiB in RAM, 64 KiB not
    with pytest.raises(UserspaceError, match="EFAULT"):
        rig.m.userspace.restore_its_tables()


@on_kvm
def test_restoring_onto_what_is_mapped_adds_a_second_device_of_the_same_id(implementation):
    """Each value as a real KVM (6.1.192) told it, the tables at this rig's addresses."""
    rig = Rig(implementation).its_on()
    rig.lpis(True)
    for intid in (8193, 8195):
        rig.config(intid)
    rig.its("MAPC", collection=0, target=0)
    rig.its("MAPD", device=2, itt=ITT, size=3)
    rig.its("MAPTI", device=2, event=1, intid=8193, collection=0)
    user, ram, other = rig.m.userspace, rig.m.memory, ITT + 0x1000
    user.save_its_tables()
    with pytest.raises(UserspaceError, match="EEXIST"):
        user.restore_its_tables()
    first, second = ((VALID | itt >> 8 << 5 | 2).to_bytes(8, "little") for itt in (ITT, other))
    ram.write(DEVICES + 16, second)
    ram.write(other + 8, (8195 << 16).to_bytes(8, "little"))
    user.restore_its_tables()
    assert user.signal_msi(2, 1) == 0  # the first device is found, and its event has lost its collection
    again = Machine(implementation)
    again.restore(rig.m.snapshot())
    user.save_its_tables()  # sorts the list, which turns the two round: the first one's entry is written last
    assert ram.read(DEVICES, 32) == bytes(16) + first + bytes(8)
    assert not any(ram.read(ITT, 64))
    assert ram.read(other, 16).hex() == "0000000000000000" + "0000032000000000"
    assert user.signal_msi(2, 1) == 1
    assert rig.drain() == [8195]
    rig.its("MAPD", device=2, itt=0, size=1, valid=0)
    assert user.signal_msi(2, 1) == 0
    user.save_its_tables()
    assert any(ram.read(DEVICES + 16, 8))  # the other device is still there
    rig.its("MAPD", device=2, itt=0, size=1, valid=0)
    user.save_its_tables()
    assert not any(ram.read(DEVICES + 16, 8))
    again.userspace.save_its_tables()
    assert again.userspace.signal_msi(2, 1) == 1
