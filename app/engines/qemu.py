"""A real QEMU as a Machine: every register and every byte of RAM is the running QEMU's own."""

from types import TracebackType
from typing import NoReturn, Self

from app.engines.qtest import ANSWER_SECONDS, Qtest
from app.exchange.qemu_events import Hppi
from app.exchange.qemu_tables import ITE_BYTES, QemuTables
from app.exchange.qemu_trace import parse_event
from app.exchange.qtest import DEVICE_TREE_BYTES, SPIS
from app.gic import Machine, MachineState, effects
from app.gic.commands import COMMAND_BYTES
from app.gic.lpi_counts import LpiCounts
from app.gic.memory import RAM_BASE
from app.gic.views import CollectionView, DeviceView, EventView, LpiView, QueueView
from app.gic.why import Chain
from app.registers import Register

FIRST_SPI = 32
TRANSLATER = 0x40  # offset of GITS_TRANSLATER in its frame
QUEUE_ADDRESS = 0x000F_FFFF_FFFF_F000
OFFSET = 0xF_FFE0  # GITS_CREADR and GITS_CWRITER, bits 19:5
STALLED = 1
EVENT_BITS = 16  # GITS_TYPER.ID_bits + 1


class NotAvailable(LookupError):
    """What a QEMU cannot be asked over qtest, where no CPU runs."""


class QemuMemory:
    """QEMU's RAM. IndexError where there is none, as our own."""

    def __init__(self, qtest: Qtest, mib: int) -> None:
        self._qtest = qtest
        self.end = RAM_BASE + mib * 1024 * 1024

    def read(self, address: int, length: int) -> bytes:
        self._check(address, length)
        return self._qtest.memory_read(address, length)

    def write(self, address: int, data: bytes) -> None:
        self._check(address, len(data))
        self._qtest.memory_write(address, data)

    def _check(self, address: int, length: int) -> None:
        if address < RAM_BASE or address + length > self.end:
            raise IndexError(f"no RAM at {address:#x}, {length} bytes (RAM is {RAM_BASE:#x} to {self.end - 1:#x})")


