"""Whatever is done to an input, it is imported as far as it can be read, or refused with CannotImport."""

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app.exchange.imports.pieces import CannotImport
from app.exchange.imports.registry import FORMATS
from tests.exchange.importing import imported, scenario
from tests.exchange.test_import_formats import DATA, SAMPLES
from tests.exchange.test_import_qemu import COMMANDS, SET_UP
from tests.exchange.test_qemu_trace import LINES

TEXTS = [(DATA / name).read_text() for name in SAMPLES] + [SET_UP + COMMANDS + "\n".join(LINES)]
NUMBERS = (
    "0",
    "-1",
    "7",
    "8192",
    "65536",
    "0xffffffff",
    "0xffffffffffffffff",
    "ffffffffffffffff",
    "99999999999999999999",
)
FORMS = st.sampled_from(["", *FORMATS])
BASES = st.sampled_from([None, 0, 0x0800_0000, 0x4020_0000, 0x5FFF_FFF0, 1 << 47, (1 << 64) - 1])


@st.composite
def mutated(draw):
    """A sample with some of its lines cut, doubled, swapped, or with other numbers or characters in them."""
    lines = draw(st.sampled_from(TEXTS)).splitlines(keepends=True)
    if draw(st.booleans()):
        lines += draw(st.sampled_from(TEXTS)).splitlines(keepends=True)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(lines) - 1))
        lines[at] = _line(draw, lines[at])
        if draw(st.booleans()):
            lines.insert(draw(st.integers(0, len(lines))), lines[at])
    return "".join(lines)


def _line(draw, line):
    kind = draw(st.sampled_from(["cut", "number", "character", "nothing", "text"]))
    if kind == "cut":
        return line[: draw(st.integers(0, len(line)))]
    if kind == "number":
        words = line.split(" ")
        words[draw(st.integers(0, len(words) - 1))] = draw(st.sampled_from(NUMBERS))
        return " ".join(words)
    if kind == "character":
        at = draw(st.integers(0, len(line)))
        return line[:at] + draw(st.characters(exclude_categories=["Cs"])) + line[at + 1 :]
    return "" if kind == "nothing" else draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=60)) + "\n"


def look(content, form="", **options):
    with tempfile.TemporaryDirectory() as directory:
        try:
            found = imported(Path(directory), content, form, **options)
        except CannotImport:
            return
        read = scenario(found)
        assert found.steps == len(read.operations)
        assert found.lines >= found.understood >= 0
        assert list(found.line_of) == sorted(found.line_of)
        for remarks in (found.bad, found.others, found.facts, found.inferred, found.differences):
            assert all(1 <= each.line <= found.lines for each in remarks.kept)


@given(mutated(), FORMS, BASES)
@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@example(TEXTS[-1], "", None)
def test_a_mutated_text_is_imported_or_refused(text, form, base):
    look(text, form if form != "image" else "", base=base)


@given(st.binary(max_size=400), FORMS, BASES, st.sampled_from(["", "config", "pending", "itt", "memory"]))
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_bytes_are_imported_or_refused(data, form, base, kind):
    look(data, form, base=base, kind=kind)
