"""What each of QEMU's trace backends leaves as text becomes the same steps: a real log, put as the others put it."""

import gzip
import re
from pathlib import Path

import pytest

from app.exchange.qemu_events import Signalled
from app.exchange.qemu_trace import parse_event
from tests.exchange.importing import imported, spoken

CORPUS = Path(__file__).parents[1] / "corpora" / "linux-6.1-boot-qemu-7.2.trace.gz"
# The arguments of each event of the log, as QEMU's hw/intc/trace-events names them; SystemTap prints those of the log.
ARGUMENTS = {
    "cpuif_update": "cpuid irq grp prio",
    "cpuif_set_irqs": "cpuid fiqlevel irqlevel",
    "redist_set_irq": "cpu irq level",
    "redist_send_sgi": "cpu irq",
    "redist_read": "cpu offset data size secure",
    "redist_write": "cpu offset data size secure",
    "dist_read": "offset data size secure",
    "dist_badread": "offset size secure",
    "dist_write": "offset data size secure",
    "its_read": "offset data size",
    "its_write": "offset data size",
    "its_translation_write": "offset data size requester_id",
    "its_process_command": "rd_offset cmd",
    "its_cmd_sync": "",
    "its_cmd_invall": "",
    "its_cmd_inv": "devid eventid",
    "its_cmd_discard": "devid eventid",
    "its_cmd_movi": "devid eventid icid",
    "its_cmd_mapti": "devid eventid icid intid",
    "its_cmd_mapd": "devid size ittaddr valid",
    "its_cmd_mapc": "icid rdbase valid",
    "its_cte_read": "icid valid rdbase",
    "its_cte_write": "icid valid rdbase",
    "its_dte_read": "devid valid size ittaddr",
    "its_dte_write": "devid valid size ittaddr",
    "its_ite_read": "ittaddr eventid valid inttype intid icid vpeid doorbell",
    "its_ite_write": "ittaddr eventid valid inttype intid icid vpeid doorbell",
    "icc_generate_sgi": "cpuid irq irm aff targetlist",
    "icc_iar1_read": "cpu val",
    "icc_pmr_read": "cpu val",
    "icc_pmr_write": "cpu val",
    "icc_ctlr_read": "cpu val",
    "icc_ctlr_write": "cpu val",
    "icc_eoir_write": "grp cpu val",
    "icc_bpr_write": "grp cpu val",
    "icc_igrpen_write": "grp cpu val",
    "icc_ap_write": "grp regno cpu val",
}
NUMBERS = re.compile(r"0x[0-9a-f]+(?=x?x?(?:\W|$))|(?<!\w)\d+(?!\w)")
OF_A_NAME = re.compile(r"ICC_(?:BPR|EOIR|IGRPEN)(\d) |ICC_AP(\d)R(\d) ")


def arguments(line):
    """The event's name without its prefix, and its arguments as numbers by name."""
    name, _, said = line.removeprefix("gicv3_").partition(" ")
    found = OF_A_NAME.search(said)
    of_name = [digit for digit in found.groups() if digit] if found else []
    numbers = [int(each, 0) for each in [*of_name, *NUMBERS.findall(said)]]
    return name, dict(zip(ARGUMENTS[name].split(), numbers, strict=True))


def as_simpletrace(number, line):
    name, values = arguments(line)
    told = "".join(f" {word}={value:#x}" for word, value in values.items())
    return f"gicv3_{name} {number % 7}.250 pid=4711{told}"


def as_babeltrace(number, line):
    """LTTng's events have no bool; numbers are decimal, but for those that a viewer is told to show in hex."""
    name, values = arguments(line)
    values.pop("secure", None)
    told = ", ".join(f"{word} = {f'0x{value:X}' if word == 'ittaddr' else value}" for word, value in values.items())
    context = "{ cpu_id = 0 }, { vpid = 4711 }" if number % 2 else "{ cpu_id = 0 }"
    return f"[10:00:00.{number:09}] (+0.000000250) host qemu:gicv3_{name}: {context}, {{ {told} }}"


def as_systemtap(number, line):
    return f"4711@{1_700_000_000_000_000_000 + number} {line}"


def as_ftrace(number, line):
    return f" qemu-system-aar-4711    [001] .....  {number}.456789: tracing_mark_write: {line}"


def as_syslog(_number, line):
    return f"Nov 26 10:00:00 host qemu-system-aarch64[4711]: {line}"


@pytest.fixture(scope="module")
def log():
    """The first lines of a boot, and those in which the ITS is set up and used."""
    lines = gzip.decompress(CORPUS.read_bytes()).decode().splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("gicv3_its_cmd_mapti"))
    return lines[:1800] + lines[at - 1200 : at + 1500]


@pytest.fixture(scope="module")
def expected(log, tmp_path_factory):
    found = imported(tmp_path_factory.mktemp("log"), "\n".join(log))
    assert found.understood == found.lines
    return spoken(found), found.spec, found.differences.count


FORMS = (as_simpletrace, as_babeltrace, as_systemtap, as_ftrace, as_syslog)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_a_boot_becomes_the_same_steps(tmp_path, log, expected, form):
    found = imported(tmp_path, "\n".join(form(number, line) for number, line in enumerate(log)))
    assert (found.format.name, found.understood, found.lines) == ("qemu-trace", len(log), len(log))
    assert (spoken(found), found.spec, found.differences.count) == expected


def test_the_log_has_what_is_worth_comparing(log, expected):
    steps, spec, _ = expected
    names = {line.split()[0].removeprefix("gicv3_") for line in log}
    assert names >= {"its_cmd_mapti", "its_ite_write", "icc_iar1_read", "redist_write", "cpuif_set_irqs"}
    assert spec.cpus == 2
    assert any(step.startswith("its MAPTI") for step in steps)


@pytest.mark.parametrize(
    "said",
    [
        "{ cpu_id = 0 }, { cpuid = 0, fiqlevel = 0 }",
        "{ cpu_id = 0 }, { cpuid = 0, fiqlevel = 0, irqlevel = x }",
        "{ cpu_id = 0 }, { cpuid = 0, fiqlevel = 0, irq",
        "{ cpuid = 0, fiqlevel = 0, irqlevel = 1 }",
    ],
)
def test_a_line_of_babeltrace_that_is_cut_off_or_damaged_says_nothing(said):
    assert parse_event(f"[10:00:00.1] (+0.1) host qemu:gicv3_cpuif_set_irqs: {said}") is None
    whole = "qemu:gicv3_cpuif_set_irqs: { cpu_id = 3 }, { cpuid = 256, fiqlevel = 0, irqlevel = 1 }"
    assert parse_event(whole) == Signalled(16, fiq=False, irq=True)
