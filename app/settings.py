"""The settings, from the environment: `GICLAB_` and the name in capitals."""

from functools import lru_cache
from pathlib import Path

from platformdirs import user_data_path
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from app import limits

PREFIX = "GICLAB_"


def default_database_url() -> str:
    """A SQLite file in the user's data directory."""
    return f"sqlite:///{user_data_path('giclab', appauthor=False) / 'giclab.db'}"


class Settings(BaseSettings):
    """All of them; the descriptions are the reference table in the README."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    database_url: str = Field(
        default_factory=default_database_url,
        description="Where sessions are kept: `sqlite:////path/to/file.db` or `postgresql://user@host/name`.",
    )
    live_sessions: int = Field(
        default=limits.LIVE_SESSIONS,
        ge=1,
        le=100_000,
        description="Played sessions kept in memory while nobody uses them, about 1 MiB each.",
    )
    live_qemu: bool = Field(
        default=False,
        description="Whether visitors may have a real QEMU, where one is installed, play beside our models.",
    )


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read once. Raises pydantic's ValidationError, which names the wrong one."""
    return Settings()


def settings_table() -> str:
    """The reference as a Markdown table."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    rows += [
        f"| `{PREFIX}{name.upper()}` | {_shown_default(name, field.default)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(rows) + "\n"


def _shown_default(name: str, default: object) -> str:
    if name == "database_url":  # differs from user to user
        return f"SQLite file `giclab.db` in the user's data directory (Linux: `{Path('~/.local/share/giclab')}`)"
    return f"`{default}`"
