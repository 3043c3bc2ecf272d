"""A vCPU's list is sorted and pruned only when something changed, and is then what it would be if it always were."""

import random

import pytest

from app.gic import Machine, list_registers
from app.gic.commands import encode
from app.gic.list_registers import ListRegisters

PROPBASE, PENDBASE, ITT = 0x4160_0000, 0x4170_0000, 0x4140_0000
LPIS = range(8192, 8192 + 100)
GICD, GICR, SGI, GITS = 0x0800_0000, 0x080A_0000, 0x080B_0000, 0x0808_0000
NEXT_CPU = 0x2_0000


class AlwaysLooking(ListRegisters):
    def _stands(self, _cpu):
        return False


def machine_of():
    """Two CPUs whose interrupts are on, LPIs of four priorities mapped to CPU 0."""
    machine = Machine("kvm", cpus=2)
    machine.setup_its()
    machine.memory.write(PROPBASE, b"\xa1\x81\xc1\x81\x41" * 40)
    for cpu in range(2):
        machine.write(GICR + cpu * NEXT_CPU + 0x70, PROPBASE | 15, 8)
        machine.write(GICR + cpu * NEXT_CPU + 0x78, PENDBASE + cpu * 0x1_0000, 8)
        machine.write(GICR + cpu * NEXT_CPU, 1, 4)
        machine.icc_write("ICC_PMR_EL1", 0xFF, cpu)
        machine.icc_write("ICC_IGRPEN1_EL1", 1, cpu)
        machine.write(SGI + cpu * NEXT_CPU + 0x80, 0xFFFF_FFFF, 4)
        machine.write(SGI + cpu * NEXT_CPU + 0x100, 0xFFFF_FFFF, 4)
    machine.write(GICD, 2, 4)
    machine.command(encode("MAPD", device=0, itt=ITT, size=8))
    for cpu in range(2):
        machine.command(encode("MAPC", collection=cpu, target=cpu))
    for event, intid in enumerate(LPIS):
        machine.command(encode("MAPTI", device=0, event=event, intid=intid, collection=0))
    return machine


def steps(chance, count):
    """Operations as functions of a machine; what they return is what software sees."""
    for _ in range(count):
        event, cpu, level = chance.randrange(len(LPIS)), chance.randrange(2), chance.randrange(2)
        byte = chance.choice([0xA1, 0x01, 0xFD, 0xA0, 0x80])
        register, value = GICR + cpu * NEXT_CPU, chance.randrange(1 << 32)
        yield chance.choice(
            [
                *[lambda m, e=event: m.msi(0, e)] * 6,
                lambda m, e=event, b=byte: m.memory.write(PROPBASE + e, bytes([b])),
                lambda m, e=event: m.command(encode("INV", device=0, event=e)),
                lambda m, c=cpu: m.command(encode("INVALL", collection=c)),
                lambda m, e=event, c=cpu: m.command(encode("MOVI", device=0, event=e, collection=c)),
                lambda m, e=event: m.command(encode("CLEAR", device=0, event=e)),
                lambda m, e=event: m.command(encode("DISCARD", device=0, event=e)),
                lambda m, c=cpu: m.command(encode("MOVALL", source=c, target=1 - c)),
                lambda m, c=cpu: m.command(encode("MAPC", collection=0, target=c)),
                *[lambda m, c=cpu: m.icc_read("ICC_IAR1_EL1", c)] * 3,
                lambda m, c=cpu, e=event: m.icc_write("ICC_EOIR1_EL1", LPIS[e], c),
                lambda m, e=event, v=level, c=cpu: m.ppi(16 + e % 16, v, c),
                lambda m, e=event, v=level: m.spi(32 + e % 32, v),
                lambda m, v=level: m.write(GICD, 2 * v, 4),
                lambda m, r=register, v=level: m.write(r, v, 4),
                lambda m, r=register, v=value: m.write(r + 0x1_0400 + v % 8 * 4, v, 4),
                lambda m, r=register, v=value: m.write(r + 0x1_0100 + v % 2 * 0x80, v, 4),
                lambda m: m.restore(m.snapshot()),
            ]
        )


@pytest.mark.parametrize("seed", range(8))
def test_what_is_not_sorted_again_was_in_order(seed, monkeypatch):
    monkeypatch.setattr(list_registers, "_MANY", 1)
    ours = machine_of()
    monkeypatch.setattr("app.gic.machine.ListRegisters", AlwaysLooking)
    looking = machine_of()
    for number, step in enumerate(steps(random.Random(seed), 300)):
        assert step(ours) == step(looking), number
        for cpu in range(2):
            assert ours.read(GICD + 8, 4, cpu) == looking.read(GICD + 8, 4, cpu)
            assert ours.hppi(cpu) == looking.hppi(cpu), number
        assert ours.list_registers.lists == looking.list_registers.lists, number


def test_accesses_that_change_nothing_look_at_no_interrupt(monkeypatch):
    machine = machine_of()
    for event in range(len(LPIS)):
        machine.msi(0, event)
    looked = []
    ours = ListRegisters._rank
    monkeypatch.setattr(ListRegisters, "_rank", lambda *args: looked.append(args) or ours(*args))
    machine.read(GITS + 0x90, 8)
    assert looked, "the list is sorted once"
    looked.clear()
    for _ in range(10):
        machine.read(GITS + 0x90, 8)
        machine.icc_read("ICC_PMR_EL1")
        assert machine.irq()
    assert not looked
    machine.msi(0, 0)
    machine.write(SGI + 0x100, 1, 4)
    assert looked
