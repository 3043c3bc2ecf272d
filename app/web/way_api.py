"""The way of an MSI in the JSON API."""

from dataclasses import asdict, replace
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse

from app.gic.way import Stop, StopState, Way
from app.gic.why_links import StopName
from app.web.api import PROBLEM_RESPONSE, OneSession, OnView
from app.web.description import Tag
from app.web.machine_api import number_of
from app.web.problems import Problem
from app.web.shapes import Json, LinkAnswer

router = APIRouter(prefix="/api/v1", tags=[Tag.MACHINE], responses={"4XX": PROBLEM_RESPONSE, "5XX": PROBLEM_RESPONSE})


class CellAnswer(BaseModel):
    """Bytes of RAM at a stop, and what they mean."""

    address: int
    hex: str | None = Field(description="Two digits a byte, lowest address first; null where there is no RAM.")
    words: str


class RegisterCellAnswer(BaseModel):
    """A register that a stop asks."""

    name: str
    address: int | None
    value: int
    width: int


class InsideAnswer(BaseModel):
    """What the GIC keeps of it beside RAM."""

    value: str = Field(description="Two digits of a byte, one of a bit, empty for a table entry.")
    words: str


class StopAnswer(BaseModel):
    """One stop on the way of an MSI."""

    name: StopName
    value: str = Field(description="The number that it stands for.")
    words: str = Field(description="What the GIC goes by there.")
    state: StopState = Field(
        description="`broken` is the first that an MSI does not get past, `after` those behind it."
    )
    cells: list[CellAnswer] = Field(description="In RAM: a level 1 entry, if there is one, and the entry itself.")
    bit: int | None = Field(description="The bit of the last cell that counts, null if all of it does.")
    inside: InsideAnswer | None = Field(description="Null where nothing is kept beside RAM.")
    differs: str = Field(description="Why RAM and the inside are not the same, empty if they are.")
    stale: bool = Field(description="Whether it goes by something else than software wrote.")
    home: str = Field(description="Where the implementation keeps it, a row of /implementations.")
    cite: str
    registers: list[RegisterCellAnswer]
    links: list[LinkAnswer]


class WayAnswer(BaseModel):
    """The way of an MSI from its DeviceID to a CPU. The links of an LPI's stops are those of `why`."""

    device: int | None
    event: int | None
    intid: int | None = Field(description="Null where the event maps to no LPI.")
    icid: int | None
    cpu: int | None
    signalled: bool
    words: str
    broken: str | None = Field(description="The first link that does not hold, by name.")
    stops: list[StopAnswer]


@router.get("/sessions/{id}/way/{intid}", response_model=WayAnswer)
async def read_way(
    session: OneSession, step: OnView, intid: Annotated[str, Path(max_length=20, examples=["8195"])]
) -> JSONResponse:
    """The way of an MSI to an LPI: each stop with its bytes in RAM, what is kept inside, and where the way breaks."""
    number = number_of("intid", intid, 32)
    try:
        way = await session.look(lambda machine: machine.lpi_way(number), step)
    except ValueError as error:
        raise Problem(422, "invalid-request", "No such LPI", f"{error}.", "As way/8195, or way/0x2/0x14.") from error
    return JSONResponse(way_json(way))


@router.get("/sessions/{id}/way/{device}/{event}", response_model=WayAnswer)
async def read_event_way(
    session: OneSession,
    step: OnView,
    device: Annotated[str, Path(max_length=20, examples=["0x2"])],
    event: Annotated[str, Path(max_length=20, examples=["0x14"])],
) -> JSONResponse:
    """The same for an event of a device, whether it is mapped or not."""
    device_id, event_id = number_of("device", device, 32), number_of("event", event, 32)
    way = await session.look(lambda machine: machine.event_way(device_id, event_id), step)
    return JSONResponse(way_json(way))


def way_json(way: Way) -> Json:
    """WayAnswer."""
    facts = way.facts
    return {
        **{name: getattr(facts, name) for name in ("device", "event", "intid", "icid", "cpu")},
        "signalled": way.signalled,
        "words": way.words,
        "broken": None if way.broken is None else way.broken.name,
        "stops": [_stop_json(stop) for stop in way.stops],
    }


def _stop_json(stop: Stop) -> Json:
    sight = stop.sight
    cells = [
        {"address": cell.address, "hex": None if cell.data is None else cell.data.hex(), "words": cell.words}
        for cell in sight.cells
    ]
    links = [asdict(link) for link in stop.links]
    return {"name": stop.name, "state": stop.state, **asdict(replace(sight, cells=())), "cells": cells, "links": links}
