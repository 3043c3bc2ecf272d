"""The ITS command set: one table of opcodes and operands, and the 32-byte encoding both ways.

Layout: IHI 0069, "ITS commands"; a command is four little-endian doublewords DW0..DW3, DW0[7:0] is the opcode.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from struct import Struct
from types import MappingProxyType

from app.gic.layout import Bits, EntryLayout

COMMAND_BYTES = 32
WORDS = Struct("<4Q")
VALID_BIT = 1 << 63


class CommandError(ValueError):
    """An operand is missing, unknown, or does not fit its field; the message says which and what would fit."""


@dataclass(frozen=True, slots=True)
class Operand(Bits):
    """A command's operand, as the field that holds it."""

    default: int | None = None

    def place(self, value: int) -> int:
        """The operand's bits in its doubleword."""
        if refusal := self.refusal(value):
            raise CommandError(refusal)
        return ((value - self.bias) >> self.shift) << self.lsb


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """`version`: the GIC architecture that has it, 3 or 4. No implementation here has a GICv4 ITS."""

    name: str
    opcode: int
    meaning: str
    operands: tuple[Operand, ...]
    version: int = 3
    cite: str = "IHI 0069, ITS commands"


_DEVICE = Operand("device", "DeviceID", 0, 63, 32, "the device that sends the event")
_EVENT = Operand("event", "EventID", 1, 31, 0, "the event, as the device numbers it")
_INTID = Operand("intid", "pINTID", 1, 63, 32, "the LPI, 8192 or more")
_ICID = Operand("collection", "ICID", 2, 15, 0, "the collection that routes it")
_TARGET = Operand("target", "RDbase", 2, 51, 16, "the CPU number (GITS_TYPER.PTA=0)")
_VALID = Operand("valid", "V", 2, 63, 63, "1 maps, 0 unmaps", default=1)
_ITT = Operand("itt", "ITT_addr", 2, 51, 8, "address of the ITT, 256-byte aligned", shift=8, default=0)
_SIZE = Operand("size", "Size", 1, 4, 0, "EventID bits (the field holds bits - 1)", bias=1, default=1)

_VPE = Operand("vpe", "vPEID", 1, 47, 32, "the virtual PE")
_DOORBELL = Operand("doorbell", "Dbell_pINTID", 2, 63, 32, "the LPI that tells of it, 1023 for none", default=1023)

_SPECS = (
    CommandSpec("MAPD", 0x08, "map a device to its interrupt translation table", (_DEVICE, _SIZE, _ITT, _VALID)),
    CommandSpec("MAPC", 0x09, "map a collection to a Redistributor", (_ICID, _TARGET, _VALID)),
    CommandSpec("MAPTI", 0x0A, "map an event to an LPI and a collection", (_DEVICE, _EVENT, _INTID, _ICID)),
    CommandSpec("MAPI", 0x0B, "map an event to the LPI of the same number", (_DEVICE, _EVENT, _ICID)),
    CommandSpec("MOVI", 0x01, "move an event to another collection", (_DEVICE, _EVENT, _ICID)),
    CommandSpec(
        "MOVALL",
        0x0E,
        "move all pending LPIs from one Redistributor to another",
        (
            Operand("source", "RDbase1", 2, 51, 16, "the CPU whose pending LPIs move"),
            Operand("target", "RDbase2", 3, 51, 16, "the CPU they move to"),
        ),
    ),
    CommandSpec("INT", 0x03, "make the event's LPI pending", (_DEVICE, _EVENT)),
    CommandSpec("CLEAR", 0x04, "make the event's LPI not pending", (_DEVICE, _EVENT)),
    CommandSpec("DISCARD", 0x0F, "unmap the event and clear its LPI", (_DEVICE, _EVENT)),
    CommandSpec("INV", 0x0C, "drop the cached configuration of the event's LPI", (_DEVICE, _EVENT)),
    CommandSpec("INVALL", 0x0D, "drop the cached configuration of a collection's LPIs", (_ICID,)),
    CommandSpec("SYNC", 0x05, "wait for the effects of earlier commands on a Redistributor", (_TARGET,)),
    CommandSpec(
        "VMAPP",
        0x29,
        "map a vPE to a Redistributor and its virtual pending table",
        (
            _VPE,
            _TARGET,
            Operand("vpt", "VPT_addr", 3, 51, 16, "address of the pending table, 64 KB aligned", shift=16, default=0),
            Operand("vpt_size", "VPT_size", 3, 4, 0, "vINTID bits (the field holds bits - 1)", bias=1, default=1),
            _VALID,
        ),
        version=4,
    ),
    CommandSpec(
        "VMAPTI",
        0x2A,
        "map an event to a virtual LPI of a vPE",
        (_DEVICE, _EVENT, _VPE, Operand("vintid", "vINTID", 2, 31, 0, "the virtual LPI, 8192 or more"), _DOORBELL),
        version=4,
    ),
    CommandSpec(
        "VMAPI",
        0x2B,
        "map an event to the virtual LPI of the same number",
        (_DEVICE, _EVENT, _VPE, _DOORBELL),
        version=4,
    ),
    CommandSpec(
        "VMOVI",
        0x21,
        "move an event to another vPE",
        (
            _DEVICE,
            _EVENT,
            _VPE,
            Operand("doorbell_valid", "D", 2, 0, 0, "1 takes the doorbell, 0 leaves it", default=0),
            _DOORBELL,
        ),
        version=4,
    ),
    CommandSpec(
        "VMOVP",
        0x22,
        "move a vPE to another Redistributor",
        (
            _VPE,
            _TARGET,
            Operand("sequence", "Sequence_Number", 0, 47, 32, "the same in this VMOVP on every ITS", default=0),
            Operand("its_list", "ITSList", 1, 15, 0, "the ITSs that take it, a bit each", default=0),
        ),
        version=4,
    ),
    CommandSpec("VINVALL", 0x2D, "drop the cached configuration of a vPE's LPIs", (_VPE,), version=4),
    CommandSpec("VSYNC", 0x25, "wait for the effects of earlier commands on a vPE", (_VPE,), version=4),
)

