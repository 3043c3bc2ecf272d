"""Why is this interrupt (not) signalled? The whole chain, link by link, and what would mend the first broken one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.gic.lpi import FIRST_LPI, LPI_LIMIT
from app.gic.routing import one_of_n, spi_target
from app.gic.why_links import Link, group_link, interface_links, link, listed, waker
from app.gic.why_lpi import lpi_links
from app.gic.wired import PRIVATE

if TYPE_CHECKING:
    from app.gic.machine import Machine

__all__ = ["Chain", "Link", "why"]


@dataclass(frozen=True, slots=True)
class Chain:
    """All conditions between an interrupt and the PE, in the order in which it meets them."""

    intid: int
    cpu: int | None
    links: tuple[Link, ...]

    @property
    def signalled(self) -> bool:
        return all(each.holds for each in self.links)

    @property
    def broken(self) -> Link | None:
        """The first link that does not hold."""
        return next((each for each in self.links if not each.holds), None)

    @property
    def words(self) -> str:
        broken = self.broken
        if broken is None:
            return f"INTID {self.intid} is signalled to CPU {self.cpu}"
        return f"INTID {self.intid} is not signalled: {broken.says}. {broken.mend}"


def why(machine: Machine, intid: int, cpu: int | None = None) -> Chain:
    """The chain of `intid`. `cpu` says whose SGI or PPI it is; an SPI is asked for the CPU that it is routed to.

    An LPI is asked for the CPU on which it is pending, else for its collection's; `cpu` asks for another.
    ValueError: no such interrupt, no such CPU, or a SGI or PPI without `cpu`.
    """
    if cpu is not None and not 0 <= cpu < machine.cpus:
        raise ValueError(f"no CPU {cpu}: 0 to {machine.cpus - 1}")
    if FIRST_LPI <= intid < LPI_LIMIT:
        target, links = lpi_links(machine, intid, cpu)
        return Chain(intid, target, tuple(link for _, link in links))
    if not 0 <= intid < machine.wired.limit:
        known = f"0 to {machine.wired.limit - 1}, or LPIs {FIRST_LPI} to {LPI_LIMIT - 1}"
        raise ValueError(f"INTID {intid} is no interrupt here: {known}")
    if intid >= PRIVATE:
        return _wired(machine, intid, 0, spi_target(machine, intid))
    if cpu is None:
        raise ValueError(f"INTID {intid} exists once per CPU: say which CPU")
    return _wired(machine, intid, cpu, cpu)


def _wired(machine: Machine, intid: int, home: int, target: int | None) -> Chain:
    """`home` is the CPU whose Redistributor holds a SGI or PPI, `target` the one that is to take it."""
    wired = machine.wired
    frame, word = ("GICR", "0") if intid < PRIVATE else ("GICD", str(intid // 32))
    at = f"@{home}" if intid < PRIVATE else ""
    group = wired.group(intid, home)
    raised = "Send it: write ICC_SGI1R_EL1" if intid < 16 else "Raise its wire"
    links = [
        link(
            f"{frame}_ISPENDR{word}{at}",
            wired.pending(intid, home),
            "it is pending",
            "it is not pending",
            f"{raised}, or write its bit in {frame}_ISPENDR{word}{at}",
            f"IHI 0069, {frame}_ISPENDR<n>",
        ),
        link(
            f"{frame}_ISENABLER{word}{at}",
            wired.bit("enable", intid, home),
            "it is enabled",
            "it is not enabled",
            f"Write its bit in {frame}_ISENABLER{word}{at}",
            f"IHI 0069, {frame}_ISENABLER<n>",
        ),
        link(
            f"{frame}_ISACTIVER{word}{at}",
            not wired.bit("active", intid, home),
            "it is not active",
            "it is active already",
            f"End it: write {intid} to ICC_EOIR{min(group, 1)}_EL1, or its bit in {frame}_ICACTIVER{word}{at}",
            f"IHI 0069, {frame}_ISACTIVER<n>",
        ),
        group_link(machine, group),
    ]
    if intid >= PRIVATE and one_of_n(machine, intid):
        links.append(_one_of_n(intid, target, group))
    elif intid >= PRIVATE:
        links.append(
            link(
                f"GICD_IROUTER{intid}",
                target is not None,
                f"it is routed to CPU {target}",
                "its affinity names no CPU of this machine",
                f"Write the affinity of a CPU to GICD_IROUTER{intid}",
                "IHI 0069, GICD_IROUTER<n>",
            )
        )
    if target is None:
        return Chain(intid, None, tuple(links))
    links += waker(machine, target)
    links += listed(machine, intid, target, links)
    return Chain(intid, target, (*links, *interface_links(machine, intid, target, group, wired.priority(intid, home))))


def _one_of_n(intid: int, target: int | None, group: int) -> Link:
    enable = f"ICC_IGRPEN{min(group, 1)}_EL1"
    return link(
        f"GICD_IROUTER{intid}",
        target is not None,
        f"it may go to any one PE (1 of N), and CPU {target} is the first that takes part",
        f"it may go to any one PE (1 of N), and none takes part: each sleeps, has {enable} 0, or its DPG bit 1",
        f"Let one take part: write GICR_WAKER@0 ProcessorSleep=0 and {enable}@0 1",
        "IHI 0069, GICD_IROUTER<n>.Interrupt_Routing_Mode",
    )
