"""The project's own files: what is vendored is unmodified, and nothing names a machine or a package registry's host."""

import base64
import hashlib
import json
import os
import re
import runpy
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
    ".ci/audit",
    ".ci/secrets",
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


def checked(path):
    command = [sys.executable, ROOT / ".ci" / "secrets", path]
    return subprocess.run(command, check=False, capture_output=True, text=True, env={**os.environ, "PATH": ""})


SECRETS = {
    "Private Key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "Secret Keyword": "pass" + "word = 'hq8Kd0Lw2Zt5'",
    "AWS Access Key": "AKIA" + "Q3EGVXZK7RTMWLNP",
    "Basic Auth Credentials": "postgresql://giclab:" + "hq8Kd0Lw@database/giclab",
}


@pytest.mark.parametrize("kind", SECRETS)
def test_a_secret_in_a_file_is_found_and_told_without_it(kind, tmp_path):
    (tmp_path / "settings.py").write_text(f"first = 1\n{SECRETS[kind]}\n")
    told = checked(tmp_path / "settings.py")
    assert told.returncode == 1
    assert f"settings.py:2: {kind}" in told.stderr
    assert SECRETS[kind][-8:] not in told.stderr


def test_what_is_no_secret_passes(tmp_path):
    (tmp_path / "settings.py").write_text("password = input()\nbase = '0x08090000'\n")
    assert checked(tmp_path / "settings.py").returncode == 0


AUDIT = runpy.run_path(str(ROOT / ".ci" / "audit"))["report"]
CLEAN = {"name": "fastapi", "version": "1.0", "vulns": []}
FLAWED = {"name": "jinja2", "version": "1.0", "vulns": [{"id": "CVE-1", "fix_versions": ["1.1"]}]}
UNKNOWN = {"name": "anyio", "skip_reason": "could not be audited"}


@pytest.mark.parametrize(
    ("packages", "code", "says"),
    [
        ([CLEAN], 0, "Audit made: 0 known vulnerabilities in 1 packages."),
        ([CLEAN, FLAWED], 1, "jinja2 1.0: CVE-1, mended in 1.1"),
        ([CLEAN, UNKNOWN], 0, "Audit NOT made for 1 of 2 packages"),
        ([FLAWED, UNKNOWN], 1, "Audit NOT made for 1 of 2 packages"),
    ],
)
def test_an_audit_fails_for_a_vulnerability_and_claims_nothing_that_it_did_not_ask(packages, code, says):
    exit_code, words = AUDIT(json.dumps({"dependencies": packages}), "", code)
    assert exit_code == code
    assert says in words
    assert ("Audit made" in words) is (UNKNOWN not in packages)


def test_an_audit_that_fails_for_another_reason_fails():
    assert AUDIT("", "ERROR: requirements.lock has no hash for fastapi", 1)[0] == 1


def test_without_a_network_an_audit_says_that_it_was_not_made_and_fails_nothing():
    nowhere = {**os.environ, "HTTPS_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9", "NO_PROXY": ""}
    command = [sys.executable, ROOT / ".ci" / "audit"]
    ran = subprocess.run(command, check=False, capture_output=True, text=True, env=nowhere)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.startswith("Audit NOT made")
