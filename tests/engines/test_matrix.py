"""The matrix: each row's scenario shows what the row says, on each implementation, and fails where the behaviour is
another's."""

import itertools

import pytest

from app.engines.explain import REGISTERS
from app.engines.matrix import FOLDER, rows
from app.engines.sides import answers_of
from app.gic import IMPLEMENTATIONS
from app.gic.implementations import STRATEGIES
from app.gic.register_differences import SAID_ELSEWHERE
from app.scenario.runner import answer, run

NAMES = tuple(IMPLEMENTATIONS)
# The one whose code asks each behaviour that parts it from those after it: the one to change.
RICHEST_FIRST = ("kvm", "kvm-before-5.6", "architecture", "qemu")
# A table at address 0: KVM ignores the command, QEMU does it and its writes are lost. Only a stall shows.
ALIKE_OUTSIDE = {"table_in_flash"}
ROWS = {row.key: row for row in rows()}


def swapped(row):
    """The fields of Implementation that make this row."""
    if row.registers:
        return (REGISTERS,)
    key = row.follows or row.key
    in_the_map = key in SAID_ELSEWHERE.values() or row.key == "enable_without_its"
    return (key, REGISTERS) if in_the_map else (key,)


@pytest.mark.parametrize("key", ROWS)
def test_the_scenario_of_a_row_holds_on_each_implementation(key):
    for name in NAMES:
        played = run(ROWS[key].scenario, name)
        assert played.asked, f"nothing is asked of {name}"
        assert [outcome.got_text for outcome in played.asked if not outcome.passed] == [], name


@pytest.mark.parametrize("key", [key for key, row in ROWS.items() if row.differs])
def test_the_scenario_of_a_row_fails_where_the_behaviour_is_anothers(key):
    row, caught = ROWS[key], []
    for mine, other in itertools.combinations(RICHEST_FIRST, 2):
        if not row.parts(mine, other):
            continue
        made = IMPLEMENTATIONS[mine].with_behaviours(IMPLEMENTATIONS[other], *swapped(row))
        if not made.fits_together:
            made = IMPLEMENTATIONS[mine].with_behaviours(IMPLEMENTATIONS[other], *STRATEGIES, *swapped(row))
        scenario = row.scenario
        answers = answers_of(scenario.operations, made, scenario.machine.on(mine))
        caught.append(any(answer.passed is False for answer in answers))
    assert any(caught)


@pytest.mark.parametrize("key", ROWS)
def test_what_a_row_calls_different_shows(key):
    row = ROWS[key]
    seen = {name: [answer(item.step) for item in run(row.scenario, name).played] for name in NAMES}
    for one, other in itertools.combinations(NAMES, 2):
        if row.parts(one, other) and key not in ALIKE_OUTSIDE:
            assert seen[one] != seen[other], (one, other)


def test_no_scenario_is_left_without_its_row():
    shipped = {path.stem.replace("-", "_") for path in FOLDER.glob("*.gic")}
    assert shipped <= set(ROWS)


def test_each_row_says_what_each_implementation_does_and_how_that_is_known():
    for row in rows():
        assert set(row.values) == set(NAMES), row.key
        assert all(value.meaning and value.cite for value in row.values.values()), row.key
        assert row.scenario.title, row.key
        assert bool(row.allowed) <= bool(row.status), row.key
