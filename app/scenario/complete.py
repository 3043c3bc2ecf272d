"""What can come next in a line of the scenario language: verbs, registers, fields, commands, operands and values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from app.gic.commands import COMMANDS
from app.registers import IMPLEMENTATION_NAMES, Access, Register
from app.scenario.operations import Half, Its, Msi, Operation, Relation, SavedTables
from app.scenario.restore_steps import ORDERS, STEP_NAMES
from app.scenario.scenario import MachineSpec
from app.scenario.terms import FUNCTIONS, PLAIN
from app.scenario.verbs import ACCESS_OPTIONS, ATTRIBUTE_GROUPS, VERBS
from app.scenario.vocabulary import WIDTHS, Vocabulary, vocabulary

MOST = 16
LONGEST_LINE = 1_000
FIXED = frozenset({Access.RO, Access.RES0, Access.RES1})
MACHINE_OPERANDS = ("implementation=", "cpus=", "spis=", "its=", "ram_mib=", "security=")
# Operand values that were used before, by operand: the numbers that a session speaks of.
Used = Mapping[str, Sequence[int]]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """`text` takes the place of the word under the cursor; `says` tells what it is."""

    text: str
    says: str = ""


@dataclass(frozen=True, slots=True)
class Completion:
    """`start` is the column (from 0) of the word that a suggestion replaces."""

    start: int
    suggestions: tuple[Suggestion, ...]


def complete(line: str, machine: MachineSpec | None = None, *, used: Used | None = None) -> Completion:
    """What may stand at the end of `line`, which is a line up to the cursor; the best fits first, at most MOST."""
    words = line[:LONGEST_LINE].split()
    word = "" if not words or line[-1:].isspace() else words.pop()
    start = len(line) - len(word)
    if len(line) > LONGEST_LINE or any(each.startswith("#") for each in (*words, word)):
        return Completion(start, ())
    found = _Finder(vocabulary(machine or MachineSpec()), used or {}).next(words, word)
    return Completion(start, tuple(_fitting(found, word)))


def used_in(operations: Iterable[Operation]) -> dict[str, list[int]]:
    """The numbers that ITS commands and MSIs named, by operand, the last first."""
    found: dict[str, dict[int, None]] = {}
    for operation in operations:
        named = dict(operation.operands) if isinstance(operation, Its) else {}
        if isinstance(operation, Msi):
            named = {"device": operation.device, "event": operation.event}
        for name, value in named.items():
            values = found.setdefault(name, {})
            values.pop(value, None)
            values[value] = None
    return {name: list(values)[::-1] for name, values in found.items()}


def _fitting(suggestions: Iterable[Suggestion], word: str) -> list[Suggestion]:
    """Those that begin with the word, whatever the case, then those that have it inside; not what is there already."""
    folded = word.lower()
    begin: list[Suggestion] = []
    inside: list[Suggestion] = []
    for each in suggestions:
        text = each.text.lower()
        if text == folded:
            continue
        if text.startswith(folded):
            begin.append(each)
            if len(begin) == MOST:
                break
        elif len(folded) > 1 and folded in text and len(inside) < MOST:
            inside.append(each)
    return [*begin, *inside][:MOST]


class _Finder:
    """What may follow the words of a line on one machine."""

    def __init__(self, words: Vocabulary, used: Used) -> None:
        self.vocabulary = words
        self.used = used
        self.cpus = words.spec.cpus

    def next(self, words: Sequence[str], word: str) -> Iterable[Suggestion]:
        if not words:
            return (Suggestion(verb, what.usage) for verb, what in VERBS.items())
        ways: dict[str, Callable[[Sequence[str], str], Iterable[Suggestion]]] = {
            "read": self.read,
            "uread": self.read,
            "write": self.write,
            "uwrite": self.write,
            "expect": self.expect,
            "its": self.its,
            "msi": lambda words, word: self.operands(("device", "event"), words, word),
            "irq": lambda words, _: [Suggestion("level=0"), Suggestion("level=1")] if len(words) == 2 else (),
            "ack": lambda words, _: self.ack(words),
            "eoi": lambda words, _: self.ack(words),
            "save": lambda words, _: [Suggestion(str(each)) for each in SavedTables] if len(words) == 1 else (),
            "migrate": lambda _, word: self.migrate(word),
            "machine": self.machine,
        }
        way = ways.get(words[0])
        return () if way is None else way(words, word)

    def read(self, words: Sequence[str], word: str) -> Iterable[Suggestion]:
        if len(words) > 1:
            return self.access(words, word)
        return self.places(word, fields=words[0] == "read", groups=words[0] == "uread")

    def write(self, words: Sequence[str], word: str) -> Iterable[Suggestion]:
        if len(words) == 1:
            return self.places(word, fields=False, groups=words[0] == "uwrite")
        register = self.register(words[1])
        name, equals, _ = word.partition("=")
        if equals:
            return self.values(register, name) or self.access(words, word)
        not_these = {each.partition("=")[0] for each in words[2:]}
        fields = () if register is None else register.fields
        found = [
            Suggestion(f"{f.name}=", f.meaning) for f in fields if f.access not in FIXED and f.name not in not_these
        ]
        return [*found, *self.access(words, word)]

    def expect(self, words: Sequence[str], word: str) -> Iterable[Suggestion]:
        if len(words) == 1:
            terms = [Suggestion(f"{name}(", form) for name, form in FUNCTIONS.items()]
            terms += [Suggestion(f"irq@{cpu}", "1 if an interrupt is signalled") for cpu in range(self.cpus)]
            terms += [Suggestion(name) for name in PLAIN]
            return [*terms, *self.places(word, fields=True, groups=False)]
        if len(words) == 2:
            return [Suggestion(str(each)) for each in Relation]
        if len(words) == 3:
            name, _, field = words[1].partition(".")
            return self.values(self.register(name), field, bare=True)
        if word.startswith("on="):
            return [Suggestion(f"on={name}") for name in IMPLEMENTATION_NAMES]
        return [Suggestion("on=", "only on these implementations"), *self.security()]

    def its(self, words: Sequence[str], word: str) -> Iterable[Suggestion]:
        if len(words) == 1:
            return (Suggestion(name, spec.meaning) for name, spec in COMMANDS.items())
        spec = COMMANDS.get(words[1].upper())
        if spec is None:
            return ()
        says = {operand.name: operand.meaning for operand in spec.operands}
        return self.operands(tuple(says), words, word, says)

    def operands(
        self, names: tuple[str, ...], words: Sequence[str], word: str, says: Mapping[str, str] | None = None
    ) -> Iterable[Suggestion]:
        """`name=` for what is not given yet, and after it the values used before."""
        name, equals, _ = word.partition("=")
        if equals:
            return [Suggestion(f"{name}={value}") for value in self._values_of(name)]
        given = {each.partition("=")[0] for each in words}
        return [Suggestion(f"{each}=", (says or {}).get(each, "")) for each in names if each not in given]

    def ack(self, words: Sequence[str]) -> Iterable[Suggestion]:
        if len(words) == 1:
            return [Suggestion(f"@{cpu}") for cpu in range(self.cpus)]
        if len(words) == 2 and words[0] == "eoi":
            return [Suggestion(str(value)) for value in self.used.get("intid", ())]
        return self.security()

    def migrate(self, word: str) -> Iterable[Suggestion]:
        name, equals, steps = word.partition("=")
        if not equals:
            return [Suggestion("order=", "the order of the restore steps"), Suggestion("without=", "steps left out")]
        done, comma, _ = steps.rpartition(",")
        names = STEP_NAMES if comma or name == "without" else (*ORDERS, *STEP_NAMES)
        return [Suggestion(f"{name}={done}{comma}{step}") for step in names]

    def machine(self, words: Sequence[str], word: str) -> Iterable[Suggestion]:
        if word.startswith("implementation="):
            return [Suggestion(f"implementation={name}") for name in IMPLEMENTATION_NAMES]
        given = {each.partition("=")[0] for each in words}
        return [Suggestion(each) for each in MACHINE_OPERANDS if each[:-1] not in given]

    def access(self, words: Sequence[str], word: str) -> Iterable[Suggestion]:
        """width=, half=, by= and secure= of an access."""
        values = {
            "width": WIDTHS,
            "half": tuple(Half),
            "by": tuple(str(cpu) for cpu in range(self.cpus)),
            "secure": ("1",) if self.vocabulary.spec.security == 2 else (),
        }
        name, equals, _ = word.partition("=")
        if equals:
            return [Suggestion(f"{name}={value}") for value in values.get(name, ())]
        if words[0] in ("uread", "uwrite"):
            return [Suggestion("half=", "one half of a 64-bit register")]
        return [Suggestion(f"{each}=") for each in ACCESS_OPTIONS if values[each]]

    def security(self) -> list[Suggestion]:
        return [Suggestion("secure=1", "as Secure software reads it")] if self.vocabulary.spec.security == 2 else []

    def places(self, word: str, *, fields: bool, groups: bool) -> Iterable[Suggestion]:
        """Registers, their CPUs after @, their fields after a dot."""
        name, dot, _ = word.partition(".")
        register = self.register(name)
        if dot:
            known = register.fields if fields and register is not None else ()
            return [Suggestion(f"{name}.{field.name}", field.meaning) for field in known]
        found = [Suggestion(f"{group}:", "a group of device attributes") for group in ATTRIBUTE_GROUPS if groups]
        stem, at, _ = name.partition("@")
        for each in self.vocabulary.map.registers.values():
            if each.reference or (at and each.name.lower() != stem.lower()):
                continue
            cpus = range(self.cpus) if at else range(1)
            names = [f"{each.name}@{cpu}" for cpu in cpus] if each.per_cpu else [each.name]
            found += (Suggestion(text, each.title) for text in names)
        return found

    def register(self, name: str) -> Register | None:
        return self.vocabulary.map.registers.get(name.partition("@")[0])

    def values(self, register: Register | None, name: str, *, bare: bool = False) -> list[Suggestion]:
        """The values of a field: those with a name, or both of a single bit."""
        field = None if register is None else register.by_name.get(name)
        if field is None:
            return []
        lead = "" if bare else f"{name}="
        if field.values:
            return [Suggestion(f"{lead}{each.name}", f"{each.value:#x}") for each in field.values]
        if field.width == 1:
            return [Suggestion(f"{lead}{bit}", field.meaning) for bit in (0, 1)]
        return []

    def _values_of(self, name: str) -> list[str]:
        if name == "target" or name == "source":
            return [str(cpu) for cpu in range(self.cpus)]
        if name == "valid":
            return ["0", "1"]
        return [f"{value:#x}" if name == "itt" else str(value) for value in self.used.get(name, ())]
