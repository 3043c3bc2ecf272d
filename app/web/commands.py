"""ITS commands: the form of the page anew for other values; and as JSON what there is, encoded and decoded."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from starlette.responses import HTMLResponse, JSONResponse

from app import limits
from app.exchange.command_words import command_in, command_of_line, reserved_text
from app.gic.commands import COMMANDS, WORDS, Command, CommandError, CommandSpec
from app.sessions import Session
from app.web.api import router as api
from app.web.description import Tag
from app.web.pages import NO_STORE
from app.web.problems import Problem
from app.web.security import presented_key
from app.web.views.builder import builder
from app.web.views.explorer import form_of
from app.web.views.look import look_from
from app.web.views.render import component

router = APIRouter(prefix="/api/v1/commands", tags=[Tag.COMMANDS], responses=api.responses)
pages = APIRouter(include_in_schema=False)
Text = Annotated[str, Query(max_length=limits.COMMAND_CHARACTERS)]


class OperandAnswer(BaseModel):
    """The field DW`word`[`msb`:`lsb`]; a value is from `smallest` to `largest`, a multiple of `step`."""

    name: str
    field: str
    meaning: str
    word: int
    msb: int
    lsb: int
    smallest: int
    largest: int
    step: int


class CommandSpecAnswer(BaseModel):
    """`version`: of the GIC architecture that has the command."""

    name: str
    opcode: int
    version: int
    meaning: str
    operands: list[OperandAnswer]


class CommandsAnswer(BaseModel):
    commands: list[CommandSpecAnswer]


class CommandAnswer(BaseModel):
    """`words` are DW0 to DW3, `hex` the 32 bytes in memory order; `reserved` names RES0 bits that are set."""

    name: str
    line: str
    operands: dict[str, int]
    words: list[str]
    hex: str
    reserved: str


@router.get("", response_model=CommandsAnswer)
async def list_commands() -> JSONResponse:
    """Every ITS command with its operands and where they lie."""
    return JSONResponse({"commands": [_spec_json(spec) for spec in COMMANDS.values()]})


@router.get("/encode", response_model=CommandAnswer)
async def encode_command(line: Annotated[Text, Query(examples=["MAPC collection=1 target=0"])]) -> JSONResponse:
    """A command's 32 bytes, from its name and operands."""
    try:
        command = command_of_line(line)
    except CommandError as error:
        advice = "As line=MAPC collection=1 target=0; GET /api/v1/commands names the operands."
        raise Problem(422, "invalid-request", "No such command", f"{error}.", advice) from error
    return JSONResponse(_command_json(command))


@router.get("/decode", response_model=CommandAnswer)
async def decode_command(
    words: Annotated[Text, Query(examples=["0x20000000a 0x200300000014 0x1 0x0"])],
) -> JSONResponse:
    """The command in four 64-bit words, eight 32-bit words or 32 bytes, in hex and any separators."""
    try:
        command = command_in(words)
    except CommandError as error:
        advice = "As words=0x20000000a 0x200300000014 0x1 0x0."
        raise Problem(422, "invalid-request", "This is no command", f"{error}.", advice) from error
    return JSONResponse(_command_json(command))


@pages.get("/s/{id}/command")
async def show_command(request: Request, id: str) -> HTMLResponse:  # noqa: A002 - the path says id
    """The builder for the values in the query; for pasted `words` with the field that they were pasted into."""
    session: Session = await request.app.state.sessions.open(id)
    query = request.query_params
    look = look_from(f"/s/{id}", query)
    pasted = query.get("words")
    made = builder(
        await session.machine(),
        look.command,
        query,
        may_write=session.may_edit(presented_key(request, session)) and session.damaged is None,
        pasted=look.words,
        ask=f"/s/{id}/command",
    )
    if pasted is None:
        return HTMLResponse(component("queue", "made", made), headers=NO_STORE)
    look = replace(look, command="", words="")
    return HTMLResponse(component("queue", "both", made, form_of(look), look), headers=NO_STORE)


def _spec_json(spec: CommandSpec) -> dict[str, object]:
    return {
        "name": spec.name,
        "opcode": spec.opcode,
        "version": spec.version,
        "meaning": spec.meaning,
        "operands": [
            {
                "name": each.name,
                "field": each.field_name,
                "meaning": each.meaning,
                "word": each.word,
                "msb": each.msb,
                "lsb": each.lsb,
                "smallest": each.bias,
                "largest": each.largest,
                "step": 1 << each.shift,
            }
            for each in spec.operands
        ],
    }


def _command_json(command: Command) -> dict[str, object]:
    return {
        "name": command.name,
        "line": command.text,
        "operands": dict(command.operands),
        "words": [f"{word:#018x}" for word in command.words],
        "hex": WORDS.pack(*command.words).hex(),
        "reserved": reserved_text(command),
    }
