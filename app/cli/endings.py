"""How a command ends: its exit codes, and what is said where it cannot do what it was asked for."""

from __future__ import annotations

from typing import NoReturn

import typer

HOLDS, DIFFERS, UNREADABLE = 0, 1, 2


def fail(message: str) -> NoReturn:
    """Say what is wrong and end as unreadable."""
    typer.echo(f"giclab: {message}", err=True)
    raise typer.Exit(UNREADABLE)
