"""Structured JSON logs with stack traces and without secrets (D7)."""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

import structlog

GONE: Final = "[redacted]"
SECRET_KEY: Final = re.compile(
    r"token|secret|authorization|password|passwd|cookie|credential|response_url|signature|api_?key|private_?key",
    re.IGNORECASE,
)
"""Keys whose values never leave."""
SECRETS: Final = (
    (re.compile(r"xox[a-z](?:\.xox[a-z])?-[\w-]+|xapp-[\w-]+"), GONE),
    (re.compile(r"gh[opsur]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}"), GONE),
    (re.compile(r"(?<![A-Za-z0-9])A[KS]IA[A-Z0-9]{16}(?![A-Za-z0-9])"), GONE),
    (re.compile(r"(?<![\w-])eyJ[\w-]+\.[\w-]+\.[\w-]*"), GONE),  # a JWT
    (re.compile(r"https://hooks\.slack(?:-gov)?\.com/[^\s\"'<>]+"), GONE),
    (re.compile(r"((?:bearer|basic)\s+)(?!\[)[^\s\"',]+", re.IGNORECASE), rf"\1{GONE}"),
    (re.compile(r"(://)[^/\s:@\"']*:[^/\s\"']+(?=@)"), rf"\1{GONE}"),
    (
        re.compile(
            r"([?&;](?:\w*token|\w*secret|password|ticket|signature|api_?key|code)=)[^&\s\"'#]+",
            re.IGNORECASE,
        ),
        rf"\1{GONE}",
    ),
    # What database drivers and pydantic add to their messages is what somebody sent.
    (re.compile(r"(\[parameters: )[^\n]*"), rf"\1{GONE}]"),
    (re.compile(r"(input_value=).{0,200}?(?=, input_type=)", re.DOTALL), rf"\1{GONE}"),
)
"""What a secret looks like inside a text, and what is put in its place."""
STATED: Final = re.compile(
    rf"((?:{SECRET_KEY.pattern})\w{{0,40}}[\"']?\s*[=:]\s*[\"']?)(?!\[)[^\s\"',;]+", re.IGNORECASE
)
"""What a text itself calls a secret: `password=…`, `"api_key": "…"`."""
_DEEPEST: Final = 8


def without_secrets(text: str) -> str:
    """`text` with everything that looks like a secret put out of it (promise 8)."""
    for pattern, instead in SECRETS:
        text = pattern.sub(instead, text)
    return text


def without_told_secrets(text: str) -> str:
    """The same for what others told us and people are going to read: also without whatever it calls a secret. Clean
    before cutting, for half a secret looks like none."""
    return STATED.sub(rf"\1{GONE}", without_secrets(text))


def redacted(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: secrets leave neither by their key nor inside a text (promise 8)."""
    for key, value in list(event.items()):
        if not key.startswith("_"):  # those are structlog's own and are not rendered
            event[key] = GONE if SECRET_KEY.search(key) else _clean(value)
    return event


def _clean(value: Any, depth: int = 0) -> Any:
    """JSON values without secrets; what is no JSON value is shown as Python would, and cleaned like any text."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return without_secrets(value)
    if depth < _DEEPEST and isinstance(value, Mapping):
        return {
            without_secrets(str(k)): GONE if SECRET_KEY.search(str(k)) else _clean(v, depth + 1)
            for k, v in value.items()
        }
    if depth < _DEEPEST and isinstance(value, list | tuple | set | frozenset):
        return [_clean(v, depth + 1) for v in value]
    return "…" if depth >= _DEEPEST else without_secrets(repr(value))


class WithoutWhatWasSent(logging.Filter):
    """aiohttp puts the bytes of a malformed request, headers and all, into its error; a log needs only its name."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and type(error).__module__ == "aiohttp.http_exceptions":
            record.msg, record.args = "malformed request: %s", (type(error).__name__,)
            record.exc_info = record.exc_text = None
            record.levelno, record.levelname = logging.INFO, "INFO"
        return True


def configure(*, level: int = logging.INFO, stream: Any = None) -> None:
    """JSON lines on standard error, for our own events and for those of the libraries alike."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
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
    handler.addFilter(WithoutWhatWasSent())
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
