"""Going to any step: exact, bounded in memory, and not slower for a longer log."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.scenario import MachineSpec, Player, Timeline, parse_line
from app.scenario import timeline as module
from tests.scenario.looks import look
from tests.scenario.strategies import SPEC, operations

SETUP = [
    "poke 0x40200003 a1",
    "write GICR_PROPBASER@0 Physical_Address=0x40200000 IDbits=15",
    "write GICR_PENDBASER@0 Physical_Address=0x40210000",
    "write GICD_CTLR EnableGrp1=1",
    "write ICC_PMR_EL1@0 0xff",
    "write ICC_IGRPEN1_EL1@0 1",
    "write GICR_CTLR@0 EnableLPIs=1",
    "its MAPD device=2 itt=0x40300000 size=5",
    "its MAPC collection=0 target=0",
    "its MAPTI device=2 event=20 intid=8195 collection=0",
]
TURN = ["msi device=2 event=20", "ack @0", "eoi @0 8195", "poke 0x40200003 a1", "its INV device=2 event=20"]


def ops(count):
    lines = [*SETUP, *TURN * (count // len(TURN) + 1)]
    return [parse_line(line) for line in lines[:count]]


@pytest.mark.parametrize("implementation", ["architecture", "kvm", "qemu"])
def test_any_step_is_what_playing_up_to_it_gives(implementation):
    spec = MachineSpec(implementation)
    log = ops(200)
    timeline = Timeline(spec, log)
    for step in (200, 0, 1, 17, 150, 33, 32, 31, 64, 199, 200):
        player = Player(spec)
        for op in log[:step]:
            player.advance(op)
        assert look(timeline.at(step)) == look(player.machine), step


def test_a_step_tells_the_same_later_as_when_it_was_played():
    log = ops(120)
    played, loaded = Timeline(MachineSpec()), Timeline(MachineSpec(), log)
    steps = [played.append(op) for op in log]
    for number in (120, 1, 11, 12, 64, 65, 13, 90):
        assert loaded.step(number) == steps[number - 1]
        assert played.step(number) == steps[number - 1]


def test_looking_at_the_past_does_not_disturb_the_present():
    timeline = Timeline(MachineSpec(), ops(11))
    before = look(timeline.at(11))
    timeline.at(3)
    assert timeline.step(5).seq == 5
    assert look(timeline.at(11)) == before
    assert timeline.append(parse_line("ack @0")).value == 8195


def test_what_the_last_read_returned_survives_going_back():
    timeline = Timeline(MachineSpec(), ops(11))
    timeline.append(parse_line("ack @0"))
    for _ in range(40):
        timeline.append(parse_line("note nothing"))
    timeline.append(parse_line("expect value == 8195"))
    assert timeline.step(len(timeline)).expectation.passed
    timeline.at(2)
    timeline._steps.clear()
    assert timeline.step(len(timeline)).expectation.passed


def test_a_fork_is_independent():
    timeline = Timeline(MachineSpec(), ops(100))
    fork = timeline.fork(70)
    assert (len(fork), len(timeline)) == (70, 100)
    fork.append(parse_line("poke 0x40000000 ff"))
    assert fork.at(71).memory.read(0x4000_0000, 1) == b"\xff"
    assert timeline.at(100).memory.read(0x4000_0000, 1) == b"\0"
    assert timeline.at(71).memory.read(0x4000_0000, 1) == b"\0"
    assert look(fork.at(40)) == look(timeline.at(40))


def test_migration_is_a_step_like_any_other():
    log = [*ops(11), *(parse_line(line) for line in ("save pending-tables", "save its-tables", "migrate", "ack @0"))]
    timeline = Timeline(MachineSpec(), log)
    assert timeline.step(15).value == 8195
    assert timeline.at(10).memory.read(0x4021_0400, 1) == b"\0"
    assert timeline.at(12).memory.read(0x4021_0400, 1) == b"\x08"
    assert timeline.at(14).memory.read(0x4021_0400, 1) == b"\0"
    assert timeline.step(15).value == 8195


@pytest.mark.parametrize("step", [-1, 12])
def test_a_step_that_does_not_exist_is_an_index_error(step):
    timeline = Timeline(MachineSpec(), ops(11))
    with pytest.raises(IndexError, match="of 11"):
        timeline.at(step)
    with pytest.raises(IndexError):
        timeline.fork(step)
    with pytest.raises(IndexError):
        timeline.step(max(step, 0))


def test_checkpoints_are_bounded_and_thin_out(monkeypatch):
    monkeypatch.setattr(module, "MOST_CHECKPOINTS", 8)
    log = ops(1000)
    timeline = Timeline(MachineSpec(), log)
    assert len(timeline._checkpoints) <= 8
    assert timeline.interval >= 1000 // 8
    player = Player(MachineSpec())
    for op in log[:777]:
        player.advance(op)
    assert look(timeline.at(777)) == look(player.machine)


@settings(max_examples=25, deadline=None)
@given(st.lists(operations, max_size=60), st.data())
def test_going_anywhere_in_any_log_is_exact(log, data):
    timeline = Timeline(SPEC, log)
    step = data.draw(st.integers(0, len(log)))
    player = Player(SPEC)
    for op in log[:step]:
        player.apply(op)
    assert look(timeline.at(step)) == look(player.machine)


def test_any_step_of_ten_thousand_is_near_a_checkpoint(monkeypatch):
    timeline = Timeline(MachineSpec(), ops(10_000))
    played = []
    monkeypatch.setattr(Player, "apply", lambda player, op, apply=Player.apply: played.append(op) or apply(player, op))
    for number in range(0, 10_000, 97):
        played.clear()
        timeline.at(number * 7919 % 10_000)
        assert len(played) < 64  # 10,000 / MOST_CHECKPOINTS, rounded up to FIRST_INTERVAL times a power of two


def test_steps_with_many_effects_are_kept_only_as_far_as_there_is_room(monkeypatch):
    monkeypatch.setattr(module, "MOST_EFFECTS_KEPT", 10)
    timeline = Timeline(MachineSpec())
    steps = [timeline.append(parse_line("write GICR_CTLR@0 EnableLPIs=1")) for _ in range(12)]
    played = []
    monkeypatch.setattr(Player, "apply", lambda player, op, apply=Player.apply: played.append(op) or apply(player, op))
    assert timeline.step(12) is steps[-1]
    assert not played
    assert timeline.step(1).effects == steps[0].effects
    assert len(played) == 1, "it was played again"
