"""Plays the transcript of Linux KVM's own vgic-v3 and vgic-its, operation by operation, and compares every reply."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from app.gic import Machine, UserspaceError
from app.registers import Register

TRANSCRIPT = Path(__file__).parent / "data" / "kvm-6.1-transcript.txt"
CONFIG_TABLE = 0x4010_0000
ONES = (1 << 64) - 1
PATTERNS = (ONES, 0, 0xAAAA_AAAA_AAAA_AAAA, 0x5555_5555_5555_5555)
SPECIAL_INTIDS = range(1020, 1024)
MOST_ACKNOWLEDGED = 64
ENABLED, DISABLED = 0xA1, 0xA0
# The recorder printed "config bytes ... = 0xa1" for every set-up; in these two, as their titles say, it wrote 0xa0.
CONFIG_DISABLED = (
    "g9 disabled LPI pending + EnableLPIs toggle (not on ap_list)",
    "g18 pending LPI config-disabled, then DISCARD: is the latch gone?",
)
PATTERN_CPUS = 2  # the VMs of section f had two: GICR_TYPER.Last of CPU 0 is 0 there, and 1 in f6's VM of one CPU

_OPERATION = re.compile(r"  (?P<op>\S.*?) +-> (?P<reply>.*?)(?:    # .*)?")
_DRAIN = re.compile(r"\(IAR1/EOIR1 loop on cpu (\d+)\)")
_CELL = re.compile(r"(0x[0-9a-f]+)(?:\(err (\w+)\))?")
_FIELDS = {
    # of a GICR base register and of a GITS base register: (lsb, bits)
    "GICR": {"shareability": (10, 2), "inner": (7, 3), "outer": (56, 3)},
    "GITS": {"shareability": (10, 2), "inner": (59, 3), "outer": (53, 3)},
}


@dataclass(frozen=True)
class Reply:
    """One recorded reply beside ours."""

    line: int
    section: str
    op: str
    wanted: str
    got: str

    @property
    def matches(self) -> bool:
        return self.wanted == self.got

    def __str__(self) -> str:
        return f"line {self.line} [{self.section}] {self.op}: recorded {self.wanted!r}, got {self.got!r}"


@dataclass
class Result:
    """Every reply compared, and the operations that the Python API has no words for."""

    replies: list[Reply] = field(default_factory=list)
    left_out: list[tuple[int, str]] = field(default_factory=list)
    sections: int = 0

    @property
    def mismatches(self) -> list[Reply]:
        return [reply for reply in self.replies if not reply.matches]

    @property
    def kinds(self) -> Counter[str]:
        return Counter(reply.op.split()[0] for reply in self.replies)


def play(path: Path = TRANSCRIPT, implementation: str = "kvm") -> Result:
    """Plays the whole transcript. ValueError: a line that is neither an operation nor known prose."""
    player = _Player(implementation)
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        player.line(number, line)
    return player.result


class _Player:
    def __init__(self, implementation: str) -> None:
        self.implementation = implementation
        self.result = Result()
        self.section = ""
        self.shape = (1, 64, 64, 1)
        self.machine = self._machine()
        self.verbs: dict[str, Callable[[list[str]], str]] = {
            "vm": self._vm,
            "migrate": self._migrate,
            "r": self._read,
            "w": self._write,
            "mw": self._memory_write,
            "mf": self._memory_fill,
            "mr": self._memory_read,
            "mz": self._memory_non_zero,
            "icc": self._icc,
            "uget": self._get,
            "uset": self._set,
            "msi": self._msi,
            "ctrl": self._control,
            "irq": self._irq,
        }

    def _machine(self, memory: object = None) -> Machine:
        cpus, mib, spis, its = self.shape
        return Machine(self.implementation, cpus=cpus, spis=spis, its=bool(its), ram_mib=mib, memory=memory)

    # -- lines

    def line(self, number: int, line: str) -> None:
        if line.startswith("=== "):
            self.section = line[4:]
            self.result.sections += 1
        elif "saved: " in line and line.startswith("  #"):
            self._saved(number, line.partition("saved: ")[2])
        elif line.startswith("  # config bytes"):
            byte = DISABLED if self.section in CONFIG_DISABLED else ENABLED
            self.machine.memory.write(CONFIG_TABLE, bytes([byte]) * 8)
        elif line.startswith(("  # ", "  register ", "  (next op: ")) or not line.startswith("  "):
            return
        elif " | " in line:
            self._register_row(number, line)
        elif " in 0.." in line:
            self._sanitised_row(number, line)
        else:
            self._operation(number, line)

    def _compare(self, number: int, op: str, wanted: str, got: str) -> None:
        self.result.replies.append(Reply(number, self.section, op, wanted, got))

    def _operation(self, number: int, line: str) -> None:
        parsed = _OPERATION.fullmatch(line)
        if parsed is None:
            raise ValueError(f"line {number} is no operation: {line!r}")
        op, wanted = parsed["op"], parsed["reply"].rstrip()
        if inexpressible(op, wanted):
            self.result.left_out.append((number, f"{op} -> {wanted}"))
            return
        drain = _DRAIN.fullmatch(op)
        if drain is not None:
            got = self._drain(int(drain[1]))
        else:
            verb, *words = op.split()
            got = self._guarded(lambda: self.verbs[verb](words))
        self._compare(number, op, wanted, got)

    @staticmethod
    def _guarded(action: Callable[[], str]) -> str:
        try:
            return action()
        except UserspaceError as error:
            return f"err {error.errno_name}"

    # -- operations

    def _vm(self, words: list[str]) -> str:
        self.shape = tuple([int(word) for word in words] + [1, 64, 64, 1][len(words) :])
        self.machine = self._machine()
        return "rc 0"

    def _migrate(self, _words: list[str]) -> str:
        self.machine = self._machine(self.machine.memory)
        return "rc 0"

    def _read(self, words: list[str]) -> str:
        bits, cpu, address = (int(word, 0) for word in words)
        nobody = "" if self._backed(address) else " unbacked"
        return f"v {self.machine.read(address, bits // 8, cpu=cpu):#x}{nobody}"

    def _backed(self, address: int) -> bool:
        """Whether a frame of this VM or RAM answers there."""
        frames = [frame for frame in self.machine.map.frames.values() if frame.base]
        if not self.machine.has_its:
            frames = [frame for frame in frames if not frame.key.startswith("GITS")]
        copies = [(frame, cpu) for frame in frames for cpu in range(self.machine.cpus if frame.stride else 1)]
        return address >= CONFIG_TABLE or any(
            frame.base + cpu * frame.stride <= address < frame.base + cpu * frame.stride + frame.size
            for frame, cpu in copies
            if frame.size
        )

    def _write(self, words: list[str]) -> str:
        bits, cpu, address, value = (int(word, 0) for word in words)
        self.machine.write(address, value, bits // 8, cpu=cpu)
        return "ok"

    def _memory_write(self, words: list[str]) -> str:
        self.machine.memory.write(int(words[0], 0), bytes.fromhex(words[1]))
        return "ok"

    def _memory_fill(self, words: list[str]) -> str:
        address, length, byte = (int(word, 0) for word in words)
        self.machine.memory.write(address, bytes([byte]) * length)
        return "ok"

    def _memory_read(self, words: list[str]) -> str:
        return f"m {self.machine.memory.read(int(words[0], 0), int(words[1], 0)).hex()}"

    def _memory_non_zero(self, words: list[str]) -> str:
        data = self.machine.memory.read(int(words[0], 0), int(words[1], 0))
        return " ".join(["z", *(f"{at:x}:{byte:02x}" for at, byte in enumerate(data) if byte)])

    def _icc(self, words: list[str]) -> str:
        name = f"ICC_{words[2].upper()}_EL1"
        if words[0] == "rd":
            return f"v {self.machine.icc_read(name, cpu=int(words[1])):#x}"
        self.machine.icc_write(name, int(words[3], 0), cpu=int(words[1]))
        return "ok"

    def _drain(self, cpu: int) -> str:
        taken: list[int] = []
        while len(taken) < MOST_ACKNOWLEDGED:
            intid = self.machine.icc_read("ICC_IAR1_EL1", cpu=cpu)
            if intid in SPECIAL_INTIDS:
                break
            taken.append(intid)
            self.machine.icc_write("ICC_EOIR1_EL1", intid, cpu=cpu)
        return str(taken)

    def _get(self, words: list[str]) -> str:
        return f"v {self.machine.userspace.get(words[0], int(words[2], 0), cpu=int(words[1], 0)):#x}"

    def _set(self, words: list[str]) -> str:
        group, cpu, offset, value = words[0], *(int(word, 0) for word in words[1:])
        self.machine.userspace.set(group, offset, value, cpu=cpu)
        return "rc 0"

    def _msi(self, words: list[str]) -> str:
        return f"rc {self.machine.userspace.signal_msi(int(words[0], 0), int(words[1], 0))}"

    def _control(self, words: list[str]) -> str:
        calls = {
            "save_pending": self.machine.userspace.save_pending_tables,
            "save_tables": self.machine.userspace.save_its_tables,
            "restore_tables": self.machine.userspace.restore_its_tables,
            "reset": self.machine.userspace.reset_its,
        }
        calls[words[0]]()
        return "rc 0"

    def _irq(self, words: list[str]) -> str:
        kind, cpu, intid, level = (int(word) for word in words)
        if kind == 1:
            self.machine.spi(intid, level)
        else:
            self.machine.ppi(intid, level, cpu=cpu)
        return "rc 0"

    # -- the transcript's own tables

    def _saved(self, number: int, text: str) -> None:
        """`dist+0x0=0x52, redist+1:0x70=0x4010078f`: what a VMM's GETs returned."""
        for entry in text.split(", "):
            place, _, wanted = entry.partition("=")
            group, _, where = place.partition("+")
            cpu, _, offset = where.rpartition(":")
            value = self.machine.userspace.get(group, int(offset, 0), cpu=int(cpu or 0))
            self._compare(number, f"saved {place}", wanted, hex(value))

    def _register_row(self, number: int, line: str) -> None:
        """Reset value and what four patterns leave, each register and path on a VM of its own."""
        left, _, cells = line.partition("|")
        name, path = left.split()
        wanted = [cell[0] for cell in _CELL.finditer(cells)]
        self.shape = (PATTERN_CPUS, 64, 64, 1)
        self.machine = self._machine()
        register = self.machine.map.registers[name]
        got = [self._path_read(register, path)]
        for pattern in PATTERNS:
            refused = self._path_write(register, path, pattern)
            got.append(self._path_read(register, path) + refused)
        for column, (one, other) in enumerate(zip(wanted, got, strict=True)):
            self._compare(number, f"pattern {name} {path} {column}", one, other)

    def _attribute(self, register: Register) -> tuple[str, int]:
        """The device attribute's group and offset."""
        base = {"GICD": 0, "RD": 0, "SGI": 0x10000, "GITS": 0}[register.frame]
        return {"GICD": "dist", "GITS": "its"}.get(register.frame, "redist"), base + register.offset

    def _path_read(self, register: Register, path: str) -> str:
        address, wide = self.machine.map.address(register), register.width == 64
        if path == "u":
            group, offset = self._attribute(register)
            value = self.machine.userspace.get(group, offset)
            if wide and group != "its":
                value |= self.machine.userspace.get(group, offset + 4) << 32
        elif path == "g64" or not wide:
            value = self.machine.read(address, register.width // 8)
        else:
            value = self.machine.read(address, 4) | self.machine.read(address + 4, 4) << 32
        return hex(value)

    def _path_write(self, register: Register, path: str, pattern: int) -> str:
        """ "" or how the refusal reads in the table."""
        address, wide = self.machine.map.address(register), register.width == 64
        low, high = pattern & 0xFFFF_FFFF, pattern >> 32
        if path == "u":
            group, offset = self._attribute(register)
            values = [(offset, pattern if wide else low)] if group == "its" or not wide else _halves(offset, low, high)
            return self._user_writes(group, values)
        if path == "g64":
            self.machine.write(address, pattern, 8)
        else:
            for place, value in _halves(address, low, high) if wide else [(address, low)]:
                self.machine.write(place, value, 4)
        return ""

    def _user_writes(self, group: str, values: list[tuple[int, int]]) -> str:
        try:
            for offset, value in values:
                self.machine.userspace.set(group, offset, value)
        except UserspaceError as error:
            return f"(err {error.errno_name})"
        return ""

    def _sanitised_row(self, number: int, line: str) -> None:
        """`PENDBASER shareability in 0..3 -> [0, 1, 1, 3]`: what a field keeps of each value."""
        name, kind, *_ = line.split()
        frame = "GITS" if name.startswith("GITS") else "GICR"
        register = self.machine.map.registers[name if frame == "GITS" else f"GICR_{name}"]
        lsb, bits = _FIELDS[frame][kind]
        wanted = [int(each) for each in line.partition("[")[2].rstrip("]").split(", ")]
        address = self.machine.map.address(register)
        for value, kept in enumerate(wanted):
            self.machine.write(address, value << lsb, 8)
            got = self.machine.read(address, 8) >> lsb & (1 << bits) - 1
            self._compare(number, f"sanitised {name} {kind} {value}", str(kept), str(got))


def _halves(address: int, low: int, high: int) -> list[tuple[int, int]]:
    return [(address, low), (address + 4, high)]


def inexpressible(op: str, reply: str) -> bool:
    """KVM_SIGNAL_MSI refused for its doorbell address or for its flags: signal_msi takes neither."""
    return op.startswith("msi ") and len(op.split()) > 3 and reply == "err EINVAL"


def report(result: Result) -> Iterator[str]:
    kinds = ", ".join(f"{count} {kind}" for kind, count in result.kinds.most_common())
    yield f"{len(result.replies) - len(result.mismatches)} of {len(result.replies)} replies match ({kinds})"
    yield f"{result.sections} sections; left out: {len(result.left_out)}"
    yield from map(str, result.mismatches[:40])


if __name__ == "__main__":
    print("\n".join(report(play())))
