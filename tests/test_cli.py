"""The command line: what it prints, and the exit codes that scripts rely on."""

import gzip
import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import uvicorn
from typer.testing import CliRunner

from app.cli import cli
from app.registers import IMPLEMENTATION_NAMES
from app.scenario import links, parse
from app.scenario.lessons import FOLDER, LESSONS
from app.settings import settings
from tests.web.pending import LINES

ROOT = Path(__file__).resolve().parent.parent
PTZ = """\
title  PTZ
machine implementation=kvm cpus=2
write  GICR_PENDBASER@0 PTZ=1
read   GICR_PENDBASER@0
expect GICR_PENDBASER@0.PTZ == 0
expect GICR_PENDBASER@0.PTZ == 1 on=qemu
"""


def giclab(*arguments, stdin=None):
    return CliRunner().invoke(cli, [str(argument) for argument in arguments], input=stdin)


@pytest.fixture
def ptz(tmp_path):
    path = tmp_path / "ptz.gic"
    path.write_text(PTZ)
    return path


def test_run_prints_reads_and_expectations_and_exits_0(ptz):
    result = giclab("run", ptz)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "PTZ",
        "",
        "on kvm",
        f"   4  {'read   GICR_PENDBASER@0':<52} = 0x0000000000000580",
        f"   5  {'expect GICR_PENDBASER@0.PTZ == 0':<52} ok",
        f"   6  {'expect GICR_PENDBASER@0.PTZ == 1 on=qemu':<52} not asked here (it is 0)",
        "kvm: 1 of 1 expectations hold",
    ]


def test_run_exits_1_when_an_expectation_fails(ptz):
    result = giclab("run", ptz, "--on", "kvm", "--on", "qemu")
    assert result.exit_code == 1
    assert "FAILED: it is 1" in result.stdout
    assert result.stdout.splitlines()[-1] == "qemu: 1 of 2 expectations hold"


def test_run_takes_standard_input():
    assert giclab("run", "-", stdin=PTZ).exit_code == 0


def test_run_explains_every_step(ptz):
    plain, explained = giclab("run", ptz).stdout, giclab("run", ptz, "--explain").stdout
    assert "was written" not in plain
    assert "GICR_PENDBASER@0 was written 0x4000000000000580 and reads 0x580" in explained
    assert "[IHI 0069" in explained


PENDING = (
    LINES.format(name="kvm")
    + """\
poke   0x40200003 a1
its    INV device=2 event=20
write  GICD_CTLR EnableGrp1=1
write  ICC_PMR_EL1@0 0xff
write  ICC_IGRPEN1_EL1@0 1
its    INV device=2 event=20
"""
)


def test_why_marks_the_first_broken_link_and_says_what_mends_it():
    result = giclab("why", "-", "8195", "--step", "9", stdin=PENDING)
    assert result.exit_code == 1
    rows = result.stdout.splitlines()
    assert rows[0] == "INTID 8195 on kvm, after step 9 of 14"
    at = next(number for number, row in enumerate(rows) if row.startswith("  NO"))
    assert all(row.startswith("  ok  ") for row in rows[1:at])
    assert rows[at].removeprefix("  NO  configuration byte").strip() == (
        "the cached configuration byte says disabled, RAM says enabled"
    )
    assert rows[at + 1].strip() == "Issue INV (or INVALL)  [IHI 0069, LPI Configuration tables]"
    assert sum("[" in row for row in rows) == 1
    assert rows[-1] == "INTID 8195 is not signalled"


def test_why_exits_0_when_the_interrupt_is_signalled():
    result = giclab("why", "-", "0x2003", stdin=PENDING)
    assert result.exit_code == 0
    rows = result.stdout.splitlines()
    assert rows[-1] == "INTID 8195 is signalled to CPU 0"
    assert all(row.startswith("  ok  ") for row in rows[1:-1])
    assert "list of vCPU 0" in result.stdout
    assert "list of vCPU 0" not in giclab("why", "-", "8195", "--on", "qemu", stdin=PENDING).stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["3"], "INTID 3 exists once per CPU"),
        (["3", "--cpu", "7"], "no CPU 7: 0 to 1"),
        (["1023"], "INTID 1023 is no interrupt here"),
        (["eight"], "INTID 'eight'"),
        (["8195", "--step", "15"], "there is no step 15, the scenario has 14"),
        (["8195", "--on", "kvn"], "did you mean kvm"),
    ],
)
def test_why_says_what_it_cannot_answer(arguments, says):
    result = giclab("why", "-", *arguments, stdin=PENDING)
    assert (result.exit_code, result.stdout) == (2, "")
    assert says in result.stderr


