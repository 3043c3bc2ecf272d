"""What a page may be asked for inside another site's frame, each flag once: for the code and for the docs."""

from __future__ import annotations

from dataclasses import dataclass

PANELS = ("all", "register", "trace", "lpis", "devices", "collections", "queue", "memory")
THEMES = ("auto", "light", "dark")
# The panels that are tabs of one another.
TABLES = PANELS[3:]
SIZE = (960, 540)


@dataclass(frozen=True, slots=True)
class Flag:
    """One parameter of an address: what it takes, what it is if it is left out, and what it does."""

    name: str
    values: str
    default: str
    meaning: str


FLAGS = (
    Flag("embed", "1", "", "Show the player alone. Only with it other sites may show the page in a frame."),
    Flag("step", "0 to the last step", "the link's, else the last", "The step to open at."),
    Flag("panel", ", ".join(PANELS), PANELS[0], "What stands beside the steps: one panel, or all that fits."),
    Flag("readonly", "1, 0", "1", "With 0 there is a button by which a visitor gets a copy to write in, in a new tab."),
    Flag("theme", ", ".join(THEMES), THEMES[0], "Colours: as the visitor's system has them, or always light or dark."),
)
