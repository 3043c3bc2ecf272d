"""The register map as a C header: offsets within their frame, and mask and shift of each field."""

from __future__ import annotations

import re
from collections.abc import Iterator

from app.registers import Register, RegisterMap

BASES = {"GICD": "GICD_BASE", "GITS": "GITS_BASE", "RD": "GICR_BASE"}


def header(map_: RegisterMap) -> str:
    """One header of macros. Registers of an array have one set of fields each only where theirs differ."""
    guard = re.sub(r"\W", "_", f"GICV3_{map_.implementation}_H").upper()
    rows = [
        f"/* GICv3 registers of {map_.implementation}: giclab registers --on {map_.implementation} --format header */",
        f"#ifndef {guard}",
        f"#define {guard}",
        "",
    ]
    for key, name in BASES.items():
        if key in map_.frames:
            rows.append(f"#define {name} {map_.frames[key].base:#x}UL")
    rows.append(f"#define GICR_STRIDE {map_.frames['RD'].stride:#x}UL")
    told: set[tuple[str, str]] = set()
    for register in map_.registers.values():
        if register.present and not register.reference:
            rows += ["", *_register(map_, register, told)]
    return "\n".join([*rows, "", f"#endif /* {guard} */", ""])


def _register(map_: RegisterMap, register: Register, told: set[tuple[str, str]]) -> Iterator[str]:
    yield f"/* {register.title.replace('*/', '* /')} */"
    if register.encoding:
        yield f"#define {register.name} {register.encoding}"
    else:
        own = map_.frames["RD"].base if register.frame in ("RD", "SGI", "VLPI") else map_.frames[register.frame].base
        yield f"#define {register.name} {map_.address(register) - own:#x}"
    for field in register.fields:
        # The 32 fields of an array's register have the INTID in their names: the offset and the INTID say as much.
        if register.intids or (register.stem, field.name) in told:
            continue
        told.add((register.stem, field.name))
        name = re.sub(r"\W", "_", f"{register.stem}_{field.name}")
        suffix = "ULL" if register.width > 32 else "U"
        yield f"#define {name}_SHIFT {field.lsb}"
        yield f"#define {name}_MASK {field.mask:#x}{suffix}"
