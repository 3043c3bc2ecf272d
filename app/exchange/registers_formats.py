"""The register map in the format that was asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from app.exchange.registers_header import header
from app.exchange.registers_html import FolderInUse, NoExporter, write_html
from app.exchange.registers_json import json_text
from app.exchange.registers_rdl import rdl
from app.exchange.registers_table import table
from app.registers import RegisterMap
from app.registers.search import search

TEXT_FORMATS = ("table", "json", "rdl", "header")
WHOLE: dict[str, Callable[[RegisterMap], str]] = {"rdl": rdl, "header": header}


class CannotWrite(Exception):
    """What was asked for cannot be written; the message says why, and what would help."""


def text_of(map_: RegisterMap, text: str, form: str) -> str:
    """The map, or what `text` finds in it, as table, json, rdl or header. Raises CannotWrite, ValueError."""
    if form not in TEXT_FORMATS:
        raise ValueError(f"no format {form!r}: {', '.join(TEXT_FORMATS)}")
    if form in WHOLE:
        _only_whole(text, form)
        return WHOLE[form](map_)
    if not text.strip():
        return table(map_) if form == "table" else json_text(map_)
    found = {match.family.stem: match.family for match in search(map_, text)}
    if not found:
        raise CannotWrite(f"no register of {map_.implementation} has {text!r} as name, field, address or INTID")
    return table(map_, found.values()) if form == "table" else json_text(map_, found)


def html(map_: RegisterMap, text: str, folder: Path) -> str:
    """Write the pages into a folder and say where they begin. Raises CannotWrite, OSError."""
    _only_whole(text, "html")
    try:
        return str(write_html(map_, folder))
    except (NoExporter, FolderInUse) as error:
        raise CannotWrite(str(error)) from None


def _only_whole(text: str, form: str) -> None:
    if text.strip():
        raise CannotWrite(f"--format {form} writes the whole map: leave {text!r} out, or use table or json")
