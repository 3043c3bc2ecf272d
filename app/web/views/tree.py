"""The navigator's tree as HTML: a page has some two hundred registers, of which a step changes a few."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TypeAlias

from markupsafe import Markup, escape

from app import limits
from app.registers import RegisterMap
from app.registers.kept import Kept
from app.web.views.look import Look
from app.web.views.navigator import Cell, Listing, cell, tree
from app.web.views.render import component

# No address of a page begins so, and no query holds a "=" that is not quoted.
NOWHERE = "nowhere:"
MARK = "@@"
PLACES = re.compile(rf'href="{NOWHERE}\?register=([^"]*)"|<span class="v" id="v-(\w+)-(\d+)" title=""></span>')
CELLS_KEPT = 8192
# The register that a link leads to, "" for a cell; the register of a cell with its CPU; and the text that follows.
Place: TypeAlias = tuple[str, tuple[str, int], str]


def tree_html(listing: Listing, cpus: int) -> Markup:
    """The whole tree, from one rendered for the same machine and register on view: links and cells are put in."""
    shape = (listing.map.implementation, listing.map.topology, cpus, listing.current)
    first, places = _KEPT.get(shape, lambda: _places(listing.map, cpus, listing.current))
    before, _, after = listing.look.link(register=MARK).partition(f"register={MARK}")
    start, end = f'href="{escape(before)}register=', f'{escape(after)}"'
    registers, values, changed = listing.map.registers, listing.values, listing.changed
    parts = [first]
    for link, key, text in places:
        if link:
            parts += (start, link, end, text)
        else:
            shown = cell(registers[key[0]], key[1], values.get(key), changed=key in changed)
            parts += (_cell(shown), text)
    return Markup("".join(parts))  # noqa: S704 - made of rendered templates


def _places(map_: RegisterMap, cpus: int, current: tuple[str, int]) -> tuple[str, tuple[Place, ...]]:
    """The text before the first place, and the places."""
    html = component("navigator", "tree", tree(Listing(map_, {}, frozenset(), Look(NOWHERE), current), cpus))
    first, *pieces = PLACES.split(html)
    groups = zip(pieces[0::4], pieces[1::4], pieces[2::4], pieces[3::4], strict=True)
    return first, tuple((link or "", (name or "", int(cpu or 0)), text) for link, name, cpu, text in groups)


# Of a shape of machine there are as many trees as registers that may be on view: most visitors look at few of them.
# A string takes some 50 bytes besides its text, a place three of them.
_KEPT = Kept[tuple[str, tuple[Place, ...]]](
    limits.TREE_BYTES_KEPT, lambda made: len(made[0]) + sum(200 + len(text) for *_, text in made[1])
)


@lru_cache(maxsize=CELLS_KEPT)
def _cell(shown: Cell) -> str:
    return component("navigator", "cell", shown)
