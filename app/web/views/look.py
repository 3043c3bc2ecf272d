"""Where a visitor looks: register, tab, window, step. It lives in the address of the page and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from app import limits
from app.web.views.embed import PANELS, TABLES, THEMES

TABS = ("lpis", "devices", "collections", "queue", "memory")
SHOWN_LPIS = ("pending", "enabled", "disabled", "stale")
DIFF = "/diff"
FIRST_LPI = 8192
LAST_LPI = 65_535
RAM_BASE = 0x4000_0000
LARGEST_ADDRESS = (1 << 52) - 1
# What a browser keeps of how its user likes to look, the usual first: attributes of a look that links leave out.
HABITS = {
    "radix": ("hex", "dec", "bin"),
    "meanings": ("short", "full"),
    "elsewhere": ("off", "on"),
    "lanes": ("off", "on"),
}


@dataclass(frozen=True, slots=True)
class Look:
    """One address of the explorer. Defaults stand for what is usual and are left out of links.

    `register` "" follows the step on view; `step` None is the newest; `on` "" is the machine's own implementation;
    `start` is the first INTID of the LPI table, `show` the state and `cpu` the CPU of the LPIs that it shows (all), and
    `zoom` the first INTID of the row of the map that is shown large. `device` is the DeviceID whose ITT is open (the
    first); `devices`, `event` and `icid` are where the windows of devices, of that ITT and of collections begin.
    `address` is what memory shows (None: the tables in RAM decide). `why` is the interrupt that is asked about, as 8195
    or 3@1, `way` the LPI or the event whose way is shown, as 8195 or 0x2:0x14. `pinned`: without a step the address
    means another than the newest. `embed` and what follows: see app.web.views.embed. The last four are HABITS: numbers
    in `radix`, fields' `meanings` in full, the register `elsewhere`, the `lanes` of the steps. `here`: it is shown by
    the page at `base`, so that links need not repeat that.
    """

    base: str
    register: str = ""
    tab: str = TABS[0]
    start: int = FIRST_LPI
    show: str = ""
    cpu: int | None = None
    zoom: int | None = None
    device: int | None = None
    devices: int = 0
    event: int = 0
    icid: int = 0
    address: int | None = None
    step: int | None = None
    on: str = ""
    command: str = ""
    find: str = ""
    words: str = ""
    why: str = ""
    way: str = ""
    pinned: bool = False
    embed: bool = False
    panel: str = PANELS[0]
    readonly: bool = True
    theme: str = THEMES[0]
    radix: str = HABITS["radix"][0]
    meanings: str = HABITS["meanings"][0]
    elsewhere: str = HABITS["elsewhere"][0]
    lanes: str = HABITS["lanes"][0]
    here: bool = False

    @property
    def shares_lpis(self) -> bool:
        """True if the LPI table shows what every newcomer sees, so that one rendering serves all."""
        picked = self.show or self.cpu is not None or self.zoom is not None
        return self.start == FIRST_LPI and not picked and self.step is None and not self.on

    @property
    def shares_devices(self) -> bool:
        """The same for devices."""
        return self.device is None and not self.devices and not self.event and self.step is None and not self.on

    @property
    def shares_collections(self) -> bool:
        """The same for collections."""
        return not self.icid and self.step is None and not self.on

    @property
    def diff(self) -> str:
        """The page that compares the machine on view with the one a step before."""
        before = -1 if self.step is None else max(self.step - 1, 0)
        one, other = (_address(self.base, step, self.on) for step in (before, self.step))
        return f"{DIFF}?a={one}&b={other}"

    @property
    def against(self) -> str:
        """The page that asks what to compare the machine on view with."""
        return f"{DIFF}?a={_address(self.base, self.step, self.on)}"

    def link(self, **changes: object) -> str:
        """The address of this look with `changes`, as a relative reference."""
        query = self.query(**changes)
        return query or "?" if self.here else f"{self.base}{query}"

    def alone(self) -> Look:
        """The same as a page of its own, not embedded."""
        return replace(self, embed=False, panel=PANELS[0], readonly=True, theme=THEMES[0])

    def query(self, **changes: object) -> str:
        """The query part of `link`, "" if everything is usual."""
        unknown = changes.keys() - FIELDS
        if unknown:
            raise TypeError(f"a look has no {', '.join(sorted(unknown))}")
        embed = changes.get("embed", self.embed)
        told = dict(_own(self))
        told |= {name: _spelled(name, value) for name, value in changes.items() if name in TOLD or name in HABITS}
        return _query(told | self._frame(changes) if embed else told)

    def _frame(self, changes: Mapping[str, object]) -> dict[str, object]:
        """What an address in another site's frame tells besides: there are no cookies, so the habits too."""
        there: dict[str, Any] = {name: changes.get(name, getattr(self, name)) for name in FIELDS}
        return {
            "embed": 1,
            "panel": "" if there["panel"] == PANELS[0] else there["panel"],
            "readonly": "" if there["readonly"] else 0,
            "theme": "" if there["theme"] == THEMES[0] else there["theme"],
            **{name: there[name] for name in HABITS if name in changes or there[name] != HABITS[name][0]},
        }


