"""Logs played on every implementation, to ask each for one register; what is kept goes on as its log grows."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import anyio
import anyio.to_thread

from app import limits
from app.gic import IMPLEMENTATIONS
from app.registers import Register
from app.scenario import MachineSpec, Operation, Timeline


@dataclass(slots=True)
class _Log:
    """One log by implementation; nobody else looks at these machines, so that a thread may go on with them."""

    timelines: dict[str, Timeline] = field(default_factory=dict)
    lock: anyio.Lock = field(default_factory=anyio.Lock)


class Elsewhere:
    """The last few logs that were asked for. The work is done in worker threads, one at a time for each log."""

    def __init__(self, limiter: anyio.CapacityLimiter) -> None:
        self._logs: OrderedDict[str, _Log] = OrderedDict()
        self._limiter = limiter

    async def values(
        self, key: str, spec: MachineSpec, ops: Sequence[Operation], step: int, register: Register, cpu: int
    ) -> dict[str, int | None]:
        """The register after `step` operations by implementation, None where there is none; `key` names the log."""
        log = self._logs.setdefault(key, _Log())
        self._logs.move_to_end(key)
        while len(self._logs) > limits.LOGS_PLAYED_ELSEWHERE:
            self._logs.popitem(last=False)
        work = partial(_values, log.timelines, spec, ops, step, register.name, cpu)
        async with log.lock:
            return await anyio.to_thread.run_sync(work, limiter=self._limiter)


def _values(
    timelines: dict[str, Timeline], spec: MachineSpec, ops: Sequence[Operation], step: int, name: str, cpu: int
) -> dict[str, int | None]:
    found: dict[str, int | None] = {}
    for implementation in IMPLEMENTATIONS:
        timeline = timelines[implementation] = _grown(timelines.get(implementation), spec.on(implementation), ops)
        machine = timeline.at(step)
        register = machine.map.registers.get(name)
        absent = register is None or not register.present
        found[implementation] = None if register is None or absent else machine.peek(register, cpu)
    return found


def _grown(timeline: Timeline | None, spec: MachineSpec, ops: Sequence[Operation]) -> Timeline:
    """The log on a machine: what is played already, and on from there if the log only grew."""
    if timeline is None or timeline.spec != spec or timeline.ops != ops[: len(timeline.ops)]:
        timeline = Timeline(spec)
    timeline.extend(ops[len(timeline.ops) :])
    return timeline
