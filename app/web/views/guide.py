"""The guide: the chapters of `docs/` as pages, and reference tables made from what the code itself goes by."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import PurePosixPath
from typing import Any

from markdown_it.token import Token
from markupsafe import Markup, escape

from app import __version__, limits
from app.gic.commands import COMMANDS
from app.review.rules import RULES
from app.scenario import links, parse
from app.scenario.record import record
from app.settings import settings_table
from app.web.assets import PACKAGE, folder
from app.web.problems import KINDS
from app.web.views.prose import reader

PLACE = "/guide"
ANCHOR = re.compile(r"[^a-z0-9]+")
# The order of reading. What each is about stands in its first paragraph.
CHAPTERS = (
    "first-ten-minutes",
    "teaching",
    "lessons",
    "debugging",
    "formats",
    "registers",
    "embedding",
    "assistants",
    "server",
    "threat-model",
    "extending",
)


def _block(_renderer: object, tokens: Sequence[Token], at: int, _options: object, _environment: object) -> str:
    """A block of code, which scrolls by keyboard too; a scenario with the way to play it."""
    token = tokens[at]
    code = f'<pre tabindex="0"><code>{escape(token.content)}</code></pre>'
    if token.info != "gic":
        return code
    scenario = parse(token.content)
    link = links.pack(scenario, record=record(scenario, __version__))
    return f'{code}<p class="try"><a href="/x/{link}">Open it in the explorer</a></p>'


_READER = reader()
_READER.add_render_rule("fence", _block)
_READER.add_render_rule("code_block", _block)


class UnknownChapter(LookupError):
    """There is no such chapter; the argument is the name asked for."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """`about` is its first paragraph, `heads` are (anchor, words) of its sections."""

    name: str
    title: str
    about: Markup
    html: Markup
    heads: tuple[tuple[str, str], ...]

    @property
    def href(self) -> str:
        return f"{PLACE}/{self.name}"


@cache
def chapters() -> tuple[Chapter, ...]:
    """All chapters in the order of reading, the reference tables last."""
    written = tuple(_chapter(name, (folder("docs") / f"{name}.md").read_text("utf-8")) for name in CHAPTERS)
    language = (PACKAGE / "scenario" / "LANGUAGE.md").read_text("utf-8")
    return (*written, _chapter("language", language), _chapter("reference", _reference()))


def chapter(name: str) -> Chapter:
    """A chapter by its name. UnknownChapter if there is none."""
    for each in chapters():
        if each.name == name:
            return each
    raise UnknownChapter(name)


def _chapter(name: str, text: str) -> Chapter:
    tokens = _READER.parse(text)
    heads: list[tuple[str, str]] = []
    title, about = "", Markup()
    for at, token in enumerate(tokens):
        if token.type == "heading_open":
            words = _plain(tokens[at + 1].content)
            if token.tag == "h1":
                title = words
            else:
                anchor = ANCHOR.sub("-", words.lower()).strip("-")
                token.attrSet("id", anchor)
                if token.tag == "h2":
                    heads.append((anchor, words))
        for child in token.children or ():
            if child.type == "link_open":
                child.attrSet("href", _led(str(child.attrGet("href"))))
        if token.type == "inline" and tokens[at - 1].type == "paragraph_open" and not about:
            about = _html([token])
    return Chapter(name, title, about, _html(tokens), tuple(heads))


def _html(tokens: list[Token]) -> Markup:
    # Our own files, read without HTML: nothing in them comes from visitors.
    return Markup(_READER.renderer.render(tokens, _READER.options, {}))  # noqa: S704


def _led(href: str) -> str:
    """Where a link of a Markdown file leads on the site: other chapters are files there, pages here."""
    path, _, anchor = href.partition("#")
    if "://" in path or not path.endswith(".md"):
        return href
    return f"{PLACE}/{PurePosixPath(path).stem.lower()}" + (f"#{anchor}" if anchor else "")


def _plain(content: str) -> str:
    """Markdown's inline text without its marks."""
    return re.sub(r"\[([^\]]*)\]\([^)]*\)|[`*]", lambda found: found[1] or "", content).replace("\n", " ")


# -- the reference


def _reference() -> str:
    """All tables, as Markdown."""
    parts = ["# Reference", "", "Made from the tables that the code itself goes by, when this page is asked for.", ""]
    for title, table in TABLES.items():
        parts += [f"## {title}", "", table(), ""]
    return "\n".join(parts)


def _commands() -> str:
    rows = ["| command | opcode | does | operands | since |", "|---|---|---|---|---|"]
    for spec in COMMANDS.values():
        operands = ", ".join(f"`{one.name}` {one.field_name} DW{one.word}[{one.place_text}]" for one in spec.operands)
        rows.append(f"| `{spec.name}` | `{spec.opcode:#04x}` | {spec.meaning} | {operands} | GICv{spec.version} |")
    return "\n".join(rows)


def _limits() -> str:
    rows = ["| limit | value | why |", "|---|---|---|"]
    rows += [f"| `{name}` | {_amount(value)} | {_cell(why)} |" for name, value, why in limit_rows()]
    return "\n".join(rows)


def _review_rules() -> str:
    rows = ["| rule | finds | why it matters | what is right | source |", "|---|---|---|---|---|"]
    rows += [
        f"| `{rule.slug}` | {_cell(rule.name)} | {_cell(rule.why)} | {_cell(rule.mend)} | {_cell(rule.cite)} |"
        for rule in RULES.values()
    ]
    return "\n".join(rows)


def _problems() -> str:
    rows = ["| type | meaning |", "|---|---|"]
    rows += [f"| `{kind}` | {_cell(meaning)} |" for kind, meaning in KINDS.items()]
    return "\n".join(rows)


@lru_cache(maxsize=1)
def limit_rows() -> tuple[tuple[str, Any, str], ...]:
    """(name, value, the sum that justifies it) of each limit, read from `app.limits` and the words below each line."""
    return tuple(_limit_rows())


def _limit_rows() -> Iterator[tuple[str, Any, str]]:
    body = ast.parse(inspect.getsource(limits)).body
    for line, below in zip(body, [*body[1:], None], strict=True):
        if not isinstance(line, ast.AnnAssign) or not isinstance(line.target, ast.Name):
            continue
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            yield line.target.id, getattr(limits, line.target.id), str(below.value.value)


def _amount(value: object) -> str:
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


TABLES: dict[str, Callable[[], str]] = {
    "ITS commands": _commands,
    "Review rules": _review_rules,
    "Settings": settings_table,
    "Limits": _limits,
    "Problem types": _problems,
}
