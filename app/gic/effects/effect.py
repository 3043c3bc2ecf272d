"""What every effect is: a typed record with a kind, a weight, a sentence and a source; and those of no one part."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import ClassVar


class Role(StrEnum):
    """How much an effect weighs in the story of a step."""

    STEP = "step"  # something was done
    WHY = "why"  # a decision, and what it hung on
    HIT = "hit"  # the result that one looks for
    QUIET = "quiet"  # done too, seldom looked for


@dataclass(frozen=True, slots=True)
class Effect:
    """One thing that happened. `kind` is a stable slug, `role` its weight, `cite` its source or ''."""

    kind: ClassVar[str] = "effect"
    role: ClassVar[Role] = Role.STEP

    @property
    def cite(self) -> str:
        return ""

    @property
    def words(self) -> str:
        return self.kind


NAMES: dict[type[Effect], tuple[str, ...]] = {}
"""The fields of each kind of effect, once they were asked for."""


def as_dict(effect: Effect) -> dict[str, object]:
    """The effect as JSON-able data: its fields, its kind, role, citation and sentence."""
    plain: dict[str, object] = {
        "kind": effect.kind,
        "role": effect.role.value,
        "words": effect.words,
        "cite": effect.cite,
    }
    for name in _names(type(effect)):
        value = getattr(effect, name)
        plain[name] = value.hex() if isinstance(value, bytes) else value
    return plain


def _names(kind: type[Effect]) -> tuple[str, ...]:
    known = NAMES.get(kind)
    if known is None:
        known = NAMES[kind] = tuple(item.name for item in fields(kind))
    return known


def at_cpu(cpu: int | None) -> str:
    """What follows a register's name or an INTID that exists once per CPU."""
    return "" if cpu is None else f"@{cpu}"


@dataclass(frozen=True, slots=True)
class Choice(Effect):
    """The manual leaves this open (CONSTRAINED UNPREDICTABLE, IMPLEMENTATION DEFINED); this is what was taken.

    `behaviour` is the field of `Implementation` that decided it.
    """

    kind: ClassVar[str] = "choice"
    role: ClassVar[Role] = Role.WHY
    rule: str
    taken: str
    alternatives: tuple[str, ...]
    cite: str = ""
    behaviour: str = ""

    @property
    def words(self) -> str:
        return f"{self.rule}: {self.taken}. Also allowed: {'; '.join(self.alternatives)}"


@dataclass(frozen=True, slots=True)
class EffectsLeftOut(Effect):
    """More happened than is told one by one."""

    kind: ClassVar[str] = "effects-left-out"
    count: int

    @property
    def words(self) -> str:
        return f"{self.count} more effects are not told one by one"
