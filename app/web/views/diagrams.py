"""The small pictures of lessons, made from a few words: `[ITS] > *8195`. docs/lessons.md lists what there is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from markupsafe import Markup

WIDTH, HEIGHT = 240, 84
CELL, GAP, LETTER = 11, 8, 5.4
ARROW, DISC = 22, 5
ROWS_AT = {1: (42,), 2: (24, 60)}
CELLS = {"0": "b", "1": "on", "x": "xf", "?": "soft"}
SMALLEST = 0.62


@dataclass(frozen=True, slots=True)
class _Item:
    """A word with its width. `kind`: text, box, cells, arrow or disc."""

    kind: str
    text: str
    width: float


@lru_cache(maxsize=64)
def diagram(description: str) -> Markup:
    """The picture as SVG, 240 by 84, coloured by classes of the stylesheet."""
    rows = [[_item(word) for word in row.split()] for row in description.split(" / ")][:2]
    drawn = "".join("".join(_row(row, at)) for row, at in zip(rows, ROWS_AT[len(rows)], strict=True))
    return Markup('<svg class="dg" viewBox="0 0 {} {}" aria-hidden="true">{}</svg>').format(
        WIDTH,
        HEIGHT,
        Markup(drawn),  # noqa: S704 - made of numbers and escaped words just below
    )


def _item(word: str) -> _Item:
    text = word.replace("_", " ")
    if word == ">":
        return _Item("arrow", "", ARROW)
    if word.startswith("[") and word.endswith("]"):
        return _Item("box", text[1:-1], LETTER * (len(word) - 2) + 12)
    if word.startswith("#"):
        return _Item("cells", word[1:], CELL * (len(word) - 1))
    if word.strip("*") == "" or word == "o" or (word[0] in "*o" and word[1:].isdigit()):
        discs = len(word) if word.strip("*") == "" else 1
        label = "" if discs > 1 or len(word) == 1 else word[1:]
        return _Item("disc", f"{word[0] * discs}{label}", discs * (2 * DISC + 3) + LETTER * 1.1 * len(label))
    return _Item("text", text, LETTER * len(text))


def _row(items: list[_Item], y: float) -> Iterator[Markup]:
    """The row's shapes, centred; a row that is too wide is drawn smaller."""
    total = sum(item.width for item in items) + GAP * (len(items) - 1)
    scale = max(SMALLEST, min(1.0, (WIDTH - 12) / total))
    x = max(6 / scale, (WIDTH / scale - total) / 2)
    if scale < 1:
        yield Markup('<g transform="translate(0 {:.1f}) scale({:.3f})">').format(y * (1 - scale), scale)
    for item in items:
        yield from DRAW[item.kind](item, x, y)
        x += item.width + GAP
    if scale < 1:
        yield Markup("</g>")


def _text(item: _Item, x: float, y: float) -> Iterator[Markup]:
    mono = "m " if any(char.isdigit() for char in item.text) else ""
    yield Markup('<text class="{}t" x="{:.1f}" y="{}">{}</text>').format(mono, x, y + 3.5, item.text)


def _box(item: _Item, x: float, y: float) -> Iterator[Markup]:
    yield Markup('<rect class="soft" x="{:.1f}" y="{}" width="{:.1f}" height="22" rx="1"/>').format(
        x, y - 11, item.width
    )
    middle = x + item.width / 2
    yield Markup('<text x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(middle, y + 3.5, item.text)


def _cells(item: _Item, x: float, y: float) -> Iterator[Markup]:
    for index, cell in enumerate(item.text):
        shape = Markup('<rect class="{}" x="{:.1f}" y="{}" width="{}" height="14"/>')
        yield shape.format(CELLS.get(cell, "b"), x + CELL * index, y - 7, CELL)


def _arrow(_: _Item, x: float, y: float) -> Iterator[Markup]:
    yield Markup('<path class="a" d="M{:.1f} {}h{}"/>').format(x, y, ARROW - 4)
    tip = x + ARROW
    yield Markup('<polygon class="ah" points="{0:.1f},{1} {2:.1f},{3} {2:.1f},{4}"/>').format(
        tip, y, tip - 5, y - 2.4, y + 2.4
    )


def _disc(item: _Item, x: float, y: float) -> Iterator[Markup]:
    discs = len(item.text) - len(item.text.lstrip("*o"))
    for index in range(discs):
        shape = Markup('<circle class="{}" cx="{:.1f}" cy="{}" r="{}"/>')
        kind = "on" if item.text[0] == "*" else "l"
        yield shape.format(kind, x + DISC + index * (2 * DISC + 3), y, DISC - 0.5)
    label = item.text[discs:]
    if label:
        yield Markup('<text class="m ink" x="{:.1f}" y="{}">{}</text>').format(x + 2 * DISC + 3, y + 3.5, label)


DRAW = {"text": _text, "box": _box, "cells": _cells, "arrow": _arrow, "disc": _disc}
