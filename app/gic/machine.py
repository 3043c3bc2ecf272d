"""The one door into the emulated GIC: its address map, its wires, its CPUs and its guest RAM."""

from __future__ import annotations

from app.gic import driver, effects
from app.gic.behaviours import Doors, PendingHome, Signalling, TableEntries, TablesHome
from app.gic.bus import LIMITS, Bus
from app.gic.commands import WORDS
from app.gic.cpu_interface import CpuInterface
from app.gic.distributor import Distributor
from app.gic.implementations import Implementation
from app.gic.implementations import implementation as find_implementation
from app.gic.its import Its, Translation
from app.gic.its_kernel import KernelTranslation
from app.gic.its_tables import TableTranslation
from app.gic.list_registers import ListRegisters
from app.gic.looking import Looking
from app.gic.lpi import CONFIG_PRIORITY, ENABLE_LPIS, FIRST_LPI, Lpis
from app.gic.lpi_behaviours import PropbaserScope
from app.gic.lpi_cached import CachedLpis
from app.gic.lpi_kernel import KernelLpis
from app.gic.lpi_ram import RamLpis
from app.gic.machine_state import MachineState, put_back, snapshot_of
from app.gic.memory import ForeignMemory, GuestMemory, Memory, Ram
from app.gic.notebook import LpiTable, RegisterValue, machine_html, register_value
from app.gic.redistributor import Redistributor
from app.gic.register_file import Write, layout
from app.gic.security import NonSecure, from_nonsecure_priority
from app.gic.signals import DirectSignals, Signals
from app.gic.system_registers import SystemRegisters
from app.gic.tables import PlainFormat, QemuFormat
from app.gic.telling import Telling
from app.gic.userspace import Userspace, UserspaceError
from app.gic.views import Views
from app.gic.way import Way, event_way, lpi_way
from app.gic.why import Chain, why
from app.gic.wired import Wired
from app.gic.wired_story import WiredStory
from app.registers import Register

MAX_CPUS = 32
MAX_SPIS = 988


