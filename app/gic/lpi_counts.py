"""How many LPIs are mapped, pending, enabled and stale: of all of them, without a view of each. There may be 57,344."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.gic.lpi import CONFIG_ENABLE, FIRST_LPI, LPI_LIMIT, config_address

if TYPE_CHECKING:
    from app.gic.machine import Machine


@dataclass(frozen=True, slots=True)
class LpiCounts:
    mapped: int
    pending: int
    enabled: int
    stale: int


def count_lpis(machine: Machine, lpis: Mapping[int, tuple[object | None, int | None]]) -> LpiCounts:
    """`lpis`: INTID to the event that maps it, if any, and the CPU that it goes to."""
    tables = [_config_table(machine, cpu) for cpu in range(machine.cpus)] if lpis else []
    state = machine.lpi_home.state
    mapped = pending = enabled = stale = 0
    for intid, (event, target) in lpis.items():
        cpu, cached, is_pending, _, _ = state(intid, target)
        home = (target if cpu is None else cpu) or 0
        table = tables[home]
        if table is not None and FIRST_LPI <= intid < LPI_LIMIT:  # software may write any INTID to a table
            config: int | None = table[intid - FIRST_LPI]
        else:
            config = _config_byte(machine, intid, home)
        used = cached if cached is not None else config or 0
        mapped += event is not None
        pending += is_pending
        enabled += event is not None and used & CONFIG_ENABLE
        stale += cached is not None and config is not None and cached != config
    return LpiCounts(mapped, pending, enabled, stale)


def _config_table(machine: Machine, cpu: int) -> bytes | None:
    """The configuration bytes from INTID 8192 on; None where not all of them are in RAM."""
    try:
        return machine.memory.read(config_address(machine, FIRST_LPI, cpu), LPI_LIMIT - FIRST_LPI)
    except IndexError:
        return None


def _config_byte(machine: Machine, intid: int, cpu: int) -> int | None:
    try:
        return machine.ram.u8(config_address(machine, intid, cpu))
    except IndexError:
        return None
