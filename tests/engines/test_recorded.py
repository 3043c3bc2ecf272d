"""Corpora recorded on real GICs, played on our machine."""

import gzip
import json
from pathlib import Path

import pytest

from app.engines.recorded import CorpusError, replay

CORPORA = Path(__file__).resolve().parent.parent / "corpora"


def worst(report):
    return "\n".join([str(report), *map(str, report.first_of_each_scenario()[:20])])


def test_qemu_answers_as_recorded():
    report = replay(CORPORA / "qemu-7.2.jsonl.gz", "qemu")
    assert report.all_match, worst(report)
    assert (report.scenarios, report.reads, report.matched) == (300, 55_300, 55_300)
    assert report.hppi == report.hppi_matched > 300
    assert str(report) == "matched 55300 of 55300 reads in 300 scenarios"


def test_kvm_answers_as_recorded():
    report = replay(CORPORA / "kvm-6.1.jsonl.gz", "kvm")
    assert report.all_match, worst(report)
    assert (report.scenarios, report.operations) == (300, 36_347)
    assert report.reads == report.matched == 17_881


@pytest.fixture
def corpus(tmp_path):
    def write(*records, name="small.jsonl"):
        path = tmp_path / name
        text = "".join(record if isinstance(record, str) else json.dumps(record) + "\n" for record in records)
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        return path

    return write


READ_TYPER = {"op": "r32", "addr": 0x0800_0004, "got": 0x037A_0007}


def scenario(*ops, seed=7, **more):
    return {"seed": seed, "cpus": 2, "ops": list(ops), **more}


@pytest.mark.parametrize("name", ["plain.jsonl", "packed.jsonl.gz"])
def test_plain_and_gzip_corpora_are_read(corpus, name):
    report = replay(corpus(scenario(READ_TYPER), name=name), "qemu")
    assert (report.matched, report.reads, report.scenarios) == (1, 1, 1)


def test_a_wrong_answer_is_named_with_its_register(corpus):
    report = replay(corpus(scenario(READ_TYPER, {**READ_TYPER, "got": 1})), "qemu")
    assert (report.matched, report.reads) == (1, 2)
    assert [str(found) for found in report.mismatches] == [
        "scenario 7 op 1: r32 0x8000004 GICD_TYPER: recorded 0x1, got 0x37a0007"
    ]


def test_a_wrong_final_hppi_is_a_mismatch(corpus):
    report = replay(corpus(scenario(hppi=[None, [8192, 2, 160]])), "qemu")
    assert (report.hppi_matched, report.hppi) == (1, 2)
    assert not report.all_match


def test_a_recorded_errno_is_compared(corpus):
    group = {"op": "uset", "group": "dist", "cpu": 0, "offset": "0x8", "value": "0x12345678"}
    report = replay(corpus(scenario({**group, "rc": "EINVAL"}, {**group, "rc": 0}, spis=64, ram_mb=64)), "kvm")
    assert (report.matched, report.reads) == (1, 2)
    assert report.mismatches[0].got == "EINVAL"


def test_guest_memory_survives_a_migration_and_registers_do_not(corpus):
    ops = [
        {"op": "mw", "addr": "0x40100000", "hex": "0b"},
        {"op": "w32", "cpu": 0, "addr": "0x8000000", "value": "0x2"},
        {"op": "migrate", "rc": 0},
        {"op": "mr", "addr": "0x40100000", "len": 1, "got": "0b"},
        {"op": "r32", "cpu": 1, "addr": "0x8000000", "got": "0x50"},
    ]
    report = replay(corpus(scenario(*ops, spis=64, ram_mb=64)), "kvm")
    assert report.all_match, worst(report)


def test_a_limit_stops_early(corpus):
    path = corpus(scenario(READ_TYPER), scenario(READ_TYPER, seed=8))
    assert replay(path, "qemu", limit=1).scenarios == 1


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{oops\n", "not JSON"),
        ("[]\n", 'expected {"seed", "cpus", "ops": [...]}'),
        ('{"cpus": 1, "ops": [{"op": "jump"}]}\n', "jump"),
        ('{"cpus": 1, "ops": [{"op": "r32"}]}\n', "addr"),
    ],
)
def test_a_line_that_is_no_scenario_is_named(corpus, line, said):
    path = corpus(scenario(READ_TYPER), line)
    with pytest.raises(CorpusError) as caught:
        replay(path, "qemu")
    assert f"{path}:2: " in str(caught.value)
    assert said in str(caught.value)
