"""The register map as the SystemRDL that it is made from: all its files in one, ready for any SystemRDL compiler."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import app.registers
from app.registers import RegisterMap

SOURCES = Path(app.registers.__file__).parent / "rdl"
INCLUDE = re.compile(r'^`include "(?P<name>[^"]+)"$')
GUARD = re.compile(r"\A`ifndef (?P<name>\w+)\n`define (?P=name)\n(?P<body>.*)`endif\n\Z", re.DOTALL)


def rdl(map_: RegisterMap) -> str:
    """One file that compiles by itself; its last addrmap is the implementation, shaped as this machine by default."""
    top = top_name(map_.implementation)
    head = f"// GICv3 registers of {map_.implementation}: giclab registers --on {map_.implementation} --format rdl\n"
    return head + _shaped(_assembled(f"{top}.rdl", set()), top, map_)


def top_name(implementation: str) -> str:
    """The addrmap of an implementation: its name as SystemRDL can write it."""
    return re.sub(r"\W", "_", implementation)


def _shaped(text: str, top: str, map_: RegisterMap) -> str:
    """The text with the machine's shape as the default values of the top addrmap's parameters."""
    values = {"CPUS": str(map_.cpus), "SPIS": str(map_.spis), "ITS": str(map_.its).lower()}
    values["TWO"] = str(map_.security == 2).lower()
    head, opening, rest = text.partition(f"addrmap {top} #(")
    parameters, closing, body = rest.partition(")")
    for name, value in values.items():
        parameters = re.sub(rf"\b{name} = \w+", f"{name} = {value}", parameters)
    return head + opening + parameters + closing + body


def _assembled(name: str, seen: set[str]) -> str:
    """A source with its includes in their place, each once, so that it needs no include guards."""
    seen.add(name)
    included, own = "", ""
    for line in _source(name).splitlines(keepends=True):
        include = INCLUDE.match(line.rstrip())
        if include is None:
            own += line
        elif include["name"] not in seen:
            included += _assembled(include["name"], seen)
    return f"{included}\n// ---- {name}\n\n{own.lstrip()}"


@lru_cache(maxsize=16)
def _source(name: str) -> str:
    text = (SOURCES / name).read_text(encoding="utf-8")
    guarded = GUARD.match(text)
    return guarded["body"] if guarded else text
