"""The text of QEMU's `gicv3_*` trace lines, as the typed events of `qemu_events`, one line at a time.

Event names and arguments are those of QEMU 7.2 to 10.2. Read is what each of QEMU's backends leaves as text: a log
(`-trace 'gicv3_*' -D trace.log`), whatever stands before the event's name (`PID@SECONDS:`, a time, what ftrace, syslog
or SystemTap put there), what scripts/simpletrace.py prints of a binary trace, and what babeltrace prints of LTTng's. A
line that says nothing that giclab knows has no event, but is still there with its text.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from app.exchange.qemu_events import (
    BusAccess,
    CollectionEntry,
    CommandOperands,
    CommandStarted,
    DeviceEntry,
    Event,
    Hppi,
    InterruptEntry,
    MsiWritten,
    SgiGenerated,
    SgiPending,
    Signalled,
    SystemAccess,
    WireChanged,
)


@dataclass(frozen=True, slots=True)
class TraceLine:
    """One line of a log, numbered from 1; `event` is None where the line says nothing that giclab knows."""

    number: int
    text: str
    event: Event | None


def parse(lines: Iterable[str]) -> Iterator[TraceLine]:
    """Every line of a log, in order, as it is read."""
    for number, line in enumerate(lines, start=1):
        text = line.rstrip("\r\n")
        yield TraceLine(number, text, parse_event(text))


def parse_event(text: str) -> Event | None:
    """The event of one line, or None."""
    match = _LINE.match(text)
    if match is None:
        return None
    name, said = match.group(1), match.group(2)
    form = _FORMS.get(name)
    if form is not None:
        pattern, build = form
        fields = pattern.match(said)
        if fields is None:
            return _from_arguments(name, said)
        return build(*[int(field, 0) for field in fields.groups()])
    if name.startswith(_COMMAND):
        if _arguments(said) is not None:
            return _from_arguments(name, said)
        return _command(name.removeprefix(_COMMAND).upper(), said)
    if name.startswith(_SYSTEM_REGISTER):
        return _system_access(said) or _from_arguments(name, said)
    return None


def event_name(text: str) -> str:
    """The name of the GICv3 event that a line is of, known or not; "" where it is of none."""
    match = _LINE.match(text)
    return match.group(1) if match else ""


_LINE = re.compile(r"(?:.*?[\s:])??(gicv3_\w+):? (.*)")
_COMMAND = "gicv3_its_cmd_"
_SYSTEM_REGISTER = "gicv3_icc_"
_OPERAND = re.compile(r"(\w+) (0x[0-9a-f]+|0|[1-9][0-9]{0,18})(?= |$)")
_SYSTEM = re.compile(r"GICv3 (ICC_\w+?)(_EL3)? (read|write) cpu (0x[0-9a-f]+) value (0x[0-9a-f]+)$")


def _system_access(said: str) -> SystemAccess | None:
    match = _SYSTEM.match(said)
    if match is None:
        return None
    name, level, verb, cpu, value = match.groups()
    return SystemAccess(f"{name}{level or '_EL1'}", _cpu(int(cpu, 16)), int(value, 16), verb == "write")


# QEMU's word for an operand: our name, and what QEMU's number has to be multiplied by and added to.
_OPERANDS = {
    "DeviceID": ("device", 1, 0),
    "EventID": ("event", 1, 0),
    "ICID": ("collection", 1, 0),
    "pINTID": ("intid", 1, 0),
    "RDbase": ("target", 1, 0),
    "RDbase1": ("source", 1, 0),
    "RDbase2": ("target", 1, 0),
    "Size": ("size", 1, 1),
    "ITT_addr": ("itt", 256, 0),
    "V": ("valid", 1, 0),
    "vPEID": ("vpe", 1, 0),
    "vINTID": ("vintid", 1, 0),
    "Dbell_pINTID": ("doorbell", 1, 0),
    "VPT_addr": ("vpt", 65536, 0),
    "VPT_size": ("vpt_size", 1, 1),
    "D": ("doorbell_valid", 1, 0),
}


def _command(name: str, said: str) -> CommandOperands:
    operands = []
    for word, number in _OPERAND.findall(said):
        if word in _OPERANDS:
            ours, factor, bias = _OPERANDS[word]
            operands.append((ours, int(number, 0) * factor + bias))
    return CommandOperands(name, tuple(operands))


# As scripts/simpletrace.py prints an event: the microseconds since the last one, then its arguments by name.
_SIMPLE = re.compile(r"-?\d+\.\d+ pid=\d+((?: \w+=0x[0-9a-f]+)*)$")
_ARGUMENT = re.compile(r"(\w+)=(0x[0-9a-f]+)")
# As babeltrace prints one of LTTng: what CPU of the host it was on, perhaps a context, then its arguments by name.
_BRACES = re.compile(r"\{.*\}, \{ ((?:\w+ = -?\w+(?:, )?)*) ?\}$")
_FIELD = re.compile(r"(\w+) = (0x[0-9A-Fa-f]+|0|-?[1-9][0-9]{0,19})(?=, |$)")
_ARGUMENTS = {
    "devid": "DeviceID",
    "eventid": "EventID",
    "icid": "ICID",
    "intid": "pINTID",
    "rdbase": "RDbase",
    "rd1": "RDbase1",
    "rd2": "RDbase2",
    "size": "Size",
    "ittaddr": "ITT_addr",
    "valid": "V",
    "vpeid": "vPEID",
    "vintid": "vINTID",
    "doorbell": "Dbell_pINTID",
    "vptaddr": "VPT_addr",
    "vptsize": "VPT_size",
    "dbvalid": "D",
}
_NUMBERED = {"ap": "ICC_AP{}R{}", "bpr": "ICC_BPR{}", "eoir": "ICC_EOIR{}", "igrpen": "ICC_IGRPEN{}"}


def _from_arguments(name: str, said: str) -> Event | None:
    """The event of a line that has its arguments by name."""
    arguments = _arguments(said)
    if arguments is None:
        return None
    values = [value for _, value in arguments]
    form = _FORMS.get(name)
    if form is not None:
        pattern, build = form
        # LTTng's events have no room for a bool, and that is the last one of an access.
        if "secure" in pattern.pattern and len(values) == pattern.groups - 1:
            values.append(0)
        return build(*values) if len(values) == pattern.groups else None
    if name.startswith(_COMMAND):
        words = [f"{_ARGUMENTS[word]} {value}" for word, value in arguments if word in _ARGUMENTS]
        return _command(name.removeprefix(_COMMAND).upper(), " ".join(words))
    register, _, verb = name.removeprefix(_SYSTEM_REGISTER).rpartition("_")
    template = _NUMBERED.get(register, f"ICC_{register.upper()}")
    if len(values) != template.count("{}") + 2 or verb not in ("read", "write"):
        return None
    *numbers, cpu, value = values
    full = template.format(*numbers)
    return SystemAccess(full if full.endswith("_EL3") else f"{full}_EL1", _cpu(cpu), value, verb == "write")


def _arguments(said: str) -> list[tuple[str, int]] | None:
    """The arguments of a line that has them by name, in order; None of another."""
    if simple := _SIMPLE.match(said):
        return [(word, int(number, 16)) for word, number in _ARGUMENT.findall(simple.group(1))]
    if braces := _BRACES.match(said):
        found = _FIELD.findall(braces.group(1))
        whole = len(found) == braces.group(1).count(" = ")
        return [(word, int(number, 0)) for word, number in found] if whole else None
    return None


Build: TypeAlias = Callable[..., Event]


def _cpu(affinity: int) -> int:
    """QEMU prints a CPU's affinity; its virt board has 16 CPUs an Aff1."""
    return (affinity >> 8 & 0xFF) * 16 + (affinity & 0xFF)


