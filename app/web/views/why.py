"""Why an interrupt is (not) signalled: the chain that the visitor asked for, as a section of the page."""

from __future__ import annotations

import re
from dataclasses import dataclass

from app.gic import Machine
from app.gic.lpi import FIRST_LPI
from app.gic.why import Chain
from app.web.views.look import Look
from app.web.views.way import way_of
from app.web.views.words import Run, runs

FIRST_SPI = 32
MOST_CPUS_OFFERED = 8
_ASKED = re.compile(r"(?P<intid>0[xX][0-9a-fA-F]+|[0-9]+)(?:@(?P<cpu>[0-9]+))?\Z")


@dataclass(frozen=True, slots=True)
class WhyLink:
    """One condition; `mends` marks the first that does not hold, the only one that says what would mend it."""

    name: str
    holds: bool
    mends: bool
    says: tuple[Run, ...]
    mend: tuple[Run, ...]
    cite: str


@dataclass(frozen=True, slots=True)
class WhyPanel:
    """`asked` is "" where nothing was; `problem` is what is wrong with the question, `offered` other ones."""

    asked: str
    headline: str
    step: int
    cpu: str
    links: tuple[WhyLink, ...]
    problem: str
    offered: tuple[tuple[str, str], ...]
    close: str
    again: str
    way: str = ""


def why_panel(machine: Machine, look: Look, step: int) -> WhyPanel:
    """The answer to `look.why`, an INTID such as 8195, or 3@1 for a SGI or PPI."""
    asked = look.why
    close, again = look.link(why=""), look.link()
    if not asked:
        return WhyPanel("", "", step, "", (), "", (), close, again)
    try:
        chain = _chain(machine, asked)
    except ValueError as error:
        problem = str(error)
        return WhyPanel(asked, "", step, "", (), f"{problem}.", _offered(machine, asked, look), close, again)
    links = tuple(
        WhyLink(
            link.name,
            link.holds,
            link is chain.broken,
            runs(link.says),
            runs(link.mend + "." * bool(link.mend)),
            link.cite,
        )
        for link in chain.links
    )
    cpu = "" if chain.cpu is None else f"CPU{chain.cpu}"
    way = way_of(look, chain.intid) if chain.intid >= FIRST_LPI else ""
    return WhyPanel(asked, _headline(chain), step, cpu, links, "", (), close, again, way)


def asks(intid: int, look: Look, cpus: int) -> tuple[tuple[str, str], ...]:
    """The questions about an INTID, as (label, address): one for each CPU where it exists once per CPU."""
    if intid >= FIRST_SPI:
        return ((f"Why {intid}?", f"{look.link(why=str(intid))}#why"),)
    return tuple(
        (f"Why {intid}@{cpu}?", f"{look.link(why=f'{intid}@{cpu}')}#why") for cpu in range(min(cpus, MOST_CPUS_OFFERED))
    )


def _chain(machine: Machine, asked: str) -> Chain:
    match = _ASKED.match(asked)
    if match is None:
        raise ValueError(f"{asked} is no INTID: a number, as 8195, and @cpu for an SGI or PPI, as 3@1")
    return machine.why(
        int(match["intid"], 0) if match["intid"][:2] in ("0x", "0X") else int(match["intid"]), _cpu(match)
    )


def _cpu(match: re.Match[str]) -> int | None:
    return None if match["cpu"] is None else int(match["cpu"])


def _offered(machine: Machine, asked: str, look: Look) -> tuple[tuple[str, str], ...]:
    """A SGI or PPI without its CPU, or with one that there is not."""
    match = _ASKED.match(asked)
    intid = int(match["intid"], 0) if match is not None and not match["intid"].startswith("00") else FIRST_SPI
    return asks(intid, look, machine.cpus) if intid < FIRST_SPI else ()


def _headline(chain: Chain) -> str:
    return f"INTID {chain.intid} is {'' if chain.signalled else 'not '}signalled"
