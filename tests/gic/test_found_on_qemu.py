"""What random scenarios on a real QEMU once showed our model of it to do otherwise; the numbers are the real one's."""

import pytest

from app.engines.model import LIVE_QEMU, run
from app.scenario.operations import Expect
from app.scenario.parse import parse
from app.scenario.player import Player

HEAD = "title  found\nmachine implementation=qemu cpus=1 spis=256 ram_mib=18\n"
LPIS = """\
write  GICR_PROPBASER@0 0x4020000f
write  GICR_PENDBASER@0 0x40210000
write  GICR_CTLR@0 1
"""
FOUND = {
    "a halfword beside the EventID's in GITS_TRANSLATER is no MSI": LPIS
    + """\
its    MAPD device=0 size=5 itt=0x40360000
its    MAPC collection=1 target=0
its    MAPTI device=0 event=0 intid=8201 collection=1
write  0x08090042 0 width=16
write  0x08090041 0 width=64
expect memory(0x40210401, 1) == 00
write  0x08090040 0 width=16
expect memory(0x40210401, 1) == 02
""",
    "flash takes an aligned ITE and stalls at one that is not": """\
write  GITS_BASER0 0x8000000040320000
write  GITS_BASER1 0x8000000040340000
write  GITS_CBASER 0x8000000040300000
write  GITS_CTLR 1
its    MAPD device=0 size=5 itt=0
its    MAPTI device=0 event=0 intid=8192 collection=0
expect creadr == 0x40
expect stalled == 0
its    MAPTI device=0 event=1 intid=8192 collection=0
expect creadr == 0x40
expect stalled == 1
""",
    "an Indirect table for 2^32 devices has none": """\
poke   0x40320000 0000504000000080
write  GITS_BASER0 0xc00000004032023f
write  GITS_BASER1 0x8000000040340000
write  GITS_CBASER 0x8000000040300000
write  GITS_CTLR 1
its    MAPD device=0 size=5 itt=0x40360000
expect creadr == 0x20
expect memory(0x40500000, 8) == 0000000000000000
""",
    "MOVI leaves the vPEID and the doorbell that somebody put into the ITE": """\
its    MAPD device=0 size=3 itt=0x40360000
its    MAPC collection=1 target=0
its    MAPC collection=2 target=0
poke   0x40360000 03800068010034127856341278563412
its    MOVI device=0 event=0 collection=2
expect memory(0x40360000, 16) == 03800000020034127856340078563412
""",
    "an ITE across the end of RAM: its first doubleword is stored, then the queue stalls": """\
its    MAPD device=0 size=16 itt=0x411ffe00
its    MAPTI device=0 event=42 intid=8192 collection=0
expect stalled == 1
expect memory(0x411ffff8, 8) == 0380000000000000
""",
}


def test_lpis_are_enabled_and_disabled_without_an_its():
    head = "machine implementation=qemu cpus=1 spis=256 its=0\n"
    text = head + "write GICR_CTLR@0 1\nwrite GICR_CTLR@0 0\nread GICR_CTLR@0\n"
    steps = [each.step for each in run(parse(text), "qemu").played]
    assert [step.refused for step in steps] == ["", "", ""]
    assert steps[2].value == 2


@pytest.mark.parametrize("text", FOUND.values(), ids=FOUND)
def test_our_model_does_as_the_real_one(text):
    told = run(parse(HEAD + text), "qemu")
    assert [each.passed for each in told.asked] == [True] * len(told.asked) != []


@pytest.mark.parametrize("text", FOUND.values(), ids=FOUND)
def test_nobody_listening_changes_nothing(text):
    scenario = parse(HEAD + text)
    player = Player(scenario.machine)
    for operation in scenario.operations:
        if isinstance(operation, Expect):
            assert player.apply(operation).expectation.passed, player.seq
        player.advance(operation)


@pytest.mark.live
def test_the_real_one_does_so():
    for name, text in FOUND.items():
        assert not run(parse(HEAD + text), LIVE_QEMU).failed, name