def _form(text: str, build: Build) -> tuple[re.Pattern[str], Build]:
    """A line's format: `%x` is a hexadecimal number with its 0x, `%d` a decimal one; `build` gets the numbers."""
    pattern = re.escape(f"GICv3 {text}").replace("%x", "(0x[0-9a-f]+)").replace("%d", "(0|-?[1-9][0-9]{0,18})")
    return re.compile(pattern + "$"), build


def _access(frame: str, verb: str, where: str = "") -> dict[str, tuple[re.Pattern[str], Build]]:
    """The lines of one frame's reads or writes, and those of accesses that no register took."""
    write = verb == "write"
    per_cpu = "%x" in where

    def split(fields: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
        return (_cpu(fields[0]), fields[1:]) if per_cpu else (0, fields)

    def good(*fields: int) -> Event:
        cpu, (offset, value, size, *_secure) = split(fields)
        return BusAccess(frame, cpu, offset, value, size, write)

    def bad(*fields: int) -> Event:
        cpu, (offset, *rest) = split(fields)
        value = rest.pop(0) if write else 0
        return BusAccess(frame, cpu, offset, value, rest[0], write, error=True)

    unit = {"GICD": "dist", "GICR": "redist", "GITS": "its"}[frame]
    secure = "" if frame == "GITS" else " secure %d"
    data = " data %x" if write else ""
    return {
        f"gicv3_{unit}_{verb}": _form(f"{where} {verb}: offset %x data %x size %d{secure}", good),
        f"gicv3_{unit}_bad{verb}": _form(f"{where} {verb}: offset %x{data} size %d{secure}: error", bad),
    }


def _entry(verb: str) -> dict[str, tuple[re.Pattern[str], Build]]:
    """The lines of reads or writes of ITS table entries."""
    write = verb == "write"

    def dte(device: int, valid: int, size: int, itt: int) -> Event:
        # A read prints the address of the ITT, a write what the entry holds of it: bits 51:8.
        return DeviceEntry(device, bool(valid), size + 1, itt << 8 if write else itt, write)

    def cte(icid: int, valid: int, rdbase: int) -> Event:
        return CollectionEntry(icid, bool(valid), rdbase, write)

    def ite(itt: int, event: int, valid: int, physical: int, intid: int, icid: int, _vpe: int, _doorbell: int) -> Event:
        return InterruptEntry(itt, event, bool(valid), bool(physical), intid, icid, write)

    fields = "valid %d inttype %d intid %x ICID %x vPEID %x doorbell %x"
    return {
        f"gicv3_its_dte_{verb}": _form(f"ITS: Device Table {verb} for DeviceID %x: valid %d size %x ITTaddr %x", dte),
        f"gicv3_its_cte_{verb}": _form(f"ITS: Collection Table {verb} for ICID %x: valid %d RDBase %x", cte),
        f"gicv3_its_ite_{verb}": _form(f"ITS: Interrupt Table {verb} for ITTaddr %x EventID %x: {fields}", ite),
    }


def _wire(intid: int, level: int) -> Event:
    return WireChanged(intid, bool(level))


def _private_wire(affinity: int, intid: int, level: int) -> Event:
    return WireChanged(intid, bool(level), _cpu(affinity))


def _sgi_pending(affinity: int, intid: int) -> Event:
    return SgiPending(_cpu(affinity), intid)


def _sgi_generated(affinity: int, intid: int, irm: int, target: int, targets: int) -> Event:
    return SgiGenerated(_cpu(affinity), intid, bool(irm), target, targets)


def _hppi(affinity: int, intid: int, group: int, priority: int) -> Event:
    return Hppi(_cpu(affinity), intid, group, priority)


def _signalled(affinity: int, fiq: int, irq: int) -> Event:
    return Signalled(_cpu(affinity), bool(fiq), bool(irq))


_FORMS: dict[str, tuple[re.Pattern[str], Build]] = {
    **_access("GICD", "read", "distributor"),
    **_access("GICD", "write", "distributor"),
    **_access("GICR", "read", "redistributor %x"),
    **_access("GICR", "write", "redistributor %x"),
    **_access("GITS", "read", "ITS"),
    **_access("GITS", "write", "ITS"),
    **_entry("read"),
    **_entry("write"),
    "gicv3_dist_set_irq": _form("distributor interrupt %d level changed to %d", _wire),
    "gicv3_redist_set_irq": _form("redistributor %x interrupt %d level changed to %d", _private_wire),
    "gicv3_redist_send_sgi": _form("redistributor %x pending SGI %d", _sgi_pending),
    "gicv3_icc_generate_sgi": _form(
        "CPU i/f %x generating SGI %d IRM %d target affinity %xxx targetlist %x", _sgi_generated
    ),
    "gicv3_its_translation_write": _form("ITS TRANSLATER write: offset %x data %x size %d requester_id %x", MsiWritten),
    "gicv3_its_process_command": _form("ITS: processing command at offset %x: %x", CommandStarted),
    "gicv3_cpuif_update": _form("CPU i/f %x HPPI update: irq %d group %d prio %d", _hppi),
    "gicv3_cpuif_set_irqs": _form("CPU i/f %x HPPI update: setting FIQ %d IRQ %d", _signalled),
}
