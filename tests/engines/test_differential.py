"""Random scenarios on our model of QEMU and on a real one; a difference that is found becomes its shortest scenario."""

from dataclasses import replace

import pytest

from app.engines.compare import compare
from app.engines.model import LIVE_QEMU
from app.engines.qemu import QemuMachine
from app.exchange.qtest import SPIS
from app.gic import IMPLEMENTATIONS, Machine
from app.gic.its_behaviours import StalledBit, TableFaults
from app.scenario.format import format_scenario
from app.scenario.operations import Poke, Read, RegisterRef, Write
from app.scenario.parse import parse
from app.scenario.player import Player
from bench.differential.__main__ import main
from bench.differential.draws import SHAPES
from bench.differential.find import found_in, written
from bench.differential.generator import generate
from bench.differential.pair import Pair
from bench.differential.shrink import shrink

SCENARIOS = 200


@pytest.mark.live
def test_two_hundred_random_scenarios_show_no_difference():
    with Pair() as pair:
        for seed in range(1, SCENARIOS + 1):
            scenario = generate(seed)
            if pair.difference(scenario.machine, scenario.operations) is not None:
                pytest.fail(written(found_in(pair, scenario)))


def otherwise(**behaviours):
    """Our model of QEMU with one behaviour of somebody else's."""
    other = replace(IMPLEMENTATIONS["qemu"], **behaviours)
    return lambda spec: Machine(other, cpus=spec.cpus, spis=SPIS, its=spec.its, ram_mib=spec.ram_mib)


@pytest.mark.live
@pytest.mark.parametrize(
    ("behaviour", "shape", "longest"),
    [
        ({"table_faults": TableFaults.IGNORED}, "tables", 8),
        ({"stalled_bit": StalledBit.ON_RETRY}, "queue", 16),
    ],
)
def test_a_model_with_another_behaviour_is_found_and_its_scenario_shrunk(behaviour, shape, longest):
    with Pair(otherwise(**behaviour)) as pair:
        scenarios = (generate(seed, shape) for seed in range(1, 60))
        scenario = next(each for each in scenarios if pair.difference(each.machine, each.operations) is not None)
        found = found_in(pair, scenario)
        read_again = parse(written(found))
        assert read_again.operations == found.scenario.operations
        assert len(found.scenario.operations) <= longest
        again = pair.difference(read_again.machine, read_again.operations)
        assert again is not None
        assert again.ours != again.real
    # Our model as it is answers as the real one: nothing else than the behaviour was found.
    assert not compare(read_again, ("qemu", LIVE_QEMU), explain=False).divergences


@pytest.mark.live
def test_a_reset_qemu_answers_as_a_fresh_one():
    with Pair() as pair:
        for seed in (1, 2, 3):
            scenario = generate(seed)
            spec = replace(scenario.machine, cpus=2)
            operations = [
                op for op in scenario.operations if getattr(getattr(op, "target", None), "cpu", None) in (None, 0, 1)
            ]
            pair.difference(spec, operations)  # leaves it in any state
            reset = Player(spec, pair.real(spec))
            with QemuMachine(spec.cpus, spec.ram_mib, its=spec.its, trace=True) as machine:
                assert machine.ram_image() == reset.machine.ram_image()
                fresh = Player(spec, machine)
                for operation in operations:
                    assert _answer(reset, operation) == _answer(fresh, operation)
                assert machine.ram_image() == reset.machine.ram_image()


def _answer(player, operation):
    step = player.apply(operation)
    return step.value, step.refused, [player.machine.hppi(cpu) for cpu in range(player.spec.cpus)]


def test_a_seed_is_one_scenario_and_its_text_says_all_of_it():
    for seed, shape in enumerate(sorted(SHAPES), 1):
        scenario = generate(seed, shape)
        assert scenario == generate(seed, shape)
        assert scenario != generate(seed + 100, shape)
        assert parse(format_scenario(scenario)).operations == scenario.operations


def test_shrinking_keeps_only_what_is_needed():
    needed = [Write(RegisterRef("GICD_CTLR"), 3), Poke(0x4020_0000, b"\xa1\xff"), Read(RegisterRef("GICD_TYPER"))]
    noise = [Read(RegisterRef(f"GICD_IPRIORITYR{number}")) for number in range(40)]
    asked = []

    def holds(operations):
        asked.append(len(operations))
        wanted = iter(operations)
        return (
            any(isinstance(each, Write) and each.value & 2 for each in wanted)
            and any(isinstance(each, Poke) and each.data[:1] == b"\xa1" for each in wanted)
            and any(each == needed[2] for each in wanted)
        )

    operations = [*noise[:13], needed[0], *noise[13:20], needed[1], *noise[20:], needed[2], *noise[:5]]
    assert shrink(operations, holds) == [Write(RegisterRef("GICD_CTLR"), 2), Poke(0x4020_0000, b"\xa1"), needed[2]]
    assert len(asked) < 150
    few = shrink(operations, holds, tries=5)
    assert holds(few)


@pytest.mark.live
def test_the_command_tells_how_much_it_compared(capsys):
    assert main(["--count", "2", "--seed", "7", "--shape", "wired"]) == 0
    assert "no difference in 2 scenarios (seeds 7 to 8)" in capsys.readouterr().out


def test_the_command_without_qemu_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr("app.engines.qtest.PROGRAM", "qemu-system-none")
    assert main(["--count", "1"]) == 2
    assert "apt-get install qemu-system-arm" in capsys.readouterr().err
