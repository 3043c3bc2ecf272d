"""What lies in RAM of an ITS's entries beside what is in force inside."""

import random

import pytest

from app.gic import Machine
from app.gic.commands import encode
from app.gic.copies import CopyState
from app.gic.tables import KvmCte, KvmDte, KvmIte
from tests.gic.rig import COLLECTIONS, DEVICES, ITT, KVM, Rig


def states(machine):
    copies = machine.copies()
    return (
        [copies.device(each).state for each in machine.devices()],
        [copies.event(each).state for each in machine.events(0)],
        [copies.collection(each).state for each in machine.collections()],
    )


@pytest.fixture(params=KVM)
def rig(request):
    rig = Rig(request.param).its_on()
    rig.map(8192, event=0)
    rig.map(8193, event=1)
    return rig


def test_nothing_is_in_ram_until_it_is_saved(rig):
    unsaved, saved = CopyState.UNSAVED, CopyState.SAVED
    assert states(rig.m) == ([unsaved], [unsaved] * 2, [unsaved])
    rig.m.userspace.save_its_tables()
    assert states(rig.m) == ([saved], [saved] * 2, [saved])
    copy = rig.m.copies().event(rig.m.events(0)[1])
    assert (copy.address, copy.raw, copy.words) == (ITT + 8, 8193 << 16, "INTID 8193, ICID 0")


def test_a_change_after_a_save_leaves_it_stale(rig):
    rig.m.userspace.save_its_tables()
    rig.its("MAPC", collection=0, target=1)
    rig.its("MAPC", collection=1, target=1)
    rig.its("MOVI", device=0, event=1, collection=1)
    assert states(rig.m) == (
        [CopyState.SAVED],
        [CopyState.SAVED, CopyState.STALE],
        [CopyState.STALE, CopyState.UNSAVED],
    )
    assert rig.m.copies().collection(rig.m.collections()[0]).words == "ICID 0 to CPU 0"
    rig.its("MAPD", device=0, itt=ITT, size=6)
    assert states(rig.m)[0] == [CopyState.STALE]
    rig.m.userspace.save_its_tables()
    assert {state for each in states(rig.m) for state in each} == {CopyState.SAVED}


@pytest.mark.parametrize("implementation", ["architecture", "qemu"])
def test_where_entries_are_read_from_ram_there_is_no_copy(implementation):
    rig = Rig(implementation).its_on()
    rig.map(8192)
    copies = rig.m.copies()
    assert copies.device(rig.m.devices()[0]) is None
    assert copies.event(rig.m.events(0)[0]) is None
    assert copies.collection(rig.m.collections()[0]) is None


def test_tables_that_are_not_there_have_no_copies():
    assert Machine("kvm", its=False).copies().device is not None
    rig = Rig("kvm").its_on()
    rig.map(8192)
    device, collection = rig.m.devices()[0], rig.m.collections()[0]
    rig.put("GITS_CTLR", 0, 4)
    rig.put("GITS_BASER0", (1 << 63) | 0x1_0000_0000_0000)
    rig.put("GITS_BASER1", 0)
    assert rig.m.copies().device(device) is None
    assert rig.m.copies().collection(collection) is None


@pytest.mark.parametrize("seed", range(3))
def test_stale_is_what_a_save_would_write_otherwise(seed):
    """Compared with the bytes of an actual save, the links to the next entry aside."""
    rig, chance = Rig("kvm").its_on(), random.Random(seed)
    for number in range(150):
        device, event, collection = chance.randrange(3), chance.randrange(4), chance.randrange(3)
        rig.m.command(
            chance.choice(
                (
                    encode("MAPD", device=device, itt=ITT + device * 0x1000, size=chance.choice((2, 3))),
                    encode("MAPC", collection=collection, target=chance.randrange(2)),
                    encode("MAPTI", device=device, event=event, intid=8192 + event, collection=collection),
                    encode("DISCARD", device=device, event=event),
                )
            )
        )
        if chance.random() < 0.1:
            rig.m.userspace.save_its_tables()
        copies = rig.m.copies()
        devices, collections = rig.m.devices(), rig.m.collections()
        events = [view for each in devices for view in rig.m.events(each.device_id)]
        told = [copies.device(each).state for each in devices]
        told += [copies.event(each).state for each in events]
        told += [copies.collection(each).state for each in collections]
        assert told == expected(rig, devices, events, collections), number


def expected(rig, devices, events, collections):
    addresses = [(DEVICES + 8 * each.device_id, KvmDte, ("valid", "itt", "size")) for each in devices]
    addresses += [(ITT + each.device_id * 0x1000 + 8 * each.event_id, KvmIte, ("intid", "icid")) for each in events]
    addresses += [(COLLECTIONS + 8 * at, KvmCte, KvmCte._fields) for at in range(len(collections))]
    before = [rig.m.memory.read(address, 8) for address, _, _ in addresses]
    state = rig.m.snapshot()
    rig.m.userspace.save_its_tables()
    after = [rig.m.memory.read(address, 8) for address, _, _ in addresses]
    rig.m.restore(state)
    found = []
    for was, now, (_, form, fields) in zip(before, after, addresses, strict=True):
        one, other = form.unpack(was), form.unpack(now)
        same = all(getattr(one, name) == getattr(other, name) for name in fields)
        found.append(CopyState.SAVED if same else CopyState.STALE if any(was) else CopyState.UNSAVED)
    return found
