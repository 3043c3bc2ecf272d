"""A scenario to another tool's format. What a format cannot say is left out and said in a remark."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.scenario.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Written:
    """The text, and one remark for each line of the scenario that it could not say."""

    text: str
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Format:
    """What can be written. `ending` is a file's, without its dot; `state`: it is of the machine after one step."""

    about: str
    ending: str
    media: str = "text/plain"
    state: bool = False


FORMATS: Mapping[str, Format] = {
    "json": Format("the scenario as data, with every access and what it returns", "json", "application/json"),
    "python": Format("a script that drives app.gic.Machine", "py"),
    "pytest": Format("a test module: reads and expectations are asserts", "py"),
    "qtest": Format("commands for QEMU's -qtest, to play it on a real QEMU", "qtest"),
    "c": Format("a C function for bare metal on AArch64", "c"),
    "kvm-unit-tests": Format("a test function for kvm-unit-tests, with its unittests.cfg stanza", "c"),
    "devmem": Format("a shell script of devmem commands, for Linux on the machine", "sh"),
    "gdb": Format("GDB commands, for a debugger on the machine or on QEMU", "gdb"),
    "perfetto": Format("the lanes as Chrome trace JSON, for Perfetto", "json", "application/json"),
    "vgic-state": Format("the state as KVM's debugfs prints it, to compare and to import", "txt", state=True),
    "csv": Format("the LPIs as a table, one a row", "csv", "text/csv", state=True),
    "state": Format("the whole machine as JSON, to load again", "json", "application/json", state=True),
    "link": Format("a link that carries the scenario", "txt"),
}


def write(scenario: Scenario, form: str, step: int | None = None) -> Written:
    """Write in one of FORMATS; of a state, the one after `step` operations, else the last. ValueError: no such."""
    if form not in FORMATS:
        raise ValueError(f"no format {form!r}: {', '.join(FORMATS)}")
    if step is not None and FORMATS[form].state:
        scenario = until(scenario, step)
    return _writers()[form](scenario)


def until(scenario: Scenario, step: int) -> Scenario:
    """The scenario with its first `step` operations only."""
    from app.scenario.scenario import line_operation

    count = 0
    for at, line in enumerate(scenario.lines):
        count += line_operation(line) is not None
        if count > step:
            return replace(scenario, lines=scenario.lines[:at])
    return scenario


def _link(scenario: Scenario) -> Written:
    from app import __version__
    from app.scenario.links import pack
    from app.scenario.record import record

    return Written(f"/x/{pack(scenario, record=record(scenario, __version__))}\n")


def _state(scenario: Scenario) -> Written:
    from app.scenario.player import played
    from app.scenario.state import state_text

    player = played(scenario)
    return Written(state_text(player.machine, player.spec))


def _writers() -> dict[str, Callable[[Scenario], Written]]:
    from app.exchange import (
        bare_c,
        devmem,
        gdb,
        json_,
        lpis_csv,
        perfetto,
        pytest_,
        python_,
        qtest,
        unit_tests,
        vgic_state,
    )

    return {
        "json": json_.write,
        "python": python_.write,
        "pytest": pytest_.write,
        "qtest": qtest.write,
        "c": bare_c.write,
        "kvm-unit-tests": unit_tests.write,
        "devmem": devmem.write,
        "gdb": gdb.write,
        "perfetto": perfetto.write,
        "vgic-state": vgic_state.write,
        "csv": lpis_csv.write,
        "state": _state,
        "link": _link,
    }
