"""KVM's debugfs files as machine state: `vgic-state` and, pasted before or after it, `vgic-its-state@…`.

Both are printed by the kernel's arch/arm64/kvm/vgic/vgic-debug.c. Not told by them, and put where giclab likes: the
addresses of the LPI tables and of the ITTs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from app.exchange.imports import preset
from app.exchange.imports.pieces import Bad, Fact, Format, Options, Other, Piece, Row, Steps, need_cpu
from app.exchange.imports.wired_state import Interrupt, WiredState
from app.gic.machine import MAX_CPUS, MAX_SPIS
from app.scenario.operations import Its, Poke
from app.scenario.scenario import MachineSpec

HEAD = re.compile(r"\s*(VCPU|SPI) ?(\s*\d+) TYP\s+ID TGT_ID (PLAEHCG?)\b")
ROW = re.compile(
    r"\s*(SGI|PPI|SPI|LPI)\s+(\d+)\s+(-?\d+)\s+([01]{6,7})\s+(\d+)\s+([0-9a-f]+)\s+([0-9a-f]+)\s+(\d+)\s+(-?\d+)\s*$"
)
FREED = re.compile(r"\s*LPI\s+(\d+)\s+freed\s*$")
SETTING = re.compile(r"\s*(vgic_model|nr_spis|nr_lpis|enabled):\s*(\w+)\s*$")
DECORATION = re.compile(r"\s*(?:Distributor|=+|-{8,}|[PE]=\w+,.*|G=group|EVENT_ID\s+INTID.*|)\s*$")
DEVICE = re.compile(r"\s*Device ID: (0x[0-9a-f]+|\d+), Event ID Range: \[0 - (\d+)\]\s*$")
EVENT = re.compile(r"\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s+([01])\s*$")
ITT_ENTRY = 16
AFFINITY = 0xFF_00FF_FFFF
TABLES = "LPIs are on; the files do not tell where their tables are"


def detect(text: str) -> bool:
    """Whether a line is of one of the two files."""
    return any(each.match(text) for each in (HEAD, ROW, DEVICE))


def survey(lines: list[str]) -> MachineSpec:
    """The VCPUs and SPIs that the files name."""
    cpus, spis = 1, 32
    for text in lines:
        if (found := HEAD.match(text)) and found.group(1) == "VCPU":
            cpus = max(cpus, min(int(found.group(2)) + 1, MAX_CPUS))
        elif (found := SETTING.match(text)) and found.group(1) == "nr_spis" and found.group(2).isdigit():
            spis = min(max(int(found.group(2)) // 32 * 32, 32), MAX_SPIS)
    return MachineSpec("kvm", cpus, spis)


def read(rows: Iterable[Row], spec: MachineSpec, _options: Options) -> Iterator[Piece]:
    """The state in the order in which the files tell it."""
    reader = _Reader(spec)
    for line, text in rows:
        try:
            pieces = tuple(reader.line(line, text))
        except ValueError as error:
            pieces = (Bad(line, text, str(error)),)
        yield from pieces
    yield from reader.end()


@dataclass(slots=True)
class _Lpi:
    line: int
    byte: int
    pending: bool
    mapped: tuple[int, int] | None = None


class _Reader:
    def __init__(self, spec: MachineSpec) -> None:
        self.spec = spec
        self.wired = WiredState(spec)
        self.cpu: int | None = None
        self.group = True
        self.device = -1
        self.size = 0
        self.next_itt = preset.TRANSLATION_TABLES
        self.collections: set[int] = set()
        self.lpis: dict[int, _Lpi] = {}
        self.lpis_on = False

    def line(self, line: int, text: str) -> Iterable[Piece]:
        if found := ROW.match(text):
            return self._row(line, found)
        if found := EVENT.match(text):
            return (*self.wired.flush(), *self._event(line, [int(each) for each in found.groups()]))
        if found := HEAD.match(text):
            return self._head(line, found)
        if found := DEVICE.match(text):
            return self._device(line, int(found.group(1), 0), int(found.group(2)))
        if found := SETTING.match(text):
            return self._setting(line, *found.groups())
        if found := FREED.match(text):
            return (Fact(line, f"LPI {found.group(1)} was being freed"),)
        return (Fact(line),) if DECORATION.match(text) else (Other(line, text),)

    def end(self) -> Iterator[Piece]:
        """What is still to be told; LPIs that no event leads to are told as such."""
        yield from self.wired.flush()
        for intid, lpi in self.lpis.items():
            if lpi.mapped is None:
                yield Fact(lpi.line, f"LPI {intid} has no event here: vgic-its-state tells which leads to it")

    def _setting(self, line: int, name: str, value: str) -> Iterator[Piece]:
        if name == "vgic_model" and value != "GICv3":
            raise ValueError(f"a {value}: this is a GICv3")
        if name == "enabled" and value == "1":
            yield Steps(line, preset.distributor_on())
        else:
            yield Fact(line)

    def _head(self, line: int, found: re.Match[str]) -> Iterator[Piece]:
        yield from self.wired.flush()
        self.cpu = need_cpu(self.spec, int(found.group(2))) if found.group(1) == "VCPU" else None
        yield Fact(line)

    def _row(self, line: int, found: re.Match[str]) -> Iterator[Piece]:
        kind, intid, target = found.group(1), int(found.group(2)), int(found.group(3))
        flags = [each == "1" for each in found.group(4)]
        pending, level, active, enabled, _, is_level = flags[:6]
        group = flags[6] if len(flags) == 7 else True
        priority = int(found.group(8))
        if kind == "LPI":
            yield from self.wired.flush()
            yield from self._lpi(line, intid, _Lpi(line, priority & 0xFC | enabled, pending))
            return
        cpu = self.cpu if kind != "SPI" else None
        if cpu is None and kind != "SPI":
            raise ValueError(f"a {kind} without a line that says whose (VCPU 0 …) before it")
        aff = int(found.group(6), 16) & AFFINITY if kind == "SPI" and target >= 0 else 0
        interrupt = Interrupt(line, intid, pending, level, active, enabled, is_level, group, priority, aff)
        yield from self.wired.take(cpu, interrupt)

    def _lpi(self, line: int, intid: int, lpi: _Lpi) -> Iterator[Piece]:
        if not preset.FIRST_LPI <= intid < 1 << 16:
            raise ValueError(f"{intid} is no LPI of this machine: 8192 to 65535")
        known = self.lpis.get(intid)
        self.lpis[intid] = lpi
        yield Fact(line)
        if known is not None and known.mapped is not None:
            lpi.mapped = known.mapped
            yield Steps(line, (self._config(intid, lpi.byte), self._its("INV", known.mapped)))
            if lpi.pending:
                yield Steps(line, (self._its("INT", known.mapped),))

    def _device(self, line: int, device: int, last: int) -> Iterator[Piece]:
        bits = last.bit_length()
        if last != (1 << bits) - 1 or not 1 <= bits <= 16:
            raise ValueError(f"events 0 to {last}: this machine has 2 to 65,536 of a device")
        self.device, self.size = device, bits
        yield from self.wired.flush()
        yield from self._lpis_on(line)
        mapd = Its("MAPD", (("device", device), ("size", bits), ("itt", self.next_itt)))
        self.next_itt += max(256, ITT_ENTRY << bits)
        yield Steps(line, (mapd,))

    def _lpis_on(self, line: int) -> Iterator[Piece]:
        if not self.lpis_on:
            self.lpis_on = True
            for cpu in range(self.spec.cpus):
                pending = preset.PENDING_TABLES + cpu * preset.PENDING_BYTES
                yield Steps(line, preset.lpis_on(cpu, preset.PROPERTY_TABLE, pending), TABLES)

    def _event(self, line: int, numbers: list[int]) -> Iterator[Piece]:
        event, intid, _, target, collection, _ = numbers
        if self.device < 0:
            raise ValueError("an event without a line that says of which device (Device ID: …) before it")
        if event >> self.size or not preset.FIRST_LPI <= intid < 1 << 16:
            raise ValueError(f"event {event} of {1 << self.size}, INTID {intid}: not of this machine")
        cpu = need_cpu(self.spec, target)
        if collection not in self.collections:
            self.collections.add(collection)
            yield Steps(line, (Its("MAPC", (("collection", collection), ("target", cpu))),), "its collection")
        lpi = self.lpis.setdefault(intid, _Lpi(line, 0, pending=False))
        lpi.mapped = (self.device, event)
        if lpi.byte:
            yield Steps(line, (self._config(intid, lpi.byte),), f"as line {lpi.line} tells of INTID {intid}")
        operands = (("device", self.device), ("event", event), ("intid", intid), ("collection", collection))
        yield Steps(line, (Its("MAPTI", operands),))
        if lpi.pending:
            yield Steps(line, (self._its("INT", lpi.mapped),), f"line {lpi.line} says that INTID {intid} is pending")

    def _config(self, intid: int, byte: int) -> Poke:
        return Poke(preset.PROPERTY_TABLE + intid - preset.FIRST_LPI, bytes([byte]))

    def _its(self, name: str, mapped: tuple[int, int]) -> Its:
        return Its(name, (("device", mapped[0]), ("event", mapped[1])))


FORMAT = Format(
    "vgic-state",
    "KVM debugfs vgic-state and vgic-its-state@…",
    "       LPI 8192     0 1001001        0        0  0 160      -1 ",
    detect,
    read,
    survey,
)
