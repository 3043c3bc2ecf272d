"""The register inspector: bits, fields, what was written and what it reads, and what could be written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.registers import Access, Field, Register, RegisterMap
from app.scenario.vocabulary import spoken_value
from app.web.views.bitgrid import Segment, Shown, halves, pieces
from app.web.views.doors import Door
from app.web.views.elsewhere import Elsewhere, asked_elsewhere
from app.web.views.history import Touch
from app.web.views.look import HABITS, Look
from app.web.views.reference_index import REFERENCE, register_address
from app.web.views.words import RADIX_BASE, Hex, Run, bit_range, hex_groups, in_radix, runs

LONGEST_SELECT = 16
MOST_OPEN_FIELDS = 16


@dataclass(frozen=True, slots=True)
class Option:
    value: str
    label: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class FieldRow:
    """A field as a control, or only as a value where writing does nothing.

    `shift`: the control holds the field in place, so its number is shifted by that much."""

    name: str
    bits: str
    msb: int
    lsb: int
    shift: int
    access: Access
    value: str
    control: bool
    named: str
    options: tuple[Option, ...]
    meaning: str
    cite: str


@dataclass(frozen=True, slots=True)
class AccessRow:
    title: str
    strong: bool
    step: int | None
    href: str
    hex: Hex


@dataclass(frozen=True, slots=True)
class Sibling:
    """The same register of another CPU."""

    cpu: int
    href: str
    value: str
    current: bool


@dataclass(frozen=True, slots=True)
class Siblings:
    """The CPUs next to the one on view; `before` and `after` lead to those that do not fit."""

    rows: tuple[Sibling, ...]
    cpus: int
    before: Sibling | None
    after: Sibling | None


@dataclass(frozen=True, slots=True)
class Inspector:
    """`value` and `base` are in hex; `draft` is `base` in the `radix` that is asked for, 16, 10 or 2."""

    name: str
    reference: str
    where: tuple[Run, ...]
    meaning: str
    cite: str
    href: str
    width: int
    value: str
    base: str
    draft: str
    radix: int
    radixes: tuple[tuple[str, str, bool], ...]
    in_full: bool
    other_meanings: str
    halves: tuple[tuple[Segment, ...], ...]
    fields: tuple[FieldRow, ...]
    others: str
    accesses: tuple[AccessRow, ...]
    why: tuple[Run, ...]
    widths: tuple[Option, ...]
    absent: str
    caution: str
    many: bool
    asks_device: bool
    doors: tuple[Door, ...]
    siblings: Siblings | None
    elsewhere: Elsewhere
    may_write: bool
    step: int

    @property
    def tab_stop(self) -> int:
        """The bit that the Tab key reaches, the first that is not reserved; -1 if all are."""
        segments = (segment for half in self.halves for segment in half if not segment.reserved)
        return next((segment.bits[0].number for segment in segments), -1)


def reference(register: Register, cpu: int) -> str:
    """The register as the scenario language names it."""
    return f"{register.name}@{cpu}" if register.per_cpu else register.name


def inspector(shown: Shown, map_: RegisterMap, touches: Sequence[Touch], look: Look, *, may_write: bool) -> Inspector:
    """`touches` are the last accesses to this register, oldest first."""
    register = shown.register
    wrote, differs = _difference(shown, touches)
    base = write_base(register, shown.value)
    here = look.register or reference(register, shown.cpu)
    return Inspector(
        name=register.name,
        reference=reference(register, shown.cpu),
        where=_where(register, map_, shown.cpu),
        meaning=register.meaning,
        cite=register.cite.removesuffix(register.name).removesuffix(register.stem).strip() or register.cite,
        href=register_address(register.name, "" if map_.implementation == REFERENCE else map_.implementation),
        width=register.width,
        value=f"0x{shown.value:0{register.width // 4}x}",
        base=f"0x{base:0{register.width // 4}x}",
        draft=in_radix(base, look.radix, register.width),
        radix=RADIX_BASE[look.radix],
        radixes=tuple((each, look.link(register=here, radix=each), each == look.radix) for each in HABITS["radix"]),
        in_full=look.meanings == "full",
        other_meanings=look.link(register=here, meanings="short" if look.meanings == "full" else "full"),
        halves=halves(shown, differs),
        fields=tuple(_field_row(field, base, look.radix, register.cite) for field in register.fields),
        others=_others(register),
        accesses=_accesses(shown, touches, look, differs),
        why=_why(register, wrote, _seen_by(shown, wrote), differs) if wrote and differs else (),
        widths=_widths(register),
        absent="" if register.present else register.why_absent or "This implementation has no such register.",
        caution=shown.caution,
        many=len(register.fields) > MOST_OPEN_FIELDS,
        asks_device=register.name == "GITS_TRANSLATER",
        doors=shown.doors,
        siblings=_siblings(shown, look) if register.per_cpu and shown.cpus > 1 else None,
        elsewhere=asked_elsewhere(register, here, look),
        may_write=may_write,
        step=shown.step,
    )


def write_base(register: Register, value: int) -> int:
    """What an untouched edit would write: the value read, but 0 where writing a 1 would clear."""
    for field in register.fields:
        if field.access is Access.W1C:
            value &= ~field.mask
    return value


def _where(register: Register, map_: RegisterMap, cpu: int) -> tuple[Run, ...]:
    frame = map_.frames[register.frame]
    parts = [f"CPU{cpu} · "] if register.per_cpu else []
    if register.encoding:
        return runs("".join([*parts, f"{register.encoding} · {register.width}-bit"]))
    if register.reference:
        return runs(f"{register.width}-bit · {register.reference}")
    address = map_.address(register, cpu)
    parts.append(f"{address:#010x} · {frame.title.split(', ')[-1]} + {register.offset:#06x} · {register.width}-bit")
    if len(register.intids) == 1:
        parts.append(f" · INTID {register.intids.start}")
    return runs("".join(parts))


def _difference(shown: Shown, touches: Sequence[Touch]) -> tuple[Touch | None, int]:
    """The last write, and the bits in which the register now reads otherwise than that write asked for."""
    wrote = next((touch for touch in reversed(touches) if touch.wrote is not None), None)
    if wrote is None or wrote.wrote is None:
        return None, 0
    return wrote, (wrote.wrote ^ _seen_by(shown, wrote)) & wrote.mask


def _seen_by(shown: Shown, touch: Touch) -> int:
    """The value as the software that made an access sees it."""
    return shown.secure if touch.secure and shown.secure is not None else shown.value


def _why(register: Register, wrote: Touch, value: int, differs: int) -> tuple[Run, ...]:
    many = differs & (differs - 1)
    lead = f"{'Bits' if many else 'Bit'} {_ranges(differs)} {'differ' if many else 'differs'}."
    told = wrote.why or _reason(register, wrote, value, differs)
    if told.startswith("writing "):
        told = told.capitalize()
    return (Run(f"{lead} ", "strong"), *runs(told if told.endswith(".") else f"{told}."))


def _reason(register: Register, wrote: Touch, value: int, differs: int) -> str:
    """Why the register does not read what was written, from the map: one sentence for each field, at most three."""
    sentences: list[str] = []
    covered = 0
    for field in register.fields:
        covered |= field.mask
        if differs & field.mask and wrote.wrote is not None:
            sentences.append(_field_reason(field, field.extract(wrote.wrote), field.extract(value)))
    if differs & ~covered:
        sentences.append(f"Bits {_ranges(differs & ~covered)} are reserved and read as zero.")
    more = len(sentences) - 3
    return " ".join([*sentences[:3], *([f"And {more} more fields."] if more > 0 else [])])


def _field_reason(field: Field, asked: int, reads: int) -> str:
    place = f"{field.name} [{bit_range(field.msb, field.lsb)}]"
    match field.access:
        case Access.WO:
            return f"{place} is write-only here: it reads as zero."
        case Access.RO | Access.RES1:
            return f"{place} is read-only: writing it does nothing."
        case Access.RES0:
            return f"{place} is reserved: it reads as zero."
        case Access.W1S:
            return f"{place} sets where 1 is written; writing 0 does nothing."
        case Access.W1C:
            return f"{place} clears where 1 is written; writing 0 does nothing."
        case _:
            if dict(field.kept).get(asked) == reads:
                return f"{place}: this implementation keeps {reads:#x} instead of {asked:#x}."
            return f"{place} reads {reads:#x}."


def _accesses(shown: Shown, touches: Sequence[Touch], look: Look, differs: int) -> tuple[AccessRow, ...]:
    """The last accesses, and what the register reads now if nothing has read it since the last write."""
    width = shown.register.width
    rows: list[AccessRow] = []
    last_wrote = max((place for place, touch in enumerate(touches) if touch.wrote is not None), default=-1)
    for place, touch in enumerate(touches):
        value = touch.wrote if touch.wrote is not None else touch.read
        if value is None:
            continue
        title = "You wrote" if touch.wrote is not None else "It read" if place < last_wrote else "It reads"
        title += ", Secure" * touch.secure
        current = touch.wrote is not None or touch.read == _seen_by(shown, touch)
        marks = differs if place >= last_wrote >= 0 and current else 0
        rows.append(
            AccessRow(
                title,
                place == len(touches) - 1 or place >= last_wrote >= 0,
                touch.step,
                look.link(step=touch.step, register=reference(shown.register, shown.cpu)),
                hex_groups(value, width, differs=marks, touched=touch.mask),
            )
        )
    if not touches or touches[-1].read != shown.value or touches[-1].secure:
        compared = 0 if last_wrote >= 0 and touches[last_wrote].secure else differs
        rows.append(AccessRow("It reads", True, None, "", hex_groups(shown.value, width, differs=compared)))
    return tuple(rows[-3:])


def _siblings(shown: Shown, look: Look) -> Siblings:
    """The same register on the CPUs around, as many as were asked."""

    def at(cpu: int) -> str:
        return look.link(register=reference(shown.register, cpu))

    radix = "dec" if look.radix == "dec" else "hex"  # in binary there is no room
    first, last = shown.everywhere[0][0], shown.everywhere[-1][0]
    return Siblings(
        tuple(Sibling(cpu, at(cpu), in_radix(value, radix), cpu == shown.cpu) for cpu, value in shown.everywhere),
        shown.cpus,
        Sibling(first - 1, at(first - 1), "", False) if first else None,
        Sibling(last + 1, at(last + 1), "", False) if last + 1 < shown.cpus else None,
    )


def _field_row(field: Field, value: int, radix: str, cite: str) -> FieldRow:
    """`cite` is the register's, which is told once."""
    now = field.extract(value)
    shift = field.lsb if spoken_value(field, 1) != 1 else 0
    return FieldRow(
        name=field.name,
        bits=bit_range(field.msb, field.lsb),
        msb=field.msb,
        lsb=field.lsb,
        shift=shift,
        access=field.access,
        value=in_radix(now << shift, radix),
        control=field.access not in (Access.RO, Access.RES0, Access.RES1),
        named=named.name if (named := field.enumeration(now)) else "",
        options=_options(field, now, radix),
        meaning=field.meaning,
        cite="" if field.cite == cite else field.cite,
    )


