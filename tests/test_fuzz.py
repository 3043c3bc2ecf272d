"""Whatever a stranger sends is read or refused: no reader raises what it does not document, no machine runs away.

The same inputs by the million: `python -m bench.fuzz --count 1000000 --seed 1`.
"""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.exchange.qemu_trace import parse as parse_trace
from app.gic import Machine
from app.gic.commands import COMMAND_BYTES
from app.registers import IMPLEMENTATION_NAMES
from app.scenario import LinkError, ScenarioError, links, parse, problems
from app.scenario.state_read import StateError, read_state
from bench import fuzz as fuzzing
from bench.fuzz import TARGETS, fuzz, shares
from bench.fuzz_machines import GITS, MOST_WORK, QUEUE, prepared
from bench.fuzzing import Target

FEW = settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
EACH = {
    "scenarios": 600,
    "links": 1_000,
    "traces": 1_000,
    "imports": 40,
    "states": 60,
    "queues": 150,
    "registers": 2_000,
}


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_nothing_that_is_sent_raises_what_is_not_documented(target):
    report = fuzz(target, EACH[target.name], seed=7)
    assert report.tried == EACH[target.name]
    assert not report.findings, report.findings[0]
    assert report.taken > report.tried / 20, "most of it is refused at the door: that tries little"


@FEW
@given(st.text())
def test_any_text_is_a_scenario_or_says_where_it_is_not(text):
    try:
        parse(text)
        line = 0
    except ScenarioError as error:
        line = error.line
    assert [found.line for found in problems(text)][:1] == ([line] if line else [])


@FEW
@given(st.one_of(st.text(), st.text(alphabet="ABCabc012-_")))
def test_characters_that_are_no_link_are_refused(payload):
    with pytest.raises(LinkError) as refused:
        links.unpack(payload)
    assert refused.value.advice


@FEW
@given(st.lists(st.one_of(st.text(), st.from_regex(r"gicv3_\w+ GICv3 .*", fullmatch=True)), max_size=5))
def test_any_lines_are_a_log(lines):
    assert len(list(parse_trace(lines))) == len(lines)


@FEW
@given(st.one_of(st.binary(), st.recursive(st.none() | st.integers() | st.text(), st.lists).map(str)))
def test_any_bytes_are_a_state_or_are_refused(data):
    with pytest.raises(StateError):
        read_state(data)


@FEW
@given(
    st.sampled_from(IMPLEMENTATION_NAMES),
    st.binary(min_size=COMMAND_BYTES, max_size=8 * COMMAND_BYTES),
    st.integers(0, (1 << 64) - 1),
)
def test_any_bytes_are_a_command_queue(implementation, data, writer):
    machine = prepared(random.Random(1)) if implementation == "kvm" else Machine(implementation)
    machine.memory.write(QUEUE, data)
    machine.write(GITS + 0x88, writer, 8)
    machine.write(GITS + 0x88, len(data) // COMMAND_BYTES * COMMAND_BYTES, 8)
    assert machine.work <= MOST_WORK


def test_the_same_seed_draws_the_same_inputs():
    for target in TARGETS:
        one, other = (target.start(random.Random("1:x:0")) for _ in range(2))
        assert [one.draw() for _ in range(5)] == [other.draw() for _ in range(5)]


def test_every_target_gets_its_share():
    counts = shares(1_000_000, TARGETS)
    assert sum(counts.values()) >= 1_000_000
    assert set(counts) == {target.name for target in TARGETS}


class Broken:
    """A reader with a fault."""

    def __init__(self, chance):
        self.chance = chance

    def draw(self):
        return self.chance.randrange(10)

    def run(self, given):
        return 1 // given > 0


def test_a_fault_is_found_and_told_with_its_input(monkeypatch, capsys):
    broken = Target("broken", 1, Broken)
    report = fuzz(broken, 50, seed=1)
    assert report.findings
    assert all(finding.given == "0" and "ZeroDivisionError" in finding.what for finding in report.findings)
    monkeypatch.setattr(fuzzing, "TARGETS", (broken,))
    assert fuzzing.main(["--count", "50"]) == 1
    assert "ZeroDivisionError" in capsys.readouterr().out
