"""The settings, from the environment: `GICLAB_` and the name in capitals."""

from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, TypeAlias

from platformdirs import user_data_path
from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app import limits

PREFIX = "GICLAB_"
Network: TypeAlias = IPv4Network | IPv6Network


class LogFormat(StrEnum):
    """How a line of the log is written."""

    CONSOLE = "console"
    JSON = "json"


class LogLevel(StrEnum):
    """What is logged: from this on."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def default_database_url() -> str:
    """A SQLite file in the user's data directory."""
    return f"sqlite:///{user_data_path('giclab', appauthor=False) / 'giclab.db'}"


def _networks(value: object) -> object:
    """Addresses and networks with commas between them."""
    if not isinstance(value, str):
        return value
    return tuple(ip_network(item.strip()) for item in value.split(",") if item.strip())


Networks: TypeAlias = Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_networks)]


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
    session_days: int = Field(
        default=0,
        ge=0,
        le=36_500,
        description="Days after which a session that nobody opened is deleted; 0 keeps all for good.",
    )
    live_qemu: bool = Field(
        default=False,
        description="Whether visitors may have a real QEMU, where one is installed, play beside our models.",
    )
    trusted_proxies: Networks = Field(
        default=(),
        description="Addresses or networks of the proxies in front, with commas: their `X-Forwarded-For`, "
        "`X-Forwarded-Proto` and `X-Request-ID` are believed, nobody else's.",
    )
    rate_factor: float = Field(
        default=1.0,
        ge=0,
        le=1000,
        description="Multiplies what one address may ask for (sessions, plays, links, tries of a key, event streams); "
        "`0`: no limit. Each process counts for itself.",
    )
    metrics_from: Networks = Field(
        default=(),
        description="Addresses or networks, with commas, that may read `/metrics`, without a proxy between; for others "
        "there is no such page.",
    )
    log_format: LogFormat = Field(
        default=LogFormat.CONSOLE, description="`console`, to be read by people, or `json`, one object a line."
    )
    log_level: LogLevel = Field(
        default=LogLevel.INFO,
        description="`info` has a line for each request; `warning` and `error` have what went wrong.",
    )
    log_addresses: bool = Field(default=False, description="Whether the log has the addresses of visitors.")


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
    return "nobody" if default == () else f"`{default}`"
