"""Why two machines answered differently: the named behaviour, found by playing again with only that one changed.

An implementation is a set of behaviours, so the scenario is played on a machine that is the other one in all but one
of them. If it then answers as the reference did, that behaviour is the reason, and this is shown, not guessed. The
strategies of KVM cannot be taken apart like that; what follows from them is told by what showed in the steps
(`app.engines.evidence`), and where more than one behaviour fits, all are named: one of these differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.engines.evidence import has_sign
from app.engines.matrix import KEPT, RESETS, Row, rows
from app.engines.sides import Answer, answers_of
from app.gic.behaviours import PendingHome, TablesHome
from app.gic.implementations import IMPLEMENTATIONS, STRATEGIES, Implementation
from app.gic.register_differences import PTZ, SAID_ELSEWHERE, reset_read
from app.registers import register_map
from app.scenario.operations import Migrate, Operation
from app.scenario.scenario import MachineSpec

MOST_REPLAYED = 10_000
"""Operations played again for one comparison: at some 0.1 ms each, with everything told, about a second."""
MIGRATION_COST = 500  # operations that take as long as a migration
REGISTERS = "registers"
_TABLE_REGISTER, _PTZ_FIELD = PTZ
# A behaviour that the register map says too shows where its registers are written.
_SAID_SIGNS = {
    key: tuple(f"write:{stem}" for stem, of in SAID_ELSEWHERE.items() if of == key) for key in SAID_ELSEWHERE.values()
} | {"enable_without_its": ("no-its+write:GICR_CTLR",)}


class How(StrEnum):
    """How sure a reason is, as the start of a sentence about its rows."""

    ALONE = "With only this changed the answers agree"
    EACH = "With any one of these changed the answers agree"
    TOGETHER = "With these changed the answers agree"
    FITS = "This differs, and shows here"
    ONE_OF = "One of these differs, or several together"
    UNKNOWN = "Not pinned to one behaviour"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an answer differs: the rows of the matrix that explain it, none if nothing fits, and how sure that is.

    `parting` is the number of rows in which the two implementations differ.
    """

    how: How
    rows: tuple[Row, ...]
    parting: int

    @property
    def shown(self) -> bool:
        """Whether playing again with that changed gave the reference's answer."""
        return self.how in (How.ALONE, How.EACH, How.TOGETHER)

    @property
    def words(self) -> str:
        if self.how is How.UNKNOWN:
            return f"{self.how}: the two differ in {self.parting}"
        return self.how.value


@dataclass(slots=True)
class Budget:
    """How many operations may still be played again."""

    left: int = MOST_REPLAYED

    def takes(self, count: int) -> bool:
        if count > self.left:
            return False
        self.left -= count
        return True


