"""struct vgic_irq of an LPI (vgic.h): what Linux KVM keeps of one while somebody refers to it."""

from __future__ import annotations

from operator import attrgetter
from typing import Any


class Lpi:
    """struct vgic_irq of an LPI. `target`: CPU or None; `queued`: the CPU whose list holds it; `refs`: its users."""

    __slots__ = (
        "active",
        "config",
        "enabled",
        "intid",
        "latch",
        "priority",
        "queued",
        "read",
        "refs",
        "strayed",
        "target",
    )

    def __init__(self, intid: int, target: int | None) -> None:
        self.intid = intid
        self.target = target
        self.config = 0
        self.read = False  # the configuration byte was read
        self.enabled = False
        self.priority = 0
        self.latch = False
        self.active = False
        self.queued: int | None = None
        self.refs = 1
        self.strayed = False  # it left, or did not follow, its collection for as long as it is pending

    @classmethod
    def of(cls, state: tuple[Any, ...]) -> Lpi:
        """One as `state_of` told it. Spelled out: a page of a step restores up to 57,344 a few times."""
        lpi = cls.__new__(cls)
        (
            lpi.active,
            lpi.config,
            lpi.enabled,
            lpi.intid,
            lpi.latch,
            lpi.priority,
            lpi.queued,
            lpi.read,
            lpi.refs,
            lpi.strayed,
            lpi.target,
        ) = state
        return lpi


state_of = attrgetter(*Lpi.__slots__)
"""All of an LPI's state, for `Lpi.of`."""
