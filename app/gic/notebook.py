"""A machine, a register and the LPIs as tables of HTML, for notebooks and scripts. Looking changes nothing.

A notebook has no stylesheet of ours, so these are plain tables with captions and headings, and no styles.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, overload

from app.gic.shown import LpiView
from app.registers import Field, Place

if TYPE_CHECKING:
    from app.gic.machine import Machine

LPI_ROWS = 256
"""LPIs that a table shows as HTML; there may be 57,344, and a notebook keeps what it was shown."""
LPI_HEADS = ("INTID", "DeviceID", "EventID", "ICID", "CPU", "enabled", "priority", "pending", "state")


@dataclass(frozen=True, slots=True)
class FieldValue:
    """A field and its value now. `named` is the value's name, "" if it has none."""

    field: Field
    value: int

    @property
    def name(self) -> str:
        return self.field.name

    @property
    def named(self) -> str:
        found = self.field.enumeration(self.value)
        return found.name if found else ""


@dataclass(frozen=True, slots=True)
class RegisterValue:
    """What a guest's read of a register would give, without its side effects; with a field in its name, that alone."""

    name: str
    width: int
    value: int
    title: str
    cite: str
    fields: tuple[FieldValue, ...]

    def __getitem__(self, name: str) -> int:
        """A field's value by its name. KeyError without such a field."""
        for each in self.fields:
            if each.name == name:
                return each.value
        raise KeyError(name)

    def __int__(self) -> int:
        return self.value

    def _repr_html_(self) -> str:
        shown = f"{self.value:#0{2 + self.width // 4}x}"
        rows = [_field_row(each) for each in self.fields]
        return _table(f"{self.name} = {shown}: {self.title}", ("field", "bits", "access", "value", "meaning"), rows)


class LpiTable(Sequence[LpiView]):
    """LPIs as a list, and as a table where HTML is shown."""

    def __init__(self, lpis: Iterable[LpiView]) -> None:
        self._lpis = tuple(lpis)

    @overload
    def __getitem__(self, at: int) -> LpiView: ...

    @overload
    def __getitem__(self, at: slice) -> LpiTable: ...

    def __getitem__(self, at: int | slice) -> LpiView | LpiTable:
        return LpiTable(self._lpis[at]) if isinstance(at, slice) else self._lpis[at]

    def __len__(self) -> int:
        return len(self._lpis)

    def __iter__(self) -> Iterator[LpiView]:
        return iter(self._lpis)

    def __repr__(self) -> str:
        return f"LpiTable({list(self._lpis)!r})"

    def _repr_html_(self) -> str:
        caption = "LPIs that are mapped, or pending somewhere"
        if len(self) > LPI_ROWS:
            caption += f": the first {LPI_ROWS} of {len(self):,}"
        return _table(caption, LPI_HEADS, [_lpi_row(each) for each in self._lpis[:LPI_ROWS]])


def register_value(machine: Machine, place: Place) -> RegisterValue:
    """The register as it is now."""
    register, cpu = place.register, place.cpu
    value = machine.peek(register, cpu or 0)
    fields = register.fields if place.field is None else (place.field,)
    return RegisterValue(
        name=register.name if cpu is None else f"{register.name}@{cpu}",
        width=register.width,
        value=value,
        title=register.title if register.present else f"absent here: {register.why_absent}",
        cite=register.cite,
        fields=tuple(FieldValue(each, each.extract(value)) for each in fields),
    )


def machine_html(machine: Machine) -> str:
    """What a machine is made of and what is pending, as a table."""
    counts = machine.lpi_counts()
    devices, collections, _ = machine.mapping_counts()
    rows: list[tuple[str, ...]] = [
        ("CPUs", str(machine.cpus)),
        ("SPIs", str(machine.spis)),
        ("ITS", f"{devices} devices, {collections} collections" if machine.has_its else "none"),
        ("Security states", str(machine.security)),
        ("LPIs", f"{counts.mapped} mapped, {counts.pending} pending"),
    ]
    for cpu in range(machine.cpus):
        found = machine.cpu_interfaces[cpu].signalled()
        rows.append((f"CPU {cpu} is signalled", "nothing" if found is None else f"INTID {found.intid}"))
    return _table(f"GICv3 as {machine.implementation} does it", ("part", "now"), rows)


def _field_row(each: FieldValue) -> tuple[str, ...]:
    field = each.field
    bits = str(field.msb) if field.width == 1 else f"{field.msb}:{field.lsb}"
    value = f"{each.value:#x}" + (f" ({each.named})" if each.named else "")
    return (field.name, bits, field.access.value, value, f"{field.meaning} [{field.cite}]")


def _lpi_row(lpi: LpiView) -> tuple[str, ...]:
    return (
        str(lpi.intid),
        _hex(lpi.device),
        _hex(lpi.event),
        _hex(lpi.icid),
        "" if lpi.cpu is None else str(lpi.cpu),
        _yes(lpi.enabled),
        f"{lpi.priority:#x}",
        _yes(lpi.pending),
        lpi.state,
    )


def _hex(value: int | None) -> str:
    return "" if value is None else f"{value:#x}"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _table(caption: str, heads: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    """An HTML table, everything escaped; the first cell of a row is its heading."""
    head = "".join(f'<th scope="col">{escape(each)}</th>' for each in heads)
    body = "".join(
        f'<tr><th scope="row">{escape(first)}</th>{"".join(f"<td>{escape(each)}</td>" for each in rest)}</tr>'
        for first, *rest in rows
    )
    return f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
