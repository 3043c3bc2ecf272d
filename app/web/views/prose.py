"""Markdown without raw HTML: what reads all of it, and a lesson's prose as HTML, cleaned once more."""

from __future__ import annotations

from functools import lru_cache

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup

from app.scenario.lessons import UnknownLesson, lesson

TAGS = {"p", "em", "strong", "code", "ul", "ol", "li", "a", "h2", "h3", "pre", "blockquote", "hr"}


def reader() -> MarkdownIt:
    """A new reader of Markdown, to which a page may add how it shows a block."""
    return MarkdownIt("commonmark", {"html": False}).enable("table")


_READER = reader()
_TABLE = {"table", "thead", "tbody", "tr", "th", "td"}


@lru_cache(maxsize=512)
def markdown(text: str) -> Markup:
    """Markdown as HTML that holds nothing but words, lists, tables, code and links."""
    return Markup(nh3.clean(_READER.render(text), tags=TAGS | _TABLE, attributes={"a": {"href"}}))  # noqa: S704 - cleaned


@lru_cache(maxsize=64)
def lesson_prose(slug: str) -> Markup:
    """What a lesson says first, "" if there is no such lesson."""
    try:
        return markdown(lesson(slug).prose)
    except UnknownLesson:
        return Markup()


def lesson_address(slug: str) -> str:
    """The page of a lesson, "" if there is no such lesson."""
    return f"/lessons/{slug}" if lesson_prose(slug) else ""