def _options(field: Field, now: int, radix: str) -> tuple[Option, ...]:
    """The field's named values as a choice; a one-bit field always is one. The manual lists them in binary."""
    named = {entry.value: entry.name for entry in field.values}
    if field.width == 1:
        named = {0: named.get(0, ""), 1: named.get(1, "")}
    if not named or len(named) > LONGEST_SELECT:
        return ()
    named.setdefault(now, "not a named value")
    return tuple(
        Option(f"{value:#x}", f"{_listed(field, value, radix)}  {name}".rstrip(), value == now)
        for value, name in sorted(named.items())
    )


def _listed(field: Field, value: int, radix: str) -> str:
    if field.width == 1 or radix == "dec":
        return str(value)
    return in_radix(value, "bin", field.width)


def _others(register: Register) -> str:
    gaps = [bit_range(msb, lsb) for field, msb, lsb in pieces(register) if field is None]
    return ", ".join(gaps)


def _ranges(mask: int) -> str:
    """The bits of a mask as ranges: "63, 61:59"."""
    told: list[str] = []
    bit = mask.bit_length() - 1
    while bit >= 0:
        if mask >> bit & 1:
            low = bit
            while low and mask >> (low - 1) & 1:
                low -= 1
            told.append(bit_range(bit, low))
            bit = low
        bit -= 1
    return ", ".join(told)


def _widths(register: Register) -> tuple[Option, ...]:
    if register.width == 64 and not register.encoding:
        return (Option("64", "64", True), Option("hi", "32 hi", False), Option("lo", "32 lo", False))
    return (Option(str(register.width), str(register.width), True),)
