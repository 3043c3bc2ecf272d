"""What fuzzing is made of: targets, and ways to damage a text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

BLOCK = 1_000


class Attempt(Protocol):
    """A run of up to BLOCK inputs on one target, which may keep a machine between them."""

    def draw(self) -> Any:  # noqa: ANN401 - what a target takes is its own affair
        """The next input."""

    def run(self, given: Any) -> bool:  # noqa: ANN401
        """Give it to what is tested; whether it was accepted. Raises whatever is not documented."""


@dataclass(frozen=True, slots=True)
class Target:
    """Something that reads a stranger's input; `weight` is its share of all inputs."""

    name: str
    weight: int
    start: Callable[[Random], Attempt]


NASTY = (
    "", "\0", "\n", "\r\n", "\t", "\ufeff", "\u202e", "\ud800", "\U0001d7d8", "٣", "0x", "0x" + "f" * 40, "-1",
    "9" * 400, "1_0", "1e9", "nan", "@", "@99", "=", "==", "..", "#", "'", '"', "<script>", "%s", "{{7*7}}", "\\",
    "/../", " " * 300, "A" * 5000, "0b1", "0o7", "+5", "½", "İ", "\x1b[0m",
)  # fmt: skip


def damaged(chance: Random, text: str) -> str:
    """The text with one to four of its places changed, cut, doubled or replaced."""
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        at = chance.randrange(len(text) + 1)
        end = min(len(text), at + chance.choice((0, 1, 1, 2, 8, 64)))
        match chance.randrange(5):
            case 0:
                text = text[:at] + chr(chance.randrange(1, 0x250)) + text[end:]
            case 1:
                text = text[:at] + text[end:]
            case 2:
                text = text[:end] + text[at:end] * chance.choice((1, 2, 30)) + text[end:]
            case 3:
                text = text[:at] + chance.choice(NASTY) + text[end:]
            case _:
                text = text[:at] + str(number(chance)) + text[end:]
    return text


def number(chance: Random) -> int:
    """A number as registers hold them: few bits, many bits, a power of two, all ones."""
    bits = chance.choice((1, 4, 8, 16, 32, 52, 64))
    match chance.randrange(4):
        case 0:
            return chance.getrandbits(bits)
        case 1:
            return 1 << chance.randrange(bits)
        case 2:
            return (1 << bits) - 1
        case _:
            return chance.choice((0, 1, 8191, 8192, 65535, 65536, 0x4000_0000, 0x5FFF_FFFF, 0x6000_0000))
