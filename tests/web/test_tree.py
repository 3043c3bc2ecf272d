"""The navigator's tree, filled into one rendered before, is what its template renders."""

import pytest

from app.registers import register_map
from app.web.views.look import Look, look_from
from app.web.views.navigator import Listing, tree
from app.web.views.render import component
from app.web.views.tree import tree_html

LOOKS = (
    look_from("/s/abc", {}),
    look_from("/s/abc", {"step": "3", "on": "qemu", "why": "3@@1", "command": "MAPD", "tab": "memory"}),
    look_from("/x/a=b@@?&<", {"embed": "1", "register": "GICD_CTLR", "theme": "dark"}),
)


@pytest.mark.parametrize("look", LOOKS, ids=["usual", "past", "embedded"])
@pytest.mark.parametrize(("cpus", "current"), [(2, ("GICD_CTLR", 0)), (8, ("GICR_PENDBASER", 6))])
def test_a_tree_is_filled_in_as_it_would_be_rendered(look: Look, cpus: int, current: tuple[str, int]) -> None:
    map_ = register_map("kvm", cpus)
    values = {("GICD_CTLR", 0): 0x12, ("GITS_BASER0", 0): 0xB001_0000_4020_00FF, ("GICR_PENDBASER", 1): 7}
    changed = frozenset({("GITS_BASER0", 0), ("GICR_PENDBASER", 1)})
    for listing in (
        Listing(map_, values, changed, look, current),
        Listing(map_, {**values, ("GICD_CTLR", 0): 0}, frozenset(), look, current),
    ):
        assert tree_html(listing, cpus) == component("navigator", "tree", tree(listing, cpus))
