"""`/guide`: how to use giclab, teach with it, run it and extend it."""

from fastapi import APIRouter
from starlette.responses import HTMLResponse

from app.web.problems import Problem
from app.web.views.guide import UnknownChapter, chapter, chapters
from app.web.views.render import render

router = APIRouter(include_in_schema=False)


@router.get("/guide")
async def contents() -> HTMLResponse:
    return HTMLResponse(render("guide/index.html", chapters=chapters()))


@router.get("/guide/{name}")
async def page(name: str) -> HTMLResponse:
    try:
        found = chapter(name)
    except UnknownChapter:
        known = ", ".join(each.name for each in chapters())
        raise Problem(
            404, "unknown-chapter", "No such chapter", f"The guide has no {name[:60]!r}.", f"It has: {known}."
        ) from None
    return HTMLResponse(render("guide/chapter.html", chapter=found, chapters=chapters()))
