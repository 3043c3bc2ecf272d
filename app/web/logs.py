"""The log: one line each for a request and for what went wrong, for people or as JSON, with the request's id.

What is private stays out: no address of a visitor unless a setting asks for it, no key, no query, and of a path only
its pattern, as a session's address is what lets people read it.
"""

import logging
from typing import Any

import structlog
from structlog.types import Processor

from app.settings import LogFormat, Settings

STAMPED: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def formatter(form: str) -> logging.Formatter:
    """A formatter for the standard library's handlers; `form` is a LogFormat."""
    shown: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if form == LogFormat.JSON:
        # Frames without their locals: those may hold what somebody typed, or a key.
        shown.append(
            structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))
        )
        shown.append(structlog.processors.JSONRenderer())
    else:
        shown.append(structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback))
    return structlog.stdlib.ProcessorFormatter(processors=shown, foreign_pre_chain=list(STAMPED))


def configuration(settings: Settings) -> dict[str, Any]:
    """For `logging.config.dictConfig`, which uvicorn calls in each of its processes."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"chosen": {"()": "app.web.logs.formatter", "form": settings.log_format.value}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "chosen", "stream": "ext://sys.stderr"}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {"app": {"level": settings.log_level.value.upper()}},
    }
