"""The PTZ discussion's claims as experiments: what each implementation answers, in one table.

A: architecture, K0: KVM before 5.6, K1: KVM since, Q: QEMU. Where IHI 0069 leaves the case UNPREDICTABLE, A's answer is
the choice made here. Observed facts (KVM 6.1.192, QEMU 7.2.22) beat what was expected from reading code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from app.gic import GuestMemory, Machine, UserspaceError
from tests.gic.rig import ITT, NONE, OTHER_PEND, PEND, PROP, PTZ, Rig

COLUMNS = {"A": "architecture", "K0": "kvm-before-5.6", "K1": "kvm", "Q": "qemu"}
WHOLE_TABLE = (65536 - 8192) // 8  # bytes of pending bits that 16-bit INTIDs have


class Experiment(NamedTuple):
    name: str
    claim: str
    run: Callable[[Rig], object]
    answers: dict[str, object]


EXPERIMENTS: list[Experiment] = []
# Left out, and why.
NOT_EXPRESSIBLE = {
    "E9.2": "the ITS device created after GICR_CTLR was restored: a Machine has its ITS from the start or not at all",
    "E6.1 as K1u": "a hypothetical kernel; the part that is about RAM reads is E6.1 below",
}


def experiment(name: str, **answers: object) -> Callable[[Callable[[Rig], object]], Callable[[Rig], object]]:
    """Add the function to the table: its document string is the claim. `K`: both KVM columns."""
    both = answers.pop("K", None)
    if both is not None:
        answers |= {"K0": both, "K1": both}
    spread = {COLUMNS[column]: answer for column, answer in answers.items()}

    def add(run: Callable[[Rig], object]) -> Callable[[Rig], object]:
        EXPERIMENTS.append(Experiment(name, run.__doc__ or "", run, spread))
        return run

    return add


# -- C1: PTZ is write-only and reads as zero


@experiment("E1.1", A=(0, 0), K0=(1, 0x4000_0000), K1=(0, 0), Q=(1, 0x4000_0000))
def ptz_read_back(rig: Rig) -> object:
    """PTZ as a 64-bit read shows it, and the upper half."""
    rig.pendbaser(ptz=1)
    return rig.get("GICR_PENDBASER") >> 62, rig.get("GICR_PENDBASER", 4, offset=4)


_KEPT = 0x000F_FFFF_FFFF_0F80  # KVM's outer cacheability 7 becomes 0


@experiment("E1.2", K0=_KEPT | PTZ, K1=_KEPT, Q=(1 << 64) - 1)
def all_ones_read_back(rig: Rig) -> object:
    """All ones, read back."""
    rig.put("GICR_PENDBASER", (1 << 64) - 1)
    return rig.get("GICR_PENDBASER")


@experiment("E1.2a", A=0)
def reserved_bits_read_back(rig: Rig) -> object:
    """All ones: PTZ and the RES0 bits 63, 61:59, 55:52, 15:12, 6:0 read as zero."""
    rig.put("GICR_PENDBASER", (1 << 64) - 1)
    return rig.get("GICR_PENDBASER") & (1 << 63 | PTZ | 7 << 59 | 0xF << 52 | 0xF << 12 | 0x7F)


@experiment("E1.3", K0=1, K1=0)
def ptz_by_userspace(rig: Rig) -> object:
    """Bit 30 of the upper half, as KVM_GET_DEVICE_ATTR returns it."""
    rig.pendbaser(ptz=1)
    return rig.m.userspace.get("redist", 0x7C) >> 30


# -- C2: only the read changed; the kernel remembers PTZ


def bit_set_after_mapping(rig: Rig) -> None:
    """8192 mapped with LPIs off and its bit clear; then the bit is set, and PTZ says that the table is zero."""
    rig.its_on()
    rig.map(8192)
    rig.set_bit(8192)
    rig.pendbaser(ptz=1)


@experiment("E2.1", A=(NONE, 1), K=(NONE, 1), Q=(8192, 0))
def ptz_was_a_lie(rig: Rig) -> object:
    """What is acknowledged after EnableLPIs, and the bit in RAM then."""
    bit_set_after_mapping(rig)
    rig.lpis(True)
    return rig.ack(), rig.bit(8192)


@experiment("E2.2", A=NONE, K=NONE, Q=8192)
def low_half_keeps_ptz(rig: Rig) -> object:
    """A 32-bit write of the low half leaves the stored PTZ."""
    bit_set_after_mapping(rig)
    rig.put("GICR_PENDBASER", PEND[0], 4)
    rig.lpis(True)
    return rig.ack()


@experiment("E2.3", A=8192, K=8192, Q=8192)
def high_half_clears_ptz(rig: Rig) -> object:
    """A 32-bit write of the high half with PTZ=0 clears it."""
    bit_set_after_mapping(rig)
    rig.put("GICR_PENDBASER", 0, 4, offset=4)
    rig.lpis(True)
    return rig.ack()


@experiment("E2.4", A=8192, K0=NONE, K1=8192, Q=8192)
def read_modify_write(rig: Rig) -> object:
    """Reading GICR_PENDBASER and writing it back: the one difference that a guest can see."""
    bit_set_after_mapping(rig)
    rig.put("GICR_PENDBASER", rig.get("GICR_PENDBASER"))
    rig.lpis(True)
    return rig.ack()


# -- C3: Linux never sets PTZ


@experiment("E3.1", A=(0, [8192]), K=(0, [8192]), Q=(0, [8192]))
def as_linux_does(rig: Rig) -> object:
    """A driver that leaves PTZ at 0 meets no difference."""
    rig.its_on()
    read_back = rig.get("GICR_PENDBASER") >> 62
    rig.lpis(True)
    rig.map(8192)
    rig.int()
    return read_back, rig.drain()


# -- C4: PTZ is hard to use and gains little


def garbage_delivered(rig: Rig, ptz: int) -> int:
    rig.its_on()
    rig.config(9000)
    rig.set_bit(9000)
    rig.pendbaser(ptz=ptz)
    rig.lpis(True)
    return rig.ack()


@experiment("E4.1 PTZ=0", A=9000, K=NONE, Q=9000)
def garbage_without_ptz(rig: Rig) -> object:
    """A bit of an LPI that nobody mapped."""
    return garbage_delivered(rig, 0)


@experiment("E4.1 PTZ=1", A=NONE, K=NONE, Q=9000)
def garbage_with_ptz(rig: Rig) -> object:
    """The same, though software said that the table is zero (UNPREDICTABLE)."""
    return garbage_delivered(rig, 1)


class CountingMemory:
    """Guest RAM that counts the bytes read from the pending table of CPU 0."""

    def __init__(self, ram: GuestMemory) -> None:
        self._ram = ram
        self.counted = 0
        self.write = ram.write

    def read(self, address: int, length: int) -> bytes:
        self.counted += length * (PEND[0] <= address < PEND[0] + 0x10000)
        return self._ram.read(address, length)


def bytes_read_at_enable(rig: Rig, ptz: int, mapped: int) -> int:
    """How many bytes of the pending table EnableLPIs 0→1 reads."""
    counting = CountingMemory(GuestMemory())
    other = Rig(rig.implementation, memory=counting).its_on()
    for event in range(mapped):
        other.map(8192 + event, event)
    other.pendbaser(ptz=ptz)
    counting.counted = 0
    other.lpis(True)
    return counting.counted


@experiment("E4.2 nothing mapped", A=(WHOLE_TABLE, 0), K=(0, 0), Q=(WHOLE_TABLE, WHOLE_TABLE))
def cost_with_nothing_mapped(rig: Rig) -> object:
    """Bytes of the pending table that enabling reads, with PTZ=0 and PTZ=1."""
    return bytes_read_at_enable(rig, 0, 0), bytes_read_at_enable(rig, 1, 0)


@experiment("E4.2 ten mapped", A=(WHOLE_TABLE, 0), K=(2, 0), Q=(WHOLE_TABLE, WHOLE_TABLE))
def cost_with_ten_mapped(rig: Rig) -> object:
    """The same with ten LPIs mapped: their bits are in two bytes."""
    return bytes_read_at_enable(rig, 0, 10), bytes_read_at_enable(rig, 1, 10)


# -- C5, C6, C7: what userspace sees, and what it saves


@experiment("E5.2", K0=1, K1=0)
def ptz_in_a_save(rig: Rig) -> object:
    """What a save of a guest that wrote PTZ=1 says of it."""
    rig.its_on()
    rig.pendbaser(ptz=1)
    rig.lpis(True)
    return rig.m.userspace.get("redist", 0x7C) >> 30


@experiment("E6.1", K=(0, 0))
def reads_at_restore(rig: Rig) -> object:
    """Restoring GICR_CTLR in the documented order reads nothing, whatever PTZ was restored: nothing is mapped yet."""
    return bytes_read_at_enable(rig, 0, 0), bytes_read_at_enable(rig, 1, 0)


@experiment("E7.1", A=(False, False), K=(False, False), Q=(False, False))
def ptz_with_a_table_that_is_zero(rig: Rig) -> object:
    """PTZ told the truth: enabling with 0 and with 1 ends the same."""
    ends = []
    for ptz in (0, 1):
        each = Rig(rig.implementation).its_on()
        each.map(8192)
        each.pendbaser(ptz=ptz)
        each.lpis(True)
        ends.append(each.m.lpi(8192).pending)
    return tuple(ends)


def bit_set_before_mapping(rig: Rig, ptz: int) -> int:
    rig.its_on()
    rig.set_bit(8192)
    rig.map(8192)
    rig.pendbaser(ptz=ptz)
    rig.lpis(True)
    return rig.ack()


@experiment("E7.2 PTZ=0", A=8192, K=NONE, Q=8192)
def enabling_overwrites_the_latch(rig: Rig) -> object:
    """MAPTI moved the bit into the latch; enabling copies the cleared bit back over it."""
    return bit_set_before_mapping(rig, 0)


@experiment("E7.2 PTZ=1", A=NONE, K=8192, Q=8192)
def enabling_leaves_the_latch(rig: Rig) -> object:
    """With PTZ=1 the latch stays. (The architecture leaves PTZ=1 with a bit set UNPREDICTABLE.)"""
    return bit_set_before_mapping(rig, 1)


# -- C8 to C11: save and restore


class RamAtZeroToo:
    """A page of zeroed RAM at address 0 beside the usual RAM."""

    def __init__(self, ram: GuestMemory) -> None:
        self._ram = ram
        self._low = GuestMemory(1, base=0)

    def _at(self, address: int) -> GuestMemory:
        return self._low if address < 0x4000_0000 else self._ram

    def read(self, address: int, length: int) -> bytes:
        return self._at(address).read(address, length)

    def write(self, address: int, data: bytes) -> None:
        self._at(address).write(address, data)


def undelivered_source(rig: Rig, ptz: int, memory: object = None) -> tuple[Rig, int]:
    """8192 latched and not delivered, saved; with the upper half of GICR_PENDBASER as userspace gets it."""
    source = Rig(rig.implementation, memory=memory).its_on()
    source.pendbaser(ptz=ptz)
    source.lpis(True)
    source.map(8192)
    source.put("GICD_CTLR", 0, 4)
    source.int()
    source.m.userspace.save_pending_tables()
    source.m.userspace.save_its_tables()
    return source, source.m.userspace.get("redist", 0x7C)


def restored(source: Rig, high: int, order: str) -> tuple[Rig, list[str]]:
    """A destination: `order` spells B(ases), E(nableLPIs), I(TS registers), T(ables), C (GITS_CTLR)."""
    there = Rig(source.implementation, memory=source.m.memory)
    user = there.m.userspace
    refused: list[str] = []

    def bases() -> None:
        for offset, value in ((0x70, PROP | 0x78F), (0x74, 0), (0x78, PEND[0] | 0x780), (0x7C, high)):
            user.set("redist", offset, value)

    def registers() -> None:
        for offset, name in ((0x80, "GITS_CBASER"), (0x100, "GITS_BASER0"), (0x108, "GITS_BASER1")):
            user.set("its", offset, source.get(name))
        user.set("its", 0x90, source.get("GITS_CREADR"))
        user.set("its", 0x88, source.get("GITS_CWRITER"))

    steps = {
        "B": bases,
        "E": lambda: user.set("redist", 0, 1),
        "I": registers,
        "T": user.restore_its_tables,
        "C": lambda: user.set("its", 0, 1),
    }
    for step in order:
        try:
            steps[step]()
        except UserspaceError as error:
            refused.append(error.errno_name)
    return there, refused


@experiment("E8.1", K=(["EFAULT"], []))
def tables_before_redistributors(rig: Rig) -> object:
    """The feared order fails outright: nothing is RAM at the reset value of GICR_PENDBASER (observed)."""
    source, high = undelivered_source(rig, 1)
    there, refused = restored(source, high, "ITCBE")
    return refused, there.drain()


def with_ram_at_zero(rig: Rig, ptz: int) -> tuple[list[int], int]:
    source, high = undelivered_source(rig, ptz, RamAtZeroToo(GuestMemory()))
    there, refused = restored(source, high, "ITCBE")
    assert refused == []
    assert there.drain() == [], "its configuration was read at address 0: disabled"
    there.its("INV", device=0, event=0)
    return there.drain(), there.bit(8192)


@experiment("E8.1 RAM at 0", K0=([], 1), K1=([8192], 1))
def tables_before_redistributors_with_ptz(rig: Rig) -> object:
    """With RAM at 0 the claim holds: a saved PTZ=1 loses the pending bit, before 5.6. Delivered, and the bit in RAM."""
    return with_ram_at_zero(rig, 1)


@experiment("E8.2 RAM at 0", K=([8192], 1))
def tables_before_redistributors_without_ptz(rig: Rig) -> object:
    """The same for a guest that left PTZ at 0: restored by the scan."""
    return with_ram_at_zero(rig, 0)


@experiment("E8.3 PTZ=1", K0=[8192], K1=[])
def enable_last_with_ptz(rig: Rig) -> object:
    """EnableLPIs last: the change of 5.6 loses what the old kernel kept, the opposite of the claim."""
    source, high = undelivered_source(rig, 1)
    return restored(source, high, "BITCE")[0].drain()


@experiment("E8.3 PTZ=0", K=[])
def enable_last_without_ptz(rig: Rig) -> object:
    """Lost on both for a guest with PTZ=0."""
    source, high = undelivered_source(rig, 0)
    return restored(source, high, "BITCE")[0].drain()


@experiment("E9.1", K=(1, 0, [8192]))
def documented_order(rig: Rig) -> object:
    """The documented order with PTZ=1: bit after EnableLPIs, after RESTORE_TABLES, and what is delivered."""
    source, high = undelivered_source(rig, 1)
    before = restored(source, high, "BE")[0].bit(8192)
    there, _ = restored(source, high, "BEITC")
    return before, there.bit(8192), there.drain()


# -- C10: MAPTI is what restores


@experiment("E10.1", A=(1, NONE, 8192), K=(0, 8192, NONE), Q=(1, NONE, 8192))
def mapti_consumes(rig: Rig) -> object:
    """The bit in RAM after MAPTI with LPIs off and PTZ=1; acknowledged before, and after, EnableLPIs with PTZ=0."""
    rig.its_on()
    rig.pendbaser(ptz=1)
    rig.set_bit(8192)
    rig.map(8192)
    bit, before = rig.bit(8192), rig.ack()
    rig.pendbaser()
    rig.lpis(True)
    return bit, before, rig.ack()


@experiment("E10.2", A=(1, 1, NONE, 8192), K=(1, 1, NONE, 8192), Q=(1, 1, NONE, 8192))
def mapti_to_an_unmapped_collection(rig: Rig) -> object:
    """The bit after MAPTI and after MAPC; acknowledged before and after EnableLPIs."""
    rig.its_on()
    rig.config(8192)
    rig.set_bit(8192)
    rig.its("MAPD", device=0, itt=ITT, size=5)
    rig.its("MAPTI", device=0, event=0, intid=8192, collection=1)
    mapped = rig.bit(8192)
    rig.its("MAPC", collection=1, target=0)
    routed, before = rig.bit(8192), rig.ack()
    rig.lpis(True)
    return mapped, routed, before, rig.ack()


@experiment("E10.3", A=(1, 1), K=(0, 1), Q=(1, 1))
def second_mapping(rig: Rig) -> object:
    """The bit after the first mapping of the LPI; set again, after the second."""
    rig.its_on()
    rig.set_bit(8192)
    rig.map(8192)
    first = rig.bit(8192)
    rig.set_bit(8192)
    rig.map(8192, event=1)
    return first, rig.bit(8192)


# -- C12: what QEMU's old userspace did


@experiment("E12.1 old glue", K0=(1, NONE), K1=(0, NONE))
def old_glue(rig: Rig) -> object:
    """Userspace wrote PTZ=1 for a guest with LPIs off: read back, and what the guest gets when it enables them."""
    return _glue(rig, 1 << 30)


@experiment("E12.1 new glue", K=(0, 8192))
def new_glue(rig: Rig) -> object:
    """The same without that."""
    return _glue(rig, 0)


def _glue(rig: Rig, high: int) -> tuple[int, int]:
    rig.its_on()
    rig.map(8192)
    rig.m.userspace.save_pending_tables()
    rig.m.userspace.save_its_tables()
    there, _ = restored(rig, high, "BITC")
    there.set_bit(8192)
    shown = there.get("GICR_PENDBASER") >> 62
    there.lpis(True)
    return shown, there.ack()


@experiment("E12.2", A=(128, 128), K=(128, 128), Q=(128, 128))
def its_pending_migration(rig: Rig) -> object:
    """kvm-unit-tests: 256 LPIs, alternately on two CPUs with LPIs off; bits, INVALL, PTZ cleared, enabled, migrated."""
    rig.its_on()
    rig.its("MAPD", device=0, itt=ITT, size=8)
    for cpu in range(2):
        rig.its("MAPC", collection=cpu, target=cpu)
    for event in range(256):
        rig.its("MAPTI", device=0, event=event, intid=8192 + event, collection=event % 2)
    for event in range(256):
        rig.config(8192 + event)
        rig.set_bit(8192 + event, cpu=event % 2)
    for cpu in range(2):
        rig.its("INVALL", collection=cpu)
        rig.put("GICR_PENDBASER", rig.get("GICR_PENDBASER", cpu=cpu) & ~PTZ, cpu=cpu)
        rig.lpis(True, cpu)
    there = _migrated(rig)
    return tuple(_hits(there, cpu) for cpu in range(2))


def _migrated(rig: Rig) -> Machine:
    there = Machine(rig.implementation)
    if rig.implementation.startswith("kvm"):
        rig.m.userspace.save_pending_tables()
        rig.m.userspace.save_its_tables()
        there = Machine(rig.implementation, memory=rig.m.memory)
        there.userspace.set("dist", 0, 2)
        for cpu in range(2):
            for offset in (0x70, 0x74, 0x78, 0x7C, 0x0):
                there.userspace.set("redist", offset, rig.m.userspace.get("redist", offset, cpu), cpu)
        for offset in (0x80, 0x90, 0x88, 0x100, 0x108):
            there.userspace.set("its", offset, rig.m.userspace.get("its", offset))
        there.userspace.restore_its_tables()
        there.userspace.set("its", 0, 1)
    else:
        there.restore(rig.m.snapshot())
    return there


def _hits(machine: Machine, cpu: int) -> int:
    machine.icc_write("ICC_PMR_EL1", 0xFF, cpu=cpu)
    machine.icc_write("ICC_IGRPEN1_EL1", 1, cpu=cpu)
    hits = 0
    while (intid := machine.icc_read("ICC_IAR1_EL1", cpu=cpu)) != NONE:
        machine.icc_write("ICC_EOIR1_EL1", intid, cpu=cpu)
        hits += 1
    return hits


# -- C13: EnableLPIs is no cheap toggle


def toggled(rig: Rig, *, save: bool = False) -> int:
    rig.its_on()
    rig.lpis(True)
    rig.map(8192)
    rig.int()
    rig.lpis(False)
    if save:
        rig.m.userspace.save_pending_tables()
    rig.lpis(True)
    return rig.ack()


@experiment("E13.1", A=8192, K=NONE, Q=8192)
def toggle(rig: Rig) -> object:
    """A pending LPI after EnableLPIs 1→0→1 with PTZ=0."""
    return toggled(rig)


@experiment("E13.1 saved between", K=NONE)
def toggle_and_save(rig: Rig) -> object:
    """SAVE_PENDING_TABLES between brings nothing back (6.1.192 and 6.12; 6.1.176 kept the latch)."""
    return toggled(rig, save=True)


def toggled_while_masked(rig: Rig, ptz: int) -> int:
    rig.its_on()
    rig.lpis(True)
    rig.map(8192, config=0xA0)
    rig.int()
    rig.lpis(False)
    rig.pendbaser(ptz=ptz)
    rig.lpis(True)
    rig.config(8192)
    rig.its("INV", device=0, event=0)
    return rig.ack()


@experiment("E13.2 PTZ=0", A=8192, K=NONE, Q=8192)
def toggle_while_masked(rig: Rig) -> object:
    """A pending LPI that its configuration disables, across the toggle, then enabled with INV."""
    return toggled_while_masked(rig, 0)


@experiment("E13.2 PTZ=1", A=NONE, K=8192, Q=8192)
def toggle_while_masked_with_ptz(rig: Rig) -> object:
    """The same with PTZ=1: KVM's latch survives. (A wrote the bit back, so PTZ=1 is a lie there: UNPREDICTABLE.)"""
    return toggled_while_masked(rig, 1)


