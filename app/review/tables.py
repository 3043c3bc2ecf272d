"""Rules about the tables in guest RAM: configuration, pending, and those of the ITS."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from app.gic import Machine
from app.gic.effects import CommandRun, LpisEnabled, RegisterWritten
from app.gic.lpi import PENDBASER_ADDRESS, PROPBASER_ADDRESS, lpi_limit
from app.review.finding import End, Found, Rule, Seen
from app.review.history import FIRST_LPI, operands

PAGE_BYTES = (4096, 16384, 65536, 65536)
VALID = 1 << 63


class Area(NamedTuple):
    """A range of guest RAM and what lies there."""

    first: int
    end: int
    name: str


def areas(machine: Machine) -> list[Area]:
    """The tables that the machine is told of now, each once; those of a CPU only while its LPIs are enabled."""
    found: dict[Area, None] = {}
    for cpu in range(machine.cpus):
        limit = lpi_limit(machine.propbaser(cpu))
        if not machine.lpis_enabled(cpu) or not limit:
            continue
        config, pending = machine.propbaser(cpu) & PROPBASER_ADDRESS, machine.pendbaser(cpu) & PENDBASER_ADDRESS
        found[Area(config, config + limit - FIRST_LPI, "the configuration table")] = None
        found[Area(pending, pending + limit // 8, f"the pending table of CPU {cpu}")] = None
    if machine.has_its:
        if machine.its.queue_bytes:
            base = machine.its.queue_base
            found[Area(base, base + machine.its.queue_bytes, "the command queue")] = None
        for index, name in enumerate(("the device table", "the collection table")):
            baser = machine.its.baser(index)
            page = PAGE_BYTES[baser >> 8 & 3]
            base = baser & 0xFFFF_FFFF_F000 & -page
            if baser & VALID and base:
                found[Area(base, base + page * ((baser & 0xFF) + 1), name)] = None
    return sorted(found)


def _clashes(machine: Machine) -> Iterator[Found]:
    ordered = areas(machine)
    for one, other in pairwise(ordered):
        if other.first < one.end:
            yield _clash(one, other)


def _clash(one: Area, other: Area) -> Found:
    first, second = sorted((one.name, other.name))
    where = max(one.first, other.first)
    return Found(f"{first} and {second}", f"{first} and {second} overlap at {where:#x}")


def _overlap(seen: Seen, effect: LpisEnabled | RegisterWritten | CommandRun) -> Iterator[Found]:
    if isinstance(effect, CommandRun):
        yield from _itt_overlap(seen, effect)
    elif isinstance(effect, LpisEnabled):
        if effect.enabled:
            yield from _clashes(seen.machine)
    elif effect.register == "GITS_CTLR" and effect.kept & ~effect.was & 1:
        yield from _clashes(seen.machine)


def _itt_overlap(seen: Seen, effect: CommandRun) -> Iterator[Found]:
    asked = operands(effect) if effect.name == "MAPD" else {}
    if not asked:
        return
    known, device = seen.history.itts, asked["device"]
    name = f"the ITT of DeviceID {device:#x}"
    old = seen.history.itt_of.pop(device, None)
    if old is not None:
        known.remove((*old, device))
    if not asked.get("valid", 1) or effect.outcome != "done":
        return
    entry = (seen.machine.peek("GITS_TYPER") >> 4 & 0xF) + 1
    area = Area(asked["itt"], asked["itt"] + (entry << asked["size"]), name)
    at = bisect_left(known, (area.first, 0, 0))
    near = [Area(first, end, f"the ITT of DeviceID {owner:#x}") for first, end, owner in known[max(at - 1, 0) : at + 1]]
    for other in [*areas(seen.machine), *near]:
        if other.first < area.end and area.first < other.end:
            yield _clash(area, other)
    insort(known, (area.first, area.end, device))
    seen.history.itt_of[device] = (area.first, area.end)


def _without_tables(seen: Seen, effect: LpisEnabled) -> Iterator[Found]:
    if not effect.enabled:
        return
    cpu, machine = effect.cpu, seen.machine
    missing = [
        name
        for name, address in (
            ("GICR_PROPBASER", machine.propbaser(cpu) & PROPBASER_ADDRESS),
            ("GICR_PENDBASER", machine.pendbaser(cpu) & PENDBASER_ADDRESS),
        )
        if not address
    ]
    if missing:
        told = f"LPIs are enabled on CPU {cpu} while the address in {' and '.join(missing)} is 0"
        yield Found(f"CPU {cpu}", told, f"{missing[0]}@{cpu}")


def _broken_promise(seen: Seen, effect: LpisEnabled) -> Iterator[Found]:
    cpu, machine = effect.cpu, seen.machine
    if not effect.enabled or not seen.history.promised.get(cpu):
        return
    table = machine.pendbaser(cpu) & PENDBASER_ADDRESS
    first, end = FIRST_LPI // 8, lpi_limit(machine.propbaser(cpu)) // 8
    try:
        data = machine.memory.read(table + first, max(end - first, 0))
    except IndexError:
        return
    if any(data):
        at = table + first + next(index for index, byte in enumerate(data) if byte)
        told = f"LPIs are enabled on CPU {cpu} with GICR_PENDBASER.PTZ=1, and the pending table has ones at {at:#x}"
        yield Found(f"CPU {cpu}", told, f"GICR_PENDBASER@{cpu}")


def _stale(seen: Seen, _end: End) -> Iterator[Found]:
    for intid, each in seen.history.stale.items():
        went = f"went from {each.was:#04x} to {each.byte:#04x}"
        told = f"the configuration byte of INTID {intid} {went}, no INV followed"
        yield Found(f"INTID {intid}", told, "", each.step, each.text)


RULES = (
    Rule(
        "configuration-without-inv",
        "Configuration byte changed without INV",
        "IHI 0069, INV and INVALL",
        "The Redistributor may have cached the byte, and then goes by the old priority and enable bit.",
        "Send INV for the event, or INVALL for its collection, then SYNC.",
        (End,),
        _stale,
    ),
    Rule(
        "lpis-without-tables",
        "LPIs enabled before the tables are set",
        "IHI 0069, GICR_CTLR.EnableLPIs",
        "With EnableLPIs the Redistributor reads both tables. Without an address it reads, and later "
        "writes, what lies at 0.",
        "Write GICR_PROPBASER and GICR_PENDBASER first.",
        (LpisEnabled,),
        _without_tables,
    ),
    Rule(
        "ptz-over-ones",
        "PTZ=1 over a pending table that is not zero",
        "IHI 0069, GICR_PENDBASER.PTZ",
        "PTZ promises that the table holds zeros, so that it need not be read. The ones in it may be "
        "lost, or come back.",
        "Clear the table, or write PTZ=0.",
        (LpisEnabled,),
        _broken_promise,
    ),
    Rule(
        "tables-overlap",
        "Tables that overlap in memory",
        "IHI 0069, GITS_BASER<n>, GITS_CBASER, GICR_PROPBASER, GICR_PENDBASER and MAPD",
        "Each table belongs to the GIC alone. Where two overlap, writing one destroys the other.",
        "Give each its own memory: a pending table to each CPU, an ITT to each device.",
        (LpisEnabled, RegisterWritten, CommandRun),
        _overlap,
    ),
)
