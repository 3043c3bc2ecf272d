"""A real QEMU, driven over qtest."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from app.engines import qtest
from app.engines.compare import compare
from app.engines.model import ENGINE_NAMES, LIVE_QEMU, open_machine, run
from app.engines.qemu import NotAvailable, QemuMachine
from app.engines.qtest import QemuError, QemuMissing, QemuTimeout, Qtest
from app.engines.recorded import ReplayReport, play, scenarios
from app.gic import Machine
from app.gic.commands import encode
from app.scenario.parse import parse
from app.scenario.scenario import MachineSpec

CORPUS = Path(__file__).resolve().parent.parent / "corpora" / "qemu-7.2.jsonl.gz"
GICD_CTLR, GICD_TYPER, RAM = 0x0800_0000, 0x0800_0004, 0x4010_0000


def test_without_qemu_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setattr(qtest, "PROGRAM", "qemu-system-none")
    with pytest.raises(QemuMissing, match="apt-get install qemu-system-arm"):
        Qtest()


@pytest.fixture(scope="module")
def qemu():
    with Qtest(cpus=2) as running:
        yield running


@pytest.mark.live
class TestQtest:
    def test_reads_and_writes_registers_of_each_size(self, qemu):
        qemu.write(0x0800_0400 + 40, 0xA0, 1)
        assert qemu.read(0x0800_0400 + 40, 1) == 0xA0
        assert qemu.read(GICD_TYPER, 4) == 0x37A_0007
        qemu.write(0x080A_0078, 0x4000_0000_4021_0000, 8)
        assert qemu.read(0x080A_0078, 8) == 0x4000_0000_4021_0000
        assert qemu.read(RAM, 2) == 0

    def test_moves_memory_larger_than_one_request(self, qemu):
        data = bytes(range(256)) * 700
        qemu.memory_write(RAM, data)
        assert qemu.memory_read(RAM, len(data)) == data

    def test_says_its_version(self, qemu):
        assert qemu.version.count(".") == 2

    def test_a_size_that_no_bus_has_is_refused(self, qemu):
        with pytest.raises(ValueError, match="size 3"):
            qemu.read(GICD_TYPER, 3)

    def test_a_request_that_qemu_refuses_says_what_it_answered(self, qemu):
        with pytest.raises(QemuError, match="FAIL Unknown command"):
            qemu.request("sing")


def qemu_processes(running):
    """The processes whose command line names this QEMU's private directory."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and str(running.trace_path.parent).encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def all_gone(running, patience=10):
    deadline = time.monotonic() + patience
    while qemu_processes(running) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not qemu_processes(running)


@pytest.mark.live
def test_closing_ends_qemu_and_removes_its_directory():
    running = Qtest()
    assert qemu_processes(running)
    running.close()
    running.close()
    assert not qemu_processes(running)
    assert not running.trace_path.parent.exists()


@pytest.mark.live
def test_an_answer_that_does_not_come_ends_qemu():
    running = Qtest(timeout=0.3)
    for process in qemu_processes(running):
        os.kill(process, signal.SIGSTOP)
    with pytest.raises(QemuTimeout, match=r"did not answer 'readl 0x8000004' in 0\.3 s"):
        running.read(GICD_TYPER, 4)
    assert all_gone(running)


@pytest.mark.live
def test_a_qemu_that_is_gone_is_said():
    with Qtest() as running:
        for process in qemu_processes(running):
            os.kill(process, signal.SIGKILL)
        with pytest.raises(QemuError, match="QEMU is gone"):
            running.read(GICD_TYPER, 4)


@pytest.mark.live
def test_a_machine_that_qemu_refuses_says_why():
    with pytest.raises(QemuError, match="Invalid SMP CPUs 9999"):
        Qtest(cpus=9999)


