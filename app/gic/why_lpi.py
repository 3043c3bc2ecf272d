"""Why an LPI is (not) signalled: from the event that maps to it to the CPU interface."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from app.gic.behaviours import PendingHome, Signalling
from app.gic.its import VALID
from app.gic.lpi import Candidate, config_address, lpi_limit
from app.gic.lpi_behaviours import DisabledPending
from app.gic.why_links import Link, StopName, group_link, interface_links, link, listed, waker

if TYPE_CHECKING:
    from app.gic.machine import Machine
    from app.gic.views import EventView, LpiView


Placed = list[tuple[StopName, Link]]


def lpi_links(
    machine: Machine, intid: int, asked: int | None, by: tuple[EventView, int | None] | None = None
) -> tuple[int | None, Placed]:
    """The CPU that the LPI goes to, and its links with the stop on its way that each belongs to.

    `asked` names another CPU; `by` an event that maps to it and the CPU of that one's collection, where several do.
    """
    if not machine.has_its and machine.impl.pending_home is not PendingHome.GUEST_RAM:
        none = Link("ITS", False, "this machine has no ITS, so it has no LPIs", "Make a machine with one (its=1)")
        return None, [(StopName.DEVICE, none)]
    target, view = _viewed(machine, intid, asked, by)
    cpu = view.cpu
    remembered = None if cpu is None else _remembered(machine, intid, cpu)
    pending = view.pending or remembered is not None
    links: Placed = [(StopName.DEVICE, its_enabled(machine))] if machine.has_its and not pending else []
    mapping = _mapping(machine, view, target)
    links += mapping
    if cpu is None or not all(each.holds for _, each in mapping):
        return cpu, links
    links += _in_redistributor(machine, view, cpu, remembered)
    links += [(StopName.CPU, each) for each in [group_link(machine, 1), *waker(machine, cpu)]]
    links += [(StopName.CPU, each) for each in listed(machine, intid, cpu, [each for _, each in links])]
    priority = machine.lpi_priority(view.priority) if remembered is None else remembered.priority
    if machine.impl.pending_home is PendingHome.GUEST_RAM and all(each.holds for _, each in links):
        links.append((StopName.CPU, _considered(machine, Candidate(priority, intid, 1), cpu)))
    return cpu, [*links, *((StopName.CPU, each) for each in interface_links(machine, intid, cpu, 1, priority))]


def _viewed(
    machine: Machine, intid: int, asked: int | None, by: tuple[EventView, int | None] | None
) -> tuple[int | None, LpiView]:
    """Where its collection sends it, and the LPI as seen from its event and on the CPU that is asked about."""
    target = machine.lpi(intid, None if by is None else by[1]).cpu
    view = machine.lpi(intid, _where(machine, intid, target) if asked is None else asked)
    if by is None:
        return target, view
    return target, replace(view, device=by[0].device_id, event=by[0].event_id, icid=by[0].icid)


def its_enabled(machine: Machine) -> Link:
    its = machine.its
    bases = [f"GITS_BASER{n}" for n in range(2) if not its.baser(n) & VALID]
    missing = [*([] if its.queue_bytes else ["GITS_CBASER"]), *bases]
    mend = "Write GITS_CTLR Enabled=1"
    return link(
        "GITS_CTLR.Enabled",
        its.enabled,
        "the ITS translates MSIs",
        "GITS_CTLR.Enabled is 0: the ITS takes no MSI and no command",
        f"Point {', '.join(missing)} at RAM with Valid=1. {mend}" if missing else mend,
        "IHI 0069, GITS_CTLR",
    )


def _in_redistributor(machine: Machine, view: LpiView, cpu: int, remembered: Candidate | None) -> Placed:
    pending = view.pending or remembered is not None
    links: Placed = []
    if machine.impl.disabled_pending is DisabledPending.NOT_SIGNALLED or not pending:
        enabled = link(
            f"GICR_CTLR@{cpu}.EnableLPIs",
            machine.lpis_enabled(cpu),
            f"LPIs are enabled on CPU {cpu}",
            f"EnableLPIs is 0 on CPU {cpu}",
            f"Write GICR_CTLR@{cpu} EnableLPIs=1",
            "IHI 0069, GICR_CTLR.EnableLPIs",
        )
        links.append((StopName.REDISTRIBUTOR, enabled))
    if machine.impl.signalling is Signalling.DIRECT:
        links.append((StopName.REDISTRIBUTOR, _id_bits(machine, view.intid, cpu, remembered is not None)))
    links.append((StopName.CONFIG, _config_link(machine, view, cpu, remembered is not None)))
    pending_link = link(
        "pending",
        pending,
        "it is pending" if view.pending else "its bit in RAM is 0, but the Redistributor remembers it as pending",
        "it is not pending",
        "Send its event: an MSI, or INT",
        "IHI 0069, LPI Pending tables",
    )
    links.append((StopName.PENDING, pending_link))
    return [*links, (StopName.PENDING, _active(view))] if machine.impl.pending_home is PendingHome.LATCH else links


def _where(machine: Machine, intid: int, target: int | None) -> int | None:
    """The CPU on which it is pending: not its target's, if it was left behind when that changed."""
    state = machine.lpi_home.state
    if target is not None and state(intid, target).pending:
        return target
    for cpu in range(machine.cpus):
        if state(intid, cpu).pending and state(intid, cpu).cpu == cpu:
            return cpu
    return target


