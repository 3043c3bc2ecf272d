"""Imports point downwards only: from each room of app/ to the rooms below it."""

import ast
from pathlib import Path

import pytest

APP = Path(__file__).resolve().parent.parent / "app"

# Each room may import itself and the rooms named. Everything else of ours is above it, or beside it.
BELOW = {
    "registers": set(),
    "gic": {"registers"},
    "scenario": {"registers", "gic"},
    "exchange": {"registers", "gic", "scenario", "__init__"},
    "review": {"registers", "gic", "scenario", "exchange", "limits"},
    "engines": {"registers", "gic", "scenario", "exchange"},
    "diff": {"registers", "gic", "scenario", "exchange", "review", "limits"},
    "sessions": {"registers", "gic", "scenario", "exchange", "engines", "limits", "settings", "__init__"},
    "web": {
        "registers",
        "gic",
        "scenario",
        "exchange",
        "review",
        "diff",
        "engines",
        "sessions",
        "limits",
        "settings",
        "__init__",
    },
    "lessons": set(),
    "behaviours": set(),
    "limits": set(),
    "client": set(),
    "settings": {"limits"},
    "cli": {
        "registers",
        "gic",
        "scenario",
        "exchange",
        "review",
        "diff",
        "engines",
        "sessions",
        "web",
        "limits",
        "settings",
        "__init__",
    },
    "__main__": {"cli"},
    "__init__": set(),
}
# The model answers the same way every time and everywhere: no clock, no chance, no input or output, no event loop.
FORBIDDEN_IN_THE_MODEL = {
    "asyncio", "datetime", "http", "io", "logging", "os", "pathlib", "random", "secrets", "socket", "sqlite3",
    "subprocess", "threading", "time", "urllib", "uuid",
}  # fmt: skip


def room_of(path):
    return path.relative_to(APP).parts[0].removesuffix(".py")


def imported_modules(path):
    """Absolute names of everything that a file imports, also inside functions and under TYPE_CHECKING."""
    package = ["app", *path.relative_to(APP).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(filter(None, [base, node.module or ""]))
            for alias in node.names:
                yield node.lineno, f"{module}.{alias.name}"


def own_rooms(path):
    for line, module in imported_modules(path):
        first, _, rest = module.partition(".")
        if first == "app":
            room = rest.split(".")[0]
            yield line, room if (APP / room).is_dir() or (APP / f"{room}.py").is_file() else "__init__"


FILES = sorted(APP.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(APP)))
def test_imports_point_downwards(path):
    room = room_of(path)
    assert room in BELOW, f"app/{room} has no place in the architecture yet"
    upwards = [
        f"{path.name}:{line}: app.{other}" for line, other in own_rooms(path) if other not in BELOW[room] | {room}
    ]
    assert not upwards


@pytest.mark.parametrize("path", [*(APP / "gic").rglob("*.py")], ids=lambda path: str(path.relative_to(APP)))
def test_the_model_is_pure(path):
    impure = [
        f"{path.name}:{line}: {module}"
        for line, module in imported_modules(path)
        if module.split(".")[0] in FORBIDDEN_IN_THE_MODEL
    ]
    assert not impure


def test_the_arrows_form_no_cycle():
    def reaches(room, seen):
        assert room not in seen, f"{room} is below itself"
        for lower in BELOW[room]:
            reaches(lower, [*seen, room])

    for room in BELOW:
        reaches(room, [])


def test_an_upward_import_would_be_found(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "APP", tmp_path)
    for room in ("gic", "web"):
        (tmp_path / room).mkdir()
    low = tmp_path / "gic" / "low.py"
    low.write_text("def f():\n    from app.web import api\n    from ..web import pages\n    import app.web.app\n")
    assert [room for _, room in own_rooms(low)] == ["web", "web", "web"]
