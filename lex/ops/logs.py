"""Logs: one line an event, as JSON for machines or as text for a terminal, with the request id where there is one.

Every process calls `configure` once. Code writes `structlog.get_logger(__name__).info("event", key=value)`: no personal
data, no tokens, no query strings.
"""

import json
import logging
import re
import sys
from functools import lru_cache
from typing import Any

import structlog

from lex.core import clock
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
        ),
        is_json=is_json,
    )
    level = settings.log_level.upper()
    logging.getLogger().setLevel(level)
    quiet = logging.getLogger(None).level if level == "DEBUG" else logging.WARNING
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(quiet)


class Access:
    """The access log. A line for machines is written as it stands, which costs a fraction of the way through structlog;
    that way is taken where a terminal, or anybody besides us, is listening.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._log = structlog.get_logger(name)
        self._standard = logging.getLogger(name)

    def write(
        self, level: int, request_id: str, *, method: str, route: str, status: int, seconds: float, actor: str
    ) -> None:
        """One answered request, whose id is also bound to the context."""
        if not self._standard.isEnabledFor(level):
            return
        ms = round(seconds * 1000, 1)
        handlers: list[Any] = logging.getLogger().handlers
        if len(handlers) == 1 and getattr(handlers[0], "is_lex_json", False):
            head, middle, tail = _frame(self._name, level, method, route, status, actor)
            now = clock.real_now().isoformat()[:-6]
            handlers[0].stream.write(f'{head}{ms}{middle}{request_id}{tail}{now}Z"}}\n')
        else:
            self._log.log(level, "request", method=method, route=route, status=status, ms=ms, actor=actor)


@lru_cache(maxsize=1024)
def _frame(name: str, level: int, method: str, route: str, status: int, actor: str) -> tuple[str, str, str]:
    """The line of a request, in the form of the JSON renderer, without its time, its id and the instant."""
    line = {"method": method, "route": route, "status": status, "ms": 0, "actor": actor, "event": "request"}
    line |= {"request_id": "", "level": logging.getLevelName(level).lower(), "logger": name, "timestamp": ""}
    head, middle, tail = re.split(r'(?<="ms": )0|(?<="request_id": ")', json.dumps(line, ensure_ascii=False)[:-2])
    return head, middle, tail


def _renderers(is_json: bool) -> list[Any]:
    if is_json:
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    plain = structlog.dev.plain_traceback  # others print the values of variables: requests, with keys and names
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]


def _send_everything_through(formatter: logging.Formatter, *, is_json: bool) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    root = logging.getLogger()
    for earlier in [known for known in root.handlers if getattr(known, "is_lex", False)]:
        root.removeHandler(earlier)
    handler.is_lex, handler.is_lex_json = True, is_json  # type: ignore[attr-defined]
    root.addHandler(handler)
