"""Memory as bytes: `xxd`, `hexdump -C`, `hexdump` and `od -tx1`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from app.exchange.imports.dumped import Dumped
from app.exchange.imports.pieces import Bad, Fact, Format, Options, Other, Piece, Row
from app.scenario.scenario import MachineSpec

XXD = re.compile(r"([0-9a-f]{8,16}): ((?:[0-9a-f]{2,8} )+) .{1,32}$")
CANONICAL = re.compile(r"([0-9a-f]{6,16})\s+((?:[0-9a-f]{2}\s+){1,16})\|.{0,16}\|\s*$")
OCTETS = re.compile(r"([0-9a-f]{6,16})((?: [0-9a-f]{2}){1,16})\s*$")
HALVES = re.compile(r"([0-9a-f]{7,16})((?: +[0-9a-f]{4}){1,8})\s*$")
END = re.compile(r"[0-9a-f]{6,16}\s*$")
MOST_REPEATED = 16 << 20


def detect(text: str) -> bool:
    """Whether a line is an address and bytes."""
    return _bytes(text) is not None


def survey(_lines: list[str]) -> MachineSpec:
    """A machine of KVM."""
    return MachineSpec("kvm")


def read(rows: Iterable[Row], spec: MachineSpec, options: Options) -> Iterator[Piece]:
    """Bytes at their addresses; `*` stands for the line before it again and again, up to the next address."""
    dumped = Dumped(spec, options)
    before: tuple[int, bytes] = (0, b"")
    repeats = 0
    for line, text in rows:
        found = _bytes(text)
        end = END.match(text)
        if found is None and end is None:
            repeats = line if text.strip() == "*" else repeats
            yield Fact(line) if text.strip() in ("", "*") else Other(line, text)
            continue
        address, data = found or (int(text, 16), b"")
        try:
            if repeats:
                yield from _repeated(dumped, repeats, before, address)
            repeats = 0
            if data:
                yield from dumped.bytes(line, address, data)
            else:
                yield Fact(line)
        except ValueError as error:
            yield Bad(line, text, str(error))
        before = (address, data)
    yield from dumped.end()


def _repeated(dumped: Dumped, line: int, before: tuple[int, bytes], end: int) -> Iterator[Piece]:
    start, data = before
    address = start + len(data)
    if not any(data) or not data:
        return
    if end - address > MOST_REPEATED:
        raise ValueError(f"{end - address:,} bytes repeated: at most {MOST_REPEATED:,}")
    while address < end:
        yield from dumped.bytes(line, address, data[: end - address])
        address += len(data)


def _bytes(text: str) -> tuple[int, bytes] | None:
    """The address of a line and its bytes."""
    for pattern in (XXD, CANONICAL, OCTETS):
        if found := pattern.match(text):
            digits = "".join(found.group(2).split())
            return (int(found.group(1), 16), bytes.fromhex(digits)) if len(digits) % 2 == 0 else None
    if found := HALVES.match(text):
        words = (int(word, 16) for word in found.group(2).split())
        return int(found.group(1), 16), b"".join(word.to_bytes(2, "little") for word in words)
    return None


FORMAT = Format(
    "hexdump",
    "xxd, hexdump, od",
    "40200000: a3a2 a2a2 a2a2 a2a2 a2a2 a2a2 a2a2 a2a2  ................",
    detect,
    read,
    survey,
)
