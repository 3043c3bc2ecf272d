"""Linux 6.1 booted on a real QEMU 7.2, played on our `qemu` from QEMU's own trace of its GIC.

Everything that the trace tells is compared. What it does not tell is inferred (app.exchange.qemu_replay):

* The command queue: QEMU prints the slot and the operands of each command that it runs; the 32 bytes are encoded again
  from those. SYNC's RDbase and INVALL's ICID are not printed, and QEMU does not look at them.
* The LPI configuration table: filled with 0xA2 before GICR_PROPBASER is written; the driver changes a byte only to
  mask or unmask, and each time sends an INV. So each INV toggles Enable. The table at power-off confirms it.
* The level 1 device table: its only entry is taken from the table at power-off; the driver writes it before the first
  MAPD and never again.
* CPU 1 is taken off and on: the CPU's reset is not printed. It is inferred from the next write to its GICR_WAKER.
"""

import gzip
import json
from pathlib import Path

import pytest

from app.exchange.qemu_events import CommandOperands
from app.exchange.qemu_replay import LinuxGuest, packet, replay
from app.exchange.qemu_trace import parse
from app.gic import Machine
from app.gic.commands import decode

CORPORA = Path(__file__).resolve().parent.parent / "corpora"
TABLES = json.loads((CORPORA / "linux-6.1-boot-qemu-7.2.tables.json").read_text())
QEMU_VIRT_SPIS = 256


