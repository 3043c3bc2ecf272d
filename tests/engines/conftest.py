"""A live QEMU is only asked where one is installed; a run of continuous integration always has one."""

import os

from app.engines.qtest import program


def pytest_collection_modifyitems(config, items):
    if program() is not None or os.environ.get("CI"):
        return
    live = [item for item in items if item.get_closest_marker("live")]
    if live:
        config.hook.pytest_deselected(items=live)
        items[:] = [item for item in items if item not in live]
