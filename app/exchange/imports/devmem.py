"""Registers read one at a time with `devmem2` or busybox's `devmem`, the commands and prompts included."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from app.exchange.imports.dumped import Dumped
from app.exchange.imports.pieces import Bad, Fact, Format, Options, Other, Piece, Row
from app.scenario.scenario import MachineSpec

READ = re.compile(r"(?:Value|Read) at address\s+(0x[0-9a-f]+) \(\S+\): (0x[0-9a-f]+)\s*$", re.IGNORECASE)
WRITTEN = re.compile(
    r"(?:Written|Write at address\s+0x[0-9a-f]+ \(\S+\):) (0x[0-9a-f]+)[;,] readback (0x[0-9a-f]+)", re.IGNORECASE
)
COMMAND = re.compile(
    r"(?:^|.*[\s#$>/])devmem2?\s+(0x[0-9a-f]+)(?:\s+(8|16|32|64|[bhwld]))?(?:\s+(0x[0-9a-f]+))?\s*$", re.IGNORECASE
)
VALUE = re.compile(r"\s*(0x[0-9a-f]+)\s*$", re.IGNORECASE)
CHATTER = re.compile(r"/dev/mem opened\.|Memory (?:mapped at|0x)")
SIZES = {"8": 1, "16": 2, "32": 4, "64": 8, "b": 1, "h": 2, "w": 4, "l": 8, "d": 8}


def detect(text: str) -> bool:
    """Whether a line is of a devmem."""
    return any(each.match(text) for each in (READ, WRITTEN, COMMAND))


def survey(_lines: list[str]) -> MachineSpec:
    """A machine of KVM; the registers say no more than which there are."""
    return MachineSpec("kvm")


def read(rows: Iterable[Row], spec: MachineSpec, options: Options) -> Iterator[Piece]:
    """Each value that was read; what a devmem wrote is the value that it read back."""
    dumped = Dumped(spec, options)
    asked: tuple[int, int] | None = None
    for line, text in rows:
        try:
            if found := READ.match(text):
                address = int(found.group(1), 16)
                size = asked[1] if asked is not None and asked[0] == address else _size(found.group(2))
                asked = (address, size)
                yield from dumped.word(line, address, size, _fits(found.group(2), size))
            elif (found := VALUE.match(text)) and asked is not None:
                yield from dumped.word(line, asked[0], asked[1], _fits(found.group(1), asked[1]))
                asked = None
            elif (found := WRITTEN.match(text)) and asked is not None:
                yield from dumped.word(line, asked[0], asked[1], _fits(found.group(2), asked[1]))
            elif found := COMMAND.match(text):
                asked = (int(found.group(1), 16), SIZES[(found.group(2) or "w").lower()])
                yield Fact(line)
            else:
                yield Fact(line) if CHATTER.match(text) or not text.strip() else Other(line, text)
        except ValueError as error:
            yield Bad(line, text, str(error))
    yield from dumped.end()


def _size(digits: str) -> int:
    """devmem2 reads words unless it was told otherwise; more than eight digits are a doubleword."""
    return 8 if int(digits, 16) >> 32 else 4


def _fits(digits: str, size: int) -> int:
    value = int(digits, 16)
    if value >> size * 8:
        raise ValueError(f"{digits} does not fit in {size} bytes")
    return value


FORMAT = Format(
    "devmem", "devmem2, devmem", "Value at address 0x8000004 (0xffff8f5f0004): 0x37A0007", detect, read, survey
)
