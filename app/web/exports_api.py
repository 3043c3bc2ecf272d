"""What a session or a scenario can be written as, and written so: as JSON, with what the format could not say."""

from __future__ import annotations

from functools import partial
from typing import Annotated, TypeAlias

import anyio.to_thread
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.responses import JSONResponse

from app.exchange.writers import FORMATS, write
from app.scenario import Scenario
from app.web.api import OneSession, OnView
from app.web.api import router as api
from app.web.description import Tag
from app.web.play import check_length
from app.web.shapes import Json

router = APIRouter(prefix="/api/v1", tags=[Tag.FORMATS], responses=api.responses)

FormatName: TypeAlias = Annotated[
    str, StringConstraints(pattern=f"^({'|'.join(FORMATS)})$"), Field(examples=[next(iter(FORMATS))])
]


class FormatAnswer(BaseModel):
    """One format."""

    format: FormatName
    about: str = Field(description="What it is, and for what.")
    file: str = Field(description="A name for a file of it.")
    media_type: str
    state: bool = Field(description="Whether it is of the machine after one step, rather than of all steps.")


class FormatsAnswer(BaseModel):
    formats: list[FormatAnswer]


class ExportAnswer(FormatAnswer):
    """What was written. `remarks` name each line of the scenario that the format cannot say."""

    text: str
    remarks: list[str]


class ExportRequest(BaseModel):
    """A scenario to write in another format; nothing of it is stored."""

    model_config = ConfigDict(extra="forbid")
    scenario: str = Field(examples=["machine implementation=kvm\nwrite GICR_CTLR@0 EnableLPIs=1\n"])
    format: FormatName
    step: int | None = Field(default=None, ge=0, description="Of a state, the step after which; without it the last.")


@router.get("/exports", response_model=FormatsAnswer)
async def list_formats() -> JSONResponse:
    """What a session or a scenario can be written as."""
    return JSONResponse({"formats": [_format(name) for name in FORMATS]})


@router.get("/sessions/{id}/export/{format}", response_model=ExportAnswer)
async def export_session(request: Request, session: OneSession, format: FormatName, step: OnView) -> JSONResponse:  # noqa: A002
    """A session as it is now in another format."""
    scenario = await request.app.state.openings.parsed(session.scenario_text(), "session")
    return await _written(request, scenario, format, step)


@router.post("/export", response_model=ExportAnswer)
async def export_scenario(request: Request, wanted: ExportRequest) -> JSONResponse:
    """A scenario in another format. Nothing is stored."""
    scenario = await request.app.state.openings.parsed(wanted.scenario)
    check_length(scenario, live=False)
    return await _written(request, scenario, wanted.format, wanted.step)


async def _written(request: Request, scenario: Scenario, name: str, step: int | None) -> JSONResponse:
    work = partial(write, scenario, name, step)
    found = await anyio.to_thread.run_sync(work, limiter=request.app.state.players)
    return JSONResponse({**_format(name), "text": found.text, "remarks": list(found.remarks)})


def _format(name: str) -> Json:
    form = FORMATS[name]
    return {
        "format": name,
        "about": form.about,
        "file": f"giclab.{form.ending}",
        "media_type": form.media,
        "state": form.state,
    }