# The fields of a look that its query tells, in this order, and how those are spelled that are not told as they are.
TOLD = (
    *("step", "on", "register", "tab", "start", "show", "cpu", "zoom"),
    *("device", "devices", "event", "icid", "address", "command", "why", "way"),
)
SPELLED: dict[str, Callable[[Any], str]] = {
    "tab": lambda tab: "" if tab == TABS[0] else tab,
    "start": lambda intid: "" if intid == FIRST_LPI else str(intid),
    "device": lambda device: "" if device is None else f"{device:#x}",
    "devices": lambda device: f"{device:#x}" if device else "",
    "event": lambda event: f"{event:#x}" if event else "",
    "icid": lambda icid: str(icid or ""),
    "address": lambda address: "" if address is None else f"{address:#x}",
}
NAMES = {"start": "from"}


def _spelled(name: str, value: object) -> object:
    return SPELLED[name](value) if name in SPELLED else value


# A page has some hundred links, nearly all of them from one look.
@lru_cache(maxsize=256)
def _own(look: Look) -> tuple[tuple[str, object], ...]:
    """What a look's own query tells, field by field; None or "" where it is silent."""
    return tuple((name, _spelled(name, getattr(look, name))) for name in TOLD)


def _query(told: Mapping[str, object]) -> str:
    parts = [
        f"{NAMES.get(name, name)}={_quoted(str(value))}" for name, value in told.items() if value not in (None, "")
    ]
    return "?" + "&".join(parts) if parts else ""


FIELDS = frozenset(field.name for field in fields(Look))


# Links name few things many times: a page has some hundred of them.
@lru_cache(maxsize=4096)
def _quoted(value: str) -> str:
    return quote(value, safe="@:")


def _address(base: str, step: int | None, on: str) -> str:
    """Of a page's own parameters only what says which machine, as a parameter itself."""
    asked = ("" if step is None else f"step={step}", f"on={on}" if on else "")
    query = "&".join(filter(None, asked))
    return quote(f"{base}?{query}" if query else base, safe="/")


def look_from(base: str, query: Mapping[str, str]) -> Look:
    """The look that a query asks for. What cannot be read is left at its default: an old link still opens."""
    panel, theme = query.get("panel", PANELS[0]), query.get("theme", THEMES[0])
    tab = query.get("tab", panel if panel in TABLES else TABS[0])
    return Look(
        base=base,
        register=query.get("register", "")[:64],
        tab=tab if tab in TABS else TABS[0],
        start=_number(query.get("from"), FIRST_LPI, LAST_LPI) or FIRST_LPI,
        show=query.get("show", "") if query.get("show") in SHOWN_LPIS else "",
        cpu=_number(query.get("cpu"), 0, 255),
        zoom=_number(query.get("zoom"), FIRST_LPI, LAST_LPI),
        device=_number(query.get("device"), 0, 0xFFFF_FFFF),
        devices=_number(query.get("devices"), 0, 0xFFFF_FFFF) or 0,
        event=_number(query.get("event"), 0, 0xFFFF_FFFF) or 0,
        icid=_number(query.get("icid"), 0, 0xFFFF) or 0,
        address=_number(query.get("address"), 0, LARGEST_ADDRESS),
        step=_number(query.get("step"), 0, 1_000_000),
        on=query.get("on", "")[:32],
        command=query.get("command", "")[:16].upper(),
        find=query.get("find", "").strip()[:64],
        words=query.get("words", "")[: limits.COMMAND_CHARACTERS + 1],
        why="".join(query.get("why", "").split())[:16],
        way="".join(query.get("way", "").split())[:24],
        embed=query.get("embed") == "1",
        panel=panel if panel in PANELS else PANELS[0],
        readonly=query.get("readonly") != "0",
        theme=theme if theme in THEMES else THEMES[0],
        radix=_habit(query, "radix"),
        meanings=_habit(query, "meanings"),
        elsewhere=_habit(query, "elsewhere"),
        lanes=_habit(query, "lanes"),
    )


def _habit(query: Mapping[str, str], name: str) -> str:
    asked = query.get(name, "")
    return asked if asked in HABITS[name] else HABITS[name][0]


def _number(text: str | None, least: int, most: int) -> int | None:
    """A number as people write it, hex with 0x, forced into its range; None if it is none."""
    if not text or len(text) > 24:
        return None
    try:
        value = int(text.strip().replace("_", ""), 0)
    except ValueError:
        return None
    return min(max(value, least), most)
