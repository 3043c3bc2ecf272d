"""What Linux says of its GICv3 and ITS while it boots: the machine, and the tables where the driver put them.

The lines are those of drivers/irqchip/irq-gic-v3.c and irq-gic-v3-its.c, with whatever dmesg or a journal puts before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TypeAlias

from app.exchange.imports import preset
from app.exchange.imports.pieces import Bad, Fact, Format, Options, Other, Piece, Row, Steps, need_cpu, reach
from app.gic.machine import MAX_CPUS, MAX_SPIS
from app.gic.memory import RAM_BASE
from app.scenario.operations import RegisterRef, Write
from app.scenario.scenario import MachineSpec
from app.scenario.vocabulary import vocabulary

TABLE = re.compile(
    r"ITS@0x([0-9a-f]+): allocated (\d+) ([A-Z][\w ]+?) @([0-9a-f]+) "
    r"\((flat|indirect), esz (\d+), psz (\d+)K, shr (\d)\)"
)
PENDING = re.compile(r"(?:GICv3: )?CPU(\d+): using \w+ LPI pending table @(0x[0-9a-f]+)")
PROPERTIES = re.compile(r"using LPI property table @(0x[0-9a-f]+)")
REDISTRIBUTOR = re.compile(r"CPU(\d+): found redistributor [0-9a-f]+ region \d+:(0x[0-9a-f]+)")
SPIS = re.compile(r"GICv3: (\d+) SPIs implemented")
FRAME = re.compile(r"ITS \[mem (0x[0-9a-f]+)-0x[0-9a-f]+\]")
CPUS = re.compile(
    r"Brought up \d+ nodes?, (\d+) CPUs?|SMP: Total of (\d+) processors activated|CPU(\d+): Booted secondary"
)
OURS = re.compile(r"\bGICv3:|\bGIC:|\bITS[ @:[]|\bGICv4|gic_handle_irq|interrupt-controller@|\bgic-v3|\bGICv2m")
REGISTERS = {"Devices": "GITS_BASER0", "Interrupt Collections": "GITS_BASER1"}
PAGES = {4: 0, 16: 1, 64: 2}
VALID, INDIRECT = 1 << 63, 1 << 62
CACHEABILITY = 7 << 59
QUEUE_BYTES = 0x1_0000
DRIVER = "the driver does so here; the log does not tell it"


def detect(text: str) -> bool:
    """Whether a line is the GICv3's or ITS driver's."""
    return any(each.search(text) for each in (TABLE, PENDING, PROPERTIES, REDISTRIBUTOR, SPIS, FRAME))


def survey(lines: list[str]) -> MachineSpec:
    """The CPUs and SPIs that the log names, on KVM unless it says that it ran on QEMU alone."""
    spec = MachineSpec("qemu" if any("DMI: QEMU QEMU" in text for text in lines) else "kvm", 1)
    for text in lines:
        if found := SPIS.search(text):
            spis = min(max(int(found.group(1)) // 32 * 32, 32), MAX_SPIS)
            spec = replace(spec, spis=spis)
        elif found := REDISTRIBUTOR.search(text) or PENDING.search(text):
            spec = replace(spec, cpus=max(spec.cpus, min(int(found.group(1)) + 1, MAX_CPUS)))
    return spec


def read(rows: Iterable[Row], spec: MachineSpec, _options: Options) -> Iterator[Piece]:
    """What the driver has written, in the log's order."""
    reader = _Reader(spec)
    for line, text in rows:
        try:
            pieces = reader.line(line, text)
        except ValueError as error:
            pieces = (Bad(line, text, str(error)),)
        yield from pieces


Take: TypeAlias = Callable[[int, re.Match[str]], Iterable[Piece]]


