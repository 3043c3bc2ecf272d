"""Parts of the explorer that are made without the rest of the page, for who asks for nothing else."""

from __future__ import annotations

from dataclasses import replace

from fastapi import Request

from app.registers import Register
from app.web import elsewhere as players
from app.web.views import elsewhere, explorer
from app.web.views.inspector import reference
from app.web.views.lanes import lanes_of
from app.web.views.look import Look
from app.web.views.moment import machine_map
from app.web.views.onview import register_on_view
from app.web.views.render import component
from app.web.views.stage import Stage


async def part_alone(request: Request, part: str, stage: Stage, look: Look, own: str) -> str | None:
    """The HTML of a part by its element's id, None if it comes with the page; `own` is the log's implementation."""
    if part == "lanes":
        return component("lanes", "lanes", await lanes_of(stage, look))
    if part != "elsewhere":
        return None
    register, cpu = _on_view(stage, look)
    here = reference(register, cpu)
    row = elsewhere.asked_elsewhere(register, here, look)
    if row.wanted:
        row = await _elsewhere(request, stage, look, own)
    return component("inspector", "elsewhere", row, register.name)


async def with_elsewhere(request: Request, page: explorer.Page, stage: Stage, own: str) -> explorer.Page:
    """The page with the register on every implementation, for a browser without a script to ask for it later."""
    row = await _elsewhere(request, stage, page.look, own)
    return replace(page, inspector=replace(page.inspector, elsewhere=row))


async def _elsewhere(request: Request, stage: Stage, look: Look, own: str) -> elsewhere.Elsewhere:
    logs: players.Elsewhere = request.app.state.elsewhere
    register, cpu = _on_view(stage, look)
    values = await logs.values(stage.base, stage.spec, list(stage.ops), _now(stage, look), register, cpu)
    return elsewhere.elsewhere_of(register, reference(register, cpu), own, values, look)


def _on_view(stage: Stage, look: Look) -> tuple[Register, int]:
    register, cpu, _ = register_on_view(look, stage.ops, _now(stage, look), machine_map(stage.spec))
    return register, cpu


def _now(stage: Stage, look: Look) -> int:
    return len(stage.ops) if look.step is None else min(look.step, len(stage.ops))
