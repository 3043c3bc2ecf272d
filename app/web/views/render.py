"""The template environment, and templates or single macros rendered to text."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import cast

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from app.web.assets import TEMPLATES, asset

# Of a few hundred bytes each: a page has some 150 of them.
PIECES_KEPT = 8192


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
    )
    environment.globals["asset"] = asset
    return environment


ENVIRONMENT = _environment()


def render(template: str, **context: object) -> str:
    """A whole page or fragment file."""
    return ENVIRONMENT.get_template(template).render(**context)


@lru_cache(maxsize=128)
def _macro(component: str, name: str) -> Callable[..., str]:
    return cast("Callable[..., str]", getattr(ENVIRONMENT.get_template(f"components/{component}.html").module, name))


def prepare() -> None:
    """Compile the templates of the explorer, half a second of work, so that it is not the first visitor who waits."""
    for name in ("explorer.html", "part.html"):
        ENVIRONMENT.get_template(name)
    _macro("page", "app")


def prepare_others() -> None:
    """Compile all other templates, another second: meant for a thread, while the first visitors are served."""
    for name in ENVIRONMENT.list_templates(extensions=["html"]):
        ENVIRONMENT.get_template(name)


def component(file: str, name: str, *arguments: object) -> str:
    """One macro of `templates/components/`, rendered as the whole page renders it."""
    return str(_macro(file, name)(*arguments))


@lru_cache(maxsize=PIECES_KEPT)
def kept(file: str, name: str, *arguments: Hashable) -> Markup:
    """As `component`, rendered once for equal arguments: for pieces that most steps leave alone, without links."""
    return Markup(component(file, name, *arguments))  # noqa: S704 - what a template rendered


ENVIRONMENT.globals["kept"] = kept


def partial(target: str, html: str, swap: str = "outerMorph") -> str:
    """A fragment that htmx puts at `target`, wherever the request came from.

    Morphing keeps the element itself, so that several fragments of one answer may have the same target.
    """
    return f'<hx-partial hx-target="{target}" hx-swap="{swap}">{html}</hx-partial>'