class QemuMachine(Machine):
    """The operations of a Machine, done by a QEMU that this starts, and that `close` ends.

    It has no CPU running, so no CPU interface; MSIs have DeviceID 0, which is what QEMU takes a qtest access for.
    Both raise NotAvailable, as does what only our own model can tell. `hppi` needs `trace`.
    """

    def __init__(
        self,
        cpus: int = 2,
        ram_mib: int = 512,
        *,
        its: bool = True,
        trace: bool = False,
        timeout: float = ANSWER_SECONDS,
    ) -> None:
        self.qtest = Qtest(cpus=cpus, ram_mib=ram_mib, its=its, trace=trace, timeout=timeout)
        super().__init__("qemu", cpus, SPIS, its, memory=QemuMemory(self.qtest, ram_mib))
        self._ram_bytes = ram_mib * 1024 * 1024
        self._ram_end = RAM_BASE + self._ram_bytes
        self._trace = self.qtest.trace_path.open() if trace else None
        self._hppi: list[tuple[int, int, int] | None] = [None] * cpus
        self.qtest.memory_zero(RAM_BASE, DEVICE_TREE_BYTES)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def reset(self) -> None:
        """As fresh from the start, RAM included, in a hundredth of the time."""
        self.qtest.reset()
        self.qtest.memory_zero(RAM_BASE, self._ram_bytes)
        if self._trace is not None:
            self._trace.read()
        self._hppi = [None] * self.cpus

    def ram_image(self) -> bytes:
        """All of RAM."""
        return self.qtest.memory_image(RAM_BASE, self._ram_bytes)

    def close(self) -> None:
        """Ends QEMU."""
        if self._trace is not None:
            self._trace.close()
        self.qtest.close()

    def read(self, address: int, size: int, cpu: int = 0, secure: bool = False) -> int:
        self.bus.check_access(address, size, cpu)
        return self.qtest.read(address, size)

    def write(self, address: int, value: int, size: int, cpu: int = 0, secure: bool = False) -> None:
        self.bus.check_access(address, size, cpu)
        if not 0 <= value < 1 << size * 8:
            raise ValueError(f"value {value:#x} does not fit in {size} bytes")
        self.qtest.write(address, value, size)

    def peek(self, register: str | Register, cpu: int = 0, secure: bool = False) -> int:
        """A read: no read of QEMU's GICD, GICR or GITS has an effect."""
        found = self.map.registers[register] if isinstance(register, str) else register
        if found.frame == "ICC":
            _not_available(f"{found.name} is a register of a CPU, and no CPU runs")
        return self.qtest.read(self.map.address(found, cpu), found.width // 8)

    def pendbaser(self, cpu: int) -> int:
        return self.peek("GICR_PENDBASER", cpu)

    def propbaser(self, cpu: int) -> int:
        return self.peek("GICR_PROPBASER", cpu)

    def msi(self, device_id: int, event_id: int) -> None:
        if device_id != 0:
            _not_available(f"an MSI of DeviceID {device_id:#x}: a write over qtest is DeviceID 0's")
        self.qtest.write(self.map.frames["GITS_TRANSLATION"].base + TRANSLATER, event_id, 4)

    def spi(self, intid: int, level: bool | int) -> None:
        if not FIRST_SPI <= intid < FIRST_SPI + SPIS:
            raise ValueError(f"INTID {intid} is no SPI of this machine: {FIRST_SPI} to {FIRST_SPI + SPIS - 1}")
        self.qtest.set_gic_input(intid - FIRST_SPI, bool(level))

    def ppi(self, intid: int, level: bool | int, cpu: int = 0) -> None:
        self.check_cpu(cpu)
        if not 16 <= intid < FIRST_SPI:
            raise ValueError(f"INTID {intid} is no PPI: 16 to 31")
        self.qtest.set_gic_input(SPIS + cpu * FIRST_SPI + intid, bool(level))

    def hppi(self, cpu: int) -> tuple[int, int, int] | None:
        """QEMU's highest priority pending interrupt of a CPU, as it last told: (INTID, group, priority)."""
        if self._trace is None:
            _not_available("hppi: this QEMU was started without its trace")
        for line in self._trace:
            event = parse_event(line.rstrip("\n"))
            if isinstance(event, Hppi):
                self._hppi[event.cpu] = event.interrupt
        return self._hppi[cpu]

    @property
    def its_is_set_up(self) -> bool:
        return self.has_its and bool(self.peek("GITS_CBASER") >> 63)

    def command(self, packet: bytes) -> None:
        queue = self.queue()
        if not queue.slots:
            raise ValueError("GITS_CBASER is not Valid: there is no command queue to write to")
        after = (queue.cwriter + COMMAND_BYTES) % (queue.slots * COMMAND_BYTES)
        if after == queue.creadr:
            raise ValueError(f"the command queue is full: {queue.slots} slots, GITS_CWRITER {queue.cwriter:#x}")
        self.memory.write(queue.base + queue.cwriter, packet)
        self.tell(effects.MemoryWritten(queue.base + queue.cwriter, packet))
        self.qtest.write(self.map.address(self.map.registers["GITS_CWRITER"]), after, 8)

    def queue(self) -> QueueView:
        """The queue's registers; QEMU keeps no list of what it ran."""
        if not self.has_its:
            return QueueView(0, 0, 0, 0, False, False, [])
        cbaser, creadr, cwriter = (self.peek(f"GITS_{name}") for name in ("CBASER", "CREADR", "CWRITER"))
        slots = ((cbaser & 0xFF) + 1) * 4096 // COMMAND_BYTES if cbaser >> 63 else 0
        enabled = bool(self.peek("GITS_CTLR") & 1)
        base = cbaser & QUEUE_ADDRESS
        return QueueView(base, slots, creadr & OFFSET, cwriter & OFFSET, bool(creadr & STALLED), enabled, [])

    def events(self, device_id: int, start: int = 0, count: int | None = None) -> list[EventView]:
        """The mapped events of a device, from as much of its ITT as is RAM."""
        tables = QemuTables(self)
        try:
            device = tables.dte(device_id)
        except IndexError:
            return []
        # QEMU maps 16 EventID bits at most; a DTE that was edited may say 32.
        room = max(0, min(ITE_BYTES << min(device.size, EVENT_BITS), self._ram_end - device.itt))
        if not device.valid or device.itt < RAM_BASE or room < ITE_BYTES:
            return []
        block = self.memory.read(device.itt, room)
        entries = (tables.ite_in(block, device.itt, event) for event in range(room // ITE_BYTES))
        views = [EventView(device_id, each.event, each.intid, each.icid, None) for each in entries if each.valid]
        return [view for view in views if view.event_id >= start][:count]

    def irq(self, cpu: int = 0) -> bool:
        _not_available("whether an interrupt is signalled to a CPU: no CPU runs, none has set up its CPU interface")

    def icc_read(self, name: str, cpu: int = 0, secure: bool = False) -> int:
        _not_available(f"{name} is a register of a CPU, and no CPU runs")

    def icc_write(self, name: str, value: int, cpu: int = 0, secure: bool = False) -> None:
        _not_available(f"{name} is a register of a CPU, and no CPU runs")

    def lpi(self, intid: int, cpu: int | None = None) -> LpiView:
        _not_available("an LPI's state inside the Redistributors")

    def lpis(self, start: int = 8192, count: int | None = None) -> list[LpiView]:
        _not_available("LPI states inside the Redistributors")

    def lpi_counts(self) -> LpiCounts:
        _not_available("LPI states inside the Redistributors")

    def devices(self, start: int = 0, count: int | None = None) -> list[DeviceView]:
        _not_available("a list of devices; `events` of one are")

    def collections(self) -> list[CollectionView]:
        _not_available("a list of collections")

    def why(self, intid: int, cpu: int | None = None) -> Chain:
        _not_available("why an interrupt is signalled or not")

    def snapshot(self) -> MachineState:
        _not_available("a copy of its state")

    def restore(self, state: MachineState) -> None:
        _not_available("a copy of its state")


def _not_available(what: str) -> NoReturn:
    raise NotAvailable(f"not available on a live QEMU: {what}")
