"""A scenario as a shell script of `devmem` commands (BusyBox: ADDRESS WIDTH [VALUE]), run as root where Linux runs.

Linux has a driver on the GIC: the script is for a machine whose interrupts nothing else needs. A read prints what was
read and what the model answered.
"""

from __future__ import annotations

from app.exchange.accesses import Access, Load, RamWrite, Store
from app.exchange.stepwise import chunks, written
from app.exchange.writers import Written
from app.scenario.scenario import Scenario

HEAD = """\
#!/bin/sh
# {title}
# As root, with devmem of BusyBox. Reads: the step, what is there, what the model answered.
set -eu

show() {{ # step, address, width, the model's answer
    printf '%s: %s, model %s\\n' "$1" "$(devmem "$2" "$3")" "$4"
}}
"""


def write(scenario: Scenario) -> Written:
    """The stores and loads of the scenario; a read-modify-write stores what the model computed."""
    return written(scenario, HEAD.format(title=scenario.title or "A giclab scenario"), _row, "devmem")


def _row(said: str, access: Access) -> str | None:
    if getattr(access, "secure", False):
        return None
    match access:
        case RamWrite(address, data):
            return "\n".join(f"devmem {at:#x} {8 * size} {value:#x}" for at, size, value in chunks(address, data))
        case Load(address, size, _, value):
            return f"show '{said}' {address:#x} {8 * size} {value:#x}"
        case Store(address, size, _, value):
            return f"devmem {address:#x} {8 * size} {value:#x}"
    return None