class Machine(Looking, Telling):
    """A GICv3 with its ITS, `cpus` CPU interfaces and guest RAM.

    `implementation` names whose behaviour it has; `spis` is a multiple of 32 up to 988 (rounded up to the map's
    words); `ram_mib` MiB of RAM from 0x4000_0000, or any object with read and write as `memory`. CPU n has affinity
    Aff0 = n % 16, Aff1 = n // 16. A mistake of the caller raises ValueError; what a bus or a guest can do never
    raises.
    """

    def __init__(
        self,
        implementation: str | Implementation = "kvm",
        cpus: int = 2,
        spis: int = 64,
        its: bool = True,
        ram_mib: int = 512,
        lpi_id_bits: int = 16,
        memory: Memory | None = None,
        security: int = 1,
    ) -> None:
        if not 1 <= cpus <= MAX_CPUS:
            raise ValueError(f"cpus={cpus}: 1 to {MAX_CPUS}")
        if not 0 <= spis <= MAX_SPIS:
            raise ValueError(f"spis={spis}: 0 to {MAX_SPIS}")
        if lpi_id_bits != 16:
            raise ValueError(f"lpi_id_bits={lpi_id_bits}: every implementation here has 16")
        self.impl = find_implementation(implementation) if isinstance(implementation, str) else implementation
        if security not in (1, 2) or (security == 2 and self.impl.registers != "architecture"):
            raise ValueError(f"security={security}: 1, or 2 with implementation=architecture (two Security states)")
        self.implementation = self.impl.name
        super().__init__(cpus)
        self.spis = spis
        self.has_its = its
        self.make = (self.impl, cpus, spis, its, security)
        shared = frozenset({"GICR_PROPBASER"} if self.impl.propbaser_scope is PropbaserScope.SHARED else ())
        self.layout = layout(self.impl.registers, cpus, spis, its, security, shared)
        self.map = self.layout.map
        self.values: list[int] = list(self.layout.resets)
        self.memory: Memory = GuestMemory(ram_mib) if memory is None else memory
        self.ram: Ram = self.memory if isinstance(self.memory, GuestMemory) else ForeignMemory(self.memory)
        self.its_placed = True  # a VMM has given the ITS its base address
        self.work = 0  # commands, table entries and LPIs that were looked at so far: what time grows with
        self.batch = 0  # times that the ITS has looked at its queue
        self.its_unfinished = False  # the ITS has commands left, and goes on at the next access
        self.by_userspace = False  # a VMM makes the access under way
        self.secure = False  # Secure software makes the access under way
        self.security = security
        self.two_states = security == 2  # until GICD_CTLR.DS is set
        self.nonsecure = NonSecure(self)
        self.bus = Bus(self)
        self._reads = self.layout.reads
        self._writes = self.layout.writes
        self._ctlr = [self.layout.slot("GICR_CTLR", cpu) for cpu in range(cpus)]
        self._propbaser = [self.layout.slot("GICR_PROPBASER", cpu) for cpu in range(cpus)]
        self._pendbaser = [self.layout.slot("GICR_PENDBASER", cpu) for cpu in range(cpus)]
        self._gicd_ctlr = self.layout.slot("GICD_CTLR")
        self._iidr = self.layout.slot("GICD_IIDR")
        self._build()
        self._system_registers = SystemRegisters(self)
        self.userspace = Userspace(self)
        self._views = Views(self)

    def _build(self) -> None:
        self.wired = Wired(self.layout, self.values, self.spis)
        self.story = WiredStory(self)
        self.list_registers = ListRegisters(self) if self.impl.signalling is Signalling.LIST_REGISTERS else None
        self.signals: Signals = self.list_registers or DirectSignals(self)
        homes: dict[PendingHome, type[RamLpis | CachedLpis | KernelLpis]] = {
            PendingHome.GUEST_RAM: RamLpis,
            PendingHome.REDISTRIBUTOR: CachedLpis,
            PendingHome.LATCH: KernelLpis,
        }
        self.lpi_home: Lpis = homes[self.impl.pending_home](self)
        self.cpu_interfaces = [CpuInterface(self, cpu) for cpu in range(self.cpus)]
        self.distributor = Distributor(self)
        self.redistributors = [Redistributor(self, cpu) for cpu in range(self.cpus)]
        self._its = Its(self, self._translation()) if self.has_its else None
        self.owners: list[object] = [self.distributor, self._its, *self.redistributors]

    def _translation(self) -> Translation:
        if self.impl.tables_home is TablesHome.KERNEL:
            return KernelTranslation(self)
        return TableTranslation(self, QemuFormat() if self.impl.table_entries is TableEntries.QEMU else PlainFormat())

    @property
    def its(self) -> Its:
        if self._its is None:
            raise ValueError("this machine has no ITS (its=False)")
        return self._its

    # -- what the parts ask of each other

    def lpis_enabled(self, cpu: int) -> bool:
        return bool(self.values[self._ctlr[cpu]] & ENABLE_LPIS)

    def propbaser(self, cpu: int) -> int:
        return self.values[self._propbaser[cpu]]

    def lpi_priority(self, byte: int) -> int:
        """The priority in a configuration byte: with two Security states it is a Non-secure one."""
        priority = byte & CONFIG_PRIORITY
        return from_nonsecure_priority(priority) if self.two_states else priority

    def peek_slot(self, name: str, cpu: int) -> int:
        """A register as stored."""
        return self.values[self.layout.slot(name, cpu)]

    def pendbaser(self, cpu: int) -> int:
        """As stored: PTZ too, whatever a read shows of it."""
        return self.values[self._pendbaser[cpu]]

    def gicd_ctlr(self) -> int:
        return self.values[self._gicd_ctlr]

    @property
    def kvm_revision(self) -> int | None:
        """GICD_IIDR.Revision of a KVM device, which userspace may set to 2 or 3; None elsewhere."""
        return self.values[self._iidr] >> 12 & 0xF if self.impl.doors is Doors.KVM_DEVICE else None

    def put(self, name: str, value: int, cpu: int = 0) -> None:
        """Store a register as it is, with no access rule and no effect."""
        self.values[self.layout.slot(name, cpu)] = value

    # -- memory-mapped accesses

    def read(self, address: int, size: int, cpu: int = 0, secure: bool = False) -> int:
        """A load of `size` bytes (1, 2, 4, 8) by `cpu`. RAM or register; what nobody answers reads as 0.

        `secure`: by Secure software, where there are two Security states.
        """
        port = self._reads.get(address << 4 | size)
        if port is None or self.sink is not None or self.two_states or self.its_unfinished or not 0 <= cpu < self.cpus:
            self.secure = secure
            return self.bus.read(address, size, cpu)
        if self.list_registers is not None:
            self.list_registers.run(cpu)
        reader = port.reader
        if reader is None:
            return self.values[port.slot] >> port.shift & port.mask
        return reader(self.owners[port.place.owner], port.place) >> port.shift & port.mask

    def write(self, address: int, value: int, size: int, cpu: int = 0, secure: bool = False) -> None:
        """A store of `size` bytes (1, 2, 4, 8) by `cpu`. RAM or register; where nobody answers it goes nowhere.

        `secure`: by Secure software, where there are two Security states.
        """
        port = self._writes.get(address << 4 | size)
        if (
            port is None
            or self.sink is not None
            or self.list_registers is not None
            or self.two_states
            or self.its_unfinished
            or not 0 <= value < LIMITS[size]
            or not 0 <= cpu < self.cpus
        ):
            self.bus.write(address, value, size, cpu, secure)
            return
        values = self.values
        writable = port.writable
        old = values[port.slot]
        data = value << port.shift
        if port.plain:
            values[port.slot] = old & ~writable | data & writable
            return
        owner = self.owners[port.place.owner]
        if port.guard is not None and port.guard(owner, data):
            return
        new = (old & ~writable | data & writable | data & port.sets) & ~(data & port.clears)
        if port.sanitised:
            new = port.place.register.kept_value(new)
        values[port.slot] = new
        if port.signal_state:
            self.signals.mark(port.place.shown_cpu)
        elif port.writer is not None:
            port.writer(owner, Write(port.place, old, new, port.lanes, data))

    def check_cpu(self, cpu: int) -> None:
        if not 0 <= cpu < self.cpus:
            raise ValueError(f"no CPU {cpu}: 0 to {self.cpus - 1}")

    def peek(self, register: str | Register, cpu: int = 0, secure: bool = False) -> int:
        """What a guest read of the whole register would give, without its side effects."""
        self.check_cpu(cpu)
        self.secure = secure
        found = self.map.find(register).register if isinstance(register, str) else register
        if found.frame == "ICC":
            return self.cpu_interfaces[cpu].peek(found.name)
        place = self.layout.places.get((found.name, cpu if found.per_cpu else 0))
        return 0 if place is None else self.bus.value(place)

    # -- devices, wires and CPUs

    def msi(self, device_id: int, event_id: int) -> None:
        """A device's write to GITS_TRANSLATER."""
        if not 0 <= device_id < 1 << 32 or not 0 <= event_id < 1 << 32:
            raise ValueError(f"DeviceID {device_id:#x} and EventID {event_id:#x} are 32 bits wide")
        if not self.has_its:
            self.tell(effects.MsiRefused(device_id, event_id, "this machine has no ITS"))
        elif self.impl.doors is Doors.KVM_DEVICE:
            try:
                self.userspace.signal_msi(device_id, event_id)
            except UserspaceError as error:
                self.tell(effects.MsiRefused(device_id, event_id, str(error)))
        else:
            self.its.msi(device_id, event_id)
        self.settle()

    def spi(self, intid: int, level: bool | int) -> None:
        """The wire of an SPI."""
        if not 32 <= intid < self.wired.limit:
            raise ValueError(f"INTID {intid} is no SPI here: 32 to {self.wired.limit - 1}")
        self.distributor.set_line(intid, bool(level), 0)
        self.settle()

    def ppi(self, intid: int, level: bool | int, cpu: int = 0) -> None:
        """The wire of a PPI of one CPU."""
        if not 16 <= intid < 32:
            raise ValueError(f"INTID {intid} is no PPI: 16 to 31")
        self.check_cpu(cpu)
        self.distributor.set_line(intid, bool(level), cpu)
        self.settle()

    def irq(self, cpu: int = 0) -> bool:
        """Is an interrupt signalled to this CPU?"""
        self.check_cpu(cpu)
        return self.cpu_interfaces[cpu].signalled() is not None

    def hppi(self, cpu: int) -> tuple[int, int, int] | None:
        """The highest priority pending interrupt forwarded to this CPU: (INTID, group 0 or 2, priority)."""
        self.check_cpu(cpu)
        found = self.signals.best(cpu)
        return None if found is None else (found.intid, 2 * found.group, found.priority)

    def icc_read(self, name: str, cpu: int = 0, secure: bool = False) -> int:
        """An MRS of a CPU interface register by `cpu`; ICC_IAR1_EL1 acknowledges."""
        return self._system_registers.read(name, cpu, secure)

    def icc_write(self, name: str, value: int, cpu: int = 0, secure: bool = False) -> None:
        """An MSR to a CPU interface register by `cpu`."""
        self._system_registers.write(name, value, cpu, secure)

    # -- the ITS as a driver uses it

    def setup_its(self) -> None:
        """Program a default command queue and default tables, 16 MiB into RAM, and enable the ITS."""
        driver.set_up_its(self)

    @property
    def its_is_set_up(self) -> bool:
        """Whether software has given the ITS a command queue."""
        return self.has_its and self.its.queue_bytes > 0

    def command(self, packet: bytes) -> None:
        """Put a 32-byte command at GITS_CWRITER and move GITS_CWRITER past it, as a driver does.

        ValueError: the packet is not 32 bytes, there is no queue, or it is full.
        """
        driver.put_command(self, packet)

    def command_words(self, words: tuple[int, int, int, int]) -> None:
        """As `command`, for four doublewords."""
        self.command(WORDS.pack(*words))

    def why(self, intid: int, cpu: int | None = None) -> Chain:
        """Why `intid` is, or is not, signalled: every condition on its way. `cpu`: whose SGI or PPI."""
        return why(self, intid, cpu)

    def lpi_way(self, intid: int) -> Way:
        """The way of an MSI to this LPI and on to a CPU, stop by stop."""
        return lpi_way(self, intid)

    def event_way(self, device_id: int, event_id: int | None = None) -> Way:
        """The same for a device's event, mapped or not; None: its first mapped one."""
        return event_way(self, device_id, event_id)

    # -- for notebooks

    def register(self, name: str) -> RegisterValue:
        """A register as it is now, by a name as GICR_PENDBASER@0 or GICR_PENDBASER@0.PTZ; UnknownName otherwise."""
        return register_value(self, self.map.place(name))

    def lpi_table(self, start: int = FIRST_LPI, count: int | None = None) -> LpiTable:
        """The mapped or pending LPIs from `start` up, at most `count`."""
        return LpiTable(self.lpis(start, count))

    def _repr_html_(self) -> str:
        return machine_html(self)

    # -- state

    def snapshot(self) -> MachineState:
        """The exact state, RAM included when it is ours; costs the registers and the pages written since the last."""
        return snapshot_of(self)

    def restore(self, state: MachineState) -> None:
        """Become what a machine of the same make was at `snapshot`; ValueError for one of another make."""
        put_back(self, state)
