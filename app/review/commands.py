"""Rules about ITS commands and the events of devices."""

from __future__ import annotations

from collections.abc import Iterator

from app.gic.commands import COMMAND_BYTES, COMMANDS, Command, decode
from app.gic.effects import CommandRun, MsiRefused
from app.gic.lpi import lpi_limit
from app.review.finding import Found, Rule, Seen
from app.review.history import operands
from app.scenario.operations import Its, Msi

MAPS = ("MAPTI", "MAPI")
LPI_BITS = 16
GICV3 = 3


def _id_bits(seen: Seen) -> int:
    """EventID bits that the ITS has: GITS_TYPER.ID_bits + 1."""
    return (seen.machine.peek("GITS_TYPER") >> 8 & 0x1F) + 1


def _event(device: int, event: int) -> str:
    return f"DeviceID {device:#x} EventID {event:#x}"


def _beyond(seen: Seen, device: int, event: int) -> bool:
    bits = seen.history.devices.get(device)
    return bits is not None and event >= 1 << bits


def _beyond_itt(seen: Seen, effect: CommandRun | MsiRefused) -> Iterator[Found]:
    if isinstance(effect, MsiRefused):
        device, event = effect.device, effect.event
    else:
        asked = operands(effect)
        if "event" not in asked:
            return
        device, event = asked["device"], asked["event"]
    if _beyond(seen, device, event):
        bits = seen.history.devices[device]
        size = f"the ITT has {1 << bits} entries ({bits} EventID bits)"
        yield Found(_event(device, event), f"EventID {event:#x} of DeviceID {device:#x} is beyond its ITT: {size}")


def _unmapped_collection(seen: Seen, effect: CommandRun) -> Iterator[Found]:
    if effect.name not in (*MAPS, "MOVI"):
        return
    icid = operands(effect)["collection"]
    if icid not in seen.history.collections:
        yield Found(f"ICID {icid}", f"{effect.text}: no MAPC has mapped collection {icid}")


def _unmapped_event(seen: Seen, effect: CommandRun | MsiRefused) -> Iterator[Found]:
    if isinstance(effect, MsiRefused):
        if isinstance(seen.step.op, Msi) and not _beyond(seen, effect.device, effect.event):
            yield from _unknown(seen, effect.device, effect.event, "the device's MSI")
        return
    asked = operands(effect)
    if effect.name not in MAPS and "event" in asked and not _beyond(seen, asked["device"], asked["event"]):
        yield from _unknown(seen, asked["device"], asked["event"], effect.name)


def _unknown(seen: Seen, device: int, event: int, what: str) -> Iterator[Found]:
    if (device, event) in seen.history.events:
        return
    why = "the event is not mapped" if device in seen.history.devices else "the device is not mapped"
    yield Found(_event(device, event), f"{what} for {_event(device, event)}: {why}")


def _itt_size(seen: Seen, effect: CommandRun) -> Iterator[Found]:
    if effect.name != "MAPD":
        return
    asked = operands(effect)
    most = _id_bits(seen)
    if asked.get("valid", 1) and asked["size"] > most:
        device = asked["device"]
        yield Found(
            f"DeviceID {device:#x}",
            f"MAPD of DeviceID {device:#x} asks for {asked['size']} EventID bits, GITS_TYPER.ID_bits gives {most}",
            "GITS_TYPER",
        )


def _no_configuration(seen: Seen, effect: CommandRun) -> Iterator[Found]:
    if effect.name not in MAPS:
        return
    asked = operands(effect)
    cpu = seen.history.collections.get(asked["collection"])
    if cpu is None or cpu >= seen.machine.cpus or not seen.machine.lpis_enabled(cpu):
        return
    intid = asked.get("intid", asked["event"])
    limit = lpi_limit(seen.machine.propbaser(cpu))
    if limit <= intid < 1 << LPI_BITS:
        told = f"INTID {intid} is mapped, GICR_PROPBASER@{cpu}.IDbits ends the LPIs at {max(limit - 1, 0)}"
        yield Found(f"INTID {intid}", told, f"GICR_PROPBASER@{cpu}")


def _error(seen: Seen, effect: CommandRun) -> Iterator[Found]:
    if effect.outcome not in ("ignored", "stalled"):
        return
    if any(True for rule in BEFORE_ERRORS for _ in rule.find(seen, effect)):
        return
    yield Found(effect.name or "command", f"{effect.text}: {effect.outcome}, {effect.error}", "GITS_CREADR")


