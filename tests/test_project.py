"""The project's own files: what is vendored is unmodified, and nothing names a machine or a package registry's host."""

import base64
import hashlib
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "static" / "vendor"
MANIFEST = tomllib.loads((VENDOR / "MANIFEST.toml").read_text())["file"]
SHIPPED_TEXTS = [
    "README.md",
    "Makefile",
    "Dockerfile",
    "pyproject.toml",
    "requirements.lock",
    "requirements-dev.lock",
    ".ci/run",
]


@pytest.mark.parametrize("entry", MANIFEST, ids=lambda entry: entry["path"])
def test_a_vendored_file_is_the_one_in_the_manifest(entry):
    digest = hashlib.sha384((VENDOR / entry["path"]).read_bytes()).digest()
    assert base64.b64encode(digest).decode() == entry["sha384"]
    assert (VENDOR / entry["licence_file"]).read_text().strip()


def test_every_vendored_script_is_in_the_manifest():
    scripts = {str(path.relative_to(VENDOR)) for path in VENDOR.rglob("*") if path.suffix in {".js", ".css"}}
    assert scripts == {entry["path"] for entry in MANIFEST}


@pytest.mark.parametrize("name", SHIPPED_TEXTS)
def test_no_registry_host_and_no_path_of_one_machine(name):
    text = (ROOT / name).read_text()
    assert not re.search(r"--(extra-)?index-url|--find-links|-i https?:", text)
    assert not re.search(r"pypi|pkg\.dev|npmjs|artifact|jfrog|nexus", text, re.IGNORECASE)
    assert not re.search(r"(?<![\w.])/(home|root|work|Users)/", text)


def test_locks_pin_every_package_with_hashes():
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text().replace("\\\n", " ")
        for line in filter(None, text.splitlines()):
            assert re.match(r"[a-z0-9-]+(\[[a-z,]+\])?==\S+ ", line), line
            assert "--hash=sha256:" in line, line


def test_development_pins_agree_with_the_runtime_pins():
    def pins(name):
        return dict(re.findall(r"^([a-z0-9-]+)(?:\[[^\]]*\])?==(\S+)", (ROOT / name).read_text(), re.MULTILINE))

    runtime, development = pins("requirements.lock"), pins("requirements-dev.lock")
    assert runtime.items() <= development.items()


def test_licence_is_apache_2():
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert text.rstrip().endswith("limitations under the License.")
