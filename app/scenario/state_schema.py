"""A machine's state as a file: the models below are its schema, version 1.

Numbers that people know in hex are strings such as "0x40210000". A register that is not given is as after reset, a page
of RAM that is not given is zero.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.gic.memory import PAGE

FORMAT: Literal["giclab-state"] = "giclab-state"
VERSION: Literal[1] = 1
MOST_RAM_MIB = 1 << 18

Hex = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-f]{1,16}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_:]{1,48}(@[0-9]{1,2})?$")]
Word = Annotated[int, Field(ge=0, lt=1 << 32)]
Wide = Annotated[int, Field(ge=0, lt=1 << 64)]
Byte = Annotated[int, Field(ge=0, le=255)]
Intid = Annotated[int, Field(ge=0, lt=1 << 16)]
LpiId = Annotated[int, Field(ge=8192, lt=1 << 16)]
Cpu = Annotated[int, Field(ge=0, lt=32)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class MachineMake(_Strict):
    implementation: str
    cpus: Annotated[int, Field(ge=1, le=32)]
    spis: Annotated[int, Field(ge=1, le=988)]
    its: bool
    ram_mib: Annotated[int, Field(ge=1, le=MOST_RAM_MIB)]
    security: Annotated[int, Field(ge=1, le=2)] = 1


class Page(_Strict):
    """4 KiB of guest RAM, in base64; "" for a page that was written and is all zero."""

    address: Hex
    data: Annotated[str, StringConstraints(max_length=PAGE * 2)] = ""


class Lines(_Strict):
    """The levels of wires, 32 to a word: `private` per CPU, `spis` from INTID 0 on."""

    private: list[list[Word]]
    spis: list[Word]


class CpuInterfaceState(_Strict):
    pmr: Byte
    bpr: list[Annotated[int, Field(ge=0, le=7)]]
    enabled: list[Annotated[int, Field(ge=0, le=1)]]
    active: list[Word]
    controls: list[Word]


class KernelLpi(_Strict):
    """struct vgic_irq of an LPI; `queued` is the CPU whose list holds it, `refs` counts who refers to it."""

    intid: LpiId
    target: Word | None = None
    config: Byte
    read: bool
    enabled: bool
    priority: Byte
    latch: bool
    active: bool
    queued: Cpu | None = None
    strayed: bool = False
    refs: Annotated[int, Field(ge=0, le=1 << 20)]


class RedistributorLpis(_Strict):
    """One CPU's pending LPIs, cached configuration bytes (INTID to byte), and those loaded when LPIs were enabled."""

    pending: list[LpiId]
    config: dict[str, Byte]
    loaded: list[LpiId]


class BestLpi(_Strict):
    """QEMU's hpplpi of one CPU; priority 255: none."""

    priority: Byte
    intid: Annotated[int, Field(ge=0, lt=1 << 24)]


class Lpis(_Strict):
    kernel: list[KernelLpi] | None = None
    redistributors: list[RedistributorLpis] | None = None
    best: list[BestLpi] | None = None


class Queued(_Strict):
    """`owner` is the CPU of an SGI or PPI, -1 for what exists once."""

    intid: Intid
    owner: Annotated[int, Field(ge=-1, lt=32)]
    cpu: Cpu


class ListRegisterState(_Strict):
    lists: list[list[Intid]]
    queued: list[Queued]


class CollectionState(_Strict):
    icid: Intid
    target: Word


class EventState(_Strict):
    event: Word
    icid: Intid | None = None
    intid: LpiId


class DeviceState(_Strict):
    device: Word
    itt: Wide
    size: Annotated[int, Field(ge=0, le=32)]
    events: list[EventState]


class Cached(_Strict):
    device: Word
    event: Word
    intid: LpiId


class KernelIts(_Strict):
    collections: list[CollectionState]
    devices: list[DeviceState]
    cache: list[Cached]


class Command(_Strict):
    """A command that was run: `packet` is its 32 bytes in hex."""

    slot: Annotated[int, Field(ge=0, lt=1 << 15)]
    packet: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    state: Literal["done", "ignored", "stalled"]
    error: Annotated[str, StringConstraints(max_length=200)] = ""
    bad_command: bool = False


class ItsState(_Strict):
    """`tables` are the roots of device and collection table as the ITS took them when it was enabled."""

    placed: bool = True
    unfinished: bool = False
    kernel: KernelIts | None = None
    tables: list[dict[str, Annotated[int, Field(ge=0, lt=1 << 64)]]] | None = None
    commands: list[Command] = []


class State(_Strict):
    """A machine's state."""

    format: Literal["giclab-state"]
    version: Literal[1]
    machine: MachineMake
    registers: dict[Name, Hex]
    lines: Lines
    interfaces: list[CpuInterfaceState]
    lpis: Lpis
    list_registers: ListRegisterState | None = None
    its: ItsState = ItsState()
    memory: list[Page] = []


def schema() -> dict[str, Any]:
    """The JSON Schema of version 1."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | State.model_json_schema()
