"""The one door into the emulated GIC: its address map, its wires, its CPUs and its guest RAM."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from app.gic import effects
from app.gic.behaviours import Behaviour, Doors, PendingHome, Signalling, TableEntries, TablesHome
from app.gic.bounds import EFFECTS_PER_STEP
from app.gic.commands import COMMAND_BYTES, WORDS
from app.gic.cpu_interface import CpuInterface
from app.gic.distributor import Distributor
from app.gic.effects import Effect
from app.gic.heard import Heard
from app.gic.implementations import Implementation
from app.gic.implementations import implementation as find_implementation
from app.gic.its import RECENT, Its, Translation, Words
from app.gic.its_kernel import KernelTranslation
from app.gic.its_tables import TableTranslation
from app.gic.list_registers import ListRegisters
from app.gic.lpi import CONFIG_PRIORITY, ENABLE_LPIS, Lpis
from app.gic.lpi_behaviours import PropbaserScope
from app.gic.lpi_cached import CachedLpis
from app.gic.lpi_kernel import KernelLpis
from app.gic.lpi_ram import RamLpis
from app.gic.memory import RAM_BASE, ForeignMemory, GuestMemory, Memory, Ram
from app.gic.outcome import Outcome
from app.gic.redistributor import Redistributor
from app.gic.register_file import Place, Write, WritePort, layout, port_key
from app.gic.security import DS, NonSecure, from_nonsecure_priority
from app.gic.signal_behaviours import MisalignedAccess, OneOfN
from app.gic.signals import DirectSignals, Signals
from app.gic.tables import PlainFormat, QemuFormat
from app.gic.userspace import Userspace, UserspaceError
from app.gic.views import CollectionView, DeviceView, EventView, LpiCounts, LpiView, QueueView, Views
from app.gic.why import Chain, why
from app.gic.wired import Wired
from app.gic.wired_story import WiredStory
from app.registers import Access, Field, Register

MAX_CPUS = 32
MAX_SPIS = 988
_LIMITS = {1: 1 << 8, 2: 1 << 16, 4: 1 << 32, 8: 1 << 64}
_TABLE_VALID = 1 << 63
_ATTRIBUTES = 7 << 59 | 1 << 10  # InnerCache RaWaWb, Inner Shareable
_PAGE_64K = 2 << 8
_SET_UP_OFFSET = 16 << 20
_ANY_PE = 1 << 31  # GICD_IROUTER<n>.Interrupt_Routing_Mode
_DPG = 24  # GICR_CTLR.DPG0; DPG1NS and DPG1S come after it, as the groups do


@dataclass(frozen=True, slots=True)
class MachineState:
    """Everything a machine is, RAM included; from `Machine.snapshot`, for `Machine.restore`."""

    make: tuple[object, ...]  # implementation, CPUs, SPIs, ITS, Security states
    values: tuple[int, ...]
    memory: object
    wired: object
    lpis: object
    signals: object
    interfaces: tuple[object, ...]
    translation: object
    recent: tuple[tuple[int, Words, Outcome], ...]
    its_placed: bool
    its_unfinished: bool


class Machine:
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
        self.cpus = cpus
        self.spis = spis
        self.has_its = its
        self._make = (self.impl, cpus, spis, its, security)
        shared = frozenset({"GICR_PROPBASER"} if self.impl.propbaser_scope is PropbaserScope.SHARED else ())
        self.layout = layout(self.impl.registers, cpus, spis, its, security, shared)
        self.map = self.layout.map
        self.values: list[int] = list(self.layout.resets)
        self.memory: Memory = GuestMemory(ram_mib) if memory is None else memory
        self.ram: Ram = self.memory if isinstance(self.memory, GuestMemory) else ForeignMemory(self.memory)
        self.sink: Heard | None = None
        self.its_placed = True  # a VMM has given the ITS its base address
        self.work = 0  # commands, table entries and LPIs that were looked at so far: what time grows with
        self.batch = 0  # times that the ITS has looked at its queue
        self.its_unfinished = False  # the ITS has commands left, and goes on at the next access
        self.notes_choices = False  # also where nobody listens
        self.choices: dict[effects.Choice, None] = {}  # noted since somebody last looked here and cleared it
        self.by_userspace = False  # a VMM makes the access under way
        self.secure = False  # Secure software makes the access under way
        self.security = security
        self.two_states = security == 2  # until GICD_CTLR.DS is set
        self.nonsecure = NonSecure(self)
        self._reads = self.layout.reads
        self._writes = self.layout.writes
        self._ctlr = [self.layout.slot("GICR_CTLR", cpu) for cpu in range(cpus)]
        self._propbaser = [self.layout.slot("GICR_PROPBASER", cpu) for cpu in range(cpus)]
        self._pendbaser = [self.layout.slot("GICR_PENDBASER", cpu) for cpu in range(cpus)]
        self._gicd_ctlr = self.layout.slot("GICD_CTLR")
        self._iidr = self.layout.slot("GICD_IIDR")
        self._told: list[tuple[int, int] | None] = [None] * cpus
        self._choices: dict[Behaviour, effects.Choice] = {}
        self._build()
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
        self._owners: list[object] = [self.distributor, self._its, *self.redistributors]

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

    def tell(self, effect: Effect) -> None:
        if self.sink is not None:
            self.sink.append(effect)

    @property
    def watched(self) -> bool:
        """Whether it is worth the time to find out that something is left open by the manual."""
        return self.notes_choices or self.sink is not None

    def chose(self, behaviour: Behaviour) -> None:
        """Something happened that the manual leaves open, and `behaviour` decided it: tell what was taken."""
        if not behaviour.status or not self.watched:
            return
        choice = self._choices.get(behaviour)
        if choice is None:
            choice = self._choices[behaviour] = self._choice(behaviour)
        self.choices[choice] = None
        self.tell(choice)

    def _choice(self, behaviour: Behaviour) -> effects.Choice:
        rule = f"{behaviour.title()} ({behaviour.status})"
        name = next(name for name, value in self.impl.behaviours().items() if value is behaviour)
        return effects.Choice(rule, behaviour.meaning, behaviour.allowed, behaviour.cite, name)

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

    def one_of_n(self, intid: int) -> bool:
        """Whether any PE that takes part may get this SPI."""
        router = self.values[self.layout.places[f"GICD_IROUTER{intid}", 0].slot]
        return self.impl.one_of_n is OneOfN.LOWEST_CPU and bool(router & _ANY_PE)

    def takes_part(self, cpu: int, group: int) -> bool:
        """Whether 1-of-N interrupts of a group may be given to this CPU (IHI 0069, GICR_CTLR.DPG0, DPG1NS, DPG1S)."""
        withheld = self.values[self._ctlr[cpu]] >> _DPG + group & 1
        return not (self.redistributors[cpu].asleep or withheld) and self.cpu_interfaces[cpu].group_enabled(group)

    def spi_target(self, intid: int) -> int | None:
        """The CPU that GICD_IROUTER<intid> names, or that was chosen for a 1-of-N SPI; None when there is none such."""
        router = self.values[self.layout.places[f"GICD_IROUTER{intid}", 0].slot]
        if router & _ANY_PE and self.impl.one_of_n is OneOfN.LOWEST_CPU:
            group = self.wired.group(intid, 0)
            return next((cpu for cpu in range(self.cpus) if self.takes_part(cpu, group)), None)
        aff0, rest = router & 0xFF, router >> 8 & 0xFFFF | (router >> 32 & 0xFF) << 16
        cpu = rest * 16 + aff0
        return cpu if aff0 < 16 and cpu < self.cpus else None

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
            return self._read_slowly(address, size, cpu)
        if self.list_registers is not None:
            self.list_registers.run(cpu)
        reader = port.reader
        if reader is None:
            return self.values[port.slot] >> port.shift & port.mask
        return reader(self._owners[port.place.owner], port.place) >> port.shift & port.mask

    def _go_on(self) -> None:
        """Time passes between two accesses: an ITS that had more to do than one may cost goes on with it."""
        if self.its_unfinished:
            self.its.process()

    def _read_slowly(self, address: int, size: int, cpu: int) -> int:
        self._check_access(address, size, cpu)
        self._go_on()
        self.signals.run(cpu)
        port = self._reads.get(port_key(address, size))
        if port is None:
            return self._read_elsewhere(address, size)
        value = self.values[port.slot]
        if port.reader is not None:
            value = port.reader(self._owners[port.place.owner], port.place)
        if self.two_states and not self.secure:
            value = self.nonsecure.seen(port.place, value)
        value = value >> port.shift & port.mask
        place = port.place
        self.tell(effects.RegisterRead(place.register.name, place.shown_cpu, address, size * 8, value))
        return value

    def _read_elsewhere(self, address: int, size: int) -> int:
        try:
            return int.from_bytes(self.memory.read(address, size), "little")
        except IndexError:
            if self._splits(address, size):
                parts = [(at, self._read_slowly(at, part, 0)) for at, part in _aligned_parts(address, size)]
                return sum(value << 8 * (at - address) for at, value in parts)
            self._ignored(address, size, write=False)
            return 0

    def _splits(self, address: int, size: int) -> bool:
        return bool(address % size) and self.impl.misaligned_access is MisalignedAccess.SPLIT

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
            or not 0 <= value < _LIMITS[size]
            or not 0 <= cpu < self.cpus
        ):
            self._write_slowly(address, value, size, cpu, secure)
            return
        values = self.values
        writable = port.writable
        old = values[port.slot]
        data = value << port.shift
        if port.plain:
            values[port.slot] = old & ~writable | data & writable
            return
        owner = self._owners[port.place.owner]
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

    def _write_slowly(self, address: int, value: int, size: int, cpu: int, secure: bool) -> None:
        self.secure = secure
        self._check_access(address, size, cpu)
        if not 0 <= value < _LIMITS[size]:
            raise ValueError(f"value {value:#x} does not fit {size * 8} bits")
        port = self._writes.get(port_key(address, size))
        self._go_on()
        self.signals.run(cpu)
        if port is None:
            self._write_elsewhere(address, value, size)
        else:
            self._store(port, value, size)
        self.signals.run(cpu)
        self.settle()

    def _store(self, port: WritePort, value: int, size: int) -> None:
        """As the fast way of `write`, by whoever may make the access, with somebody listening or not."""
        place = port.place
        register = place.register
        owner = self._owners[place.owner]
        view = register.user if self.by_userspace and register.user is not None else register
        old = self.values[place.slot]
        data = value << port.shift
        lanes = port.lanes
        if self.two_states and not self.secure:
            lanes &= self.nonsecure.lanes(place)
            data = self.nonsecure.meant(place, data)
        refused = port.guard(owner, data) if port.guard is not None else ""
        if refused:
            self.tell(effects.AccessIgnored(f"{register.name}{_at(place)}", True, refused))
            return
        writable = view.writable & lanes
        new = (old & ~writable | data & writable | data & view.sets & lanes) & ~(data & view.clears & lanes)
        new = register.kept_value(new)
        self.values[place.slot] = new
        position = len(self.sink) if self.sink is not None else 0
        write = Write(place, old, new, lanes, data)
        if port.writer is not None:
            port.writer(owner, write)
        if self.sink is not None:
            asked = value << port.shift | old & ~port.lanes
            self.sink.insert(position, self._written(port, write, size, asked))

    def _written(self, port: WritePort, write: Write, size: int, asked: int) -> Effect:
        place = port.place
        reads = self._value(place)
        return effects.RegisterWritten(
            place.register.name,
            place.shown_cpu,
            place.address + port.shift // 8,
            size * 8,
            write.old,
            asked,
            self.values[place.slot],
            reads,
            self._why_differs(port, write, asked, reads),
            place.register.cite,
        )

    def _why_differs(self, port: WritePort, write: Write, asked: int, reads: int) -> str:
        withheld = port.lanes & ~write.lanes
        if withheld & (asked ^ reads):
            return self.nonsecure.refusal(port.place)
        return _why(port.place.register, asked, reads, port.lanes)

    def _value(self, place: Place) -> int:
        port = self._reads.get(port_key(place.address, place.register.width // 8))
        readable = place.register.readable
        value = self.values[place.slot]
        if port is not None and port.reader is not None:
            value = port.reader(self._owners[place.owner], place)
        if self.two_states and not self.secure:
            value = self.nonsecure.seen(place, value)
        return value & readable

    def _write_elsewhere(self, address: int, value: int, size: int) -> None:
        data = value.to_bytes(size, "little")
        try:
            self.memory.write(address, data)
        except IndexError:
            half = self._writes.get(port_key(address, 4))
            if size == 8 and half is not None and half.place.register.name == "GITS_TRANSLATER":
                # A bus of 32 bits splits the store: the register takes its half, the other goes nowhere.
                self._store(half, value & 0xFFFF_FFFF, 4)
                return
            if self._splits(address, size):
                for at, part in _aligned_parts(address, size):
                    self.write(at, value >> 8 * (at - address) & _LIMITS[part] - 1, part)
                return
            self._ignored(address, size, write=True)
            return
        self.tell(effects.MemoryWritten(address, data))

    def _ignored(self, address: int, size: int, *, write: bool) -> None:
        if self.sink is None:
            return
        found = self.map.at(address)
        if found is None:
            self.sink.append(effects.AccessIgnored(hex(address), write, self._nobody(address)))
            return
        register, cpu = found
        if not register.present:
            why = register.why_absent or "not implemented here"
        else:
            takes = ", ".join(str(each * 8) for each in sorted(register.sizes))
            bits = size * 8
            but = f"and {address:#x} is not aligned to {bits}" if address % size else f"not {bits} at {address:#x}"
            why = f"it takes aligned accesses of {takes} bits, {but}"
        name = f"{register.name}@{cpu}" if register.per_cpu else register.name
        self.sink.append(effects.AccessIgnored(name, write, why, cite=register.cite))

    def _nobody(self, address: int) -> str:
        """Why no register is at an address."""
        for frame in self.map.frames.values():
            offset = address - frame.base
            cpu = offset // frame.stride if frame.stride else 0
            if 0 <= cpu < self.cpus and 0 <= offset - cpu * frame.stride < frame.size:
                at = f" of CPU {cpu}" if frame.stride else ""
                return f"reserved in the {frame.title.removesuffix(' frame')} frame{at}"
        return "no device and no RAM answers there"

    def _check_access(self, address: int, size: int, cpu: int) -> None:
        if size not in _LIMITS:
            raise ValueError(f"size {size}: 1, 2, 4 or 8 bytes")
        if not 0 <= address < 1 << 64:
            raise ValueError(f"address {address:#x}: 0 to 2^64 - 1")
        self._check_cpu(cpu)

    def _check_cpu(self, cpu: int) -> None:
        if not 0 <= cpu < self.cpus:
            raise ValueError(f"no CPU {cpu}: 0 to {self.cpus - 1}")

    def access_as_userspace(self, address: int, size: int, value: int | None) -> int | None:
        """A device attribute's way to a register: read it (`value` None) or write it; None where there is none."""
        self.by_userspace = True
        try:
            if value is None:
                return self._read_as_userspace(address, size)
            port = self._writes.get(port_key(address, size))
            if port is not None:
                self._store(port, value, size)
            return value
        finally:
            self.by_userspace = False

    def _read_as_userspace(self, address: int, size: int) -> int | None:
        port = self._reads.get(port_key(address, size))
        if port is None:
            return None
        register = port.place.register
        value = self.values[port.slot]
        if port.reader is not None:
            value = port.reader(self._owners[port.place.owner], port.place)
        readable = register.user.readable if register.user is not None else register.readable
        return (value & readable) >> port.shift & (1 << size * 8) - 1

    def peek(self, register: str | Register, cpu: int = 0, secure: bool = False) -> int:
        """What a guest read of the whole register would give, without its side effects."""
        self._check_cpu(cpu)
        self.secure = secure
        found = self.map.find(register).register if isinstance(register, str) else register
        if found.frame == "ICC":
            return self.cpu_interfaces[cpu].peek(found.name)
        place = self.layout.places.get((found.name, cpu if found.per_cpu else 0))
        return 0 if place is None else self._value(place)

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
        self._check_cpu(cpu)
        self.distributor.set_line(intid, bool(level), cpu)
        self.settle()

    def irq(self, cpu: int = 0) -> bool:
        """Is an interrupt signalled to this CPU?"""
        self._check_cpu(cpu)
        return self.cpu_interfaces[cpu].signalled() is not None

    def hppi(self, cpu: int) -> tuple[int, int, int] | None:
        """The highest priority pending interrupt forwarded to this CPU: (INTID, group 0 or 2, priority)."""
        self._check_cpu(cpu)
        found = self.signals.best(cpu)
        return None if found is None else (found.intid, 2 * found.group, found.priority)

    def icc_read(self, name: str, cpu: int = 0, secure: bool = False) -> int:
        """An MRS of a CPU interface register by `cpu`; ICC_IAR1_EL1 acknowledges."""
        self.secure = secure
        register = self._system_register(name, cpu)
        self.signals.run(cpu)
        value = self.cpu_interfaces[cpu].read(register.name)
        if self.sink is not None:
            self.sink.append(effects.RegisterRead(register.name, cpu, 0, register.width, value))
        self.signals.run(cpu)
        self.settle()
        return value

    def icc_write(self, name: str, value: int, cpu: int = 0, secure: bool = False) -> None:
        """An MSR to a CPU interface register by `cpu`."""
        self.secure = secure
        register = self._system_register(name, cpu)
        if not 0 <= value < 1 << 64:
            raise ValueError(f"value {value:#x} does not fit 64 bits")
        interface = self.cpu_interfaces[cpu]
        self.signals.run(cpu)
        was = interface.peek(register.name) if self.sink is not None else 0
        position = len(self.sink) if self.sink is not None else 0
        interface.write(register.name, value)
        if self.sink is not None:
            reads = interface.peek(register.name)
            why = _why(register, value, reads, (1 << 64) - 1)
            told = effects.RegisterWritten(
                register.name, cpu, 0, register.width, was, value, reads, reads, why, register.cite
            )
            self.sink.insert(position, told)
        self.signals.run(cpu)
        self.settle()

    def _system_register(self, name: str, cpu: int) -> Register:
        self._check_cpu(cpu)
        register = self.map.find(name.partition("@")[0]).register
        if register.frame != "ICC":
            raise ValueError(f"{register.name} is no CPU interface system register")
        return register

    # -- the ITS as a driver uses it

    def setup_its(self) -> None:
        """Program a default command queue and default tables, 16 MiB into RAM, and enable the ITS."""
        if not self.has_its:
            raise ValueError("this machine has no ITS (its=False)")
        base = RAM_BASE + _SET_UP_OFFSET
        queue, devices, collections = base, base + 0x10000, base + 0x20000
        gits = self.map.frames["GITS"].base
        self.memory.read(collections + 0xFFFF, 1)
        self.write(gits + 0x100, _TABLE_VALID | _ATTRIBUTES | _PAGE_64K | devices, 8)
        self.write(gits + 0x108, _TABLE_VALID | _ATTRIBUTES | _PAGE_64K | collections, 8)
        self.write(gits + 0x80, _TABLE_VALID | _ATTRIBUTES | queue | 15, 8)
        self.write(gits + 0x88, 0, 8)
        self.write(gits, 1, 4)
        self.tell(effects.QueueSetUp(queue, devices, collections))

    @property
    def its_is_set_up(self) -> bool:
        """Whether software has given the ITS a command queue."""
        return self.has_its and self.its.queue_bytes > 0

    def command(self, packet: bytes) -> None:
        """Put a 32-byte command at GITS_CWRITER and move GITS_CWRITER past it, as a driver does.

        ValueError: the packet is not 32 bytes, there is no queue, or it is full.
        """
        if len(packet) != COMMAND_BYTES:
            raise ValueError(f"an ITS command is {COMMAND_BYTES} bytes, not {len(packet)}")
        its = self.its
        size = its.queue_bytes
        if not size:
            raise ValueError("GITS_CBASER is not Valid: there is no command queue to write to")
        write = its.cwriter & 0xF_FFE0
        after = (write + COMMAND_BYTES) % size
        if after == its.creadr & 0xF_FFE0:
            raise ValueError(f"the command queue is full: {size // COMMAND_BYTES} slots, GITS_CWRITER {write:#x}")
        self.memory.write(its.queue_base + write, packet)
        self.tell(effects.MemoryWritten(its.queue_base + write, packet))
        self.write(self.map.frames["GITS"].base + 0x88, after, 8)

    def command_words(self, words: tuple[int, int, int, int]) -> None:
        """As `command`, for four doublewords."""
        self.command(WORDS.pack(*words))

    # -- looking

    def lpis(self, start: int = 8192, count: int | None = None) -> list[LpiView]:
        return self._views.lpis(start, count)

    def lpi(self, intid: int, cpu: int | None = None) -> LpiView:
        """One LPI on the CPU that its collection targets, or as this `cpu` has it."""
        return self._views.lpi(intid, cpu)

    def lpi_counts(self) -> LpiCounts:
        return self._views.counts()

    def pending_lpis(self) -> dict[int, int | None]:
        """The pending LPIs and the CPU of each, None where it has no target."""
        return self._views.pending()

    def mapped_lpis(self) -> dict[int, tuple[EventView, int | None]]:
        """The mapped LPIs: the first event that maps each, and the CPU of its collection."""
        return self._views.mapped()

    def devices(self) -> list[DeviceView]:
        return self._views.devices()

    def events(self, device_id: int) -> list[EventView]:
        return self._views.events(device_id)

    def collections(self) -> list[CollectionView]:
        return self._views.collections()

    def queue(self) -> QueueView:
        return self._views.queue()

    def why(self, intid: int, cpu: int | None = None) -> Chain:
        """Why `intid` is, or is not, signalled: every condition on its way. `cpu`: whose SGI or PPI."""
        return why(self, intid, cpu)

    # -- listening

    @contextmanager
    def listen(self) -> Iterator[list[Effect]]:
        """The effects of what happens inside the block, in order."""
        outer = self.sink
        heard = Heard(EFFECTS_PER_STEP)
        self.sink = heard
        self._told = [self._signalled(cpu) for cpu in range(self.cpus)]
        try:
            yield heard
        finally:
            self.sink = outer
            heard.close()
            if outer is not None:
                outer.extend(heard)

    def _signalled(self, cpu: int) -> tuple[int, int] | None:
        found = self.cpu_interfaces[cpu].signalled()
        return None if found is None else (found.intid, found.priority)

    def settle(self) -> None:
        """At the end of an operation: tell which CPU interface signals something else now."""
        if self.sink is None:
            return
        for cpu in range(self.cpus):
            now = self._signalled(cpu)
            if now != self._told[cpu]:
                self._told[cpu] = now
                self.sink.result(effects.Signalled(cpu, *now) if now else effects.Signalled(cpu, None))

    # -- state

    def snapshot(self) -> MachineState:
        """The exact state, RAM included when it is ours; costs the registers and the pages written since the last."""
        return MachineState(
            self._make,
            tuple(self.values),
            self.memory.snapshot() if isinstance(self.memory, GuestMemory) else None,
            self.wired.snapshot(),
            self.lpi_home.snapshot(),
            self.signals.snapshot(),
            tuple(each.snapshot() for each in self.cpu_interfaces),
            self._its.translation.snapshot() if self._its is not None else None,
            tuple(self._its.recent) if self._its is not None else (),
            self.its_placed,
            self.its_unfinished,
        )

    def restore(self, state: MachineState) -> None:
        """Become what a machine of the same make was at `snapshot`."""
        if state.make != self._make:
            raise ValueError("the snapshot is of another make: implementation, CPUs, SPIs, ITS or Security states")
        self.values[:] = state.values
        self.its_placed = state.its_placed
        self.its_unfinished = state.its_unfinished
        self.two_states = self.security == 2 and not self.gicd_ctlr() & DS
        if isinstance(self.memory, GuestMemory) and isinstance(state.memory, dict):
            self.memory.restore(state.memory)
        assert isinstance(state.wired, tuple)
        self.wired.restore(state.wired)
        self.lpi_home.restore(state.lpis)
        self.signals.restore(state.signals)
        for interface, kept in zip(self.cpu_interfaces, state.interfaces, strict=True):
            interface.restore(kept)
        if self._its is not None:
            self._its.translation.restore(state.translation)
            self._its.recent = deque(state.recent, RECENT)


