"""What became of an ITS command, and the architected names of command errors."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple


class Outcome(NamedTuple):
    """`state` is done, ignored or stalled; `error` names the reason when it is not done.

    `bad_command`: the command itself is at fault, which the manual leaves to the ITS ("Command errors").
    """

    state: str
    error: str = ""
    bad_command: bool = False


DONE = Outcome("done")
_CLASSES = {
    "DEVICE_OOR": 0x01,
    "ITTSIZE_OOR": 0x02,
    "PROCNUM_OOR": 0x02,
    "COLLECTION_OOR": 0x03,
    "UNMAPPED_DEVICE": 0x04,
    "ID_OOR": 0x05,
    "PHYSICALID_OOR": 0x06,
    "UNMAPPED_INTERRUPT": 0x07,
    "UNMAPPED_COLLECTION": 0x09,
    "ITE_INVALID": 0x10,
}
# The architected encoding of CLEAR's errors carries 05, and MOVALL_PROCNUM_OOR is class 01 (irqchip/arm-gic-v3.h).
_COMMAND_BYTES = {
    "MOVI": 0x01, "INT": 0x03, "CLEAR": 0x05, "MAPD": 0x08, "MAPC": 0x09, "MAPTI": 0x0A,
    "MAPI": 0x0B, "INV": 0x0C, "INVALL": 0x0D, "MOVALL": 0x0E, "DISCARD": 0x0F,
}  # fmt: skip


@cache
def ignored(command: str, reason: str) -> Outcome:
    """The command had no effect and the queue goes on; e.g. ignored("MAPD", "DEVICE_OOR")."""
    if reason not in _CLASSES:
        return Outcome("ignored", reason, True)
    kind = 0x01 if (command, reason) == ("MOVALL", "PROCNUM_OOR") else _CLASSES[reason]
    code = 0x01 << 16 | _COMMAND_BYTES[command] << 8 | kind
    return Outcome("ignored", f"{command}_{reason} ({code:#08x})", True)


@cache
def stalled(why: str) -> Outcome:
    """The queue stops at this command."""
    return Outcome("stalled", why)
