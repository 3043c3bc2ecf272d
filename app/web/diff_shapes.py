"""The answer of a comparison of two machines, as its schema."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

Value = int | bool | str | None


class OriginAnswer(BaseModel):
    name: str = Field(description="Its address, with the step.")
    implementation: str
    cpus: int
    step: int | None = Field(description="The step after which the machine is; null for a saved state.")
    steps: int | None


class ChangeAnswer(BaseModel):
    """One thing that is `a` in the first machine and `b` in the second; null where there is none."""

    name: str = Field(description="A field, or what of an LPI or an entry it is.")
    a: Value
    b: Value
    a_text: str = Field(description="The same in words, exact in any language.")
    b_text: str
    note: str = Field(description="The INTID that it is of, or that no read shows it; empty if there is neither.")


class OnlyAnswer(BaseModel):
    """Registers that only one of the machines has."""

    in_: Literal["a", "b"] = Field(alias="in")
    what: str
    count: int


class RegisterChangeAnswer(BaseModel):
    register_: str = Field(alias="register", examples=["GICR_PENDBASER@0"])
    width: int
    a: int
    b: int
    a_text: str
    b_text: str
    also: list[str] = Field(description="Registers that show the same state, and are not told again.")
    fields: list[ChangeAnswer]


class LpiChangeAnswer(BaseModel):
    intid: int
    changes: list[ChangeAnswer]


class EntryChangeAnswer(BaseModel):
    """An entry of a table of the ITS."""

    table: Literal["device", "itt", "collection"]
    device: int | None
    event: int | None
    icid: int | None
    changes: list[ChangeAnswer]


class RangeAnswer(BaseModel):
    """A range of guest RAM; of its bytes the first DIFFERENCE_BYTES."""

    address: int
    address_text: str
    length: int
    a: str = Field(description="Bytes in hex.")
    b: str
    where: str = Field(description="The table that it is in, empty where none is known.")


class Rows(BaseModel):
    left_out: int = Field(description="How many more there are: of each kind DIFFERENCES_TOLD changes are told.")


class RegisterRows(Rows):
    rows: list[RegisterChangeAnswer]


class LpiRows(Rows):
    rows: list[LpiChangeAnswer]


class EntryRows(Rows):
    rows: list[EntryChangeAnswer]


class RangeRows(Rows):
    rows: list[RangeAnswer]


class ChangeRows(Rows):
    rows: list[ChangeAnswer]


class DiffAnswer(BaseModel):
    """What differs between two machines."""

    a: OriginAnswer
    b: OriginAnswer
    same: bool
    differences: int = Field(description="Each register, LPI, entry and range of RAM counts once.")
    says: str
    machine: list[ChangeAnswer] = Field(description="What they were built as.")
    only: list[OnlyAnswer]
    registers: RegisterRows
    lpis: LpiRows
    entries: EntryRows
    memory: RangeRows
    inside: ChangeRows = Field(description="Wires, what is signalled, lists and caches.")
    unseen_devices: int = Field(description="Devices whose events were not looked at, because there are too many.")
    hidden: bool = Field(description="Nothing of the above differs, but caches that nobody is shown do.")
