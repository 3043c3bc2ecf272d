"""The discussion of 2019 as experiments: what is shown is what playing them gives, and each opens where to try it."""

import re
from html import unescape

import pytest

from app.registers import IMPLEMENTATION_NAMES
from app.scenario.outcome import Verdict
from app.scenario.thread import claims, measured
from tests.web.reading import shown, words

pytestmark = pytest.mark.anyio
EXPERIMENTS = {each.id: each for claim in claims() for each in claim.experiments}


def answers(name):
    return {item.implementation: [value for _, value in item.answers] for item in measured(EXPERIMENTS[name])}


def back(name):
    return {
        item.implementation: sum(fate.verdict is Verdict.CAME_BACK for fate in item.outcome.fates)
        for item in measured(EXPERIMENTS[name])
    }


def on(architecture, kvm, old, qemu):
    return dict(zip(("architecture", "kvm", "kvm-before-5.6", "qemu"), (architecture, kvm, old, qemu), strict=True))


NOTHING = ["1023, nothing"]


def test_the_patch_changes_what_a_read_gives_and_who_writes_it_back():
    assert answers("E1.1") == on(["0x0"], ["0x0"], ["0x1"], ["0x1"])
    assert answers("E2.1") == on(NOTHING, NOTHING, NOTHING, ["8192"])
    assert answers("E2.4") == on(["8192"], ["8192"], NOTHING, ["8192"])


def test_migration_as_seen_on_real_kvm():
    assert back("E9.1") == on(2, 2, 2, 2)
    assert back("E8.1") == on(2, 0, 0, 2)
    assert back("E8.3") == on(2, 0, 2, 2), "the opposite sign of what was feared"
    assert back("E8.4") == on(2, 0, 0, 2)
    assert back("E6.1") == on(0, 2, 2, 2)
    assert back("E16.0") == on(1, 0, 0, 1)


def test_what_enabling_does():
    assert answers("E13.1") == on(["8192"], NOTHING, NOTHING, ["8192"])
    assert answers("E12.1b") == on(NOTHING, NOTHING, NOTHING, ["8192"])
    assert answers("E7.2a")["kvm"] == NOTHING
    assert answers("E7.2b")["kvm"] == ["8192"]
    assert answers("E14.1")["kvm"] == ["8192", *NOTHING, *NOTHING]


def test_the_model_does_what_real_ones_did():
    stated = {
        (name, implementation): (seen, item.stated)
        for name, each in EXPERIMENTS.items()
        for implementation, seen in each.real.items()
        for item in measured(each)
        if item.implementation == implementation
    }
    assert len(stated) > 25
    assert {at: pair for at, pair in stated.items() if pair[0] != pair[1]} == {}


def test_every_claim_of_the_discussion_is_there():
    assert [each.id for each in claims()] == [f"C{number}" for number in range(1, 17)]
    assert all(each.experiments or all(name in EXPERIMENTS for name in each.beside) for each in claims())
    assert [each.id for each in EXPERIMENTS.values() if each.cannot] == ["E4.2", "E8.1b", "E9.2"]


def test_experiments_that_need_no_real_one():
    assert answers("E5.2") == on(["8192"], ["8192"], NOTHING, ["8192"])
    assert answers("E10.2")["kvm"] == ["0x01", *NOTHING, "8192"]
    assert answers("E10.3") == on(["0x01", "0x01"], ["0x00", "0x01"], ["0x00", "0x01"], ["0x01", "0x01"])
    assert back("E12.2") == on(16, 16, 16, 16)
    assert answers("E16.1")["kvm"] == ["0x01", "0x01", "0x01", "8192", "8192"]
    assert answers("E7.1a") == answers("E7.1b") == on(*[[*NOTHING, "8192"]] * 4)


async def test_the_page_has_every_claim_and_every_result_opens(client):
    html = await shown(client, "/thread")
    text = words(html)
    for name in EXPERIMENTS:
        assert f'id="{name}"' in html
    assert "None of 2 pending LPIs came back." in text
    rows = [unescape(link) for link in re.findall(r'<td class="go"><a href="([^"]+)"', html)]
    played = [each for each in EXPERIMENTS.values() if not each.cannot]
    assert len(rows) == len(played) * len(IMPLEMENTATION_NAMES)
    assert "not the same" not in text
    assert "What the experiments above came to" in text
    for link in [link for link in rows if "/migrate?" in link and "on=kvm&" in link]:
        lab = await shown(client, link)
        seen = words(re.search(r'<p class="vd [^>]*>(.*?)</p>', lab, re.DOTALL)[1])
        assert seen in text
    for link in [link for link in rows if "/migrate?" not in link][::8]:
        await shown(client, link)
