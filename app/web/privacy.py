"""`/privacy`: what is kept of a visit, for how long, and who sees it."""

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from app.settings import Settings
from app.web.habits import PREFIX
from app.web.security import COOKIE_SECONDS
from app.web.views.look import HABITS
from app.web.views.render import render

router = APIRouter(include_in_schema=False)


@router.get("/privacy")
async def privacy(request: Request) -> HTMLResponse:
    """As this server is set up."""
    settings: Settings = request.app.state.settings
    days = COOKIE_SECONDS // 86_400
    html = render(
        "privacy.html",
        cookie_days=days,
        habits=[PREFIX + name for name in HABITS],
        log_addresses=settings.log_addresses,
        session_days=settings.session_days,
    )
    return HTMLResponse(html, headers={"Cache-Control": "no-cache"})
