"""Plays every lesson on a real KVM and a real QEMU and writes what they answered to app/lessons/recordings/.

    python docs/record_lessons.py kvm COMMAND ... [-- SLUG ...]     COMMAND answers operations of a real KVM
    python docs/record_lessons.py qemu [-- SLUG ...]                a real qemu-system-aarch64, see running_qemu.py

COMMAND reads one operation a line and answers each with one line, as tests/gic/data/kvm-6.1-transcript.txt shows; its
first line is `hello` and the kernel's version.

What an `expect` looks at is asked for after a fresh play of all that comes before it, because asking may change the
machine: whether an LPI is pending by clearing its bit in RAM and saving the pending tables, whether an interrupt is
signalled by acknowledging, whether an event is mapped by raising it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from running_qemu import RunningQemu

from app.engines.observed import FOLDER, digest
from app.gic import Machine, MachineState, UserspaceError
from app.gic.commands import COMMAND_BYTES
from app.scenario import migration
from app.scenario.attributes import attribute_of, read_attribute
from app.scenario.expect import check
from app.scenario.format import format_wanted
from app.scenario.lessons import LESSONS, Lesson
from app.scenario.operations import (
    Config,
    Creadr,
    Expect,
    IrqLine,
    LastValue,
    Mapped,
    Memory,
    Migrate,
    Msi,
    Operation,
    Pending,
    RegisterRef,
    Save,
    Stalled,
    Uread,
    Uwrite,
)
from app.scenario.player import Player, Step
from app.scenario.scenario import MachineSpec

RAM_MIB = 64
FIRST_LPI, FIRST_SPI = 8192, 32
PENDING_TABLE = 0x000F_FFFF_FFFF_0000
NOTHING_TO_TAKE = range(1020, 1024)


class Kvm:
    """The command that answers for a real KVM."""

    def __init__(self, command: list[str]) -> None:
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603
        assert self.process.stdout is not None
        greeting = self.process.stdout.readline().split()
        if greeting[:1] != ["hello"]:
            raise SystemExit(f"{command} greets with {greeting}")
        self.kernel = greeting[1]

    def __call__(self, line: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def value(self, line: str) -> int:
        """The number that an operation returns."""
        answer = self(line)
        if not answer.startswith("v "):
            raise LookupError(f"{line}: {answer}")
        return int(answer.split()[1], 16)

    def call(self, line: str) -> int:
        """A userspace call. Raises UserspaceError."""
        answer = self(line)
        if answer.startswith("err "):
            raise UserspaceError(answer.split()[1], line)
        return int(answer.split()[1], 0)


class KvmMemory:
    def __init__(self, kvm: Kvm) -> None:
        self.kvm = kvm

    def read(self, address: int, length: int) -> bytes:
        return bytes.fromhex(self.kvm(f"mr {address:#x} {length}").split()[1])

    def write(self, address: int, data: bytes) -> None:
        self.kvm(f"mw {address:#x} {data.hex()}")


class KvmUserspace:
    """The VMM's calls, made for real."""

    def __init__(self, kvm: Kvm) -> None:
        self.kvm = kvm

    def get(self, group: str, offset: int, cpu: int = 0) -> int:
        return self.kvm.call(f"uget {self._group(group)} {cpu} {offset:#x}")

    def set(self, group: str, offset: int, value: int, cpu: int = 0) -> None:
        self.kvm.call(f"uset {self._group(group)} {cpu} {offset:#x} {value:#x}")

    def signal_msi(self, device_id: int, event_id: int) -> int:
        return self.kvm.call(f"msi {device_id} {event_id}")

    def save_pending_tables(self) -> None:
        self.kvm.call("ctrl save_pending")

    def save_its_tables(self) -> None:
        self.kvm.call("ctrl save_tables")

    def restore_its_tables(self) -> None:
        self.kvm.call("ctrl restore_tables")

    @staticmethod
    def _group(group: str) -> str:
        return {"sysregs": "icc"}.get(group, group)


