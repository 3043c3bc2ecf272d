"""A lesson's prose as HTML: Markdown without raw HTML, and cleaned once more."""

from __future__ import annotations

from functools import lru_cache

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup

from app.scenario.lessons import UnknownLesson, lesson

TAGS = {"p", "em", "strong", "code", "ul", "ol", "li", "a", "h2", "h3", "pre", "blockquote"}


@lru_cache(maxsize=64)
def lesson_prose(slug: str) -> Markup:
    """The prose of a lesson, "" if there is no such lesson."""
    try:
        text = lesson(slug).prose
    except UnknownLesson:
        return Markup()
    html = MarkdownIt("commonmark", {"html": False}).render(text)
    return Markup(nh3.clean(html, tags=TAGS, attributes={"a": {"href"}}))  # noqa: S704 - cleaned just here