@experiment("E13.3", A=NONE, K=NONE, Q=8193)
def enable_again(rig: Rig) -> object:
    """EnableLPIs=1 written again after a bit was set in RAM."""
    rig.its_on()
    rig.lpis(True)
    rig.map(8193, event=1)
    rig.set_bit(8193)
    rig.lpis(True)
    return rig.ack()


# -- C14 to C16


@experiment("E14.1", A=([8192, 8193, 8194], []), K=([8192], []), Q=([8192, 8193, 8194], []))
def scan_covers(rig: Rig) -> object:
    """Bits in CPU 0's table of an LPI mapped there, of one mapped to CPU 1 and of one not mapped."""
    rig.its_on()
    rig.map(8192)
    rig.map(8193, event=1, collection=1)
    rig.config(8194)
    for intid in (8192, 8193, 8194):
        rig.set_bit(intid)
    rig.lpis(True)
    return rig.drain(0), rig.drain(1)


@experiment("E15.1", A=(PEND[0], 0), K=(PEND[0], 0), Q=(OTHER_PEND, 1))
def pendbaser_while_enabled(rig: Rig) -> object:
    """GICR_PENDBASER written with EnableLPIs=1: the address that reads back, and the bit that INT sets there."""
    rig.its_on()
    rig.lpis(True)
    rig.map(8192)
    rig.pendbaser(base=OTHER_PEND, ptz=1)
    rig.int()
    return rig.get("GICR_PENDBASER") & 0x000F_FFFF_FFFF_0000, rig.m.memory.read(OTHER_PEND + 1024, 1)[0]


