"""Registers as words: `io -r`, U-Boot's `md`, and regmap's debugfs file `registers`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from app.exchange.imports.dumped import Dumped
from app.exchange.imports.pieces import Bad, Fact, Format, Options, Other, Piece, Row
from app.scenario.scenario import MachineSpec

WORD = r"(?:[0-9a-f]{16}|[0-9a-f]{8})"
WORDS = re.compile(rf"\s*([0-9a-f]{{2,16}}):\s+({WORD}(?:\s{WORD})*)(?:\s{{2,}}.*)?\s*$")
UNREADABLE = re.compile(r"\s*([0-9a-f]{2,16}):\s+X+\s*$")


def detect(text: str) -> bool:
    """Whether a line is an address and words of 8 or 16 digits."""
    return WORDS.match(text) is not None


def survey(_lines: list[str]) -> MachineSpec:
    """A machine of KVM; the registers say no more than which there are."""
    return MachineSpec("kvm")


def read(rows: Iterable[Row], spec: MachineSpec, options: Options) -> Iterator[Piece]:
    """Each word at its address, in the machine's byte order."""
    dumped = Dumped(spec, options)
    for line, text in rows:
        found = WORDS.match(text)
        if found is None:
            yield Fact(line) if UNREADABLE.match(text) or not text.strip() else Other(line, text)
            continue
        address = int(found.group(1), 16)
        try:
            for word in found.group(2).split():
                yield from dumped.word(line, address, len(word) // 2, int(word, 16))
                address += len(word) // 2
        except ValueError as error:
            yield Bad(line, text, str(error))
    yield from dumped.end()


FORMAT = Format(
    "words", "io -r, md, regmap registers", "08000000:  00000012 037a0007 0000043b 00000000", detect, read, survey
)
