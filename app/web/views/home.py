"""The first page: start an empty machine, or open a lesson."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from app.gic import IMPLEMENTATIONS
from app.registers import register_map
from app.web.views.bitgrid import Segment, Shown, halves
from app.web.views.inspector import Option
from app.web.views.lessons import Tile, tiles
from app.web.views.words import Hex, hex_groups

PTZ = 1 << 62
EXAMPLE = 0x4021_0000
CPU_CHOICES = (1, 2, 4, 8)


@dataclass(frozen=True, slots=True)
class Home:
    cards: tuple[Tile, ...]
    implementations: tuple[Option, ...]
    cpus: tuple[Option, ...]
    wrote: Hex
    reads: Hex
    example: tuple[Segment, ...]
    example_href: str


@lru_cache(maxsize=1)
def home() -> Home:
    """The same for everybody."""
    register = register_map("architecture").registers["GICR_PENDBASER"]
    shown = Shown(register, 0, 0, EXAMPLE, EXAMPLE, ())
    return Home(
        cards=tiles(),
        implementations=tuple(Option(item.name, item.title, item.name == "kvm") for item in IMPLEMENTATIONS.values()),
        cpus=tuple(Option(str(count), str(count), count == 2) for count in CPU_CHOICES),
        wrote=hex_groups(PTZ | EXAMPLE, 64, differs=PTZ),
        reads=hex_groups(EXAMPLE, 64, differs=PTZ),
        example=halves(shown, PTZ)[0],
        example_href="/lessons/ptz-reads-as-zero",
    )
