"""What can be changed at a stop of an MSI's way: its bytes by a poke, its meaning as software would change it.

A form of these is one that the page posts anyway, see `app.web.views.lines`.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.gic import Machine
from app.gic.tables import CollectionEntry, DeviceEntry
from app.gic.way import Stop, Way
from app.gic.way_stops import Facts
from app.gic.why_links import StopName

_DEFAULT_ITT = 0x4030_0000
_DEFAULT_SIZE = 5


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    label: str
    value: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Button:
    """`op` is a whole line of the scenario language; "" sends the form's fields, with `do` if it is told."""

    label: str
    op: str = ""
    do: str = ""


@dataclass(frozen=True, slots=True)
class Edit:
    """One form: `kind` and `hidden` say what its fields mean."""

    legend: str
    kind: str
    hidden: tuple[tuple[str, str], ...]
    fields: tuple[Field, ...]
    buttons: tuple[Button, ...]
    hint: str = ""


def edits_of(machine: Machine, way: Way, stop: Stop) -> tuple[Edit, ...]:
    """The forms of a stop: first for the bytes, then for the meaning."""
    facts = way.facts
    pokes = tuple(_poke(cell.address, cell.data) for cell in stop.sight.cells if cell.data is not None)
    match stop.name:
        case StopName.DEVICE:
            return _device(machine, facts)
        case StopName.DEVICE_ENTRY:
            return (*pokes, *_mapd(facts))
        case StopName.EVENT_ENTRY:
            return (*pokes, *_mapti(machine, facts))
        case StopName.COLLECTION:
            return (*pokes, *_mapc(facts))
        case StopName.REDISTRIBUTOR if facts.cpu is not None:
            return (_enable(machine, facts.cpu),)
        case StopName.CONFIG if facts.cpu is not None:
            return (*pokes, *_config(facts, stop))
        case StopName.PENDING if facts.intid is not None:
            return (*pokes, *_pending(facts))
        case StopName.CPU if facts.cpu is not None:
            return _cpu(machine, facts, stop)
    return ()


def _poke(address: int, data: bytes) -> Edit:
    field = Field("bytes", f"Bytes at {address:#x}", data.hex(" "))
    return Edit("In RAM", "poke", (("address", f"{address:#x}"),), (field,), (Button("Poke"),))


def _lines(legend: str, *buttons: Button) -> Edit:
    return Edit(legend, "console", (), (), buttons)


def _command(
    name: str, known: tuple[tuple[str, str], ...], fields: tuple[Field, ...], *more: Button, hint: str = ""
) -> Edit:
    hidden = (("command", name), *((f"operand.{operand}", value) for operand, value in known))
    asked = tuple(Field(f"operand.{each.name}", each.label, each.value, each.choices) for each in fields)
    return Edit("ITS command", "its", hidden, asked, (Button(name), *more), hint)


def _of(facts: Facts) -> str:
    return f"device={facts.device:#x} event={facts.event:#x}"


def _event_operands(facts: Facts) -> tuple[tuple[str, str], ...]:
    return ("device", f"{facts.device:#x}"), ("event", f"{facts.event:#x}")


def _device(machine: Machine, facts: Facts) -> tuple[Edit, ...]:
    if facts.device is None or not machine.has_its:
        return ()
    other = 0 if machine.its.enabled else 1
    switch = Button(f"Enabled={other}", f"write GITS_CTLR Enabled={other}")
    return (_lines("GITS_CTLR", switch), _lines("Device", Button("Send this MSI", f"msi {_of(facts)}")))


def _mapd(facts: Facts) -> tuple[Edit, ...]:
    if facts.device is None:
        return ()
    entry = facts.entries[StopName.DEVICE_ENTRY].goes_by
    mapped = isinstance(entry, DeviceEntry)
    size, itt = (entry.size, entry.itt) if isinstance(entry, DeviceEntry) else (_DEFAULT_SIZE, _DEFAULT_ITT)
    fields = Field("itt", "ITT_addr", f"{itt:#x}"), Field("size", "EventID bits", str(size))
    unmap = (Button("Unmap", f"its MAPD device={facts.device:#x} valid=0"),) if mapped else ()
    return (_command("MAPD", (("device", f"{facts.device:#x}"),), fields, *unmap),)


