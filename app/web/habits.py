"""How this browser likes to look, kept in its cookies: whatever of it an address asks for is remembered."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from app.web.security import COOKIE_SECONDS
from app.web.views.look import HABITS

PREFIX = "giclab_"


def habits(request: Request) -> dict[str, str]:
    """What the browser keeps, as the parameters of an address that asks for the same."""
    kept = {name: request.cookies.get(PREFIX + name, "") for name in HABITS}
    return {name: value for name, value in kept.items() if value in HABITS[name]}


def remember(request: Request, response: Response) -> None:
    """Have the browser keep what the address asks for. It says nothing of who looks, so that any page may set it."""
    for name, values in HABITS.items():
        asked = request.query_params.get(name)
        if asked in values and asked != request.cookies.get(PREFIX + name):
            response.set_cookie(
                PREFIX + name,
                asked,
                max_age=COOKIE_SECONDS,
                path="/",
                secure=request.url.scheme == "https",
                httponly=True,
                samesite="lax",
            )
