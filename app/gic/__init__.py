"""The emulated GICv3 with its ITS: pure Python, deterministic, no clock and no I/O."""

from app.gic import effects
from app.gic.commands import COMMANDS, CommandError
from app.gic.implementations import IMPLEMENTATIONS, Implementation
from app.gic.machine import Machine
from app.gic.machine_state import MachineState
from app.gic.memory import GuestMemory, Memory
from app.gic.userspace import UserspaceError

__all__ = [
    "COMMANDS",
    "IMPLEMENTATIONS",
    "CommandError",
    "GuestMemory",
    "Implementation",
    "Machine",
    "MachineState",
    "Memory",
    "UserspaceError",
    "effects",
]
