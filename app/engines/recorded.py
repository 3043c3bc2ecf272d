"""What real GICs answered, played again on a Machine: corpora of JSON lines, plain or gzip.

One scenario a line, in either of two recorders' formats: QEMU's over qtest (numbers; 256 SPIs; ends with QEMU's own
highest priority pending interrupts, `hppi`) and KVM's (hex strings; its userspace operations too).
"""

import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.gic import Machine, Memory, UserspaceError

QEMU_VIRT_SPIS = 256  # of QEMU's virt board; its corpora do not say so themselves
NO_INTERRUPT = range(1020, 1024)  # special INTIDs that an acknowledge returns instead of an interrupt
KVM_IRQ_TYPE_SPI, KVM_IRQ_TYPE_PPI = 1, 2

Operation = Mapping[str, Any]


class CorpusError(ValueError):
    """A line of a corpus that cannot be played: says which line, and what was expected."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One recorded answer that the machine did not give."""

    scenario: int  # the corpus's own seed
    index: int  # of the operation in its scenario, from 0; the number of operations for a final `hppi`
    operation: str  # "r64 GICR_PENDBASER@0"
    wanted: str
    got: str

    def __str__(self) -> str:
        return f"scenario {self.scenario} op {self.index}: {self.operation}: recorded {self.wanted}, got {self.got}"


@dataclass(slots=True)
class ReplayReport:
    """`matched` of `reads` recorded answers; the final `hppi` of QEMU's corpora are counted apart."""

    implementation: str
    matched: int = 0
    reads: int = 0
    hppi_matched: int = 0
    hppi: int = 0
    operations: int = 0
    scenarios: int = 0
    mismatches: list[Mismatch] = field(default_factory=list)

    @property
    def all_match(self) -> bool:
        return not self.mismatches

    def first_of_each_scenario(self) -> list[Mismatch]:
        """Where each scenario first went wrong: what follows there is often only a consequence."""
        first: dict[int, Mismatch] = {}
        for mismatch in self.mismatches:
            first.setdefault(mismatch.scenario, mismatch)
        return list(first.values())

    def __str__(self) -> str:
        return f"matched {self.matched} of {self.reads} reads in {self.scenarios} scenarios"


def replay(path: Path | str, implementation: str, limit: int | None = None) -> ReplayReport:
    """Plays the first `limit` scenarios (all when None) of a corpus and compares every recorded answer.

    Raises OSError when the file cannot be read, CorpusError when a line is not a scenario.
    """
    report = ReplayReport(implementation)
    for number, record in scenarios(path):
        if limit is not None and report.scenarios >= limit:
            break
        try:
            play(record, report)
        except (KeyError, TypeError, ValueError) as error:
            raise CorpusError(f"{path}:{number}: not a scenario that can be played: {error!r}") from error
    return report


