"""`giclab diff A B`: what the two may be, what is printed, and how it ends."""

import gzip
import json

import pytest
from typer.testing import CliRunner

from app.cli import cli
from app.scenario import links, parse

TEXT = """title   Differs
machine implementation=kvm-before-5.6 cpus=2
write   GICR_PENDBASER@0 0x4000000040210000 width=64
write   GICD_ISENABLER1 0x100
poke    0x48000000 aa
"""
TRACE = "".join(
    f"gicv3_dist_write GICv3 distributor write: offset 0x{0x104:x} data 0x{bit:x} size 4 secure 0\n" for bit in (1, 2)
)


def run(*arguments, **options):
    return CliRunner().invoke(cli, ["diff", *map(str, arguments)], **options)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "one.gic"
    path.write_text(TEXT)
    return path


@pytest.fixture
def other(tmp_path):
    path = tmp_path / "other.gic"
    path.write_text(TEXT.replace("-before-5.6", ""))
    return path


def test_two_scenarios_differ_in_a_field_a_line(file, other):
    done = run(file, other)
    assert done.exit_code == 1
    assert done.stdout.splitlines() == [
        f"--- {file}, step 3 of 3, on kvm-before-5.6",
        f"+++ {other}, step 3 of 3, on kvm",
        "machine",
        "  implementation  kvm-before-5.6 -> kvm",
        "registers",
        "  GICR_PENDBASER@0  PTZ  1 (Yes) -> 0 (No)  (kept as 1 in both, a read of one shows it)",
        "2 differences",
    ]


def test_two_steps_of_one_scenario(file):
    done = run(f"{file}@1", f"{file}@3")
    assert done.exit_code == 1
    assert done.stdout.splitlines()[2:] == [
        "registers",
        "  GICD_ISENABLER1  Set_enable_bit8  0 (Disabled) -> 1 (Enabled)  (INTID 40; also GICD_ICENABLER1)",
        "RAM",
        "  0x48000000  1 byte",
        "    - 00",
        "    + aa",
        "2 differences",
    ]


def test_nothing_that_differs_is_said_and_ends_with_0(file):
    done = run(file, f"{file}@3")
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "no difference")


def test_they_are_played_where_they_are_asked_to_be(file, other):
    assert run(file, other, "--on", "kvm").exit_code == 0
    assert "implementation  kvm -> qemu" in run(file, other, "--on", "kvm", "--on", "qemu").stdout
    refused = run(file, other, "--on", "kvm", "--on", "qemu", "--on", "architecture")
    assert (refused.exit_code, "at most twice" in refused.stderr) == (2, True)


def test_as_json_it_is_the_same(file):
    done = run(f"{file}@1", file, "--json")
    told = json.loads(done.stdout)
    assert done.exit_code == 1
    assert (told["same"], told["differences"], told["says"]) == (False, 2, "2 differences")
    assert told["a"] == {"name": str(file), "implementation": "kvm-before-5.6", "cpus": 2, "step": 1, "steps": 3}
    [register] = told["registers"]["rows"]
    assert (register["register"], register["a"], register["b"], register["b_text"]) == (
        "GICD_ISENABLER1",
        0,
        256,
        "0x100",
    )
    assert register["fields"][0]["note"] == "INTID 40"
    assert told["memory"]["rows"] == [
        {"address": 0x48000000, "address_text": "0x48000000", "length": 1, "a": "00", "b": "aa", "where": ""}
    ]


def test_a_saved_state_is_compared_with_the_scenario_that_it_is_of(file, tmp_path):
    state = tmp_path / "state.json"
    state.write_text(CliRunner().invoke(cli, ["export", str(file), "--to", "state"]).stdout)
    assert run(state, file).exit_code == 0
    done = run(state, f"{file}@2")
    assert done.stdout.splitlines()[:2] == [
        f"--- {state}, on kvm-before-5.6",
        f"+++ {file}, step 2 of 3, on kvm-before-5.6",
    ]
    assert done.exit_code == 1


def test_a_state_as_debugfs_prints_it_is_imported(file, tmp_path):
    text = tmp_path / "vgic-state"
    text.write_text(CliRunner().invoke(cli, ["export", str(file), "--to", "vgic-state"]).stdout)
    done = run(text, file, "--on", "kvm")
    assert "GICD_ISENABLER1" not in done.stdout, "the import has its enable bit"
    assert "GICR_PENDBASER@0" in done.stdout, "and debugfs does not tell where the tables are"


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_two_imports_and_the_steps_of_one(tmp_path, pack):
    log, shorter = tmp_path / "trace.log", tmp_path / "shorter.log"
    log.write_bytes(pack(TRACE.encode()))
    shorter.write_bytes(pack(TRACE.splitlines()[0].encode()))
    done = run(shorter, log)
    assert "  GICD_ISENABLER1  Set_enable_bit1  0 (Disabled) -> 1 (Enabled)" in done.stdout
    assert f"+++ {log}, step 2 of 2, on qemu" in done.stdout
    assert run(f"{log}@1", shorter).exit_code == 0


