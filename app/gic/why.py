"""Why is this interrupt (not) signalled? The whole chain, link by link, and what would mend the first broken one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.gic.behaviours import DisabledPending, Signalling
from app.gic.lpi import FIRST_LPI, config_address, lpi_limit
from app.gic.signals import IDLE
from app.gic.wired import PRIVATE

if TYPE_CHECKING:
    from app.gic.machine import Machine


@dataclass(frozen=True, slots=True)
class Link:
    """One condition. `mend` says what would make it hold, "" when it does."""

    name: str
    holds: bool
    says: str
    mend: str = ""
    cite: str = ""


@dataclass(frozen=True, slots=True)
class Chain:
    """All conditions between an interrupt and the PE, in the order in which it meets them."""

    intid: int
    cpu: int | None
    links: tuple[Link, ...]

    @property
    def signalled(self) -> bool:
        return all(link.holds for link in self.links)

    @property
    def broken(self) -> Link | None:
        """The first link that does not hold."""
        return next((link for link in self.links if not link.holds), None)

    @property
    def words(self) -> str:
        link = self.broken
        if link is None:
            return f"INTID {self.intid} is signalled to CPU {self.cpu}"
        return f"INTID {self.intid} is not signalled: {link.says}. {link.mend}"


def why(machine: Machine, intid: int, cpu: int | None = None) -> Chain:
    """The chain of `intid`. `cpu` says whose SGI or PPI it is; SPIs and LPIs are asked for their own target.

    ValueError: no such interrupt, or a SGI or PPI without `cpu`.
    """
    if FIRST_LPI <= intid < 1 << 16:
        return _lpi(machine, intid)
    if not 0 <= intid < machine.wired.limit:
        raise ValueError(f"INTID {intid}: 0 to {machine.wired.limit - 1}, or an LPI from {FIRST_LPI}")
    if intid < PRIVATE and cpu is None:
        raise ValueError(f"INTID {intid} exists once per CPU: say which CPU")
    return _wired(machine, intid, cpu)


def _wired(machine: Machine, intid: int, cpu: int | None) -> Chain:
    wired = machine.wired
    home = cpu if cpu is not None and intid < PRIVATE else 0
    frame, word = ("GICR", "0") if intid < PRIVATE else ("GICD", str(intid // 32))
    at = f"@{home}" if intid < PRIVATE else ""
    target = home if intid < PRIVATE else machine.spi_target(intid)
    group = int(wired.bit("group", intid, home))
    links = [
        _link(
            f"{frame}_ISPENDR{word}{at}",
            wired.pending(intid, home),
            "it is pending",
            "it is not pending",
            "Raise its wire, or write its bit in ISPENDR",
            "IHI 0069, GICD_ISPENDR<n>",
        ),
        _link(
            f"{frame}_ISENABLER{word}{at}",
            wired.bit("enable", intid, home),
            "it is enabled",
            "it is not enabled",
            "Write its bit in ISENABLER",
            "IHI 0069, GICD_ISENABLER<n>",
        ),
        _link(
            f"{frame}_ISACTIVER{word}{at}",
            not wired.bit("active", intid, home),
            "it is not active",
            "it is active already",
            "End it: write its INTID to ICC_EOIR",
            "IHI 0069, GICD_ISACTIVER<n>",
        ),
        _group_link(machine, group),
    ]
    if intid >= PRIVATE:
        links.append(
            _link(
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
    links += _listed(machine, intid, target, links)
    return Chain(intid, target, (*links, *_interface(machine, intid, target, group, wired.priority(intid, home))))


def _lpi(machine: Machine, intid: int) -> Chain:
    view = machine.lpi(intid)
    cpu = view.cpu
    mapped = view.device is not None
    links = [
        _link(
            "ITS mapping",
            mapped or view.pending,
            f"DeviceID {view.device:#x} EventID {view.event:#x} maps to it" if mapped else "no event maps to it",
            "no event maps to it",
            "Map one with MAPD, MAPC and MAPTI",
            "IHI 0069, MAPTI",
        ),
        _link(
            "collection",
            cpu is not None,
            f"it targets CPU {cpu}",
            "its collection is not mapped",
            f"Map collection {view.icid} with MAPC",
            "IHI 0069, MAPC",
        ),
    ]
    if cpu is None:
        return Chain(intid, None, tuple(links))
    if machine.impl.disabled_pending is DisabledPending.NOT_SIGNALLED or not view.pending:
        links.append(
            _link(
                f"GICR_CTLR@{cpu}.EnableLPIs",
                machine.lpis_enabled(cpu),
                f"LPIs are enabled on CPU {cpu}",
                f"EnableLPIs is 0 on CPU {cpu}",
                f"Write GICR_CTLR@{cpu} EnableLPIs=1",
                "IHI 0069, GICR_CTLR.EnableLPIs",
            )
        )
    limit = lpi_limit(machine.propbaser(cpu))
    links += [
        _link(
            f"GICR_PROPBASER@{cpu}.IDbits",
            intid < limit or machine.impl.signalling is Signalling.LIST_REGISTERS,
            "its INTID is within IDbits",
            f"IDbits leaves room for INTIDs below {limit}" if limit else "IDbits is below 13: there are no LPIs",
            "Write a larger IDbits while EnableLPIs is 0",
            "IHI 0069, GICR_PROPBASER.IDbits",
        ),
        _link(
            "pending",
            view.pending,
            "it is pending",
            "it is not pending",
            "Send its event: an MSI, or INT",
            "IHI 0069, LPI Pending tables",
        ),
        _config_link(machine, intid, cpu, view.enabled, view.config_ram, view.config_cached),
        _group_link(machine, 1),
    ]
    links += _listed(machine, intid, cpu, links)
    return Chain(intid, cpu, (*links, *_interface(machine, intid, cpu, 1, view.priority)))


def _config_link(machine: Machine, intid: int, cpu: int, enabled: bool, ram: int | None, cached: int | None) -> Link:
    address = config_address(machine, intid, cpu)
    stale = cached is not None and ram is not None and ram & 1 and not cached & 1
    return _link(
        "configuration byte",
        enabled,
        "it is enabled",
        "the cached configuration byte says disabled, RAM says enabled"
        if stale
        else "its configuration byte says disabled",
        "Issue INV (or INVALL)" if stale else f"Set bit 0 of the byte at {address:#x}, then issue INV",
        "IHI 0069, LPI Configuration tables",
    )


def _group_link(machine: Machine, group: int) -> Link:
    return _link(
        f"GICD_CTLR.EnableGrp{group}",
        bool(machine.gicd_ctlr() >> group & 1),
        f"the Distributor forwards Group {group}",
        f"the Distributor does not forward Group {group}",
        f"Write GICD_CTLR EnableGrp{group}=1",
        "IHI 0069, GICD_CTLR",
    )


def _listed(machine: Machine, intid: int, cpu: int, before: list[Link]) -> list[Link]:
    """KVM: deliverable is not enough, it must have been queued when it became so."""
    lists = machine.list_registers
    if lists is None or not all(link.holds for link in before):
        return []
    return [
        _link(
            f"list of vCPU {cpu}",
            intid in lists.lists[cpu],
            f"it is on the list of vCPU {cpu}",
            f"it left the list of vCPU {cpu} and nothing queued it again",
            "INV, another MSI, or another write of its ISPENDR bit queues it",
            "vgic.c: vgic_prune_ap_list",
        )
    ]


def _interface(machine: Machine, intid: int, cpu: int, group: int, priority: int) -> list[Link]:
    interface = machine.cpu_interfaces[cpu]
    running = interface.running_priority()
    mask = interface.group_priority_mask(group)
    best = machine.signals.best(cpu)
    return [
        _link(
            f"ICC_IGRPEN{group}_EL1@{cpu}",
            interface.group_enabled(group),
            f"the CPU interface takes Group {group}",
            f"the CPU interface does not take Group {group}",
            f"Write ICC_IGRPEN{group}_EL1@{cpu} 1",
            f"IHI 0069, ICC_IGRPEN{group}_EL1",
        ),
        _link(
            f"ICC_PMR_EL1@{cpu}",
            priority < interface.pmr,
            f"its priority {priority:#04x} is higher than the mask {interface.pmr:#04x}",
            f"its priority {priority:#04x} is not higher than the mask {interface.pmr:#04x}",
            f"Write a larger value to ICC_PMR_EL1@{cpu}",
            "IHI 0069, ICC_PMR_EL1",
        ),
        _link(
            f"ICC_RPR_EL1@{cpu}",
            running == IDLE or priority & mask < running & mask,
            "no active interrupt is in its way" if running == IDLE else f"it pre-empts running priority {running:#04x}",
            f"the running priority {running:#04x} is not lower",
            "End the active interrupt: write its INTID to ICC_EOIR",
            "IHI 0069, ICC_RPR_EL1",
        ),
        _link(
            "highest priority pending",
            best is not None and best.intid == intid,
            "no other pending interrupt comes before it",
            f"INTID {best.intid} (priority {best.priority:#04x}) comes before it" if best else "it is not forwarded",
            f"Acknowledge INTID {best.intid} first" if best else "Mend the links before",
            "IHI 0069, ICC_HPPIR1_EL1",
        ),
    ]


def _link(name: str, holds: bool, yes: str, no: str, mend: str, cite: str) -> Link:
    return Link(name, holds, yes if holds else no, "" if holds else mend, cite)