def _reserved(seen: Seen, effect: CommandRun) -> Iterator[Found]:
    command = _in_queue(seen, effect)
    # Of a command that no GICv3 has, a later version says what its bits are.
    if command is None or command.name != effect.name or COMMANDS[command.name].version > GICV3:
        return
    ones = [f"DW{number} {_bits(word)}" for number, word in enumerate(command.reserved) if word]
    if ones:
        yield Found(effect.name, f"{effect.text}, slot {effect.slot}: ones in {', '.join(ones)}, which are RES0")


def _in_queue(seen: Seen, effect: CommandRun) -> Command | None:
    """The command as it stands in RAM; those of an `its` line are ours, and have no such bits."""
    if isinstance(seen.step.op, Its) or effect.name not in COMMANDS:
        return None
    try:
        packet = seen.machine.memory.read(seen.machine.its.queue_base + effect.slot * COMMAND_BYTES, COMMAND_BYTES)
    except IndexError:
        return None
    return decode(packet)


def _bits(word: int) -> str:
    """The ones of a doubleword as the manual writes them: [63], [15:8]."""
    runs: list[list[int]] = []
    for bit in (bit for bit in range(63, -1, -1) if word >> bit & 1):
        if runs and runs[-1][1] == bit + 1:
            runs[-1][1] = bit
        else:
            runs.append([bit, bit])
    return " ".join(f"[{high}]" if high == low else f"[{high}:{low}]" for high, low in runs)


def _missing_sync(seen: Seen, op: Msi) -> Iterator[Found]:
    key = (op.device, op.event)
    command = seen.history.unsynced.pop(key, "")
    if command:
        yield Found("SYNC", f"{_event(*key)} comes after {command} with no SYNC between them")


BEFORE_ERRORS = (
    Rule(
        "event-beyond-itt",
        "Event beyond the ITT",
        "IHI 0069, MAPD and MAPTI",
        "MAPD says how many EventIDs the ITT has room for. An event beyond it is a command error, "
        "and as an MSI is dropped.",
        "Give MAPD as many EventID bits as the device has events, and memory for that many entries.",
        (CommandRun, MsiRefused),
        _beyond_itt,
    ),
    Rule(
        "unmapped-collection",
        "Event mapped to an unmapped collection",
        "IHI 0069, MAPTI, MAPI and MOVI",
        "A collection that no MAPC has mapped has no Redistributor: the event goes nowhere until it has one.",
        "Send MAPC for the collection first.",
        (CommandRun,),
        _unmapped_collection,
    ),
    Rule(
        "unmapped-event",
        "Command or MSI for an event that is not mapped",
        "IHI 0069, INT, INV, CLEAR, DISCARD, MOVI and GITS_TRANSLATER",
        "With no mapping there is no LPI: the command is an error, and an MSI is dropped without a trace.",
        "Send MAPD and MAPTI before the device is allowed to send.",
        (CommandRun, MsiRefused),
        _unmapped_event,
    ),
    Rule(
        "mapd-too-large",
        "MAPD with more EventID bits than the ITS has",
        "IHI 0069, MAPD and GITS_TYPER.ID_bits",
        "GITS_TYPER says how many EventID bits the ITS supports. More is a command error.",
        "Ask for at most GITS_TYPER.ID_bits + 1 bits.",
        (CommandRun,),
        _itt_size,
    ),
    Rule(
        "lpi-beyond-idbits",
        "LPI beyond GICR_PROPBASER.IDbits",
        "IHI 0069, GICR_PROPBASER.IDbits",
        "IDbits says how many INTIDs the configuration table has bytes for; below 13 there is no LPI at all. An LPI "
        "beyond it has no configuration and is never signalled.",
        "Write IDbits so that the largest INTID fits: it holds the number of bits minus one.",
        (CommandRun,),
        _no_configuration,
    ),
)

RULES = (
    *BEFORE_ERRORS,
    Rule(
        "command-error",
        "ITS command not carried out",
        "IHI 0069, Command errors",
        "The ITS found the command at fault. It ignores it or stops the queue there, and later commands rest on "
        "what is not so.",
        "Mend the operand that the error names.",
        (CommandRun,),
        _error,
    ),
    Rule(
        "command-res0",
        "RES0 bits of an ITS command written as one",
        "IHI 0069, ITS commands",
        "The bits of a command that are no operand are reserved. A later ITS may give them a meaning, and will then do "
        "what nobody asked for; a value in them is often an operand that is one field or one doubleword off.",
        "Write the four doublewords as zero, then put in the opcode and the operands.",
        (CommandRun,),
        _reserved,
    ),
    Rule(
        "missing-sync",
        "Event used before a SYNC",
        "IHI 0069, SYNC",
        "Only after a SYNC are the effects of earlier commands sure to be seen by the Redistributor: an event before "
        "it may take the old route, or none.",
        "Send SYNC with the target of the collection after MAPTI, MAPI or MOVI.",
        (Msi,),
        _missing_sync,
    ),
)
