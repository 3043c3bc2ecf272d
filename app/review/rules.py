"""All rules, by slug, and their example scenarios."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from app.review import answers, commands, registers, tables
from app.review.finding import Rule

EXAMPLES = Path(__file__).resolve().parent / "examples"
RULES: Mapping[str, Rule] = MappingProxyType(
    {rule.slug: rule for rule in (*registers.RULES, *tables.RULES, *commands.RULES, *answers.RULES)}
)
MARK = "the finding"
"""The comment of the line of an example that is found; without that line nothing is."""


def example(slug: str) -> str:
    """A scenario whose one finding is this rule's."""
    return (EXAMPLES / f"{slug}.gic").read_text("utf-8")
