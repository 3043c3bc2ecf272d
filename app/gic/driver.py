"""The ITS as a driver uses it: a queue and tables set up, and commands put in it one at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.gic import effects
from app.gic.commands import COMMAND_BYTES
from app.gic.memory import RAM_BASE

if TYPE_CHECKING:
    from app.gic.machine import Machine

_TABLE_VALID = 1 << 63
_ATTRIBUTES = 7 << 59 | 1 << 10  # InnerCache RaWaWb, Inner Shareable
_PAGE_64K = 2 << 8
_SET_UP_OFFSET = 16 << 20


def set_up_its(machine: Machine) -> None:
    """Program a default command queue and default tables, 16 MiB into RAM, and enable the ITS."""
    if not machine.has_its:
        raise ValueError("this machine has no ITS (its=False)")
    base = RAM_BASE + _SET_UP_OFFSET
    queue, devices, collections = base, base + 0x10000, base + 0x20000
    gits = machine.map.frames["GITS"].base
    machine.memory.read(collections + 0xFFFF, 1)
    machine.write(gits + 0x100, _TABLE_VALID | _ATTRIBUTES | _PAGE_64K | devices, 8)
    machine.write(gits + 0x108, _TABLE_VALID | _ATTRIBUTES | _PAGE_64K | collections, 8)
    machine.write(gits + 0x80, _TABLE_VALID | _ATTRIBUTES | queue | 15, 8)
    machine.write(gits + 0x88, 0, 8)
    machine.write(gits, 1, 4)
    machine.tell(effects.QueueSetUp(queue, devices, collections))


def put_command(machine: Machine, packet: bytes) -> None:
    """Put a 32-byte command at GITS_CWRITER and move GITS_CWRITER past it, as a driver does.

    ValueError: the packet is not 32 bytes, there is no queue, or it is full.
    """
    if len(packet) != COMMAND_BYTES:
        raise ValueError(f"an ITS command is {COMMAND_BYTES} bytes, not {len(packet)}")
    its = machine.its
    size = its.queue_bytes
    if not size:
        raise ValueError("GITS_CBASER is not Valid: there is no command queue to write to")
    write = its.cwriter & 0xF_FFE0
    after = (write + COMMAND_BYTES) % size
    if after == its.creadr & 0xF_FFE0:
        raise ValueError(f"the command queue is full: {size // COMMAND_BYTES} slots, GITS_CWRITER {write:#x}")
    machine.memory.write(its.queue_base + write, packet)
    machine.tell(effects.MemoryWritten(its.queue_base + write, packet))
    machine.write(machine.map.frames["GITS"].base + 0x88, after, 8)
