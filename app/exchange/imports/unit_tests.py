"""What kvm-unit-tests' ITS tests say of each command they send (lib/arm64/gic-v3-its-cmd.c, verbose)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from app.exchange.imports.pieces import Bad, Fact, Format, Options, Other, Piece, Row, Steps, need_cpu, reach
from app.exchange.imports.preset import FIRST_LPI, PROPERTY_TABLE, everything_on
from app.gic.commands import encode
from app.gic.machine import MAX_CPUS
from app.scenario.operations import Its, Operation, Poke
from app.scenario.scenario import MachineSpec

COMMAND = re.compile(
    r"(?:^|[\s:>])(MAPD devid|MAPC col_id|(?:MAPTI|INT|INV|CLEAR|DISCARD|MOVI) dev_id|INVALL col_id|SYNC target_addr)"
    r" ?= ?(.*)$"
)
OPERAND = re.compile(r"(\w+) ?= ?(0x[0-9a-fA-F]+|\d+)")
REPORT = re.compile(r"(?:^|\s)(PASS|FAIL|SKIP|XFAIL|INFO|SUMMARY|ABORT): ")
NAMES = {
    "devid": "device",
    "dev_id": "device",
    "event_id": "event",
    "phys_id": "intid",
    "col_id": "collection",
    "target_addr": "target",
    "size": "size",
    "itt": "itt",
    "valid": "valid",
}
ENABLED = 0xA1
SET_UP = "the test has set up its tables and LPIs before; where, it does not tell"
CONFIGURED = "the test enables its LPIs; it does not tell when it changes a configuration byte"


def detect(text: str) -> bool:
    """Whether a line tells a command."""
    return COMMAND.search(text) is not None


def survey(lines: list[str]) -> MachineSpec:
    """As many CPUs as the collections' targets need."""
    targets = [int(found.group(1), 16) >> 16 for text in lines if (found := re.search(r"target_addr = 0x(\w+)", text))]
    return MachineSpec("kvm", max([each + 1 for each in targets if each < MAX_CPUS] + [2]))


def read(rows: Iterable[Row], spec: MachineSpec, _options: Options) -> Iterator[Piece]:
    """The commands in order, with what the test must have done before the first."""
    ready = False
    configured: set[int] = set()
    for line, text in rows:
        found = COMMAND.search(text)
        if found is None:
            yield Fact(line, text.strip()) if REPORT.search(text) else Other(line, text)
            continue
        try:
            command = _command(spec, found)
        except ValueError as error:
            yield Bad(line, text, str(error))
            continue
        if not ready:
            ready = True
            yield Steps(line, everything_on(spec), SET_UP)
        intid = dict(command.operands).get("intid", 0)
        if FIRST_LPI <= intid < 1 << 16 and intid not in configured:
            configured.add(intid)
            poke: Operation = Poke(PROPERTY_TABLE + intid - FIRST_LPI, bytes([ENABLED]))
            yield Steps(line, (poke,), CONFIGURED)
        yield Steps(line, (command,))


def _command(spec: MachineSpec, found: re.Match[str]) -> Its:
    """The command of a line. ValueError where an operand is missing or does not fit."""
    first, rest = found.groups()
    name, operand = first.split()
    operands = {NAMES.get(word, word): int(number, 0) for word, number in OPERAND.findall(f"{operand}={rest}")}
    if "target" in operands:
        operands["target"] = need_cpu(spec, operands["target"] >> 16)
    if operands.get("valid") == 0:
        operands = {key: value for key, value in operands.items() if key in ("device", "collection", "valid")}
    elif "valid" in operands:
        del operands["valid"]
    encode(name, **operands)
    reach(spec, operands.get("itt", 0))
    return Its(name, tuple(operands.items()))


FORMAT = Format(
    "kvm-unit-tests",
    "kvm-unit-tests ITS commands",
    "MAPTI dev_id=2 event_id=20 -> phys_id=8195, col_id=3",
    detect,
    read,
    survey,
)
