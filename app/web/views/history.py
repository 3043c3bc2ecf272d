"""The last accesses to a register, found in the log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.gic.effects import AccessIgnored, RegisterRead, RegisterWritten
from app.registers import Register, RegisterMap
from app.scenario import Operation, Step
from app.scenario.operations import Ack, Eoi, Half, Its, RawAddress, Read, RegisterRef, Write

MOST_SHOWN = 3
FARTHEST_BACK = 2000


@dataclass(frozen=True, slots=True)
class Touch:
    """One access to a register: what was written or read, `mask` the bits that the access reached, `why` its reason.

    `secure`: Secure software made it, where there are two Security states.
    """

    step: int
    wrote: int | None
    read: int | None
    mask: int
    why: str = ""
    secure: bool = False


def steps_touching(
    ops: Sequence[Operation], until: int, register: Register, cpu: int, map_: RegisterMap
) -> tuple[int, ...]:
    """The numbers of the last few steps up to `until` that accessed the register, oldest first."""
    return tuple(reversed(list(_backwards(ops, until, register, cpu, map_))))


def _backwards(ops: Sequence[Operation], until: int, register: Register, cpu: int, map_: RegisterMap) -> Iterator[int]:
    found = 0
    for number in range(until, max(0, until - FARTHEST_BACK), -1):
        if accessed(ops[number - 1], map_) == (register.name, cpu):
            yield number
            found += 1
            if found == MOST_SHOWN:
                return


def accessed(op: Operation, map_: RegisterMap) -> tuple[str, int] | None:
    """The register that an operation reads or writes by itself, and its CPU (0 if there is one for all)."""
    match op:
        case Write(target=RegisterRef(name=name, cpu=cpu)) | Read(target=RegisterRef(name=name, cpu=cpu)):
            return name, cpu or 0
        case Write(target=RawAddress(address=address)) | Read(target=RawAddress(address=address)):
            found = map_.at(address)
            return None if found is None else (found[0].name, found[1])
        case Its():
            return "GITS_CWRITER", 0
        case Ack(cpu=cpu):
            return "ICC_IAR1_EL1", cpu
        case Eoi(cpu=cpu):
            return "ICC_EOIR1_EL1", cpu
        case _:
            return None


def touch_of(step: Step, register: Register, cpu: int, map_: RegisterMap) -> Touch | None:
    """What a step did to the register: its last access, a write rather than the read before it.

    A write that the register refused counts too: it was written, whatever came of it.
    """
    touch = _told(step, register, cpu, map_)
    refused = next((effect for effect in step.effects if isinstance(effect, AccessIgnored) and effect.write), None)
    if refused is None or not isinstance(step.op, Write) or (touch is not None and touch.wrote is not None):
        return touch
    asked, mask = _asked(step.op, register, touch)
    return touch if asked is None else Touch(step.seq, asked, None, mask, refused.why)


def _asked(op: Write, register: Register, touch: Touch | None) -> tuple[int | None, int]:
    """The value that a write asked for and the bits it reached; None if it cannot be told."""
    shift = 32 if op.half is Half.HI else 0
    width = op.width or (32 if op.half is not None else register.width)
    mask = ((1 << width) - 1) << shift & register.mask
    if op.value is not None:
        return op.value << shift & mask, mask
    if touch is None or touch.read is None:
        return None, mask
    value = touch.read
    for item in op.fields:
        value = register.field(item.name).insert(value, item.value)
    return value, mask


def _told(step: Step, register: Register, cpu: int, map_: RegisterMap) -> Touch | None:
    """The last access to the register among the effects of a step."""
    touch: Touch | None = None
    secure = bool(getattr(step.op, "secure", False))
    for effect in step.effects:
        if not isinstance(effect, RegisterWritten | RegisterRead) or effect.register != register.name:
            continue
        if effect.cpu not in (None, cpu):
            continue
        mask = _reach(effect.address, effect.width, register, cpu, map_)
        if isinstance(effect, RegisterWritten):
            touch = Touch(step.seq, effect.asked, None, mask, effect.why, secure)
        elif touch is None or touch.wrote is None:
            touch = Touch(step.seq, None, effect.value, mask, secure=secure)
    return touch


def _reach(address: int, width: int, register: Register, cpu: int, map_: RegisterMap) -> int:
    """The register's bits that an access of `width` bits at `address` reaches."""
    if register.encoding:
        return register.mask
    offset = address - map_.address(register, cpu)
    return ((1 << width) - 1) << (8 * max(offset, 0)) & register.mask
