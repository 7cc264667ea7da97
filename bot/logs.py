"""Structured JSON logs with stack traces and without secrets (D7)."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

SECRET_KEY = re.compile(r"token|secret|authorization|password|cookie|response_url|signature", re.IGNORECASE)
SECRET_VALUE = re.compile(
    r"xox[abeprs]-[\w-]+|xapp-[\w-]+|(?<=Bearer )\S+|https://hooks\.slack\.com/\S+|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"
)
GONE = "[redacted]"


def redacted(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: secrets leave neither by their key nor inside a text (promise 8)."""
    for key, value in list(event.items()):
        event[key] = GONE if SECRET_KEY.search(key) else _clean(value)
    return event


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return SECRET_VALUE.sub(GONE, value)
    if isinstance(value, dict):
        return {k: GONE if SECRET_KEY.search(str(k)) else _clean(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(v) for v in value]
    return value


def configure(*, level: int = logging.INFO, stream: Any = None) -> None:
    """JSON lines on standard error, for our own events and for those of the libraries alike."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redacted,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("slack_bolt", "slack_sdk", "aiohttp.access", "aiosqlite", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
