"""What happened inside the machine, and why: the typed records that every listener reads.

Behaviour code reports an effect only while somebody listens (`Machine.listen`), so a machine nobody watches
pays one comparison. Each record says itself in one plain sentence (`words`) and, where the fact has one, names
its source (`cite`). The explorer's "What just happened", the timeline, `giclab run --explain` and the tests
read the same records.
"""

from app.gic.effects.accesses import (
    AccessIgnored,
    MemoryWritten,
    RegisterRead,
    RegisterWritten,
    UserspaceCalled,
)
from app.gic.effects.cpu_interface import (
    Acknowledged,
    Ended,
    Preempted,
    RunningPriority,
    Signalled,
)
from app.gic.effects.effect import (
    Choice,
    Effect,
    EffectsLeftOut,
    Role,
    as_dict,
)
from app.gic.effects.interrupts import (
    ControlChanged,
    InterruptsActive,
    InterruptsChanged,
    InterruptsPending,
    LineChanged,
    SgiSent,
)
from app.gic.effects.its import (
    CommandRun,
    CommandsRun,
    MappingChanged,
    MsiRefused,
    MsiTranslated,
    QueueHeld,
    QueueSetUp,
    QueueUnfinished,
    TableRead,
    TableWritten,
)
from app.gic.effects.lpis import (
    ConfigRead,
    LpiLost,
    LpiMoved,
    LpiNotPending,
    LpiPending,
    LpisEnabled,
    PendingBitConsumed,
    PendingTableScanned,
    PendingTableSkipped,
)

__all__ = [
    "AccessIgnored",
    "Acknowledged",
    "Choice",
    "CommandRun",
    "CommandsRun",
    "ConfigRead",
    "ControlChanged",
    "Effect",
    "EffectsLeftOut",
    "Ended",
    "InterruptsActive",
    "InterruptsChanged",
    "InterruptsPending",
    "LineChanged",
    "LpiLost",
    "LpiMoved",
    "LpiNotPending",
    "LpiPending",
    "LpisEnabled",
    "MappingChanged",
    "MemoryWritten",
    "MsiRefused",
    "MsiTranslated",
    "PendingBitConsumed",
    "PendingTableScanned",
    "PendingTableSkipped",
    "Preempted",
    "QueueHeld",
    "QueueSetUp",
    "QueueUnfinished",
    "RegisterRead",
    "RegisterWritten",
    "Role",
    "RunningPriority",
    "SgiSent",
    "Signalled",
    "TableRead",
    "TableWritten",
    "UserspaceCalled",
    "as_dict",
]
