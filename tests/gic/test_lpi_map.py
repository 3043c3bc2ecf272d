"""The map of all LPIs says what a look at each of them says, however the machine came to be as it is."""

import random
from dataclasses import replace

import pytest

from app.gic import IMPLEMENTATIONS, Machine
from app.gic.commands import encode
from app.gic.lpi_behaviours import ConfigCache
from app.gic.lpi_map import ENABLED, MAPPED, OFF, PENDING, ROW, SHOWN, STALE

GITS, TABLES, QUEUE, ITT = 0x0808_0000, 0x4100_0000, 0x4120_0000, 0x4140_0000
CONFIGS, PENDS = (0x4160_0000, 0x4164_0000), (0x4170_0000, 0x4171_0000)
VALID, PAGE_64K, CPUS = 1 << 63, 2 << 8, 2
INTIDS = [8192, 8193, 8223, 9215, 10_240, 30_000, 65_535]
EVERYWHERE = ("architecture", "kvm", "kvm-before-5.6", "qemu")


def machine_of(implementation):
    machine = Machine(implementation, cpus=CPUS)
    machine.write(GITS + 0x100, VALID | PAGE_64K | TABLES, 8)
    machine.write(GITS + 0x108, VALID | PAGE_64K | TABLES + 0x1_0000, 8)
    machine.write(GITS + 0x80, VALID | QUEUE | 15, 8)
    machine.write(GITS, 1, 4)
    for cpu in range(CPUS):
        machine.write(0x080A_0070 + cpu * 0x2_0000, CONFIGS[cpu] | 15, 8)
        machine.write(0x080A_0078 + cpu * 0x2_0000, PENDS[cpu], 8)
    machine.command(encode("MAPD", device=0, itt=ITT, size=4))
    return machine


def command(chance):
    event, cpu = chance.randrange(16), chance.randrange(CPUS)
    match chance.randrange(10):
        case 0:
            return encode("MAPC", collection=cpu, target=chance.randrange(CPUS), valid=chance.random() < 0.8)
        case 1 | 2 | 3:
            return encode("MAPTI", device=0, event=event, intid=chance.choice(INTIDS), collection=cpu)
        case 4:
            return encode("MOVI", device=0, event=event, collection=cpu)
        case 5:
            return encode("MOVALL", source=cpu, target=1 - cpu)
        case 6:
            return encode("DISCARD", device=0, event=event)
        case _:
            return encode(chance.choice(("INT", "INT", "INV", "CLEAR")), device=0, event=event)