def test_why_of_an_unreadable_scenario():
    assert giclab("why", "-", "8195", stdin="raed GICD_CTLR\n").exit_code == 2


def test_run_as_json(ptz):
    document = json.loads(giclab("run", ptz, "--on", "qemu", "--json").stdout)
    [run] = document["runs"]
    assert (document["passed"], run["implementation"], run["expectations"], run["failed"]) == (False, "qemu", 2, 1)
    read = next(step for step in run["steps"] if step["op"].startswith("read"))
    assert (read["line"], read["value"], read["hex"]) == (4, 1 << 62, "0x4000000000000000")
    assert "effects" not in read
    explained = json.loads(giclab("run", ptz, "--json", "--explain").stdout)
    kinds = [effect["kind"] for step in explained["runs"][0]["steps"] for effect in step["effects"]]
    assert "register-written" in kinds


EVERY_TERM = """\
machine implementation=qemu cpus=2
poke   0x40200003 a1
write  GICR_PROPBASER@0 Physical_Address=0x40200000 IDbits=15
write  GICR_PENDBASER@0 Physical_Address=0x40210000
write  GICR_CTLR@0 EnableLPIs=1
write  GICD_CTLR EnableGrp1=1
write  ICC_PMR_EL1@0 0xff
write  ICC_IGRPEN1_EL1@0 1
its    MAPD device=2 itt=0x40300000 size=5
its    MAPC collection=1 target=0
its    MAPTI device=2 event=20 intid=8195 collection=1
msi    device=2 event=20
read   GICR_CTLR@0
expect GICR_PROPBASER@0 == 0x4020000f
expect GICR_CTLR@0.EnableLPIs == 1
expect pending(8195)@0 == 1
expect config(8195) == 0xa1
expect mapped(2, 20) == 1
expect memory(0x40200003, 1) == a1
expect memory(0x40200003).0 == 1
expect irq@0 == 1
expect creadr == 0x60
expect stalled == 0
expect value == 3
"""


def test_run_asks_for_everything_that_can_be_expected(tmp_path):
    path = tmp_path / "terms.gic"
    path.write_text(EVERY_TERM)
    result = giclab("run", path)
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "qemu: 11 of 11 expectations hold"), result.stdout
    path.write_text(EVERY_TERM.replace("==", "!="))
    result = giclab("run", path)
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (1, "qemu: 0 of 11 expectations hold")
    got = re.findall(r"FAILED: it is (\S+)", result.stdout)
    assert got == ["0x4020000f", "1", "1", "0xa1", "1", "a1", "1", "1", "0x60", "0", "3"]


@pytest.fixture
def several(tmp_path):
    """Three files: all holds, one does not hold, one cannot be read."""
    texts = {"good": PTZ, "bad": PTZ.replace("PTZ == 0", "PTZ == 1"), "worse": "title <b>&\nraed GICD_CTLR\n"}
    for name, text in texts.items():
        (tmp_path / f"{name}.gic").write_text(text)
    return [tmp_path / f"{name}.gic" for name in texts]


def test_run_of_several_files_shows_what_failed(several):
    good, bad, worse = several
    result = giclab("run", *several)
    assert result.exit_code == 2
    assert result.stdout.splitlines() == [
        f"ok      {good} on kvm: 1 of 1 expectations hold",
        f"FAILED  {bad} on kvm: 0 of 1 expectations hold",
        f"        {bad}:5: expect GICR_PENDBASER@0.PTZ == 1",
        "            it is 0, expected == 1",
        f"ERROR   {worse} cannot be read",
        "3 files: 1 passed, 1 failed, 1 cannot be read",
    ]
    assert result.stderr.startswith(f"{worse}:2:1: unknown verb raed")
    assert giclab("run", good, bad).exit_code == 1
    assert giclab("run", good, good).exit_code == 0
    assert giclab("run", good, good).stdout.endswith("2 files: 2 passed\n")


