"""Devices and mapped LPIs are worked out again when something that they follow from was written, and only then."""

import random

import pytest

from app.gic import Machine, mappings
from app.gic.commands import encode
from app.gic.lpi_counts import LpiCounts
from app.gic.mapping_sources import ListsSource, TablesSource
from app.gic.mappings import PART, Mappings
from app.gic.views import Views

GITS, TABLES, QUEUE, ITT = 0x0808_0000, 0x4100_0000, 0x4120_0000, 0x4140_0000
DEVICES, EVENTS = 3, 8
VALID, TWO_LEVELS, PAGE_64K = 1 << 63, 1 << 62, 2 << 8
# As software may write them: not valid, and on qemu INTIDs that are no LPIs here.
ITES = [bytes(8), *((3 | intid << 2).to_bytes(8, "little") for intid in (5, 70_000))]
EVERYWHERE = ("architecture", "kvm", "kvm-before-5.6", "qemu")


def machine_of(implementation, device_table=0):
    machine = Machine(implementation, cpus=2)
    machine.memory.write(TABLES + 0x2_0000, (VALID | TABLES).to_bytes(8, "little"))
    devices = TABLES + 0x2_0000 if device_table else TABLES
    machine.write(GITS + 0x100, VALID | PAGE_64K | device_table | devices, 8)
    machine.write(GITS + 0x108, VALID | PAGE_64K | TABLES + 0x1_0000, 8)
    machine.write(GITS + 0x80, VALID | QUEUE | 15, 8)
    machine.write(GITS, 1, 4)
    machine.memory.write(0x4160_0000, b"\xa1\xa0\x80\xc1" * 8)
    for cpu in range(2):
        machine.write(0x080A_0070 + cpu * 0x2_0000, 0x4160_000F, 8)
        machine.write(0x080A_0078 + cpu * 0x2_0000, 0x4170_0000 + cpu * 0x1_0000, 8)
        machine.write(0x080A_0000 + cpu * 0x2_0000, 1, 4)
    return machine


def change(machine, chance, kept):
    device, event, cpu = chance.randrange(DEVICES), chance.randrange(EVENTS), chance.randrange(2)
    intid, valid = 8192 + chance.randrange(20), chance.randrange(4) > 0
    match chance.randrange(12):
        case 0 | 1:
            itt = ITT + device * 0x1000 + cpu * 0x100
            machine.command(encode("MAPD", device=device, itt=itt, size=3, valid=valid))
        case 2:
            machine.command(encode("MAPC", collection=cpu, target=chance.randrange(2), valid=valid))
        case 3 | 4 | 5:
            machine.command(encode("MAPTI", device=device, event=event, intid=intid, collection=cpu))
        case 6:
            machine.command(encode("MOVI", device=device, event=event, collection=cpu))
        case 7:
            machine.command(encode("DISCARD", device=device, event=event))
        case 8:
            machine.command(encode("INT", device=device, event=event))
        case 9:
            machine.memory.write(ITT + device * 0x1000 + event * 8, chance.choice(ITES))
        case 10:
            kept.append(machine.snapshot())
        case 11 if kept:
            machine.restore(chance.choice(kept))


def counted(lpis):
    mapped = [each for each in lpis if each.device is not None]
    return LpiCounts(
        len(mapped), sum(each.pending for each in lpis), sum(each.enabled for each in mapped),
        sum(each.stale for each in lpis),
    )  # fmt: skip


@pytest.mark.parametrize("device_table", [0, TWO_LEVELS], ids=["flat", "two levels"])
@pytest.mark.parametrize("implementation", EVERYWHERE)
def test_what_is_shown_is_what_a_first_look_shows(implementation, device_table):
    machine, chance, kept = machine_of(implementation, device_table), random.Random(device_table), []
    for number in range(400):
        change(machine, chance, kept)
        first_look = Views(machine)
        assert machine.devices() == first_look.devices(), number
        assert machine.mapped_lpis() == first_look.mapped(), number
        assert machine.lpis() == first_look.lpis(), number
        assert machine.lpi_counts() == counted(machine.lpis(0)), number
    machine.write(GITS, 0, 4)
    machine.write(GITS + 0x100, 0, 8)
    machine.write(GITS, 1, 4)
    assert machine.devices() == Views(machine).devices()


