"""Structured logs: one event per fact, stable names, fields not sentences, never a secret."""

import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

import structlog

_SENSITIVE_NAME = re.compile(
    r"key|secret|passw|token$|sig$|salt|authorization|credential|cookie", re.IGNORECASE
)
_HIDDEN = "***"
# Every shape is followed to the next blank or quote: hiding too much of a line is the safe side.
_SECRET_SHAPE = re.compile(
    r"sk-[\w-]{8,}"  # OpenAI, Anthropic
    r"|A[KS]IA[A-Z0-9]{12,}"  # AWS
    r"|eyJ[\w-]{10,}\.[\w-]+\.[\w-]+"  # JSON web token
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*"
    r"|://(?:[^\s/@:'\"]*:[^\s'\"]*|[^\s/@'\"]*)@"  # log-in in an address
    r"|(?i:\b(?:bearer|basic) +[\w.~+/=-]{8,})"
    r"|(?i:(?:[_-]key|apikey|password|secret|token|signature|credential|\bsig)=[\"']?[^\s&,'\"]+)"
    r"|(?i:(?:key|password|secret|token)[\"']: ?[\"'][^\"']+)"  # a mapping as text
    r"|(?i:\bx-[a-z-]*(?:key|token): ?\S+)"
)
_NOT_SENSITIVE = {"input_key", "idempotency_key", "content_key"}
_PLAIN = (int, float, type(None))


def configure(stream: TextIO | None = None) -> None:
    """JSON lines on standard error, or on another stream; call once per process."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            scrub,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.WriteLoggerFactory(file=stream or sys.stderr),
        cache_logger_on_first_use=True,
    )


def get(name: str) -> Any:
    """A logger that carries the step's name in every event.

    Modules ask for theirs when they are imported, which is before `configure`: it is put together
    at its first event.
    """
    return structlog.get_logger(step=name)


def scrub(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide values of sensitive names, and whatever has the shape of a key, a token or a login.

    Looks into mappings and lists; any other object is logged as its scrubbed text.
    """
    event.update(_scrubbed_fields(event))
    return event


def _scrubbed_fields(fields: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        str(name): _HIDDEN if is_sensitive(str(name)) else _scrubbed(value)
        for name, value in fields.items()
    }


def is_sensitive(name: str) -> bool:
    """Whether a field of that name holds a secret."""
    return name not in _NOT_SENSITIVE and bool(_SENSITIVE_NAME.search(name))


def _scrubbed(value: Any) -> Any:
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, Mapping):
        return _scrubbed_fields(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [_scrubbed(one) for one in value]
    return _SECRET_SHAPE.sub(_HIDDEN, value if isinstance(value, str) else str(value))
