"""The register on view as the same log leaves it on every implementation: asked for, and brought when it is played."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.gic import IMPLEMENTATIONS
from app.registers import Register
from app.web.views.look import Look
from app.web.views.words import Hex, hex_groups


@dataclass(frozen=True, slots=True)
class Side:
    """One implementation; `hex` is None where it has no such register, `differs`: not what is on view."""

    title: str
    href: str
    current: bool
    hex: Hex | None
    differs: bool


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """`wanted`: shown, or about to be; `other` turns it on or off. `sides` are empty until asked for at `href`.

    There will be `count` of them, so that nothing moves when they come.
    """

    wanted: bool
    href: str
    other: str
    compare: str
    count: int
    sides: tuple[Side, ...] = ()


def asked_elsewhere(register: Register, here: str, look: Look) -> Elsewhere:
    """The row before anything is played; `here` is the register as a link names it."""
    wanted = look.elsewhere == "on"
    return Elsewhere(
        wanted,
        look.link(register=here, elsewhere="on"),
        look.link(register=here, elsewhere="off" if wanted else "on"),
        f"/registers/{register.name}#sides-h",
        len(IMPLEMENTATIONS),
    )


def elsewhere_of(register: Register, here: str, own: str, values: Mapping[str, int | None], look: Look) -> Elsewhere:
    """The row with the values by implementation; `own` is the one that the log was made on."""
    asked = asked_elsewhere(register, here, look)
    current = look.on or own
    shown = values[current]
    sides = tuple(
        Side(
            IMPLEMENTATIONS[name].title,
            look.link(register=here, on="" if name == own else name),
            name == current,
            None if value is None else hex_groups(value, register.width, differs=value ^ (shown or 0)),
            value != shown,
        )
        for name, value in values.items()
    )
    return Elsewhere(True, asked.href, look.link(register=here, elsewhere="off"), asked.compare, asked.count, sides)
