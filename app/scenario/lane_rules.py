"""Where each effect happens: in software, in a block of the GIC, at a CPU. Every kind of effect has its line here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, TypeAlias

from app.gic import effects as e
from app.scenario.migration import Restored


class Lane(StrEnum):
    """From cause to result: software acts, the Distributor or the ITS routes, a Redistributor holds, a CPU takes."""

    SOFTWARE = "software"
    DISTRIBUTOR = "distributor"
    ITS = "its"
    REDISTRIBUTOR = "redistributor"
    CPU = "cpu"


class Mark(StrEnum):
    """What happened there, at a glance: what one looks for first, so that the first of several stands for all."""

    LOST = "lost"
    REFUSED = "refused"
    IGNORED = "ignored"
    SIGNALLED = "signalled"
    ACKNOWLEDGED = "acknowledged"
    PREEMPTED = "pre-empts"
    ENDED = "ended"
    PENDING = "pending"
    CLEARED = "no longer pending"
    ARRIVED = "moved here"
    LEFT = "moved away"
    RUN = "run"
    TRANSLATED = "translated"
    HELD = "held"
    UNSCANNED = "not scanned"
    SCANNED = "scanned"
    MAPPED = "mapped"
    ACTIVE = "active"
    WIRE = "wire"
    USERSPACE = "userspace"
    WRITTEN = "written"
    READ = "read"
    SWITCHED = "switched"
    CHANGED = "changed"
    QUIET = "signals nothing"
    NOTHING = "nothing to acknowledge"
    CONFIG = "configuration"
    TABLE = "table"
    PRIORITY = "priority"
    CHOICE = "choice"
    MORE = "more"


@dataclass(frozen=True, slots=True)
class Spot:
    """An effect in a lane. `cpu` is the lane's, None where there is one for all; `about` what it concerns, or ""."""

    lane: Lane
    cpu: int | None
    mark: Mark
    about: str
    effect: e.Effect


Whose: TypeAlias = Mapping[int, int]
"""The CPU that each LPI goes to, as far as the effects of a step tell it."""
Where: TypeAlias = tuple[Lane, int | None, Mark, str]
OfLpi: TypeAlias = e.LpiPending | e.LpiNotPending | e.PendingBitConsumed | e.LpiLost | e.ConfigRead
Rule: TypeAlias = Callable[[Any, Whose], tuple[Where, ...]]


class OfCpu(Protocol):
    """An effect at one CPU."""

    @property
    def cpu(self) -> int: ...


# What a name begins with tells whose register it is.
FRAMES = {"GICD_": Lane.DISTRIBUTOR, "GITS_": Lane.ITS, "GICR_": Lane.REDISTRIBUTOR, "ICC_": Lane.CPU}


def _lane(name: str) -> Lane:
    """The lane of a register; software's own for what nobody takes."""
    return next((lane for begins, lane in FRAMES.items() if name.startswith(begins)), Lane.SOFTWARE)


def _register(mark: Mark) -> Rule:
    def rule(effect: e.RegisterWritten | e.RegisterRead, _whose: Whose) -> tuple[Where, ...]:
        name = effect.register if effect.cpu is None else f"{effect.register}@{effect.cpu}"
        return ((_lane(name), effect.cpu, mark, name),)

    return rule


def _ignored(effect: e.AccessIgnored, _whose: Whose) -> tuple[Where, ...]:
    lane = Lane.ITS if " entry " in effect.where else _lane(effect.where)
    name, _, cpu = effect.where.partition("@")
    return ((lane, int(cpu), Mark.IGNORED, effect.where) if cpu.isdigit() else (lane, None, Mark.IGNORED, name),)


def _one(lane: Lane, mark: Mark, about: Callable[[Any], str] = lambda _effect: "") -> Rule:
    return lambda effect, _whose: ((lane, None, mark, about(effect)),)


def _command(effect: e.CommandRun, _whose: Whose) -> tuple[Where, ...]:
    return ((Lane.ITS, None, Mark.RUN if effect.outcome == "done" else Mark.REFUSED, effect.name),)


def _msi(mark: Mark) -> Rule:
    return _one(Lane.ITS, mark, lambda effect: f"{effect.device:#x}/{effect.event:#x}")


def _lpi(mark: Mark) -> Rule:
    """At the Redistributor; an LPI that goes to none is the ITS's."""

    def rule(effect: OfLpi, whose: Whose) -> tuple[Where, ...]:
        cpu = None if isinstance(effect, e.ConfigRead) else effect.cpu
        cpu = whose.get(effect.intid) if cpu is None else cpu
        return ((Lane.ITS if cpu is None else Lane.REDISTRIBUTOR, cpu, mark, str(effect.intid)),)

    return rule


def _moved(effect: e.LpiMoved, _whose: Whose) -> tuple[Where, ...]:
    ends = ((effect.source, Mark.LEFT), (effect.target, Mark.ARRIVED))
    told = [(Lane.REDISTRIBUTOR, cpu, mark, str(effect.intid)) for cpu, mark in ends if cpu is not None]
    return tuple(told) or ((Lane.ITS, None, Mark.LEFT, str(effect.intid)),)


def _of_cpu(lane: Lane, mark: Mark) -> Rule:
    def rule(effect: OfCpu, _whose: Whose) -> tuple[Where, ...]:
        intid = getattr(effect, "intid", None)
        return ((lane, effect.cpu, mark, "" if intid is None else str(intid)),)

    return rule


