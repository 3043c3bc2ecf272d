"""Scenario text cut into a header and one block per operation, and put together again."""

import pytest

from app.scenario import ScenarioError, parse
from app.sessions import log

TEXT = """\
# why we are here
title  PTZ reads as zero
machine implementation=kvm cpus=2

# first the table
write  GICR_PENDBASER@0 PTZ=1   # and zero it
read   GICR_PENDBASER@0

note   done
# the end
"""


def test_each_operation_keeps_the_comments_above_it():
    blocks = log.cut(TEXT, parse(TEXT))
    assert (
        blocks.header
        == "# why we are here\ntitle  PTZ reads as zero\nmachine implementation=kvm cpus=2\n\n# first the table"
    )
    assert blocks.operations == (
        "write  GICR_PENDBASER@0 PTZ=1   # and zero it",
        "read   GICR_PENDBASER@0",
        "\nnote   done\n# the end",
    )


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        "",
        "read GICD_CTLR\n",
        "machine cpus=1\n",
        "# only a comment\n",
        "read GICD_CTLR\n\n\n# x\nread GICD_TYPER\n",
        "read GICD_CTLR\ntitle late\nread GICD_TYPER\n",
        "---\ntitle: A lesson\n---\nProse.\n---\nread GICD_CTLR\n",
    ],
)
def test_joined_again_it_is_the_same_scenario(text):
    scenario = parse(text)
    blocks = log.cut(text, scenario)
    again = parse(log.join(blocks.header, blocks.operations))
    assert again.operations == scenario.operations
    assert (again.title, again.machine, again.preamble) == (scenario.title, scenario.machine, scenario.preamble)
    assert log.join(blocks.header, blocks.operations) == (text or "\n")


def test_windows_line_ends_and_a_byte_order_mark_are_not_kept():
    text = "\ufeff" + TEXT.replace("\n", "\r\n")
    blocks = log.cut(text, parse(text))
    assert log.join(blocks.header, blocks.operations) == TEXT


def test_a_stored_log_reads_whole():
    blocks = log.cut(TEXT, parse(TEXT))
    readable = log.read(blocks.header, blocks.operations, "s")
    assert readable.scenario.operations == parse(TEXT).operations
    assert readable.broken_at == 0


def test_a_line_that_cannot_be_read_ends_the_log_there():
    rows = ["read GICD_CTLR", "# fine\n\nread GICD_TYPER", "# hm\nraed GICD_CTLR", "read GICD_CTLR"]
    readable = log.read("title x", rows, "s")
    assert len(readable.scenario.operations) == 2
    assert readable.broken_at == 3
    assert "raed" in readable.reason


def test_a_header_that_cannot_be_read_is_an_error():
    with pytest.raises(ScenarioError, match="vax"):
        log.read("machine implementation=vax", ["read GICD_CTLR"], "s")


def test_the_line_of_a_block_is_the_one_that_does_something():
    (operation,) = parse("note x # y\n").operations
    assert log.operation_line("# note this\n\n  note x # y\n# after", operation) == "note x # y"