OPCODE = Bits("opcode", "Command", 0, 7, 0, "which command it is")

COMMANDS: Mapping[str, CommandSpec] = MappingProxyType({spec.name: spec for spec in _SPECS})
BY_OPCODE: Mapping[int, CommandSpec] = MappingProxyType({spec.opcode: spec for spec in _SPECS})


@dataclass(frozen=True, slots=True)
class Command:
    """A command as it stands in the queue; `name` is "" for an opcode that no command has."""

    words: tuple[int, int, int, int]
    name: str
    operands: Mapping[str, int] = field(default_factory=dict)

    @property
    def reserved(self) -> tuple[int, int, int, int]:
        """The bits set in each doubleword that no operand has: RES0 in IHI 0069."""
        used = layout_of(self.name).used
        mask = (1 << 64) - 1
        first, second, third, fourth = (word & ~(used >> 64 * n) & mask for n, word in enumerate(self.words))
        return first, second, third, fourth

    @property
    def text(self) -> str:
        """As the scenario language writes it: `MAPTI device=0x2 event=0x14 intid=8195 collection=1`."""
        if not self.name:
            return f"opcode {self.words[0] & 0xFF:#04x}"
        return " ".join([self.name, *(f"{name}={_shown(name, value)}" for name, value in self.operands.items())])


HEX_OPERANDS = frozenset({"device", "event", "itt", "vpt", "vpe", "its_list"})


@cache
def layout_of(name: str) -> EntryLayout:
    """The 32 bytes of a command as fields; of an unknown one only the opcode is a field."""
    spec = COMMANDS.get(name)
    return EntryLayout(name or "command", COMMAND_BYTES, OPCODE, *(spec.operands if spec else ()))


def _shown(name: str, value: int) -> str:
    return hex(value) if name in HEX_OPERANDS else str(value)


def encode(name: str, **operands: int) -> bytes:
    """The 32 bytes of a command. Raises CommandError naming the operand that is missing, unknown or too wide."""
    spec = COMMANDS.get(name.upper())
    if spec is None:
        near = difflib.get_close_matches(name.upper(), COMMANDS, 3, 0.4)
        raise CommandError(f"{name} is not an ITS command" + (f"; nearest: {', '.join(near)}" if near else ""))
    known = {operand.name for operand in spec.operands}
    for unknown in operands.keys() - known:
        near = difflib.get_close_matches(unknown, known, 1, 0.4)
        hint = f"; did you mean {near[0]}" if near else ""
        raise CommandError(f"{spec.name} has no operand {unknown}, it takes {', '.join(sorted(known))}{hint}")
    unmaps = operands.get("valid") == 0
    words = [spec.opcode, 0, 0, 0]
    for operand in spec.operands:
        value = operands.get(operand.name, operand.default)
        if value is None and unmaps:
            value = operand.bias
        if value is None or (operand.name in _MAPPING_NEEDS and operand.name not in operands and not unmaps):
            raise CommandError(f"{spec.name} needs {operand.name} ({operand.meaning})")
        words[operand.word] |= operand.place(value)
    return WORDS.pack(*words)


# Only an unmapping MAPD or VMAPP may leave these out: their defaults exist for it alone.
_MAPPING_NEEDS = frozenset({"itt", "size", "vpt", "vpt_size"})


def decode(packet: bytes) -> Command:
    """The command in 32 bytes of the queue."""
    words = WORDS.unpack(packet)
    spec = BY_OPCODE.get(words[0] & 0xFF)
    if spec is None:
        return Command(words, "")
    return Command(words, spec.name, {operand.name: operand.pick(words) for operand in spec.operands})
