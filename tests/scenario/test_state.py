"""A machine as a file: exact for every implementation, and nothing that is not one is taken."""

import base64
import json
import random
import zlib
from dataclasses import asdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.gic import IMPLEMENTATIONS
from app.scenario import Player, parse
from app.scenario.scenario import MachineSpec
from app.scenario.state import state_text
from app.scenario.state_read import LONGEST_JSON, StateError, loaded_state, packed_state, read_state, unpacked_state
from app.scenario.state_schema import schema
from tests.scenario.strategies import SPEC, operations
from tests.scenario.test_laboratory import SOURCE

EVERY = sorted(IMPLEMENTATIONS)


def snapshot(machine):
    state = asdict(machine.snapshot())
    state["make"] = state["make"][0]
    return state


def played(name, more=""):
    scenario = parse(SOURCE.format(name=name) + more)
    player = Player(scenario.machine)
    for op in scenario.operations:
        player.advance(op)
    return player


@settings(max_examples=25, deadline=None)
@given(name=st.sampled_from(EVERY), ops=st.lists(operations, max_size=12), later=st.lists(operations, max_size=4))
def test_a_file_of_any_machine_makes_the_same_machine(name, ops, later):
    player = played(name)
    player = Player(SPEC.on(name)) if random.Random(len(ops)).random() < 0.3 else player
    for op in ops:
        player.advance(op)
    text = state_text(player.machine, player.spec)
    spec, machine = read_state(text)
    assert spec == MachineSpec(name, player.spec.cpus, player.spec.spis, player.spec.its, player.spec.ram_mib)
    assert machine.snapshot() == player.machine.snapshot()
    assert state_text(machine, spec) == text
    other = Player(player.spec, machine)
    for op in later:
        ours, theirs = player.apply(op), other.apply(op)
        assert (ours.value, ours.refused, ours.effects) == (theirs.value, theirs.refused, theirs.effects)
    assert player.machine.snapshot() == other.machine.snapshot()


@pytest.mark.parametrize("name", EVERY)
def test_what_is_pending_queued_mapped_and_active_is_in_it(name):
    player = played(name, "ack @1\nits MOVI device=2 event=2 collection=1\nits INV device=2 event=0\nirq 40 level=1\n")
    spec, machine = read_state(state_text(player.machine, player.spec))
    assert machine.snapshot() == player.machine.snapshot()
    assert machine.pending_lpis() == player.machine.pending_lpis()
    assert machine.lpis() == player.machine.lpis()
    assert machine.queue() == player.machine.queue()
    assert spec == player.spec


def test_a_machine_with_two_security_states():
    scenario = parse("machine implementation=architecture security=2\nwrite GICD_CTLR 0x37 secure=1\n")
    player = Player(scenario.machine)
    for op in scenario.operations:
        player.advance(op)
    _, machine = read_state(state_text(player.machine, player.spec))
    assert machine.snapshot() == player.machine.snapshot()
    assert machine.two_states


def changed(path, value):
    """The file of a KVM machine with one thing in it replaced; `value` None takes it out."""
    player = played("kvm")
    data = json.loads(state_text(player.machine, player.spec))
    place = data
    for part in path[:-1]:
        place = place[part]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return json.dumps(data)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (["format"], "vmstate", '"format" is not "giclab-state"'),
        (["version"], 2, "version 2, this giclab reads version 1"),
        (["extra"], 1, "extra"),
        (["machine", "implementation"], "gem5", "no implementation 'gem5'"),
        (["machine", "cpus"], 33, "machine.cpus"),
        (["machine", "cpus"], 3, "not as many as this machine has"),
        (["machine", "ram_mib"], 1, "is no page of RAM"),
        (["machine", "security"], 2, "kvm has one Security state"),
        (["registers", "GICR_CTLR@7"], "0x1", "no register GICR_CTLR@7"),
        (["registers", "GICD_CTLR"], "0x1ffffffff", "does not fit 32 bits"),
        (["registers", "GICD_CTLR"], 7, "registers.GICD_CTLR"),
        (["registers", "GICD_CTLR"], "0x" + "f" * 5000, "registers.GICD_CTLR"),
        (["memory", 0, "address"], "0x40000001", "is no page of RAM"),
        (["memory", 0, "data"], "AAAA", "3 bytes, a page has 4096"),
        (["memory", 0, "data"], "!" * 400, "not base64"),
        (["lpis"], {}, "lpis.kernel: is missing"),
        (["lpis", "kernel", 0, "target"], 9, "targets CPU 9"),
        (["lpis", "kernel", 0, "intid"], 3, "lpis.kernel.0.intid"),
        (["its", "kernel", "devices", 0, "events", 0, "intid"], 9999, "do not fit together"),
        (["its", "kernel", "devices", 0, "events", 0, "icid"], 77, "do not fit together"),
        (["its", "kernel", "collections", 0, "target"], 5, "targets a CPU that is not there"),
        (["its", "kernel"], None, "its.kernel: is missing"),
        (["list_registers", "lists", 0], [8192, 8194, 40], "the lists hold more than is queued"),
        (["list_registers", "queued", 0, "cpu"], 1, "queued for a list that does not hold it"),
        (["interfaces"], [], "not as many"),
        (["interfaces", 0, "bpr"], [1], "not as many"),
        (["lines", "spis"], [0], "not as many"),
    ],
)
def test_a_file_that_was_tampered_with_is_refused_and_says_where(path, value, said):
    with pytest.raises(StateError, match=r"(?s).*") as refused:
        read_state(changed(path, value))
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "\0",
        '{"a": 1}',
        "[" * 100_000,
        '{"format": "giclab-state"}',
        "NaN",
        "\ud800",
        " " * (LONGEST_JSON + 1),
    ],
)
def test_what_is_no_state_is_refused(text):
    with pytest.raises(StateError):
        read_state(text)


def test_any_cut_of_a_file_is_refused():
    player = played("kvm")
    text = state_text(player.machine, player.spec)
    for end in range(0, len(text) - 2, 97):
        with pytest.raises(StateError):
            read_state(text[:end])


def test_in_one_word_and_back():
    player = played("qemu")
    text = state_text(player.machine, player.spec)
    word = packed_state(text)
    assert unpacked_state(word).decode() == text
    assert loaded_state(word)[1] == player.machine.snapshot()
    for wrong in (
        word[:-9],
        word + "AAAA",
        "!",
        "",
        base64.urlsafe_b64encode(zlib.compress(b" " * (LONGEST_JSON + 1))).decode(),
    ):
        with pytest.raises(StateError):
            unpacked_state(wrong)


def test_the_schema_is_the_models():
    found = schema()
    assert found["properties"]["version"]["const"] == 1
    assert set(found["required"]) >= {"format", "version", "machine", "registers"}
    assert found["additionalProperties"] is False


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("entry_bytes", (1 << 52) - 1), ("entry_bytes", 0), ("page_bytes", 1 << 40), ("page_bytes", 0),
        ("entries", 1 << 60), ("base", 1 << 63),
    ],
)  # fmt: skip
def test_a_table_that_no_register_can_describe_is_refused_before_it_is_walked(name, value):
    player = played("qemu")
    state = json.loads(state_text(player.machine, player.spec))
    state["its"]["tables"][0][name] = value
    with pytest.raises(StateError, match=r"its\.tables"):
        read_state(json.dumps(state))
