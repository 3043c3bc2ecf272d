"""Pictures of pages held against stored ones, in the coarse: what stands where and how dark, not how letters look.

A picture is kept as a mosaic: each tile is the mean colour of a square of the page. Another font moves letters by some
pixels and changes few tiles, 4 % of them with three families tried; a pane that is gone (11 %), a theme that is not
taken or a broken layout changes more.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

from PIL import Image, ImageChops

FOLDER = Path(__file__).parent / "looks"
OUTPUT = Path(__file__).resolve().parents[2] / "test-output" / "looks"
TILE = 96
# Shades of 255 by which a tile may differ, and the share of tiles that may differ by more.
SHADES = 7
MOST_OFF = 0.05


def mosaic(png: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    return picture.resize((-(-picture.width // TILE), -(-picture.height // TILE)), Image.Resampling.BOX)


def share_off(one: Image.Image, other: Image.Image) -> float:
    """The share of tiles in which two mosaics of one size differ, from 0 to 1."""
    differences = ImageChops.difference(one, other)
    worst = ImageChops.lighter(ImageChops.lighter(*differences.split()[:2]), differences.split()[2])
    off = sum(worst.histogram()[SHADES + 1 :])
    return off / (one.width * one.height)


def check(name: str, png: bytes) -> str:
    """What is wrong with the look of a page, "" if nothing. With GICLAB_KEEP_LOOKS set, what it looks like is kept."""
    found, file = mosaic(png), FOLDER / f"{name}.png"
    if os.environ.get("GICLAB_KEEP_LOOKS"):
        FOLDER.mkdir(exist_ok=True)
        found.save(file, optimize=True)
        return ""
    if not file.is_file():
        return f"{name}: no stored look"
    with Image.open(file) as stored:
        kept = stored.convert("RGB")
    if kept.size != found.size:
        return f"{name}: {found.size} tiles, stored are {kept.size}"
    off = share_off(found, kept)
    if off <= MOST_OFF:
        return ""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    (OUTPUT / f"{name}.png").write_bytes(png)
    ImageChops.difference(found, kept).resize(Image.open(io.BytesIO(png)).size).save(OUTPUT / f"{name}-off.png")
    return f"{name}: {off:.1%} of the tiles look otherwise (see test-output/looks/)"
