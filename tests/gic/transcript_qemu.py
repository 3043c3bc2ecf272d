"""Plays the transcript of experiments on QEMU's TCG model and compares what it read, traced and signalled.

Compared: every register and memory read, the queue's pointers after every group of commands, pending tables, QEMU's
highest priority pending interrupt (its HPPI trace, through `Machine.hppi`; no line means no change) and its traces of
table writes and table faults (through the effects).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from app.gic import Machine, effects
from app.gic.commands import COMMANDS, WORDS, encode

TRANSCRIPT = Path(__file__).parent / "data" / "qemu-7.2-transcript.md"
VIRT_SPIS = 256
QUEUE, QUEUE_BYTES = 0x4012_0000, 4096
CONFIG, PENDING, CONFIG_BYTES = 0x4020_0000, 0x4021_0000, 0xE000
SHOWN_PENDING = 20
ALL_PRIORITY_30 = 0x4029_0000

# Another GIC: this model has no GICv4.
NOT_PLAYED = {"gicv4": "gic-version=4: virtual LPIs, vPE tables and VMAPP..VINVALL are not modelled"}
# Traces of QEMU's that say nothing of the GIC's state.
SILENT = re.compile(r"GICv3 ITS TRANSLATER write")

_VALUE = r"(0x[0-9a-f]+)"
_WRITE = re.compile(rf"w(8|16|32|64) (\S+?) ?= ?{_VALUE}(?: \(.*\))?")
_READ = re.compile(rf"r(8|16|32|64) (\S+) -> {_VALUE}")
_WRITE_READ = re.compile(rf"w(8|16|32|64) (\S+?) ?= ?{_VALUE}(?:; r32 ->| -> r32)((?: {_VALUE})+)")
_READS = re.compile(rf"(\S+?):?((?: r(?:8|16|32|64) {_VALUE})+)|r(8|16) (\S+) {_VALUE}((?: r(?:8|16|32|64) {_VALUE})*)")
_MEMORY_WRITE = re.compile(rf"mw  {_VALUE}(?: \(.*\))? = ([0-9a-f]+)")
_MEMORY_READ = re.compile(rf"mr  {_VALUE} (\d+)(?: \(.*\))? -> ([0-9a-f]+)")
_QUEUE_STATE = re.compile(rf"   -> CWRITER={_VALUE} CREADR={_VALUE} consumed=(\d+) left=(\d+) stalled=(\d)")
_PENDING = re.compile(r"pending table of cpu(\d) in guest RAM: (\[.*\])( \.\.\.)?")
_HPPI = re.compile(r"cpu 0x(\d+) HPPI: irq (\d+) group (\d) prio (\d+)")
_SET_UP = re.compile(r"\[std set-up: .* idbits=(\d+) .* EnableLPIs=(\d), GITS_CTLR.Enabled=(\d), .*\]")
_STATE = re.compile(rf"(CREADR|CTLR|STATUSR) {_VALUE}")
_BATCH = re.compile(rf"(?:batch of )?(\d+)(?: \(a full ring\))? -> CWRITER {_VALUE} CREADR {_VALUE} consumed \d+")
_NUMBER = re.compile(r"(\w+)=(0x[0-9a-f]+|\d+)")


@dataclass(frozen=True)
class Reply:
    line: int
    section: str
    kind: str
    op: str
    wanted: str
    got: str

    @property
    def matches(self) -> bool:
        return self.wanted == self.got

    def __str__(self) -> str:
        return f"line {self.line} [{self.section}] {self.kind} {self.op}: recorded {self.wanted}, got {self.got}"


@dataclass
class Result:
    replies: list[Reply] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)
    sections: int = 0

    @property
    def mismatches(self) -> list[Reply]:
        return [reply for reply in self.replies if not reply.matches]

    @property
    def kinds(self) -> Counter[str]:
        return Counter(reply.kind for reply in self.replies)


@dataclass(frozen=True)
class Step:
    """An operation of the transcript with the lines that belong to it."""

    line: int
    text: tuple[str, ...]  # one line, or the commands of one group
    queue: str
    traces: tuple[str, ...]


def sections(text: str) -> Iterator[tuple[str, list[Step]]]:
    """(name, operations) of each section."""
    name, fenced, lines = "", False, []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("```"):
            if fenced:
                yield name, list(_steps(lines))
                lines = []
            fenced = not fenced
        elif fenced:
            lines.append((number, line))
        elif line.startswith("## "):
            name = line[3:]


def _steps(lines: list[tuple[int, str]]) -> Iterator[Step]:
    """Groups of `cmd` lines and single operations, each with the traces below it."""
    pending: Step | None = None
    for number, line in lines:
        if line.startswith("      | "):
            assert pending is not None
            pending = Step(pending.line, pending.text, pending.queue, (*pending.traces, line[8:]))
        elif line.startswith("   -> "):
            assert pending is not None
            pending = Step(pending.line, pending.text, line, pending.traces)
        elif (
            line.startswith("cmd ") and pending is not None and pending.text[0].startswith("cmd ") and not pending.queue
        ):
            pending = Step(pending.line, (*pending.text, line), "", ())
        else:
            if pending is not None:
                yield pending
            pending = Step(number, (line,), "", ())
    if pending is not None:
        yield pending


def play(path: Path = TRANSCRIPT) -> Result:
    """Plays every section on a fresh machine. ValueError: a line that is neither an operation nor a known remark."""
    result = Result()
    for name, steps in sections(path.read_text(encoding="utf-8")):
        if name in NOT_PLAYED:
            result.left_out[name] = len(steps)
            continue
        result.sections += 1
        player = _Player(result, name)
        for step in steps:
            player.step(step)
    return result


class _Player:
    def __init__(self, result: Result, section: str) -> None:
        self.result = result
        self.section = section
        self.machine = Machine("qemu", cpus=2, spis=VIRT_SPIS)
        self.heard: list[effects.Effect] = []
        self.signalled: list[tuple[int, int, int] | None] = [None, None]
        self.at = 0
        self.verbs: list[tuple[re.Pattern[str], Callable[[re.Match[str]], None]]] = [
            (_SET_UP, self._set_up),
            (re.compile(r"\[mapped: .*\]"), self._mapped),
            (_WRITE_READ, self._write_read),
            (_WRITE, self._write),
            (_READ, self._read),
            (_MEMORY_WRITE, self._memory_write),
            (_MEMORY_READ, self._memory_read),
            (_PENDING, self._pending),
            (_BATCH, self._batch),
            (re.compile(r"state: .*"), self._state),
            (re.compile(r"system_reset"), self._reset),
            (re.compile(r"queue of one 4K page filled with SYNC"), self._fill_queue),
            (re.compile(rf"w64 GICD_IROUTER32; r64 -> {_VALUE}"), self._router),
            (_READS, self._reads),
            (re.compile(r"#.*"), self._remark),
        ]

    def _compare(self, kind: str, op: str, wanted: object, got: object) -> None:
        shown = (str(wanted), str(got)) if not isinstance(wanted, int) else (hex(wanted), hex(got))  # type: ignore[arg-type]
        self.result.replies.append(Reply(self.at, self.section, kind, op, *shown))

    # -- a step

    def step(self, step: Step) -> None:
        self.at = step.line
        if self.section == "groups" and step.text[0].startswith("cmd "):
            self._silently(lambda: self._store("GICD_CTLR", 0, 4))
        with self.machine.listen() as self.heard:
            if step.text[0].startswith("cmd "):
                self._commands(step)
            else:
                self._single(step)
        if not step.text[0].startswith("#"):
            self._compare_traces(step, self.heard)

    def _single(self, step: Step) -> None:
        text = step.text[0]
        if text.startswith("# PPI 16"):
            self._private_interrupt(step)
            return
        for pattern, verb in self.verbs:
            found = pattern.fullmatch(text)
            if found is not None:
                verb(found)
                return
        raise ValueError(f"line {step.line} is no operation: {text!r}")

    def _silently(self, action: Callable[[], None]) -> None:
        """An operation that the transcript does not show."""
        action()
        self.signalled = [self.machine.hppi(cpu) for cpu in range(2)]

    # -- registers and memory

    def _address(self, name: str) -> int:
        base, _, offset = name.partition("+")
        if base.startswith("0x"):
            return int(base, 16)
        cpu = 0
        if re.match(r"GICR\d_", base):
            cpu, base = int(base[4]), "GICR" + base[5:]
        base = "GITS_TRANSLATER" if base == "TRANSLATER" else base
        return self.machine.map.address(self.machine.map.registers[base], cpu) + int(offset or 0)

    def _store(self, name: str, value: int, size: int) -> None:
        self.machine.write(self._address(name), value, size)

    def _load(self, name: str, size: int) -> int:
        return self.machine.read(self._address(name), size)

    def _write(self, found: re.Match[str]) -> None:
        bits, name, value = found.groups()
        if name.startswith("GICR0_PROPBASER") and int(value, 16) >> 12 == ALL_PRIORITY_30 >> 12:
            self.machine.memory.write(ALL_PRIORITY_30, b"\x31" * CONFIG_BYTES)
        if self.section == "cbaser_reset" and name == "GITS_CBASER":
            self._queue_up(0, [encode("INT", device=3, event=event) for event in (0, 2)])
        self._store(name, int(value, 16), int(bits) // 8)

    def _read(self, found: re.Match[str]) -> None:
        bits, name, value = found.groups()
        self._compare("read", f"r{bits} {name}", int(value, 16), self._load(name, int(bits) // 8))

    def _write_read(self, found: re.Match[str]) -> None:
        bits, name, value, wanted = found.group(1, 2, 3, 4)
        self._store(name, int(value, 16), int(bits) // 8)
        start = self._address(name.partition("+")[0])
        for index, each in enumerate(wanted.split()):
            self._compare("read", f"r32 {name} word {index}", int(each, 16), self.machine.read(start + 4 * index, 4))

    def _reads(self, found: re.Match[str]) -> None:
        """`GITS_TYPER: r8 0x0 r16 0x0 r32 0x1efb1` and `r8 GICR_CTLR 0x0 r16 0x0`."""
        name = found[1] or found[5]
        pairs = re.findall(rf"r(\d+) {_VALUE}", found[2] or f" r{found[4]} {found[6]}{found[7]}")
        for bits, value in pairs:
            self._compare("read", f"r{bits} {name}", int(value, 16), self._load(name, int(bits) // 8))

    def _router(self, found: re.Match[str]) -> None:
        self._store("GICD_IROUTER32", 0x1_0000_0001, 8)
        self._compare("read", "r64 GICD_IROUTER32", int(found[1], 16), self._load("GICD_IROUTER32", 8))

    def _memory_write(self, found: re.Match[str]) -> None:
        self.machine.memory.write(int(found[1], 16), bytes.fromhex(found[2]))

    def _memory_read(self, found: re.Match[str]) -> None:
        data = self.machine.memory.read(int(found[1], 16), int(found[2]))
        self._compare("memory", f"mr {found[1]}", found[3], data.hex())

    def _pending(self, found: re.Match[str]) -> None:
        """By the address that the set-up gave the table, wherever GICR_PENDBASER points now."""
        table = self.machine.memory.read(PENDING + 0x10000 * int(found[1]), 8192)
        bits = [8 * at + bit for at, byte in enumerate(table) if byte for bit in range(8) if byte >> bit & 1]
        more = bool(found[3]) and len(bits) > SHOWN_PENDING
        self._compare("pending table", f"cpu{found[1]}", found[2], str(bits[:SHOWN_PENDING] if more else bits))

    def _state(self, found: re.Match[str]) -> None:
        for name, value in _STATE.findall(found[0]):
            got = 0 if name == "STATUSR" else self._load(f"GITS_{name}", 4)
            self._compare("read", f"GITS_{name}", int(value, 16), got)

    def _reset(self, _found: re.Match[str]) -> None:
        self.machine = Machine("qemu", cpus=2, spis=VIRT_SPIS, memory=self.machine.memory)
        self.signalled = [None, None]

    def _remark(self, _found: re.Match[str]) -> None:
        return

    # -- set-up

    def _set_up(self, found: re.Match[str]) -> None:
        id_bits, lpis, its = (int(each) for each in found.groups())
        self.machine.memory.write(CONFIG, b"\xa1" * CONFIG_BYTES)
        self._store("GITS_BASER0", 0x8000_0000_4010_0200, 8)
        self._store("GITS_BASER1", 0x8000_0000_4011_0200, 8)
        self._store("GITS_CBASER", 0x8000_0000_4012_0000, 8)
        for cpu in range(2):
            self._store(f"GICR{cpu}_PROPBASER", CONFIG | id_bits - 1, 8)
            self._store(f"GICR{cpu}_PENDBASER", PENDING + 0x10000 * cpu, 8)
            self._store(f"GICR{cpu}_CTLR", lpis, 4)
        self._store("GITS_CTLR", its, 4)
        self._store("GICD_CTLR", 2, 4)

    def _mapped(self, _found: re.Match[str]) -> None:
        packets = [encode("MAPC", collection=cpu, target=cpu) for cpu in range(2)]
        packets.append(encode("MAPD", device=3, itt=0x4030_0000, size=5))
        for event, icid in enumerate((0, 1, 0, 0)):
            packets.append(encode("MAPTI", device=3, event=event, intid=8192 + event, collection=icid))
        self._queue_up(0, packets)
        self._store("GITS_CWRITER", 32 * len(packets), 8)

    def _fill_queue(self, _found: re.Match[str]) -> None:
        self._queue_up(0, [encode("SYNC", target=0)] * 128)

    # -- commands

    def _queue_up(self, offset: int, packets: list[bytes]) -> None:
        for packet in packets:
            self.machine.memory.write(QUEUE + offset, packet)
            offset = (offset + 32) % QUEUE_BYTES

    def _commands(self, step: Step) -> None:
        packets = [self._packet(line) for line in step.text]
        found = _QUEUE_STATE.fullmatch(step.queue)
        assert found is not None
        cwriter, creadr = int(found[1], 16), int(found[2], 16)
        self._queue_up((cwriter - 32 * len(packets)) % QUEUE_BYTES, packets)
        self._store("GITS_CWRITER", cwriter, 8)
        self._compare("queue", "CWRITER", cwriter, self._load("GITS_CWRITER", 8))
        self._compare("queue", "CREADR", creadr, self._load("GITS_CREADR", 8))

    def _packet(self, line: str) -> bytes:
        _, name, *rest = line.split()
        if name not in COMMANDS or COMMANDS[name].version > 3:  # of GICv4 the words are written down
            return WORDS.pack(*(int(word, 16) for word in rest))
        given = {key: int(value, 0) for key, value in _NUMBER.findall(" ".join(rest).partition(" (")[0])}
        packet = encode(name, **_operands(name, given))
        return _with_reserved_bits(name, packet) if self.section == "cmd_reserved_bits" else packet

    def _batch(self, found: re.Match[str]) -> None:
        """INT of events 0 to 3 in turn, from where GITS_CWRITER stands."""
        count, cwriter, creadr = int(found[1]), int(found[2], 16), int(found[3], 16)
        packets = [encode("INT", device=3, event=event % 4) for event in range(count)]
        self._queue_up((cwriter - 32 * count) % QUEUE_BYTES, packets)
        self._store("GITS_CWRITER", cwriter, 8)
        self._compare("queue", "CREADR", creadr, self._load("GITS_CREADR", 8))
        self.signalled = [self.machine.hppi(cpu) for cpu in range(2)]

    # -- what QEMU traced

    def _compare_traces(self, step: Step, heard: list[effects.Effect]) -> None:
        self._compare_signals(step.traces)
        self._compare_tables([trace for trace in step.traces if " Table write " in trace], heard)
        for trace in step.traces:
            if trace.endswith(": faulted"):
                table = trace.partition(" Table")[0].replace("Interrupt", "ITT")
                told = [getattr(each, "error", getattr(each, "why", "")) for each in heard]
                here = any("no RAM" in text and text.partition(" for the ")[2].startswith(table) for text in told)
                self._compare("table fault", trace, "faulted", "faulted" if here else str(told))
            elif not (_HPPI.fullmatch(trace) or " Table write " in trace or SILENT.match(trace)):
                raise ValueError(f"line {step.line}: unknown trace {trace!r}")

    def _compare_signals(self, traces: tuple[str, ...]) -> None:
        """The last HPPI line of each CPU; where there is none, nothing may have changed."""
        wanted = list(self.signalled)
        traced = set()
        for trace in traces:
            found = _HPPI.fullmatch(trace)
            if found is not None:
                cpu, intid, group, priority = (int(each) for each in found.groups())
                wanted[cpu] = (intid, group, priority) if priority != 255 else None
                traced.add(cpu)
        for cpu in range(2):
            kind = "hppi" if cpu in traced else "hppi unchanged"
            self._compare(kind, f"cpu{cpu}", wanted[cpu], self.machine.hppi(cpu))
        self.signalled = wanted

    def _compare_tables(self, wanted: list[str], heard: list[effects.Effect]) -> None:
        """Entries written to RAM. One that found no RAM, or no level 1 entry, was traced by QEMU all the same."""
        got = [_trace_of(each) for each in heard if isinstance(each, effects.TableWritten)]
        nowhere = sum(isinstance(each, effects.AccessIgnored) and "level 1" in each.why for each in heard)
        runs = [each for each in heard if isinstance(each, effects.CommandRun) and each.outcome == "stalled"]
        nowhere += sum(run.text.startswith("MAP") for run in runs)
        got += ["not stored"] * nowhere
        for index, trace in enumerate(wanted):
            mine = got[index] if index < len(got) else "nothing"
            self._compare("table write", trace, "not stored" if mine == "not stored" else _plain(trace), mine)
        if wanted and len(got) > len(wanted):
            self._compare("table write", "too many", "", str(got[len(wanted) :]))

    # -- the one experiment whose operations are not in the transcript

    def _private_interrupt(self, step: Step) -> None:
        """PPI 16, Group 1: enabled and pending at priority 0xa0, then 0xa8 and 0x98. One trace line each."""
        base = self.machine.map.frames["SGI"].base
        writes = [(0x80, 1 << 16, 4), (0x410, 0xA0, 1), (0x100, 1 << 16, 4), (0x200, 1 << 16, 4), (0x410, 0xA8, 1),
                  (0x410, 0x98, 1)]  # fmt: skip
        for (offset, value, size), trace in zip(writes, step.traces, strict=True):
            self.machine.write(base + offset, value, size)
            self._compare_signals((trace,))


def _operands(name: str, given: dict[str, int]) -> dict[str, int]:
    """The transcript's operand names in ours."""
    names = {"dev": "device", "ev": "event", "icid": "collection", "V": "valid", "rdbase": "target", "rd1": "source",
             "rd2": "target"}  # fmt: skip
    operands = {names.get(key, key): value for key, value in given.items()}
    if name == "MAPD":
        operands["size"] += 1  # the field holds EventID bits - 1
    return operands


