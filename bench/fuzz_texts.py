"""Texts that strangers send: scenarios, links, trace logs, machines' states."""

from __future__ import annotations

import base64
import gzip
import json
import tempfile
import zlib
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from app.exchange.imports import run as importer
from app.exchange.imports.pieces import CannotImport, Options
from app.exchange.imports.source import Source
from app.exchange.imports.window import Room, window
from app.exchange.qemu_trace import parse as parse_trace
from app.gic.commands import COMMANDS
from app.registers import IMPLEMENTATION_NAMES, register_map
from app.scenario import LinkError, ScenarioError, format_scenario, links, parse
from app.scenario.lessons import LESSONS
from app.scenario.player import Player
from app.scenario.state import state_text
from app.scenario.state_read import StateError, read_state
from app.scenario.work import Allowance, Allowed, TooMuch
from bench.fuzzing import NASTY, Target, damaged, number

TRACE = Path(__file__).resolve().parent.parent / "tests" / "corpora" / "linux-6.1-boot-qemu-7.2.trace.gz"
MOST_WORK, MOST_PAGES = 4_000_000, 4_096
VERBS = (
    "write", "read", "poke", "expect", "its", "msi", "irq", "ack", "eoi", "uread", "uwrite", "save", "migrate", "note",
    "load", "machine", "title", "bogus",
)  # fmt: skip


@cache
def scenario_lines() -> list[str]:
    """The lines of all lessons."""
    return sorted({line for lesson in LESSONS for line in lesson.text.split("\n") if line.strip()})


@cache
def register_names() -> list[str]:
    return sorted(register_map("architecture", 2, 64).registers)


class Scenarios:
    """Lines of the language, right, damaged and made up; what can be read is written, read again and played."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._lines = scenario_lines()

    def draw(self) -> str:
        chance = self._chance
        rows = []
        if chance.random() < 0.5:
            name = chance.choice((*IMPLEMENTATION_NAMES, "bogus"))
            rows.append(f"machine implementation={name} cpus={chance.choice((1, 2, 2, 2, 8, 33, -1))}")
        for _ in range(chance.choice((1, 1, 2, 4, 8))):
            row = chance.choice(self._lines) if chance.random() < 0.6 else self._made_up()
            rows.append(damaged(chance, row) if chance.random() < 0.4 else row)
        return chance.choice(("\n", "\n", "\n", "\r\n", "\r")).join(rows)

    def _made_up(self) -> str:
        chance = self._chance
        return " ".join([chance.choice(VERBS), *(self._word() for _ in range(chance.randrange(5)))])

    def _word(self) -> str:
        chance = self._chance
        return chance.choice(
            (
                f"{chance.choice(register_names())}@{chance.choice((0, 1, 2, 99))}",
                f"{chance.choice(('width', 'device', 'event', 'size', 'collection', 'PTZ'))}={number(chance)}",
                hex(number(chance)),
                chance.choice(tuple(COMMANDS)),
                chance.choice(NASTY),
                f"pending({number(chance)})@0",
                "==",
            )
        )

    def run(self, given: str) -> bool:
        try:
            scenario = parse(given)
        except ScenarioError as error:
            str(error)
            return False
        again = parse(format_scenario(scenario))
        if again.operations != scenario.operations or again.machine != scenario.machine:
            raise AssertionError(f"written and read again it is another: {format_scenario(scenario)!r}")
        player = Player(scenario.machine)
        with Allowed(Allowance(MOST_WORK, MOST_PAGES)):
            try:
                for operation in scenario.operations:
                    for effect in player.apply(operation).effects:
                        str(effect.words)
            except TooMuch:
                return False
        return True


@cache
def payloads() -> list[str]:
    return [links.pack(lesson.scenario, 1, {"register": "GICR_CTLR@0"}) for lesson in LESSONS][:20]


class Links:
    """Payloads of links: whole, damaged, made up, and deflated data with a right checksum around anything."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance

    def draw(self) -> str:
        chance = self._chance
        match chance.randrange(4):
            case 0:
                return damaged(chance, chance.choice(payloads()))
            case 1:
                return chance.choice(payloads())[: chance.randrange(400)]
            case 2:
                return base64.urlsafe_b64encode(chance.randbytes(chance.randrange(80))).decode().rstrip("=")
            case _:
                return self._sealed()

    def _sealed(self) -> str:
        chance = self._chance
        form = chance.choice((links.FORMAT, links.RECORDED))
        head = damaged(chance, "s=3&register=GICR_CTLR%400&m=0.1.0") if chance.random() < 0.7 else ""
        body = damaged(chance, chance.choice(scenario_lines()))
        data = f"{head}\n{body}\0{damaged(chance, '0x1,2,,x')}".encode("utf-8", "surrogatepass")
        if chance.random() < 0.1:
            data += chance.randbytes(20)
        if chance.random() < 0.01:
            data += bytes(chance.choice((100_000, 5_000_000)))
        trailer = chance.randbytes(chance.choice((0, 0, 3, 8))) if form == links.RECORDED else b""
        deflate = zlib.compressobj(1, zlib.DEFLATED, -15, 9, zdict=links.DICTIONARIES[form])
        packed = deflate.compress(data) + deflate.flush()
        check = (zlib.crc32(data + trailer) & 0xFFFF).to_bytes(2, "big")
        return base64.urlsafe_b64encode(bytes([form]) + check + packed + trailer).decode().rstrip("=")

    def run(self, given: str) -> bool:
        try:
            link = links.unpack(given)
        except LinkError as error:
            str(error)
            return False
        try:
            link.scenario()
        except ScenarioError:
            return False
        return True


