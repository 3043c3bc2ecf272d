"""The Distributor: group enables, SPIs and their routing, and the words that SGIs and PPIs share with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.gic import effects
from app.gic.behaviours import Signalling
from app.gic.register_file import Place, Write, on_read, on_write, signal_state
from app.gic.security import ARE_NS, DS, ENABLE_GRP1_S, GROUP1_NS
from app.gic.signal_behaviours import EdgeLines, SgiGroups
from app.gic.wired import PRIVATE

if TYPE_CHECKING:
    from app.gic.machine import Machine

_WORD = 0xFFFF_FFFF
GROUP_NAMES = ("Group 0", "Group 1", "Secure Group 1")


def _each(bits: int) -> list[int]:
    """Positions of the bits that are set."""
    return [bit for bit in range(bits.bit_length()) if bits >> bit & 1]


class InterruptWords:
    """Hooks on the per-interrupt words; the Distributor and every Redistributor are one."""

    def __init__(self, machine: Machine) -> None:
        self.m = machine

    def _first(self, place: Place) -> int:
        """First INTID of the word behind this register."""
        return place.index * 32

    def _told(self, place: Place) -> None:
        self.m.signals.mark(place.cpu if place.register.per_cpu else None)

    def _say(self, write: Write) -> None:
        if self.m.sink is not None:
            self.m.story.write(write)

    def _queue(self, place: Place, bits: int) -> None:
        """KVM puts interrupts on a list when a write makes them deliverable, and at no other time."""
        lists = self.m.list_registers
        if lists is not None:
            for bit in _each(bits):
                lists.queue(self._first(place) + bit, place.cpu)

    @on_read("GICD_ISPENDR", "GICD_ICPENDR", "GICR_ISPENDR", "GICR_ICPENDR")
    def pending(self, place: Place) -> int:
        """The latch, or the level of a level-sensitive interrupt's wire (IHI 0069, GICD_ISPENDR<n>)."""
        if self.m.by_userspace:
            return self.m.values[place.slot]
        return self.m.wired.pending_word(place.index, place.cpu)

    @signal_state(
        "GICD_ISENABLER", "GICR_ISENABLER",
        "GICD_ISPENDR", "GICR_ISPENDR",
        "GICD_ISACTIVER", "GICR_ISACTIVER",
    )  # fmt: skip
    def raised(self, write: Write) -> None:
        self._say(write)
        self._queue(write.place, write.data & _WORD)
        self._told(write.place)

    @signal_state("GICD_IGROUPR", "GICR_IGROUPR", "GICD_IGRPMODR", "GICR_IGRPMODR")
    def regrouped(self, write: Write) -> None:
        self._say(write)
        self._queue(write.place, _WORD)
        self._told(write.place)

    @signal_state(
        "GICD_ICENABLER", "GICR_ICENABLER",
        "GICD_ICPENDR", "GICR_ICPENDR",
        "GICD_ICACTIVER", "GICR_ICACTIVER",
        "GICD_IPRIORITYR", "GICR_IPRIORITYR", "GICD_ICFGR", "GICR_ICFGR",
    )  # fmt: skip
    def changed(self, write: Write) -> None:
        self._say(write)
        self._told(write.place)


class Distributor(InterruptWords):
    @on_write("GICD_CTLR")
    def groups_enabled(self, write: Write) -> None:
        """Setting DS leaves one Security state: what only the other had becomes RES0 (IHI 0069, GICD_CTLR.DS)."""
        if self.m.security == 2 and (write.old | write.new) & DS:
            self.m.values[write.place.slot] = (write.new | DS) & ~(ENABLE_GRP1_S | ARE_NS)
            self.m.two_states = False
        if self.m.sink is not None:
            self.m.story.control(write.old, self.m.gicd_ctlr())
        self.m.signals.mark()

    @signal_state("GICD_IROUTER")
    def routed(self, write: Write) -> None:
        self._say(write)
        self.m.signals.mark()

    def set_line(self, intid: int, level: bool, cpu: int) -> None:
        """The input wire of an SPI (any `cpu`) or PPI changed; a rising edge latches an edge-triggered interrupt."""
        wired = self.m.wired
        edge = wired.edge(intid, cpu)
        lists = self.m.list_registers
        every = edge and self.m.impl.edge_lines is EdgeLines.EVERY_INJECTION
        was = wired.line(intid, cpu)
        if every:
            # vgic_validate_injection: an edge-triggered interrupt takes every level=1, and no level=0.
            was = not level
        if was == level:
            return
        shown = cpu if intid < PRIVATE else None
        self.m.tell(effects.LineChanged(intid, shown, level))
        before = self.m.story.look(intid, cpu)
        if not every:
            wired.put_line(intid, cpu, level)
        if level and edge:
            wired.put("pending", intid, cpu, True)
        high = "latched, it is edge-triggered" if edge else "level-sensitive, and its wire is high"
        self.m.story.since(intid, cpu, before, high if level else "level-sensitive, and its wire is low")
        if lists is not None and not (edge and not level):
            lists.queue(intid, cpu)
        self.m.signals.mark(shown)

    def raise_sgi(self, intid: int, source: int, target: int, group: int) -> None:
        """An SGI of `group` was asked for: pend it on the target if that is its group and the sender may."""
        is_of = self.m.wired.group(intid, target)
        either = group == 1 and self.m.impl.sgi_groups is SgiGroups.EITHER_GROUP
        refused = "" if either or is_of == group else f"SGI {intid} is {GROUP_NAMES[is_of]} on CPU {target}"
        if self.m.two_states and not self.m.secure and is_of != GROUP1_NS:
            access = self.m.nonsecure.access(intid, target)
            if access < (1 if is_of == 0 else 2):
                refused = f"GICR_NSACR@{target} gives Non-secure software no access to SGI {intid}"
        if refused:
            self.m.tell(effects.AccessIgnored("the SGI register", True, refused, cite="IHI 0069, ICC_SGI1R_EL1"))
            return
        self.m.wired.put("pending", intid, target, True)
        self.m.tell(effects.SgiSent(intid, source, target))
        if self.m.impl.signalling is Signalling.LIST_REGISTERS and self.m.list_registers is not None:
            self.m.list_registers.queue(intid, target)
        self.m.signals.mark(target)