def change(machine, chance):
    intid, cpu = chance.choice(INTIDS), chance.randrange(CPUS)
    match chance.randrange(10):
        case 0:
            machine.memory.write(chance.choice(CONFIGS) + intid - 8192, bytes([chance.choice((0, 0xA1, 0xA0))]))
        case 1:
            machine.memory.write(chance.choice(PENDS) + intid // 8, bytes([chance.randrange(256)]))
        case 2:
            machine.write(0x080A_0000 + cpu * 0x2_0000, chance.randrange(4) > 0, 4)
        case 3:
            machine.icc_read("ICC_IAR1_EL1", cpu=cpu)
        case _:
            machine.command(command(chance))


def has_state(machine, intid):
    """Whether an LPI that nobody maps is pending somewhere, or a Redistributor has it."""
    if machine.lpi_home.knows(intid):
        return True
    return any(machine.memory.read(base + intid // 8, 1)[0] >> intid % 8 & 1 for base in PENDS)


def flags_of(machine, lpi):
    """As LpiMap says it, from the view of one LPI."""
    off = lpi.cpu is not None and not machine.lpis_enabled(lpi.cpu)
    told = {MAPPED: lpi.device is not None, PENDING: lpi.pending, ENABLED: lpi.enabled, STALE: lpi.stale, OFF: off}
    return SHOWN | sum(flag for flag, holds in told.items() if holds)


def found(machine):
    """INTID to (flags, CPU) of all LPIs of the map."""
    return {
        row.first + place: (flags, row.cpus[place] - 1 if row.cpus[place] else None)
        for row in machine.lpi_rows()
        for place, flags in enumerate(row.flags)
        if flags
    }


def one_by_one(machine):
    mapped = machine.mapped_lpis()
    near = sorted({each // 8 * 8 + bit for each in INTIDS for bit in range(8)})
    lpis = [machine.lpi(intid) for intid in near if intid in mapped or has_state(machine, intid)]
    return {lpi.intid: (flags_of(machine, lpi), lpi.cpu) for lpi in lpis}


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("implementation", EVERYWHERE)
def test_the_map_is_what_each_lpi_is(implementation, seed):
    machine, chance, seen = machine_of(implementation), random.Random(seed), set()
    for number in range(200):
        change(machine, chance)
        if number % 50 == 49:
            machine.restore(machine.snapshot())
        assert found(machine) == one_by_one(machine), number
        seen |= {flags for flags, _ in found(machine).values()}
    assert len(seen) > 6


def test_where_the_tables_are_not_in_ram_nothing_is_configured():
    machine = Machine("qemu")
    assert machine.lpi_rows() == []
    machine.write(GITS + 0x100, VALID | PAGE_64K | TABLES, 8)
    machine.write(GITS + 0x108, VALID | PAGE_64K | TABLES + 0x1_0000, 8)
    machine.write(GITS + 0x80, VALID | QUEUE | 15, 8)
    machine.write(GITS, 1, 4)
    for command in (
        encode("MAPD", device=0, itt=ITT, size=4),
        encode("MAPC", collection=0, target=0),
        encode("MAPTI", device=0, event=0, intid=8195, collection=0),
    ):
        machine.command(command)
    assert found(machine) == {8195: (SHOWN | MAPPED | OFF, 0)}


@pytest.mark.parametrize("cache", ConfigCache)
def test_stale_is_asked_of_the_behaviour(cache):
    """A cached byte that differs from RAM is stale, wherever configuration is cached; else none is."""
    machine = machine_of(replace(IMPLEMENTATIONS["architecture"], config_cache=cache))
    machine.memory.write(CONFIGS[0], b"\xa1")
    machine.write(0x080A_0000, 1, 4)
    machine.command(encode("MAPC", collection=0, target=0))
    machine.command(encode("MAPTI", device=0, event=0, intid=8192, collection=0))
    machine.command(encode("INT", device=0, event=0))
    machine.memory.write(CONFIGS[0], b"\xa0")
    assert found(machine) == one_by_one(machine)
    assert machine.lpi_counts().stale == machine.lpi(8192).stale


def test_rows_that_nothing_changed_are_not_worked_out_again():
    machine = machine_of("kvm")
    for cpu in range(CPUS):
        machine.write(0x080A_0000 + cpu * 0x2_0000, 1, 4)
    machine.command(encode("MAPC", collection=0, target=0))
    for event, intid in enumerate(INTIDS):
        machine.command(encode("MAPTI", device=0, event=event, intid=intid, collection=0))
    before = {row.first: row for row in machine.lpi_rows()}
    assert list(before) == [8192, 10_240, 30_000 // ROW * ROW, 65_536 - ROW]
    machine.command(encode("INT", device=0, event=5))
    after = {row.first: row for row in machine.lpi_rows()}
    assert [first for first in after if after[first] is not before[first]] == [30_000 // ROW * ROW]
    assert [first for first in after if after[first] != before[first]] == [30_000 // ROW * ROW]


@pytest.mark.parametrize("implementation", EVERYWHERE)
def test_lpis_are_found_by_state_and_cpu(implementation):
    machine = machine_of(implementation)
    for cpu in range(CPUS):
        machine.write(0x080A_0000 + cpu * 0x2_0000, 1, 4)
        machine.command(encode("MAPC", collection=cpu, target=cpu))
    for event, intid in enumerate(INTIDS):
        machine.command(encode("MAPTI", device=0, event=event, intid=intid, collection=event % 2))
    machine.command(encode("INT", device=0, event=0))
    machine.command(encode("INT", device=0, event=5))
    assert [lpi.intid for lpi in machine.lpi_window(8192, 10, flags=PENDING).rows] == [8192, 30_000]
    assert [lpi.intid for lpi in machine.lpi_window(8192, 10, flags=PENDING, cpu=1).rows] == [30_000]
    assert [lpi.intid for lpi in machine.lpi_window(8224, 2).rows] == [9215, 10_240]
    assert [lpi.intid for lpi in machine.lpi_window(8193, 10, without=PENDING, cpu=0).rows] == [8223, 10_240, 65_535]
