"""`giclab review`: scenarios and logs, what is printed, and how it ends."""

import json

import pytest
from typer.testing import CliRunner

from app.cli import cli
from app.review.rules import EXAMPLES
from tests.review.test_rules import CORPUS


def run(*arguments, **options):
    return CliRunner().invoke(cli, ["review", *map(str, arguments)], **options)


def test_a_finding_is_told_with_its_line_and_what_would_be_right():
    path = EXAMPLES / "pendbaser-while-enabled.gic"
    done = run(path)
    assert done.exit_code == 1
    assert done.stdout.splitlines() == [
        f"{path}:8: GICR_PENDBASER written while EnableLPIs=1 (pendbaser-while-enabled)",
        "  step 5: write GICR_PENDBASER@0 Physical_Address=0x40220000",
        "  GICR_PENDBASER@0 is written while GICR_CTLR.EnableLPIs is 1 on CPU 0",
        "  Write GICR_PENDBASER before GICR_CTLR.EnableLPIs=1. [IHI 0069, GICR_PENDBASER]",
        "1 finding in 5 steps on kvm",
    ]


def test_a_log_is_imported_first_and_told_by_its_own_lines(tmp_path):
    log = tmp_path / "trace.log"
    log.write_text("gicv3_its_write GICv3 ITS write: offset 0x88 data 0x20 size 8\n"
                   "something else\n"
                   "gicv3_dist_read GICv3 distributor read: offset 0x4 data 0x1 size 4 secure 0\n")  # fmt: skip
    done = run(log, "--json")
    told = json.loads(done.stdout)
    assert done.exit_code == 1
    assert [(each["line"], each["rule"]) for each in told["findings"]] == [
        (3, "answer-differs"),
    ]


def test_nothing_is_found_in_a_good_log():
    done = run(CORPUS)
    assert (done.exit_code, done.stdout) == (0, "nothing found in 34,881 steps on qemu\n")


def test_on_another_implementation():
    assert run(EXAMPLES / "answer-differs.gic", "--on", "kvm-before-5.6").exit_code == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("write NOTHING 1\n", "stdin:1:7"),
        ("nothing that is known\n", "neither a scenario nor something to import"),
        ("", "neither a scenario nor something to import"),
    ],
)
def test_what_cannot_be_read_is_said(text, said):
    done = run("-", input=text)
    assert done.exit_code == 2
    assert said in done.stderr


def test_a_file_that_is_not_there():
    done = run("nowhere.gic")
    assert (done.exit_code, done.stderr) == (2, "giclab: nowhere.gic: No such file or directory\n")
