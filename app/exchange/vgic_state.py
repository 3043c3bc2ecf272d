"""The state after the last step as KVM's debugfs prints it: `vgic-its-state@…`, then `vgic-state`.

The columns are those of the kernel's arch/arm64/kvm/vgic/vgic-debug.c and vgic-its-debug.c. What is not told there (the
addresses of tables, the CPU interfaces) is not here either; `state` has everything.
"""

from __future__ import annotations

from collections.abc import Iterator

from app.exchange.writers import Written
from app.gic import Machine
from app.scenario.player import played
from app.scenario.scenario import Scenario

EVENTS = "EVENT_ID    INTID  HWINTID   TARGET   COL_ID HW"
COLUMNS = " TYP   ID TGT_ID PLAEHCG     HWID   TARGET SRC PRI VCPU_ID"
LEGEND = "P=pending_latch, L=line_level, A=active\nE=enabled, H=hw, C=config (level=1, edge=0)\nG=group\n"
SGIS, PRIVATE = 16, 32
GROUPS_ON = 0b11


def write(scenario: Scenario) -> Written:
    """The text, one interrupt a line, in the order of its INTIDs: two of them can be compared by `diff`."""
    machine = played(scenario).machine
    rows = [*_devices(machine), *_head(machine, scenario.machine.spis)]
    for cpu in range(machine.cpus):
        rows += _titled(f"VCPU {cpu}")
        rows += [_wired(machine, intid, cpu) for intid in range(PRIVATE)]
    rows += _titled("SPI  0")
    rows += [_wired(machine, intid, None) for intid in range(PRIVATE, PRIVATE + scenario.machine.spis)]
    for lpi in machine.lpis():
        byte = lpi.config_ram if lpi.config_cached is None else lpi.config_cached
        flags = (lpi.pending, False, lpi.active, lpi.enabled, False, False, True)
        cpu = -1 if lpi.cpu is None else lpi.cpu
        rows.append(_row("LPI", lpi.intid, cpu, flags, 0, (byte or 0) & 0xFC))
    return Written("".join(f"{row}\n" for row in rows))


def _devices(machine: Machine) -> Iterator[str]:
    if not machine.has_its:
        return
    cpus = {each.icid: each.cpu for each in machine.collections() if each.valid}
    for device in machine.devices():
        yield ""
        yield f"Device ID: {device.device_id:#x}, Event ID Range: [0 - {(1 << device.size) - 1}]"
        yield EVENTS
        yield "-" * len(EVENTS)
        for event in machine.events(device.device_id):
            cpu = cpus.get(event.icid or 0)
            if event.icid is not None and cpu is not None:
                yield f"{event.event_id:8} {event.intid:8} {0:8} {cpu:8} {event.icid:8} {0:2}"


def _head(machine: Machine, spis: int) -> Iterator[str]:
    yield from ("Distributor", "===========", "vgic_model:\tGICv3", f"nr_spis:\t{spis}")
    yield f"nr_lpis:\t{len(machine.lpis())}"
    yield f"enabled:\t{int(bool(machine.gicd_ctlr() & GROUPS_ON))}"
    yield from ("", *LEGEND.splitlines())


def _titled(name: str) -> Iterator[str]:
    yield ""
    yield name + COLUMNS
    yield "-" * len(name + COLUMNS)


def _wired(machine: Machine, intid: int, of: int | None) -> str:
    wired, cpu = machine.wired, of or 0
    edge = wired.edge(intid, cpu) if intid >= SGIS else True
    flags = (
        wired.bit("pending", intid, cpu),
        wired.line(intid, cpu),
        wired.bit("active", intid, cpu),
        wired.bit("enable", intid, cpu),
        False,
        not edge,
        bool(wired.bit("group", intid, cpu)),
    )
    affinity = 0 if of is not None else machine.peek(f"GICD_IROUTER{intid}")
    target = of if of is not None else (affinity & 0xF) + 16 * (affinity >> 8 & 0xFF)
    kind = "SPI" if of is None else "SGI" if intid < SGIS else "PPI"
    return _row(kind, intid, target, flags, affinity, wired.priority(intid, cpu))


def _row(kind: str, intid: int, target: int, flags: tuple[bool, ...], affinity: int, priority: int) -> str:
    bits = "".join(str(int(each)) for each in flags)
    return f"       {kind} {intid:4}     {target:2} {bits} {0:8} {affinity:8x} {0:3x} {priority:3} {-1:7} "
