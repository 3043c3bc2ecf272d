"""Rules about writes of registers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from app.gic.effects import AccessIgnored, RegisterWritten
from app.registers import register_map
from app.registers.view import Access
from app.review.finding import Found, Rule, Seen

WRITES = (RegisterWritten, AccessIgnored)
OFFSET = 0xF_FFE0
DEVICE_FRAMES = ("GICD", "RD", "SGI", "GITS")


def _written(effect: RegisterWritten | AccessIgnored) -> tuple[str, int | None]:
    """The register that a write was for, also where it was refused; "" if the effect is no write."""
    if isinstance(effect, RegisterWritten):
        return effect.register, effect.cpu
    name, _, cpu = effect.where.partition("@")
    return (name if effect.write else ""), int(cpu) if cpu.isdigit() else None


def _shown(register: str, cpu: int | None) -> str:
    return register if cpu is None else f"{register}@{cpu}"


def _base_while_enabled(seen: Seen, effect: RegisterWritten | AccessIgnored, base: str) -> Iterator[Found]:
    register, cpu = _written(effect)
    if register == base and cpu is not None and seen.machine.lpis_enabled(cpu):
        shown = _shown(register, cpu)
        yield Found(shown, f"{shown} is written while GICR_CTLR.EnableLPIs is 1 on CPU {cpu}", shown)


def _pendbaser(seen: Seen, effect: RegisterWritten | AccessIgnored) -> Iterator[Found]:
    yield from _base_while_enabled(seen, effect, "GICR_PENDBASER")


def _propbaser(seen: Seen, effect: RegisterWritten | AccessIgnored) -> Iterator[Found]:
    yield from _base_while_enabled(seen, effect, "GICR_PROPBASER")


def _its_base(seen: Seen, effect: RegisterWritten | AccessIgnored) -> Iterator[Found]:
    register, _ = _written(effect)
    if register.startswith(("GITS_BASER", "GITS_CBASER")) and seen.history.its_enabled:
        yield Found(register, f"{register} is written while GITS_CTLR.Enabled is 1", register)


@lru_cache(maxsize=64)
def _reserved(register: str, cpus: int, spis: int, security: int) -> tuple[int, int]:
    """The bits that IHI 0069 reserves as zero in a register, and its width in bytes; no bits in what is not there."""
    found = register_map("architecture", cpus, spis, security=security).registers.get(register)
    if found is None or not found.present or found.frame not in DEVICE_FRAMES or found.intids:
        return 0, 8
    used = sum(field.mask for field in found.fields if field.access is not Access.RES0)
    return found.mask & ~used, found.width // 8


def _res0(seen: Seen, effect: RegisterWritten) -> Iterator[Found]:
    machine = seen.machine
    reserved, size = _reserved(effect.register, machine.cpus, machine.spis, machine.security)
    lanes = ((1 << effect.width) - 1) << (effect.address % size * 8)
    ones = effect.asked & reserved & lanes
    if ones:
        shown = _shown(effect.register, effect.cpu)
        bits = ", ".join(str(bit) for bit in range(64) if ones >> bit & 1)
        yield Found(shown, f"{shown} is written {effect.asked:#x}: ones in bits {bits}, which are RES0", shown)


def _cwriter(seen: Seen, effect: RegisterWritten) -> Iterator[Found]:
    size = seen.machine.its.queue_bytes if effect.register == "GITS_CWRITER" else 0
    offset = effect.asked & OFFSET
    if size and offset >= size:
        yield Found(
            "GITS_CWRITER", f"GITS_CWRITER is written {offset:#x}, the queue has {size:#x} bytes", "GITS_CWRITER"
        )


def _commands_disabled(seen: Seen, effect: RegisterWritten) -> Iterator[Found]:
    if effect.register != "GITS_CWRITER" or seen.history.its_enabled:
        return
    its = seen.machine.its
    if its.cwriter & OFFSET != its.creadr & OFFSET:
        yield Found(
            "GITS_CTLR", "commands are put into the queue while GITS_CTLR.Enabled is 0: none is run", "GITS_CTLR"
        )


RULES = (
    Rule(
        "pendbaser-while-enabled",
        "GICR_PENDBASER written while EnableLPIs=1",
        "IHI 0069, GICR_PENDBASER",
        "While LPIs are enabled the Redistributor owns the pending table. Moving it then is UNPREDICTABLE: pending "
        "bits may be lost, or the write ignored.",
        "Write GICR_PENDBASER before GICR_CTLR.EnableLPIs=1.",
        WRITES,
        _pendbaser,
    ),
    Rule(
        "propbaser-while-enabled",
        "GICR_PROPBASER written while EnableLPIs=1",
        "IHI 0069, GICR_PROPBASER",
        "Configuration may be cached from the old table while the new one is in force; the result is UNPREDICTABLE.",
        "Write GICR_PROPBASER before GICR_CTLR.EnableLPIs=1.",
        WRITES,
        _propbaser,
    ),
    Rule(
        "its-base-while-enabled",
        "GITS_BASER<n> or GITS_CBASER written while the ITS is enabled",
        "IHI 0069, GITS_BASER<n> and GITS_CBASER",
        "The ITS may have read its tables already, and hold what they say. Changing them under it is UNPREDICTABLE.",
        "Write GITS_CTLR.Enabled=0, wait for GITS_CTLR.Quiescent=1, then write the base.",
        WRITES,
        _its_base,
    ),
    Rule(
        "res0-written-as-one",
        "RES0 bits written as one",
        "IHI 0069, register descriptions",
        "Reserved bits may get a meaning in a later version, and software that sets them will then ask for it.",
        "Write the reserved bits as zero, or as they were read.",
        (RegisterWritten,),
        _res0,
    ),
    Rule(
        "cwriter-out-of-range",
        "GITS_CWRITER beyond the command queue",
        "IHI 0069, GITS_CWRITER",
        "GITS_CBASER.Size says how long the queue is. Where an offset beyond it leads is UNPREDICTABLE, and often the "
        "ITS runs no command any more.",
        "Wrap the offset at the size of the queue, in pages of 4 KB.",
        (RegisterWritten,),
        _cwriter,
    ),
    Rule(
        "commands-while-disabled",
        "Commands queued while GITS_CTLR.Enabled=0",
        "IHI 0069, GITS_CTLR.Enabled",
        "A disabled ITS takes no command. Software that waits for GITS_CREADR to follow waits for ever.",
        "Write GITS_CTLR.Enabled=1 first.",
        (RegisterWritten,),
        _commands_disabled,
    ),
)