def _with_reserved_bits(name: str, packet: bytes) -> bytes:
    """The command with ones in every bit that belongs to no operand."""
    words = list(WORDS.unpack(packet))
    used = [0xFF, 0, 0, 0]
    for operand in COMMANDS[name].operands:
        used[operand.word] |= (1 << operand.msb + 1) - (1 << operand.lsb)
    return WORDS.pack(*(word | ~mask & (1 << 64) - 1 for word, mask in zip(words, used, strict=True)))


def _plain(trace: str) -> str:
    """A trace of a table write; of an entry that is not valid, only that."""
    place, _, rest = trace.partition(": ")
    return trace if rest.startswith("valid 1") else f"{place}: valid 0"


def _trace_of(effect: effects.TableWritten) -> str:
    """What was written to RAM, decoded from its bytes, as QEMU traces it."""
    raw = int.from_bytes(effect.data[:8], "little")
    if effect.table == "ITT":
        place = f"Interrupt Table write for ITTaddr {effect.address - 12 * effect.index:#x} EventID {effect.index:#x}"
        doorbell = int.from_bytes(effect.data[8:], "little")
        entry = f"inttype {raw >> 1 & 1} intid {raw >> 2 & 0xFFFFFF:#x} ICID {raw >> 32 & 0xFFFF:#x} "
        entry += f"vPEID {raw >> 48:#x} doorbell {doorbell:#x}"
    elif effect.table == "Device table":
        place = f"Device Table write for DeviceID {effect.index:#x}"
        entry = f"size {raw >> 1 & 0x1F:#x} ITTaddr {raw >> 6:#x}"
    else:
        place = f"Collection Table write for ICID {effect.index:#x}"
        entry = f"RDBase {raw >> 1:#x}"
    return f"{place}: valid 1 {entry}" if raw & 1 else f"{place}: valid 0"


def report(result: Result) -> Iterator[str]:
    kinds = ", ".join(f"{count} {kind}" for kind, count in result.kinds.most_common())
    yield f"{len(result.replies) - len(result.mismatches)} of {len(result.replies)} replies match ({kinds})"
    yield f"{result.sections} sections; left out: {result.left_out}"
    yield from map(str, result.mismatches[:40])


if __name__ == "__main__":
    print("\n".join(report(play())))
