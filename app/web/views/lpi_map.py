"""The map of all LPIs: 28 rows of 2,048 INTIDs, 64 cells of 32 each; a row shown large is 32 strips, a cell an LPI."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from app.gic.lpi_map import ENABLED, MAPPED, OFF, PENDING, ROW, SHOWN, STALE, Row
from app.web.views.look import FIRST_LPI, Look
from app.web.views.words import NONE, number

CELLS = 64
CELL = 8
QUARTERS = 4
STRIPS_KEPT = 4096

_Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class MapRow:
    """`paths` are (class, SVG path data); `words` say of the row what no cell of it does."""

    id: str
    first: int
    href: str
    words: str
    pending: str
    enabled: str
    paths: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class MapPanel:
    """`zoomed`: a cell is one LPI; `out` leads from there to the whole map, "" if there is no more than this row."""

    rows: tuple[MapRow, ...]
    zoomed: bool
    caption: str
    out: str


def map_panel(rows: Sequence[Row], look: Look, cpu: int | None) -> MapPanel:
    """The whole map, or one row of it large: the one asked for, or the only one there is."""
    flags = {row.first: row.flags if cpu is None else row.flags_on(cpu) for row in rows}
    asked = None if look.zoom is None else (look.zoom - FIRST_LPI) // ROW * ROW + FIRST_LPI
    if asked is None and len(rows) > 1:
        shown = [_row(first, each, look) for first, each in flags.items()]
        return MapPanel(tuple(each for each in shown if each), False, "Map of all LPIs", "")
    first = rows[0].first if asked is None and rows else asked or FIRST_LPI
    each = flags.get(first, bytes(ROW))
    strips = [_strip(first + at, each[at : at + CELLS], look) for at in range(0, ROW, CELLS)]
    return MapPanel(
        tuple(strip for strip in strips if strip),
        True,
        f"Map of INTIDs {first}{NONE}{first + ROW - 1}",
        look.link(zoom=None, start=FIRST_LPI) if asked is not None else "",
    )


def _row(first: int, flags: bytes, look: Look) -> MapRow | None:
    """A row of the whole map; None if there is no LPI in it."""
    drawn = _drawn(flags, ROW // CELLS)
    href = look.link(tab="lpis", zoom=first, start=first)
    return _told("lm", first, ROW, drawn, href) if drawn else None


def _strip(first: int, flags: bytes, look: Look) -> MapRow | None:
    """64 LPIs."""
    drawn = _drawn(flags, 1)
    href = look.link(tab="lpis", start=first)
    return _told("lz", first, CELLS, drawn, href) if drawn else None


@dataclass(frozen=True, slots=True)
class _Drawn:
    paths: tuple[tuple[str, str], ...]
    mapped: int
    pending: int
    enabled: int
    stale: int


def _told(kind: str, first: int, count: int, drawn: _Drawn, href: str) -> MapRow:
    stale = f", {number(drawn.stale)} stale" if drawn.stale else ""
    words = f"To {first + count - 1}: {number(drawn.mapped)} mapped{stale}"
    return MapRow(f"{kind}-{first}", first, href, words, number(drawn.pending), number(drawn.enabled), drawn.paths)


@lru_cache(maxsize=STRIPS_KEPT)
def _drawn(flags: bytes, per_cell: int) -> _Drawn | None:
    """64 cells of so many LPIs each, drawn and counted; None if none is shown."""
    if not any(flags):
        return None
    planes = {flag: flags.translate(_HAS[flag]) for flag in _HAS}
    counts = {flag: [plane.count(1, at, at + per_cell) for at in _starts(per_cell)] for flag, plane in planes.items()}
    boxes: dict[str, list[_Box]] = {}
    for cell in range(CELLS):
        if (shown := counts[SHOWN][cell]) == 0:
            if per_cell == 1:
                boxes.setdefault("u", []).append((cell * CELL + 3, 4, 2, 2))
            continue
        kind = _kind(*(counts[flag][cell] for flag in (SHOWN, MAPPED, ENABLED, OFF)))
        boxes.setdefault(kind, []).append(_box(kind, cell))
        if pending := counts[PENDING][cell]:
            boxes.setdefault("p", []).append(_fill(kind, cell, -(-QUARTERS * pending // shown)))
        if counts[STALE][cell]:
            boxes.setdefault("s", []).append((cell * CELL, 1, CELL, CELL))
    paths = tuple((css, _path(found)) for css, found in sorted(boxes.items()))
    mapped_enabled = flags.translate(_MAPPED_ENABLED).count(1)
    return _Drawn(paths, sum(counts[MAPPED]), sum(counts[PENDING]), mapped_enabled, sum(counts[STALE]))


_HAS = {
    flag: bytes(int(byte & flag > 0) for byte in range(256)) for flag in (SHOWN, MAPPED, PENDING, ENABLED, STALE, OFF)
}
_MAPPED_ENABLED = bytes(int(byte & (MAPPED | ENABLED) == MAPPED | ENABLED) for byte in range(256))


def _starts(per_cell: int) -> range:
    return range(0, CELLS * per_cell, per_cell)


def _kind(shown: int, mapped: int, enabled: int, off: int) -> str:
    """How a cell is outlined: by its LPIs that are mapped and, unless there are none, on a CPU that takes LPIs."""
    if off == shown:
        return "o"
    if not mapped:
        return "n"
    return "e" if enabled else "m"


def _box(kind: str, cell: int) -> _Box:
    return (cell * CELL + 3, 4, 2, 2) if kind == "n" else (cell * CELL + 1, 2, 6, 6)


def _fill(kind: str, cell: int, quarters: int) -> _Box:
    """As high as the share of pending LPIs; inside its outline where they are not enabled."""
    width, height = (6, 6) if kind == "e" else (4, 4)
    filled = height * quarters / QUARTERS
    return (cell * CELL + (CELL - width) / 2, 5 + height / 2 - filled, width, filled)


def _path(boxes: Iterable[_Box]) -> str:
    """Boxes one after the other, each told from where the one before began: mostly the same few characters."""
    told = []
    from_x = from_y = 0.0
    for x, y, width, height in boxes:
        told.append(f"m{x - from_x:g} {y - from_y:g}h{width:g}v{height:g}h-{width:g}z")
        from_x, from_y = x, y
    return "".join(told)
