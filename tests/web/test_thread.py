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


async def test_the_page_has_every_claim_and_every_result_opens(client):
    html = await shown(client, "/thread")
    text = words(html)
    for name in EXPERIMENTS:
        assert f'id="{name}"' in html
    assert "None of 2 pending LPIs came back." in text
    rows = [unescape(link) for link in re.findall(r'<td class="go"><a href="([^"]+)"', html)]
    assert len(rows) == len(EXPERIMENTS) * len(IMPLEMENTATION_NAMES)
    for link in [link for link in rows if "/migrate?" in link and "on=kvm&" in link]:
        lab = await shown(client, link)
        seen = words(re.search(r'<p class="vd [^>]*>(.*?)</p>', lab, re.DOTALL)[1])
        assert seen in text
    for link in [link for link in rows if "/migrate?" not in link][::8]:
        await shown(client, link)
