"""Scenarios on a machine with two Security states: played, exported, linked, moved, and set beside one state."""

import json
from pathlib import Path

import pytest

from app.engines import model
from app.exchange import writers
from app.gic import Machine
from app.scenario import MachineSpec, Player, format_scenario, links, parse
from app.scenario.runner import run
from tests.scenario.looks import look

TEXT = (Path(__file__).parent / "data" / "two-security-states.gic").read_text(encoding="utf-8")
SECURE_STATE = "machine implementation=architecture security=2\n"


def played(text):
    scenario = parse(text)
    player = Player(scenario.machine)
    return player, [player.apply(op) for op in scenario.operations]


def test_the_views_are_banked_and_shifted():
    outcome = run(parse(TEXT))
    assert (len(outcome.asked), outcome.failed) == (23, 0)
    assert not [item.step.refused for item in outcome.played if item.step.refused]


def test_without_secure_accesses_the_same_lines_do_not_hold():
    outcome = run(parse(TEXT.replace(" secure=1", "").replace("security=2", "security=2", 1)))
    assert outcome.failed > 5


def test_the_scenario_is_written_as_it_is_read():
    assert format_scenario(parse(TEXT)) == TEXT
    assert links.unpack(links.pack(parse(TEXT))).scenario() == parse(TEXT)


@pytest.mark.parametrize("name", ["kvm", "kvm-before-5.6", "qemu"])
def test_on_one_security_state_what_is_not_there_is_said(name):
    assert parse(TEXT).machine.on(name) == MachineSpec(name)
    for outcome in (run(parse(TEXT), name), model.run(parse(TEXT), name)):
        first = outcome.played[0].step
        assert "EnableGrp1NS=1" in first.text
        assert "GICD_CTLR has no field EnableGrp1NS" in first.refused
        missing = next(
            item.step for item in outcome.played if item.step.text.startswith("expect GICD_CTLR.EnableGrp1S")
        )
        assert (missing.expectation.passed, missing.expectation.got_text) == (False, "nothing")


def test_on_its_own_implementation_two_states_stay():
    assert parse(TEXT).machine.on("architecture").security == 2
    assert model.run(parse(TEXT), "architecture").failed == 0


def test_a_field_that_is_not_there_is_no_failure_where_it_is_not_asked():
    line = "expect GICD_CTLR.EnableGrp1S == 0 on=architecture secure=1\n"
    [item] = run(parse(SECURE_STATE + line), "kvm").played
    assert (item.step.expectation.asked, item.step.expectation.passed, item.step.refused) == (False, True, "")


def test_a_read_modify_write_lays_fields_over_what_its_own_state_reads():
    _, steps = played(
        SECURE_STATE + "write GICD_CTLR EnableGrp0=1 secure=1\nwrite GICD_CTLR EnableGrp1S=1 secure=1\n"
        "write ICC_CTLR_EL1@0 EOImode=1 secure=1\nwrite ICC_CTLR_EL1@0 CBPR=1 secure=1\n"
        "expect GICD_CTLR == 0x35 secure=1\n"
        "read ICC_CTLR_EL1@0.EOImode secure=1\nread ICC_CTLR_EL1@0.EOImode\n"
    )
    assert steps[4].expectation.passed
    assert [step.value for step in steps[5:]] == [1, 0]


def test_migration_keeps_both_states():
    text = TEXT.replace("# Each state", "migrate order=documented\n# Each state")
    assert text != TEXT
    assert run(parse(text)).failed == 0


def test_exported_python_makes_the_same_accesses():
    names = {}
    exec(compile(writers.write(parse(TEXT), "python").text, "exported.py", "exec"), names)
    assert isinstance(names["machine"], Machine)
    assert look(names["machine"]) == look(played(TEXT)[0].machine)


def test_exported_json_says_which_accesses_are_secure():
    document = json.loads(writers.write(parse(TEXT), "json").text)
    assert document["machine"]["security"] == 2
    lines = [line for line in document["lines"] if "operation" in line]
    for line in lines:
        secure = line["text"].endswith("secure=1")
        assert line["operation"].get("secure", False) is secure
        assert all(access.get("secure", False) is secure for access in line.get("accesses", ()))
    assert sum(access.get("secure", False) for line in lines for access in line.get("accesses", ())) > 10


@pytest.mark.parametrize(
    ("form", "why"), [("qtest", "qtest makes Non-secure accesses"), ("c", "the export runs in Non-secure state")]
)
def test_tools_without_secure_accesses_leave_them_out(form, why):
    written = writers.write(
        parse(SECURE_STATE + "write GICD_IGROUPR1 0x1234 secure=1\nwrite GICD_ISENABLER1 0x5678\n"), form
    )
    assert "0x1234" not in written.text.replace("/* write GICD_IGROUPR1 0x1234 secure=1 */", "")
    assert "0x5678" in written.text
    (told,) = [remark for remark in written.remarks if why in remark]
    assert told.startswith("line 2: ")


def test_exported_c_does_not_compare_what_it_could_not_read():
    text = SECURE_STATE + "read GICD_TYPER\nexpect value == 1\nread GICD_CTLR secure=1\nexpect value == 2\n"
    written = writers.write(parse(text), "c")
    assert 'EXPECT("value == 1"' in written.text.replace("expect value", "value")
    assert "line 5: bare metal cannot see what it expects" in written.remarks
