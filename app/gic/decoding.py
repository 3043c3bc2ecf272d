"""What the bytes of a region mean: an entry as its fields and as a sentence. Derived from the declared layouts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.gic.commands import BY_OPCODE, HEX_OPERANDS, layout_of
from app.gic.layout import EntryLayout
from app.gic.lpi import CONFIG, FIRST_LPI, pending_byte
from app.gic.regions import Kind, Region
from app.gic.tables import LEVEL1
from app.gic.views import CommandView

if TYPE_CHECKING:
    from app.gic.machine import Machine

_UNMAPPED = 0xFFFF_FFFF
_KEEPS_LISTS = "The ITS keeps its mappings in lists of its own: this is what the last SAVE_TABLES left here."


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry in RAM: `number` is its INTID, DeviceID, ICID, EventID or slot; `note` what to know beside it."""

    region: Region
    number: int
    start: int
    data: bytes
    layout: EntryLayout
    values: Mapping[str, int]
    title: str
    says: str
    note: str = ""

    @property
    def sentence(self) -> str:
        return f"{self.title}: {self.says}"


class Decoder:
    """The entries of one machine as it is now; the queue is looked at once."""

    def __init__(self, machine: Machine) -> None:
        self._m = machine
        self._commands: dict[int, CommandView] | None = None

    def entry(self, region: Region, address: int) -> Entry | None:
        """The entry that has the byte at `address`; None where not all of it is RAM, or the region's end cuts it."""
        index = region.index(address)
        start = region.start + index * region.entry_bytes
        if start + region.entry_bytes > region.end:
            return None
        try:
            data = self._m.memory.read(start, region.entry_bytes)
        except IndexError:
            return None
        number = region.first + index * (8 if region.kind is Kind.PENDING else 1)
        layout = self._layout(region, number, data)
        values = layout.values(data[: layout.length])
        title, says, note = self._told(region, number, data, values)
        return Entry(region, number, start, data, layout, values, title, says, note)

    def _layout(self, region: Region, number: int, data: bytes) -> EntryLayout:
        if region.level == 1:
            return LEVEL1
        match region.kind:
            case Kind.CONFIG:
                return CONFIG
            case Kind.PENDING:
                return pending_byte(number)
            case Kind.QUEUE:
                spec = BY_OPCODE.get(data[0])
                return layout_of(spec.name if spec else "")
        layouts = self._m.its.translation.layouts
        return {Kind.DEVICES: layouts.dte, Kind.COLLECTIONS: layouts.cte, Kind.ITT: layouts.ite}[region.kind]

    def _told(self, region: Region, number: int, data: bytes, values: Mapping[str, int]) -> tuple[str, str, str]:
        """Title, words, and what to know beside them."""
        if region.level == 1:
            says = f"valid, level 2 page at {values['page']:#x}" if values["valid"] else "not valid"
            return f"level 1 entry {number} of the {region.kind.lower()}", says, ""
        match region.kind:
            case Kind.CONFIG:
                return f"LPI {number}", configuration_words(values), ""
            case Kind.PENDING:
                return self._pending(number, values)
            case Kind.QUEUE:
                return self._command(number, data, values)
        return self._table_entry(region, number, values)

    @staticmethod
    def _pending(number: int, values: Mapping[str, int]) -> tuple[str, str, str]:
        on = [str(number + n) for n, value in enumerate(values.values()) if value]
        says = f"{', '.join(on)} pending" if on else "none pending"
        note = (
            "" if number >= FIRST_LPI else "These are no LPIs: the first 1 KB of a pending table is not read for them."
        )
        return f"pending bits of {number} to {number + 7}", says, note

    def _table_entry(self, region: Region, number: int, values: Mapping[str, int]) -> tuple[str, str, str]:
        layouts = self._m.its.translation.layouts
        note = _KEEPS_LISTS if layouts.listed else ""
        if region.kind is Kind.DEVICES:
            return f"DTE of DeviceID {number:#x}", device_words(values), note
        if region.kind is Kind.ITT:
            return f"ITE of DeviceID {region.owner or 0:#x} EventID {number:#x}", interrupt_words(values), note
        title = f"CTE {number} of the list" if layouts.listed else f"CTE of ICID {number}"
        return title, collection_words(values), note

    def _command(self, slot: int, data: bytes, values: Mapping[str, int]) -> tuple[str, str, str]:
        title = f"command slot {slot}"
        if self._commands is None:
            self._commands = {each.slot: each for each in self._m.queue().commands}
        spec = BY_OPCODE.get(values["opcode"])
        text = command_words(spec.name, values) if spec else f"no command has the opcode {values['opcode']:#04x}"
        ran = self._commands.get(slot)
        if ran is None:
            return title, "empty" if not any(data) else f"{text} · not between CREADR and CWRITER", ""
        written_since = ran.words != tuple(int.from_bytes(data[at : at + 8], "little") for at in range(0, 32, 8))
        note = "The slot was written since its command ran." if written_since else ran.error
        return title, f"{text} · {'written again' if written_since else ran.status}", note


def configuration_words(values: Mapping[str, int]) -> str:
    return f"priority {values['priority']:#04x}, {'enabled' if values['enabled'] else 'disabled'}"


def device_words(values: Mapping[str, int]) -> str:
    if not values["valid"]:
        return "not valid"
    following = f", next valid one +{values['next']}" if values.get("next") else ""
    return f"valid, ITT {values['itt']:#x}, {values['size']} EventID bits{following}"


def collection_words(values: Mapping[str, int]) -> str:
    if not values["valid"]:
        return "not valid"
    icid = f"ICID {values['icid']}, " if "icid" in values else ""
    return f"valid, {icid}" + ("no CPU" if values["rdbase"] == _UNMAPPED else f"CPU{values['rdbase']}")


def interrupt_words(values: Mapping[str, int]) -> str:
    """A format without a Valid bit has INTID 0 for none."""
    if not values.get("valid", values["intid"]):
        return "not valid"
    following = f", next valid one +{values['next']}" if values.get("next") else ""
    kind = "" if values.get("physical", 1) else "virtual, "
    return f"{kind}INTID {values['intid']}, ICID {values['icid']}{following}"


def command_words(name: str, values: Mapping[str, int]) -> str:
    """A command as people read it: INT DeviceID 0x2 EventID 0x14."""
    told = [
        f"{each.field_name} {values[each.name]:#x}"
        if each.name in HEX_OPERANDS
        else f"{each.field_name} {values[each.name]}"
        for each in layout_of(name).bits
        if each.name != "opcode"
    ]
    return " ".join([name, *told])
