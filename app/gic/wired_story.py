"""Tells what became of SGIs, PPIs and SPIs; called only while somebody listens."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

from app.gic.effects import ControlChanged, InterruptsActive, InterruptsChanged, InterruptsPending
from app.gic.register_file import Write
from app.gic.routing import one_of_n, spi_target
from app.gic.security import DS
from app.gic.wired import PRIVATE

if TYPE_CHECKING:
    from app.gic.machine import Machine

_EDGE = 2


class Looked(NamedTuple):
    """An interrupt as it was before something happened to it."""

    pending: bool
    active: bool


class WiredStory:
    def __init__(self, machine: Machine) -> None:
        self._m = machine
        self._tellers: dict[str, Callable[[Write], None]] = {
            "enable": self._enabled,
            "pending": self._pended,
            "active": self._activated,
            "IGROUPR": self._regrouped,
            "IGRPMODR": self._regrouped,
            "IPRIORITYR": self._prioritised,
            "ICFGR": self._configured,
            "IROUTER": self._routed,
        }

    # -- one interrupt, before and after

    def look(self, intid: int, cpu: int) -> Looked | None:
        """Its state now, for `since`; None while nobody listens, or for an LPI, which has its own effects."""
        wired = self._m.wired
        if self._m.sink is None or intid >= wired.limit:
            return None
        return Looked(wired.pending(intid, cpu), wired.bit("active", intid, cpu))

    def since(self, intid: int, cpu: int, before: Looked | None, why: str) -> None:
        """Tell what is different from `before`."""
        now = self.look(intid, cpu)
        if before is None or now is None:
            return
        whose = cpu if intid < PRIVATE else None
        if now.active != before.active:
            self._m.tell(InterruptsActive((intid,), whose, _is(now.active, "active"), why))
        if now.pending != before.pending:
            self._m.tell(InterruptsPending((intid,), whose, _is(now.pending, "pending"), why))

    # -- a write to the words of many

    def write(self, write: Write) -> None:
        """A register of per-interrupt state was written: tell what changed in it."""
        register = write.place.register
        self._tellers[register.state or register.stem.partition("_")[2]](write)

    def _changed(self, write: Write) -> list[int]:
        """INTIDs whose field in the register is another than before."""
        intids = write.place.register.intids
        bits = write.place.register.width // len(intids)
        mask = (1 << bits) - 1
        differs = write.old ^ write.new
        return [intid for at, intid in enumerate(intids) if differs >> at * bits & mask]

    def _tell(self, kind: type[InterruptsChanged], write: Write, named: Iterable[tuple[int, str]], why: str) -> None:
        """One effect for all interrupts that have the same state now."""
        states: dict[str, list[int]] = {}
        for intid, now in named:
            states.setdefault(now, []).append(intid)
        register = write.place.register
        for now, intids in states.items():
            self._m.tell(kind(tuple(intids), write.place.shown_cpu, now, why, register.cite))

    def _by(self, write: Write) -> str:
        name = write.place.register.name
        return f"set through {name}" if self._m.by_userspace else f"by the write of {name}"

    def _enabled(self, write: Write) -> None:
        wired, cpu = self._m.wired, write.place.cpu
        self._tell(
            InterruptsChanged,
            write,
            ((each, "enabled" if wired.bit("enable", each, cpu) else "disabled") for each in self._changed(write)),
            "",
        )

    def _activated(self, write: Write) -> None:
        wired, cpu = self._m.wired, write.place.cpu
        changed = [(each, _is(wired.bit("active", each, cpu), "active")) for each in self._changed(write)]
        self._tell(InterruptsActive, write, changed, self._by(write))

    def _pended(self, write: Write) -> None:
        """A level-sensitive interrupt whose wire is high is pending whatever its latch is."""
        wired, cpu, index = self._m.wired, write.place.cpu, write.place.index
        held = wired.line_word(index, cpu) & ~wired.edge_word(index, cpu)
        first = write.place.register.intids.start
        free = [each for each in self._changed(write) if not held >> each - first & 1]
        self._tell(
            InterruptsPending,
            write,
            ((each, _is(wired.bit("pending", each, cpu), "pending")) for each in free),
            self._by(write),
        )
        if write.place.register.clears:
            still = [first + bit for bit in range(32) if held & write.data & write.lanes & 1 << bit]
            self._tell(
                InterruptsChanged,
                write,
                ((each, "still pending") for each in still),
                "level-sensitive, and the wire is high",
            )

    def _regrouped(self, write: Write) -> None:
        names = ("Group 0", "Non-secure Group 1" if self._m.two_states else "Group 1", "Secure Group 1")
        wired, cpu = self._m.wired, write.place.cpu
        self._tell(
            InterruptsChanged,
            write,
            ((each, f"in {names[wired.group(each, cpu)]}") for each in self._changed(write)),
            "",
        )

    def _prioritised(self, write: Write) -> None:
        wired, cpu = self._m.wired, write.place.cpu
        changed = ((each, f"of priority {wired.priority(each, cpu):#04x}") for each in self._changed(write))
        self._tell(InterruptsChanged, write, changed, "")

    def _configured(self, write: Write) -> None:
        wired, cpu = self._m.wired, write.place.cpu
        changed = self._changed(write)
        edge = {each: wired.edge(each, cpu) for each in changed}
        names = {True: "edge-triggered", False: "level-sensitive"}
        self._tell(InterruptsChanged, write, ((each, names[edge[each]]) for each in changed), "")
        # A high wire alone makes a level-sensitive interrupt pending, and no edge-triggered one.
        moved = [each for each in changed if wired.line(each, cpu) and not wired.bit("pending", each, cpu)]
        self._tell(
            InterruptsPending,
            write,
            ((each, _is(not edge[each], "pending")) for each in moved),
            "its wire is high, which counts while it is level-sensitive",
        )

    def _routed(self, write: Write) -> None:
        for intid in self._changed(write):
            target = spi_target(self._m, intid)
            now = "routed to no CPU of this machine" if target is None else f"routed to CPU {target}"
            if one_of_n(self._m, intid):
                now = "routed to any one PE that takes part (1 of N)"
            self._tell(InterruptsChanged, write, [(intid, now)], "")

    # -- the Distributor

    def control(self, old: int, new: int) -> None:
        """GICD_CTLR was written: which groups it forwards."""
        two = self._m.two_states
        names = ("Group 0", "Non-secure Group 1" if two else "Group 1", "Secure Group 1")
        cite = "IHI 0069, GICD_CTLR"
        if (old ^ new) & DS:
            self._m.tell(ControlChanged(None, "there is one Security state from now on, until a reset", cite))
        for group, name in enumerate(names):
            if (old ^ new) >> group & 1:
                forwards = "forwards" if new >> group & 1 else "no longer forwards"
                self._m.tell(ControlChanged(None, f"{forwards} {name} interrupts", cite))


def _is(state: bool, name: str) -> str:
    return name if state else f"no longer {name}"
