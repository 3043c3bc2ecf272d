"""The project's own files: what is vendored is unmodified, and nothing names a machine or a package registry's host."""

import base64
import hashlib
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import app

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


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of this tree, unpacked as an installer does it."""
    built = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(built)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    [archive] = built.glob("*.whl")
    zipfile.ZipFile(archive).extractall(built / "site")
    return built / "site"


def test_a_wheel_carries_templates_static_files_register_maps_and_lessons(wheel):
    def names(folder):
        return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}

    assert names(wheel / "app" / "_templates") == names(ROOT / "templates")
    assert names(wheel / "app" / "_static") == names(ROOT / "static")
    for pattern in ("app/registers/rdl/*.rdl", "app/lessons/*.md", "app/lessons/recordings/*.json", "app/py.typed"):
        shipped = {path.name for path in wheel.glob(pattern)}
        assert shipped == {path.name for path in ROOT.glob(pattern)}
        assert shipped
    [entry_points] = wheel.glob("*.dist-info/entry_points.txt")
    assert "giclab = app.cli:main" in entry_points.read_text()


def test_an_installed_wheel_serves_its_page(wheel, tmp_path):
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import app, asyncio, httpx2\n"
        "from app.settings import Settings\n"
        "from app.web.app import create_app\n"
        "async def main():\n"
        "    made = create_app(Settings(database_url='sqlite:///' + sys.argv[2]))\n"
        "    async with made.router.lifespan_context(made):\n"
        "        transport = httpx2.ASGITransport(app=made)\n"
        "        async with httpx2.AsyncClient(transport=transport, base_url='http://giclab.test') as client:\n"
        "            print(app.__file__, (await client.get('/')).status_code)\n"
        "            print((await client.get('/static/vendor/htmx-4.0.1/htmx.min.js')).status_code)\n"
        "asyncio.run(main())\n"
    )
    run = [sys.executable, "-c", program, str(wheel), str(tmp_path / "giclab.db")]
    told = subprocess.run(run, cwd=tmp_path, check=True, capture_output=True, text=True).stdout.split()
    assert told == [str(wheel / "app" / "__init__.py"), "200", "200"]


def test_the_version_is_the_same_everywhere():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert app.__version__ == declared


def test_the_image_runs_as_nobody_special_and_is_checked():
    dockerfile = (ROOT / "Dockerfile").read_text()
    stages = dockerfile.split("\nFROM ")
    assert "--require-hashes -r requirements.lock" in stages[0]
    assert re.search(r"^USER (?!root)", stages[-1], re.MULTILINE)
    assert "/healthz" in stages[-1]
    for copied in ("app", "static", "templates", "pyproject.toml", "requirements.lock", "README.md", "LICENSE"):
        assert f"!{copied}\n" in (ROOT / ".dockerignore").read_text()