class Pair:
    """A reference and another implementation, and what both answered, step by step."""

    def __init__(
        self,
        operations: Sequence[Operation],
        spec: MachineSpec,
        reference: tuple[str, Sequence[Answer]],
        other: tuple[str, Sequence[Answer]],
        budget: Budget,
    ) -> None:
        self._operations = operations
        self._spec = spec
        sides = [(IMPLEMENTATIONS[name], answers) for name, answers in (reference, other)]
        # Only the richer one asks every behaviour: it is the one to change.
        (self._one, self._wanted), (self._two, self._got) = sorted(sides, key=lambda side: _richness(side[0]))
        self._budget = budget
        self._parting = [row for row in rows() if row.parts(self._one.name, self._two.name)]
        self._words = list(_with_history(a.evidence.beside(b.evidence) for a, b in zip(*self._answers, strict=True)))

    @property
    def _answers(self) -> tuple[Sequence[Answer], Sequence[Answer]]:
        return self._wanted, self._got

    def reasons(self, steps: Sequence[int]) -> dict[int, Reason]:
        """Why the answers of these steps (from 0) differ."""
        proven: dict[int, list[tuple[str, ...]]] = {step: [] for step in steps}
        refuted: set[str] = set()
        last = max(steps, default=-1) + 1
        cost = sum(MIGRATION_COST if isinstance(op, Migrate) else 1 for op in self._operations[:last])
        for unit, likely in self._units(last):
            if (all(proven.values()) and not likely) or not self._budget.takes(cost):
                break
            agreeing = self._agreeing(unit, steps, last)
            for step in agreeing:
                proven[step].append(unit)
            if len(unit) == 1 and not agreeing:
                refuted.update(unit)
        return {step: self._reason(step, proven[step], refuted) for step in steps}

    def _agreeing(self, unit: tuple[str, ...], steps: Sequence[int], last: int) -> list[int]:
        """The steps at which the richer one answers as the other, with only these fields of the other."""
        answers = answers_of(self._operations[:last], self._two.with_behaviours(self._one, *unit), self._spec)
        return [step for step in steps if answers[step].same_as(self._wanted[step])]

    # -- what can be changed alone

    def _units(self, last: int) -> list[tuple[tuple[str, ...], bool]]:
        """The fields to change, and whether they show in the steps; those first, the strategies as a whole last."""
        differing = {
            name for name, value in self._two.behaviours().items() if value is not self._one.behaviours()[name]
        }
        seen = [row.key for row in self._parting if self._latest(row, last - 1) is not None]
        units: list[tuple[tuple[str, ...], bool]] = []
        for name in sorted(differing, key=lambda key: (key not in seen, key in STRATEGIES)):
            unit = (name, REGISTERS) if name in SAID_ELSEWHERE.values() else (name,)
            if self._can_be_given(name) and self._fits(unit):
                units.append((unit, name in seen))
        if self._one.registers != self._two.registers:
            part = self._registers_part(last)
            units.insert(0 if part else len(units), ((REGISTERS,), part))
            pairs = [(*unit, REGISTERS) for unit, likely in units if likely and REGISTERS not in unit]
            units += [(unit, False) for unit in pairs]
        strategies = tuple(name for name in STRATEGIES if name in differing)
        return [*units, (strategies, False)] if len(strategies) > 1 else units

    @staticmethod
    def _can_be_given(name: str) -> bool:
        """Consequences follow from strategies: they cannot be changed by themselves."""
        return not next(row for row in rows() if row.key == name).follows

    def _fits(self, unit: tuple[str, ...]) -> bool:
        return self._two.with_behaviours(self._one, *unit).fits_together

    def _registers_part(self, last: int) -> bool:
        return any(self._differing_registers(step) for step in range(last))

    # -- from fields to rows

    def _reason(self, step: int, proven: list[tuple[str, ...]], refuted: set[str]) -> Reason:
        alone = [unit for unit in proven if len(unit) == 1 or unit[0] in SAID_ELSEWHERE.values()]
        fine = [found for unit in alone if unit[0] not in STRATEGIES if (found := self._rows_of(unit[0], step))]
        coarse = [found for unit in alone if unit[0] in STRATEGIES if (found := self._rows_of(unit[0], step))]
        each = [*fine, *(found for found in coarse if found[0].follows)] if fine else coarse
        if each:
            how = How.EACH if len(each) > 1 else How.TOGETHER if len(each[0]) > 1 else How.ALONE
            return self._told(how, [row for found in each for row in found])
        both = next((unit for unit in proven if unit[-1] == REGISTERS), ())
        if both:
            return self._told(How.TOGETHER, [row for name in both for row in self._rows_of(name, step)])
        fitting = self._fitting(step, refuted) or self._fitting(step, set())
        return self._told(How.FITS if len(fitting) == 1 else How.ONE_OF if fitting else How.UNKNOWN, fitting)

    def _told(self, how: How, found: Sequence[Row]) -> Reason:
        return Reason(how, tuple(dict.fromkeys(found)), len(self._parting))

    def _rows_of(self, name: str, step: int) -> list[Row]:
        """The rows of a field that made the difference: of a strategy, the consequence that showed."""
        if name == REGISTERS:
            return self._register_rows(step)
        if name in STRATEGIES:
            consequences = [row for row in self._parting if row.follows == name]
            return self._newest(consequences, step) or [row for row in self._parting if row.key == name]
        return [row for row in self._parting if row.key == name]

    def _fitting(self, step: int, refuted: set[str]) -> list[Row]:
        """Behaviours that show in the steps up to this one, those of the newest such step."""
        candidates = [row for row in self._parting if row.signs and row.key not in refuted]
        return self._newest(candidates, step)

    def _newest(self, candidates: Sequence[Row], step: int) -> list[Row]:
        latest = {row.key: at for row in candidates if (at := self._latest(row, step)) is not None}
        if not latest:
            return []
        newest = max(latest.values())
        return [row for row in candidates if latest.get(row.key) == newest]

    def _latest(self, row: Row, step: int) -> int | None:
        """The last step up to this one that has a sign of the row and, where both say so, is about the same INTID."""
        about = self._intids(step)
        for at in range(step, -1, -1):
            if has_sign(self._words[at], row.signs):
                there = self._intids(at)
                if not about or not there or about & there:
                    return at
        return None

    def _intids(self, step: int) -> frozenset[int]:
        return self._wanted[step].evidence.intids | self._got[step].evidence.intids

    def _differing_registers(self, step: int) -> Mapping[str, int]:
        """The registers that read differently in this step, and the bits in which they do."""
        one, two = self._wanted[step].evidence.registers, self._got[step].evidence.registers
        return {name: one[name] ^ two[name] for name in one.keys() & two.keys() if one[name] != two[name]}

    def _register_rows(self, step: int) -> list[Row]:
        """The rows of the registers that read differently, at this step or last before it."""
        for at in range(step, -1, -1):
            found = [
                row for name, bits in self._differing_registers(at).items() for row in self._rows_for(name, bits, at)
            ]
            found += [row for row in self._parting if has_sign(self._words[at], _SAID_SIGNS.get(row.key, ()))]
            if found:
                return found
        return []

    def _rows_for(self, shown: str, bits: int, step: int) -> Iterator[Row]:
        name = shown.partition("@")[0]
        register = register_map(self._one.registers).registers.get(name)
        if register is None:
            return
        ptz = register.field(_PTZ_FIELD).mask if register.stem == _TABLE_REGISTER else 0
        before = self._words[: step + 1]
        written = any(f"write:{register.stem}" in words for words in before)
        replaced = any(f"write-whole:{register.stem}" in words for words in before)
        other = register_map(self._two.registers).registers[name]
        # A driver's read-modify-write carries on what the register held at reset.
        from_reset = 0 if replaced else reset_read(register) ^ reset_read(other)
        kept = bits & ~from_reset if written else 0
        telling = {RESETS: bits & from_reset, KEPT: kept & ~ptz}
        for row in self._parting:
            if name in row.registers and (kept & ptz if row.key == "ptz" else telling[row.area]):
                yield row


def _with_history(steps: Iterable[frozenset[str]]) -> Iterator[frozenset[str]]:
    """The words of each step, and those that tell what went before: `migrate:…`, `saved-pending`."""
    saved = moved = pending = False
    for words in steps:
        migrates = any(word.startswith("migrate:") for word in words)
        past = {"migrate:moved"} if moved else set()
        past |= set() if saved else {"migrate:unsaved"}
        pending = not migrates and (pending or "save:pending-tables" in words)
        yield words | past if migrates else words | ({"saved-pending"} if pending else set())
        saved = not migrates and (saved or "save" in words)
        moved = not migrates and (moved or "its:MOVALL" in words)


def _richness(implementation: Implementation) -> int:
    """QEMU's way with LPIs is all or nothing; the architecture's and KVM's are made of behaviours."""
    if implementation.tables_home is TablesHome.KERNEL:
        return 2
    return int(implementation.pending_home is PendingHome.REDISTRIBUTOR)


def implementation_of(name: str) -> Implementation:
    """The implementation that an engine is, or should be: a live QEMU is `qemu`."""
    return IMPLEMENTATIONS[name.partition(":")[0]]