class _Reader:
    def __init__(self, spec: MachineSpec) -> None:
        self.spec = spec
        self.frames = vocabulary(spec).map.frames
        self.properties = preset.PROPERTY_TABLE
        self.queue = False
        self.awake: set[int] = set()
        self.takes: tuple[tuple[re.Pattern[str], Take], ...] = (
            (PENDING, self._pending),
            (REDISTRIBUTOR, self._redistributor),
            (TABLE, self._table),
            (PROPERTIES, self._properties),
            (SPIS, self._spis),
            (FRAME, self._frame),
            (CPUS, self._cpus),
        )

    def line(self, line: int, text: str) -> Iterable[Piece]:
        for pattern, take in self.takes:
            if found := pattern.search(text):
                return tuple(take(line, found))
        if ours := OURS.search(text):
            return (Fact(line, text[ours.start() :]),)
        return (Other(line, text),)

    def _spis(self, line: int, found: re.Match[str]) -> Iterator[Piece]:
        spis = int(found.group(1))
        if spis > MAX_SPIS:
            yield Fact(line, f"{spis} SPIs; here {self.spec.spis}")
        else:
            yield Fact(line)
        yield Steps(line, preset.distributor_on(), DRIVER)

    def _redistributor(self, line: int, found: re.Match[str]) -> Iterator[Piece]:
        cpu = need_cpu(self.spec, int(found.group(1)))
        here = self.frames["RD"].base + cpu * self.frames["RD"].stride
        yield self._place(line, f"GICR of CPU {cpu}", int(found.group(2), 16), here)
        yield from self._wake(line, cpu)

    def _wake(self, line: int, cpu: int) -> Iterator[Piece]:
        if cpu not in self.awake:
            self.awake.add(cpu)
            yield Steps(line, preset.cpu_interface_on(cpu), DRIVER)

    def _frame(self, line: int, found: re.Match[str]) -> Iterator[Piece]:
        yield self._place(line, "GITS", int(found.group(1), 16), self.frames["GITS"].base)

    def _place(self, line: int, what: str, there: int, here: int) -> Fact:
        return Fact(line, "" if there == here else f"{what} at {there:#x}; here it is at {here:#x}")

    def _cpus(self, line: int, found: re.Match[str]) -> Iterator[Piece]:
        total, activated, secondary = found.groups()
        count = int(secondary) + 1 if secondary else int(total or activated)
        need_cpu(self.spec, count - 1)
        yield Fact(line)

    def _properties(self, line: int, found: re.Match[str]) -> Iterator[Piece]:
        self.properties = int(found.group(1), 16)
        reach(self.spec, self.properties)
        yield Fact(
            line, f"each CPU's GICR_PROPBASER has {self.properties:#x}; Linux fills the table with 0xa2, disabled"
        )

    def _pending(self, line: int, found: re.Match[str]) -> Iterator[Piece]:
        cpu, address = need_cpu(self.spec, int(found.group(1))), int(found.group(2), 16)
        reach(self.spec, address)
        yield from self._wake(line, cpu)
        if address < RAM_BASE:
            yield Fact(line, f"{address:#x} is below this machine's RAM, which begins at {RAM_BASE:#x}")
        yield Steps(line, preset.lpis_on(cpu, self.properties, address))

    def _table(self, line: int, found: re.Match[str]) -> Iterator[Piece]:
        _, count, what, place, way, size, page, shareability = found.groups()
        register, address = REGISTERS.get(what), int(place, 16)
        reach(self.spec, address)
        if register is None:
            yield Fact(line, f"{what}: not in this machine")
            return
        indirect = way == "indirect"
        room = int(count) * (8 if indirect else int(size))
        pages = max(1, -(-room // (int(page) * 1024)))
        if int(page) not in PAGES or pages > 256:
            raise ValueError(f"{pages} pages of {page}K: a table has 1 to 256 pages of 4K, 16K or 64K")
        value = VALID | INDIRECT * indirect | CACHEABILITY | address | int(shareability) << 10 | PAGES[int(page)] << 8
        yield Steps(line, (Write(RegisterRef(register), value | pages - 1),))
        if register == "GITS_BASER1" and not self.queue:
            self.queue = True
            base = RAM_BASE + (self.spec.ram_mib << 20) - QUEUE_BYTES
            queue = Write(RegisterRef("GITS_CBASER"), VALID | CACHEABILITY | base | 1 << 10 | QUEUE_BYTES // 4096 - 1)
            why = "the command queue; the log does not tell its address"
            yield Steps(line, (queue, Write(RegisterRef("GITS_CTLR"), 1)), why)


FORMAT = Format(
    "linux-boot",
    "Linux boot log",
    "[    0.000000] GICv3: CPU0: using allocated LPI pending table @0x0000000040120000",
    detect,
    read,
    survey,
)
