"""Logs: one line an event, as JSON for machines or as text for a terminal, with the request id where there is one.

Every process calls `configure` once. Code writes `structlog.get_logger(__name__).info("event", key=value)`: no personal
data, no tokens, no query strings.
"""

import logging
import sys
from typing import Any

import structlog

from lex.core.settings import Settings

#: Libraries whose information is our debugging.
_TALKATIVE = ("httpx", "httpcore", "procrastinate", "uvicorn", "asyncio", "psycopg")


def configure(settings: Settings) -> None:
    """Send structlog and the standard library's logging to stderr in one form."""
    is_json = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    _send_everything_through(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(is_json)],
        )
    )
    level = settings.log_level.upper()
    logging.getLogger().setLevel(level)
    quiet = logging.getLogger(None).level if level == "DEBUG" else logging.WARNING
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(quiet)


def _renderers(is_json: bool) -> list[Any]:
    if is_json:
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]


def _send_everything_through(formatter: logging.Formatter) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    root = logging.getLogger()
    for earlier in [known for known in root.handlers if getattr(known, "is_lex", False)]:
        root.removeHandler(earlier)
    handler.is_lex = True  # type: ignore[attr-defined]
    root.addHandler(handler)