def memory_at_power_off(what):
    """(address, bytes) of each dumped table whose name starts with `what`."""
    for table in TABLES["memory"]:
        if table["what"].startswith(what):
            data = bytearray(table["len"])
            for run in table["nonzero"]:
                data[run["off"] : run["off"] + len(run["hex"]) // 2] = bytes.fromhex(run["hex"])
            yield int(table["addr"], 16), bytes(data)


def level1_at_power_off():
    [(_, table)] = memory_at_power_off("device table (level 1)")
    entries = (int.from_bytes(table[at : at + 8], "little") for at in range(0, len(table), 8))
    return {index: entry for index, entry in enumerate(entries) if entry}


def trace_lines():
    with gzip.open(CORPORA / "linux-6.1-boot-qemu-7.2.trace.gz", "rt") as lines:
        yield from parse(lines)


@pytest.fixture(scope="module")
def boot():
    machine = Machine(implementation="qemu", cpus=2, spis=QEMU_VIRT_SPIS)
    report = replay(trace_lines(), machine, LinuxGuest(level1_at_power_off()))
    return machine, report


def test_every_recorded_answer_is_ours(boot, capsys):
    _, report = boot
    with capsys.disabled():
        print(f"\nLinux 6.1 boot on QEMU 7.2: {report}")
    assert not report.differences, "\n".join(map(str, report.differences[:20]))
    assert report.unknown == 0
    assert report.compared == {
        "reads": 7_236,
        "DTEs": 145,
        "CTEs": 146,
        "ITEs": 155,
        "HPPI": 62_725,
        "interrupt lines": 62_725,
        "pending SGIs": 867,
    }
    assert report.played["MSIs"] == 106
    assert report.played["ITS commands"] == 86
    assert report.played.total() == 27_624


def test_registers_end_as_at_power_off(boot):
    machine, _ = boot
    for name, value in TABLES["regs"].items():
        cpu = int(name[4]) if name.startswith("GICR") else 0
        register = f"GICR_{name[6:]}" if name.startswith("GICR") else name
        assert machine.peek(register, cpu) == int(value, 16), name


@pytest.mark.parametrize("what", ["device table", "collection table", "ITT of", "LPI configuration"])
def test_tables_end_as_at_power_off(boot, what):
    machine, _ = boot
    tables = list(memory_at_power_off(what))
    assert tables
    for address, data in tables:
        assert machine.memory.read(address, len(data)) == data, hex(address)


def test_pending_tables_end_as_at_power_off_but_for_the_msi_that_came_later(boot):
    # The tables were dumped before QEMU was told to quit; that took the network's link down, which is one more MSI.
    machine, _ = boot
    late = 8198
    tables = {address: bytearray(data) for address, data in memory_at_power_off("LPI pending")}
    tables[min(tables)][late // 8] |= 1 << late % 8
    assert machine.hppi(0) == (late, 2, 160)
    for address, data in tables.items():
        assert machine.memory.read(address, len(data)) == data, hex(address)


def test_the_rebuilt_command_queue_is_the_one_at_power_off(boot):
    machine, _ = boot
    [(address, queue)] = memory_at_power_off("command queue")
    for at in range(0, len(queue), 32):
        ours, theirs = decode(machine.memory.read(address + at, 32)), decode(queue[at : at + 32])
        assert ours.name == theirs.name
        if ours.name not in ("SYNC", "INVALL"):
            assert ours.operands == theirs.operands


def altered(lines, before, after):
    changed = [line.replace(before, after) for line in lines]
    assert changed != lines
    return changed


SMALL = """\
gicv3_dist_read GICv3 distributor read: offset 0x4 data 0x37a0007 size 4 secure 0
gicv3_its_write GICv3 ITS write: offset 0x100 data 0x8000000042180600 size 8
gicv3_its_write GICv3 ITS write: offset 0x108 data 0x8000000042190600 size 8
gicv3_its_write GICv3 ITS write: offset 0x80 data 0x800000004217040f size 8
gicv3_its_write GICv3 ITS write: offset 0x0 data 0x80000001 size 4
gicv3_redist_write GICv3 redistributor 0x0 write: offset 0x70 data 0x421a078f size 8 secure 0
gicv3_redist_write GICv3 redistributor 0x0 write: offset 0x78 data 0x421b0780 size 8 secure 0
gicv3_redist_write GICv3 redistributor 0x0 write: offset 0x0 data 0x3 size 4 secure 0
gicv3_dist_write GICv3 distributor write: offset 0x0 data 0x13 size 4 secure 0
gicv3_icc_pmr_write GICv3 ICC_PMR write cpu 0x0 value 0xf0
gicv3_icc_igrpen_write GICv3 ICC_IGRPEN1 write cpu 0x0 value 0x1
gicv3_its_process_command GICv3 ITS: processing command at offset 0x0: 0x9
gicv3_its_cmd_mapc GICv3 ITS: command MAPC ICID 0x0 RDbase 0x0 V 1
gicv3_its_cte_write GICv3 ITS: Collection Table write for ICID 0x0: valid 1 RDBase 0x0
gicv3_its_process_command GICv3 ITS: processing command at offset 0x1: 0x8
gicv3_its_cmd_mapd GICv3 ITS: command MAPD DeviceID 0x8 Size 0x1 ITT_addr 0x4313f0 V 1
gicv3_its_dte_write GICv3 ITS: Device Table write for DeviceID 0x8: valid 1 size 0x1 ITTaddr 0x4313f0
gicv3_its_process_command GICv3 ITS: processing command at offset 0x2: 0xa
gicv3_its_cmd_mapti GICv3 ITS: command MAPTI DeviceID 0x8 EventID 0x0 ICID 0x0 pINTID 0x2000
gicv3_its_ite_write GICv3 ITS: Interrupt Table write for ITTaddr 0x4313f000 EventID 0x0: valid 1 inttype 1 \
intid 0x2000 ICID 0x0 vPEID 0x0 doorbell 0x3ff
gicv3_its_process_command GICv3 ITS: processing command at offset 0x3: 0xc
gicv3_its_cmd_inv GICv3 ITS: command INV DeviceID 0x8 EventID 0x0
gicv3_its_write GICv3 ITS write: offset 0x88 data 0x80 size 4
gicv3_its_read GICv3 ITS read: offset 0x90 data 0x80 size 4
gicv3_its_translation_write GICv3 ITS TRANSLATER write: offset 0x40 data 0x0 size 4 requester_id 0x8
gicv3_cpuif_update GICv3 CPU i/f 0x0 HPPI update: irq 8192 group 2 prio 160
gicv3_cpuif_set_irqs GICv3 CPU i/f 0x0 HPPI update: setting FIQ 0 IRQ 1
gicv3_cpuif_update GICv3 CPU i/f 0x0 HPPI update: irq 8192 group 2 prio 255
gicv3_cpuif_set_irqs GICv3 CPU i/f 0x0 HPPI update: setting FIQ 0 IRQ 0
gicv3_icc_iar1_read GICv3 ICC_IAR1 read cpu 0x0 value 0x2000
gicv3_redist_write GICv3 redistributor 0x1 write: offset 0x10080 data 0xffffffff size 4 secure 0
gicv3_icc_generate_sgi GICv3 CPU i/f 0x0 generating SGI 3 IRM 0 target affinity 0x0xx targetlist 0x2
gicv3_redist_send_sgi GICv3 redistributor 0x1 pending SGI 3
""".splitlines()


def differences(lines):
    machine = Machine(implementation="qemu", cpus=2, spis=QEMU_VIRT_SPIS)
    return [found.line.number for found in replay(parse(lines), machine, LinuxGuest({})).differences]


def test_a_small_trace_agrees():
    assert differences(SMALL) == []


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ("offset 0x4 data 0x37a0007", "offset 0x4 data 0x37a0008", 1),
        ("write for ICID 0x0: valid 1 RDBase 0x0", "write for ICID 0x0: valid 1 RDBase 0x1", 14),
        ("Table write for DeviceID 0x8: valid 1", "Table write for DeviceID 0x8: valid 0", 17),
        ("inttype 1 intid 0x2000", "inttype 1 intid 0x2001", 20),
        ("offset 0x90 data 0x80", "offset 0x90 data 0x60", 24),
        ("irq 8192 group 2 prio 160", "irq 8192 group 2 prio 168", 26),
        ("FIQ 0 IRQ 1", "FIQ 0 IRQ 0", 27),
        ("ICC_IAR1 read cpu 0x0 value 0x2000", "ICC_IAR1 read cpu 0x0 value 0x3ff", 30),
        ("0x1 pending SGI 3", "0x1 pending SGI 2", 33),
    ],
)
def test_a_line_that_tells_something_else_is_found(before, after, line):
    assert differences(altered(SMALL, before, after))[0] == line


def test_the_last_told_state_must_be_the_last_state():
    assert differences(altered(SMALL, "irq 8192 group 2 prio 255", "irq 8192 group 2 prio 160")) == [29]


def test_an_unknown_command_keeps_its_opcode():
    assert packet(CommandOperands("UNKNOWN", ()), 0x7F) == bytes([0x7F]) + bytes(31)
