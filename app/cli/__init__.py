"""The command line, `giclab`."""

from app.cli.commands import cli, main

__all__ = ["cli", "main"]
