"""What is remembered of the LPI tables in RAM never differs from what a scan of them finds, whoever wrote to them."""

import random
from contextlib import suppress

import pytest

from app.gic import GuestMemory, Machine, lpi_ram
from app.gic.commands import encode
from app.gic.lpi_index import PendingIndex

PROPBASE, PENDBASE, ITT, TABLES = 0x4040_0000, 0x4050_0000, 0x4060_0000, 0x4070_0000
# Where the tables overlap, the pending bits of the first are the configuration bytes of the last.
LPIS = [*range(8192, 8216), *range(9216, 9240)]
CPUS = 3


class Uncounted:
    """The same RAM as somebody else's: whether it was written cannot be seen, so that every scan reads it."""

    def __init__(self):
        self._ram = GuestMemory(16)
        self.read, self.write = self._ram.read, self._ram.write


def machines(pending_tables, config_table):
    both = [Machine("qemu", cpus=CPUS, memory=memory) for memory in (GuestMemory(16), Uncounted())]
    for machine in both:
        for cpu in range(CPUS):
            frame = 0x080A_0000 + cpu * 0x2_0000
            machine.write(frame + 0x70, config_table | 14, 8)
            machine.write(frame + 0x78, pending_tables[cpu], 8)
            machine.write(frame, 1, 4)
        machine.write(0x0800_0000, 2, 4)
        setup(machine)
    return both


def setup(machine):
    gits = 0x0808_0000
    machine.write(gits + 0x100, 1 << 63 | TABLES, 8)
    machine.write(gits + 0x108, 1 << 63 | TABLES + 0x1000, 8)
    machine.write(gits + 0x80, 1 << 63 | TABLES + 0x1_0000, 8)
    machine.write(gits, 1, 4)
    machine.command(encode("MAPD", device=0, itt=ITT, size=6))
    for cpu in range(CPUS):
        machine.command(encode("MAPC", collection=cpu, target=cpu))
    for event, intid in enumerate(LPIS):
        machine.command(encode("MAPTI", device=0, event=event, intid=intid, collection=intid % CPUS))


def steps(seed, pending_tables, config_table):
    chance = random.Random(seed)
    for _ in range(300):
        intid = chance.choice(LPIS)
        of_event = {"device": 0, "event": LPIS.index(intid)}
        cpu, other = chance.randrange(CPUS), chance.randrange(CPUS)
        match chance.choice(
            [
                "INT",
                "INT",
                "INT",
                "CLEAR",
                "INV",
                "INVALL",
                "MOVI",
                "MOVI",
                "MOVALL",
                "config",
                "pending",
                "acknowledge",
            ]
        ):
            case "config":
                yield "memory", config_table + intid - 8192, bytes([chance.choice([0, 1, 0x41, 0xA1, 0xA0])])
            case "pending":
                yield "memory", pending_tables[cpu] + intid // 8, bytes([chance.randrange(256)])
            case "acknowledge":
                yield "acknowledge", cpu
            case "INVALL":
                yield "command", encode("INVALL", collection=cpu)
            case "MOVALL":
                yield "command", encode("MOVALL", source=cpu, target=other)
            case "MOVI":
                yield "command", encode("MOVI", **of_event, collection=other)
            case name:
                yield "command", encode(name, **of_event)


def play(machine, step):
    match step:
        case "memory", address, data:
            with suppress(IndexError):
                machine.memory.write(address, data)
        case "command", packet:
            machine.command(packet)
        case "acknowledge", cpu:
            best = machine.lpi_home.best(cpu)
            if best is not None:
                machine.lpi_home.acknowledge(cpu, best.intid)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    ("pending_tables", "config_table"),
    [
        ([PENDBASE, PENDBASE + 0x1_0000, PENDBASE + 0x2_0000], PROPBASE),
        ([PENDBASE, PENDBASE, PENDBASE + 0x1_0000], PROPBASE),
        ([PENDBASE, PENDBASE + 0x1_0000, PENDBASE + 0x2_0000], PENDBASE),
        ([PENDBASE, PENDBASE + 0x1_0000, 0x9000_0000], PROPBASE),
    ],
    ids=["apart", "two CPUs share a table", "the tables overlap", "one table is not RAM"],
)
def test_what_is_remembered_is_what_a_scan_finds(seed, pending_tables, config_table):
    ours, scanning = machines(pending_tables, config_table)
    for number, step in enumerate(steps(seed, pending_tables, config_table)):
        for machine in (ours, scanning):
            play(machine, step)
        best = [[machine.lpi_home.best(cpu) for cpu in range(CPUS)] for machine in (ours, scanning)]
        assert best[0] == best[1], (number, step)
    for table in (*pending_tables[:2], config_table):
        assert ours.memory.read(table, 8192) == scanning.memory.read(table, 8192)


def test_a_rescan_reads_the_tables_only_when_they_were_written(monkeypatch):
    scans = []
    monkeypatch.setattr(lpi_ram, "PendingIndex", lambda *args: scans.append(args) or PendingIndex(*args))
    machine, _ = machines([PENDBASE, PENDBASE + 0x1_0000, PENDBASE + 0x2_0000], PROPBASE)
    machine.memory.write(PROPBASE, b"\xa1" * 0x8000)
    machine.memory.write(PENDBASE + 1024, b"\xff" * 3072)  # 24,576 LPIs pending on CPU 0
    events = [event for event, intid in enumerate(LPIS) if intid % CPUS == 0]
    machine.command(encode("INV", device=0, event=events[0]))
    assert scans, "the tables were written"
    scans.clear()
    for event in events:
        machine.command(encode("INV", device=0, event=event))
        machine.command(encode("MOVI", device=0, event=event, collection=1))
    assert machine.lpi_home.best(1).intid == LPIS[events[0]]
    assert not scans
