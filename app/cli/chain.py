"""What `giclab why` tells: the conditions on an interrupt's way, link by link."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from app.gic.why import Chain


def print_chain(chain: Chain, when: str) -> None:
    """Every link with its mark; below the first broken one, what would mend it."""
    typer.echo(f"INTID {chain.intid} {when}")
    width = max(len(link.name) for link in chain.links)
    for link in chain.links:
        typer.echo(f"  {'ok' if link.holds else 'NO'}  {link.name:<{width}}  {link.says}")
        if link is chain.broken:
            source = f"  [{link.cite}]" if link.cite else ""
            typer.echo(f"      {'':<{width}}  {link.mend}{source}")
    where = "" if chain.cpu is None else f" to CPU {chain.cpu}"
    typer.echo(
        f"INTID {chain.intid} is signalled{where}" if chain.signalled else f"INTID {chain.intid} is not signalled"
    )
