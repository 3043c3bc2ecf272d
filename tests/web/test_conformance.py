"""The conformance page: what the report says, whole or partial, stale, missing or damaged."""

import json

import pytest

from app.web.views import conformance
from bench import conformance as bench
from tests.web.reading import shown, words

pytestmark = pytest.mark.anyio
TEST_FILE = """
def test_holds(): pass
def test_holds_too(): pass
"""


@pytest.fixture
def report():
    """As the command writes it, with numbers that are easily told apart."""
    return {
        "date": "2031-02-03 04:05 UTC",
        "giclab": "9.8.7",
        "source": "abc1234",
        "model": conformance.model_digest(),
        "python": "3.99.1, Linux",
        "qemu": "QEMU emulator version 7.2.99",
        "corpora": [
            {
                "file": "kvm-6.1.jsonl.gz",
                "implementation": "kvm",
                "recorded_on": "Linux KVM 6.1.192",
                "scenarios": 300,
                "operations": 36_347,
                "answers": 21_001,
                "matched": 21_001,
            }
        ],
        "matrix": [{"implementation": "qemu", "scenarios": 85, "expectations": 431, "held": 431}],
        "tests": {
            "selection": "",
            "passed": 1_234,
            "failed": 0,
            "skipped": 0,
            "ended": 0,
            "seconds": 77.0,
            "files": [{"name": "tests/x/test_y.py", "passed": 1_234, "failed": 0, "skipped": 0, "seconds": 77.0}],
        },
    }


@pytest.fixture
def page(client, report, tmp_path, monkeypatch):
    """The page of the report, in words."""
    path = tmp_path / "conformance.json"
    monkeypatch.setattr(conformance.conformance_page, "__defaults__", (path,))

    async def read(text=None):
        path.write_text(json.dumps(report) if text is None else text)
        return words(await shown(client, "/conformance"))

    return read


async def test_it_shows_what_the_run_said(page):
    told = await page()
    assert "21 001 of 21 001 recorded answers of real GICs match all" in told
    for fact in ("2031-02-03 04:05 UTC", "9.8.7", "abc1234", "3.99.1, Linux", "QEMU emulator version 7.2.99"):
        assert fact in told
    assert "1 234 tests passed, 0 failed, 0 not run, in 77 s" in told
    assert "KVM Linux KVM 6.1.192 300 36 347 21 001 21 001 all" in told
    assert "QEMU 85 431 431 all" in told
    assert "tests/x/test_y.py 1 234 0 77.0 all" in told
    assert "Not a whole run" not in told
    assert "was changed after" not in told


async def test_one_answer_that_does_not_match_is_not_all(page, report):
    report["corpora"][0]["matched"] -= 1
    told = await page()
    assert "21 000 of 21 001 recorded answers of real GICs match not all" in told


async def test_a_failed_test_is_not_all(page, report):
    report["tests"]["failed"] = report["tests"]["files"][0]["failed"] = 1
    assert "match not all" in await page()


async def test_a_run_that_broke_off_is_not_all(page, report):
    report["tests"]["ended"] = 2
    assert "match not all" in await page()


async def test_a_partial_run_says_so(page, report):
    report["tests"]["selection"] = "tests/gic -k ptz"
    assert "Not a whole run: of the tests only tests/gic -k ptz was asked for." in await page()


async def test_a_model_that_changed_since_is_told(page, report):
    report["model"] = "0" * 16
    assert "The model was changed after these checks" in await page()


async def test_without_a_report_it_says_how_to_make_one(client, tmp_path, monkeypatch):
    monkeypatch.setattr(conformance.conformance_page, "__defaults__", (tmp_path / "none.json",))
    assert "make conformance checks everything" in words(await shown(client, "/conformance"))


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"corpora": [], "matrix": [], "tests": {}}'])
async def test_a_report_that_cannot_be_read(page, text):
    assert "The report cannot be read" in await page(text)


async def test_the_report_that_is_shipped_can_be_read(client):
    told = words(await shown(client, "/conformance"))
    assert "recorded answers of real GICs match" in told


def test_the_command_counts_what_its_own_run_did(tmp_path, monkeypatch):
    (tmp_path / "test_two.py").write_text(TEST_FILE)
    monkeypatch.setattr(bench, "ROOT", tmp_path)
    told = bench._tests(["-p", "no:cacheprovider", "-k", "too"])
    assert (told["passed"], told["failed"], told["ended"]) == (1, 0, 0)
    assert told["selection"] == "-p no:cacheprovider -k too"
    assert [each["name"] for each in told["files"]] == ["test_two.py"]


def test_the_command_leaves_the_report_where_no_test_could_run(tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "ROOT", tmp_path)
    with pytest.raises(SystemExit, match="left as it is"):
        bench._tests(["--no-such-option"])
