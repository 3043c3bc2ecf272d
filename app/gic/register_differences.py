"""The differences between implementations that are plain access data: read from their register maps, not written here.

Three kinds of rows for each register stem: what it resets to, what is kept of a write, and GICR_PENDBASER.PTZ, which
has a row of its own. Identification registers share one row for each frame.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from app.gic.behaviours import Status
from app.gic.implementations import IMPLEMENTATIONS
from app.registers import Access, Field, Register, RegisterMap, register_map

PTZ = ("GICR_PENDBASER", "PTZ")
_IDENTIFICATION = re.compile(r"(GICD|GICR|GITS)_(?:PIDR|CIDR)\d\Z")
_TOLD_BY_HARDWARE = re.compile(r"_(TYPER|IIDR|PIDR|STATUSR|BASER|ICFGR)|GICR_CTLR")
_PROGRAMMABLE = re.compile(r"BASER\Z|_IPRIORITYR")  # cacheability that may be fixed; the number of priority bits
# Where the map differs and a behaviour says so already: the register's stem, and the field of Implementation.
SAID_ELSEWHERE: Mapping[str, str] = {
    "GICR_INVLPIR": "invlpir_scope",
    "GICR_INVALLR": "invlpir_scope",
    "GITS_TRANSLATER": "translater_from_cpu",
    "GITS_CREADR": "creadr_write",
}
_LINUX = {"GICD": "vgic-mmio-v3.c", "RD": "vgic-mmio-v3.c", "SGI": "vgic-mmio-v3.c", "GITS": "vgic-its.c"}
_QEMU = {
    "GICD": "arm_gicv3_dist.c",
    "RD": "arm_gicv3_redist.c",
    "SGI": "arm_gicv3_redist.c",
    "GITS": "arm_gicv3_its.c",
}
_LINUX_FUNCTIONS = {
    "GICD_STATUSR": "vgic_mmio_read_rao",
    "GICD_IROUTER": "vgic_mmio_write_irouter",
    "GICR_PROPBASER": "vgic_sanitise_propbaser",
    "GICR_PENDBASER": "vgic_sanitise_pendbaser",
    "GITS_CBASER": "vgic_sanitise_its_cbaser",
    "GITS_BASER": "vgic_sanitise_its_baser",
}
_PTZ_SOURCES = {
    "architecture": "IHI 0069E 9.11.30 GICR_PENDBASER",
    "kvm": "vgic-mmio-v3.c: vgic_mmio_read_pendbase, observed",
    "kvm-before-5.6": 'vgic-mmio-v3.c before "Handle GICR_PENDBASER.PTZ filed as RAZ" (Linux 5.6)',
    "qemu": "arm_gicv3_redist.c: gicr_writell, observed",
}


class Kind(StrEnum):
    """What a row compares."""

    RESET = "reset"
    KEPT = "kept"
    FIELD = "field"


@dataclass(frozen=True, slots=True)
class Facet:
    """One implementation's value: in words, and where it is known from."""

    meaning: str
    cite: str


@dataclass(frozen=True, slots=True)
class RegisterDifference:
    """One row. `registers` are the names that it covers, the first stands for all of an array."""

    key: str
    title: str
    kind: Kind
    stem: str
    registers: tuple[str, ...]
    facets: Mapping[str, Facet]
    status: str = ""


def maps() -> dict[str, RegisterMap]:
    """The register map of each implementation, for two CPUs, 64 SPIs and an ITS."""
    return {name: register_map(item.registers) for name, item in IMPLEMENTATIONS.items()}


def register_differences() -> tuple[RegisterDifference, ...]:
    """Every row, in the order of the frames and offsets."""
    charts = maps()
    groups: dict[str, list[str]] = {}
    for name in charts["architecture"].registers:
        stem = charts["architecture"].registers[name].stem
        found = _IDENTIFICATION.match(name)
        groups.setdefault(f"{found[1]}_PIDR, {found[1]}_CIDR" if found else stem, []).append(name)
    rows: list[RegisterDifference] = []
    told: set[object] = set()
    for stem, names in groups.items():
        register = charts["architecture"].registers[names[0]]
        for row in _rows(stem, [each for each in names if _differs(charts, each)], charts):
            # ISENABLER and ICENABLER read the same state: one row tells of both.
            state = (register.frame, register.state or stem, row.kind)
            if state not in told:
                told.add(state)
                rows.append(row)
    return tuple(rows)