def _mapti(machine: Machine, facts: Facts) -> tuple[Edit, ...]:
    if facts.device is None:
        return ()
    known, icid = _event_operands(facts), str(facts.icid or 0)
    fields = Field("intid", "pINTID", str(facts.intid or 8192)), Field("collection", "ICID", icid)
    if facts.intid is None:
        return (_command("MAPTI", known, fields),)
    hint = f"An event that is mapped already: {machine.impl.remap.meaning}."
    move = _command("MOVI", known, (Field("collection", "ICID", icid),))
    discard = Button("DISCARD", f"its DISCARD {_of(facts)}")
    return (_command("MAPTI", known, fields, discard, hint=hint), move)


def _mapc(facts: Facts) -> tuple[Edit, ...]:
    if facts.icid is None:
        return ()
    found = facts.entries.get(StopName.COLLECTION)
    entry = None if found is None else found.goes_by
    target = entry.rdbase if isinstance(entry, CollectionEntry) else 0
    unmap = (Button("Unmap", f"its MAPC collection={facts.icid} valid=0"),) if entry is not None else ()
    return (_command("MAPC", (("collection", str(facts.icid)),), (Field("target", "RDbase", str(target)),), *unmap),)


def _enable(machine: Machine, cpu: int) -> Edit:
    other = 0 if machine.lpis_enabled(cpu) else 1
    return _lines(f"GICR_CTLR@{cpu}", Button(f"EnableLPIs={other}", f"write GICR_CTLR@{cpu} EnableLPIs={other}"))


def _config(facts: Facts, stop: Stop) -> tuple[Edit, ...]:
    cell = stop.sight.cells[0]
    byte = 0 if cell.data is None else cell.data[0]
    inv = (Button("INV", f"its INV {_of(facts)}"),) if facts.device is not None else ()
    invall = (Button("INVALL", f"its INVALL collection={facts.icid}"),) if facts.icid is not None else ()
    cached = (_lines("ITS command", *inv, *invall),) if inv or invall else ()
    if cell.data is None:
        return cached
    fields = (
        Field("priority", "Priority", f"{byte & 0xFC:#04x}"),
        Field("enable", "Enable", str(byte & 1), ("0", "1")),
    )
    then = (Button("Write, then INV", do="inv"),) if facts.device is not None else ()
    hidden = [("address", f"{cell.address:#x}")]
    if facts.device is not None:
        hidden.append(("event", _of(facts)))
    return (Edit("Meaning", "lpi-config", tuple(hidden), fields, (Button("Write"), *then)), *cached)


def _pending(facts: Facts) -> tuple[Edit, ...]:
    if facts.device is None:
        return ()
    buttons = (
        Button("MSI", f"msi {_of(facts)}"),
        *(Button(name, f"its {name} {_of(facts)}") for name in ("INT", "CLEAR")),
    )
    return (_lines("Event", *buttons),)


def _cpu(machine: Machine, facts: Facts, stop: Stop) -> tuple[Edit, ...]:
    cpu = facts.cpu
    register = machine.map.registers["ICC_PMR_EL1"]
    mask = Field("value", "Priority mask", f"{machine.peek(register, cpu or 0):#04x}")
    forms = [Edit("ICC_PMR_EL1", "write", (("name", f"ICC_PMR_EL1@{cpu}"),), (mask,), (Button("Write"),))]
    buttons = []
    group = next((each for each in stop.links if each.name.startswith("GICD_CTLR.")), None)
    if group is not None:
        name = group.name.partition(".")[2]
        buttons.append(Button(f"{name}={int(not group.holds)}", f"write GICD_CTLR {name}={int(not group.holds)}"))
    enabled = machine.peek(machine.map.registers["ICC_IGRPEN1_EL1"], cpu or 0) & 1
    buttons.append(Button(f"ICC_IGRPEN1={1 - enabled}", f"write ICC_IGRPEN1_EL1@{cpu} {1 - enabled}"))
    buttons += [Button("Acknowledge", f"ack @{cpu}"), Button("End", f"eoi @{cpu} {facts.intid}")]
    return (*forms, _lines("Registers", *buttons))