@experiment("E16.0", K=(1, 1))
def save_after_movall(rig: Rig) -> object:
    """An LPI saved, moved with MOVALL and saved again: the bit in the old table, and in the new."""
    rig.its_on()
    for cpu in range(2):
        rig.lpis(True, cpu)
    rig.map(8192)
    rig.int()
    rig.m.userspace.save_pending_tables()
    rig.its("MOVALL", source=0, target=1)
    rig.m.userspace.save_pending_tables()
    return rig.bit(8192, 0), rig.bit(8192, 1)


@experiment("E16.1", K=(1, 1, 1, True))
def save_leaves_the_rest(rig: Rig) -> object:
    """Bits of 8192 (latched), 8000 (first 1 KiB) and 9000 (not mapped) after SAVE with PTZ=1; and the latch."""
    rig.its_on()
    rig.pendbaser(ptz=1)
    rig.lpis(True)
    rig.map(8192)
    rig.int()
    for intid in (8000, 9000):
        rig.set_bit(intid)
    rig.m.userspace.save_pending_tables()
    return rig.bit(8192), rig.bit(8000), rig.bit(9000), rig.latch(8192)


@experiment("E16.1 afterwards", K=([8192], 1, [8192]))
def saved_bit_fires_again(rig: Rig) -> object:
    """The VM goes on: delivered once; the saved bit stays set, and DISCARD with MAPTI delivers it again."""
    save_leaves_the_rest(rig)
    taken, bit = rig.drain(), rig.bit(8192)
    rig.its("DISCARD", device=0, event=0)
    rig.map(8192)
    return taken, bit, rig.drain()


@pytest.mark.parametrize(
    ("each", "implementation"),
    [
        pytest.param(each, implementation, id=f"{each.name}-{implementation}")
        for each in EXPERIMENTS
        for implementation in each.answers
    ],
)
def test_experiment(each, implementation):
    assert each.run(Rig(implementation)) == each.answers[implementation], each.claim


def test_every_claim_has_its_experiment():
    """E11.1 puts E9.1, E8.1, E8.3 and E2.4 side by side: no experiment of its own."""
    numbers = {int(each.name.split()[0].partition(".")[0].removeprefix("E")) for each in EXPERIMENTS}
    assert numbers == set(range(1, 17)) - {11}
    assert set(NOT_EXPRESSIBLE) == {"E9.2", "E6.1 as K1u"}
