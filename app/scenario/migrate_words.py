"""What follows the verb `migrate`: the order of the restore, the steps it goes without, and what is written instead."""

from __future__ import annotations

import re

from app.scenario.operations import Edit, Migrate
from app.scenario.options import Options, split_pair
from app.scenario.restore_steps import BY_NAME, ORDERS, STEP_NAMES, STEPS, WRITE_BACK
from app.scenario.vocabulary import Vocabulary
from app.scenario.words import SourceLine, Word

REGISTER_WORD = re.compile(r"[A-Z]")


def parse_migrate(line: SourceLine, vocabulary: Vocabulary) -> Migrate:
    """The operation of a line that begins with `migrate`."""
    edits = [word for word in line.words[1:] if REGISTER_WORD.match(word.text) and "=" in word.text]
    rest = [word for word in line.words[1:] if word not in edits]
    options = Options(line, rest, ("order", "without"), "operand of migrate")
    order, without = options.get("order"), options.get("without")
    return Migrate(
        ("documented",) if order is None else _order(line, order, vocabulary),
        () if without is None else _steps(line, without, (*STEP_NAMES, WRITE_BACK), vocabulary),
        tuple(_edit(line, word, vocabulary) for word in edits),
    )


def _order(line: SourceLine, word: Word, vocabulary: Vocabulary) -> tuple[str, ...]:
    if word.text in ORDERS:
        return (word.text,)
    return _steps(line, word, STEP_NAMES, vocabulary)


def _steps(line: SourceLine, word: Word, known: tuple[str, ...], vocabulary: Vocabulary) -> tuple[str, ...]:
    """Step names between commas, some for one CPU."""
    steps: list[str] = []
    start = 0
    for text in word.text.split(","):
        at = Word(text, word.column + start)
        if text in ORDERS:
            raise line.error(at, f"{text} is a whole order", "it alone, or single steps")
        name, alone, cpu = text.partition("@")
        line.choice_at(Word(name, at.column), "restore step", (*known, *ORDERS))
        if alone and not (name in BY_NAME and BY_NAME[name].per_cpu):
            raise line.error(at.part(len(name)), f"{name} is not restored per CPU", f"{name} without @{cpu}")
        steps.append(f"{name}@{vocabulary.cpu(line, at.part(len(name) + 1))}" if alone else name)
        start += len(text) + 1
    return tuple(steps)


def _edit(line: SourceLine, word: Word, vocabulary: Vocabulary) -> Edit:
    """What is written instead of a saved value: REGISTER=VALUE or REGISTER.FIELD=VALUE."""
    key, value = split_pair(word)
    target = vocabulary.reference(line, key)
    register = vocabulary.register(target)
    if not any(stem in (register.stem, register.name) for step in STEPS for stem in step.stems):
        raise line.error(key, f"{target.name} is in no restore step", "a register that a step restores")
    if target.field is None:
        return Edit(target, line.bits_at(value, str(target), register.width))
    return Edit(target, vocabulary.field_value(line, value, register, register.field(target.field)).value)
