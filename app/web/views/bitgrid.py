"""The bits of a register as a grid: fields and gaps, cut at 16-bit boundaries."""

from __future__ import annotations

from dataclasses import dataclass

from app.registers import Access, Field, Register
from app.web.views.doors import Door
from app.web.views.words import bit_range

HALF_ROW = 16
LONGEST_FLAT = 3
SHORT_NAMES = {"Shareability": "Share", "InnerCache": "Inner", "OuterCache": "Outer", "Physical_Address": "PA"}
# Too long to stand upright under a single bit.
INITIALS = {"Interrupt_Routing_Mode": "IRM"}


@dataclass(frozen=True, slots=True)
class Bit:
    number: int
    value: int
    label: str


@dataclass(frozen=True, slots=True)
class Segment:
    """Bits of one field, or of a reserved gap, within 16 bits; `cont_l`/`cont_r`: the field goes on there."""

    field: str
    label: str
    range: str
    reserved: bool
    differs: bool
    changed: bool
    cont_l: bool
    cont_r: bool
    upright: bool
    span: int
    bits: tuple[Bit, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """The register on view and its state at a step: `was` is the value one step before."""

    register: Register
    cpu: int
    step: int
    value: int
    was: int
    everywhere: tuple[tuple[int, int], ...]  # (CPU, value) of the same register on the CPUs around the one on view
    caution: str = ""  # what to know before a write
    doors: tuple[Door, ...] = ()  # who reads what, where there is more than one reader
    cpus: int = 1  # how many the machine has
    secure: int | None = None  # the same for Secure software, where there are two Security states


def halves(shown: Shown, differs: int) -> tuple[tuple[Segment, ...], ...]:
    """Fields and gaps cut at 16-bit boundaries, most significant first."""
    parts = pieces(shown.register)
    changed = shown.value ^ shown.was
    rows: list[tuple[Segment, ...]] = []
    for high in range(shown.register.width - 1, -1, -HALF_ROW):
        low = high - HALF_ROW + 1
        rows.append(
            tuple(
                _segment(
                    shown.register, field, (min(msb, high), max(lsb, low)), (msb, lsb), shown.value, differs, changed
                )
                for field, msb, lsb in parts
                if min(msb, high) >= max(lsb, low)
            )
        )
    return tuple(rows)


def pieces(register: Register) -> list[tuple[Field | None, int, int]]:
    """The whole register as (field or None for reserved, msb, lsb), most significant first."""
    found: list[tuple[Field | None, int, int]] = []
    above = register.width
    for field in register.fields:
        if field.msb + 1 < above:
            found.append((None, above - 1, field.msb + 1))
        found.append((field, field.msb, field.lsb))
        above = field.lsb
    if above > 0:
        found.append((None, above - 1, 0))
    return found


def _segment(
    register: Register,
    field: Field | None,
    part: tuple[int, int],
    whole: tuple[int, int],
    value: int,
    differs: int,
    changed: int,
) -> Segment:
    high, low = part
    mask = ((1 << (high - low + 1)) - 1) << low
    reserved = field is None or field.access is Access.RES0
    name = "reserved" if field is None else field.name
    span = high - low + 1
    cut = whole != (high, low)
    if field is not None and len(register.intids) > 1:
        label = _intid_label(register, field, span)
    else:
        label = ("RES0" if span > 2 else "") if reserved else _label(name, span)
    return Segment(
        field=name,
        label=label,
        range=f" [{bit_range(high, low)}]" if cut and label == name and span * 3 > len(name) + 8 else "",
        reserved=reserved,
        differs=bool(differs & mask),
        changed=bool(changed & mask),
        cont_l=whole[0] > high,
        cont_r=whole[1] < low,
        upright=span == 1 and len(label) > LONGEST_FLAT,
        span=span,
        bits=tuple(_bit(number, value, name, differs) for number in range(high, low - 1, -1)),
    )


def _bit(number: int, value: int, name: str, differs: int) -> Bit:
    now = value >> number & 1
    told = f"bit {number}, {name}, {now}"
    if differs >> number & 1:
        told += f", wrote {1 - now}, reads {now}"
    return Bit(number, now, told)


def _label(name: str, span: int) -> str:
    """The field's name if it fits under `span` bits or stands upright, else its short name, capitals or beginning."""
    room = span * 3
    if span == 1 and name in INITIALS:
        return INITIALS[name]
    if len(name) <= room or span == 1:
        return name
    capitals = "".join(char for char in name if char.isupper() or char.isdigit())
    for shorter in (SHORT_NAMES.get(name, ""), name.split("_", maxsplit=1)[0], capitals):
        if 1 < len(shorter) <= room:
            return shorter
    return name[: max(room - 1, 2)] + "…"


def _intid_label(register: Register, field: Field, span: int) -> str:
    """The interrupt that the bits speak about: their own names only count them."""
    each = register.width // len(register.intids)
    intid = register.intids[field.lsb // each]
    return str(intid) if span < HALF_ROW // 4 else f"INTID {intid}"
