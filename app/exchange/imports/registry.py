"""All formats, and which of them an input is of."""

from __future__ import annotations

from collections import Counter

from app.exchange.imports import (
    byte_dump,
    devmem,
    image,
    linux_boot,
    qemu_log,
    unit_tests,
    vgic_state,
    word_dump,
)
from app.exchange.imports.pieces import CannotImport, Format
from app.scenario.errors import nearest_names

MODULES = (qemu_log, vgic_state, linux_boot, unit_tests, devmem, byte_dump, word_dump, image)
"""Where several formats' lines look alike, the one whose lines say more comes first."""
FORMATS: dict[str, Format] = {each.FORMAT.name: each.FORMAT for each in MODULES}


def format_named(name: str) -> Format:
    """The format of that name. CannotImport: there is none."""
    found = FORMATS.get(name)
    if found is None:
        near = nearest_names(name, FORMATS)
        hint = f"Did you mean {' or '.join(near)}?" if near else f"There are {', '.join(FORMATS)}."
        raise CannotImport(f"there is no format {name[:40]!r}", hint)
    return found


def recognise(lines: list[str]) -> Format:
    """The format that most of these lines are of. CannotImport where no line is of any."""
    votes: Counter[str] = Counter()
    for text in lines:
        for name, form in FORMATS.items():
            if form.detect(text):
                votes[name] += 1
                break
    if not votes:
        raise CannotImport(
            f"none of the first {len(lines)} lines is of a known format" if lines else "there is nothing in it",
            f"Known are: {'; '.join(form.title for form in FORMATS.values())}.",
        )
    return FORMATS[votes.most_common(1)[0][0]]
