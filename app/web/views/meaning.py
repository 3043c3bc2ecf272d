"""An entry in RAM by its fields, as a form; and the line that writes what was edited there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.gic import Machine
from app.gic.commands import HEX_OPERANDS
from app.gic.decoding import Decoder, Entry
from app.gic.layout import Bits, EntryLayout
from app.gic.regions import region_at, regions
from app.scenario import ScenarioError

PREFIX = "bits."
HEX_FIELDS = HEX_OPERANDS | {"priority", "page", "opcode"}


@dataclass(frozen=True, slots=True)
class MeaningField:
    """`on` is None for what is not a single bit."""

    name: str
    input_name: str
    input_id: str
    label: str
    place: str
    value: str
    on: bool | None
    meaning: str
    fits: str


@dataclass(frozen=True, slots=True)
class Meaning:
    """`was` are the entry's bytes as they are shown; `bits`: all fields are single bits."""

    title: str
    says: str
    note: str
    address: str
    size: str
    format: str
    was: str
    fields: tuple[MeaningField, ...]
    bits: bool


def meaning(entry: Entry, typed: Mapping[str, str]) -> Meaning:
    """The entry as a form; `typed` is what a refused form of the same entry held."""
    mine = typed if typed.get("kind") == "meaning" and typed.get("entry") == f"{entry.start:#x}" else {}
    fields = tuple(_field(each, entry, mine) for each in entry.layout.bits)
    return Meaning(
        title=entry.title,
        says=entry.says,
        note=entry.note,
        address=f"{entry.start:#x}",
        size=f"{len(entry.data)} byte{'s' if len(entry.data) > 1 else ''}",
        format=entry.layout.name,
        was=entry.data.hex(),
        fields=fields,
        bits=all(each.on is not None for each in fields),
    )


def _field(bits: Bits, entry: Entry, typed: Mapping[str, str]) -> MeaningField:
    name = PREFIX + bits.name
    value = entry.values[bits.name]
    on = bool(value) if bits.width == 1 else None
    if typed and on is not None:
        on = typed.get(name) == "1"
    return MeaningField(
        name=bits.name,
        input_name=name,
        input_id=f"m-{entry.start:x}-{bits.name}",
        label=bits.field_name,
        place=bits.place_text if not bits.word else f"DW{bits.word} {bits.place_text}",
        value=typed.get(name, spoken(bits, value)),
        on=on,
        meaning=bits.meaning,
        fits=bits.range_text,
    )


def spoken(bits: Bits, value: int) -> str:
    """A field's value as people read it: addresses and masks in hex, INTIDs and counts in decimal."""
    return f"{value:#x}" if bits.name in HEX_FIELDS else str(value)


def meaning_line(form: Mapping[str, str], machine: Machine) -> str:
    """The poke that a form of fields stands for. ScenarioError if it makes no sense.

    Only what differs from what was shown is laid over the bytes as they are now, so that nothing else is undone.
    """
    address = _whole(form.get("entry", ""))
    if address is None:
        raise ScenarioError("The form names no entry", expected="an address, as 0x40200003", text=form.get("entry", ""))
    region = region_at(regions(machine, range(address, address + 1), 0), address)
    entry = Decoder(machine).entry(region, address) if region else None
    if entry is None or entry.start != address:
        problem = f"No entry of a table begins at {address:#x} any more"
        raise ScenarioError(problem, expected="an address where one does", text=f"{address:#x}")
    wanted = {each.name: _wanted(each, form) for each in entry.layout.bits}
    shown = _shown(form.get("was", ""), entry)
    edited = {name: value for name, value in wanted.items() if value != shown[name]}
    if not edited:
        raise ScenarioError("No field was edited", expected="another value in one of them", text=entry.title)
    return poke_of(entry.layout, address, entry.data, edited)


def poke_of(layout: EntryLayout, address: int, data: bytes, edited: Mapping[str, int]) -> str:
    """The line that writes the bytes which the edit changes; the first byte if it changes none."""
    now = layout.replaced(data[: layout.length], edited)
    differing = [at for at, (old, new) in enumerate(zip(data, now, strict=False)) if old != new] or [0]
    return f"poke {address + differing[0]:#x} {now[differing[0] : differing[-1] + 1].hex()}"


def _shown(was: str, entry: Entry) -> Mapping[str, int]:
    """The fields' values in the bytes that the form was made of."""
    try:
        data = bytes.fromhex(was)
    except ValueError:
        data = b""
    return entry.layout.values(data[: entry.layout.length]) if len(data) == len(entry.data) else entry.values


def _wanted(bits: Bits, form: Mapping[str, str]) -> int:
    """What the form holds for a field; a box that is not ticked is not sent."""
    text = form.get(PREFIX + bits.name, "0" if bits.width == 1 else "").strip()
    value = _whole(text)
    problem = f"{bits.field_name} {text[:40]!r} is not a number" if value is None else bits.refusal(value)
    if value is None or problem:
        shown = f"{bits.field_name}={text[:60]}"
        raise ScenarioError(problem, expected=bits.range_text, text=shown, column=len(bits.field_name) + 2)
    return value


def _whole(text: str) -> int | None:
    plain = text.strip().replace("_", "")
    if not plain or len(plain) > 32:
        return None
    try:
        return int(plain, 16 if plain[:2].lower() == "0x" else 10)
    except ValueError:
        return None
