"""A scenario for each difference that is in the register maps: what is read, and what each implementation answers.

The expected values are computed from the maps; the machines that play the scenario have code on top of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.gic.register_differences import PTZ, Kind, RegisterDifference, maps, reset_read
from app.registers import Register, RegisterMap

# Fields that an implementation may sanitise, with a value that is replaced where one is.
_TRIED = {"InnerCache": 1, "OuterCache": 2, "Shareability": 2}
_MOST_REGISTERS = 8


def scenario_text(row: RegisterDifference) -> str:
    """The scenario of a row, in the scenario language."""
    charts = maps()
    lines = [f"title  {row.title}", "machine implementation=kvm cpus=2", ""]
    if row.kind is Kind.RESET:
        for name in row.registers[:_MOST_REGISTERS]:
            target = _target(charts["architecture"].registers[name])
            lines.append(f"read   {target}")
            lines += _expectations(target, {each: reset_read(chart.registers[name]) for each, chart in charts.items()})
    else:
        lines += _writes(row.registers[0], charts)
        if len(row.registers) > 1 and row.stem == "GITS_BASER":
            lines += _writes(row.registers[1], charts)
    return "\n".join(lines) + "\n"


def _writes(name: str, charts: Mapping[str, RegisterMap]) -> list[str]:
    architected = charts["architecture"].registers[name]
    target = _target(architected)
    lines: list[str] = []
    stored = {each: chart.registers[name].reset_for(0) for each, chart in charts.items()}
    for value in _values(architected, [chart.registers[name] for chart in charts.values()]):
        lines.append(f"write  {target} {value:#x}")
        stored = {each: _stored(charts[each].registers[name], old, value) for each, old in stored.items()}
        lines.append(f"read   {target}")
        reads = {each: now & charts[each].registers[name].readable for each, now in stored.items()}
        lines += _expectations(target, reads)
    return lines


def _values(register: Register, everywhere: Sequence[Register]) -> list[int]:
    """All ones, all zeros, and for sanitised fields a value that is replaced."""
    ones = register.mask & ~(register.field(PTZ[1]).mask if register.stem == PTZ[0] else 0)
    values = [ones, 0]
    sanitised = {field.name for each in everywhere for field in each.sanitised}
    if sanitised:
        tried = 0
        for field in register.fields:
            if field.name in sanitised:
                tried = field.insert(tried, _TRIED[field.name])
        values.append(tried)
    return values


def _stored(register: Register, old: int, data: int) -> int:
    """The rule of `Register`: mask, set, clear, sanitise."""
    new = old & ~register.writable | data & register.writable
    new = (new | data & register.sets) & ~(data & register.clears)
    return register.kept_value(new)


def _target(register: Register) -> str:
    return f"{register.name}@0" if register.per_cpu else register.name


def _expectations(target: str, reads: Mapping[str, int]) -> list[str]:
    """One line for each value that is expected somewhere."""
    by_value: dict[int, list[str]] = {}
    for name, value in reads.items():
        by_value.setdefault(value, []).append(name)
    if len(by_value) == 1:
        return [f"expect {target} == {value:#x}" for value in by_value]
    return [f"expect {target} == {value:#x} on={','.join(names)}" for value, names in by_value.items()]