def test_run_of_several_files_as_json(several):
    document = json.loads(giclab("run", "--json", *several).stdout)
    assert document["passed"] is False
    assert [one["passed"] for one in document["scenarios"]] == [True, False, False]
    assert [one["file"] for one in document["scenarios"]] == [str(path) for path in several]
    assert "unknown verb raed" in document["scenarios"][2]["errors"][0]


def test_run_writes_junit_xml(several, tmp_path):
    good, bad, worse = several
    result = giclab("run", *several, "--on", "kvm", "--on", "qemu", "--junit", tmp_path / "report.xml")
    assert result.exit_code == 2
    root = ET.parse(tmp_path / "report.xml").getroot()
    assert {key: root.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "9",
        "failures": "2",  # bad on kvm, good on qemu
        "errors": "1",
        "skipped": "2",
    }
    suites = {suite.get("name"): suite for suite in root}
    assert list(suites) == [f"{good} on kvm", f"{good} on qemu", f"{bad} on kvm", f"{bad} on qemu", str(worse)]
    case, skipped = suites[f"{bad} on kvm"]
    assert (case.get("name"), case.get("file"), case.get("line")) == (
        "line 5: expect GICR_PENDBASER@0.PTZ == 1",
        str(bad),
        "5",
    )
    assert case[0].tag == "failure"
    assert case[0].get("message") == "it is 0, expected == 1"
    assert skipped[0].tag == "skipped"
    [unread] = suites[str(worse)]
    assert unread[0].tag == "error"
    assert "unknown verb raed" in unread[0].get("message")
    assert [len(case) for case in suites[f"{bad} on qemu"]] == [0, 0]


def test_junit_that_cannot_be_written_exits_2(ptz, tmp_path):
    result = giclab("run", ptz, "--junit", tmp_path / "no" / "such.xml")
    assert result.exit_code == 2
    assert "No such file" in result.stderr


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\x00" * 1_000_000, "control character U+0000"),
        (bytes(range(256)) * 4000, "is not UTF-8"),
        (b"read GICD_CTLR\n" * 100_000, "100000 lines are too many; expected at most 60000"),
        (b"# " + b"x" * 5_000_000, "too many; expected at most"),
        (b"\n" * 20_000_000, "more than 16777216 bytes"),
        (b"write GICR_CTLR@0 " + b"9" * 150_000, "is not a number"),
        ("note \u202eevil\n".encode(), "RIGHT-TO-LEFT OVERRIDE"),
    ],
    ids=["nul", "binary", "lines", "long", "huge", "number", "bidi"],
)
@pytest.mark.parametrize("command", [("run",), ("export", "--to", "link")])
def test_junk_is_answered_with_one_line_and_exit_2(tmp_path, data, says, command):
    path = tmp_path / "junk.gic"
    path.write_bytes(data)
    result = giclab(*command, path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert says in result.stderr
    assert len(result.stderr) < 1000


def test_run_as_json_lists_the_choices_taken(tmp_path):
    path = tmp_path / "open.gic"
    path.write_text("machine implementation=architecture\nits INT device=9 event=0\nits INT device=9 event=0\n")
    [run] = json.loads(giclab("run", path, "--json").stdout)["runs"]
    [choice] = run["choices"]
    assert (choice["behaviour"], choice["steps"]) == ("command_errors", [1, 2])
    assert choice["alternatives"][0] == "the queue stalls at the command"


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.slug)
def test_every_lesson_runs(lesson):
    on = [word for name in lesson.on for word in ("--on", name)]
    assert giclab("run", FOLDER / f"{lesson.slug}.md").exit_code == 0
    assert giclab("run", FOLDER / f"{lesson.slug}.md", *on).exit_code == 0


def test_an_unreadable_scenario_exits_2_and_shows_every_mistake(tmp_path):
    path = tmp_path / "wrong.gic"
    path.write_text("read GICR_PENDBASE@0\nmsi device=2\n")
    result = giclab("run", path)
    assert result.exit_code == 2
    assert f"{path}:1:6: unknown register GICR_PENDBASE" in result.stderr
    assert f"{path}:2:14: event= is missing" in result.stderr
    assert "    read GICR_PENDBASE@0\n         ^" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("command", [("run",), ("diff",), ("export", "--to", "json")])