class KvmMachine(Machine):
    """The operations of a Machine, done by a real KVM."""

    def __init__(self, kvm: Kvm, spec: MachineSpec, *, moved: bool = False) -> None:
        self.kvm = kvm
        shape = f"{spec.cpus} {spec.spis} {int(spec.its)}"
        kvm.call(f"migrate {shape}" if moved else f"vm {spec.cpus} {RAM_MIB} {spec.spis} {int(spec.its)}")
        super().__init__("kvm", spec.cpus, spec.spis, spec.its, memory=KvmMemory(kvm))
        self.userspace = KvmUserspace(kvm)  # type: ignore[assignment]

    def read(self, address: int, size: int, cpu: int = 0, secure: bool = False) -> int:
        return self.kvm.value(f"r {8 * size} {cpu} {address:#x}")

    def write(self, address: int, value: int, size: int, cpu: int = 0, secure: bool = False) -> None:
        self.kvm(f"w {8 * size} {cpu} {address:#x} {value:#x}")

    def snapshot(self) -> MachineState:
        """Only our own model's; a real one has none, and a migration by attributes needs none."""
        return Machine("kvm", self.cpus).snapshot()

    def settle(self) -> None:
        """Nothing waits."""

    def msi(self, device_id: int, event_id: int) -> None:
        self.kvm(f"msi {device_id} {event_id}")

    def icc_read(self, name: str, cpu: int = 0, secure: bool = False) -> int:
        return self.kvm.value(f"icc rd {cpu} {_short(name)}")

    def icc_write(self, name: str, value: int, cpu: int = 0, secure: bool = False) -> None:
        self.kvm(f"icc wr {cpu} {_short(name)} {value:#x}")

    @property
    def its_is_set_up(self) -> bool:
        return self.has_its and bool(self.userspace.get("its", 0x80) >> 63)

    def command(self, packet: bytes) -> None:
        cbaser, writer = self.userspace.get("its", 0x80), self.userspace.get("its", 0x88)
        after = (writer + COMMAND_BYTES) % (((cbaser & 0xFF) + 1) * 4096)
        self.memory.write((cbaser & 0x000F_FFFF_FFFF_F000) + writer, packet)
        self.write(self.map.address(self.map.registers["GITS_CWRITER"]), after, 8)


def _short(name: str) -> str:
    return name.removeprefix("ICC_").removesuffix("_EL1").lower()


