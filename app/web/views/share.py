"""The share dialog: a scenario as a link that carries everything, as a short one, as a frame, as a QR code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from html import escape
from urllib.parse import parse_qsl, urlsplit

import segno

from app.exchange.writers import FORMATS
from app.gic import IMPLEMENTATIONS
from app.scenario import Scenario, links
from app.scenario.record import Record
from app.web.views.embed import SIZE
from app.web.views.look import Look
from app.web.views.words import plural

# What browsers, mail programs and chats take without harm.
COMFORTABLE = 8_000
# A QR code of more is too fine for the camera of a telephone across a room.
LONGEST_QR = 600
STORED = (
    "A permalink is stored nowhere: only its address holds the scenario. A short link keeps it on this server for "
    "good, to be read by whoever has it: it cannot be changed or taken back."
)
SUFFIXES = (
    ("gic", "the scenario as text"),
    ("txt", "72 columns, for a mailing list"),
    ("svg", "a picture of the tables"),
    *((name, each.about) for name, each in FORMATS.items() if name != "link"),
)


@dataclass(frozen=True, slots=True)
class Options:
    """What the visitor wants: to open at the step on view, as another implementation does it, to let copies be made."""

    at_step: bool = True
    behave: bool = True
    copies: bool = False


@dataclass(frozen=True, slots=True)
class Shared:
    """A scenario that is shared. `base` is the path of the page that it is shared from, `slug` of its short link or "".

    `live` is the address of a session that others may watch.
    """

    base: str
    site: str
    scenario: Scenario
    record: Record
    slug: str
    live: str = ""
    watchers: int = 0
    lesson: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    label: str
    href: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Share:
    """The dialog. `behave` is the other implementation on view, "" if there is none; `qr` an SVG, "" if too long;
    `against` the address where the machine on view is compared with another."""

    title: str
    action: str
    back: str
    carried: tuple[tuple[str, str], ...]
    options: Options
    now: int
    total: int
    behave: str
    permalink: str
    length: int
    most: int
    short: str
    embed: str
    size: tuple[int, int]
    qr: str
    qr_of: str
    files: tuple[Item, ...]
    against: str
    public: tuple[str, ...]
    live: str
    watchers: str


def options_of(query: Mapping[str, str]) -> Options:
    """The options of a request; boxes that are not ticked are not sent, so `set` says that some were asked for."""
    if query.get("set") != "1":
        return Options()
    return Options(query.get("at") == "1", query.get("as") == "1", query.get("copies") == "1")


def link_view(look: Look, options: Options, lesson: str) -> dict[str, str]:
    """What a link says besides the scenario and its step: the register, the tab and the rest of the look."""
    told = replace(look.alone(), step=None, on=look.on if options.behave else "")
    return {**({"lesson": lesson} if lesson else {}), **dict(parse_qsl(urlsplit(told.query()).query))}


def share(shared: Shared, look: Look, options: Options) -> Share:
    """The dialog of a scenario as it is looked at."""
    scenario, total = shared.scenario, len(shared.scenario.operations)
    own = scenario.machine.implementation
    behave = look.on if look.on and look.on != own else ""
    now = total if look.step is None else min(look.step, total)
    step = now if options.at_step else None
    view = link_view(look, options, shared.lesson)
    payload = links.pack(scenario, step=step, view=view, record=shared.record)
    permalink = f"{shared.site}/x/{payload}"
    chosen = replace(look.alone(), base=f"/l/{shared.slug}", step=step, on=behave if options.behave else "")
    short = f"{shared.site}{chosen.link()}" if shared.slug else ""
    frame = replace(chosen if shared.slug else Look(f"/x/{payload}"), embed=True, readonly=not options.copies)
    code = short or permalink
    asked = replace(look.alone(), base=shared.base)
    base = f"/l/{shared.slug}" if shared.slug else f"/x/{payload}"
    return Share(
        title=scenario.title or "this scenario",
        action=f"{shared.base}/share",
        back=asked.link(),
        carried=tuple(parse_qsl(urlsplit(asked.query()).query)),
        options=options,
        now=now,
        total=total,
        behave=IMPLEMENTATIONS[behave].title if behave else "",
        permalink=permalink,
        length=len(permalink),
        most=COMFORTABLE,
        short=short,
        embed=_frame(f"{shared.site}{frame.link()}", scenario.title),
        size=SIZE,
        qr=_qr(code) if len(code) <= LONGEST_QR else "",
        qr_of="Short link" if short else "Permalink",
        files=tuple(Item(f".{suffix}", f"{base}.{suffix}", meaning) for suffix, meaning in SUFFIXES),
        against=replace(asked, step=now, on=behave).against,
        public=_public(scenario, total, bool(shared.live)),
        live=shared.live,
        watchers=plural(shared.watchers, "person watches", "people watch") if shared.watchers else "",
    )


def _frame(address: str, title: str) -> str:
    width, height = SIZE
    name = f"{title}, giclab" if title else "giclab"
    size = f'width="{width}" height="{height}"'
    return f'<iframe src="{escape(address)}" {size} title="{escape(name)}" loading="lazy"></iframe>'


def _qr(address: str) -> str:
    """A QR code on white, whatever the ground: dark modules on light ones are what cameras expect."""
    code = segno.make(address, error="l" if len(address) > 100 else "m", micro=False)
    return str(code.svg_inline(scale=4, dark="#000", light="#fff", omitsize=True, svgclass=None, lineclass=None))


def _public(scenario: Scenario, total: int, live: bool) -> tuple[str, ...]:
    """What whoever gets a link can see, and what not."""
    notes = sum(1 for line in scenario.lines if line.comment is not None)
    told = f"the machine, all {plural(total, 'step')}" if total != 1 else "the machine, its one step"
    also = f", the title and {plural(notes, 'comment')}" if notes else " and the title"
    return (
        STORED,
        f"Whoever has a link sees {told}{also}: also the steps after the one that it opens at.",
        "Nobody learns from it who made it"
        + (", where this session is, or what is done in it later." if live else "."),
    )
