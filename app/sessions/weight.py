"""Which operations may keep a CPU busy for longer than the event loop may stand still."""

from app.scenario.operations import Its, LoadState, Migrate, Operation, RawAddress, RegisterRef, Save, Uwrite, Write

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
