"""The input as numbered lines, in bounded memory, whatever it is."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

from app.exchange.imports.pieces import CannotImport, Row

LONGEST_ROW = 64 * 1024
"""Bytes of one line; what is longer is cut there, and read on as the next line's beginning."""
BLOCK = 4096
SAMPLE_LINES = 2_000
SAMPLE_BYTES = 512 * 1024
LINES_PER_REPORT = 2_048
GZIP = b"\x1f\x8b"

Report = Callable[[int], bool]
"""Told the bytes read so far; returns whether to go on."""


class Cancelled(Exception):
    """Nobody wants the import any more."""


class Source:
    """A file of the input, plain or gzip, that can be read from the start as often as is needed.

    `most_bytes` bounds what it unpacks to; None: no bound. `position` is how much of `size` was read.
    """

    def __init__(self, path: Path, most_bytes: int | None = None) -> None:
        self.path = path
        self.size = path.stat().st_size
        self.most_bytes = most_bytes
        self.position = 0
        with path.open("rb") as raw:
            self.packed = raw.read(2) == GZIP

    def rows(self, report: Report | None = None) -> Iterator[Row]:
        """Every line with its number. Raises Cancelled, or CannotImport where the file is damaged or too large."""
        for number, data in enumerate(self._pieces(report, lambda file: file.readline(LONGEST_ROW)), 1):
            yield number, data.decode("utf-8", "replace").rstrip("\r\n")

    def blocks(self, report: Report | None = None) -> Iterator[Row]:
        """The file in blocks, a character for each byte, with the number of their first row of 16 bytes."""
        read = 0
        for data in self._pieces(report, lambda file: file.read(BLOCK)):
            yield read // 16 + 1, data.decode("latin-1")
            read += len(data)

    def _pieces(self, report: Report | None, take: Callable[[BinaryIO], bytes]) -> Iterator[bytes]:
        try:
            with self.path.open("rb") as raw:
                if not self.packed:
                    yield from self._taken(raw, raw, report, take)
                    return
                with gzip.open(raw) as unpacked:
                    yield from self._taken(cast("BinaryIO", unpacked), raw, report, take)
        except (EOFError, OSError, zlib.error) as error:
            if self.packed:
                raise CannotImport(
                    f"the gzip file is damaged: {error}", "Unpack it, and import what there is."
                ) from None
            raise

    def _taken(
        self, file: BinaryIO, raw: BinaryIO, report: Report | None, take: Callable[[BinaryIO], bytes]
    ) -> Iterator[bytes]:
        read = 0
        number = 0
        while data := take(file):
            number += 1
            read += len(data)
            if self.most_bytes is not None and read > self.most_bytes:
                raise CannotImport(f"it unpacks to more than {self.most_bytes:,} bytes", "Import a part of it.")
            if number % LINES_PER_REPORT == 0:
                self.position = raw.tell() if self.packed else read
                if report is not None and not report(self.position):
                    raise Cancelled
            yield data

    def sample(self) -> list[str]:
        """The first lines. CannotImport where they are not text."""
        lines: list[str] = []
        size = 0
        for _, text in self.rows():
            if "\0" in text:
                raise CannotImport(
                    f"line {len(lines) + 1} has zero bytes: this is no text",
                    "A raw memory image is imported with what it holds (its kind) and the address it begins at.",
                )
            lines.append(text)
            size += len(text)
            if len(lines) == SAMPLE_LINES or size > SAMPLE_BYTES:
                break
        return lines