def _aligned_parts(address: int, size: int) -> list[tuple[int, int]]:
    """A misaligned access as aligned ones: (address, bytes), each as wide as its address and what is left allow."""
    parts: list[tuple[int, int]] = []
    while size:
        part = min(address & -address, 1 << size.bit_length() - 1)
        parts.append((address, part))
        address += part
        size -= part
        if address >> 64:  # nothing answers beyond the last byte
            break
    return parts


def _at(place: Place) -> str:
    return f"@{place.cpu}" if place.register.per_cpu else ""


def _why(register: Register, asked: int, reads: int, lanes: int) -> str:
    """Why the register reads differently from what was written, field by field, from the map."""
    if not register.readable:
        return ""
    told = [
        _difference(field, field.extract(asked), field.extract(reads))
        for field in register.fields
        if (asked ^ reads) & lanes & field.mask
    ]
    reserved = lanes & ~sum(field.mask for field in register.fields) & ((1 << register.width) - 1)
    if asked & reserved != reads & reserved:
        told.append("reserved bits are RES0")
    return "; ".join(list(dict.fromkeys(told))[:4])


def _difference(field: Field, asked: int, reads: int) -> str:
    """Why one field does not read as it was written."""
    match field.access:
        case Access.WO:
            return f"{field.name} is write-only and reads as zero"
        case Access.RO:
            return f"{field.name} is read-only"
        case Access.RES0 | Access.RES1:
            return f"{field.name} is {field.access.value}"
        case Access.W1S:
            return "writing 1 sets a bit, writing 0 changes nothing"
        case Access.W1C:
            return "writing 1 clears a bit, writing 0 changes nothing"
    named = next((f" ({each.name})" for each in field.values if each.value == reads), "")
    return f"{field.name} {asked:#x} was kept as {reads:#x}{named}"
