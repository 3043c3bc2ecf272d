"""Sentences and numbers cut into runs, so that templates can set each in its type without knowing what it says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

_MARKED = re.compile(
    r"(?P<code>0[xb][0-9a-fA-F_]+|(?:GIC[DRCH]|GITS|ICC)_\w+(?:@\d+)?(?:\.\w+)?|\b[A-Z]\w+(?:<\w+>)?=[0-9]\w*)"
    r"|(?P<strong>INTIDs? \d+(?:-\d+)?(?:, \d+(?:-\d+)?)*|EnableLPIs [01]→[01]|PTZ was [01])"
)


# A machine whose scenario has no title.
UNTITLED = "Untitled machine"
# Stands where there is no value.
NONE = "\N{EN DASH}"


@dataclass(frozen=True, slots=True)
class Run:
    """A piece of a sentence. `kind`: "" for plain words, "code" for what the machine knows, "strong" for the point."""

    text: str
    kind: str = ""


def runs(sentence: str) -> tuple[Run, ...]:
    """The sentence with its numbers and register names set apart."""
    pieces: list[Run] = []
    end = 0
    for match in _MARKED.finditer(sentence):
        if match.start() > end:
            pieces.append(Run(sentence[end : match.start()]))
        pieces.append(Run(match[0], match.lastgroup or ""))
        end = match.end()
    if end < len(sentence):
        pieces.append(Run(sentence[end:]))
    return tuple(pieces)


# The number of digits that a value of so many bits has at least, and what stands before it.
_RADIX = {"hex": ("0x", "x", 4), "bin": ("0b", "b", 1), "dec": ("", "d", 0)}
RADIX_BASE = {"hex": 16, "dec": 10, "bin": 2}


def in_radix(value: int, radix: str, width: int = 0) -> str:
    """A value in hex, dec or bin, as it can be typed again; of `width` bits, with all digits in hex and bin."""
    prefix, code, bits = _RADIX[radix]
    digits = width // bits if bits else 0
    return f"{prefix}{value:0{digits}{code}}" if digits else f"{prefix}{value:{code}}"


@dataclass(frozen=True, slots=True)
class Digit:
    """One hex digit; `mark` if it differs, `blank` if the access did not touch it."""

    text: str
    mark: bool = False
    blank: bool = False


@dataclass(frozen=True, slots=True)
class Hex:
    """A value in hex, its digits in groups of four; `text` is the same without groups, for copying and for labels."""

    groups: tuple[tuple[Digit, ...], ...]
    text: str


def hex_groups(value: int, width: int, *, differs: int = 0, touched: int = -1) -> Hex:
    """`value` in width/4 digits. Digits with a bit in `differs` are marked, those outside `touched` are blank."""
    count = width // 4
    digits: list[Digit] = []
    for place in range(count - 1, -1, -1):
        nibble = 0xF << (4 * place)
        blank = not touched & nibble
        text = NONE if blank else f"{value >> (4 * place) & 0xF:x}"
        digits.append(Digit(text, bool(differs & nibble) and not blank, blank))
    start = count % 4
    cuts = [0, *range(start, count + 1, 4)] if start else [*range(0, count + 1, 4)]
    groups = tuple(tuple(digits[a:b]) for a, b in pairwise(cuts))
    return Hex(groups, f"0x{value:0{count}x}")


LONGEST_LINE = 160


def brief(line: str) -> str:
    """A line of a scenario as it is told beside other things: a `poke` may have 64 KiB of bytes."""
    return line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}…"


def number(value: int) -> str:
    """A count with thin spaces between thousands, so that digits stay in line."""
    return f"{value:,}".replace(",", "\u2009")


def plural(count: int, one: str, many: str = "") -> str:
    """`count` and its noun: "1 LPI", "2 LPIs"."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def bit_range(msb: int, lsb: int) -> str:
    """Bits as the manual writes them: "51:16", or "62"."""
    return f"{msb}:{lsb}" if msb != lsb else str(msb)
