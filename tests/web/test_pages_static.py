"""The stylesheet and the scripts: nothing unused, nothing heavy, nothing that the policy forbids."""

import gzip
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "static"
STYLESHEET = (STATIC / "app.css").read_text()
SCRIPTS = sorted((STATIC / "js").glob("*.js"))
FIRST_LOAD_BYTES = 60_000
SCRIPT_BYTES = 25_000


def packed(path):
    return len(gzip.compress(path.read_bytes(), 9))


def written():
    """Everything in which a class may be named."""
    sources = [*(ROOT / "templates").rglob("*.html"), *SCRIPTS, *(ROOT / "app/web/views").glob("*.py")]
    return "\n".join(path.read_text() for path in sources)


def test_every_class_of_the_stylesheet_is_used():
    selectors = re.sub(r"/\*.*?\*/|\{[^{}]*\}", " ", STYLESHEET, flags=re.DOTALL)
    classes = set(re.findall(r"\.([a-z][a-zA-Z0-9_-]*)", selectors))
    text = written()
    # Put together in a template: an access, a state, a span of bits, a tag's kind.
    together = {f"acc--{kind}" for kind in ("rw", "ro", "wo", "res0")}
    together |= {f"st--{kind}" for kind in ("pending", "active", "masked", "off")}
    together |= {f"n{bits}" for bits in range(1, 17)} | {"tag--pass", "tag--fail"}
    assert {name for name in classes - together if not re.search(rf"(?<![\w-]){name}(?![\w-])", text)} == set()


def test_every_custom_property_is_used():
    defined = set(re.findall(r"(?<![\w-])(--[a-z0-9-]+):", STYLESHEET))
    assert {name for name in defined if f"var({name})" not in STYLESHEET} == set()


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_says_what_it_does_and_brings_nothing_in(path):
    text = path.read_text()
    assert text.startswith("// ")
    assert not re.search(r"^import |\beval\(|new Function|innerHTML|https?://|\.style\b", text, re.MULTILINE)


def test_the_first_load_is_light():
    names = re.search(r"for name in \((.*?)\)", (ROOT / "templates/explorer.html").read_text())[1]
    scripts = [STATIC / f"js/{name}.js" for name in re.findall(r"'(\w+)'", names)]
    assert len(scripts) > 5
    scripts += (STATIC / "vendor").rglob("*.js")
    assert sum(map(packed, scripts)) <= SCRIPT_BYTES
    assert sum(map(packed, scripts)) + packed(STATIC / "app.css") + packed(STATIC / "icons.svg") <= FIRST_LOAD_BYTES