def reset_read(register: Register) -> int:
    """What a read gives after reset, on CPU 0."""
    return register.reset_for(0) & register.readable


def _rows(stem: str, names: list[str], charts: Mapping[str, RegisterMap]) -> Iterable[RegisterDifference]:
    if not names or stem in SAID_ELSEWHERE:
        return
    if stem == PTZ[0]:
        yield _field_row(charts, *PTZ)
    resets = [name for name in names if len({reset_read(chart.registers[name]) for chart in charts.values()}) > 1]
    if resets:
        yield _row(stem, Kind.RESET, f"{_named(stem, resets)} at reset", resets, charts)
    kept = [name for name in names if len({_kept(chart.registers[name]) for chart in charts.values()}) > 1]
    if kept:
        yield _row(stem, Kind.KEPT, f"What {_named(stem, kept)} keeps of a write", kept, charts)


def _named(stem: str, names: list[str]) -> str:
    if len(names) == 1:
        return names[0]
    return stem if "," in stem else f"{stem}<n>"


def _row(stem: str, kind: Kind, title: str, names: list[str], charts: Mapping[str, RegisterMap]) -> RegisterDifference:
    facets: dict[str, Facet] = {}
    for name, chart in charts.items():
        registers = [chart.registers[each] for each in names]
        others = [[each.registers[one] for each in charts.values()] for one in names]
        words = _reset_words(registers, others) if kind is Kind.RESET else _all_kept_words(registers, others)
        facets[name] = Facet(words, _source(name, stem, registers[0], kind))
    key = re.sub(r"\W+", "_", f"{stem}_{kind}".lower())
    return RegisterDifference(key, title, kind, stem, tuple(names), facets, _status(stem, kind))


def _status(stem: str, kind: Kind) -> str:
    """How the manual leaves it open."""
    if kind is Kind.RESET:
        if stem in ("GICR_PROPBASER", "GICR_PENDBASER"):
            return "architecturally UNKNOWN"
        return Status.DEFINED.value if _TOLD_BY_HARDWARE.search(stem) else ""
    return Status.DEFINED.value if _PROGRAMMABLE.search(stem) else ""


def _field_row(charts: Mapping[str, RegisterMap], stem: str, field: str) -> RegisterDifference:
    words = {
        Access.WO: "write-only: reads as zero, and is remembered",
        Access.RW: "stored, and read back as written",
    }
    facets = {
        name: Facet(words[chart.registers[stem].field(field).access], _PTZ_SOURCES[name])
        for name, chart in charts.items()
    }
    return RegisterDifference("ptz", f"How {stem}.{field} reads", Kind.FIELD, stem, (stem,), facets)


def _source(name: str, stem: str, register: Register, kind: Kind) -> str:
    family = IMPLEMENTATIONS[name].registers
    if family == "architecture":
        return register.cite
    if family == "qemu":
        return f"{_QEMU[register.frame]}, observed"
    function = _LINUX_FUNCTIONS.get(stem, "") if kind is Kind.KEPT or stem == "GICD_STATUSR" else ""
    return f"{_LINUX[register.frame]}{': ' + function if function else ''}, observed"


# -- what differs


def _kept(register: Register) -> object:
    """What decides how a write reads back; PTZ has its own row."""
    hidden = register.field(PTZ[1]).mask if register.stem == PTZ[0] else 0
    readable = register.readable & ~hidden
    return (
        readable & register.writable,
        readable & register.sets,
        readable & register.clears,
        tuple((each.name, each.kept) for each in register.sanitised),
    )


def _differs(charts: Mapping[str, RegisterMap], name: str) -> bool:
    registers = [chart.registers[name] for chart in charts.values()]
    return len({(reset_read(each), _kept(each)) for each in registers}) > 1 or name == PTZ[0]


# -- in words


def _reset_words(registers: list[Register], others: list[list[Register]]) -> str:
    """The value at reset, with the fields in which the implementations differ; of several registers, their values."""
    if len(registers) > 1 and len({reset_read(each) for each in registers}) > 1:
        shown = ", ".join(f"{each.name.partition('_')[2]} {reset_read(each):#x}" for each in registers)
        return f"absent: {shown}" if not any(each.present for each in registers) else shown
    register, value = registers[0], reset_read(registers[0])
    if not register.present:
        return "0x0: not implemented"
    if len(register.intids) > 1:
        return _array_reset_words(register, value)
    fields = [
        _field_value(field, value)
        for field in register.fields
        if field.width < register.width and len({reset_read(each) & field.mask for each in others[0]}) > 1
    ]
    return f"{value:#x}" + (f": {', '.join(fields)}" if fields else "")


