"""What one access may cost is bounded, counted in what is looked at; the rest of a command queue waits for the next."""

import pytest

from app.gic import Machine, effects, its
from app.gic.bounds import COMMAND_WORK, EFFECTS_PER_STEP, MOVE_WORK, TOLD_LPIS, WORK_PER_ACCESS
from app.gic.commands import encode

EVERYWHERE = ("architecture", "kvm", "kvm-before-5.6", "qemu")
TABLES, QUEUE, ITT, PROPBASE, PENDBASE = 0x4100_0000, 0x4120_0000, 0x4140_0000, 0x4160_0000, 0x4170_0000
GITS, LAST_SLOT = 0x0808_0000, 32_767
MANY_LPIS = range(8192, 8192 + 2048)
LITTLE_WORK = 20_000


@pytest.fixture
def little_work(monkeypatch):
    """As much work for 2,048 LPIs as there is for all 57,344 otherwise."""
    monkeypatch.setattr(its, "WORK_PER_ACCESS", LITTLE_WORK)


def machine_of(implementation, mapped=()):
    """Two CPUs with their LPIs on, a queue of 1 MiB, `mapped` LPIs of CPU 0."""
    machine = Machine(implementation, cpus=2)
    machine.memory.write(PROPBASE, b"\xa3" * (65536 - 8192))
    machine.write(GITS + 0x100, 1 << 63 | 2 << 8 | TABLES, 8)
    machine.write(GITS + 0x108, 1 << 63 | 2 << 8 | TABLES + 0x1_0000, 8)
    machine.write(GITS + 0x80, 1 << 63 | QUEUE | 255, 8)
    machine.write(GITS, 1, 4)
    for cpu in range(2):
        frame = 0x080A_0000 + cpu * 0x2_0000
        machine.write(frame + 0x70, PROPBASE | 15, 8)
        machine.write(frame + 0x78, PENDBASE + cpu * 0x1_0000, 8)
        machine.write(frame, 1, 4)
    machine.write(0x0800_0000, 2, 4)
    run(machine, [encode("MAPD", device=0, itt=ITT, size=16)])
    run(machine, [encode("MAPC", collection=cpu, target=cpu) for cpu in range(2)])
    run(machine, [encode("MAPTI", device=0, event=intid - 8192, intid=intid, collection=0) for intid in mapped])
    return machine


def queue(machine, commands):
    """Write the commands and GITS_CWRITER, once."""
    at = machine.its.cwriter & 0xF_FFE0
    size = machine.its.queue_bytes
    data = b"".join(commands)
    head = data[: size - at]
    machine.memory.write(QUEUE + at, head)
    machine.memory.write(QUEUE, data[len(head) :])
    machine.write(GITS + 0x88, (at + len(data)) % size, 8)


def finish(machine):
    """Read GITS_CREADR until it is at GITS_CWRITER, as a driver does; how often it was not."""
    waits = 0
    while machine.read(GITS + 0x90, 8) != machine.its.cwriter & 0xF_FFE0:
        waits += 1
    return waits


def run(machine, commands):
    queue(machine, commands)
    return finish(machine)


@pytest.mark.parametrize("implementation", EVERYWHERE)
def test_the_largest_queue_of_plain_commands_is_run_by_one_access(implementation):
    machine = machine_of(implementation, range(8192, 8200))
    before = machine.work
    queue(machine, [encode("INT", device=0, event=0)] * LAST_SLOT)
    assert machine.its.creadr == machine.its.cwriter
    assert LAST_SLOT * COMMAND_WORK <= machine.work - before <= WORK_PER_ACCESS


@pytest.mark.parametrize(
    ("implementation", "command"),
    [
        ("architecture", "INVALL"), ("architecture", "MOVALL"), ("qemu", "MOVALL"),
        ("kvm", "INVALL"), ("kvm", "MOVALL"), ("kvm", "MAPC"),
    ],
)  # fmt: skip
def test_a_queue_of_commands_that_go_through_every_lpi_takes_several_accesses(little_work, implementation, command):
    machine = machine_of(implementation, MANY_LPIS)
    run(machine, [encode("INT", device=0, event=intid - 8192) for intid in MANY_LPIS])
    commands = {
        "MOVALL": [encode("MOVALL", source=n % 2, target=1 - n % 2) for n in range(50)],
        "INVALL": [encode("INVALL", collection=0)] * 50,
        "MAPC": [encode("MAPC", collection=0, target=1 - n % 2) for n in range(50)],
    }[command]
    before = machine.work
    queue(machine, commands)
    assert LITTLE_WORK <= machine.work - before <= LITTLE_WORK + 3 * len(MANY_LPIS)
    assert machine.its.creadr != machine.its.cwriter
    assert finish(machine) > 0
    assert sum(machine.lpi(intid).pending for intid in (8192, MANY_LPIS[-1])) == 2, "what the commands did is done"


