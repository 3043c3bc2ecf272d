"""The settings and limits: each documented, each read from where the reference says."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from app import limits
from app.settings import Settings, settings_table

LIMITS = Path(limits.__file__).read_text()


def test_the_reference_names_every_setting_with_its_default_and_meaning():
    rows = settings_table().splitlines()[2:]
    assert len(rows) == len(Settings.model_fields)
    for name, row in zip(Settings.model_fields, rows, strict=True):
        variable, default, meaning = (cell.strip() for cell in row.strip("|").split("|"))
        assert variable == f"`GICLAB_{name.upper()}`"
        assert default
        assert meaning == Settings.model_fields[name].description


def test_the_readme_has_the_reference():
    assert settings_table() in (Path(limits.__file__).parent.parent / "README.md").read_text()


def test_settings_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("GICLAB_DATABASE_URL", "sqlite:////var/lib/giclab/giclab.db")
    monkeypatch.setenv("GICLAB_LIVE_SESSIONS", "7")
    assert Settings() == Settings(database_url="sqlite:////var/lib/giclab/giclab.db", live_sessions=7)


def test_without_any_the_database_is_a_file_of_the_user(monkeypatch, tmp_path):
    monkeypatch.delenv("GICLAB_DATABASE_URL", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert Settings().database_url == f"sqlite:///{tmp_path}/giclab/giclab.db"


def test_a_wrong_value_is_named(monkeypatch):
    monkeypatch.setenv("GICLAB_LIVE_SESSIONS", "none")
    with pytest.raises(ValidationError, match="live_sessions"):
        Settings()


def test_every_limit_has_the_sum_that_justifies_it():
    names = re.findall(r"^([A-Z_]+): Final = ", LIMITS, re.MULTILINE)
    justified = re.findall(r'^([A-Z_]+): Final = [^\n]+\n"""[^"]*\d[^"]*"""', LIMITS, re.MULTILINE)
    assert set(names) - set(justified) == {"KIB", "MIB"}


def test_every_limit_is_used():
    sources = [path.read_text() for path in Path(limits.__file__).parent.rglob("*.py") if path.name != "limits.py"]
    for name in re.findall(r"^([A-Z_]+): Final = ", LIMITS, re.MULTILINE):
        if name not in {"KIB", "MIB"}:
            assert any(f"limits.{name}" in source for source in sources), name


def test_networks_are_read_from_a_list(monkeypatch):
    monkeypatch.setenv("GICLAB_TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/8,2001:db8::/32")
    assert [str(each) for each in Settings().trusted_proxies] == ["127.0.0.1/32", "10.0.0.0/8", "2001:db8::/32"]


@pytest.mark.parametrize("wrong", ["*", "proxy.example", "10.0.0.1/8"])
def test_what_is_no_network_is_no_proxy(monkeypatch, wrong):
    monkeypatch.setenv("GICLAB_TRUSTED_PROXIES", wrong)
    with pytest.raises(ValidationError, match="trusted_proxies"):
        Settings()