@cache
def trace_lines() -> list[str]:
    with gzip.open(TRACE, "rt") as file:
        return sorted({next(file).rstrip("\n") for _ in range(20_000)})


class Traces:
    """Lines of a real QEMU's log, damaged."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._lines = trace_lines()

    def draw(self) -> list[str]:
        chance = self._chance
        rows = [chance.choice(self._lines) for _ in range(chance.choice((1, 2, 4)))]
        return [damaged(chance, row) if chance.random() < 0.8 else row for row in rows]

    def run(self, given: list[str]) -> bool:
        return any(line.event is not None for line in list(parse_trace(given)))


@cache
def states() -> list[str]:
    """One of each implementation, with LPIs and tables."""
    made = []
    for name in IMPLEMENTATION_NAMES:
        for lesson in LESSONS[:6]:
            player = Player(lesson.scenario.machine.on(name))
            for operation in lesson.scenario.operations:
                player.advance(operation)
            made.append(state_text(player.machine, player.spec))
    return made


class States:
    """Machines' states with some of their values replaced; what is accepted is used."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance

    def draw(self) -> str:
        chance = self._chance
        text = chance.choice(states())
        if chance.random() < 0.2:
            return damaged(chance, text)
        state = json.loads(text)
        for _ in range(chance.choice((1, 1, 2, 3))):
            self._change(state)
        return json.dumps(state)

    def _change(self, at: Any) -> None:  # noqa: ANN401 - JSON
        """Walk down to a random value and replace it."""
        chance = self._chance
        while True:
            keys = list(at) if isinstance(at, dict) else range(len(at))
            key = chance.choice(keys)
            if isinstance(at[key], dict | list) and at[key] and chance.random() < 0.9:
                at = at[key]
                continue
            value = at[key]
            if isinstance(value, bool) or value is None:
                at[key] = chance.choice((True, False, None, 2))
            elif isinstance(value, int):
                at[key] = chance.choice((value ^ 1 << chance.randrange(24), number(chance), -1, value + 1))
            elif isinstance(value, str):
                at[key] = damaged(chance, value)
            elif isinstance(at, list) and chance.random() < 0.5:
                at.append(at[key])
            else:
                del at[key]
            return

    def run(self, given: str) -> bool:
        try:
            spec, machine = read_state(given)
        except StateError as error:
            str(error)
            return False
        machine.lpis()
        for cpu in range(spec.cpus):
            machine.icc_read("ICC_IAR1_EL1", cpu=cpu)
        if spec.its:
            machine.msi(device_id=2, event_id=20)
        return True


class Imports(Traces):
    """Whole logs, some of them packed; the scenario that one becomes is read."""

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self._directory = tempfile.TemporaryDirectory(prefix="giclab-fuzz-")

    def draw(self) -> list[str]:
        return [row for _ in range(self._chance.choice((1, 4))) for row in Traces.draw(self)]

    def run(self, given: list[str]) -> bool:
        data = "\n".join(given).encode("utf-8", "surrogatepass")
        if self._chance.random() < 0.2:
            data = gzip.compress(data, 1)[: self._chance.choice((-1, 10, None, None))]
        path = Path(self._directory.name)
        (path / "input").write_bytes(data)
        try:
            found = importer.run(Source(path / "input", 1 << 20), path / "steps", Options())
        except CannotImport as error:
            str(error)
            return False
        if found.steps:
            parse(window(found, 1, Room()).text)
        return True


SCENARIOS = Target("scenarios", 80, Scenarios)
LINKS = Target("links", 260, Links)
TRACES = Target("traces", 300, Traces)
IMPORTS = Target("imports", 10, Imports)
STATES = Target("states", 10, States)