def test_an_unfinished_queue_goes_on_at_the_next_access_and_after_a_restore(little_work):
    machine = machine_of("kvm", MANY_LPIS)
    queue(machine, [encode("INVALL", collection=0)] * 40)
    left = []
    while machine.its.creadr != machine.its.cwriter:
        left.append(machine.its.creadr)
        state = machine.snapshot()
        machine.restore(state)
        machine.read(0x0800_0004, 4)
    assert len(left) > 2
    assert left == sorted(set(left)), "each access brings it forward"


def test_a_replay_stops_at_the_same_commands_whoever_listens(little_work):
    stops = []
    for listening in (False, True):
        machine = machine_of("qemu", MANY_LPIS)
        run(machine, [encode("INT", device=0, event=event) for event in range(2048)])
        commands = [encode("MOVALL", source=n % 2, target=1 - n % 2) for n in range(50)]
        if listening:
            machine.restore(machine.snapshot())
            with machine.listen() as heard:
                queue(machine, commands)
            assert any(isinstance(each, effects.QueueUnfinished) for each in heard)
        else:
            queue(machine, commands)
        assert machine.its.creadr != machine.its.cwriter
        stops.append(machine.its.creadr)
    assert stops[0] == stops[1]


@pytest.mark.parametrize("implementation", EVERYWHERE)
def test_a_step_tells_a_bounded_number_of_effects(implementation):
    machine = machine_of(implementation, MANY_LPIS)
    with machine.listen() as heard:
        queue(machine, [encode("INT", device=0, event=event) for event in range(2048)])
    assert EFFECTS_PER_STEP <= len(heard) <= EFFECTS_PER_STEP + 50
    told = sum(isinstance(each, effects.CommandRun) for each in heard)
    (more,) = (each for each in heard if isinstance(each, effects.CommandsRun))
    assert (told + more.count, more.ignored) == (2048, 0)
    with machine.listen() as heard:
        queue(machine, [encode("INVALL", collection=0), encode("MOVALL", source=0, target=1)])
        machine.write(0x080C_0000, 0, 4)
    assert len(heard) <= EFFECTS_PER_STEP + 50


def test_a_scan_tells_of_a_few_lpis_and_counts_the_others():
    machine = machine_of("qemu", range(8192, 8200))
    machine.memory.write(PENDBASE + 1024, b"\xff" * 7168)
    with machine.listen() as heard:
        run(machine, [encode("INV", device=0, event=0)])
    (scan,) = (each for each in heard if isinstance(each, effects.PendingTableScanned))
    assert (len(scan.found), scan.count) == (TOLD_LPIS, 65536 - 8192)
    assert sum(isinstance(each, effects.ConfigRead) for each in heard) == TOLD_LPIS


@pytest.mark.parametrize("implementation", EVERYWHERE)
def test_looking_at_many_lpis_asks_each_cpu_once_what_it_signals(monkeypatch, implementation):
    machine = machine_of(implementation, MANY_LPIS)
    run(machine, [encode("INT", device=0, event=event) for event in range(1024)])
    asked = []
    for interface in machine.cpu_interfaces:
        monkeypatch.setattr(
            interface, "signalled", lambda cpu=interface.cpu, ask=interface.signalled: asked.append(cpu) or ask()
        )
    counts = machine.lpi_counts()
    assert (counts.mapped, counts.pending, counts.enabled, counts.stale) == (2048, 1024, 2048, 0)
    assert not asked
    views = machine.lpis()
    assert asked == [0, 1]
    assert counts.pending == sum(view.pending for view in views)
    assert [view.state for view in views].count("pending") >= 1023


def test_a_movi_that_takes_a_pending_lpi_along_is_charged_for_it():
    machine = machine_of("qemu", range(8192, 8208))
    charged = []
    for commands in ([], [encode("INT", device=0, event=event) for event in range(16)]):
        run(machine, commands)
        for collection in (1, 0):
            before = machine.work
            run(machine, [encode("MOVI", device=0, event=event, collection=collection) for event in range(16)])
            charged.append(machine.work - before)
    quiet, pending = charged[:2], charged[2:]
    assert max(quiet) == 16 * COMMAND_WORK
    assert min(pending) >= 16 * (COMMAND_WORK + MOVE_WORK)
