"""The shortest list of operations that still shows what a long one showed: delta debugging, then plainer operands.

A. Zeller and R. Hildebrandt, "Simplifying and Isolating Failure-Inducing Input" (2002), without the test of the parts
alone: an operation rarely shows anything without the ones before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from app.gic.memory import RAM_BASE
from app.scenario.operations import Its, Operation, Poke, Write

Holds = Callable[[Sequence[Operation]], bool]


def shrink(operations: Sequence[Operation], holds: Holds, *, tries: int = 2000) -> list[Operation]:
    """A shortest list for which `holds` is still true, as it is of `operations`; asks it at most `tries` times.

    What is returned cannot lose one operation more, nor have an operand made plainer, unless the tries ran out.
    """
    left = [tries]

    def still(candidate: Sequence[Operation]) -> bool:
        left[0] -= 1
        return left[0] >= 0 and holds(candidate)

    found = list(operations)
    while True:
        before = found
        found = _plainer(_fewer(found, still), still)
        if found == before or left[0] <= 0:
            return found


def _fewer(operations: list[Operation], still: Holds) -> list[Operation]:
    """Without stretches of operations, half of them first, single ones last; from the end, where most is idle."""
    length = max(1, len(operations) // 2)
    while True:
        start = len(operations)
        removed = False
        while start > 0:
            start = max(0, start - length)
            candidate = operations[:start] + operations[start + length :]
            if candidate and still(candidate):
                operations = candidate
                removed = True
        if length == 1 and not removed:
            return operations
        length = max(1, length // 2)


def _plainer(operations: list[Operation], still: Holds) -> list[Operation]:
    for at in range(len(operations)):
        changed = True
        while changed:
            changed = False
            for plain in _plainer_ones(operations[at]):
                candidate = [*operations[:at], plain, *operations[at + 1 :]]
                if still(candidate):
                    operations = candidate
                    changed = True
                    break
    return operations


def _plainer_ones(operation: Operation) -> Iterator[Operation]:
    """The same operation with fewer bits set, each way that one step can take."""
    if isinstance(operation, Write) and operation.value is not None:
        for value in _plainer_numbers(operation.value):
            # An address that leaves RAM may show something else: the board has flash at 0.
            if operation.value & RAM_BASE == value & RAM_BASE:
                yield replace(operation, value=value)
    elif isinstance(operation, Poke):
        data = operation.data
        if len(data) > 1:
            yield replace(operation, data=data[: len(data) // 2])
            yield replace(operation, address=operation.address + len(data) // 2, data=data[len(data) // 2 :])
        for value in _plainer_numbers(int.from_bytes(data, "little")):
            yield replace(operation, data=value.to_bytes(len(data), "little"))
    elif isinstance(operation, Its):
        for name, value in operation.operands:
            # Zero alone: a size or an INTID with other bits is not plainer to a reader.
            if value and name not in ("size", "intid", "itt", "valid"):
                yield replace(
                    operation, operands=tuple((key, 0 if key == name else old) for key, old in operation.operands)
                )


def _plainer_numbers(value: int) -> Iterator[int]:
    """Zero; without the upper or the lower half of the set bits; without one bit."""
    if not value:
        return
    yield 0
    bits = [bit for bit in range(value.bit_length()) if value >> bit & 1]
    for kept in (
        bits[: len(bits) // 2],
        bits[len(bits) // 2 :],
        *(bits[:at] + bits[at + 1 :] for at in range(len(bits))),
    ):
        if kept and len(kept) < len(bits):
            yield sum(1 << bit for bit in kept)