class KvmSide:
    """A lesson on a real KVM: each step, and each expectation after a fresh play of what comes before."""

    def __init__(self, kvm: Kvm, lesson: Lesson) -> None:
        self.kvm = kvm
        self.spec = lesson.scenario.machine.on("kvm")
        self.ops = lesson.scenario.operations

    def answers(self) -> Iterator[tuple[int, dict[str, str]]]:
        for seq, op in enumerate(self.ops, 1):
            if isinstance(op, Expect):
                got = self._asked(op, seq)
                if got is not None:
                    yield seq, {"got": got}
        player = self._player()
        for op in self.ops:
            if isinstance(op, Expect):
                player.seq += 1
                continue
            found = answer_of(player.apply(op))
            if found:
                yield player.seq, found

    def _player(self) -> Player:
        return Player(self.spec, KvmMachine(self.kvm, self.spec))

    def _asked(self, op: Expect, seq: int) -> str | None:
        player = self._player()
        for before in self.ops[: seq - 1]:
            if isinstance(before, Expect):
                player.seq += 1
            else:
                player.apply(before)
        got = self._value(op, player)
        return None if got is None else format_wanted(op.term, got, player.machine.map)

    def _value(self, op: Expect, player: Player) -> int | bytes | None:
        machine = player.machine
        match op.term:
            case RegisterRef():
                return self._register(machine, op.term)
            case Pending(intid, cpu) if intid >= FIRST_LPI and cpu is not None:
                return self._pending(machine, intid, cpu)
            case IrqLine(cpu):
                return int(machine.icc_read("ICC_IAR1_EL1", cpu=cpu) not in NOTHING_TO_TAKE)
            case Mapped(device, event):
                answer = self.kvm(f"msi {device} {event}")
                return None if answer == "err EBUSY" else int(answer == "rc 1")
            case Memory(address, length, bit):
                data = machine.memory.read(address, length)
                return data if bit is None else data[0] >> bit & 1
            case Creadr():
                return machine.userspace.get("its", 0x90)
            case Stalled():
                return machine.userspace.get("its", 0x90) & 1
            case LastValue():
                return player.last
        return None

    @staticmethod
    def _register(machine: Machine, term: RegisterRef) -> int:
        register, cpu = machine.map.registers[term.name], term.cpu or 0
        if register.encoding:
            value = machine.icc_read(term.name, cpu=cpu)
        else:
            value = machine.read(machine.map.address(register, cpu), register.width // 8, cpu=cpu)
        return value if term.field is None else register.field(term.field).extract(value)

    @staticmethod
    def _pending(machine: Machine, intid: int, cpu: int) -> int | None:
        """Its bit after SAVE_PENDING_TABLES, from a table in which it was cleared before."""
        register = machine.map.registers["GICR_PENDBASER"]
        at = (read_attribute(machine, attribute_of(register, cpu)) & PENDING_TABLE) + intid // 8
        if at < 0x4000_0000:
            return None
        machine.memory.write(at, bytes([machine.memory.read(at, 1)[0] & ~(1 << intid % 8)]))
        machine.userspace.save_pending_tables()
        return machine.memory.read(at, 1)[0] >> intid % 8 & 1


class QemuSide:
    """A lesson on a real QEMU with running CPUs, up to the first MSI of a device that is not device 0."""

    def __init__(self, lesson: Lesson) -> None:
        spec = lesson.scenario.machine.on("qemu")
        self.machine = RunningQemu(spec.cpus, RAM_MIB)
        self.player = Player(spec, self.machine)
        self.ops = lesson.scenario.operations
        self.until = 0
        self.moved = False

    def answers(self) -> Iterator[tuple[int, dict[str, object]]]:
        for seq, op in enumerate(self.ops, 1):
            if isinstance(op, Msi) and op.device:
                return
            self.until = seq
            if isinstance(op, Save | Uread | Uwrite):
                self.player.seq += 1  # calls of KVM, which nobody can make here
                continue
            found: dict[str, object] = dict(self._answer(op))
            # A QEMU that came by migration tells of changes only, so what it has not told is not known.
            if not self.moved:
                found["hppi"] = [self._hppi(cpu) for cpu in range(self.machine.cpus)]
            if found:
                yield seq, found

    def close(self) -> None:
        self.machine.close()

    def _hppi(self, cpu: int) -> int | None:
        best = self.machine.hppi(cpu)
        return None if best is None else best[0]

    def _answer(self, op: Operation) -> dict[str, str]:
        match op:
            case Expect():
                self.player.seq += 1
                got = self._got(op)
                return {} if got is None else {"got": got}
            case Migrate():
                self.machine = self.player.machine = self.machine.moved()
                self.moved = True
            case _:
                return answer_of(self.player.apply(op))
        self.player.seq += 1
        return {}

    def _got(self, op: Expect) -> str | None:
        match op.term:
            case Pending(intid, cpu) if intid >= FIRST_LPI:
                table = self.machine.pendbaser(cpu or 0) & PENDING_TABLE
                return str(self.machine.memory.read(table + intid // 8, 1)[0] >> intid % 8 & 1)
            case Mapped(device, event):
                return str(int(any(view.event_id == event for view in self.machine.events(device))))
            case Config():
                return None
        return check(op, self.machine, self.player.last).got_text


def answer_of(step: Step) -> dict[str, str]:
    """What a step answered, {} if nothing."""
    found = {} if step.value is None else {"value": f"{step.value:#x}"}
    if step.refused:
        found["refused"] = step.refused.partition(": ")[0] if step.op.verb != "migrate" else step.refused
    return found


def record_kvm(command: list[str], slugs: list[str]) -> None:
    kvm = Kvm(command)
    build = migration.build
    # The destination of a migration is a real one too.
    migration.build = lambda spec, source=None, **_: (  # type: ignore[assignment]
        KvmMachine(kvm, spec, moved=True) if isinstance(source, KvmMachine) else build(spec, source)
    )
    for lesson in chosen(slugs):
        answers = dict(sorted(KvmSide(kvm, lesson).answers()))
        keep(lesson, "kvm", f"Linux {kvm.kernel} KVM", answers, len(lesson.scenario.operations))
    kvm("poweroff")


def record_qemu(slugs: list[str]) -> None:
    for lesson in chosen(slugs):
        side = QemuSide(lesson)
        try:
            answers = dict(side.answers())
            keep(lesson, "qemu", f"QEMU {side.machine.qtest.version}", answers, side.until)
        finally:
            side.close()


def chosen(slugs: list[str]) -> Iterator[Lesson]:
    return (lesson for lesson in LESSONS if not slugs or lesson.slug in slugs)


def keep(lesson: Lesson, side: str, of: str, answers: dict[int, Any], until: int) -> None:
    """Write one side into the lesson's file; the other side stays if it is of the same operations."""
    path = FOLDER / f"{lesson.slug}.json"
    content: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    now = digest(lesson.scenario)
    if content.get("scenario") != now:
        content = {"scenario": now}
    date = datetime.now(UTC).date().isoformat()
    content[side] = {"of": of, "date": date, "until": until, "steps": {str(seq): row for seq, row in answers.items()}}
    path.write_text(_text(content), encoding="utf-8")
    print(f"{lesson.slug}: {side}: {len(answers)} answers, {until} of {len(lesson.scenario.operations)} steps")


def _text(content: dict[str, Any]) -> str:
    """JSON with one step a line, for a diff that shows what changed."""
    parts = []
    for key, value in content.items():
        if isinstance(value, dict):
            steps = ",\n".join(f'   "{seq}": {json.dumps(row)}' for seq, row in value["steps"].items())
            head = json.dumps({name: value[name] for name in ("of", "date", "until")})[1:-1]
            parts.append(f' "{key}": {{{head}, "steps": {{\n{steps}\n }}}}')
        else:
            parts.append(f' "{key}": {json.dumps(value)}')
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main(words: list[str]) -> None:
    words, slugs = (words[: words.index("--")], words[words.index("--") + 1 :]) if "--" in words else (words, [])
    if words[:1] == ["kvm"] and len(words) > 1:
        record_kvm(words[1:], slugs)
    elif words == ["qemu"]:
        record_qemu(slugs)
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
