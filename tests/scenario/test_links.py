"""Links: everything in the url, short, bounded, and clear about what is wrong with one that does not open."""

import base64
import hashlib
import tracemalloc
import zlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.scenario import Line, LinkError, MachineSpec, Scenario, ScenarioError, format_scenario, links, parse
from app.scenario.lessons import FOLDER, LESSONS
from app.scenario.operations import Note, Poke
from app.scenario.record import Record, drift, record, words
from app.scenario.scenario import Title, line_operation
from tests.scenario.strategies import scenarios


def payload(data, form=links.FORMAT, checked=True):
    """A payload made by hand."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zdict=links.DICTIONARIES.get(form, b"none"))
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


@settings(max_examples=50, deadline=None)
@given(scenarios(), st.lists(st.text("0123456789abcdef+-=~>:;!s"), max_size=40), st.binary(min_size=1, max_size=60))
def test_a_link_carries_what_came_of_the_scenario(scenario, answers, states):
    told = Record("1.4", tuple(answers) or ("",), states)
    link = links.unpack(links.pack(scenario, step=7, view={"register": "GICD_CTLR"}, record=told))
    assert link.record == told
    assert link.scenario() == replace(scenario, preamble="")
    assert (link.step, dict(link.view)) == (7, {"register": "GICD_CTLR"})


def test_a_link_may_say_nothing_of_what_came_of_it():
    assert links.unpack(links.pack("note a\n")).record is None


def test_a_view_may_not_take_a_name_of_the_link_s_own():
    with pytest.raises(LinkError, match="names s and m"):
        links.pack("", view={"s": "1"})


def test_only_url_safe_characters():
    assert set(links.pack("".join(map(chr, range(32, 3000))))) <= set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"  # pragma: allowlist secret
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
    scenario = parse("\n".join(lines) + "\n")
    view = {"register": "GICR_PENDBASER@3", "tab": "devices"}
    assert len(links.pack(scenario, step=38, view=view, record=record(scenario, "0.1.0"))) < 500


def of_the_machine(operation):
    """Not words, and not a whole table in one line."""
    return not isinstance(operation, Note | None) and not (isinstance(operation, Poke) and len(operation.data) > 64)


def real_scenarios():
    """Forty lines each of what people and engineers have written: lessons, and what shows each behaviour."""
    texts = [lesson.text for lesson in LESSONS]
    texts += [path.read_text(encoding="utf-8") for path in sorted(FOLDER.parent.glob("behaviours/*.gic"))]
    told = [scenario for text in texts if (scenario := parse(text)).machine.security == 1]
    rows = [line for scenario in told for line in scenario.lines if of_the_machine(line_operation(line))]
    for start in range(0, len(rows) - 37, 37):
        machine = MachineSpec("kvm", 4)
        yield Scenario((Line(Title("What this shows")), Line(machine), *rows[start : start + 37]))


def test_forty_real_lines_stay_under_500_characters():
    lengths = []
    for scenario in real_scenarios():
        packed = links.pack(scenario, step=37, view={"register": "GICR_PENDBASER@0"}, record=record(scenario, "0.1.0"))
        lengths.append(len(packed))
        assert links.unpack(packed).scenario() == scenario
    assert len(lengths) >= 10
    assert max(lengths) < 500, lengths


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.slug)
def test_a_lesson_fits_into_a_link(lesson):
    scenario = parse(lesson.text)
    link = links.unpack(links.pack(scenario))
    assert format_scenario(link.scenario()) == format_scenario(scenario)
    assert len(links.pack(scenario)) < 1600


def test_the_dictionaries_of_the_formats_never_change():
    assert {form: hashlib.sha256(data).hexdigest() for form, data in links.DICTIONARIES.items()} == {
        1: "49e26cdd008bfc4095301ea41efaebf05d0e59dba68b9fe9f547af5b54183e8e",
        2: "270d64402f2fbefda2fb9bd34ee279c4368930655b23988c08650f942487c9e8",
    }


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
        (payload(b"\nnote a\n", form=3), "format 3, this giclab reads formats 1 and 2: a newer one made it"),
        (payload(b"\nnote a\n", form=2), "holds no answers"),
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


PTZ = "title A\nread GICR_PENDBASER@0\nexpect GICR_PENDBASER@0.PTZ == 0\n"
BOTH_FORMATS = pytest.mark.parametrize(
    "whole", [links.pack(PTZ), links.pack(PTZ, record=record(parse(PTZ), "1"))], ids=["without", "with a record"]
)


@BOTH_FORMATS
def test_a_link_cut_anywhere_is_refused(whole):
    for length in range(len(whole)):
        with pytest.raises(LinkError):
            links.unpack(whole[:length])


@BOTH_FORMATS
def test_a_changed_character_is_noticed(whole):
    for index in range(len(whole) - 1):
        changed = whole[:index] + ("A" if whole[index] != "A" else "B") + whole[index + 1 :]
        with pytest.raises(LinkError):
            links.unpack(changed)


def test_a_link_of_format_2_opens_for_ever():
    link = links.unpack("ApJ7ywUGNMSdjjiyJ6GiiIvB1MJARxsAU-Hr5A")
    assert link.text == "title A\nread GICR_PENDBASER@0\nexpect GICR_PENDBASER@0.PTZ == 0\n"
    assert link.record == Record("1", ("580", "+"), b"S\xe1\xeb\xe4")


def packed_by_hand(form, data, trailer):
    """A payload with a right checksum, whatever is in it."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zdict=links.DICTIONARIES[form])
    body = deflate.compress(data) + deflate.flush() + trailer
    return base64.urlsafe_b64encode(bytes([form]) + links._checksum(data + trailer) + body).rstrip(b"=").decode()


HEADS = st.sampled_from([b"\n", b"s=7&m=1\n", b"m=" + b"9" * 100 + b"&embed=1\n", b"s=&&=&m\n", b"%00=%ff\n"])


@settings(max_examples=200, deadline=None)
@given(st.sampled_from((1, 2)), HEADS, st.binary(max_size=60), st.binary(max_size=20))
def test_whatever_a_link_holds_it_opens_or_is_refused(form, head, data, trailer):
    try:
        link = links.unpack(packed_by_hand(form, head + data, trailer))
    except LinkError:
        return
    assert len(link.record.model if link.record else "") <= 32
    if link.record is not None:
        assert [words(answer) for answer in link.record.answers]
        drift(parse("note a\n"), link.record, Record("", ("",), link.record.states))


def test_a_bomb_is_refused_in_little_memory():
    bomb = payload(b"\n" + b"\0" * (200 << 20))
    tracemalloc.start()
    with pytest.raises(LinkError, match="unpacks to more than"):
        links.unpack(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 << 20, "most of the 200 MiB was never unpacked"


def test_a_text_that_is_too_long_is_not_packed():
    with pytest.raises(LinkError, match="too long"):
        links.pack("x" * (links.LONGEST_TEXT + 1))
