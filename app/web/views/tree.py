"""The navigator's tree as HTML: a page has some two hundred registers, of which a step changes a few."""

from __future__ import annotations

import re
from functools import lru_cache

from markupsafe import Markup, escape

from app.registers import RegisterMap
from app.web.views.look import Look
from app.web.views.navigator import Cell, Listing, cell, tree
from app.web.views.render import component

# No address of a page begins so, and no query holds a "=" that is not quoted.
NOWHERE = "nowhere:"
MARK = "@@"
PLACES = re.compile(rf'href="{NOWHERE}\?register=([^"]*)"|<span class="v" id="v-(\w+)-(\d+)" title=""></span>')
# Of a shape of machine there are as many trees as registers that may be on view: most visitors look at few of them.
TREES_KEPT = 64
CELLS_KEPT = 8192


def tree_html(listing: Listing, cpus: int) -> Markup:
    """The whole tree, from one rendered for the same machine and register on view: links and cells are put in."""
    pieces = _pieces(listing.map, cpus, listing.current)
    before, _, after = listing.look.link(register=MARK).partition(f"register={MARK}")
    start, end = f'href="{escape(before)}register=', f'{escape(after)}"'
    registers, values, changed = listing.map.registers, listing.values, listing.changed
    # What `re.split` gives: text, and after each the three groups of a place, of which one or two are set.
    parts = [pieces[0]]
    for at in range(1, len(pieces), 4):
        link, name, cpu, text = pieces[at : at + 4]
        if link is not None:
            parts += (start, link, end, text)
        else:
            key = (name, int(cpu))
            shown = cell(registers[name], key[1], values.get(key), changed=key in changed)
            parts += (_cell(shown), text)
    return Markup("".join(parts))  # noqa: S704 - made of rendered templates


@lru_cache(maxsize=TREES_KEPT)
def _pieces(map_: RegisterMap, cpus: int, current: tuple[str, int]) -> tuple[str, ...]:
    empty = Listing(map_, {}, frozenset(), Look(NOWHERE), current)
    return tuple(PLACES.split(component("navigator", "tree", tree(empty, cpus))))


@lru_cache(maxsize=CELLS_KEPT)
def _cell(shown: Cell) -> str:
    return component("navigator", "cell", shown)
