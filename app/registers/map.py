"""The register map of one machine: look-ups by address and by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

from app.registers.kept import CPU_BYTES, MAP_BYTES_KEPT, REGISTER_BYTES, SPI_BYTES, Kept
from app.registers.topology import LAST_SPI, PRIVATE_INTIDS, Topology
from app.registers.view import Field, Frame, Register, UnknownField, nearest

IMPLEMENTATION_NAMES = ("architecture", "kvm", "kvm-before-5.6", "qemu")
"""Each has its overlay in `rdl/`."""

TWO_STATE_IMPLEMENTATIONS = ("architecture",)
"""Those that can be made with two Security states; the others have GICD_CTLR.DS fixed at 1."""

MAX_CPUS = 512
"""What the Linux kernel lets a VM have on arm64 (KVM_MAX_VCPUS)."""
MAX_SPIS = LAST_SPI + 1 - PRIVATE_INTIDS.stop
"""INTIDs 32 to 1019."""

T = TypeVar("T")
_NAME = re.compile(r"(?P<register>[^@.\s]+)(?:@(?P<cpu>\d+))?(?:\.(?P<field>\S+))?")


_LEGACY = "is memory-mapped, for GICv2 legacy operation; here ICC_SRE_EL1.SRE is fixed at 1 and system registers do it"
# Registers of the manual that no frame here has: where to look instead, and why.
_ELSEWHERE = {
    "ICV": ("ICC", "a virtual PE reaches it by the name and encoding of its ICC register, which has the same fields"),
    "GICC": ("ICC", f"that CPU interface {_LEGACY}"),
    "GICV": ("ICC", f"that virtual CPU interface {_LEGACY}"),
    "GICH": ("ICH", f"that control of virtual CPU interfaces {_LEGACY}"),
}


class UnknownName(ValueError):
    """A name that is no register, CPU or field of this machine.

    `nearest` holds what may have been meant; `offset` is where in `name` the unknown part starts; `elsewhere` is
    set where the manual has such a register and this machine has another in its place.
    """

    def __init__(
        self, name: str, reason: str, nearest: tuple[str, ...] = (), offset: int = 0, elsewhere: bool = False
    ) -> None:
        hint = f"; nearest: {', '.join(nearest)}" if nearest else ""
        super().__init__(f"{reason}{hint}")
        self.name = name
        self.reason = reason
        self.nearest = nearest
        self.offset = offset
        self.elsewhere = elsewhere


@dataclass(frozen=True, slots=True)
class Place:
    """What a name like GICR_PENDBASER@1.PTZ points at; a part that was not given is None."""

    register: Register
    cpu: int | None
    field: Field | None


def _core(name: str) -> str:
    """What a register is called on all of the CPU interfaces: IAR of IAR1_EL1."""
    return re.sub(r"_EL\d|\d", "", name)


class RegisterMap:
    """All registers of a machine with `cpus` CPUs and `spis` SPIs as one implementation has them. Immutable."""

    def __init__(self, implementation: str, topology: Topology, frames: list[Frame]) -> None:
        self.implementation = implementation
        self.cpus = topology.cpus
        self.spis = topology.spis
        self.its = topology.its
        self.security = topology.security
        self.topology = topology
        self._derived: dict[Hashable, Any] = {}
        self.frames: dict[str, Frame] = {frame.key: frame for frame in frames}
        self.registers: dict[str, Register] = {
            register.name: register for frame in frames for register in frame.registers
        }
        redistributor = self.frames["RD"]
        self._rd_base = redistributor.base
        self._rd_stride = redistributor.stride
        self._rd_end = redistributor.base + topology.cpus * redistributor.stride
        # Keyed by the address of each 4-byte word, Redistributors by that of CPU 0: no register is smaller.
        self._words: dict[int, Register] = {}
        for frame in frames:
            if frame.size:
                for register in frame.registers:
                    for byte in range(0, register.width // 8, 4):
                        self._words[frame.base + register.offset + byte] = register

    @property
    def weight(self) -> int:
        """About how many bytes it takes, its register file included."""
        return len(self.registers) * REGISTER_BYTES + self.cpus * CPU_BYTES + self.spis * SPI_BYTES

    @property
    def is_kept(self) -> bool:
        """Whether the next machine of this shape gets this map; else it lasts as long as who uses it."""
        return _KEPT.has((self.implementation, self.topology))

    def derived(self, name: Hashable, make: Callable[[], T]) -> T:
        """What follows from this map alone, made once; it goes with the map."""
        found: T | None = self._derived.get(name)
        if found is None:
            found = self._derived.setdefault(name, make())
        return found

    def at(self, address: int) -> tuple[Register, int] | None:
        """The register that holds the byte at `address` and its CPU (0 if it exists once); absent ones too."""
        cpu = 0
        if self._rd_base <= address < self._rd_end:
            cpu, offset = divmod(address - self._rd_base, self._rd_stride)
            address = self._rd_base + offset
        register = self._words.get(address & ~3)
        return None if register is None else (register, cpu)

    def address(self, register: Register, cpu: int = 0) -> int:
        """Address of a register; ValueError for one that has none, or for a CPU that does not exist."""
        if not register.addressed:
            kind = "a system register" if register.encoding else register.reference
            raise ValueError(f"{register.name} is {kind}: it has no address")
        if not 0 <= cpu < self.cpus:
            raise ValueError(f"no CPU {cpu}: {self._cpus()}")
        frame = self.frames[register.frame]
        return frame.base + cpu * frame.stride + register.offset

    def find(self, name: str) -> Place:
        """Resolve GICD_CTLR, GICR_PENDBASER@1 or GICR_PENDBASER@1.PTZ; UnknownName otherwise.

        ICC registers may be named without their _EL1.
        """
        parts = _NAME.fullmatch(name)
        if parts is None:
            raise UnknownName(name, f"{name!r} is not a register name such as GICR_PENDBASER@0.PTZ")
        register = self._register(name, parts["register"])
        cpu = None
        if parts["cpu"] is not None:
            cpu = int(parts["cpu"])
            if not register.per_cpu:
                bare = register.name + (f".{parts['field']}" if parts["field"] else "")
                raise UnknownName(name, f"{register.name} exists once, not per CPU", (bare,), parts.start("cpu"))
            if cpu >= self.cpus:
                raise UnknownName(name, f"no CPU {cpu}: {self._cpus()}", (), parts.start("cpu"))
        field = None
        if parts["field"] is not None:
            try:
                field = register.field(parts["field"])
            except UnknownField as error:
                reason = f"{register.name} has no field {error.name}"
                raise UnknownName(name, reason, error.nearest, parts.start("field")) from None
        return Place(register, cpu, field)

    def place(self, name: str) -> Place:
        """As `find`, for a register that is to be read: one that exists once per CPU needs its @cpu."""
        found = self.find(name)
        if found.register.per_cpu and found.cpu is None:
            known = tuple(f"{found.register.name}@{cpu}" for cpu in range(min(self.cpus, 3)))
            raise UnknownName(name, f"{found.register.name} exists once per CPU: @cpu is missing", known)
        return found

    def _register(self, name: str, wanted: str) -> Register:
        register = self.registers.get(wanted)
        if register is None and wanted.startswith("ICC_"):
            register = self.registers.get(f"{wanted}_EL1")
        if register is None:
            if wanted.startswith("GITS_") and not self.its:
                raise UnknownName(name, f"{wanted}: this machine has no ITS")
            prefix, _, rest = wanted.upper().partition("_")
            if prefix in _ELSEWHERE and rest:
                instead, why = _ELSEWHERE[prefix]
                raise UnknownName(name, f"{wanted}: {why}", self._counterparts(instead, rest), elsewhere=True)
            raise UnknownName(name, f"no register {wanted}", self._nearest(wanted))
        return register

    def _counterparts(self, prefix: str, rest: str) -> tuple[str, ...]:
        """The registers that stand here for one of another interface: GICC_AIAR is ICC_IAR1_EL1."""
        core = _core(rest)
        meant = {core, core.removeprefix("A"), core.removeprefix("NS")}
        firsts: dict[str, str] = {}
        for register in self.frames[prefix].registers:
            if _core(register.name.removeprefix(f"{prefix}_")) in meant:
                firsts.setdefault(register.stem, register.name)
        return tuple(firsts.values())

    def _nearest(self, wanted: str) -> tuple[str, ...]:
        upper = wanted.upper()
        ending = [known for known in self.registers if known.endswith((f"_{upper}", f"_{upper}_EL1"))]
        if ending:
            return tuple(ending[:3])
        stem = upper.rstrip("0123456789E")
        family = [register.name for register in self.registers.values() if register.stem in (upper, stem)]
        if family:
            return (family[0], family[-1]) if len(family) > 1 else (family[0],)
        # One name for each family: hundreds of GICD_IROUTER<n> would crowd out all others.
        stems = {register.stem: register.name for register in reversed(self.registers.values())}
        matches = nearest(wanted, [*stems, *(known.split("_", 1)[1] for known in stems)])
        found = [stems.get(match) or next(stems[s] for s in stems if s.split("_", 1)[1] == match) for match in matches]
        return tuple(dict.fromkeys(found))

    def _cpus(self) -> str:
        return "this machine has CPU 0 only" if self.cpus == 1 else f"this machine has CPUs 0-{self.cpus - 1}"


_KEPT = Kept[RegisterMap](MAP_BYTES_KEPT, lambda kept: kept.weight)


def _compiled(implementation: str, topology: Topology) -> RegisterMap:
    from app.registers.compiler import compile_frames  # the RDL compiler is half of a cold start

    return RegisterMap(implementation, topology, compile_frames(implementation, topology))


def register_map(
    implementation: str, cpus: int = 2, spis: int = 64, its: bool = True, security: int = 1
) -> RegisterMap:
    """The register map of a machine, compiled once per machine shape; ValueError if there is no such machine."""
    if implementation not in IMPLEMENTATION_NAMES:
        known = ", ".join(IMPLEMENTATION_NAMES)
        raise ValueError(f"no implementation {implementation!r}: there are {known}")
    if not 1 <= cpus <= MAX_CPUS:
        raise ValueError(f"cpus must be 1 to {MAX_CPUS}, not {cpus}")
    if not 1 <= spis <= MAX_SPIS:
        raise ValueError(f"spis must be 1 to {MAX_SPIS}, not {spis}")
    if security != 1 and (security != 2 or implementation not in TWO_STATE_IMPLEMENTATIONS):
        two = " or ".join(TWO_STATE_IMPLEMENTATIONS)
        raise ValueError(f"security must be 1, or 2 on {two}, not {security} on {implementation}")
    topology = Topology(cpus, spis, its, security)
    return _KEPT.get((implementation, topology), lambda: _compiled(implementation, topology))
