"""The stylesheet and the scripts: nothing unused, nothing heavy, nothing that the policy forbids."""

import gzip
import re
from pathlib import Path

import pytest

from app.web import assets

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "static"
STYLESHEET = (STATIC / "app.css").read_text()
SCRIPTS = sorted((STATIC / "js").glob("*.js"))
FIRST_LOAD_BYTES = 60_000
SCRIPT_BYTES = 20_000


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
    together |= {f"stop--{kind}" for kind in ("holds", "broken", "after", "absent")}
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


def gzipped(name):
    return len(assets.load(name).packed["gzip"])


@pytest.mark.parametrize("bundle", assets.BUNDLES)
def test_the_first_load_is_light(bundle):
    script = gzipped(bundle) + sum(gzipped(f"{path.relative_to(STATIC)}") for path in (STATIC / "vendor").rglob("*.js"))
    assert script <= SCRIPT_BYTES
    assert script + gzipped("app.css") + gzipped("icons.svg") <= FIRST_LOAD_BYTES


def test_only_what_is_ours_is_made_smaller():
    for name in ("vendor/htmx-4.0.1/htmx.min.js", "icons.svg"):
        assert assets.load(name).body == (STATIC / name).read_bytes()
    css = assets.load("app.css").body
    assert len(css) < 0.9 * len((STATIC / "app.css").read_bytes())
    assert b"/*" not in css


@pytest.mark.parametrize("bundle", assets.BUNDLES)
def test_a_bundle_has_each_of_its_modules_in_a_block_of_its_own(bundle):
    body = assets.load(bundle).body.decode()
    for module in assets.BUNDLES[bundle]:
        assert f"{{{assets.load(f'js/{module}.js').body.decode()}}}" in body
        assert not re.search(r"^(export|import) ", (STATIC / f"js/{module}.js").read_text(), re.MULTILINE)


def test_every_module_is_loaded_by_some_page():
    templates = "".join(path.read_text() for path in (ROOT / "templates").rglob("*.html"))
    loaded = {module for modules in assets.BUNDLES.values() for module in modules}
    loaded |= {path.stem for path in SCRIPTS if f"js/{path.name}" in templates}
    assert {path.stem for path in SCRIPTS} == loaded
