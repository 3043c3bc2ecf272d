"""A scenario as GDB commands, for `source`: stores by `set`, loads by `x`, each load after what the model answered."""

from __future__ import annotations

from app.exchange.accesses import Access, Load, RamWrite, Store
from app.exchange.stepwise import chunks, written
from app.exchange.writers import Written
from app.scenario.scenario import Scenario

TYPES = {1: "unsigned char", 2: "unsigned short", 4: "unsigned int", 8: "unsigned long long"}
LETTERS = {1: "b", 2: "h", 4: "w", 8: "g"}
HEAD = """\
# {title}
# With the MMU on, addresses are virtual. On QEMU's gdbstub this makes them physical:
# maintenance packet Qqemu.PhyMemMode:1
set confirm off
"""


def write(scenario: Scenario) -> Written:
    """The stores and loads of the scenario; a read-modify-write stores what the model computed."""
    return written(scenario, HEAD.format(title=scenario.title or "A giclab scenario"), _row, "gdb")


def _row(said: str, access: Access) -> str | None:
    if getattr(access, "secure", False):
        return None
    match access:
        case RamWrite(address, data):
            return "\n".join(_set(at, size, value) for at, size, value in chunks(address, data))
        case Load(address, size, _, value):
            return f"echo {said}, model {value:#x}\\n\nx/1{LETTERS[size]}x {address:#x}"
        case Store(address, size, _, value):
            return _set(address, size, value)
    return None


def _set(address: int, size: int, value: int) -> str:
    return f"set {{{TYPES[size]}}}{address:#x} = {value:#x}"
