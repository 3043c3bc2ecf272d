"""The JSON API, /api/v1: what a session's machine is at a step, seen from all sides and without side effects."""

from dataclasses import asdict, replace
from enum import StrEnum
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import JSONResponse, Response

from app import limits
from app.gic import Machine
from app.gic.views import CollectionView, DeviceView, EventView
from app.scenario.state import state_text
from app.scenario.state_schema import State
from app.web import answers, shapes
from app.web.api import OneSession, OnView, state_file
from app.web.api import router as api
from app.web.description import Tag
from app.web.problems import Problem

FIRST_LPI = 8192
LAST_INTID = (1 << 24) - 1
ADDRESS_BITS = 52
router = APIRouter(prefix="/api/v1", tags=[Tag.MACHINE], responses=api.responses)


class TableName(StrEnum):
    DEVICE = "device"
    COLLECTION = "collection"
    ITT = "itt"
    QUEUE = "queue"


@router.get("/sessions/{id}/registers/{name}", response_model=shapes.RegisterAnswer)
async def read_register(
    session: OneSession,
    step: OnView,
    name: Annotated[str, Path(max_length=100, examples=["GICR_PENDBASER@0", "GICR_PENDBASER@0.PTZ"])],
) -> JSONResponse:
    """A register's value and fields, as a guest's read would see them but without side effects."""
    machine = await session.machine(step)
    return JSONResponse(answers.register_json(machine, machine.map.place(name)))


@router.get("/sessions/{id}/lpis", response_model=shapes.LpisAnswer)
async def read_lpis(
    session: OneSession,
    step: OnView,
    start: Annotated[int, Query(alias="from", ge=FIRST_LPI, le=LAST_INTID)] = FIRST_LPI,
    count: Annotated[int, Query(ge=1, le=limits.LPIS_PER_PAGE)] = 256,
) -> JSONResponse:
    """LPIs from one INTID on that are mapped, or pending somewhere."""

    def see(machine: Machine) -> shapes.Json:
        found = machine.lpis(start, count + 1)
        following = found[count].intid if len(found) > count else None
        rows = [asdict(view) for view in found[:count]]
        return {"counts": asdict(machine.lpi_counts()), "lpis": rows, "next": following}

    return JSONResponse(await session.look(see, step))


@router.get("/sessions/{id}/why/{intid}", response_model=shapes.WhyAnswer)
async def read_why(
    session: OneSession,
    step: OnView,
    intid: Annotated[str, Path(max_length=20, examples=["8195"])],
    cpu: Annotated[
        str | None, Query(description="Whose SGI or PPI it is; for an LPI, another CPU.", max_length=20)
    ] = None,
) -> JSONResponse:
    """Why an interrupt is signalled to its CPU or not, condition by condition, and what would mend the first broken."""
    number = number_of("intid", intid, 32)
    asked = None if cpu is None else number_of("cpu", cpu, 16)
    try:
        chain = await session.look(lambda machine: machine.why(number, asked), step)
    except ValueError as error:
        raise Problem(
            422, "invalid-request", "No such interrupt", f"{error}.", "As why/8195, or why/3?cpu=0."
        ) from error
    return JSONResponse(answers.chain_json(chain))


@router.get("/sessions/{id}/tables/{table}", response_model=shapes.TableAnswer | shapes.QueueAnswer)
async def read_table(
    session: OneSession,
    step: OnView,
    table: TableName,
    device: Annotated[str | None, Query(description="The DeviceID, for the ITT.", max_length=20)] = None,
) -> JSONResponse:
    """An ITS table as the ITS would walk it now, or the command queue."""
    if table is TableName.ITT and device is None:
        raise Problem(422, "invalid-request", "The request does not fit", "Which ITT? Add ?device= and a DeviceID.")
    device_id = number_of("device", device or "0", 32)
    return JSONResponse({"table": table, **await session.look(partial(_table, table, device_id), step)})


@router.get("/sessions/{id}/memory", response_model=shapes.MemoryAnswer)
async def read_memory(
    session: OneSession,
    step: OnView,
    address: Annotated[str, Query(max_length=30, examples=["0x40210400"])],
    length: Annotated[int, Query(ge=1, le=limits.MEMORY_BYTES_PER_READ)] = 64,
) -> JSONResponse:
    """Guest RAM."""
    start = number_of("address", address, ADDRESS_BITS)
    try:
        data = (await session.machine(step)).memory.read(start, length)
    except IndexError as error:
        raise Problem(422, "invalid-request", "No RAM there", str(error)) from error
    return JSONResponse({"address": start, "length": length, "hex": data.hex()})


@router.get("/sessions/{id}/state", response_model=State)
async def read_machine_state(session: OneSession, step: OnView) -> Response:
    """The whole machine as a file: registers, ITS state, LPIs, and the pages of RAM that were ever written."""
    text = await session.look(partial(state_text, spec=session.spec), step)
    return state_file(text, f"{session.id}-{session.seq if step is None else step}")


def _table(table: TableName, device_id: int, machine: Machine) -> shapes.Json:
    if table is TableName.QUEUE:
        queue = machine.queue()
        rows = [answers.command_json(command) for command in queue.commands]
        return {**asdict(replace(queue, commands=[])), "commands": rows}
    found: list[DeviceView] | list[EventView] | list[CollectionView]
    if table is TableName.ITT:
        found = machine.events(device_id)
    else:
        found = machine.devices() if table is TableName.DEVICE else machine.collections()
    return {
        "rows": [asdict(view) for view in found[: limits.TABLE_ROWS]],
        "omitted": max(0, len(found) - limits.TABLE_ROWS),
    }


def number_of(name: str, text: str, bits: int) -> int:
    try:
        value = int(text, 0)
    except ValueError:
        value = -1
    if not 0 <= value < 1 << bits:
        raise Problem(
            422,
            "invalid-request",
            "The request does not fit",
            f"{name}={text} is not a number of up to {bits} bits.",
            f"Expected decimal or hex, as {name}=0x40210400.",
        )
    return value
