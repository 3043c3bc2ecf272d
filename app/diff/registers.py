"""Registers by field. What several registers show of one state is told once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from app.diff.told import Change, Form, Only, RegisterRow, Section, Side, rows, written
from app.gic import Machine
from app.gic.cpu_interface import BANKED
from app.registers import Field, Register
from app.scenario.vocabulary import ADDRESS_FIELDS, spoken_value

UNREAD = "no read shows it"
RESERVED = "reserved bits"
WIDE = 16
"""Bits of a field from which on its value is told in hex, however small."""


class _Seen(NamedTuple):
    """A register as it is: what a read gives, and with it what is kept and no read shows (PTZ).

    `slot` is where it is stored; None: not in the register file.
    """

    register: Register
    read: int
    kept: int
    slot: int | None

    @property
    def value(self) -> tuple[int, int]:
        return self.read, self.kept


Seen = Mapping[str, _Seen]


def registers(a: Machine, b: Machine, most: int | None) -> tuple[tuple[Only, ...], Section[RegisterRow]]:
    """The registers that only one of the machines has; and those of both that differ, in the order of their frames."""
    one, other = dict(_memory_mapped(a)), dict(_memory_mapped(b))
    only = (*_only(Side.A, one, other, b.cpus), *_only(Side.B, other, one, a.cpus))
    one.update(_system(a))
    other.update(_system(b))
    found = rows(most, RegisterRow)
    for names in _states(one, other):
        found.add(partial(_row, names, one[names[0]], other[names[0]]))
    return only, found.section()


def _states(one: Seen, other: Seen) -> Iterator[list[str]]:
    """The registers that differ: together those that show the same state of either machine, and the same values."""
    states: dict[object, list[str]] = {}
    for name, seen in one.items():
        against = other.get(name)
        if against is None or seen.value == against.value:
            continue
        stored = seen.slot is not None and against.slot is not None
        state = (seen.slot, against.slot, seen.value, against.value) if stored else name
        states.setdefault(state, []).append(name)
    yield from states.values()


def _memory_mapped(machine: Machine) -> Iterator[tuple[str, _Seen]]:
    """Those that loads and stores reach."""
    for (name, cpu), place in machine.layout.places.items():
        register = place.register
        read = machine.peek(register, cpu, secure=machine.security == 2)
        unread = machine.values[place.slot] & register.writable & ~register.readable
        yield _named(name, cpu, register), _Seen(register, read, read | unread, place.slot)


def _system(machine: Machine) -> Iterator[tuple[str, _Seen]]:
    """Those of the CPU interfaces that software sets; what others read follows from these and from what is pending."""
    banks = {True: " (Secure)", False: " (Non-secure)"} if machine.security == 2 else {False: ""}
    for register in machine.map.frames["ICC"].registers:
        if not register.readable & (register.writable | register.sets):
            continue
        for cpu in range(machine.cpus):
            name = _named(register.name, cpu, register)
            if register.name in BANKED:
                for secure, bank in banks.items():
                    yield f"{name}{bank}", _system_seen(machine, register, cpu, secure)
            else:
                yield name, _system_seen(machine, register, cpu, True in banks)


def _system_seen(machine: Machine, register: Register, cpu: int, secure: bool) -> _Seen:
    read = machine.peek(register, cpu, secure=secure)
    return _Seen(register, read, read, None)


def _named(name: str, cpu: int, register: Register) -> str:
    return f"{name}@{cpu}" if register.per_cpu else name


def _only(side: Side, mine: Seen, others: Seen, other_cpus: int) -> Iterator[Only]:
    """What the other machine lacks: all of a CPU that it has not, else register by register, arrays as one."""
    lacking: Counter[str] = Counter()
    for name, seen in mine.items():
        if name not in others:
            cpu = name.partition("@")[2]
            whole = cpu and int(cpu) >= other_cpus
            array = seen.register.index is not None
            named = f"{seen.register.stem}<n>" if array else seen.register.name
            lacking[f"all registers of CPU {cpu}" if whole else named] += 1
    for what, count in lacking.items():
        yield Only(side, what, count)


def _row(names: list[str], seen: _Seen, against: _Seen) -> RegisterRow:
    array = len(seen.register.intids) > 1
    changes = tuple(_runs(seen, against) if array else _changes(seen, against))
    values = (seen.read, against.read) if seen.read != against.read else (seen.kept, against.kept)
    return RegisterRow(names[0], seen.register.width, *values, changes, tuple(names[1:]))


def _changes(seen: _Seen, against: _Seen) -> Iterator[Change]:
    """Field by field; where the machines' fields are not the same ones, each by its own.

    What reads give is told where it differs, else what is kept: two implementations may keep alike what one shows.
    """
    mine, theirs = seen.register.by_name, against.register.by_name
    for name in dict.fromkeys((*mine, *theirs)):
        change = _change(mine.get(name), theirs.get(name), seen, against)
        if change.a != change.b:
            yield change
    if _outside(seen) != _outside(against):
        yield Change(RESERVED, _outside(seen), _outside(against), Form.HEX)


def _runs(seen: _Seen, against: _Seen) -> Iterator[Change]:
    """The same of an array, by INTID: neighbours that change alike are told together."""
    fields = seen.register.by_name
    every = list(_changes(seen, against))
    alike: list[Change] = []
    for change in sorted((each for each in every if each.name in fields), key=lambda each: fields[each.name].lsb):
        if alike and not _follows(seen.register, alike[-1], change):
            yield _together(seen.register, alike)
            alike = []
        alike.append(change)
    if alike:
        yield _together(seen.register, alike)
    yield from (each for each in every if each.name not in fields)


def _follows(register: Register, one: Change, other: Change) -> bool:
    next_to = _intid(register, one.name) + 1 == _intid(register, other.name)
    return next_to and (one.a, one.b) == (other.a, other.b)


def _together(register: Register, alike: list[Change]) -> Change:
    first, last = (_intid(register, each.name) for each in (alike[0], alike[-1]))
    if first == last:
        return replace(alike[0], note=f"INTID {first}")
    return replace(alike[0], name=f"{alike[0].name} to {alike[-1].name}", note=f"INTIDs {first} to {last}")


def _change(mine: Field | None, theirs: Field | None, seen: _Seen, against: _Seen) -> Change:
    field = mine or theirs
    assert field is not None
    one, other = _value(mine, seen.read), _value(theirs, against.read)
    kept = _value(mine, seen.kept), _value(theirs, against.kept)
    note = ""
    if one == other and kept[0] != kept[1]:
        one, other = kept
        note = UNREAD
    elif one != other and kept[0] == kept[1]:
        note = f"kept as {written(kept[0], Form.NUMBER)} in both, a read of one shows it"
    wide = field.width >= WIDE or field.name in ADDRESS_FIELDS
    return Change(
        field.name,
        _spoken(field, one),
        _spoken(field, other),
        Form.HEX if wide else Form.NUMBER,
        (_enumeration(mine, one), _enumeration(theirs, other)),
        note,
    )


def _spoken(field: Field, value: int | None) -> int | None:
    return None if value is None else spoken_value(field, value)


def _value(field: Field | None, value: int) -> int | None:
    return None if field is None else field.extract(value)


def _enumeration(field: Field | None, value: int | None) -> str:
    named = None if field is None or value is None else field.enumeration(value)
    return named.name if named else ""


def _intid(register: Register, name: str) -> int:
    """The interrupt that a field of a bit or byte array is of."""
    return register.intids[register.field(name).lsb * len(register.intids) // register.width]


def _outside(seen: _Seen) -> int:
    return seen.kept & ~sum(each.mask for each in seen.register.fields)