def _remembered(machine: Machine, intid: int, cpu: int) -> Candidate | None:
    """QEMU: the best pending LPI as its Redistributor last worked it out, if it is this one."""
    if machine.impl.pending_home is not PendingHome.GUEST_RAM:
        return None
    best = machine.lpi_home.best(cpu)
    return best if best is not None and best.intid == intid else None


def _mapping(machine: Machine, view: LpiView, target: int | None) -> Placed:
    """From the event to a CPU."""
    if not machine.has_its:
        bit = "its bit in the pending table is all that makes it pending"
        none = "this machine has no ITS, and its bit in no pending table is set"
        mend = "Set its bit in the pending table in RAM, then write GICR_CTLR EnableLPIs=1"
        alone = link("ITS", view.pending, f"this machine has no ITS: {bit}", none, mend, "arm_gicv3_redist.c")
        return [(StopName.DEVICE, alone)]
    mapped = view.device is not None
    limit = lpi_limit(machine.propbaser(0))
    by_event = (
        f"DeviceID {view.device:#x} EventID {view.event:#x} maps to it" if mapped else "no event maps to it any more"
    )
    room = f"it leaves room for INTIDs below {limit}" if limit else "it is below 13, which leaves room for none"
    too_large = machine.impl.signalling is Signalling.LIST_REGISTERS and view.intid >= limit
    event = link(
        "ITS mapping",
        mapped or view.pending,
        by_event,
        "no event maps to it",
        f"Write GICR_PROPBASER@0 IDbits=15 first: {room}. Then map one with MAPD, MAPC and MAPTI"
        if too_large
        else "Map one with MAPD, MAPC and MAPTI",
        "IHI 0069, MAPTI",
    )
    if not event.holds:
        return [(StopName.EVENT_ENTRY, event)]
    return [(StopName.EVENT_ENTRY, event), (StopName.COLLECTION, _collection(view, target))]


def _collection(view: LpiView, target: int | None) -> Link:
    """The CPU on which it is pending will do, wherever its collection points by now."""
    if view.icid is None:
        no, mend = "it belongs to no collection any more", "Map the device again: MAPD, MAPC, then MAPTI"
    elif target is None:
        no, mend = "its collection is not mapped", f"Map collection {view.icid} with MAPC"
    else:
        no, mend = f"its collection targets CPU {target}", f"Move it with MOVI, or collection {view.icid} with MAPC"
    moved = view.device is not None and view.cpu != target
    yes = f"it is pending on CPU {view.cpu}, though {no}" if moved else f"it targets CPU {view.cpu}"
    holds = view.cpu is not None and (view.pending or (view.icid is not None and not moved))
    return link("collection", holds, yes, no, mend, "IHI 0069, MAPC")


def _id_bits(machine: Machine, intid: int, cpu: int, remembered: bool) -> Link:
    limit = lpi_limit(machine.propbaser(cpu))
    return link(
        f"GICR_PROPBASER@{cpu}.IDbits",
        intid < limit or remembered,
        "its INTID is within IDbits",
        f"IDbits leaves room for INTIDs below {limit}" if limit else "IDbits is below 13: there are no LPIs",
        f"Write GICR_PROPBASER@{cpu} IDbits=15 while EnableLPIs is 0",
        "IHI 0069, GICR_PROPBASER.IDbits",
    )


def _active(view: LpiView) -> Link:
    return link(
        "active state",
        not view.active,
        "it is not active",
        "it is active already: KVM keeps an active state for LPIs too",
        f"End it: write {view.intid} to ICC_EOIR1_EL1",
        "vgic.c: vgic_target_oracle",
    )


def _config_link(machine: Machine, view: LpiView, cpu: int, remembered: bool) -> Link:
    address = config_address(machine, view.intid, cpu)
    ram, cached = view.config_ram, view.config_cached
    stale = cached is not None and ram is not None and ram & 1 and not cached & 1
    if stale:
        no, mend = "the cached configuration byte says disabled, RAM says enabled", "Issue INV (or INVALL)"
    elif ram is None:
        no, mend = f"there is no RAM at {address:#x}, where its configuration byte would be", "Point PROPBASER at RAM"
    else:
        no, mend = "its configuration byte says disabled", f"Set bit 0 of the byte at {address:#x}, then issue INV"
    kept = (cached is not None and ram is not None and not ram & 1) or (remembered and not view.enabled)
    yes = "it is enabled: RAM says disabled, but nothing has read it since" if kept else "it is enabled"
    return link("configuration byte", view.enabled or remembered, yes, no, mend, "IHI 0069, LPI Configuration tables")


def _considered(machine: Machine, candidate: Candidate, cpu: int) -> Link:
    """QEMU remembers one LPI per CPU: a bit set or a byte changed in RAM since then has not been seen."""
    best = machine.lpi_home.best(cpu)
    return link(
        f"best LPI of CPU {cpu}",
        best is not None and best <= candidate,
        "the Redistributor has seen it",
        "the Redistributor has not read the tables since it became pending and enabled in RAM",
        "Issue INV or INVALL: both read the tables again",
        "arm_gicv3_redist.c: gicv3_redist_update_lpi",
    )