@pytest.mark.live
def test_qemu_does_not_outlive_a_user_that_is_killed():
    program = "from app.engines.qtest import Qtest; q = Qtest(); print(q.trace_path, flush=True); input()"
    root = Path(__file__).resolve().parents[2]
    user = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root)
    directory = Path(user.stdout.readline().decode().strip()).parent

    class Killed:
        trace_path = directory / "trace.log"

    assert qemu_processes(Killed)
    user.kill()
    user.communicate()
    assert all_gone(Killed)


@pytest.mark.live
class TestQemuMachine:
    @pytest.fixture
    def machine(self):
        with QemuMachine(cpus=2, trace=True) as running:
            yield running

    def test_an_event_travels_to_a_pending_lpi(self, machine):
        machine.memory.write(0x4020_0000 + 3, b"\xa3")
        machine.write(0x080A_0070, 0x4020_000F, 8)
        machine.write(0x080A_0078, 0x4021_0000, 8)
        machine.write(0x080A_0000, 1, 4)
        machine.write(GICD_CTLR, 3, 4)
        machine.setup_its()
        machine.command(encode("MAPD", device=0, itt=0x4030_0000, size=5))
        machine.command(encode("MAPC", collection=1, target=0))
        machine.command(encode("MAPTI", device=0, event=20, intid=8195, collection=1))
        assert machine.hppi(0) is None
        machine.msi(device_id=0, event_id=20)
        assert machine.hppi(0) == (8195, 2, 0xA0)
        assert machine.lpi_home.state(8195, 0).pending
        assert [(each.event_id, each.intid, each.icid) for each in machine.events(0)] == [(20, 8195, 1)]
        assert (machine.queue().creadr, machine.queue().stalled) == (96, False)

    def test_wired_interrupts_reach_the_registers(self, machine):
        machine.spi(40, True)
        machine.ppi(20, True, cpu=1)
        assert machine.peek("GICD_ISPENDR1") == 1 << 8
        assert machine.peek("GICR_ISPENDR0", cpu=1) == 1 << 20
        machine.spi(40, False)
        assert machine.peek("GICD_ISPENDR1") == 0

    @pytest.mark.parametrize(
        "ask",
        [
            lambda machine: machine.icc_read("ICC_IAR1_EL1"),
            lambda machine: machine.icc_write("ICC_PMR_EL1", 0xFF),
            lambda machine: machine.irq(0),
            lambda machine: machine.msi(device_id=2, event_id=0),
            lambda machine: machine.peek("ICC_PMR_EL1"),
            lambda machine: machine.lpis(),
            lambda machine: machine.snapshot(),
        ],
    )
    def test_what_a_stopped_machine_cannot_do_is_said_not_guessed(self, machine, ask):
        with pytest.raises(NotAvailable, match="not available on a live QEMU"):
            ask(machine)

    def test_a_callers_mistake_is_an_error_as_on_our_machine(self, machine):
        with pytest.raises(ValueError):
            machine.read(GICD_TYPER, 3)
        with pytest.raises(ValueError):
            machine.write(GICD_TYPER, 1 << 32, 4)
        with pytest.raises(ValueError):
            machine.spi(5, True)
        with pytest.raises(IndexError):
            machine.memory.read(0x3000_0000, 4)


@pytest.mark.live
def test_the_installed_qemu_answers_as_the_recorded_one():
    report = ReplayReport("qemu")
    for _, record in scenarios(CORPUS):
        with QemuMachine(cpus=record["cpus"], trace=True) as machine:
            play(record, report, machine)
        if report.scenarios == 3:
            break
    assert report.all_match, "\n".join(map(str, report.mismatches[:10]))
    assert report.reads > 300
    assert report.hppi_matched == report.hppi >= 3


SCENARIO = """\
title  A pending bit in RAM
machine implementation=qemu cpus=2
poke   0x40200003 a3
write  GICR_PROPBASER@0 Physical_Address=0x40200000 IDbits=15
write  GICR_PENDBASER@0 PTZ=1 Physical_Address=0x40210000
expect GICR_PENDBASER@0.PTZ == 1
write  GICR_CTLR@0 EnableLPIs=1
its    MAPD device=0 itt=0x40300000 size=5
its    MAPC collection=1 target=0
its    MAPTI device=0 event=20 intid=8195 collection=1
its    INT device=0 event=20
read   GITS_CREADR
expect pending(8195)@0 == 1
expect mapped(0, 20) == 1
ack    @0
"""