def test_a_file_that_is_not_there_or_not_text_exits_2(command, tmp_path):
    missing = giclab(*command, tmp_path / "none.gic")
    assert missing.exit_code == 2
    assert "No such file" in missing.stderr
    junk = tmp_path / "junk.gic"
    junk.write_bytes(b"note a\n\xff\xfe\x00")
    result = giclab(*command, junk)
    assert result.exit_code == 2
    assert f"{junk}:2: byte 7 is not UTF-8" in result.stderr
    assert giclab(*command, tmp_path).exit_code == 2


def test_an_unknown_implementation_exits_2_with_the_nearest(ptz):
    for command in (("run", ptz), ("diff", ptz), ("registers",), ("replay", ptz)):
        result = giclab(*command, "--on", "kvn")
        assert result.exit_code == 2
        assert "did you mean kvm" in result.stderr


def test_diff_shows_only_what_differs(ptz):
    result = giclab("diff", ptz, "--on", "kvm", "--on", "qemu")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "   4  read   GICR_PENDBASER@0",
        "      kvm   0x0000000000000580",
        "      qemu  0x4000000000000000",
        "      ≠ qemu: With these changed the answers agree",
        (
            "        How GICR_PENDBASER.PTZ reads: stored, and read back as written"
            " [arm_gicv3_redist.c: gicr_writell, observed]"
        ),
        (
            "        GICR_PENDBASER at reset: 0x0: Shareability=NonShareable, InnerCache=Device_nGnRnE"
            " [arm_gicv3_redist.c, observed]"
        ),
        "   5  expect GICR_PENDBASER@0.PTZ == 0",
        "      kvm   0",
        "      qemu  1",
        "      ≠ qemu: With only this changed the answers agree",
        (
            "        How GICR_PENDBASER.PTZ reads: stored, and read back as written"
            " [arm_gicv3_redist.c: gicr_writell, observed]"
        ),
        "   6  expect GICR_PENDBASER@0.PTZ == 1 on=qemu",
        "      kvm   0",
        "      qemu  1",
        "      ≠ qemu: as in line 5",
        "3 of 4 steps differ",
    ]


def test_diff_of_what_is_the_same_exits_0(tmp_path):
    path = tmp_path / "same.gic"
    path.write_text("write GICR_PENDBASER@0 Physical_Address=0x40210000\nexpect GICR_PENDBASER@0.PTZ == 0\n")
    result = giclab("diff", path, *[word for name in IMPLEMENTATION_NAMES for word in ("--on", name)])
    assert result.exit_code == 0
    assert result.stdout == "no difference in 2 steps\n"
    assert giclab("diff", path, "--on", "kvm").exit_code == 2


def corpus(path, got):
    record = {
        "seed": 1,
        "cpus": 1,
        "ops": [
            {"op": "w64", "cpu": 0, "addr": 0x080A0078, "value": 1 << 62},
            {"op": "r64", "cpu": 0, "addr": 0x080A0078, "got": got},
        ],
    }
    path.write_bytes(gzip.compress(json.dumps(record).encode() + b"\n"))
    return path


def test_replay_counts_what_matches(tmp_path):
    path = corpus(tmp_path / "a.jsonl.gz", 1 << 62)
    right = giclab("replay", path, "--on", "qemu")
    assert right.exit_code == 0
    assert right.stdout.splitlines()[-1] == "matched 1 of 1 reads in 1 scenarios"
    wrong = giclab("replay", path, "--on", "architecture")
    assert wrong.exit_code == 1
    assert "recorded 0x4000000000000000, got 0x0" in wrong.stdout
    assert wrong.stdout.splitlines()[-1] == "matched 0 of 1 reads in 1 scenarios"


def test_replay_of_something_else_exits_2(tmp_path, ptz):
    assert giclab("replay", tmp_path / "none.jsonl.gz", "--on", "qemu").exit_code == 2
    assert giclab("replay", ptz, "--on", "qemu").exit_code == 2


def test_export_writes_to_standard_output_and_remarks_to_standard_error(ptz):
    result = giclab("export", ptz, "--to", "qtest")
    assert result.exit_code == 0
    assert "writeq 0x80a0078 0x4000000000000580" in result.stdout
    assert "line 5: qtest checks nothing" in result.stderr
    link = giclab("export", ptz, "--to", "link").stdout.strip()
    assert links.unpack(link.removeprefix("/x/")).scenario() == parse(PTZ)
    assert giclab("export", ptz, "--to", "svd").exit_code == 2


