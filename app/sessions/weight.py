"""Which operations may keep a CPU busy for longer than the event loop may stand still; scenarios that are too much."""

from app import limits
from app.gic import Machine
from app.gic.memory import PAGE, GuestMemory
from app.scenario import Scenario, Timeline
from app.scenario.operations import Its, LoadState, Migrate, Operation, RawAddress, RegisterRef, Save, Uwrite, Write
from app.scenario.player import Player
from app.scenario.work import ALLOWANCE, OPERATION_WORK, Allowance, Allowed, TooMuch
from app.sessions.errors import LimitReached

# Each can touch all 57,344 LPIs, a command queue of 32,767 commands, or every table entry in RAM.
SCANS = frozenset({"GICR_CTLR", "GITS_CTLR", "GITS_CWRITER"})
SWEEPS = frozenset({"INVALL", "MOVALL"})


def is_heavy(operation: Operation) -> bool:
    """Whether the operation can take more than a few milliseconds, by what it is and not by what it will meet."""
    match operation:
        case Save() | Migrate() | LoadState():
            return True
        case Its(command=command):
            return command in SWEEPS
        case Write(target=RegisterRef(name=name)) | Uwrite(target=RegisterRef(name=name)):
            return name in SCANS
        case Write(target=RawAddress()):
            return True
        case _:
            return False


def is_large(timeline: Timeline) -> bool:
    """Whether to look up what its machine holds may take more than a few milliseconds."""
    memory = timeline.machine.memory
    went_through = timeline.work - OPERATION_WORK * len(timeline)
    return went_through > limits.INLINE_WORK or (
        isinstance(memory, GuestMemory) and memory.pages_written > limits.INLINE_PAGES
    )


def pages_held(timeline: Timeline) -> int:
    """Memory that goes with it, in pages: guest RAM, and a register map that no other machine will use."""
    chart = timeline.machine.map
    return timeline.pages + (0 if chart.is_kept else chart.weight // PAGE)


def look_up(machine: Machine) -> Machine:
    """Find all that its tables map, which it keeps: to be done on a thread before a large machine is looked at."""
    machine.mapping_counts()
    return machine


def may_weigh_much(scenario: Scenario, text: str) -> bool:
    """Whether it must be played to know: what a short text can set up is soon gone through."""
    return len(text) > limits.INLINE_CHARACTERS and any(map(is_heavy, scenario.operations))


def weigh(scenario: Scenario) -> None:
    """Play it, for what that takes. Raises LimitReached where it is more than a session may take."""
    outer = ALLOWANCE.get()
    inner = Allowance(limits.WORK_PER_SESSION, limits.PAGES_PER_SESSION)
    player = Player(scenario.machine)
    try:
        with Allowed(inner):
            for operation in scenario.operations:
                player.advance(operation)
    except TooMuch as error:
        name = "WORK_PER_SESSION" if error.work else "PAGES_PER_SESSION"
        raise LimitReached(name, error.most, f"From operation {player.seq + 1} on: {str(error).lower()}") from None
    finally:
        if outer is not None:
            outer.worked += inner.worked
            outer.written += inner.written