@pytest.mark.parametrize("implementation", EVERYWHERE)
def test_what_maps_nothing_makes_nobody_look_again(implementation, monkeypatch):
    machine = machine_of(implementation)
    machine.command(encode("MAPD", device=0, itt=ITT, size=3))
    machine.command(encode("MAPC", collection=0, target=0))
    machine.command(encode("MAPTI", device=0, event=0, intid=8192, collection=0))
    assert list(machine.mapped_lpis()) == [8192]
    looked = []
    for read in ("_read_events", "_read_devices", "_read_collections"):
        monkeypatch.setattr(TablesSource, read, lambda *_, read=read: looked.append(read))
    monkeypatch.setattr(ListsSource, "_part", lambda *_: looked.append("_part") or ())
    for command in ("INT", "CLEAR", "INV"):
        machine.command(encode(command, device=0, event=0))
        machine.memory.write(0x4160_0000, b"\xa1")
        assert (machine.lpi_counts().mapped, len(machine.lpis()), len(machine.devices())) == (1, 1, 1)
    assert not looked
    machine.command(encode("MAPTI", device=0, event=1, intid=8193, collection=0))
    machine.mapped_lpis()
    assert looked in (["_read_events"], ["_part"])


@pytest.mark.parametrize("implementation", EVERYWHERE)
def test_a_mapping_makes_only_its_part_of_a_table_looked_at(implementation, monkeypatch):
    machine = machine_of(implementation)
    machine.command(encode("MAPD", device=0, itt=ITT, size=14))
    machine.command(encode("MAPC", collection=0, target=0))
    for event in range(0, 1 << 14, PART):
        machine.command(encode("MAPTI", device=0, event=event, intid=8192 + event, collection=0))
    assert machine.devices()[0].events == (1 << 14) // PART
    put = []
    ours = Mappings.put_part
    monkeypatch.setattr(Mappings, "put_part", lambda *args: put.append(args[2]) or ours(*args))
    machine.command(encode("MAPTI", device=0, event=PART + 3, intid=9, collection=0))
    machine.command(encode("MAPTI", device=0, event=PART + 3, intid=8999, collection=0))
    assert [each.event_id for each in machine.events(0, PART, 3)] == [PART, PART + 3, 2 * PART]
    assert 8999 in machine.mapped_lpis()
    assert set(put) == {1}
    machine.command(encode("DISCARD", device=0, event=PART + 3))
    assert 8999 not in machine.mapped_lpis()
    assert machine.devices()[0].events == (1 << 14) // PART


def test_a_table_full_of_devices_is_looked_at_within_bounds(monkeypatch):
    """As software may write it: many devices with the same full ITT."""
    monkeypatch.setattr(mappings, "MOST_EVENTS", 1000)
    machine = machine_of("architecture")
    ites = b"".join((VALID | 8192 + event).to_bytes(8, "little") for event in range(512))
    machine.memory.write(ITT, ites)
    dte = (VALID | ITT | 8).to_bytes(8, "little")
    machine.memory.write(TABLES, dte * 64)
    devices = machine.devices()
    assert [each.events for each in devices[:4]] == [512, 512, 0, 0]
    assert machine.unseen_devices() == 62
    assert len(machine.events(5)) == 512
    assert machine.lpi_counts().mapped == 512
    machine.memory.write(TABLES, bytes(16))
    assert [each.events for each in machine.devices()[:4]] == [512, 512, 0, 0]
    machine.memory.write(TABLES, bytes(8 * 62))
    assert [each.events for each in machine.devices()] == [512, 512]
    assert machine.unseen_devices() == 0