def test_serve_says_where_it_is(monkeypatch):
    seen = {}
    monkeypatch.setattr(uvicorn, "run", lambda app, **settings: seen.update(settings, app=app))
    result = giclab("serve", "--host", "::1", "--port", "8123")
    assert result.exit_code == 0
    assert "http://[::1]:8123/" in result.stdout
    assert (seen["app"], seen["factory"], seen["host"], seen["port"]) == ("app.web.app:create_app", True, "::1", 8123)
    assert "http://127.0.0.1:8000/" in giclab("serve").stdout


def test_the_module_runs_as_a_program(ptz):
    result = subprocess.run(
        [sys.executable, "-m", "app", "run", str(ptz)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.endswith("kvm: 1 of 1 expectations hold\n")


def test_help_and_an_unknown_command():
    assert giclab("--help").exit_code == 0
    assert giclab("rnu").exit_code == 2


def test_help_imports_nothing_heavy():
    code = "import sys, app.cli; print(any(name in sys.modules for name in ('fastapi', 'systemrdl', 'sqlalchemy')))"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout == "False\n"


def test_a_setting_that_cannot_be_is_said_before_serving(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GICLAB_DATABASE_URL", "mongodb://nowhere/giclab")
    settings.cache_clear()
    result = CliRunner().invoke(cli, ["serve"])
    settings.cache_clear()
    assert result.exit_code == 2
    assert "no support for mongodb; expected sqlite:////path/to/file.db" in result.output


TRACE = "gicv3_dist_read GICv3 distributor read: offset 0x4 data 0x37a0007 size 4 secure 0\n"


def test_import_writes_a_scenario_that_runs(tmp_path):
    (tmp_path / "qemu.log").write_text(f"{TRACE}hello\n")
    told = giclab("import", str(tmp_path / "qemu.log"), "-o", str(tmp_path / "out.gic"))
    assert told.exit_code == 0
    assert "QEMU trace log: 2 lines, 1 understood; 2 steps on qemu, 1 CPU" in told.output
    assert "line 2: hello" in told.output
    assert "1 answers compared, 0 differences" in told.output
    assert giclab("run", str(tmp_path / "out.gic")).exit_code == 0


def test_import_refuses_what_it_does_not_know_and_writes_nothing(tmp_path):
    (tmp_path / "some.log").write_text("hello\n")
    for arguments in ([], ["--format", "qemu-trace"], ["--base", "here"], ["--on", "kvmm"]):
        told = giclab("import", str(tmp_path / "some.log"), "-o", str(tmp_path / "out.gic"), *arguments)
        assert told.exit_code == 2
        assert told.output.startswith("giclab: ")
        assert not (tmp_path / "out.gic").exists()
    assert giclab("import", str(tmp_path / "none.log")).exit_code == 2


def test_an_import_too_long_for_one_scenario_becomes_several(tmp_path, monkeypatch):
    from app.exchange.imports import command
    from app.exchange.imports.window import Room

    monkeypatch.setattr(command, "Room", lambda: Room(steps=8))
    (tmp_path / "qemu.log").write_text(TRACE * 10)
    told = giclab("import", str(tmp_path / "qemu.log"), "-o", str(tmp_path / "out.gic"))
    assert "out-3.gic: 6 steps, lines 8 to 10" in told.output
    for name in ("out.gic", "out-2.gic", "out-3.gic"):
        assert giclab("run", str(tmp_path / name)).exit_code == 0
    told = giclab("import", str(tmp_path / "qemu.log"), "--from", "5")
    assert "the rest is --from 8" in told.output


def test_several_processes_are_refused_on_a_sqlite_file_with_what_to_do_instead(monkeypatch, tmp_path):
    served = []
    monkeypatch.setattr(uvicorn, "run", lambda _app, **options: served.append(options["workers"]))
    monkeypatch.setenv("GICLAB_DATABASE_URL", f"sqlite:///{tmp_path}/giclab.db")
    settings.cache_clear()
    refused = giclab("serve", "--workers", "2")
    assert refused.exit_code == 2
    assert "postgresql://user@host/name" in refused.stderr
    monkeypatch.setenv("GICLAB_DATABASE_URL", "postgresql://giclab@db/giclab")
    settings.cache_clear()
    assert giclab("serve", "--workers", "2").exit_code == 0
    settings.cache_clear()
    assert served == [2]