def scenarios(path: Path | str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The scenarios of a corpus with their line numbers, one in memory at a time."""
    path = Path(path)
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except ValueError as error:
                raise CorpusError(f"{path}:{number}: not JSON: {error}") from error
            if not isinstance(record, dict) or not isinstance(record.get("ops"), list):
                raise CorpusError(f'{path}:{number}: not a scenario: expected {{"seed", "cpus", "ops": [...]}}')
            yield number, record


def play(record: Mapping[str, Any], report: ReplayReport, machine: Machine | None = None) -> Machine:
    """Plays one scenario, adds the outcome to `report`, and returns the machine as it ended.

    `machine` is one fresh from reset, as the scenario needs it; None builds it.
    """
    seed = int(record.get("seed", report.scenarios))
    player = _Player(record, report.implementation, machine)
    for index, operation in enumerate(record["ops"]):
        answer = player.apply(operation)
        wanted = _recorded_answer(operation)
        if wanted is None:
            continue
        report.reads += 1
        if answer == wanted:
            report.matched += 1
        else:
            name = player.describe(operation)
            report.mismatches.append(Mismatch(seed, index, name, _show(wanted), _show(answer)))
    _compare_hppi(record, player.machine, seed, report)
    report.operations += len(record["ops"])
    report.scenarios += 1
    return player.machine


def _compare_hppi(record: Mapping[str, Any], machine: Machine, seed: int, report: ReplayReport) -> None:
    for cpu, recorded in enumerate(record.get("hppi", ())):
        wanted = None if recorded is None else tuple(recorded)
        found = machine.hppi(cpu)
        report.hppi += 1
        if found == wanted:
            report.hppi_matched += 1
        else:
            report.mismatches.append(Mismatch(seed, len(record["ops"]), f"hppi@{cpu}", str(wanted), str(found)))


class _Player:
    """Applies recorded operations; each returns its answer in the form in which corpora record it."""

    def __init__(self, record: Mapping[str, Any], implementation: str, machine: Machine | None) -> None:
        self.implementation = implementation
        self.cpus = int(record["cpus"])
        self.spis = int(record.get("spis", QEMU_VIRT_SPIS))
        self.its = bool(record.get("its", True))
        self.ram_mib = int(record.get("ram_mb", 512))
        self.machine = self._build() if machine is None else machine
        self.verbs: dict[str, Callable[[Operation], object]] = {
            "mw": self._memory_write,
            "mf": self._memory_fill,
            "mr": self._memory_read,
            "icc_r": self._icc_read,
            "icc_w": self._icc_write,
            "drain": self._drain,
            "uget": lambda op: self._userspace(op, self._get_attribute),
            "uset": lambda op: self._userspace(op, self._set_attribute),
            "msi": lambda op: self._userspace(op, self._signal_msi),
            "irq": lambda op: self._userspace(op, self._irq_line),
            "save_pending": lambda op: self._userspace(op, self._save_pending),
            "save_tables": lambda op: self._userspace(op, self._save_tables),
            "restore_tables": lambda op: self._userspace(op, self._restore_tables),
            "its_reset": lambda op: self._userspace(op, self._its_reset),
            "migrate": self._migrate,
        }
        for bits in (8, 16, 32, 64):
            self.verbs[f"r{bits}"] = self._reader(bits // 8)
            self.verbs[f"w{bits}"] = self._writer(bits // 8)

    def apply(self, operation: Operation) -> object:
        return self.verbs[operation["op"]](operation)

    def describe(self, operation: Operation) -> str:
        """The operation with its register's name, for a person who reads a mismatch."""
        words = [str(operation["op"])]
        if "addr" in operation:
            address = number(operation["addr"])
            place = self.machine.map.at(address)
            words.append(f"{address:#x}")
            if place is not None:
                register, cpu = place
                words.append(f"{register.name}@{cpu}" if register.per_cpu else register.name)
        words += [f"{key}={operation[key]}" for key in _SHOWN_OPERANDS if key in operation]
        return " ".join(words)

    def _reader(self, size: int) -> Callable[[Operation], int]:
        return lambda op: self.machine.read(number(op["addr"]), size, cpu=op.get("cpu", 0))

    def _writer(self, size: int) -> Callable[[Operation], None]:
        return lambda op: self.machine.write(number(op["addr"]), number(op["value"]), size, cpu=op.get("cpu", 0))

    def _memory_write(self, op: Operation) -> None:
        self.machine.memory.write(number(op["addr"]), bytes.fromhex(op["hex"]))

    def _memory_fill(self, op: Operation) -> None:
        self.machine.memory.write(number(op["addr"]), bytes([op["byte"]]) * op["len"])

    def _memory_read(self, op: Operation) -> str:
        return self.machine.memory.read(number(op["addr"]), op["len"]).hex()

    def _icc_read(self, op: Operation) -> int:
        return self.machine.icc_read(icc_name(op["reg"]), cpu=op["cpu"])

    def _icc_write(self, op: Operation) -> None:
        self.machine.icc_write(icc_name(op["reg"]), number(op["value"]), cpu=op["cpu"])

    def _drain(self, op: Operation) -> list[int]:
        acknowledged: list[int] = []
        for _ in range(op["max"]):
            intid = self.machine.icc_read("ICC_IAR1_EL1", cpu=op["cpu"])
            if intid in NO_INTERRUPT:
                break
            acknowledged.append(intid)
            self.machine.icc_write("ICC_EOIR1_EL1", intid, cpu=op["cpu"])
        return acknowledged

    def _userspace(self, op: Operation, call: Callable[[Operation], int]) -> int | str:
        """A KVM call's answer: its value, or the name of its errno."""
        try:
            return call(op)
        except UserspaceError as error:
            return error.errno_name

    def _get_attribute(self, op: Operation) -> int:
        return self.machine.userspace.get(op["group"], number(op["offset"]), cpu=op["cpu"])

    def _set_attribute(self, op: Operation) -> int:
        self.machine.userspace.set(op["group"], number(op["offset"]), number(op["value"]), cpu=op["cpu"])
        return 0

    def _signal_msi(self, op: Operation) -> int:
        return self.machine.userspace.signal_msi(device_id=op["dev"], event_id=op["event"])

    def _irq_line(self, op: Operation) -> int:
        if op["type"] == KVM_IRQ_TYPE_SPI:
            self.machine.spi(intid=op["intid"], level=bool(op["level"]))
        elif op["type"] == KVM_IRQ_TYPE_PPI:
            self.machine.ppi(intid=op["intid"], level=bool(op["level"]), cpu=op["cpu"])
        else:
            raise ValueError(f"irq type {op['type']}: expected 1 (SPI) or 2 (PPI)")
        return 0

    def _save_pending(self, _op: Operation) -> int:
        self.machine.userspace.save_pending_tables()
        return 0

    def _save_tables(self, _op: Operation) -> int:
        self.machine.userspace.save_its_tables()
        return 0

    def _restore_tables(self, _op: Operation) -> int:
        self.machine.userspace.restore_its_tables()
        return 0

    def _its_reset(self, _op: Operation) -> int:
        self.machine.userspace.reset_its()
        return 0

    def _migrate(self, _op: Operation) -> int:
        """A fresh machine on the same guest RAM: what a VMM does on the destination before it restores registers."""
        self.machine = self._build(self.machine.memory)
        return 0

    def _build(self, memory: Memory | None = None) -> Machine:
        return Machine(
            implementation=self.implementation,
            cpus=self.cpus,
            spis=self.spis,
            its=self.its,
            ram_mib=self.ram_mib,
            memory=memory,
        )


_SHOWN_OPERANDS = [
    "value",
    "hex",
    "len",
    "cpu",
    "reg",
    "max",
    "group",
    "offset",
    "dev",
    "event",
    "intid",
    "level",
    "what",
]


def icc_name(short: str) -> str:
    """The recorder's short name of a CPU interface register ("iar1") as the manual's ("ICC_IAR1_EL1")."""
    return f"ICC_{short.upper()}_EL1"


def number(value: int | str) -> int:
    return value if isinstance(value, int) else int(value, 16)


def _recorded_answer(operation: Operation) -> object:
    """What the real machine answered, or None where the recorder noted nothing."""
    if "got" not in operation:
        return operation.get("rc")
    got = operation["got"]
    if isinstance(got, str) and operation["op"] != "mr":
        return int(got, 16)
    return got


def _show(answer: object) -> str:
    return f"{answer:#x}" if isinstance(answer, int) else str(answer)
