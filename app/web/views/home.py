"""The first page: start an empty machine, open what one has, go on where one was, or open a lesson."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from app import limits
from app.gic import IMPLEMENTATIONS
from app.registers import register_map
from app.scenario import ScenarioError
from app.web.views.bitgrid import Segment, Shown, halves
from app.web.views.inspector import Option
from app.web.views.lessons import Tile, tiles
from app.web.views.words import Hex, hex_groups

PTZ = 1 << 62
EXAMPLE = 0x4021_0000
CPU_CHOICES = (1, 2, 4, 8)
# The bits of an INTID that the LPI tables are made for; None leaves them to whoever writes GICR_PROPBASER.
LPI_BITS = (None, 14, 15, 16)
CONFIG_TABLE = 0x4020_0000
PENDING_TABLES = 0x4021_0000
PENDING_TABLE_BYTES = 0x1_0000


@dataclass(frozen=True, slots=True)
class Home:
    cards: tuple[Tile, ...]
    implementations: tuple[Option, ...]
    cpus: tuple[Option, ...]
    lpi_bits: tuple[Option, ...]
    wrote: Hex
    reads: Hex
    example: tuple[Segment, ...]
    example_href: str
    most: str


@lru_cache(maxsize=1)
def home() -> Home:
    """The same for everybody."""
    register = register_map("architecture").registers["GICR_PENDBASER"]
    shown = Shown(register, 0, 0, EXAMPLE, EXAMPLE, ())
    return Home(
        cards=tiles(),
        implementations=tuple(Option(item.name, item.title, item.name == "kvm") for item in IMPLEMENTATIONS.values()),
        cpus=tuple(Option(str(count), str(count), count == 2) for count in CPU_CHOICES),
        lpi_bits=tuple(Option(str(bits or ""), str(bits or "none"), bits is None) for bits in LPI_BITS),
        wrote=hex_groups(PTZ | EXAMPLE, 64, differs=PTZ),
        reads=hex_groups(EXAMPLE, 64, differs=PTZ),
        example=halves(shown, PTZ)[0],
        example_href="/lessons/ptz-reads-as-zero",
        most=f"{limits.IMPORT_BYTES // limits.MIB} MiB",
    )


def machine_text(given: Mapping[str, str]) -> str:
    """The scenario of a new machine, from a form's `implementation`, `cpus` and `lpi_bits`.

    GICD_TYPER.IDbits says 16 on every implementation; how many bits software uses is GICR_PROPBASER.IDbits, so that
    `lpi_bits` is the first two writes to each Redistributor. ScenarioError if it is none of LPI_BITS.
    """
    cpus = given.get("cpus") or "2"
    text = f"machine implementation={given.get('implementation') or 'kvm'} cpus={cpus}\n"
    bits = given.get("lpi_bits", "")
    if not bits:
        return text
    if bits not in map(str, LPI_BITS):
        choices = ", ".join(map(str, LPI_BITS[1:]))
        raise ScenarioError(f"lpi_bits is {bits[:16]!r}", source="machine", expected=f"{choices}, or nothing")
    for cpu in range(int(cpus) if cpus.isdigit() and len(cpus) < 3 else 0):
        pending = PENDING_TABLES + cpu * PENDING_TABLE_BYTES
        text += f"write GICR_PROPBASER@{cpu} Physical_Address={CONFIG_TABLE:#x} IDbits={int(bits) - 1}\n"
        text += f"write GICR_PENDBASER@{cpu} PTZ=1 Physical_Address={pending:#x}\n"
    return text