def _array_reset_words(register: Register, value: int) -> str:
    """The word, and what its set fields mean for which INTIDs."""
    fields = list(reversed(register.fields))
    given = [intid for intid, field in zip(register.intids, fields, strict=True) if field.extract(value)]
    if not given:
        return f"{value:#x}"
    first = fields[given[0] - register.intids.start]
    named = first.enumeration(first.extract(value))
    return f"{value:#x}: {named.name if named else 'set'}, INTIDs {given[0]} to {given[-1]}"


def _field_value(field: Field, value: int) -> str:
    number = field.extract(value)
    named = field.enumeration(number)
    return f"{field.name}={named.name if named else f'{number:#x}' if number > 9 else number}"


def _all_kept_words(registers: list[Register], others: list[list[Register]]) -> str:
    """What the first one keeps, and where another one of the array differs from it."""
    told = _kept_words(registers[0], others[0])
    for register, beside in zip(registers[1:], others[1:], strict=True):
        more = _kept_words(register, beside, _differing(others[0]))
        if more and more not in told:
            return f"{told}; {register.name} also {more}"
    return told


def _differing(others: list[Register]) -> frozenset[str]:
    """The fields that these registers do not all keep alike."""
    names = (field.name for field in others[0].fields)
    return frozenset(name for name in names if len({_field_access(each, name) for each in others}) > 1)


def _kept_words(register: Register, others: list[Register], told_before: frozenset[str] = frozenset()) -> str:
    """Field by field, where they differ: as written, sanitised, read-only, RES0."""
    if not register.present:
        return f"nothing: {register.why_absent or 'not implemented'}"
    if len(register.intids) > 1:
        stored = register.readable & (register.writable | register.sets | register.clears)
        whole = max(each.readable & (each.writable | each.sets | each.clears) for each in others)
        return (
            "as written" if stored == whole else f"bits {stored:#010x} as written" if stored else "nothing: read-only"
        )
    told: dict[str, list[str]] = {}
    differing = _differing(others) - told_before
    for field in register.fields:
        if (register.stem, field.name) != PTZ and field.name in differing:
            told.setdefault(_access_words(register, field), []).append(field.name)
    architected = sum(field.mask for field in others[0].fields)
    reserved = register.mask & ~architected
    if not told_before and len({each.writable & each.readable & reserved for each in others}) > 1:
        stored = register.writable & register.readable & reserved
        words = "RES0" if not stored else "stored" if stored == reserved else f"bits {_ranges(stored)} stored"
        told.setdefault(words, []).append("reserved bits")
    return "; ".join(f"{_listed(names)}: {words}" for words, names in told.items())


def _field_access(register: Register, name: str) -> object:
    field = register.field(name)
    mask = field.mask & register.readable
    return mask & register.writable, mask & register.sets, mask & register.clears, field.kept


def _access_words(register: Register, field: Field) -> str:
    stored = field.mask & register.readable & (register.writable | register.sets | register.clears)
    if field.kept:
        return "sanitised (" + _sanitised(field) + ")"
    if not stored:
        return "read-only" if field.mask & register.readable else "RES0"
    return "as written" if stored == field.mask else f"bits {_ranges(stored)} as written, the others RES0"


def _sanitised(field: Field) -> str:
    changed = [(asked, kept) for asked, kept in field.kept if asked != kept]
    kept = sorted({after for _, after in changed})
    return ", ".join(f"{_span([asked for asked, after in changed if after == one])}→{one}" for one in kept)


def _span(numbers: list[int]) -> str:
    """2 to 7, or 0 and 1."""
    return f"{numbers[0]} to {numbers[-1]}" if len(numbers) > 2 else " and ".join(str(each) for each in numbers)


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _ranges(mask: int) -> str:
    """Bit ranges as the manual writes them: 63, 61:59."""
    found: list[str] = []
    bit = mask.bit_length() - 1
    while bit >= 0:
        if mask >> bit & 1:
            top = bit
            while bit > 0 and mask >> (bit - 1) & 1:
                bit -= 1
            found.append(str(top) if top == bit else f"{top}:{bit}")
        bit -= 1
    return ", ".join(found[:6]) + (" …" if len(found) > 6 else "")