def test_standard_input_may_be_one_of_them(file):
    assert run(file, "-", input=TEXT).exit_code == 0
    assert run("--", "-@1", f"{file}@1", input=TEXT).exit_code == 0
    refused = run("--", "-@1", "-", input=TEXT)
    assert (refused.exit_code, "one of the two only" in refused.stderr) == (2, True)


def test_a_link_is_a_scenario_with_its_step_and_implementation(file):
    payload = links.pack(parse(TEXT), step=2)
    assert run(f"https://giclab.example/x/{payload}", f"{file}@2").exit_code == 0
    assert run(f"/x/{payload}?step=3", file).exit_code == 0
    assert run(f"/x/{payload}@1", f"{file}@1").exit_code == 0
    assert run(f"/x/{payload}?on=kvm", f"{file}@2", "--on", "kvm").exit_code == 0
    assert "on qemu" in run(f"/x/{payload}?on=qemu", file).stdout


def test_all_are_printed_if_that_is_asked_for(tmp_path):
    bare, written = tmp_path / "bare.gic", tmp_path / "written.gic"
    bare.write_text("machine implementation=kvm\n")
    written.write_text(
        "machine implementation=kvm\n" + "".join(f"poke {0x48000000 + 64 * n:#x} 01\n" for n in range(320))
    )
    assert "  and 20 more ranges" in run(bare, written).stdout
    every = run(bare, written, "--all").stdout
    assert ("more ranges" in every, every.count("    + 01"), every.splitlines()[-1]) == (False, 320, "320 differences")


def test_a_file_whose_name_ends_like_a_step_is_that_file(tmp_path):
    named = tmp_path / "state@2"
    named.write_text(TEXT)
    assert run(named, f"{named}@3").exit_code == 0


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("bad.gic", "machine implementation=kvm\nwrite GICD_NOTHING 1\n", "bad.gic:2:7: unknown register"),
        ("log.txt", "hello\n", "neither a scenario nor something to import"),
        ("empty", "", "there is nothing in it"),
        ("foreign.json", '{"a": 1}', 'not a machine\'s state: "format" is not "giclab-state"'),
        ("cut.json", '{"format": "giclab-state"', "not JSON"),
        ("binary", "\0\1\2", "no text"),
    ],
)
def test_what_cannot_be_read_is_said_and_nothing_else(file, tmp_path, name, content, says):
    bad = tmp_path / name
    bad.write_text(content)
    for pair in ((file, bad), (bad, file)):
        done = run(*pair)
        assert (done.exit_code, done.stdout) == (2, "")
        assert says in done.stderr
        assert name in done.stderr


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ("one.gic@4", "there is no step 4, it has 3"),
        ("nothing.gic", "No such file"),
        ("/s/abcdef", "its page /diff compares them"),
        ("https://giclab.example/l/abc", "its page /diff compares them"),
        ("/x/AAAA", "the link is cut off"),
        (f"/x/{links.pack(parse(TEXT))}?on=vax", "no implementation 'vax'"),
        (f"/x/{links.pack('machine implementation=vax')}", "vax"),
        (".", "Is a directory"),
    ],
)
def test_a_name_that_leads_nowhere_is_said(file, monkeypatch, named, says):
    monkeypatch.chdir(file.parent)
    done = run(named, "one.gic")
    assert (done.exit_code, done.stdout) == (2, "")
    assert says in done.stderr


def test_a_saved_state_has_no_steps_and_one_implementation(file, tmp_path):
    state = tmp_path / "state.json"
    state.write_text(CliRunner().invoke(cli, ["export", str(file), "--to", "state"]).stdout)
    assert "has no steps" in run(f"{state}@1", file).stderr
    assert "cannot be played on qemu" in run(state, file, "--on", "qemu").stderr


def test_one_file_is_still_compared_between_implementations(file):
    done = run(file, "--on", "kvm-before-5.6", "--on", "kvm")
    assert (done.exit_code, done.stdout.strip()) == (0, "no difference in 3 steps")
    assert run(file, "--json").exit_code == 2
