"""Links: everything in the url, short, bounded, and clear about what is wrong with one that does not open."""

import base64
import hashlib
import time
import zlib
from dataclasses import replace

import pytest
from hypothesis import given, settings

from app.scenario import LinkError, ScenarioError, format_scenario, links, parse
from app.scenario.lessons import LESSONS
from tests.scenario.strategies import scenarios


def payload(data, form=links.FORMAT, checked=True):
    """A payload made by hand."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zdict=links.DICTIONARY)
    body = deflate.compress(data) + deflate.flush()
    check = links._checksum(data) if checked else b"\0\0"
    return base64.urlsafe_b64encode(bytes([form]) + check + body).rstrip(b"=").decode()


@settings(max_examples=100, deadline=None)
@given(scenarios())
def test_a_link_carries_the_scenario(scenario):
    link = links.unpack(links.pack(scenario, step=7, view={"register": "GICR_PENDBASER@0"}))
    assert link.scenario() == replace(scenario, preamble="")
    assert (link.step, dict(link.view)) == (7, {"register": "GICR_PENDBASER@0"})


def test_a_text_is_carried_as_it_is():
    text = "this is   no scenario\n\n\tä→"
    link = links.unpack(links.pack(text))
    assert (link.text, link.step, dict(link.view)) == (text, None, {})
    with pytest.raises(ScenarioError, match="link:1:1: unknown verb this"):
        link.scenario()


def test_the_model_version_and_the_final_state_have_their_place():
    link = links.unpack(links.pack("note a\n", model="1.4", state="ab12"))
    assert (link.model, link.state, dict(link.view)) == ("1.4", "ab12", {})


def test_a_view_may_not_take_a_name_of_the_link_s_own():
    with pytest.raises(LinkError, match="names s, m and h"):
        links.pack("", view={"s": "1"})


def test_only_url_safe_characters():
    assert set(links.pack("".join(map(chr, range(32, 3000))))) <= set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    )


def forty_lines():
    head = ["title Forty lines", "machine implementation=qemu cpus=4"]
    cpus = [
        line
        for cpu in range(4)
        for line in (
            f"write GICR_PROPBASER@{cpu} Physical_Address=0x40100000 IDbits=15",
            f"write GICR_PENDBASER@{cpu} PTZ=1 Physical_Address={0x40200000 + cpu * 0x10000:#x}",
            f"write GICR_CTLR@{cpu} EnableLPIs=1",
        )
    ]
    devices = [f"its MAPD device={n + 2} itt={0x40400000 + n * 4096:#x} size={n + 3}" for n in range(3)]
    events = [
        line
        for n in range(8)
        for line in (
            f"its MAPC collection={n} target={n % 4}",
            f"its MAPTI device={n % 3 + 2} event={n} intid={8192 + n * 5} collection={n}",
        )
    ]
    checks = [
        line
        for n in range(3)
        for line in (f"msi device={n % 3 + 2} event={n}", f"expect pending({8192 + n * 5})@{n % 4} == 1")
    ]
    return [*head, *cpus, *devices, *events, *checks, "read GICR_PENDBASER@3"]


def test_forty_lines_stay_under_500_characters():
    lines = forty_lines()
    assert len(lines) == 40
    link = links.pack(parse("\n".join(lines) + "\n"), step=39, view={"register": "GICR_PENDBASER@3"})
    assert len(link) < 500


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.slug)
def test_a_lesson_fits_into_a_link(lesson):
    scenario = parse(lesson.text)
    link = links.unpack(links.pack(scenario))
    assert format_scenario(link.scenario()) == format_scenario(scenario)
    assert len(links.pack(scenario)) < 1600


def test_the_dictionary_of_format_1_never_changes():
    digest = hashlib.sha256(links.DICTIONARY).hexdigest()
    assert digest == "49e26cdd008bfc4095301ea41efaebf05d0e59dba68b9fe9f547af5b54183e8e"


def test_a_link_of_format_1_opens_for_ever():
    assert links.unpack("ATGWgzrSEUdGAgA").text == "title A\nread GICR_PENDBASER@0\n"


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("", "empty"),
        ("AQ", "cut off"),
        ("A", "cut off"),
        ("not a link!", "character 4 of the link, ' ', does not belong"),
        ("AQAA!", "character 5"),
        (payload(b"\nnote a\n", form=2), "format 2, this giclab reads format 1: a newer one made it"),
        (payload(b"\nnote a\n", form=0), "format 0"),
        (payload(b"\nnote a\n", checked=False), "checksum"),
        (payload(b"s=x\nnote a\n"), "step is not a number"),
        (payload(b"\n\xff\xfe"), "does not hold text"),
        (payload(b"&".join(b"k%d=1" % n for n in range(40)) + b"\n"), "more than 32"),
        (payload(b"\n" + b"x" * (links.LONGEST_TEXT + 10)), "unpacks to more than"),
        ("A" * (links.LONGEST_PAYLOAD + 1), "characters (at most"),
        ("AQAA" + "_" * 40, "damaged"),
    ],
)
def test_what_is_wrong_with_a_link_is_said(broken, said):
    with pytest.raises(LinkError, match=said.replace("(", r"\(")):
        links.unpack(broken)


def test_a_link_cut_anywhere_is_refused():
    whole = links.pack("title A\nread GICR_PENDBASER@0\nexpect GICR_PENDBASER@0.PTZ == 0\n")
    for length in range(len(whole)):
        with pytest.raises(LinkError):
            links.unpack(whole[:length])


def test_a_changed_character_is_noticed():
    whole = links.pack("title A\nread GICR_PENDBASER@0\nexpect GICR_PENDBASER@0.PTZ == 0\n")
    for index in range(len(whole) - 1):
        changed = whole[:index] + ("A" if whole[index] != "A" else "B") + whole[index + 1 :]
        with pytest.raises(LinkError):
            links.unpack(changed)


def test_a_bomb_is_refused_quickly_and_in_little_memory():
    bomb = payload(b"\n" + b"\0" * (200 << 20))
    start = time.perf_counter()
    with pytest.raises(LinkError, match="unpacks to more than"):
        links.unpack(bomb)
    assert time.perf_counter() - start < 0.5


def test_a_text_that_is_too_long_is_not_packed():
    with pytest.raises(LinkError, match="too long"):
        links.pack("x" * (links.LONGEST_TEXT + 1))