def _wired(mark: Mark) -> Rule:
    """SPIs are the Distributor's, SGIs and PPIs a Redistributor's."""

    def rule(effect: e.LineChanged | e.InterruptsChanged, _whose: Whose) -> tuple[Where, ...]:
        first = effect.intid if isinstance(effect, e.LineChanged) else effect.intids[0]
        return ((Lane.DISTRIBUTOR if effect.cpu is None else Lane.REDISTRIBUTOR, effect.cpu, mark, str(first)),)

    return rule


def _control(effect: e.ControlChanged, _whose: Whose) -> tuple[Where, ...]:
    """A CPU has two parts of the GIC: the register that is cited tells which."""
    lane = _lane(effect.cite.rpartition(" ")[2])
    if effect.cpu is None or lane not in (Lane.CPU, Lane.REDISTRIBUTOR):
        lane = Lane.DISTRIBUTOR if effect.cpu is None else Lane.REDISTRIBUTOR
    return ((lane, effect.cpu, Mark.SWITCHED, ""),)


def _sgi(effect: e.SgiSent, _whose: Whose) -> tuple[Where, ...]:
    return ((Lane.REDISTRIBUTOR, effect.target, Mark.PENDING, str(effect.intid)),)


def _signalled(effect: e.Signalled, _whose: Whose) -> tuple[Where, ...]:
    if effect.intid is None:
        return ((Lane.CPU, effect.cpu, Mark.QUIET, ""),)
    return ((Lane.CPU, effect.cpu, Mark.SIGNALLED, str(effect.intid)),)


def _acknowledged(effect: e.Acknowledged, _whose: Whose) -> tuple[Where, ...]:
    nothing = 1020 <= effect.intid < 1024
    return ((Lane.CPU, effect.cpu, Mark.NOTHING if nothing else Mark.ACKNOWLEDGED, str(effect.intid)),)


RULES: Mapping[type[e.Effect], Rule] = {
    e.RegisterWritten: _register(Mark.WRITTEN),
    e.RegisterRead: _register(Mark.READ),
    e.AccessIgnored: _ignored,
    e.MemoryWritten: _one(Lane.SOFTWARE, Mark.WRITTEN, lambda effect: f"{effect.address:#x}"),
    e.QueueSetUp: _one(Lane.ITS, Mark.SWITCHED, lambda _effect: "GITS_CBASER"),
    e.CommandRun: _command,
    e.CommandsRun: _one(Lane.ITS, Mark.RUN),
    e.QueueUnfinished: _one(Lane.ITS, Mark.HELD),
    e.QueueHeld: _one(Lane.ITS, Mark.HELD),
    e.TableRead: _one(Lane.ITS, Mark.TABLE, lambda effect: str(effect.table)),
    e.TableWritten: _one(Lane.ITS, Mark.TABLE, lambda effect: str(effect.table)),
    e.MappingChanged: _one(Lane.ITS, Mark.MAPPED),
    e.MsiTranslated: _msi(Mark.TRANSLATED),
    e.MsiRefused: _msi(Mark.REFUSED),
    e.LpisEnabled: _of_cpu(Lane.REDISTRIBUTOR, Mark.SWITCHED),
    e.PendingTableScanned: _of_cpu(Lane.REDISTRIBUTOR, Mark.SCANNED),
    e.PendingTableSkipped: _of_cpu(Lane.REDISTRIBUTOR, Mark.UNSCANNED),
    e.LpiPending: _lpi(Mark.PENDING),
    e.LpiNotPending: _lpi(Mark.CLEARED),
    e.PendingBitConsumed: _lpi(Mark.PENDING),
    e.LpiLost: _lpi(Mark.LOST),
    e.LpiMoved: _moved,
    e.ConfigRead: _lpi(Mark.CONFIG),
    e.LineChanged: _wired(Mark.WIRE),
    e.SgiSent: _sgi,
    e.Signalled: _signalled,
    e.Acknowledged: _acknowledged,
    e.Ended: _of_cpu(Lane.CPU, Mark.ENDED),
    e.UserspaceCalled: _one(Lane.SOFTWARE, Mark.USERSPACE),
    Restored: _one(Lane.SOFTWARE, Mark.USERSPACE),
    e.InterruptsChanged: _wired(Mark.CHANGED),
    e.InterruptsPending: _wired(Mark.PENDING),
    e.InterruptsActive: _wired(Mark.ACTIVE),
    e.ControlChanged: _control,
    e.Preempted: _of_cpu(Lane.CPU, Mark.PREEMPTED),
    e.RunningPriority: _of_cpu(Lane.CPU, Mark.PRIORITY),
}
# What happens where the effect before it did.
THERE_TOO: Mapping[type[e.Effect], Mark] = {e.EffectsLeftOut: Mark.MORE, e.Choice: Mark.CHOICE}


def spots(effects: Sequence[e.Effect]) -> Iterator[Spot]:
    """The effects of a step in order, each in its lane; one that moves something is in two."""
    whose = _whose(effects)
    before: tuple[Lane, int | None] = (Lane.SOFTWARE, None)
    for effect in effects:
        too = THERE_TOO.get(type(effect))
        there = RULES[type(effect)](effect, whose) if too is None else ((*before, too, ""),)
        for lane, cpu, mark, about in there:
            before = (lane, cpu)
            yield Spot(lane, cpu, mark, about, effect)


def _whose(effects: Sequence[e.Effect]) -> Whose:
    found: dict[int, int] = {}
    for effect in effects:
        cpu = effect.target if isinstance(effect, e.LpiMoved) else getattr(effect, "cpu", None)
        intid = getattr(effect, "intid", None)
        if isinstance(cpu, int) and isinstance(intid, int):
            found[intid] = cpu
    return found