@pytest.mark.live
def test_a_scenario_runs_on_a_live_qemu_as_on_our_model():
    scenario = parse(SCENARIO)
    ours, live = (run(scenario, name) for name in ("qemu", LIVE_QEMU))
    assert ours.failed == live.failed == 0
    for our, real in zip(ours.played[:-1], live.played[:-1], strict=True):
        assert (our.step.value, our.step.refused) == (real.step.value, real.step.refused), our.step.text
    assert "not available on a live QEMU" in live.played[-1].step.refused


@pytest.mark.live
def test_a_comparison_with_a_live_qemu_sees_what_is_forwarded():
    text = SCENARIO.replace("write  GICR_CTLR", "write  GICD_CTLR 2\nwrite  GICR_CTLR")
    told = compare(parse(text), ("qemu", LIVE_QEMU))
    assert not told.divergences
    [step] = [step for step in told.steps if step.op.verb == "its" and step.op.command == "INT"]
    assert step.answers["qemu"].best == step.answers[LIVE_QEMU].best == ((0, (8195, 2, 0xA0)),)
    assert "INTID 8195, priority 0xa0" in step.answers[LIVE_QEMU].shown
    other = replace(step.answers[LIVE_QEMU], best=((0, (8195, 2, 0x80)),))
    assert not step.answers["qemu"].same_as(other)
    assert compare(parse(text), ("qemu", "kvm")).steps[0].answers["qemu"].best is None


@pytest.mark.live
def test_looking_at_an_edited_device_table_entry_is_bounded():
    with QemuMachine(ram_mib=32) as machine:
        machine.setup_its()
        devices = machine.queue().base + 0x1_0000
        for itt in (0x4010_0000, 0x41FF_FF00, 0x4200_0000, 0x100):  # in RAM; across its end; beyond; in the flash
            machine.memory.write(devices, (1 | 31 << 1 | itt >> 8 << 6).to_bytes(8, "little"))  # 32 EventID bits
            assert machine.events(0) == []
        machine.memory.write(devices, (1 | 31 << 1 | 0x41FF_FF00 >> 8 << 6).to_bytes(8, "little"))
        machine.memory.write(0x41FF_FF0C, (3 | 8193 << 2 | 1 << 32).to_bytes(8, "little"))
        assert [(each.event_id, each.intid) for each in machine.events(0)] == [(1, 8193)]


@pytest.mark.live
def test_a_machine_without_an_its_has_an_empty_queue():
    with QemuMachine(its=False) as machine:
        assert machine.queue() == Machine("qemu", its=False).queue()


@pytest.mark.live
def test_a_play_starts_one_qemu_and_ends_it(monkeypatch):
    started = []

    class Counted(Qtest):
        def __init__(self, **shape):
            super().__init__(**shape)
            started.append(self)

    monkeypatch.setattr("app.engines.qemu.Qtest", Counted)
    compare(parse(SCENARIO), (LIVE_QEMU, "qemu", LIVE_QEMU))
    assert len(started) == 1
    assert all_gone(started[0])


@pytest.mark.live
def test_qemu_has_no_network():
    with Qtest() as running:
        [command] = [
            words
            for process in qemu_processes(running)
            if (words := Path(f"/proc/{process}/cmdline").read_bytes().decode().split("\0"))[0].endswith(qtest.PROGRAM)
        ]
        assert command[command.index("-net") + 1] == "none"
        for channel in ("-qtest", "-qmp"):
            assert command[command.index(channel) + 1].startswith("unix:")


def test_engine_names_open_our_models():
    for name in ENGINE_NAMES:
        if name != LIVE_QEMU:
            with open_machine(name, MachineSpec()) as machine:
                assert machine.implementation == name
